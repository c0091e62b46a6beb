package desk_test

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/platform"
	"countersign.dev/sqldb"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// shift is somebody's work under a session.
type shift struct {
	to      *desktest.Town
	by      workforce.WorkerID
	session actions.SignedSession
	key     ed25519.PrivateKey
}

// startShift starts a session for a worker.
func startShift(t *testing.T, to *desktest.Town, by workforce.WorkerID) shift {
	t.Helper()
	s := shift{to: to, by: by}
	s.session, s.key = to.Session(by)
	if _, err := to.Desk.StartSession(t.Context(), desktest.As(by), s.session); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s shift) digest() canonical.Digest { return s.session.Session.Digest() }

// asks drafts, signs and submits a wish under the session.
func (s shift) asks(w acts.Wish) (actions.Request, error) {
	w.Session = s.digest()
	d, err := s.to.Desk.Draft(s.to.Context(), desktest.As(s.by), w)
	if err != nil {
		return actions.Request{}, err
	}
	return s.to.Desk.Request(s.to.Context(), desktest.As(s.by), desktest.Under(s.key, d))
}

// undoes undoes a request under the session.
func (s shift) undoes(request string) (actions.Request, error) {
	d, err := s.to.Desk.DraftUndo(s.to.Context(), desktest.As(s.by), request, acts.UndoWish{Reason: "a mistake", Session: s.digest()})
	if err != nil {
		return actions.Request{}, err
	}
	return s.to.Desk.Request(s.to.Context(), desktest.As(s.by), desktest.Under(s.key, d))
}

// executes is asks for what must be carried out.
func (s shift) executes(t *testing.T, w acts.Wish) actions.Request {
	t.Helper()
	r, err := s.asks(w)
	if err != nil {
		t.Fatal(err)
	}
	if r = s.to.Settled(s.by, r); r.Status != actions.StatusExecuted {
		t.Fatalf("%s is %s: %s", w.Kind, r.Status, r.OutcomeText)
	}
	return r
}

// comesTo compares how a request ended.
func comesTo(t *testing.T, to *desktest.Town, r actions.Request, status actions.Status, outcome string) actions.Request {
	t.Helper()
	r = to.Settled("kim", r) // not its requester, who may have left
	if r.Status != status || r.Outcome != outcome {
		t.Errorf("%s is %s (%s): %s; want %s (%s)", r.Action.Kind, r.Status, r.Outcome, r.OutcomeText, status, outcome)
	}
	return r
}

// void ends the sessions of a worker that began before now.
func void(to *desktest.Town, by, of workforce.WorkerID) actions.Request {
	return to.Request(by, acts.Wish{Kind: actions.DeskKey, Change: actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: string(of), Before: canonical.At(to.Clock().Now())}}})
}

// TestVoidBetweenRequestAndExecution: what a session signed, and the desk approved while the
// executor was away, is not carried out when the session was ended meanwhile. From then on
// the desk takes nothing that the session signs, until the next one begins.
func TestVoidBetweenRequestAndExecution(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		ann := startShift(t, to, "ann")
		done := ann.executes(t, desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
		to.StopExecutor()
		undo, err := ann.undoes(done.ID)
		if err != nil || undo.Status != actions.StatusApproved {
			t.Fatalf("%s, %v", undo.Status, err)
		}
		to.Clock().Advance(time.Second)
		if r := void(to, "ole", "ann"); r.Status != actions.StatusExecuted {
			t.Fatalf("the end of the sessions is %s: %s", r.Status, r.Missing)
		}
		_, err = ann.undoes(done.ID)
		refused(t, err, "session-void")
		to.StartExecutor()
		comesTo(t, to, undo, actions.StatusVoid, "session-void")
		if st := to.State("acct/3"); st.Status != platform.Down {
			t.Errorf("plaza shows %s", st.Status)
		}
		_, err = ann.asks(desktest.Wish(actions.AccountTakedown, "plaza:@shop"))
		refused(t, err, "session-void")
		next := startShift(t, to, "ann")
		again, err := next.undoes(done.ID)
		if err != nil {
			t.Fatal(err)
		}
		comesTo(t, to, again, actions.StatusExecuted, "executed")
	})
}

