package executor_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// TestLiftOutlivesItsCountersigner: the platform is away while lee, who countersigned a lift,
// leaves. The lift is carried out: the desk had ruled on it before.
func TestLiftOutlivesItsCountersigner(t *testing.T) {
	p := newPlace(t)
	p.ready()
	president := p.president()
	p.plaza.Set(president.ID, platform.Down, "LEGAL-1")
	lift := p.world.Request("ann", actions.AccountRestore, president, actions.Critical, func(a *actions.Action) { a.Command.Expect.Mark = "LEGAL-1" })
	if j, err := p.world.State().Judge(p.world.Ask(lift)); err != nil || j.Ready {
		t.Fatalf("it needs nobody: %v, %v", j.Need, err)
	}
	raw := p.world.Warrant(p.world.Countersign(lift, "lee", "kim"))
	p.advance(time.Hour)
	p.world.End("lee")
	p.advance(time.Hour)
	got, err := p.carry(p.world.Again(raw))
	if err != nil || got.Outcome != proof.Executed {
		t.Errorf("%+v, %v", got, err)
	}
	if st := p.plaza.State(president.ID); st.Status != platform.Up {
		t.Errorf("the account is %s", st.Status)
	}
}
