package desk_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/desk/desktest"
	"countersign.dev/platform"
)

func TestMainJob(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")))
		if r.Status != actions.StatusExecuted {
			t.Fatalf("standard takedown: %s: %s", r.Status, r.OutcomeText)
		}
		if st := to.State("acct/3"); !st.Is(platform.Down, platform.MarkOf(r.ID)) {
			t.Errorf("plaza shows %s", platform.Describe(st.Status, st.Mark))
		}
		u, err := to.TryUndo("abe", r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if u = to.Settled("abe", u); u.Status != actions.StatusExecuted {
			t.Fatalf("undo: %s: %s", u.Status, u.OutcomeText)
		}
		if st := to.State("acct/3"); !st.Is(platform.Up, "") {
			t.Errorf("plaza shows %s", platform.Describe(st.Status, st.Mark))
		}

		r = to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		if r.Status != actions.StatusHeld || r.Need.Independent != 2 {
			t.Fatalf("critical takedown is %s, needs %s", r.Status, r.Need)
		}
		if r = to.Countersign(r.ID, "lee"); r.Status != actions.StatusHeld {
			t.Fatalf("after one countersignature it is %s", r.Status)
		}
		r = to.Settled("ann", to.Countersign(r.ID, "kim"))
		if r.Status != actions.StatusExecuted {
			t.Fatalf("critical takedown: %s: %s", r.Status, r.OutcomeText)
		}
		if _, err := to.Store.Audit(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
