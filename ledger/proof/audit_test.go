package proof_test

import (
	"bytes"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

// audited demands that an audit of a world's ledger names entries for these reasons alone.
func audited(t *testing.T, w *prooftest.World, want ...string) {
	t.Helper()
	key, err := ledger.ParseVerifierKey(w.State().LogKey)
	must(t, err)
	_, _, out, err := proof.Audit(proof.Trust{Root: w.Root}, key, w.Served(), func(from int64) (all []proof.ServedBody, err error) {
		for _, e := range w.Entries() {
			if e.Index >= from {
				all = append(all, proof.ServedBody{Index: e.Index, Body: canonical.Raw(e.BodyBytes), Salt: e.Salt})
			}
		}
		return all, nil
	}, nil)
	must(t, err)
	for i, u := range out.Unsigned {
		if i >= len(want) || u.Type != want[i] {
			t.Errorf("the audit names %+v, want %v", u, want)
		}
	}
	if len(out.Unsigned) < len(want) {
		t.Errorf("the audit names %d entries, want %v", len(out.Unsigned), want)
	}
}

// deskEntry enters data of the class desk unchecked.
func deskEntry(w *prooftest.World, kind string, data any, sealed ...ledger.Opening) {
	w.Append(ledger.Draft{Class: ledger.Desk, Kind: kind, Data: data, Sealed: sealed, Expect: ledger.AnyNumber})
}

// signedDeed is a deed of somebody about the incident inc_1, signed now, under a session if
// there is one. The result enters it.
func signedDeed(t *testing.T, w *prooftest.World, by workforce.WorkerID, s *prooftest.Session, what actions.DeedKind) (actions.SignedDeed, func()) {
	t.Helper()
	st := actions.Statement{Log: w.State().LogName(), Signer: by, Key: w.PublicKey(by).ID()}
	if s != nil {
		st.Session = s.Session.Digest()
	}
	d := actions.Deed{What: what, Of: "inc_1"}
	if what == actions.DeedAssignTask {
		d.To = "bob"
	}
	if !what.Known() {
		d.What = actions.DeedAssignTask // for the seal of its text
	}
	deed, err := proof.NewDeed(2, d, "words", st, w.Now(), make([]byte, 96))
	must(t, err)
	deed.Deed.What = what
	deed.Signed.Statement.Document = deed.Deed.Digest()
	deed.Signed.Signature = w.Signed(by, deed.Signed.Statement).Signature
	if s != nil {
		deed.Signed.Signature, deed.Session = s.Sign(deed.Signed.Statement.Challenge()), &s.SignedSession
	}
	return deed.SignedDeed(), func() {
		sealed := proof.Sealing(what, "words", deed.Salt)
		switch what {
		case actions.DeedFindings:
			deskEntry(w, entry.KindIncidentFindings, entry.IncidentFindings{Incident: "inc_1", Worker: by, Deed: deed.SignedDeed()}, sealed)
		default:
			deskEntry(w, entry.KindIncidentTask, entry.IncidentTask{Incident: "inc_1", Owner: "bob", Worker: by, Deed: deed.SignedDeed()}, sealed)
		}
	}
}

// TestAuditOfSessions: a desk that lies, and has the key of a session, enters what that
// session may not sign, or not any more. The audit names it, and passes what was signed and
// entered in time.
func TestAuditOfSessions(t *testing.T) {
	task := func(w *prooftest.World, s *prooftest.Session) func() {
		_, enter := signedDeed(t, w, "ann", s, actions.DeedAssignTask)
		return enter
	}
	for _, c := range []struct {
		name string
		want string
		do   func(w *prooftest.World, s *prooftest.Session)
	}{
		{"signed and entered in time", "", func(w *prooftest.World, s *prooftest.Session) {
			enter := task(w, s)
			w.Advance(14 * time.Minute)
			enter()
		}},
		{"entered a moment after the end of the session", "", func(w *prooftest.World, s *prooftest.Session) {
			w.Advance(s.Session.Expires.Sub(w.Now()) - time.Second)
			enter := task(w, s)
			w.Advance(2 * time.Second)
			enter()
		}},
		{"entered over a minute after the end of the session", "outside-session", func(w *prooftest.World, s *prooftest.Session) {
			w.Advance(s.Session.Expires.Sub(w.Now()) - time.Second)
			enter := task(w, s)
			w.Advance(62 * time.Second)
			enter()
		}},
		{"findings", "own-key-needed", func(w *prooftest.World, s *prooftest.Session) {
			_, enter := signedDeed(t, w, "ann", s, actions.DeedFindings)
			enter()
		}},
		{"signed and entered a week after the session", "outside-session", func(w *prooftest.World, s *prooftest.Session) {
			w.Advance(7 * 24 * time.Hour)
			task(w, s)()
		}},
		{"signed and entered before the session began", "outside-session", func(w *prooftest.World, s *prooftest.Session) {
			task(w, w.StartSession("ann", actions.SessionEd25519, func(c *actions.Session) { c.NotBefore = canonical.At(w.Now().Add(50 * time.Second)) }))()
		}},
		{"after the end of the engagement", "engagement-ended", func(w *prooftest.World, s *prooftest.Session) {
			w.End("ann")
			w.Advance(time.Hour)
			task(w, s)()
		}},
		{"a moment after the end of the engagement", "engagement-ended", func(w *prooftest.World, s *prooftest.Session) {
			enter := task(w, s)
			w.End("ann")
			w.Advance(time.Second)
			enter()
		}},
		{"after the session was made void", "session-void", func(w *prooftest.World, s *prooftest.Session) {
			enter := task(w, s)
			w.Void("ann", actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(w.Now())})
			enter()
		}},
		{"one deed twice", "entered-twice", func(w *prooftest.World, s *prooftest.Session) {
			enter := task(w, s)
			enter()
			enter()
		}},
		{"an expired statement", "expired", func(w *prooftest.World, s *prooftest.Session) {
			enter := task(w, s)
			w.Advance(17 * time.Minute)
			enter()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := prooftest.Staffed(t)
			s := w.StartSession("ann", actions.SessionEd25519)
			w.Advance(time.Minute)
			c.do(w, s)
			if c.want == "" {
				audited(t, w)
			} else {
				audited(t, w, c.want)
			}
		})
	}
}

