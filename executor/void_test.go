package executor_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
)

// TestVoidStopsAnIntendedUndo: an undo is intended, and then the sessions of its signer
// end. "An undo once intended goes on" (casework, section 6; law 5). A desk that withholds the
// intent's entry for a moment, and anybody on call, stops it and spends it.
func TestVoidStopsAnIntendedUndo(t *testing.T) {
	p := newPlace(t)
	s := own(p)
	r := p.world.Under(s, small(p, "acct/9"))
	p.executes(r)
	p.world.Executed(r)
	raw := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", r)))
	p.ready()
	p.halt()
	var once sync.Once
	p.step = func(name string) {
		if name == executor.StepIntended {
			once.Do(func() {
				p.advance(time.Second)
				p.world.Void("ann", actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(p.world.Now())})
				p.ready()
			})
		}
	}
	p.start()
	p.ready()
	got, err := p.carry(raw)
	if err != nil || got.Outcome != proof.Executed {
		t.Errorf("%+v, %v", got, err)
	}
	if st := p.plaza.State(r.Action.Subject.ID); st.Status != platform.Up {
		t.Errorf("the account is %s", st.Status)
	}
}

// TestEndOfAllSessionsPagesNobody: with the desk dead, somebody on call ends all
// sessions straight at the executor. That is paged like a freeze, which the executor tells
// itself when the desk does not answer.
func TestEndOfAllSessionsPagesNobody(t *testing.T) {
	p := newPlace(t)
	p.ready()
	p.halt()
	alarmed := make(chan proof.SignedExecution, 8)
	p.alarm = func(_ context.Context, r proof.SignedExecution) error { alarmed <- r; return nil }
	p.limits.Answer = 10 * time.Millisecond
	p.start()
	p.ready()
	p.desk.Down(true)
	p.takes(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeAll, Before: canonical.At(p.world.Now())}}, "ole")
	select {
	case <-alarmed:
	case <-time.After(5 * time.Second):
		t.Error("nobody was alarmed")
	}
}

// claims is a change of the desk that a session signs.
func claims(w *prooftest.World, s *prooftest.Session, v actions.Void) proof.Authority {
	r := w.Under(s, w.RequestChange(actions.DeskKey, actions.Keys{Void: &v}, s.Session.Worker))
	return proof.Authority{Action: r.Action, Request: r.Signed, Sessions: r.Sessions}
}

// TestReplacedSessionEndsTheNewer: the executor has carried out an act under ann's
// newer session. Her older one, which was stolen, is refused everywhere else, but ends the
// newer one straight at the executor.
func TestReplacedSessionEndsTheNewer(t *testing.T) {
	p := newPlace(t)
	old := own(p)
	p.advance(time.Hour)
	p.executes(p.world.Under(own(p), small(p, "acct/8")))
	p.advance(time.Minute)
	if got, err := p.Take(t.Context(), claims(p.world, old, actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(p.world.Now())})); err == nil {
		t.Errorf("the executor took it: %+v", got)
	}
}