// TestNewSessionEndsTheOld: with a new session of the same key the desk takes nothing more
// under the older one, and says so by an alarm. What the older one had signed goes on.
func TestNewSessionEndsTheOld(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		old := startShift(t, to, "ann")
		done := old.executes(t, desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
		to.StopExecutor()
		undo, err := old.undoes(done.ID)
		if err != nil {
			t.Fatal(err)
		}
		to.Clock().Advance(time.Minute)
		young := startShift(t, to, "ann")
		_, err = old.undoes(done.ID)
		refused(t, err, "session-replaced")
		to.StartExecutor()
		_, err = old.asks(desktest.Wish(actions.AccountTakedown, "plaza:@shop"))
		refused(t, err, "session-replaced")
		young.executes(t, desktest.Wish(actions.AccountTakedown, "plaza:@shop"))
		comesTo(t, to, undo, actions.StatusExecuted, "executed")
		if got := raised(t, to.World); !slices.Contains(got, "session.replaced info") {
			t.Errorf("alarms %q", got)
		}
	})
}

// TestUndoOfANightWithoutExecutor: an undo that was signed and entered in a shift is carried
// out in the morning, although its session is over and the next one is in use.
func TestUndoOfANightWithoutExecutor(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	evening := startShift(t, to, "ann")
	done := evening.executes(t, desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
	to.StopExecutor()
	undo, err := evening.undoes(done.ID)
	if err != nil {
		t.Fatal(err)
	}
	to.Clock().Advance(16 * time.Hour)
	_, err = evening.undoes(done.ID)
	refused(t, err, "outside-session")
	morning := startShift(t, to, "ann")
	to.StartExecutor()
	morning.executes(t, desktest.Wish(actions.AccountTakedown, "plaza:@shop"))
	comesTo(t, to, undo, actions.StatusExecuted, "executed")
}

// TestLastDayUnderASession: somebody's last day ends by the clock in mid-session. A second
// later the desk takes nothing more of theirs, and nothing burdening that it took before is
// carried out; an undo that was entered before is.
func TestLastDayUnderASession(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	dan := startShift(t, to, "dan") // whose last day ends in six hours; the session would last for eight
	done := dan.executes(t, desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
	other := dan.executes(t, desktest.Wish(actions.AccountTakedown, "plaza:@shop"))
	w, err := to.Desk.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	person, _ := w.People.Worker("dan")
	to.StopExecutor()
	undo, err := dan.undoes(done.ID)
	if err != nil {
		t.Fatal(err)
	}
	to.Clock().Advance(person.End().Sub(to.Clock().Now()) + time.Second)
	_, err = dan.undoes(other.ID)
	refused(t, err, "engagement-ended")
	to.StartExecutor()
	_, err = dan.asks(desktest.Wish(actions.ContentRemove, "plaza:post/1"))
	refused(t, err, "engagement-ended")
	comesTo(t, to, undo, actions.StatusExecuted, "executed")
	if st := to.State("acct/4"); st.Status != platform.Down {
		t.Errorf("plaza shows %s", st.Status)
	}
}

// TestEndOfSessions: who ends another person's sessions raises an alarm, who ends their own
// does not. The session that the person then starts replaces nothing, and the list says by
// whom the one before it was ended. Who may not end them is told so before they sign.
func TestEndOfSessions(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		startShift(t, to, "ann")
		before := len(raised(t, to.World))
		since := func(want ...string) {
			t.Helper()
			got := raised(t, to.World)[before:]
			if !slices.Equal(got, want) {
				t.Errorf("alarms %q, want %q", got, want)
			}
			before += len(got)
		}
		to.Clock().Advance(time.Minute)
		void(to, "ole", "ann")
		since("sessions.voided warn")
		to.Clock().Advance(time.Minute)
		startShift(t, to, "ann")
		since()
		all, err := to.Desk.Sessions(t.Context(), desktest.As("ann"))
		if err != nil || len(all) != 2 {
			t.Fatalf("%d sessions: %v", len(all), err)
		}
		if old := all[1]; old.Void == nil || old.Void.By != "ole" || !strings.Contains(old.Why, "is void") || all[0].Why != "" {
			t.Errorf("ended by %+v: %q; the new one: %q", old.Void, old.Why, all[0].Why)
		}

		// What a newer one replaced, and was ended afterwards, was replaced.
		to.Clock().Advance(time.Minute)
		startShift(t, to, "ann")
		since("session.replaced info")
		to.Clock().Advance(time.Minute)
		void(to, "ann", "ann")
		since()
		if all, err = to.Desk.Sessions(t.Context(), desktest.As("ann")); err != nil || len(all) != 3 {
			t.Fatalf("%d sessions: %v", len(all), err)
		}
		if !strings.Contains(all[1].Why, "newer session") || !strings.Contains(all[0].Why, "is void") || all[0].Void.By != "ann" {
			t.Errorf("replaced: %q; ended: %q", all[1].Why, all[0].Why)
		}

		end := func(scope, of string) acts.Wish {
			return acts.Wish{Kind: actions.DeskKey, Change: actions.Keys{Void: &actions.Void{Scope: scope, Of: of, Before: canonical.At(to.Clock().Now())}}}
		}
		to.Clock().Advance(time.Minute)
		to.Request("ole", end(actions.ScopeKey, string(to.PublicKey("ann").ID())))
		since("sessions.voided warn")
		to.Request("ann", end(actions.ScopeKey, string(to.PublicKey("ann").ID())))
		since()
		to.Request("ole", end(actions.ScopeAll, ""))
		since("sessions.voided page")

		to.Clock().Advance(time.Minute)
		for _, of := range []string{"ann", "kim"} {
			_, err = to.Desk.Draft(t.Context(), desktest.As("ada"), end(actions.ScopeWorker, of))
			refused(t, err, "not-yours-to-void")
		}
	})
}