// TestAuditOfRequests: the same for requests, with their decisions, and for what others say
// of them.
func TestAuditOfRequests(t *testing.T) {
	takedown := func(w *prooftest.World, tier actions.Tier) *prooftest.Request {
		return w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/9"), tier)
	}
	under := func(w *prooftest.World, r *prooftest.Request) *prooftest.Request {
		return w.Under(w.StartSession("ann", actions.SessionEd25519), r)
	}
	for _, c := range []struct {
		name string
		want string
		do   func(w *prooftest.World)
	}{
		{"with the own key", "", func(w *prooftest.World) { w.Enters(w.Countersign(takedown(w, actions.Critical), "lee")) }},
		{"under a session", "", func(w *prooftest.World) { w.Enters(under(w, takedown(w, actions.Standard))) }},
		{"an emergency act under a session", "own-key-needed", func(w *prooftest.World) {
			w.Enters(under(w, w.Request("ann", actions.AccountContain, prooftest.Account("acct/9"), actions.Standard)))
		}},
		{"a critical subject under a session", "own-key-needed", func(w *prooftest.World) { w.Enters(under(w, takedown(w, actions.Critical))) }},
		{"entered after the session", "outside-session", func(w *prooftest.World) {
			r := under(w, takedown(w, actions.Standard))
			w.Advance(11 * time.Hour)
			w.Enters(r)
		}},
		{"expired", "expired", func(w *prooftest.World) {
			r := takedown(w, actions.Standard)
			w.Advance(25 * time.Hour)
			w.Enters(r)
		}},
		{"before it is valid", "bad-statement", func(w *prooftest.World) {
			r := takedown(w, actions.Standard)
			r.Signed = w.Statement(r, "ann", actions.VerdictRequest, func(st *actions.Statement) { st.NotBefore = canonical.At(w.Now().Add(2 * time.Minute)) })
			w.Enters(r)
		}},
		{"after the end of the engagement", "engagement-ended", func(w *prooftest.World) {
			r := takedown(w, actions.Standard)
			w.End("ann")
			w.Enters(r)
		}},
		{"twice", "entered-twice", func(w *prooftest.World) {
			r := takedown(w, actions.Standard)
			w.Enters(r)
			r.Signed = w.Statement(r, "ann", actions.VerdictRequest)
			w.Enters(r)
		}},
		{"a countersignature by who has left", "engagement-ended", func(w *prooftest.World) {
			r := w.Countersign(w.Enters(takedown(w, actions.Critical)), "lee")
			w.End("lee")
			w.Enters(r)
		}},
		{"a countersignature twice", "entered-twice", func(w *prooftest.World) {
			r := w.Enters(w.Countersign(takedown(w, actions.Critical), "lee"))
			deskEntry(w, entry.KindCountersign, entry.Verdict{Request: r.ID, Signed: r.Countersignatures[0]})
		}},
		// Lee's key is stolen and revoked. The entry stands behind the revocation and is dated before it.
		{"a countersignature dated back", "revoked-key", func(w *prooftest.World) {
			begun, r := w.Now(), w.Enters(takedown(w, actions.Critical))
			w.Advance(time.Hour)
			w.Revoke("lee")
			w.Advance(time.Hour)
			w.Rewind(begun.Add(time.Minute))
			w.Enters(w.Countersign(r, "lee"))
		}},
		{"a session dated back", "revoked-key", func(w *prooftest.World) {
			begun, s := w.Now(), w.StartSession("ann", actions.SessionEd25519)
			w.Advance(time.Hour)
			w.Revoke("ann")
			w.Rewind(begun.Add(time.Minute))
			deskEntry(w, entry.KindSession, s.SignedSession)
		}},
		{"the decision of somebody else", "bad-entry", func(w *prooftest.World) {
			r := takedown(w, actions.Standard)
			r.Decision.Signed = actions.Signed{Statement: w.Document("lee", r.Decision.Decision.Digest(), actions.VerdictDecide), Signature: actions.Signature{Signature: make([]byte, 64)}}
			w.Enters(r)
		}},
		{"a decision that nobody signed", "bad-signature", func(w *prooftest.World) {
			r := takedown(w, actions.Standard)
			r.Decision.Signed.Signature = actions.Signature{Signature: make([]byte, 64)}
			w.Enters(r)
		}},
		{"a decision that the request does not name", "bad-entry", func(w *prooftest.World) {
			r := takedown(w, actions.Standard)
			r.Signed = w.Statement(r, "ann", actions.VerdictRequest, func(st *actions.Statement) { st.Decision = canonical.Digest{} })
			w.Enters(r)
		}},
		{"with a session that is not named", "surplus-session", func(w *prooftest.World) {
			w.Enters(takedown(w, actions.Standard).With(w.StartSession("lee", actions.SessionEd25519)))
		}},
		{"a decline with an alarm", "", func(w *prooftest.World) {
			r := w.Enters(takedown(w, actions.Protected))
			deskEntry(w, entry.KindDecline, entry.Verdict{Request: r.ID, Signed: w.Statement(r, "lee", actions.VerdictDecline, func(st *actions.Statement) { st.Alarm = true }), Alarm: true})
		}},
		{"a decline with an alarm that was not signed", "bad-entry", func(w *prooftest.World) {
			r := w.Enters(takedown(w, actions.Protected))
			deskEntry(w, entry.KindDecline, entry.Verdict{Request: r.ID, Signed: w.Statement(r, "lee", actions.VerdictDecline), Alarm: true})
		}},
		{"a decline without the alarm that was signed", "bad-entry", func(w *prooftest.World) {
			r := w.Enters(takedown(w, actions.Protected))
			deskEntry(w, entry.KindDecline, entry.Verdict{Request: r.ID, Signed: w.Statement(r, "lee", actions.VerdictDecline, func(st *actions.Statement) { st.Alarm = true })})
		}},
		{"a countersignature with an alarm", "bad-entry", func(w *prooftest.World) {
			r := w.Enters(takedown(w, actions.Protected))
			deskEntry(w, entry.KindCountersign, entry.Verdict{Request: r.ID, Signed: w.Statement(r, "lee", actions.VerdictCountersign, func(st *actions.Statement) { st.Alarm = true }), Alarm: true})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := prooftest.Staffed(t)
			c.do(w)
			if c.want == "" {
				audited(t, w)
			} else {
				audited(t, w, c.want)
			}
		})
	}
}

