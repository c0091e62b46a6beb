package casework

import (
	"context"
	"slices"
	"sync"
	"time"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// A lead puts a queue of their own ahead, or back to its usual place: until a time its cases are due
// after a part of what they would be due after otherwise. That brings nothing past its promise, so that
// it needs nobody else. Whatever else changes in a queue is a queue set, which several sign.

// MostReorder is the longest time for which an order of a queue holds.
const MostReorder = 31 * 24 * time.Hour

// QueueOrder is what a lead has ordered of a queue.
type QueueOrder = store.QueueOrder

// orders is what leads have ordered, as this node read it last.
type orders struct {
	mu    sync.Mutex
	read  time.Time
	ahead map[string]cases.Ahead
}

// ordersAge is how old a node's knowledge of orders may be. Each case names the order that placed it, so
// that cases which an older one placed are found and placed anew.
const ordersAge = time.Second

// ordered returns a queue set as leads have ordered its queues.
func (d *Room) ordered(ctx context.Context, set *cases.QueueSet) (*cases.QueueSet, error) {
	ahead, err := d.aheadNow(ctx)
	if err != nil {
		return nil, err
	}
	return set.With(ahead), nil
}

func (d *Room) aheadNow(ctx context.Context) (map[string]cases.Ahead, error) {
	now := d.desk.Now()
	d.orders.mu.Lock()
	ahead, age := d.orders.ahead, now.Sub(d.orders.read)
	d.orders.mu.Unlock()
	if ahead != nil && age >= 0 && age < ordersAge {
		return ahead, nil
	}
	var all []store.QueueOrder
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
		all, err = stx.QueueOrders()
		return err
	}); err != nil {
		return nil, err
	}
	ahead = map[string]cases.Ahead{}
	for _, o := range all {
		if o.Factor < cases.WholeFactor && now.Before(o.Until.Time) {
			ahead[o.Queue] = cases.Ahead{Number: o.Number, Factor: o.Factor}
		}
	}
	d.orders.mu.Lock()
	defer d.orders.mu.Unlock()
	d.orders.ahead, d.orders.read = ahead, now
	return ahead, nil
}

// forgetOrders has the next change read what leads have ordered.
func (d *Room) forgetOrders() {
	d.orders.mu.Lock()
	defer d.orders.mu.Unlock()
	d.orders.ahead = nil
}

// QueueOrder returns the newest order of a queue that the caller may read; its number is 0 if there is
// none.
func (d *Room) QueueOrder(ctx context.Context, by kernel.Caller, queue string) (o QueueOrder, err error) {
	if err := d.MayReadQueue(ctx, by, queue); err != nil {
		return o, err
	}
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return o, err
	}
	err = d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		o, err = stx.QueueOrderOf(queue)
		return err
	})
	if o.Worker != "" {
		o.Worker = named(s, st, o.Worker)
	}
	return o, err
}

// Reorder takes a lead's signed order of one of the lead's own queues. text is the order that the deed
// commits to; the deed's version is the number of the newest order that the lead saw. The same deed again
// gives the same answer.
func (d *Room) Reorder(ctx context.Context, by kernel.Caller, queue string, deed actions.SaltedDeed, text string) (QueueOrder, error) {
	var out QueueOrder
	err := d.desk.Change(ctx, by, "reorder a queue", func(s *proof.State) (func(*kernel.Tx) error, error) {
		if deed.Deed.What != actions.DeedReorder {
			return nil, fault.New(fault.Invalid, "bad-deed", "A queue is reordered by a deed %s.", actions.DeedReorder)
		}
		newest := func(stx *store.Tx) (err error) {
			out, err = stx.QueueOrderOf(queue)
			return err
		}
		if err := d.desk.Store.ReadOne(ctx, newest); err != nil {
			return nil, err
		}
		if out.Deed == deed.Deed.Digest().String() && out.Worker == by.Worker {
			return func(*kernel.Tx) error { return nil }, nil
		}
		h, err := d.take1(ctx, s, by, queue, 0, deed, text)
		if err != nil {
			return nil, err
		}
		if err := d.ownQueue(s, h.st, h.queues, queue); err != nil {
			return nil, err
		}
		now := d.desk.Now()
		if !h.order.Until.After(now) || h.order.Until.After(now.Add(MostReorder)) {
			return nil, fault.New(fault.Invalid, "bad-deed", "An order of a queue holds until a time within the next 31 days; %s is none.", h.order.Until)
		}
		return func(t *kernel.Tx) error {
			if err := newest(t.Tx); err != nil {
				return err
			}
			if out.Deed == deed.Deed.Digest().String() {
				return nil
			}
			if out.Number != deed.Deed.Version {
				return fault.New(fault.Conflict, "queue-moved", "The queue %s was ordered anew since you looked at it. Look again: `countersign queue show %[1]s`.", queue)
			}
			h.id = d.desk.IDs.New(DeedPrefix)
			out = QueueOrder{Queue: queue, Factor: h.order.Factor, Worker: by.Worker, Reason: h.order.Note, Made: t.Now(), Until: h.order.Until, Deed: deed.Deed.Digest().String()}
			if out.Number, err = t.OrderQueue(out); err != nil {
				return err
			}
			h.recordDocument(t, cases.Case{})
			return nil
		}, nil
	})
	d.forgetOrders()
	return out, err
}

// ownQueue refuses a queue that is not a lead's own: somebody may work in it who is neither below the
// lead nor at the lead's company.
func (d *Room) ownQueue(s *proof.State, st workforce.Standing, queues *cases.QueueSet, name string) error {
	q, _, ok := queues.Queue(name)
	if !ok || !d.mayWorkQueue(s, st, q) {
		return d.noQueueFor(s, st, queues, name)
	}
	if !st.Has(workforce.Lead) {
		return fault.New(fault.Forbidden, "not-a-lead", "Only a lead reorders a queue. Ask yours, or propose a queue set: `countersign queue propose FILE --reason WHY`.")
	}
	others := 0
	now := d.desk.Now()
	for _, seat := range s.People.Seats() {
		one := s.People.StandingOf(&seat.Worker, now)
		if one.Engaged && one.Worker != st.Worker && one.Vendor != st.Vendor && d.mayWorkQueue(s, one, q) && !slices.Contains(s.People.Chain(one.Worker, now), st.Worker) {
			others++
		}
	}
	if others > 0 {
		return fault.New(fault.Forbidden, "not-your-queue", "The queue %s is not yours alone: %s who may work in it %s neither in your line nor at your company. What concerns other companies' people is a queue set, which several sign: `countersign queue propose FILE --reason WHY`.", name, wording.Many(others, "person"), are(others))
	}
	return nil
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
