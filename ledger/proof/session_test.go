package proof_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

// TestMayVoid: everybody ends their own sessions, under a session too if that one ends with
// them, and once a minute however often they did; a lead those of the people below; somebody on call anybody's, a company's and all;
// nobody else, nobody about to leave, and no session somebody else's.
func TestMayVoid(t *testing.T) {
	now := func(w *prooftest.World) canonical.Time { return canonical.At(w.Now()) }
	for _, c := range []struct {
		name  string
		by    workforce.WorkerID
		scope string
		of    string
		want  string // the refusal's type
	}{
		{"own", "ann", actions.ScopeWorker, "ann", ""},
		{"somebody else's, by an agent", "ann", actions.ScopeWorker, "bob", "forbidden-by-policy"},
		{"somebody else's, by a lead of another line", "lee", actions.ScopeWorker, "ann", "not-yours-to-void"},
		{"somebody's, on call", "ole", actions.ScopeWorker, "ann", ""},
		{"an officer's, by another officer", "ada", actions.ScopeWorker, "bea", "not-yours-to-void"},
		{"a company's, on call", "ole", actions.ScopeVendor, "acme", ""},
		{"a company's, by a lead", "sue", actions.ScopeVendor, "acme", "not-yours-to-void"},
		{"all, on call", "ole", actions.ScopeAll, "", ""},
		{"all, by an officer", "ada", actions.ScopeAll, "", "not-yours-to-void"},
		{"of a company that is not there", "ole", actions.ScopeVendor, "nobody", "no-such-vendor"},
		{"of a worker who is not there", "ole", actions.ScopeWorker, "nobody", "no-such-worker"},
		{"of a key that is not there", "ole", actions.ScopeKey, "key_00000000000000000000000000000000", "wrong-state"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := prooftest.Staffed(t)
			_, err := w.TryChange(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: c.scope, Of: c.of, Before: now(w)}}, c.by)
			if got := typeOf(err); got != c.want {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
		})
	}
	t.Run("by somebody who is frozen", func(t *testing.T) {
		w := prooftest.Staffed(t)
		_, err := w.TryChange(actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: "ole"}, "ada")
		must(t, err)
		_, err = w.TryChange(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeAll, Before: now(w)}}, "ole")
		refusedAs(t, err, "frozen", "")
		w.Void("ole", actions.Void{Scope: actions.ScopeWorker, Of: "ole", Before: now(w)}) // their own they do
	})
	t.Run("that are still to come", func(t *testing.T) {
		w := prooftest.Staffed(t)
		_, err := w.TryChange(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeAll, Before: canonical.At(w.Now().Add(2 * time.Minute))}}, "ole")
		refusedAs(t, err, "bad-void", "")
	})
	t.Run("more than the budget", func(t *testing.T) {
		w := prooftest.Staffed(t)
		for i := range w.State().Trust.EndingsPerHour + 1 {
			w.Advance(time.Second)
			_, err := w.TryChange(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeAll, Before: now(w)}}, "ole")
			if i < w.State().Trust.EndingsPerHour {
				must(t, err)
				continue
			}
			refusedAs(t, err, "budget-spent", "")
			w.Void("ole", actions.Void{Scope: actions.ScopeWorker, Of: "ole", Before: now(w)}) // one's own are counted by themselves
		}
	})
	t.Run("one's own, again and again", func(t *testing.T) {
		w := prooftest.Staffed(t)
		ends := func(before time.Time) error {
			_, err := w.TryChange(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(before)}}, "ann")
			return err
		}
		began := w.Now()
		for i := range w.State().Trust.EndingsPerHour {
			must(t, ends(began.Add(-time.Hour+time.Duration(i)*time.Microsecond)))
		}
		refusedAs(t, ends(began.Add(-time.Hour/2)), "budget-spent", "")
		refusedAs(t, ends(began.Add(-5*time.Minute-time.Microsecond)), "budget-spent", "")
		must(t, ends(began)) // those that began before now end always,
		w.Advance(time.Minute - time.Microsecond)
		refusedAs(t, ends(w.Now()), "budget-spent", "")
		w.Advance(time.Microsecond)
		must(t, ends(w.Now())) // once a minute
		w.Void("bob", actions.Void{Scope: actions.ScopeWorker, Of: "bob", Before: now(w)})
		w.Void("ann", actions.Void{Scope: actions.ScopeKey, Of: string(w.PublicKey("ann").ID()), Before: now(w)})
		w.Advance(time.Hour)
		must(t, ends(w.Now().Add(-30*time.Minute)))
	})
	t.Run("under a session", func(t *testing.T) {
		w := prooftest.Staffed(t)
		s := w.StartSession("ann", actions.SessionEd25519)
		begins := s.Session.NotBefore.Time
		w.Advance(time.Second)
		key := string(w.PublicKey("ann").ID())
		for _, c := range []struct {
			scope, of string
			before    time.Time
			want      string
		}{
			{actions.ScopeWorker, "ann", begins.Add(-time.Hour), "bad-void"},
			{actions.ScopeWorker, "ann", begins, "bad-void"},
			{actions.ScopeKey, key, begins, "bad-void"},
			{actions.ScopeKey, key, begins.Add(time.Microsecond), ""},
			{actions.ScopeWorker, "ann", begins.Add(time.Microsecond), ""},
		} {
			v := actions.Void{Scope: c.scope, Of: c.of, Before: canonical.At(c.before)}
			r := w.Under(s, w.RequestChange(actions.DeskKey, actions.Keys{Void: &v}, "ann"))
			err := w.State().Authorise(proof.Authority{Action: r.Action, Request: r.Signed, Sessions: r.Sessions}, w.Now())
			if got := typeOf(err); got != c.want {
				t.Errorf("%s before %s: got %q (%v), want %q", c.scope, v.Before, got, err, c.want)
			}
		}
	})
	t.Run("in the formats 1", func(t *testing.T) {
		w := prooftest.Found(t, prooftest.Options{Formats: actions.FirstFormats})
		w.Staff()
		_, err := w.TryChange(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: now(w)}}, "ann")
		refusedAs(t, err, "wrong-state", "")
	})
}