// TestAuditOfAnotherAction: lee countersigned another action than the one that ann asked for
// under the request, and the desk enters a warrant that names lee. The audit names both entries.
func TestAuditOfAnotherAction(t *testing.T) {
	for _, v := range []actions.Verdict{actions.VerdictCountersign, actions.VerdictDecline} {
		w := prooftest.Staffed(t)
		r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/1"), actions.Protected)
		other := *r
		other.Action.Reason = "Something else that lee was shown."
		signed := w.Statement(&other, "lee", v)
		w.Enters(r)
		if v == actions.VerdictDecline {
			deskEntry(w, entry.KindDecline, entry.Verdict{Request: r.ID, Signed: signed, Status: actions.StatusDeclined})
			audited(t, w, "bad-statement")
			continue
		}
		r.Countersignatures = []actions.Signed{signed}
		w.Enters(r)
		w.Forge(r)
		audited(t, w, "bad-statement", "unsigned")
	}
}

// TestAuditOfAnotherKind: the entry of a warrant names ann as the requester of another act than
// that of the entry of her request. The audit names it.
func TestAuditOfAnotherKind(t *testing.T) {
	for _, c := range []struct {
		name     string
		lie      func(*entry.Warrant)
		unsigned bool
	}{
		{"the same", func(*entry.Warrant) {}, false},
		{"another kind", func(e *entry.Warrant) { e.Kind = actions.AccountDelete }, true},
		{"another direction", func(e *entry.Warrant) { e.Direction = actions.Relieving }, true},
		{"another tier than that of the approval", func(e *entry.Warrant) { e.Tier = actions.Critical }, true},
		{"another executor", func(e *entry.Warrant) { e.Executor = "exe-other" }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := prooftest.Staffed(t)
			r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/1"), actions.Standard)
			facts := proof.FactsOf(r.Action, workforce.Standing{}, "", "")
			deskEntry(w, entry.KindRequest, entry.Request{Act: proof.ActOf(facts), At: canonical.At(w.Now()), Request: r.ID, Signed: r.Signed, Status: actions.StatusApproved, Decided: &r.Decision.Signed})
			said := entry.Warrant{Request: r.ID, Kind: r.Action.Kind, Tier: r.Action.Tier, Direction: r.Action.Direction,
				Executor: prooftest.ExecutorID, Requester: "ann", Policy: w.State().Policy.Digest(), Warrant: r.Action.Digest()}
			c.lie(&said)
			deskEntry(w, entry.KindWarrant, said)
			if c.unsigned {
				audited(t, w, "unsigned")
			} else {
				audited(t, w)
			}
		})
	}
}