// TestLapsed: a held request whose requester's signature holds no more can never be carried
// out. Whoever reads it is told so, whoever would countersign or decline it is told who asks
// again, and the requester takes it back.
func TestLapsed(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		subject := platform.Subject{Platform: "plaza", ID: "acct/3"}
		held := func(ask func(acts.Wish) (actions.Request, error), of string) actions.Request {
			w := desktest.Wish(actions.AccountTakedown, of)
			w.Category = actions.CategoryLegal
			r, err := ask(w)
			if err != nil || r.Status != actions.StatusHeld {
				t.Fatalf("%s is %s: %v", of, r.Status, err)
			}
			return r
		}
		shown := func(r actions.Request) actions.Lapse {
			t.Helper()
			got, err := to.Desk.RequestByID(t.Context(), desktest.As("lee"), r.ID)
			if err != nil {
				t.Fatal(err)
			}
			waited, err := to.Desk.Wait(t.Context(), desktest.As("lee"), r.ID, 0)
			if err != nil || (waited.Lapsed == nil) != (got.Lapsed == nil) {
				t.Errorf("who waits for it sees %+v, who reads it %+v: %v", waited.Lapsed, got.Lapsed, err)
			}
			if got.Lapsed == nil {
				return actions.Lapse{}
			}
			return *got.Lapsed
		}
		lapses := func(r actions.Request, typ, text, again string) {
			t.Helper()
			if l := shown(r); l.Type != typ || !strings.Contains(l.Text, text) {
				t.Errorf("shown as %+v, want %s: %q", l, typ, text)
			}
			_, err := to.TryCountersign("lee", r.ID) // refused before it is signed
			refused(t, err, "request-lapsed")
			for _, v := range []actions.Verdict{actions.VerdictCountersign, actions.VerdictDecline} {
				_, err = to.Desk.DraftVerdict(t.Context(), desktest.As("lee"), r.ID, v, "")
				refused(t, err, "request-lapsed")
				if !strings.Contains(fault.TextOf(err), text) || !strings.Contains(fault.TextOf(err), again) {
					t.Errorf("%s is told: %v", v, err)
				}
			}
		}
		ann := startShift(t, to, "ann")
		r := held(ann.asks, "plaza:@neighbour")
		if l := shown(r); l != (actions.Lapse{}) {
			t.Errorf("held as usual, it is shown as %+v", l)
		}
		early, err := to.Desk.DraftVerdict(t.Context(), desktest.As("lee"), r.ID, actions.VerdictCountersign, "")
		if err != nil {
			t.Fatal(err)
		}
		no, err := to.Desk.DraftVerdict(t.Context(), desktest.As("lee"), r.ID, actions.VerdictDecline, "")
		if err != nil {
			t.Fatal(err)
		}

		// Its subject was raised since: the own key is needed.
		raise := func(from, to_ actions.Tier) {
			to.Change(actions.DeskChange, actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: subject, From: from, To: to_}})
		}
		raise(actions.Standard, actions.Protected)
		lapses(r, "own-key-needed", "its subject is protected now", "ann has to ask again, with `countersign action again "+r.ID+"`")
		raise(actions.Protected, actions.Standard)
		if l := shown(r); l != (actions.Lapse{}) {
			t.Errorf("on a standard subject again, it is shown as %+v", l)
		}

		// The session was ended since. That acts are frozen too does not hide it.
		to.Clock().Advance(time.Second)
		void(to, "ole", "ann")
		lapses(r, "session-void", "the session under which ann signed it was ended", "countersign action again "+r.ID)
		to.Request("ole", acts.Wish{Kind: actions.DeskFreeze, Change: actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: "ann"}})
		lapses(r, "session-void", "the session under which ann signed it was ended", "countersign action again "+r.ID)
		to.Change(actions.DeskFreeze, actions.Freeze{Op: "thaw", Scope: actions.ScopeWorker, Of: "ann"})
		_, err = to.Desk.Countersign(t.Context(), desktest.As("lee"), r.ID, to.Signed("lee", early))
		refused(t, err, "request-lapsed")
		_, err = to.Desk.Decline(t.Context(), desktest.As("lee"), r.ID, to.Signed("lee", no), false, "no")
		refused(t, err, "request-lapsed")
		if out, err := to.TryWithdraw("ann", r.ID, r.Version); err != nil || out.Status != actions.StatusWithdrawn {
			t.Errorf("taken back it is %s: %v", out.Status, err)
		}
		if l := shown(r); l != (actions.Lapse{}) {
			t.Errorf("withdrawn, it is shown as %+v", l)
		}

		// A freeze ends, and a key that was revoked stays so.
		r = held(func(w acts.Wish) (actions.Request, error) { return to.TryRequest("kim", w) }, "plaza:@neighbour")
		to.Request("ole", acts.Wish{Kind: actions.DeskFreeze, Change: actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: "kim"}})
		if l := shown(r); l != (actions.Lapse{}) {
			t.Errorf("while its requester is frozen, it is shown as %+v", l)
		}
		to.Change(actions.DeskKey, actions.Keys{Revoke: []workforce.KeyID{to.PublicKey("kim").ID()}})
		lapses(r, "revoked-key", "the key with which kim signed it is revoked", "countersign action again "+r.ID)

		// The requester has left since: somebody else asks.
		r = held(func(w acts.Wish) (actions.Request, error) { return to.TryRequest("ann", w) }, "plaza:@neighbour")
		to.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "ann"}})
		lapses(r, "engagement-ended", "ann, who asked for it, is no longer at this desk", "Whoever still wants it")
	})
}

