// Package casework is the desk's room for the day's work: reports come in and join cases,
// cases wait in queues, one person at a time claims one, and decides it. What a decision asks
// for goes the way of every act.
//
// It trusts no row with authority: a decision counts by its signature, and its measures are
// judged by the executor again. It promises that an acknowledged report belongs to exactly
// one case (law 12), that a case is with one person at most (law 13), and that a decision
// names what was seen (law 14).
package casework

import (
	"context"
	"sync"
	"time"

	"countersign.dev/cases"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/inbox"
	"countersign.dev/desk/kernel"
	"countersign.dev/desk/sets"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// Config holds the parts of the room that other rooms and the wiring give it.
type Config struct {
	// OwnSecret keys the digests of accounts, so that the database alone tells nobody whose
	// they are. All nodes of a desk have the same.
	OwnSecret []byte
	// SweepEvery is the time between two looks for claims and snoozes that are over; 0: a
	// second.
	SweepEvery time.Duration
}

// The steps of a day's work besides those of package kernel and those of evidence. A desk may
// die after each of them. A decision is a kernel.StepRequested, with or without measures.
const (
	StepReported = "reported" // reports are committed; whoever handed them in has no answer yet
	StepClaimed  = "claimed"  // a claim is committed, and shows nothing yet
	StepShown    = "shown"    // what a claim shows is committed; its holder has no answer yet
	StepSettled  = "settled"  // it is committed what the measures of a case have led to
)

// Room is this room of the desk. It is safe for concurrent use.
type Room struct {
	desk   *kernel.Kernel
	acts   *acts.Room
	alarms *alarms.Room
	sets   *sets.Room
	inbox  *inbox.Room
	secret []byte
	looks  Looks
	every  time.Duration

	vendors  vendorCounts
	orders   orders
	trying   sync.Mutex
	handling handling

	*evidence
}

// New opens the room and registers its jobs.
func New(k *kernel.Kernel, a *acts.Room, x *sets.Room, al *alarms.Room, box *inbox.Room, c Config) *Room {
	d := &Room{desk: k, acts: a, alarms: al, sets: x, inbox: box, secret: c.OwnSecret, every: c.SweepEvery}
	if d.every == 0 {
		d.every = time.Second
	}
	d.evidence = d.newEvidence()
	a.Given(d.asGiven)
	al.Also(d.unworked)
	jobs.Handle(k.Jobs, func(ctx context.Context, j acts.SettleCase) error { return d.settle(ctx, j.Case) })
	jobs.Handle(k.Slow, func(ctx context.Context, j preserveJob) error {
		return d.askPreserve(ctx, platform.Subject{Platform: j.Platform, ID: j.Subject})
	})
	return d
}

// Run ends claims and snoozes whose time is over, and puts cases where a newer queue set or a lead's
// order puts them, until ctx ends.
func (d *Room) Run(ctx context.Context) {
	var watching sync.WaitGroup
	watching.Go(func() { d.watchHashes(ctx) })
	// Placing a million cases anew takes minutes; nobody's claim waits for that.
	watching.Go(func() { d.each(ctx, "cases are not placed anew", d.placeAnew) })
	defer watching.Wait()
	d.each(ctx, "claims that are over are not ended", d.ends)
}

// each does something again and again, until ctx ends.
func (d *Room) each(ctx context.Context, fails string, do func(context.Context) error) {
	tick := time.NewTicker(d.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := do(ctx); err != nil && ctx.Err() == nil {
				d.desk.Logger.ErrorContext(ctx, fails, "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// rules returns the sets in force; a fault "no-rules" if the desk has none yet.
func (d *Room) rules(ctx context.Context, s *proof.State) (*cases.RuleSet, *cases.QueueSet, error) {
	if !s.Casework() {
		return nil, nil, fault.New(fault.Conflict, "no-rules", "This desk has no rule set and queue set yet, so that nobody can work on cases. Officers adopt them: first `countersign rule default --out rules.json` and `countersign rule propose rules.json --reason WHY` and, once that is countersigned, `countersign queue default --out queues.json` and `countersign queue propose queues.json --reason WHY`.")
	}
	rules, err := d.sets.Rules(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	queues, err := d.sets.Queues(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	queues, err = d.ordered(ctx, queues)
	return rules, queues, err
}

// namedIn returns a case as somebody may read it: people of other companies are not named.
func namedIn(s *proof.State, reader workforce.Standing, c cases.Case) cases.Case {
	for _, w := range []*workforce.WorkerID{&c.By, &c.Holder, &c.Turn} {
		if *w != "" {
			*w = named(s, reader, *w)
		}
	}
	return c
}

// namedFor is namedIn for a caller, of a case that a change has returned.
func (d *Room) namedFor(by kernel.Caller, c cases.Case) cases.Case {
	s := d.desk.Newest()
	return namedIn(s, s.People.Standing(by.Worker, d.desk.Now()), c)
}

// who is named for errors.
func who(s *proof.State, reader workforce.Standing) func(workforce.WorkerID) string {
	return func(w workforce.WorkerID) string { return string(named(s, reader, w)) }
}
