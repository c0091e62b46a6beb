package executor_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
)

// suspendUnder suspends a standard account for an hour, under a session.
func (p *place) suspendUnder(s *prooftest.Session, id string) *prooftest.Request {
	p.t.Helper()
	r := p.world.Under(s, p.world.Request("ann", actions.AccountSuspend, p.plaza.Account(id, 1, ""), actions.Standard, p.lossy,
		func(a *actions.Action) { a.Until = canonical.At(p.world.Now().Add(time.Hour)) }))
	p.executes(r)
	return r
}

// taken takes an account down under a session.
func (p *place) taken(s *prooftest.Session, id string) *prooftest.Request {
	p.t.Helper()
	r := p.world.Under(s, small(p, id))
	p.executes(r)
	p.world.Executed(r)
	return r
}

// comesTo hands a warrant over and compares the outcome, "executed " or "refused TYPE".
func (p *place) comesTo(what string, raw []byte, want string) {
	p.t.Helper()
	got, err := p.carry(raw)
	if is := string(got.Outcome) + " " + got.Type; err != nil || is != want {
		p.t.Errorf("%s: %s (%s), %v; want %s", what, is, got.Text, err, want)
	}
}

// TestVoidStraightToTheExecutor: while executor and desk cannot talk, somebody on call hands
// the end of a worker's sessions to the executor. What they had signed before, and what the
// ledger had before, is not carried out, undos included; the worker's own key signs on.
func TestVoidStraightToTheExecutor(t *testing.T) {
	p := newPlace(t)
	s := own(p)
	first, second := p.taken(s, "acct/7"), p.taken(s, "acct/8")
	early := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", first)))
	undo := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", second)))
	burdening := p.world.Warrant(p.world.Under(s, small(p, "acct/9")))
	p.ready()
	p.desk.Down(true)
	p.comesTo("an undo before", early, "executed ")
	p.advance(time.Second)
	void := p.takes(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(p.clock.Now())}}, "ole")
	changes := len(p.plaza.Effects())
	p.comesTo("an undo", undo, "refused session-void")
	p.comesTo("a takedown", burdening, "refused session-void")
	if n := len(p.plaza.Effects()); n != changes {
		t.Errorf("the platform changed %d times", n-changes)
	}
	p.restart()
	p.desk.Down(false)
	p.until("the chain has it", func() bool { return p.world.State().Spent(void.Request.Statement.Request) })
	p.ready()
	p.refuses(p.world.Under(s, small(p, "acct/10")), "session-void")
	p.executes(p.world.Undo("ann", second))
	p.executes(p.world.Under(own(p), small(p, "acct/11")))
}

// TestVoidBetweenIntentAndCall: sessions end, straight at the executor, after it journalled
// its intent and before its call. The call is not made.
func TestVoidBetweenIntentAndCall(t *testing.T) {
	p := newPlace(t)
	raw := p.world.Warrant(p.world.Under(own(p), small(p, "acct/9")))
	var once sync.Once
	p.desk.Before(func(x proof.Execution) {
		if x.Kind == proof.KindIntent {
			once.Do(func() {
				p.advance(time.Second)
				p.takes(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(p.clock.Now())}}, "ole")
			})
		}
	})
	p.comesTo("the takedown", raw, "refused session-void")
	if n := len(p.plaza.Effects()); n != 0 {
		t.Errorf("the platform changed %d times", n)
	}
}

// TestTwoSessionsOfOneKey: a desk that uses two sessions of one key side by side gets
// nothing from the older one once the newer one was seen, also over a restart. What the
// ledger had before the newer one began goes on.
func TestTwoSessionsOfOneKey(t *testing.T) {
	p := newPlace(t)
	old := own(p)
	before := p.world.Enters(p.world.Under(old, small(p, "acct/7")))
	p.advance(time.Minute)
	young := own(p)
	unseen := p.world.Under(old, small(p, "acct/8"))
	p.executes(unseen) // the executor has not seen the newer one yet
	p.executes(p.world.Under(young, small(p, "acct/9")))
	p.refuses(p.world.Under(old, small(p, "acct/10")), "session-replaced")
	p.world.Executed(unseen)
	p.refuses(p.world.Under(old, p.world.Undo("ann", unseen)), "session-replaced")
	p.restart()
	p.ready()
	p.refuses(p.world.Under(old, small(p, "acct/11")), "session-replaced")
	p.executes(p.world.Under(young, small(p, "acct/12")))
	p.executes(before)
	p.refuses(p.world.Under(old, small(p, "acct/13")), "session-replaced")
	p.executes(p.world.Under(young, small(p, "acct/14")))
}

