package desk_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/desk/desktest"
	"countersign.dev/jobs"
	"countersign.dev/store"
)

// TestNothingLeftToHandOver: the job that hands a warrant over goes with the
// record of what came of it, and no sooner.
func TestNothingLeftToHandOver(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		left := func() (n int) {
			t.Helper()
			err := to.Store.Read(t.Context(), func(tx *store.Tx) error {
				all, err := jobs.List(tx.Tx, jobs.Waiting, 0, 100)
				for _, j := range all {
					if j.Kind == "desk.carry" {
						n++
					}
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		r := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")))
		if r.Status != actions.StatusExecuted || left() != 0 {
			t.Errorf("after %s %d jobs are left", r.Status, left())
		}
		held := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		to.StopExecutor()
		if held = to.Countersign(held.ID, "lee"); held.Status != actions.StatusApproved || left() != 1 {
			t.Errorf("with the executor away %s has %d jobs", held.Status, left())
		}
	})
}
