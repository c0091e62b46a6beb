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
		of    string // in the scope of a key, its owner
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
		{"one's own key's", "ann", actions.ScopeKey, "ann", ""},
		{"somebody else's key's, by an agent", "ann", actions.ScopeKey, "bob", "forbidden-by-policy"},
		{"somebody else's key's, by a lead of another line", "lee", actions.ScopeKey, "ann", "not-yours-to-void"},
		{"somebody's key's, on call", "ole", actions.ScopeKey, "ann", ""},
		{"of a company that is not there", "ole", actions.ScopeVendor, "nobody", "no-such-vendor"},
		{"of a worker who is not there", "ole", actions.ScopeWorker, "nobody", "no-such-worker"},
		{"of a key that is not there", "ole", actions.ScopeKey, "key_00000000000000000000000000000000", "wrong-state"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := prooftest.Staffed(t)
			if _, ok := w.State().People.Worker(workforce.WorkerID(c.of)); ok && c.scope == actions.ScopeKey {
				c.of = string(w.PublicKey(workforce.WorkerID(c.of)).ID())
			}
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
	for what, leaves := range map[string]func(r *workforce.Record, now time.Time){
		"in notice":        func(r *workforce.Record, now time.Time) { r.Notice = canonical.At(now) },
		"in the last days": func(r *workforce.Record, now time.Time) { r.Last = canonical.At(now.AddDate(0, 0, 3)) },
	} {
		t.Run("by somebody on call "+what, func(t *testing.T) {
			w := prooftest.Staffed(t)
			ole, _ := w.State().People.Worker("ole")
			leaves(&ole.Record, w.Now())
			w.Admit(ole.Record)
			w.Advance(time.Minute)
			for _, v := range []actions.Void{{Scope: actions.ScopeWorker, Of: "ann"}, {Scope: actions.ScopeVendor, Of: "acme"}, {Scope: actions.ScopeAll}} {
				v.Before = now(w)
				if err := w.State().MayVoid("ole", v, w.Now()); typeOf(err) != "not-yours-to-void" {
					t.Errorf("%s %s: %v", v.Scope, v.Of, err)
				}
			}
			w.Void("ole", actions.Void{Scope: actions.ScopeWorker, Of: "ole", Before: now(w)}) // their own they do
		})
	}
	t.Run("that are void already", func(t *testing.T) {
		w := prooftest.Staffed(t)
		w.Advance(time.Minute)
		before := w.Now()
		end := func(by workforce.WorkerID, at time.Time) error {
			_, err := w.TryChange(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(at)}}, by)
			return err
		}
		must(t, end("ole", before))
		w.Advance(time.Minute)
		refusedAs(t, end("ole", before), "wrong-state", "")
		refusedAs(t, end("ann", before.Add(-time.Microsecond)), "wrong-state", "")
		must(t, end("ole", before.Add(time.Microsecond)))
		refusedAs(t, end("ole", before), "wrong-state", "")
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
		refusedAs(t, ends(began.Add(-time.Hour/2)), "budget-spent", "ann may end their own sessions 10 times an hour")
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
		another := string(w.PublicKey("ann").ID())
		w.Enrol("ann")
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
			{actions.ScopeKey, another, begins.Add(time.Microsecond), "bad-void"},
			{actions.ScopeKey, string(w.PublicKey("bob").ID()), begins.Add(time.Microsecond), "own-key-needed"},
			{actions.ScopeWorker, "bob", begins.Add(time.Microsecond), "own-key-needed"},
			{actions.ScopeVendor, "acme", begins.Add(time.Microsecond), "own-key-needed"},
			{actions.ScopeAll, "", begins.Add(time.Microsecond), "own-key-needed"},
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

// TestMayVoidSays: who could end sessions alone is said before anybody signs: by the law, by
// the policy, by their standing and by their keys.
func TestMayVoidSays(t *testing.T) {
	all := actions.Void{Scope: actions.ScopeAll}
	for _, c := range []struct {
		name string
		by   workforce.WorkerID
		what actions.Void
		edit func(w *prooftest.World)
		want string
	}{
		{"somebody on call", "ole", all, nil, ""},
		{"somebody on call, a company's", "ole", actions.Void{Scope: actions.ScopeVendor, Of: "acme"}, nil, ""},
		{"an agent, their own", "ann", actions.Void{Scope: actions.ScopeWorker, Of: "ann"}, nil, ""},
		{"an agent, somebody else's", "ann", actions.Void{Scope: actions.ScopeWorker, Of: "bob"}, nil, "not-yours-to-void"},
		{"an officer, all", "ada", all, nil, "not-yours-to-void"},
		{"whoever has left", "ole", all, func(w *prooftest.World) { w.End("ole") }, "engagement-ended"},
		{"whoever has no live key", "ole", all, func(w *prooftest.World) { w.Revoke("ole") }, "unknown-key"},
		{"whoever has no live key, their own", "ann", actions.Void{Scope: actions.ScopeWorker, Of: "ann"}, func(w *prooftest.World) { w.Revoke("ann") }, "unknown-key"},
		{"whoever is frozen", "ole", all, func(w *prooftest.World) {
			_, err := w.TryChange(actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: "ole"}, "ada")
			must(t, err)
		}, "frozen"},
		{"nobody", "nobody", all, nil, "engagement-ended"},
	} {
		w := prooftest.Staffed(t)
		if c.edit != nil {
			c.edit(w)
			w.Advance(time.Second)
		}
		c.what.Before = canonical.At(w.Now())
		if err := w.State().MayVoid(c.by, c.what, w.Now()); typeOf(err) != c.want {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
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

// TestEndOfASession: the bounds of an end of sessions. It ends those that begin before the
// instant that it names, and those whose signer knew neither of it nor of an entry that shows
// that they were certified later, whenever they begin.
func TestEndOfASession(t *testing.T) {
	w := prooftest.Staffed(t)
	first := w.State().Head
	w.Advance(time.Hour)
	before := w.Now().Add(-30 * time.Minute)
	end := w.Void("ole", actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(before)})
	made, known := end.Body.Time.Time, w.State().Head
	w.Advance(time.Hour)
	w.Void("ole", actions.Void{Scope: actions.ScopeWorker, Of: "bob", Before: canonical.At(w.Now())}) // not hers
	later, state := w.State().Head, w.State()
	const moment = time.Microsecond
	for _, c := range []struct {
		name   string
		begins time.Time
		after  canonical.Digest
		ends   bool
	}{
		{"begun before the instant", before.Add(-moment), first, true},
		{"begun before the instant, with knowledge of the end", before.Add(-moment), known, true},
		{"begun at the instant", before, first, true},
		{"begun between the instant and the end", made.Add(-moment), first, true},
		{"begun when the end was made", made, first, true},
		{"begun at the instant, with knowledge of the end", before, known, false},
		{"begun after the end, without knowledge of it", made.Add(moment), first, true},
		{"begun after the end, with an entry that is not there", made.Add(moment), canonical.Sum([]byte("another chain")), true},
		{"begun after the end, which was the newest entry", made.Add(moment), known, false},
		{"begun after the end, with a later entry", made.Add(moment), later, false},
	} {
		s := w.StartSession("ann", actions.SessionEd25519, func(s *actions.Session) { s.NotBefore, s.After = canonical.At(c.begins), c.after }).Session
		got, is := state.Voided(s)
		if is != c.ends || is && !got.Equal(before) {
			t.Errorf("%s: ended %v, before %s; want %v, before %s", c.name, is, got, c.ends, before)
		}
		for number := range state.Next {
			if want := c.ends && number == end.Body.Number; state.EndedBy(s, number) != want {
				t.Errorf("%s: entry %d ends it: %v", c.name, number, !want)
			}
		}
	}
}

// TestFirstEndOfASession: of several ends of a session the first one is told, whatever its
// scope, and each is one of those that ended it.
func TestFirstEndOfASession(t *testing.T) {
	for _, scopes := range [][]actions.Void{
		{{Scope: actions.ScopeAll}, {Scope: actions.ScopeKey}, {Scope: actions.ScopeWorker, Of: "ann"}},
		{{Scope: actions.ScopeKey}, {Scope: actions.ScopeVendor, Of: "acme"}, {Scope: actions.ScopeAll}},
		{{Scope: actions.ScopeWorker, Of: "ann"}, {Scope: actions.ScopeAll}, {Scope: actions.ScopeVendor, Of: "acme"}},
	} {
		w := prooftest.Staffed(t)
		s := w.StartSession("ann", actions.SessionEd25519).Session
		var first canonical.Time
		for _, v := range scopes {
			w.Advance(time.Minute)
			if v.Before = canonical.At(w.Now()); v.Scope == actions.ScopeKey {
				v.Of = string(s.Key)
			}
			if first.IsZero() {
				first = v.Before
			}
			e := w.Void("ole", v)
			if got, is := w.State().Voided(s); !is || got != first {
				t.Errorf("%v: void %v, before %s; want %s", scopes, is, got, first)
			}
			if !w.State().EndedBy(s, e.Body.Number) {
				t.Errorf("%v: the entry %d does not end it", scopes, e.Body.Number)
			}
		}
	}
}

// TestEndsOfFormerVendors: a worker who changes vendors twice is reached by the end of each
// vendor's sessions that was made while they were there, and by no other end of a vendor
// that they left.
func TestEndsOfFormerVendors(t *testing.T) {
	for _, c := range []struct {
		vendor string
		after  int // so many changes
		ends   bool
	}{{"acme", 0, true}, {"acme", 1, false}, {"acme", 2, false}, {"bolt", 0, false}, {"bolt", 1, true}, {"bolt", 2, false}, {"coil", 2, true}} {
		w := prooftest.Staffed(t)
		worker, _ := w.State().People.Worker("ann")
		if worker.Vendor != "acme" {
			t.Fatalf("ann is of %q", worker.Vendor)
		}
		w.Change(actions.DeskChange, actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: "coil", Name: "Coil"}})
		s := w.StartSession("ann", actions.SessionEd25519).Session
		end := int64(-1)
		for i, vendor := range []workforce.VendorID{"acme", "bolt", "coil"} {
			w.Advance(time.Minute)
			if vendor != "acme" {
				record := worker.Record
				record.Vendor = vendor
				w.Admit(record)
				w.Advance(time.Minute)
			}
			if i == c.after {
				end = w.Void("ole", actions.Void{Scope: actions.ScopeVendor, Of: c.vendor, Before: canonical.At(w.Now())}).Body.Number
			}
		}
		if _, is := w.State().Voided(s); is != c.ends || w.State().EndedBy(s, end) != c.ends {
			t.Errorf("the end of those of %s after %d changes: ended %v", c.vendor, c.after, is)
		}
	}
}

// TestEndsAreNotShared: two copies of a state each get an end of sessions of their own.
func TestEndsAreNotShared(t *testing.T) {
	w := prooftest.Staffed(t)
	void := func() actions.Keys {
		w.Advance(time.Minute)
		return actions.Keys{Void: &actions.Void{Scope: actions.ScopeAll, Before: canonical.At(w.Now())}}
	}
	of := w.State()
	for n := range 6 {
		one, other := of.Clone(), of.Clone()
		for _, s := range []*proof.State{one, other} {
			must(t, s.Join(w.Claim(actions.DeskKey, void(), "ole"), canonical.At(w.Now())))
		}
		ends := func(s *proof.State) proof.EndOfSessions {
			return s.Voids[(actions.Void{Scope: actions.ScopeAll}).Key()][n]
		}
		if !ends(one).Before.Before(ends(other).Before.Time) {
			t.Errorf("after %d ends: %+v and %+v", n, ends(one), ends(other))
		}
		of = one
	}
}