// TestLeaverInMidSession: a second after somebody's engagement has ended nothing burdening is
// carried out that they had signed, and no undo that was entered afterwards. An undo that was
// entered before, and the end of a suspension that the executor owes, go on.
func TestLeaverInMidSession(t *testing.T) {
	p := newPlace(t)
	s := own(p)
	first, second := p.taken(s, "acct/5"), p.taken(s, "acct/6")
	suspended := p.suspendUnder(s, "acct/7")
	burdening := p.world.Warrant(p.world.Under(s, small(p, "acct/8")))
	early := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", first)))
	p.advance(time.Second)
	p.world.End("ann")
	p.advance(time.Second)
	p.ready()
	changes := len(p.plaza.Effects())
	p.comesTo("what burdens", burdening, "refused engagement-ended")
	p.refuses(p.world.Under(s, p.world.Undo("ann", second)), "engagement-ended")
	p.refuses(p.world.Under(s, small(p, "acct/9")), "engagement-ended")
	if n := len(p.plaza.Effects()); n != changes {
		t.Errorf("the platform changed %d times", n-changes)
	}
	p.comesTo("the undo entered before", early, "executed ")
	p.advance(suspended.Action.Until.Sub(p.clock.Now()))
	p.until("the suspension is over", p.isUp(suspended.Action.Subject))
	for id, want := range map[string]platform.Status{"acct/5": platform.Up, "acct/6": platform.Down, "acct/7": platform.Up, "acct/8": platform.Up} {
		if st := p.plaza.State(id).Status; st != want {
			t.Errorf("%s is %s, want %s", id, st, want)
		}
	}
}

// TestNightWithoutThePlatform: the undo of a shift whose platform was down all night is
// carried out in the morning, although the session is over and a newer one was seen.
func TestNightWithoutThePlatform(t *testing.T) {
	p := newPlace(t)
	s := own(p)
	r := p.taken(s, "acct/9")
	p.plaza.Away(true)
	raw := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", r)))
	night := func(what string) {
		if got, err := p.Carry(t.Context(), raw, 0); got.Outcome != "" {
			t.Fatalf("%s: %+v, %v", what, got, err)
		}
	}
	night("in the evening")
	for range 16 {
		p.advance(time.Hour)
		night("in the night")
	}
	p.plaza.Away(false)
	p.executes(p.world.Under(own(p), small(p, "acct/8")))
	p.comesTo("in the morning", raw, "executed ")
	p.until("the account is up", p.isUp(r.Action.Subject))
}

// lostUndo has an undo of a measure taken on, whose call does not reach the platform, and
// stops the executor there. It returns the undo's warrant.
func (p *place) lostUndo(s *prooftest.Session, measure *prooftest.Request) []byte {
	p.t.Helper()
	p.ready()
	return p.lost(p.world.Warrant(p.world.Under(s, p.world.Undo("ann", measure))))
}

// lost is lostUndo for a warrant; the desk may be dead.
func (p *place) lost(raw []byte) []byte {
	p.t.Helper()
	intended := p.stopsBeforeCall(raw)
	<-intended
	p.halt()
	p.step = nil
	p.plaza.Away(false)
	return raw
}

// stopsBeforeCall starts the executor anew and hands a warrant over. Just before the call the
// platform goes away, and the channel is closed.
func (p *place) stopsBeforeCall(raw []byte) chan struct{} {
	p.t.Helper()
	p.halt()
	intended := make(chan struct{})
	var once sync.Once
	p.step = func(name string) {
		if name == executor.StepAgain {
			once.Do(func() {
				p.plaza.Away(true)
				close(intended)
			})
		}
	}
	p.start()
	p.until("the chain is known", func() bool { return p.Status().Governance > 0 })
	if got, err := p.Carry(p.t.Context(), raw, 0); err != nil || got.Outcome != "" {
		p.t.Fatalf("%+v, %v", got, err)
	}
	return intended
}

