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
		} else if err := d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
			found, err = stx.Misplaced(s.Queues.Digest, placedAtOnce)
			return err
		}); err != nil {
			return err
		}
		if len(found) == 0 {
			ahead, err := d.aheadNow(ctx)
			if err != nil {
				return err
			}
			s := d.desk.Newest()
			queues, err := d.sets.Queues(ctx, s)
			if err != nil {
				return err
			}
			if err := d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
				found, err = stx.Misordered(s.Queues.Digest, names(queues), ahead, placedAtOnce)
				return err
			}); err != nil || len(found) == 0 {
				return err
			}
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
					if c.State == cases.Claimed || !c.State.Open() {
						continue // somebody has taken it
					}
					next := c.Replaced(olders[c.QueueSet], queues, s.Queues.Digest)
					if next.QueueSet == c.QueueSet && next.Ordering == c.Ordering {
						continue // another node was faster
					}
					d.place(t, c, next)
				}
				return nil
			}, nil
		}); err != nil {
			return err
		}
	}
}

func names(set *cases.QueueSet) []string {
	all := make([]string, len(set.Queues))
	for i, q := range set.Queues {
		all[i] = q.Name
	}
	return all
}

// because says in one sentence why a case is due when it is, by the set that placed it; empty if that
// cannot be read any more, or if a person moved the case to a queue that was to have it sooner.
func (d *Room) because(ctx context.Context, s *proof.State, queues *cases.QueueSet, c cases.Case) string {
	if !c.State.Open() {
		return ""
	}
	set := queues
	if c.QueueSet != s.Queues.Digest {
		older, err := d.sets.PastQueues(ctx, c.QueueSet)
		if err != nil {
			return ""
		}
		set = older
	}
	q, _, ok := set.Queue(c.Queue)
	if !ok {
		return ""
	}
	return q.Because(c)
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
