package executor_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/executor"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// TestRenamedMeanwhile: whatever relieves goes by identifier and mark, on a real plaza
// that compares the handles that it is given: the end of a suspension, an undo of a
// takedown and of a deactivation, and a restoration.
func TestRenamedMeanwhile(t *testing.T) {
	t.Run("the end of a suspension", func(t *testing.T) {
		p := newSquare(t)
		s := p.square.Account(president, 1, "")
		r := p.suspend(s)
		p.square.Rename(s.ID, "@renamed")
		p.clock.Set(r.Action.Until.Time)
		p.entered(r, proof.DutyLift, "intent", "receipt executed")
		if !p.square.State(s.ID).Is(platform.Up, "") {
			t.Errorf("it is %+v", p.square.State(s.ID))
		}
	})
	for _, kind := range []actions.Kind{actions.AccountTakedown, actions.AccountDeactivate} {
		t.Run("the undo of "+string(kind), func(t *testing.T) {
			p := newSquare(t)
			s := p.square.Account(president, 1, "")
			r := p.world.Request("ann", kind, s, actions.Standard)
			p.executes(r)
			p.entered(r, proof.DutyAct, "intent", "receipt executed")
			p.square.Rename(s.ID, "@renamed")
			p.executes(p.world.Undo("bob", r))
			if !p.square.State(s.ID).Is(platform.Up, "") {
				t.Errorf("it is %+v", p.square.State(s.ID))
			}
		})
	}
	t.Run("a restoration", func(t *testing.T) {
		p := newSquare(t).guarded()
		p.square.Rename(president, "@renamed")
		p.square.SetBy("night-shift", president, platform.Down, "X")
		p.upAgain(president)
		b := p.breaches(1)[0]
		p.until("the restoration is told", func() bool { return len(p.world.OutcomeOf(b.Request, proof.DutyRestore)) == 2 })
	})
}

// TestRenamedBeforeCall: what burdens does not come over an account that was renamed
// after the last look and before the call. The warrant is spent: people sign again.
func TestRenamedBeforeCall(t *testing.T) {
	p := newSquare(t)
	s := p.square.Account(president, 1, "")
	r := p.world.Request("ann", actions.AccountTakedown, s, actions.Standard)
	raw := p.world.Warrant(r)
	p.halt()
	p.step = func(name string) {
		if name == executor.StepAgain {
			p.square.Rename(s.ID, "@renamed")
		}
	}
	p.start()
	p.ready()
	for range 2 {
		got, err := p.carry(raw)
		if err != nil || got.Outcome != proof.Failed || got.Type != "handle-moved" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if !p.square.State(s.ID).Is(platform.Up, "") {
		t.Errorf("it is %+v", p.square.State(s.ID))
	}
}
