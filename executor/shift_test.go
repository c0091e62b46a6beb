package executor_test

import (
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
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