// typeOf is the type of a refusal; empty if there is none.
func typeOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.TypeOf(err)
}

// TestConfusedDocuments: what was signed for one purpose is good for no other: the
// challenges differ in their first line, and each check demands its own document.
func TestConfusedDocuments(t *testing.T) {
	w := prooftest.Staffed(t)
	state := w.State()
	ann := w.PublicKey("ann")
	session := w.StartSession("ann", actions.SessionEd25519)
	r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/9"), actions.Standard)
	deed, err := proof.NewDeed(2, actions.Deed{What: actions.DeedFindings, Of: "inc_1"}, "text", actions.Statement{Log: state.LogName(), Signer: "ann", Key: ann.ID()}, w.Now(), make([]byte, 96))
	must(t, err)
	signatures := map[string]struct {
		challenge [32]byte
		by        actions.Signature
	}{
		"session":     {session.Session.Challenge(), session.Signature},
		"request":     {r.Signed.Statement.Challenge(), r.Signed.Signature},
		"decision":    {r.Decision.Signed.Statement.Challenge(), r.Decision.Signed.Signature},
		"deed":        {deed.Signed.Statement.Challenge(), w.Signed("ann", deed.Signed.Statement).Signature},
		"request v1":  {asV1(r.Signed.Statement).Challenge(), w.Signed("ann", asV1(r.Signed.Statement)).Signature},
		"possession":  {actions.PossessionChallenge(state.EnrolName(), "ann", ann.ID()), w.Signature("ann", actions.PossessionChallenge(state.EnrolName(), "ann", ann.ID()))},
		"token":       {actions.TokenAsk{V: actions.TokenVersion, Worker: "ann"}.Challenge(), w.Signature("ann", actions.TokenAsk{V: actions.TokenVersion, Worker: "ann"}.Challenge())},
		"no document": {[32]byte{}, w.Signature("ann", [32]byte{})},
	}
	for name, s := range signatures {
		for other, c := range signatures {
			if err := proof.VerifySignature(ann, c.challenge, s.by, state.Sites()); (err == nil) != (name == other) {
				t.Errorf("the signature of a %s as that of a %s: %v", name, other, err)
			}
		}
	}
	// The statement of a deed in the place of a decision's, and the other way round.
	d := *r.Decision
	d.Signed = w.Signed("ann", deed.Signed.Statement)
	confused := *r
	confused.Decision = &d
	_, err = state.Judge(w.Ask(&confused))
	refusedAs(t, err, "bad-decision", "")
	refusedAs(t, state.MayDo(actions.SignedDeed{Deed: deed.Deed, Signed: r.Decision.Signed}, w.Now()), "bad-deed", "")
}

