package proof

import (
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
)

// Sealing returns the opening that seals the text of a deed in the ledger's entry.
func Sealing(k actions.DeedKind, text string, salt canonical.Bytes) ledger.Opening {
	return ledger.Opening{Name: k.SealedBy(), Salt: salt, Value: canonical.MustMarshal(text)}
}

// NewDeed returns a deed with its statement, to be signed at an instant. random
// has 96 bytes: the deed's nonce, the statement's and the salt of the text.
func NewDeed(log string, d actions.Deed, text string, by actions.Statement, at time.Time, random []byte) (actions.SaltedDeed, error) {
	out := actions.SaltedDeed{Deed: d, Salt: random[64:96]}
	commitment, err := Sealing(d.What, text, out.Salt).Commitment()
	if err != nil {
		return out, err
	}
	out.Deed.V, out.Deed.Nonce, out.Deed.Text = actions.DeedVersion, random[:32], commitment
	out.Signed.Statement = actions.Statement{V: actions.StatementVersion, Log: log, Action: out.Deed.Digest(), Verdict: actions.VerdictAct, Signer: by.Signer, Key: by.Key,
		Executor: DeskExecutor, Nonce: random[32:64], NotBefore: canonical.At(at), Expires: canonical.At(at.Add(deedLife))}
	return out, nil
}

// deedLife is the longest time for which the statement of a deed is valid.
const deedLife = 15 * time.Minute

// MayDo checks the signed statement of a deed at the instant at which the deed is done:
// that it is about this deed and this ledger, and is signed with a live key of an engaged
// worker. The caller checks what the deed itself says.
func (s *State) MayDo(d actions.SignedDeed, at time.Time) error {
	st := d.Signed.Statement
	bad := func(what string) error {
		return refuse("bad-deed", "What %s signed does not fit the deed: %s.", st.Signer, what)
	}
	switch {
	case d.Deed.V != actions.DeedVersion || st.V != actions.StatementVersion:
		return bad("its version is unknown")
	case st.Log != s.LogName():
		return bad("it is for another ledger")
	case st.Verdict != actions.VerdictAct || st.Request != "" || st.Executor != DeskExecutor:
		return bad("it is no deed's statement")
	case st.Action != d.Deed.Digest():
		return bad("it is about another deed")
	case len(st.Nonce) != 32 || len(d.Deed.Nonce) != 32:
		return bad("a nonce is not 32 bytes")
	case st.Expires.Sub(st.NotBefore.Time) > deedLife:
		return bad("it would be good for longer than " + deedLife.String())
	case at.Before(st.NotBefore.Add(-time.Minute)): // the signer's clock, which may be as far off (law 5)
		return bad("it is not valid before " + st.NotBefore.String())
	case !at.Before(st.Expires.Time):
		return fault.New(fault.Expired, "expired", "The deed expired at %s; sign it again.", st.Expires)
	}
	key, ok := s.People.Key(st.Key)
	if !ok || key.Worker != st.Signer || !key.Live(at) {
		return refuse("unknown-key", "The key %s is not enrolled for %s at this desk, or revoked.", st.Key, st.Signer)
	}
	if standing := s.People.Standing(st.Signer, at); !standing.Engaged {
		return refuse("engagement-ended", "%s may not act: %s.", st.Signer, standing.Why)
	}
	return VerifySignature(key.PublicKey, st.Challenge(), d.Signed.Signature, s.Sites())
}