// TestAuditOfACountersignerAlone: a countersignature does not stand for the request's own entry,
// which is not there.
func TestAuditOfACountersignerAlone(t *testing.T) {
	w := prooftest.Staffed(t)
	r := w.Countersign(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/1"), actions.Protected), "lee")
	deskEntry(w, entry.KindCountersign, entry.Verdict{Request: r.ID, Signed: r.Countersignatures[0]})
	deskEntry(w, entry.KindWarrant, entry.Warrant{Request: r.ID, Kind: r.Action.Kind, Tier: r.Action.Tier, Direction: r.Action.Direction, Executor: prooftest.ExecutorID, Requester: "lee"})
	audited(t, w, "unsigned")
}

// TestChainLacksWhatTheExecutorTook: ole ends ann's sessions straight at the executor, whose
// record of that stands in the ledger. The desk keeps it out of the governance chain, and
// enters an act and its warrant under ann's session afterwards. Who verifies the warrant by the
// chain is told, and an audit names the record until the chain holds the change. A desk cannot
// say that the chain refused it when the chain does not.
func TestChainLacksWhatTheExecutorTook(t *testing.T) {
	w := prooftest.Staffed(t)
	s := w.StartSession("ann", actions.SessionEd25519)
	w.Advance(time.Minute)
	told := func(raw []byte) (later, missing int) {
		report, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(raw, w.Served())
		must(t, err)
		return len(report.Later), len(report.NotInChain)
	}
	e := takenOf(w, w.Claim(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(w.Now())}}, "ole"))
	must(t, w.Record(e))
	st := e.Execution.Taken.Request.Statement
	deskEntry(w, entry.KindTakenRefused, entry.TakenRefused{Request: st.Request, Kind: actions.DeskKey, Worker: st.Signer, Type: "wrong-state"})
	w.Advance(time.Hour)
	raw := w.Warrant(w.Enters(w.Under(s, w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/4"), actions.Standard))))
	if later, missing := told(raw); later != 0 || missing != 1 {
		t.Errorf("by the whole chain %d changes are told, and %d that it lacks", later, missing)
	}
	audited(t, w, "not-in-chain")

	// The desk enters it after all: then the chain tells of the end of the session.
	must(t, w.Govern(proof.KindTaken, e))
	audited(t, w)
	if later, missing := told(raw); later != 1 || missing != 0 {
		t.Errorf("by the whole chain %d changes are told once it holds the end, and %d that it lacks", later, missing)
	}
}

// TestAuditOfWhatTheChainRefuses: an audit does not name a record that no executor of this desk
// signed, nor one whose executor was replaced before the desk could enter it in the chain, which
// refuses it then.
func TestAuditOfWhatTheChainRefuses(t *testing.T) {
	w := prooftest.Staffed(t)
	e := takenOf(w, w.Claim(actions.DeskEngagement, end("bob"), "ada"))
	must(t, w.Record(e))
	audited(t, w, "not-in-chain")
	trust := w.State().Trust
	trust.ExecutorKey = bytes.Repeat([]byte{1}, 32)
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartTrust, Trust: &trust})
	audited(t, w, "not-in-chain")
	st := e.Execution.Taken.Request.Statement
	deskEntry(w, entry.KindTakenRefused, entry.TakenRefused{Request: st.Request, Kind: actions.DeskEngagement, Worker: st.Signer, Type: "bad-signature"})
	audited(t, w)
	forged := takenOf(w, w.Claim(actions.DeskEngagement, end("sue"), "ada"))
	forged.Signature[0] ^= 1
	w.Append(forged.Draft())
	audited(t, w)
}