// asV1 is a statement of version 2 as version 1 would write it.
func asV1(st actions.Statement) actions.Statement {
	st.V, st.Log = actions.StatementV1, st.LogName()
	st.Founding, st.Decision = canonical.Digest{}, canonical.Digest{}
	return st
}

// TestSessionIsNoHardware: where the ruling asks for keys bound to hardware, a request under
// a session fills nothing, though the key that certified it is bound.
func TestSessionIsNoHardware(t *testing.T) {
	w := prooftest.Staffed(t)
	s := w.StartSession("ann", actions.SessionEd25519)
	r := w.Under(s, w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/9"), actions.Standard))
	j, err := w.State().Judge(w.Ask(r))
	if err != nil || j.Requester.Hardware {
		t.Errorf("%v: %+v", err, j.Requester)
	}
	own, err := w.State().Judge(w.Ask(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/9"), actions.Standard)))
	if err != nil || !own.Requester.Hardware {
		t.Errorf("%v: %+v", err, own.Requester)
	}
}

// TestSessionSignsListedDeeds: a session signs the deeds of a list, and nobody signs one of
// an unknown kind.
func TestSessionSignsListedDeeds(t *testing.T) {
	w := prooftest.Staffed(t)
	s := w.StartSession("ann", actions.SessionEd25519)
	for _, c := range []struct {
		what       actions.DeedKind
		own, under string // the refusals
	}{
		{actions.DeedAssignTask, "", ""},
		{actions.DeedFinishTask, "", ""},
		{actions.DeedWithdraw, "", ""},
		{actions.DeedOpenIncident, "", "own-key-needed"},
		{actions.DeedFindings, "", "own-key-needed"},
		{"review.close", "bad-deed", "bad-deed"},
		{"account.recover", "bad-deed", "bad-deed"},
		{"", "bad-deed", "bad-deed"},
	} {
		for session, want := range map[*prooftest.Session]string{nil: c.own, s: c.under} {
			d, _ := signedDeed(t, w, "ann", session, c.what)
			if err := w.State().MayDo(d, w.Now()); typeOf(err) != want {
				t.Errorf("%q, under a session %v: got %v, want %q", c.what, session != nil, err, want)
			}
		}
	}
}

// TestSessionsAreThoseNamed: beside a deed with the own key, no session comes into the ledger.
func TestSessionsAreThoseNamed(t *testing.T) {
	w := prooftest.Staffed(t)
	forged := w.StartSession("ann", actions.SessionEd25519).SignedSession
	forged.Session.Worker, forged.Session.Key = "lee", w.PublicKey("lee").ID()
	own, _ := signedDeed(t, w, "ann", nil, actions.DeedAssignTask)
	own.Session = &forged
	refusedAs(t, w.State().MayDo(own, w.Now()), "surplus-session", "")
	under, _ := signedDeed(t, w, "ann", w.StartSession("ann", actions.SessionEd25519), actions.DeedAssignTask)
	under.Session = &forged
	refusedAs(t, w.State().MayDo(under, w.Now()), "surplus-session", "")
	under.Session = nil
	refusedAs(t, w.State().MayDo(under, w.Now()), "no-session", "")
}

// TestVoidOfWhatWasCertifiedBefore: at noon somebody ends the sessions that were certified
// before nine. A session that begins later is void as well, unless it names an entry of the
// chain that shows that it was certified later.
func TestVoidOfWhatWasCertifiedBefore(t *testing.T) {
	for name, c := range map[string]struct {
		certified, begins time.Duration // after eight o'clock
		entry             time.Duration // of another change, of which whoever certifies afterwards knows; 0: there is none
		void              bool
	}{
		"before":                                {0, 0, 0, true},
		"before, for the afternoon":             {0, 5 * time.Hour, 0, true},
		"before, for between":                   {0, 2 * time.Hour, 0, true},
		"before, with an entry after it":        {0, 2 * time.Hour, 90 * time.Minute, true},
		"between, and nothing shows it":         {2 * time.Hour, 2 * time.Hour, 0, true},
		"between, with an entry before":         {2 * time.Hour, 2 * time.Hour, 30 * time.Minute, true},
		"between, with an entry at nine":        {2 * time.Hour, 2 * time.Hour, 61*time.Minute - time.Microsecond, true},
		"between, with an entry a minute later": {2 * time.Hour, 2 * time.Hour, 61 * time.Minute, false},
		"after":                                 {5 * time.Hour, 5 * time.Hour, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := prooftest.Staffed(t)
			w.Advance(time.Hour)
			eight := w.Now()
			at := func(d time.Duration) { w.Advance(eight.Add(d).Sub(w.Now())) }
			void := func() {
				at(4 * time.Hour)
				w.Void("ole", actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(eight.Add(time.Hour))})
			}
			var s *prooftest.Session
			certify := func() {
				at(c.certified)
				s = w.StartSession("ann", actions.SessionEd25519, func(x *actions.Session) {
					x.NotBefore = canonical.At(eight.Add(c.begins))
					x.Expires = canonical.At(x.NotBefore.Add(time.Hour))
				})
			}
			other := func() {
				if c.entry > 0 {
					at(c.entry)
					w.Revoke("bob")
				}
			}
			switch {
			case c.certified > 4*time.Hour:
				void()
				certify()
			case c.certified < c.entry:
				certify()
				other()
				void()
			default:
				other()
				certify()
				void()
			}
			if _, is := w.State().Voided(s.Session); is != c.void {
				t.Errorf("void: %t", is)
			}
		})
	}
}

// TestVoidThatTheLedgerLacks: nobody knows of an end of sessions that the executor took and the
// ledger does not hold, whatever later entry a session names.
func TestVoidThatTheLedgerLacks(t *testing.T) {
	w := prooftest.Staffed(t)
	a, at := w.Claim(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(w.Now())}}, "ole"), canonical.At(w.Now())
	w.Advance(time.Hour)
	w.Revoke("bob")
	s := w.State()
	must(t, s.Rejoin(a, at))
	if _, is := s.Voided(w.StartSession("ann", actions.SessionEd25519).Session); !is {
		t.Error("it is not void")
	}
}