// TestHowItEnded: a withdrawn request says when and with what it was withdrawn, a declined
// one when it was declined.
func TestHowItEnded(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		held := func() actions.Request {
			w := desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")
			w.Category = actions.CategoryLegal
			return to.Request("ann", w)
		}
		read := func(r actions.Request) actions.Request {
			t.Helper()
			got, err := to.Desk.RequestByID(t.Context(), desktest.As("ann"), r.ID)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		r := held()
		if got := read(r); got.Taken != nil {
			t.Errorf("held, it was withdrawn: %+v", got.Taken)
		}
		to.Clock().Advance(time.Minute)
		r, err := to.TryWithdraw("ann", r.ID, r.Version)
		if err != nil {
			t.Fatal(err)
		}
		got := read(r).Taken
		if got == nil || got.At.Before(r.Updated.Time) || got.At.After(r.Updated.Add(time.Second)) || got.Signed.Statement.Key != to.PublicKey("ann").ID() || got.Session != nil {
			t.Errorf("withdrawn: %+v", got)
		}

		r = held()
		ann := startShift(t, to, "ann")
		deed := to.Deed("ann", actions.Deed{What: actions.DeedWithdraw, Of: r.ID, Version: r.Version}, "", func(d *actions.SaltedDeed) {
			d.Signed.Statement.Expires, d.Signed.Statement.Session, d.Session = r.Expires(), ann.digest(), &ann.session
		})
		deed.Signed.Signature = actions.Signature{Signature: sessionSign(ann, deed.Signed.Statement)}
		if r, err = to.Desk.Withdraw(t.Context(), desktest.As("ann"), r.ID, acts.Withdrawal{Version: r.Version, Deed: &deed}); err != nil {
			t.Fatal(err)
		}
		if got := read(r).Taken; got == nil || got.Session == nil || got.Session.Digest() != ann.digest() {
			t.Errorf("withdrawn under a session: %+v", got)
		}

		r = held()
		to.Clock().Advance(time.Minute)
		no, err := to.Desk.DraftVerdict(t.Context(), desktest.As("lee"), r.ID, actions.VerdictDecline, "")
		if err != nil {
			t.Fatal(err)
		}
		if r, err = to.Desk.Decline(t.Context(), desktest.As("lee"), r.ID, to.Signed("lee", no), false, "no"); err != nil {
			t.Fatal(err)
		}
		if n := read(r).Declined; len(n) != 1 || n[0].At.Before(r.Updated.Time) || n[0].At.After(r.Updated.Add(time.Second)) {
			t.Errorf("declined at %s: %+v", r.Updated, n)
		}
	})
}