// TestIntendedUndoNeedsNoDesk: an undo was taken on, and its call was lost. Hours later, when
// its session may be over, the executor starts again. It carries the undo out, whether the desk
// is dead or says for hours that the ledger is as it was before the undo.
func TestIntendedUndoNeedsNoDesk(t *testing.T) {
	for _, hours := range []time.Duration{1, 9} { // the session lasts for 8
		for _, lies := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d hours later, the desk lies: %t", hours, lies), func(t *testing.T) {
				p := newPlace(t)
				s := own(p)
				r := p.taken(s, "acct/9")
				p.ready()
				old := p.stale()
				raw := p.lostUndo(s, r)
				p.desk.Lie(old)
				p.desk.Down(!lies)
				p.advance(hours * time.Hour)
				p.start()
				p.comesTo("the undo", raw, "executed ")
				p.until("the account is up", p.isUp(r.Action.Subject))
			})
		}
	}
}

// TestIntendedActAfterTheNight: a takedown under a session was taken on, and its call was lost.
// The executor had seen the request in time, but its journal does not say so. It starts again
// when the session is over, and carries the takedown out.
func TestIntendedActAfterTheNight(t *testing.T) {
	p := newPlace(t)
	r := p.world.Under(own(p), small(p, "acct/9"))
	raw := p.world.Warrant(r)
	p.ready()
	p.lost(raw)
	p.advance(9 * time.Hour)
	p.start()
	p.comesTo("the takedown", raw, "executed ")
}

// TestIntendedUndoFromTheFuture: a desk dates the request of an undo half a day ahead. The undo
// is taken on, since no date is believed beyond the judgement, and its call is lost. The date
// does not move on with the judgement, past the end of the session.
func TestIntendedUndoFromTheFuture(t *testing.T) {
	p := newPlace(t)
	s := own(p)
	r := p.taken(s, "acct/9")
	now := p.world.Now()
	p.world.Advance(12 * time.Hour)
	undo := p.world.Under(s, p.world.Undo("ann", r), prooftest.Dated(now))
	p.ready()
	raw := p.lost(p.world.Forge(undo))
	p.advance(9 * time.Hour)
	p.start()
	p.comesTo("the undo", raw, "executed ")
}

// stale has the desk give the ledger as it is now, whatever is entered later.
func (p *place) stale() func(*linkv1.Feed) {
	old := p.world.Feed(0)
	return func(f *linkv1.Feed) {
		if f.From == 0 {
			*f = old
			return
		}
		*f = linkv1.Feed{From: f.From, Checkpoint: old.Checkpoint}
	}
}

// TestUndoThroughTheNightWithADeadDesk: the desk dies before the executor has read the
// request of an undo, which is taken on by the checkpoint in its warrant. Then the platform is
// away all night. In the morning the session is over, and the desk is still dead or says that
// nothing was entered since.
func TestUndoThroughTheNightWithADeadDesk(t *testing.T) {
	for _, lies := range []bool{false, true} {
		t.Run(fmt.Sprintf("the desk lies: %t", lies), func(t *testing.T) {
			p := newPlace(t)
			s := own(p)
			r := p.taken(s, "acct/9")
			p.ready()
			old := p.stale()
			p.desk.Lie(old)
			p.desk.Down(!lies)
			raw := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", r)))
			<-p.stopsBeforeCall(raw)
			p.advance(9 * time.Hour)
			if lies {
				p.hearsNothing(old)
			}
			p.plaza.Away(false)
			p.comesTo("the undo", raw, "executed ")
			p.until("the account is up", p.isUp(r.Action.Subject))
		})
	}
}

// hearsNothing waits until the executor has heard from a desk that lies that nothing is new.
func (p *place) hearsNothing(lie func(*linkv1.Feed)) {
	p.t.Helper()
	var heard atomic.Int64
	p.desk.Lie(func(f *linkv1.Feed) {
		lie(f)
		heard.Add(1)
	})
	p.until("the executor hears that nothing is new", func() bool { return heard.Load() >= 2 })
}