// TestVoidOfAVendorHolds: the end of a vendor's sessions ends those of a worker who changes
// the vendor afterwards, and not of one who had changed before.
func TestVoidOfAVendorHolds(t *testing.T) {
	for _, c := range []struct {
		name   string
		before bool // the worker changes before the end
		want   string
	}{{"changed afterwards", false, "session-void"}, {"changed before", true, ""}} {
		t.Run(c.name, func(t *testing.T) {
			w := prooftest.Staffed(t)
			worker, _ := w.State().People.Worker("ann")
			s := w.StartSession("ann", actions.SessionEd25519)
			w.Advance(time.Minute)
			change := func() {
				record := worker.Record
				if record.Vendor = "bolt"; worker.Vendor == record.Vendor {
					record.Vendor = "acme"
				}
				w.Admit(record)
				w.Advance(time.Minute)
			}
			void := func() {
				w.Void("ole", actions.Void{Scope: actions.ScopeVendor, Of: string(worker.Vendor), Before: canonical.At(w.Now())})
				w.Advance(time.Minute)
			}
			if c.before {
				change()
				void()
			} else {
				void()
				refusedAs(t, w.State().Certified(s.SignedSession, w.Now()), "session-void", "")
				change()
			}
			if err := w.State().Certified(s.SignedSession, w.Now()); typeOf(err) != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
