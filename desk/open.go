package desk

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/id"
	"countersign.dev/jobs"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// Open makes a desk over its store and folds the governance chain that is
// there. A chain that does not verify is refused: somebody edited the database.
func Open(ctx context.Context, c Config) (*Desk, error) {
	d := &Desk{store: c.Store, log: c.Log, tiles: ledger.Tiles{Source: c.Store}, executor: c.Executor, now: c.Now, rand: c.Rand, logger: c.Logger, step: c.Step,
		destinations: c.Destinations, sender: c.Sender, holders: c.Holders, exposureEvery: c.ExposureEvery, healthEvery: c.HealthEvery,
		startedBy: c.Now().Add(c.ExecutorStart),
		ids:       id.Source{Now: c.Now, Rand: c.Rand}, hurried: make(chan store.Request, 1024)}
	if d.logger == nil {
		d.logger = slog.New(slog.DiscardHandler)
	}
	if d.step == nil {
		d.step = func(string) {}
	}
	d.refused.now = c.Now
	if err := checkDestinations(c.Destinations); err != nil {
		return nil, err
	}
	d.state.Store(proof.NewState(c.Root))
	if _, err := d.fold(ctx); err != nil {
		return nil, err
	}
	d.store.SetGuard(d.checkEntries)
	var err error
	d.jobs, err = jobs.New(ctx, c.Store.DB(), jobs.Options{Now: c.Now, Attempts: handOvers, BackOff: handOverPause, Report: func(r jobs.Record, err error) {
		d.logger.Warn("job failed; it will be tried again", "kind", r.Kind, "attempts", r.Attempts, "error", err)
	}})
	if err != nil {
		return nil, err
	}
	jobs.Handle(d.jobs, func(ctx context.Context, j carryJob) error { return d.carry(ctx, j.Request) })
	jobs.Handle(d.jobs, func(ctx context.Context, j waitJob) error { return d.wait(ctx, j.Request) })
	jobs.Handle(d.jobs, func(ctx context.Context, j expireJob) error { return d.expire(ctx, j.Request) })
	jobs.Handle(d.jobs, func(ctx context.Context, j takenJob) error { return d.enterTaken(ctx, j) })
	jobs.Handle(d.jobs, func(ctx context.Context, j alarmJob) error { return d.sendAlarm(ctx, j) })
	jobs.Handle(d.jobs, func(ctx context.Context, j floodJob) error { return d.sayFlood(ctx, j) })
	jobs.Handle(d.jobs, d.checkHealth)
	jobs.Handle(d.jobs, func(ctx context.Context, _ exposureJob) error { return d.checkAgain(ctx) })
	return d, nil
}

// Found enters the closed founding statement as entry 0.
func (d *Desk) Found(ctx context.Context, c proof.Closed) (ledger.Entry, error) {
	if err := c.Verify(); err != nil {
		return ledger.Entry{}, err
	}
	if c.Founding.Origin != d.log.Origin {
		return ledger.Entry{}, fault.New(fault.Invalid, "bad-founding", "The statement founds the ledger %q, this is %q.", c.Founding.Origin, d.log.Origin)
	}
	var rec *store.Recorded
	err := d.change(ctx, Caller{}, "found", func(s *proof.State) (func(*tx) error, error) {
		if s.Founded() {
			return nil, fault.New(fault.Conflict, "already-founded", "The desk is founded already.")
		}
		return func(t *tx) error {
			rec = t.Record(ledger.Draft{Class: ledger.Governance, Kind: proof.KindFounding, Data: c, Expect: 0})
			return nil
		}, nil
	})
	if err != nil {
		return ledger.Entry{}, err
	}
	return rec.Entry(), nil
}

// carriers is how many warrants are handed over at a time right after their commit.
const carriers = 16

// Run hands approved requests to the executor, ends expired ones, and does what
// else is due, until ctx ends. What was not done when the process died is found
// again in the table of jobs.
func (d *Desk) Run(ctx context.Context) error {
	d.jobs.Start()
	if err := d.beginChecks(ctx); err != nil {
		d.logger.ErrorContext(ctx, "exposure is not checked", "error", err)
	}
	if err := d.beginHealth(ctx); err != nil {
		d.logger.ErrorContext(ctx, "it is not looked at what needs a person", "error", err)
	}
	var running sync.WaitGroup
	for range carriers {
		running.Go(func() { d.carryHurried(ctx) })
	}
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		d.compareClocks(ctx)
		select {
		case <-tick.C:
			if err := d.recordRefusalSums(ctx); err != nil && ctx.Err() == nil {
				d.logger.ErrorContext(ctx, "refusals not recorded", "error", err)
			}
		case <-ctx.Done():
		}
	}
	running.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	d.jobs.Stop(last)
	return ctx.Err()
}

func (d *Desk) carryHurried(ctx context.Context) {
	for {
		select {
		case r := <-d.hurried:
			if err := d.handOver(ctx, r); err != nil && ctx.Err() == nil {
				d.logger.WarnContext(ctx, "hand-over failed; it will be tried again", "request", r.ID, "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// hurry has a request carried at once, if it was approved; warrant is the entry
// that was made for it just now, nil if it has long known its place. If the
// channel is full, or the process dies first, its job does it.
func (d *Desk) hurry(r store.Request, warrant *store.Recorded) {
	if r.Status != actions.StatusApproved {
		return
	}
	if warrant != nil {
		r.Entry = warrant.Entry().Index
	}
	select {
	case d.hurried <- r:
	default:
	}
}