// aboutPost makes an undo a measure of a decision about a post of the subject's. The executor
// reads the post on the platform, to know whose it is.
func (p *place) aboutPost(undo *prooftest.Request, post string) *prooftest.Request {
	p.t.Helper()
	s := p.plaza.Post(post, undo.Action.Subject.ID)
	p.world.Decide(undo, func(d *actions.Decision) { d.Subject = s })
	undo.Signed = p.world.Statement(undo, undo.By, undo.Signed.Statement.Verdict)
	return undo
}

func withCase(a *actions.Action) { a.Case = "case-2" }

// TestUndoWaitsForWhatCannotBeRead: an undo was taken on, and just before its call it is not
// known whose a post is. The undo waits until that is known; it is not dropped.
func TestUndoWaitsForWhatCannotBeRead(t *testing.T) {
	p := newPlace(t)
	r := p.taken(own(p), "acct/9")
	p.ready()
	raw := p.world.Forge(p.aboutPost(p.world.Undo("ann", r, withCase), "post/1"))
	p.halt()
	p.step = func(name string) {
		if name == executor.StepIntended {
			p.plaza.Silent("post/1", true)
		}
	}
	p.start()
	p.ready()
	if got, err := p.Carry(t.Context(), raw, 0); err != nil || got.Outcome != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	p.until("it was judged again in vain", func() bool { return p.plaza.Unanswered() > 0 })
	p.plaza.Silent("post/1", false)
	p.comesTo("the undo", raw, "executed ")
}

// TestWaitingUndoLeavesTheSubject: an undo was taken on and waits for what cannot be read.
// Meanwhile another undo of the same measure goes through, and the end of a suspension that the
// executor owes: neither waits for the first one (law 5). The first one then ends without a
// call.
func TestWaitingUndoLeavesTheSubject(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		// waiting has an undo of r that waits.
		waiting := func(p *place, r *prooftest.Request) (raw []byte) {
			raw = p.world.Forge(p.aboutPost(p.world.Undo("ann", r, withCase), "post/1"))
			p.ready()
			<-p.stopsBeforeCall(raw)
			p.plaza.Silent("post/1", true)
			if restarts {
				p.halt()
				p.step = nil
				p.start()
				p.ready()
			}
			p.plaza.Away(false)
			p.until("it waits", func() bool { return p.plaza.Unanswered() > 0 })
			return raw
		}
		ends := func(p *place, raw []byte) {
			p.plaza.Silent("post/1", false)
			p.comesTo("the first undo", raw, "failed wrong-state")
		}
		t.Run(fmt.Sprintf("another undo, restarts: %t", restarts), func(t *testing.T) {
			p := newPlace(t)
			r := p.taken(own(p), "acct/9")
			raw := waiting(p, r)
			p.executes(p.world.Undo("bob", r))
			ends(p, raw)
		})
		t.Run(fmt.Sprintf("the end of a suspension, restarts: %t", restarts), func(t *testing.T) {
			p := newPlace(t)
			r := p.suspend(p.plaza.Account("acct/9", 1, ""))
			p.world.Executed(r)
			raw := waiting(p, r)
			p.advance(2 * time.Hour)
			p.until("the suspension is over", p.isUp(r.Action.Subject))
			ends(p, raw)
		})
	}
}

// TestWaitingUndoExplainsNothing: while an undo waits and no call of it is under way, somebody
// else lifts the measure. The watch tells that; it does not take it for the undo.
func TestWaitingUndoExplainsNothing(t *testing.T) {
	p := newPlace(t)
	p.watches = true
	p.restart()
	p.ready()
	r := p.taken(own(p), "acct/9")
	raw := p.world.Forge(p.aboutPost(p.world.Undo("ann", r, withCase), "post/1"))
	p.ready()
	<-p.stopsBeforeCall(raw)
	p.plaza.Silent("post/1", true)
	p.plaza.Away(false)
	p.until("it waits", func() bool { return p.plaza.Unanswered() > 0 })
	p.plaza.Set("acct/9", platform.Up, "")
	p.until("the watch tells that it was lifted", func() bool { return len(p.told(proof.KindForeign)) == 1 })
	p.plaza.Silent("post/1", false)
	p.comesTo("the undo", raw, "failed wrong-state")
}
