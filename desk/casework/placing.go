package casework

import (
	"context"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// placedAtOnce is how many cases one transaction puts into other queues.
const placedAtOnce = 50

// placeAnew puts open cases that an older queue set placed into the queues of the set in
// force, so that no case waits in a queue that is no more. A claimed case follows when its
// claim is over. If the desk dies here, the cases that are left still name the older set, and
// the next sweep goes on.
func (d *Room) placeAnew(ctx context.Context) error {
	for {
		var found []store.Misplaced
		if s, err := d.desk.State(ctx); err != nil || !s.Casework() {
			return err
		} else if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
			found, err = stx.Misplaced(s.Queues.Digest, placedAtOnce)
			return err
		}); err != nil || len(found) == 0 {
			return err
		}
		if err := d.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
			_, queues, err := d.rules(ctx, s)
			if err != nil {
				return nil, err
			}
			olders := map[canonical.Digest]*cases.QueueSet{}
			for _, m := range found {
				if _, read := olders[m.Set]; read {
					continue
				}
				// Without its text the case is placed like a new one.
				if olders[m.Set], err = d.sets.PastQueues(ctx, m.Set); err != nil {
					d.desk.Logger.WarnContext(ctx, "an older queue set cannot be read", "set", m.Set, "error", err)
				}
			}
			return func(t *kernel.Tx) error {
				for _, m := range found {
					c, err := t.CaseLocked(m.Case)
					if err != nil {
						return err
					}
					if c.QueueSet == s.Queues.Digest || c.State == cases.Claimed || !c.State.Open() {
						continue // another node was faster, or somebody has taken it
					}
					d.place(t, c, c.Replaced(olders[c.QueueSet], queues, s.Queues.Digest))
				}
				return nil
			}, nil
		}); err != nil {
			return err
		}
	}
}

// place stores a case where another queue set puts it. A case that waits and comes into
// another queue has been moved, and its history says so.
func (d *Room) place(t *kernel.Tx, c, next cases.Case) {
	if next.Due != c.Due {
		t.MoveClock(c.ID, store.PromiseClock, next.Due)
	}
	if next.Queue == c.Queue || c.State != cases.Waiting {
		t.SaveCase(next)
		return
	}
	next.Version++
	next.Updated = t.Now()
	d.moved(t, "", next, "placed", map[string]any{"from": c.Queue, "set": next.QueueSet, "to": next.Queue})
}
