package casework

import (
	"context"
	"slices"
	"sync"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// This file reserves the following case for somebody who is about to finish another one, so that
// what is slow about it is done before Next shows it: nobody else is given it, its owner is read, and
// its state. A reservation is no claim. It shows nothing, tells nothing of the case, and nobody
// counts as having seen the case until Next has claimed it.
//
// It is bounded, since it keeps a case from everybody else: one of a person; a minute, and two more;
// three minutes beside one claim, however often the person asks; the same case once a day; and never
// a case that is urgent. It keeps the case that Next would give at that moment and no other, so that
// nobody chooses.

// StepReserved: a reservation is committed, and nothing of its case was read yet.
const StepReserved = "reserved"

// ReserveWish asks for a reservation beside a claim.
type ReserveWish struct {
	Case   string // which the caller holds
	Claim  int64  // its number
	Number int64  // of the reservation that is to be renewed; 0: a new one
	Queue  string // only of this queue; empty: of all in which the caller works
}

// Reservation says that a case is kept for the caller, and not which.
type Reservation struct {
	Number int64 // 0: none is
	Until  canonical.Time
}

// Reserve keeps the following case for the caller, beside a claim of the caller's. Asked again it
// answers the same; with the reservation's number it renews it. It reserves nothing if nothing
// waits, or what Next would give may not be reserved.
func (d *Room) Reserve(ctx context.Context, by kernel.Caller, w ReserveWish) (Reservation, error) {
	for range reserveRounds {
		r, fresh, err := d.reserve(ctx, by, w)
		if err != nil || !fresh {
			return r, err
		}
		d.desk.Step(StepReserved)
		if ok, err := d.readAhead(ctx, by, r); err != nil || ok {
			return r, err
		}
	}
	return Reservation{}, nil
}

// reserveRounds is how often one call reserves another case since the one before turned out to be the
// caller's own affair.
const reserveRounds = 3

// reserve writes what Reserve answers. fresh says that the reservation is a new one.
func (d *Room) reserve(ctx context.Context, by kernel.Caller, w ReserveWish) (out Reservation, fresh bool, err error) {
	err = d.desk.Change(ctx, by, "reserve a case", func(s *proof.State) (func(*kernel.Tx) error, error) {
		st, _, queues, err := d.atWork(ctx, s, by)
		if err != nil {
			return nil, err
		}
		names, err := d.queuesOf(s, st, queues, w.Queue)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			out, fresh = Reservation{}, false
			if err := t.LockOwn(by.Worker); err != nil {
				return err
			}
			if _, err := d.mine(t, s, st, by, w.Case, w.Claim); err != nil {
				return err
			}
			beside, err := t.Tx.Claim(w.Case, w.Claim)
			if err != nil {
				return err
			}
			now := t.Now()
			may := beside.Reserved <= cases.MaxRenewals // each lease counts, the first one too
			c, r, err := d.ownReservation(t, s, st, by.Worker, names, nil)
			if err != nil {
				return err
			}
			if c.ID != "" && c.Urgent(now) {
				// It was not urgent when it was reserved. Now it waits for everybody.
				t.EndReservation(r.Worker, r.Number, now, "urgent")
				c = cases.Case{}
			}
			if c.ID != "" {
				out = Reservation{r.Number, r.Until}
				if w.Number != r.Number || !may || r.Renewed >= cases.MaxRenewals {
					return nil
				}
				out.Until = canonical.At(now.Add(cases.ReserveLife))
				t.RenewReservation(r.Worker, r.Number, out.Until)
				t.CountReserved(w.Case, w.Claim)
				return nil
			}
			if !may {
				return nil
			}
			if c, err = d.mostUrgent(t, s, st, by.Worker, names, nil); err != nil || c.ID == "" || c.Urgent(now) {
				return err
			}
			if had, err := t.HadReservation(c.ID, by.Worker, canonical.At(now.Add(-cases.ReserveAgain))); err != nil || had {
				return err
			}
			until := canonical.At(now.Add(cases.ReserveLife))
			number, err := t.InsertReservation(store.Reservation{Worker: by.Worker, Case: c.ID, Token: by.Token, Severity: c.Severity, Made: now, Until: until})
			if err != nil {
				return err
			}
			t.CountReserved(w.Case, w.Claim)
			out, fresh = Reservation{number, until}, true
			return nil
		}, nil
	})
	return out, fresh, err
}

// ownReservation locks the case that is reserved for a worker, if the worker may still have it. If
// not, the reservation is ended, and the case that it returns is empty.
func (d *Room) ownReservation(t *kernel.Tx, s *proof.State, st workforce.Standing, w workforce.WorkerID, queues, without []string) (none cases.Case, r store.Reservation, err error) {
	r, ok, err := t.Reservation(w)
	if err != nil || !ok {
		return none, r, err
	}
	drop := func(why string) (cases.Case, store.Reservation, error) {
		t.EndReservation(w, r.Number, t.Now(), why)
		return none, r, nil
	}
	if r.Over(t.Now()) {
		return drop("over")
	}
	c, err := t.CaseLocked(r.Case)
	switch {
	case err != nil:
		return none, r, err
	case !c.State.Takeable():
		return drop("moved")
	case slices.Contains(without, c.ID):
		return drop("not-wanted")
	case c.Severity.Rank() > r.Severity.Rank():
		return drop("graver")
	case c.Turn != "" && c.Turn != w && t.Now().Before(c.Until.Time):
		return drop("moved")
	}
	skipped, err := t.Skipped(c.ID, w)
	if err != nil {
		return none, r, err
	}
	if skipped {
		return drop("skipped")
	}
	may, err := d.mayHave(t, s, st, w, queues, c)
	if err != nil || may.ID != "" {
		return may, r, err
	}
	return drop("not-theirs")
}

