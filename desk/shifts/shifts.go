// Package shifts is the room of who is at work: presence, which a person says for themself and leads see
// of their line.
package shifts

import (
	"context"
	"slices"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Presence is where a person is.
type Presence = store.Presence

// Room is this room of the desk. It is safe for concurrent use.
type Room struct{ desk *kernel.Kernel }

// New opens the room.
func New(k *kernel.Kernel) *Room { return &Room{k} }

const (
	sweepEvery = 30 * time.Second
	sweepMost  = 500 // rows in one transaction
)

// Run notes who went away without a word, until ctx ends.
func (d *Room) Run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := d.SweepPresence(ctx); err != nil && ctx.Err() == nil {
				d.desk.Logger.ErrorContext(ctx, "it is not noted who went away", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// SweepPresence notes that those are away who were not heard of for cases.InactiveAfter. It may run at any
// time, on every node: what reads presence takes them for away already.
func (d *Room) SweepPresence(ctx context.Context) error {
	for {
		n := 0
		err := d.desk.Store.Write(ctx, func(stx *store.Tx) error {
			now := stx.Now()
			all, err := stx.Inactive(canonical.At(now.Add(-cases.InactiveAfter)), sweepMost)
			if err != nil {
				return err
			}
			n = len(all)
			for _, p := range all {
				if err := stx.BeAt(p.At(now)); err != nil {
					return err
				}
			}
			return nil
		})
		if fault.Is(err, "wrong-state") { // another node was faster
			return nil
		}
		if err != nil || n < sweepMost {
			return err
		}
	}
}

// Presence returns where the caller is. Its state is away if nothing is known.
func (d *Room) Presence(ctx context.Context, by kernel.Caller) (p Presence, err error) {
	if _, _, err := d.desk.Standing(ctx, by); err != nil {
		return p, err
	}
	err = d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		p, err = stx.PresenceOf(by.Worker)
		return err
	})
	return known(p.At(d.desk.TimeNow())), err
}

func known(p Presence) Presence {
	if p.State == "" {
		p.State = cases.Away
	}
	return p
}

// SetPresence takes the caller's word on where they are. The same word again begins no new stretch.
func (d *Room) SetPresence(ctx context.Context, by kernel.Caller, state cases.Presence) (p Presence, err error) {
	err = d.desk.Change(ctx, by, "set presence", func(s *proof.State) (func(*kernel.Tx) error, error) {
		if !slices.Contains(cases.Presences, state) {
			return nil, fault.New(fault.Invalid, "bad-parameter", "%q is no presence. Write on, break, training, meeting or away.", state)
		}
		if _, err := d.desk.Engaged(s, by); err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			if p, err = t.PresenceOf(by.Worker); err != nil {
				return err
			}
			now := t.Now()
			as := p.At(now)
			if as.State == state {
				if state == cases.On {
					t.SeenNow(by.Worker)
				}
				p = as
				return nil
			}
			if as.State != p.State {
				if err := t.BeAt(as); err != nil {
					return err
				}
			}
			p = Presence{Worker: by.Worker, State: state, Since: now, Seen: now, By: by.Worker}
			return t.BeAt(p)
		}, nil
	})
	return p, err
}

// Line returns where the people below the caller in the line are, by name: for leads. Of people outside the
// line it says nothing, whoever else works in the same queues (law 11).
func (d *Room) Line(ctx context.Context, by kernel.Caller) ([]Presence, error) {
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, err
	}
	if !st.Engaged || !st.Has(workforce.Lead) {
		return nil, fault.New(fault.Forbidden, "not-a-lead", "Only leads see where other people are, and only those of their line. Your own: `countersign presence`.")
	}
	var all []Presence
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		all, err = stx.Presences()
		return err
	}); err != nil {
		return nil, err
	}
	rows := map[workforce.WorkerID]Presence{}
	for _, p := range all {
		rows[p.Worker] = p
	}
	now := d.desk.TimeNow()
	out := []Presence{}
	for _, w := range InLine(s, by.Worker, now) {
		p, ok := rows[w]
		if !ok {
			p = Presence{Worker: w}
		}
		out = append(out, known(p.At(now)))
	}
	return out, nil
}

// InLine returns everybody who is at the desk and below a lead, sorted.
func InLine(s *proof.State, lead workforce.WorkerID, now canonical.Time) (out []workforce.WorkerID) {
	for _, seat := range s.People.Seats() {
		one := s.People.StandingOf(&seat.Worker, now.Time)
		if one.Engaged && s.Reports(one.Worker, lead) {
			out = append(out, one.Worker)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