// sessionSign signs a statement with the key of a session.
func sessionSign(s shift, st actions.Statement) canonical.Bytes {
	challenge := st.Challenge()
	return ed25519.Sign(s.key, challenge[:])
}

// grow gives an account of plaza more followers.
func grow(t *testing.T, to *desktest.Town, id string, followers int64) {
	t.Helper()
	if err := to.DB.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`update account set followers = $1 where id = $2`, followers, id)
		return err
	}); err != nil {
		t.Error(err)
	}
}

// TestYoursAgain: a subject that ranks higher when the executor reads it is not acted on, and
// the request is spent. The act is drafted anew for the tier of now, which takes the own key
// and a countersignature.
func TestYoursAgain(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		var to *desktest.Town
		famous := func() {}
		o.Step = func(step string) {
			if step == kernel.StepRequested { // the desk has read the account, the executor not yet
				famous()
			}
		}
		to = desktest.NewTown(t, o)
		ann := startShift(t, to, "ann")
		famous = func() { grow(t, to, "3", 500_000) }
		r, err := ann.asks(desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
		if err != nil {
			t.Fatal(err)
		}
		famous = func() {}
		comesTo(t, to, r, actions.StatusVoid, "own-key-needed")
		if st := to.State("acct/3"); st.Status != platform.Up {
			t.Fatalf("plaza shows %s", st.Status)
		}
		_, err = ann.asks(desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
		refused(t, err, "own-key-needed")
		again := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
		if again.Status != actions.StatusHeld || again.Action.Tier != actions.Protected || again.ID == r.ID {
			t.Fatalf("asked again it is %s, of a %s subject", again.Status, again.Action.Tier)
		}
		comesTo(t, to, to.Countersign(again.ID, "lee"), actions.StatusExecuted, "executed")
	})
}

// TestSwitchedWithRequestsOpen: a desk that signs in the formats 1 adopts the formats 2 while
// requests are held. They end; nothing that was signed in the formats 1 is taken; each act is
// drafted anew, and sessions begin. A measure of before is lifted.
func TestSwitchedWithRequestsOpen(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		o.Formats = 1
		to := desktest.NewTown(t, o)
		done := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")))
		held := []actions.Request{to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president")), to.Request("bob", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))}
		draft, err := to.Draft(t.Context(), desktest.As("ann"), desktest.Wish(actions.AccountTakedown, "plaza:@shop"))
		if err != nil {
			t.Fatal(err)
		}
		signature, err := to.DraftVerdict(t.Context(), desktest.As("lee"), held[0].ID, actions.VerdictCountersign, "")
		if err != nil {
			t.Fatal(err)
		}
		s, _ := to.Session("ann")
		_, err = to.Desk.StartSession(t.Context(), desktest.As("ann"), s)
		refused(t, err, "no-sessions")
		to.Change(actions.DeskChange, actions.Setting{Of: actions.PartFormats, Formats: actions.NewestFormats})
		for _, h := range held {
			var r actions.Request
			desktest.Until(t, "the held request has ended", func() bool {
				r, err = to.RequestByID(t.Context(), desktest.As(h.Requester()), h.ID)
				return err == nil && r.Status != actions.StatusHeld
			})
			if r.Status != actions.StatusVoid || r.Outcome != "other-formats" {
				t.Errorf("%s is %s (%s)", h.ID, r.Status, r.Outcome)
			}
			var about []ledger.Entry
			if err := to.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
				about, err = tx.EntriesAbout(h.ID, canonical.Time{}, 10)
				return err
			}); err != nil || len(about) != 2 || about[1].Body.Kind != entry.KindVoid {
				t.Errorf("the ledger has %d entries about it, %v", len(about), err)
			}
		}
		_, err = to.Desk.Countersign(t.Context(), desktest.As("lee"), held[0].ID, to.Signed("lee", signature))
		refused(t, err, "other-formats")
		_, err = to.Desk.Request(t.Context(), desktest.As("ann"), to.Submission("ann", draft))
		refused(t, err, "other-formats")
		again := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		comesTo(t, to, to.Countersign(again.ID, "lee", "kim"), actions.StatusExecuted, "executed")
		ann := startShift(t, to, "ann")
		undo, err := ann.undoes(done.ID)
		if err != nil || undo.Action.V != actions.ActionV2 {
			t.Fatalf("the undo is of version %s, %v", undo.Action.V, err)
		}
		comesTo(t, to, undo, actions.StatusExecuted, "executed")
	})
}