// reserved takes the case that is reserved for a worker, for Next; the case is empty if none is.
// dropped says that there was one, and that the worker may not have it any more.
func (d *Room) reserved(t *kernel.Tx, s *proof.State, st workforce.Standing, w workforce.WorkerID, queues, without []string) (c cases.Case, dropped bool, err error) {
	c, r, err := d.ownReservation(t, s, st, w, queues, without)
	if err == nil && c.ID != "" {
		t.EndReservation(w, r.Number, t.Now(), "taken")
	}
	return c, c.ID == "" && r.Number > 0, err
}

// readAhead reads the subject of a case that was just reserved: whose it is, and its state, which
// Next then shows as the one seen last. It reports whether the reservation stands: if the case is
// the caller's own affair, it does not. While the platform does not answer nobody can tell, and Next
// reads it again.
func (d *Room) readAhead(ctx context.Context, by kernel.Caller, of Reservation) (stands bool, err error) {
	var r store.Reservation
	var c cases.Case
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
		if r, stands, err = stx.Reservation(by.Worker); err != nil || !stands || r.Number != of.Number {
			return err
		}
		c, err = stx.Case(r.Case)
		return err
	}); err != nil || c.ID == "" {
		return true, err // Next was faster
	}
	s, err := d.desk.State(ctx)
	if err != nil {
		return true, err
	}
	if ctx, err = d.asShown(ctx, c); err != nil {
		return true, err
	}
	reading, err := d.desk.Read(ctx, s, c.Subject.String())
	if err != nil {
		return true, nil
	}
	if err := d.saw(ctx, c, reading); err != nil {
		return true, err
	}
	if c.Owner == reading.Account() {
		return true, nil
	}
	err = d.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
		return func(t *kernel.Tx) error {
			stands = true
			have, err := t.CaseLocked(c.ID)
			if err != nil || !have.State.Takeable() {
				return err
			}
			if err = d.barred(t, by.Worker, have); fault.Is(err, "own-affair") {
				stands = false
				t.EndReservation(by.Worker, of.Number, t.Now(), "own-affair")
				return nil
			}
			return err
		}, nil
	})
	return stands, err
}

// sweepReservations ends the reservations whose time or sign-in is over, or whose person may not work
// any more, and forgets old ones.
func (d *Room) sweepReservations(ctx context.Context) error {
	s, err := d.desk.State(ctx)
	if err != nil {
		return err
	}
	const page = 500
	ending := map[workforce.WorkerID]string{}
	var all []store.LiveReservation
	old := canonical.At(d.desk.Now().Add(-cases.ReserveAgain))
	var some bool
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
		now := d.desk.TimeNow()
		for after := workforce.WorkerID(""); ; {
			live, err := stx.LiveReservations(after, now, page)
			if err != nil {
				return err
			}
			for _, r := range live {
				after = r.Worker
				switch why := d.cannotWork(s, r.Worker, now.Time); {
				case r.Over(now):
					ending[r.Worker] = "over"
				case r.Left:
					ending[r.Worker] = "signed-out"
				case why != "":
					ending[r.Worker] = why
				default:
					continue
				}
				all = append(all, r)
			}
			if len(live) < page {
				break
			}
		}
		// They are removed by the hour.
		some, err = stx.OldReservations(canonical.At(old.Add(-time.Hour)))
		return err
	}); err != nil {
		return err
	}
	if len(all) == 0 && !some {
		return nil
	}
	return d.desk.TryChange(ctx, func(*proof.State) (func(*kernel.Tx) error, error) {
		return func(t *kernel.Tx) error {
			for _, r := range all {
				if why := ending[r.Worker]; why == "over" {
					t.EndOverReservation(r.Worker, r.Number, t.Now())
				} else {
					t.EndReservation(r.Worker, r.Number, t.Now(), why)
				}
			}
			if some {
				return t.DropReservations(old)
			}
			return nil
		}, nil
	})
}

// handling remembers for a minute how long people take for a case of each queue.
type handling struct {
	mu sync.Mutex
	by map[string]handlingOf
}

type handlingOf struct {
	median time.Duration
	read   time.Time
}

// The handling time of a queue is the median of its newest decided cases; usualHandling is taken
// where fewer than leastHandled were decided.
const (
	mostHandled   = 101
	leastHandled  = 5
	usualHandling = 45 * time.Second
)

// ReserveAfter returns how old a claim of a case in a queue is when the following case is reserved:
// two thirds of the median of the queue's handling times.
func (d *Room) ReserveAfter(ctx context.Context, queue string) (time.Duration, error) {
	now := d.desk.Now()
	d.handling.mu.Lock()
	have, ok := d.handling.by[queue]
	d.handling.mu.Unlock()
	if !ok || now.Sub(have.read) >= time.Minute {
		var all []time.Duration
		if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
			all, err = stx.HandlingTimes(queue, mostHandled)
			return err
		}); err != nil {
			return 0, err
		}
		have = handlingOf{usualHandling, now}
		if len(all) >= leastHandled {
			slices.Sort(all)
			have.median = all[len(all)/2]
		}
		d.handling.mu.Lock()
		if d.handling.by == nil {
			d.handling.by = map[string]handlingOf{}
		}
		d.handling.by[queue] = have
		d.handling.mu.Unlock()
	}
	return have.median * 2 / 3, nil
}
