package executor_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// TestLongerMeasure: a suspension is made longer, and then a takedown, and the account
// does not come up in between; the ends of the shorter ones lift nothing, and the undo
// of the last lifts it all. The same on a real plaza and on a real PDS.
func TestLongerMeasure(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *place{
		"in memory": newPlace, "plaza": newSquare,
		"a PDS": func(t *testing.T) *place { p, _ := newPDS(t, ownPDS(t)); return p },
	} {
		t.Run(name, func(t *testing.T) { longerMeasure(t, open(t)) })
	}
}

func longerMeasure(t *testing.T, p *place) {
	s := p.played.Account(president, 1, "")
	stream, err := p.played.(platform.Watcher).Watch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	first := p.suspend(s)
	longer := func(kind actions.Kind, mark platform.Mark, until time.Duration, c actions.Category) func(a *actions.Action) {
		return func(a *actions.Action) {
			p.lossy(a)
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
	p.advance(first.Action.Until.Sub(p.clock.Now()))
	p.entered(first, proof.DutyLift, "refusal failed replaced")
	third := p.world.Request("ann", actions.AccountTakedown, s, actions.Standard, longer(actions.AccountTakedown, platform.MarkOf(second.ID), 0, actions.CategoryLegal))
	p.world.Countersign(third, "lee")
	p.executes(third)
	p.advance(second.Action.Until.Sub(p.clock.Now()))
	p.entered(second, proof.DutyLift, "refusal failed replaced")
	if !p.played.State(s.ID).Is(platform.Down, platform.MarkOf(third.ID)) {
		t.Errorf("it is %+v", p.played.State(s.ID))
	}
	ask(actions.AccountSuspend, platform.MarkOf(third.ID), 9*time.Hour, actions.CategoryLegal) // lighter
	undo := p.world.Undo("ann", third, p.lossy)
	p.world.Countersign(undo, "lee")
	p.executes(undo)
	// Of the subject nothing was seen but this: it was not up in between.
	var seen []platform.Status
	for len(seen) == 0 || seen[len(seen)-1] != platform.Up {
		h, err := stream.Next()
		if err != nil {
			t.Fatalf("after %v: %v", seen, err)
		}
		made := len(seen) == 0 && h.Status == platform.Up // a PDS tells that it was made
		if h.Subject.ID == s.ID && h.Status != "" && !made {
			seen = append(seen, h.Status)
		}
	}
	if diff := cmp.Diff([]platform.Status{platform.Down, platform.Down, platform.Down, platform.Up}, seen); diff != "" {
		t.Error(diff)
	}
}
