package proof

import (
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
)

// Sealing returns the opening that seals the text of a deed in the ledger's entry.
func Sealing(k actions.DeedKind, text string, salt canonical.Bytes) ledger.Opening {
	return ledger.Opening{Name: k.SealedBy(), Salt: salt, Value: canonical.MustMarshal(text)}
}

// NewDeed returns a deed with its statement in the formats of a desk, to be signed at an
// instant. by names the signer, the key, the name of the ledger (State.LogName) and, under a
// session, the session. Only the statement of a withdrawal is valid for longer than a few
// minutes: until the request expires, which by says. random has 96 bytes: the deed's
// nonce, the statement's and the salt of the text.
func NewDeed(formats int64, d actions.Deed, text string, by actions.Statement, at time.Time, random []byte) (actions.SaltedDeed, error) {
	out := actions.SaltedDeed{Deed: d, Salt: random[64:96]}
	commitment, err := Sealing(d.What, text, out.Salt).Commitment()
	if err != nil {
		return out, err
	}
	out.Deed.V, out.Deed.Nonce, out.Deed.Text = actions.DeedVersion, random[:32], commitment
	if by.Expires.IsZero() {
		by.Expires = canonical.At(at.Add(DocumentLife))
	}
	st := actions.Statement{V: actions.StatementVersion(formats), Log: by.Log, Verdict: d.What.Verdict(), Signer: by.Signer, Key: by.Key,
		Executor: DeskExecutor, Nonce: random[32:64], NotBefore: canonical.At(at), Expires: by.Expires}
	if st.V == actions.StatementV1 {
		st.Action = out.Deed.Digest()
	} else {
		st.Document, st.Session = out.Deed.Digest(), by.Session
		if st.Log, st.Founding, err = actions.SplitLog(by.Log); err != nil {
			return out, err
		}
	}
	out.Signed.Statement = st
	return out, nil
}

// DocumentLife is the longest time for which the statement of a deed or a decision is
// valid: it is handed in at once.
const DocumentLife = 15 * time.Minute

// MayDo checks the signed statement of a deed at the instant at which the deed is done:
// that it is about this deed and this ledger, and is signed with a live key of an engaged
// worker, or under a session of theirs, which comes with it. The caller checks what the deed
// itself says.
func (s *State) MayDo(d actions.SignedDeed, at time.Time) error {
	st := d.Signed.Statement
	bad := func(what string) error {
		return refuse("bad-deed", "What %s signed does not fit the deed: %s.", st.Signer, what)
	}
	switch {
	case d.Deed.V != actions.DeedVersion:
		return bad("its version is unknown")
	case !d.Deed.What.Known():
		return bad("its kind is unknown")
	case d.Deed.What == actions.DeedWithdraw && s.Formats < 2:
		return bad("withdrawals are deeds from version 2 on")
	case len(d.Deed.Nonce) != 32:
		return bad("a nonce is not 32 bytes")
	}
	var sessions []actions.SignedSession
	if d.Session != nil {
		sessions = []actions.SignedSession{*d.Session}
	}
	if err := namesSessions(sessions, st); err != nil {
		return err
	}
	u := use{what: string(d.Deed.What), allowed: d.Deed.What.Session(), entered: at}
	return s.document(d.Signed, d.Deed.Digest(), d.Deed.What.Verdict(), sessions, u, at, bad)
}

// document checks a statement about a document of its signer at an instant: of this desk,
// in its time, by a live key of an engaged worker or under a session. u.entered is the time
// at which the ledger got it. bad makes the refusal of a statement that does not fit.
func (s *State) document(signed actions.Signed, of canonical.Digest, v actions.Verdict, sessions []actions.SignedSession, u use, at time.Time, bad func(string) error) error {
	st := signed.Statement
	switch {
	case st.V != actions.StatementVersion(s.Formats):
		return bad("its version is not " + actions.StatementVersion(s.Formats))
	case !s.Ours(st):
		return bad("it is for another ledger")
	case st.Verdict != v || st.Request != "" || st.Executor != DeskExecutor:
		return bad("it is no statement about such a document")
	case st.Names() != of, st.V != actions.StatementV1 && !st.Action.IsZero(), !st.Batch.IsZero(), !st.Decision.IsZero(), st.Alarm, !st.Policy.IsZero():
		return bad("it is about something else")
	case len(st.Nonce) != 32:
		return bad("a nonce is not 32 bytes")
	case !st.Expires.After(st.NotBefore.Time):
		return bad("it ends before it begins")
	case v != actions.VerdictWithdraw && st.Expires.Sub(st.NotBefore.Time) > DocumentLife:
		return bad("it would be good for longer than " + DocumentLife.String())
	case u.entered.Before(st.NotBefore.Add(-time.Minute)): // the signer's clock, which may be as far off (law 5)
		return bad("it is not valid before " + st.NotBefore.String())
	}
	return s.bySigner(signed, sessions, u, u.entered, at)
}
