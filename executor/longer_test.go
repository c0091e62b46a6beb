package executor_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// TestLongerMeasure: a suspension is made longer, and then a takedown, and the account
// does not come up in between; the ends of the shorter ones lift nothing, and the undo
// of the last lifts it all.
func TestLongerMeasure(t *testing.T) {
	p := newPlace(t)
	s := p.plaza.Account("acct/9", 1, "")
	first := p.suspend(s)
	longer := func(kind actions.Kind, mark platform.Mark, until time.Duration, c actions.Category) func(a *actions.Action) {
		return func(a *actions.Action) {
			a.Category, a.Command.Expect = c, platform.Expect{Status: platform.Down, Mark: mark}
			if kind == actions.AccountSuspend {
				a.Until = canonical.At(p.world.Now().Add(until))
			}
		}
	}
	ask := func(kind actions.Kind, mark platform.Mark, until time.Duration, c actions.Category) {
		t.Helper()
		r := p.world.Request("ann", kind, s, actions.Standard, longer(kind, mark, until, c))
		if c != "" {
			p.world.Countersign(r, "lee")
		}
		p.refuses(r, "no-such-emergency")
	}
	ask(actions.AccountSuspend, platform.MarkOf(first.ID), time.Hour, "") // no longer than it is
	second := p.world.Request("ann", actions.AccountSuspend, s, actions.Standard, longer(actions.AccountSuspend, platform.MarkOf(first.ID), 2*time.Hour, actions.CategoryLegal))
	p.world.Countersign(second, "lee")
	p.executes(second)
	ask(actions.AccountTakedown, platform.MarkOf(second.ID), 0, "") // it would lose the category
	p.clock.Set(first.Action.Until.Time)
	p.entered(first, proof.DutyLift, "refusal failed replaced")
	third := p.world.Request("ann", actions.AccountTakedown, s, actions.Standard, longer(actions.AccountTakedown, platform.MarkOf(second.ID), 0, actions.CategoryLegal))
	p.world.Countersign(third, "lee")
	p.executes(third)
	p.clock.Set(second.Action.Until.Time)
	p.entered(second, proof.DutyLift, "refusal failed replaced")
	if !p.plaza.State(s.ID).Is(platform.Down, platform.MarkOf(third.ID)) || len(p.plaza.Effects()) != 3 {
		t.Errorf("it is %+v after %d changes", p.plaza.State(s.ID), len(p.plaza.Effects()))
	}
	ask(actions.AccountSuspend, platform.MarkOf(third.ID), 9*time.Hour, actions.CategoryLegal) // lighter
}
