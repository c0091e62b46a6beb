package casework

import (
	"context"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/inbox"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// A lead gives back what people of the lead's line have in hand: an absent person's cases, or a whole
// shift's. What they wrote stays as drafts, which the next holder sees.

// InHand is what somebody has in hand.
type InHand struct {
	Worker   workforce.WorkerID
	Claims   []string // cases with a live claim
	Reserved string   // the case that is reserved; empty: none
	Turns    []string // cases that come back to the person
}

// HandedOver is what a hand-over did.
type HandedOver struct {
	Deed     string   // its identifier
	Cases    []string // that wait now, sorted
	Reserved int64    // reservations that ended
}

// inHand reads what somebody has in hand, by key.
func inHand(stx *store.Tx, w workforce.WorkerID) (h InHand, err error) {
	h.Worker = w
	live, err := stx.LiveClaims(w)
	if err != nil {
		return h, err
	}
	for _, c := range live {
		h.Claims = append(h.Claims, c.Case)
	}
	if r, ok, err := stx.Reservation(w); err != nil {
		return h, err
	} else if ok && !r.Over(stx.Now()) {
		h.Reserved = r.Case
	}
	h.Turns, err = stx.TurnsOf(w)
	return h, err
}

// mayHandOver refuses a hand-over of people who are not all in the lead's line.
func (d *Room) mayHandOver(s *proof.State, st workforce.Standing, from, to []workforce.WorkerID) error {
	if !st.Has(workforce.Lead) {
		return fault.New(fault.Forbidden, "not-a-lead", "Only a lead hands over what others have in hand. Your own case: `countersign case release CASE`.")
	}
	for _, w := range slices.Concat(from, to) {
		if !s.Reports(w, st.Worker) {
			return fault.New(fault.Forbidden, "not-your-line", "%s is not in your line. You hand over what people below you have in hand, to people below you or to their queues.", named(s, st, w))
		}
	}
	for _, w := range to {
		if why := d.cannotWork(s, w, d.desk.Now()); why != "" || slices.Contains(from, w) {
			return fault.New(fault.Conflict, "cannot-work", "%s cannot take cases over: choose people who are at work and whose own cases are not handed over.", w)
		}
	}
	return nil
}

// InHand shows a lead what people of the lead's line have in hand: what a hand-over would move.
func (d *Room) InHand(ctx context.Context, by kernel.Caller, of []workforce.WorkerID) (all []InHand, err error) {
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, err
	}
	if len(of) == 0 || len(of) > cases.MaxHandOver {
		return nil, fault.New(fault.Invalid, "bad-parameter", "Name 1 to %d people.", cases.MaxHandOver)
	}
	if !st.Engaged {
		return nil, fault.New(fault.Forbidden, "engagement-ended", "%s is not at this desk any more: %s.", by.Worker, st.Why)
	}
	if err := d.mayHandOver(s, st, of, nil); err != nil {
		return nil, err
	}
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		all = nil
		for _, w := range of {
			h, err := inHand(stx, w)
			if err != nil {
				return err
			}
			all = append(all, h)
		}
		return nil
	})
	return all, err
}

// HandOver takes a lead's signed order: the live claims of people end, their reservations too, and those
// cases and what comes back to them waits for everybody, or for people in turn. text is the order that the
// deed commits to. A deed is good once: the same one again gets the same answer, and moves nothing.
func (d *Room) HandOver(ctx context.Context, by kernel.Caller, deed actions.SaltedDeed, text string) (out HandedOver, err error) {
	err = d.desk.Change(ctx, by, "hand cases over", func(s *proof.State) (func(*kernel.Tx) error, error) {
		if deed.Deed.What != actions.DeedHandOver {
			return nil, fault.New(fault.Invalid, "bad-deed", "Cases are handed over by a deed %s.", actions.DeedHandOver)
		}
		digest := deed.Deed.Digest()
		known := func(stx *store.Tx) (done bool, err error) {
			before, done, err := stx.HandOver(digest)
			if done {
				out = HandedOver{Deed: before.ID, Cases: before.Cases, Reserved: before.Reserved}
			}
			return done, err
		}
		done := false
		if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
			done, err = known(stx)
			return err
		}); err != nil {
			return nil, err
		}
		if done && deed.Signed.Statement.Signer == by.Worker {
			return func(*kernel.Tx) error { return nil }, nil
		}
		h, err := d.take1(ctx, s, by, string(by.Worker), 0, deed, text)
		if err != nil {
			return nil, err
		}
		if err := d.mayHandOver(s, h.st, h.order.From, h.order.To); err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			if done, err := known(t.Tx); err != nil || done {
				return err
			}
			out = HandedOver{Cases: []string{}}
			h.id = d.desk.IDs.New(DeedPrefix)
			ids, err := h.given(t, &out)
			if err != nil {
				return err
			}
			for _, id := range ids { // in one order, so that two hand-overs never wait for each other
				if err := h.handOver(t, id, &out); err != nil {
					return err
				}
			}
			if len(out.Cases) > 0 || out.Reserved > 0 {
				out.Deed = h.id
				h.recordDocument(t, cases.Case{})
			}
			return t.InsertHandOver(store.HandOver{Deed: digest, ID: out.Deed, Worker: by.Worker, Made: t.Now(), Reserved: out.Reserved, Cases: out.Cases})
		}, nil
	})
	return out, err
}

// given ends the reservations of those whose cases are handed over, and returns the cases, sorted.
func (h *hand) given(t *kernel.Tx, out *HandedOver) (ids []string, err error) {
	for _, w := range h.order.From {
		has, err := inHand(t.Tx, w)
		if err != nil {
			return nil, err
		}
		ids = append(append(ids, has.Claims...), has.Turns...)
		if r, ok, err := t.Reservation(w); err != nil {
			return nil, err
		} else if ok {
			t.EndReservation(w, r.Number, t.Now(), "handed-over")
			if !r.Over(t.Now()) {
				out.Reserved++
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// handOver lets one case wait, if it is still with somebody whose cases are handed over: since it was
// listed it may have been decided, released, or claimed by somebody else, whose claim stays.
func (h *hand) handOver(t *kernel.Tx, id string, out *HandedOver) error {
	c, err := t.CaseLocked(id)
	if err != nil {
		return err
	}
	from := c.Turn
	switch {
	case c.State == cases.Claimed && slices.Contains(h.order.From, c.Holder):
		from = c.Holder
	case c.State == cases.Waiting && slices.Contains(h.order.From, c.Turn):
	default:
		return nil
	}
	next := c.To(cases.Waiting, t.Now())
	next.Turn, next.TurnWhy = "", "handed over"
	detail := map[string]string{"deed": h.id, "from": string(from)}
	if n := len(h.order.To); n > 0 {
		to := h.order.To[len(out.Cases)%n]
		err := h.room.barred(t, to, c)
		switch {
		case fault.Is(err, "own-affair"), fault.Is(err, "accounts-undeclared"), fault.Is(err, "accounts-tampered"):
		case err != nil:
			return err
		case h.room.worksOn(h.s, h.s.People.Standing(to, t.Now().Time), c):
			next.Turn, next.Until = to, canonical.At(t.Now().Add(turnFor(c, t.Now())))
			detail["to"] = string(to)
		} // what the person may not judge waits for everybody else
	}
	h.room.moved(t, h.by.Worker, next, "handed-over", detail)
	out.Cases = append(out.Cases, id)
	if next.Turn == "" {
		return nil
	}
	return h.room.inbox.Tell(t, next.Turn, inbox.Turn(next.ID, next.Subject.Platform, next.Version, next.Until))
}
