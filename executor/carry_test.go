package executor_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// TestCarry follows one measure and its undo from warrant to receipt.
func TestCarry(t *testing.T) {
	p := newPlace(t)
	s := p.plaza.Account("acct/17", 2_000_000, "head of state")
	r := p.world.Countersign(p.world.Request("ann", actions.AccountTakedown, s, actions.Critical), "kim", "lee")
	got, err := p.carry(p.world.Warrant(r))
	if err != nil || got.Outcome != proof.Executed {
		t.Fatalf("takedown: %+v, %v", got, err)
	}
	if st := p.plaza.State(s.ID); !st.Is(platform.Down, platform.MarkOf(r.ID)) {
		t.Errorf("plaza shows %s under %q", st.Status, st.Mark)
	}
	p.until("the receipt is in the ledger", func() bool { return len(p.world.OutcomeOf(r.ID, proof.DutyAct)) == 2 })
	if diff := cmp.Diff([]string{"intent", "receipt executed"}, p.world.OutcomeOf(r.ID, proof.DutyAct)); diff != "" {
		t.Error(diff)
	}
	undo := p.world.Undo("ann", r)
	got, err = p.carry(p.world.Warrant(undo))
	if err != nil || got.Outcome != proof.Executed {
		t.Fatalf("undo: %+v, %v", got, err)
	}
	if st := p.plaza.State(s.ID); !st.Is(platform.Up, "") {
		t.Errorf("plaza shows %s under %q", st.Status, st.Mark)
	}
	if why := p.Status().Stopped; why != "" {
		t.Errorf("stopped: %s", why)
	}
}
