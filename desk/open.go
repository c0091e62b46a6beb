package desk

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"countersign.dev/cases"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/inbox"
	"countersign.dev/desk/incidents"
	"countersign.dev/desk/inquiry"
	"countersign.dev/desk/kernel"
	"countersign.dev/desk/looks"
	"countersign.dev/desk/rolls"
	"countersign.dev/desk/sets"
	"countersign.dev/desk/shifts"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// Open makes a desk on a store, and folds the governance chain in it. It refuses a chain
// that does not verify, since somebody must have edited the database.
func Open(ctx context.Context, c Config) (*Desk, error) {
	if len(c.Casework.OwnSecret) < cases.MinOwnSecret {
		return nil, fmt.Errorf("the secret under which the desk keeps accounts has %d bytes; it needs %d", len(c.Casework.OwnSecret), cases.MinOwnSecret)
	}
	if len(c.BrowserSecret) < 32 {
		return nil, fmt.Errorf("the secret from which cookies are made has %d bytes; it needs 32", len(c.BrowserSecret))
	}
	k, err := kernel.New(ctx, kernel.Config{Store: c.Store, Log: c.Log, Executor: c.Executor, Root: c.Root, Now: c.Now, Rand: c.Rand, Logger: c.Logger, Holders: c.Holders, Step: c.Step})
	if err != nil {
		return nil, err
	}
	a, err := alarms.New(k, c.Alarms)
	if err != nil {
		return nil, err
	}
	box, err := inbox.New(k, a, c.Inbox)
	if err != nil {
		return nil, err
	}
	i := incidents.New(k, a)
	q := inquiry.New(k, a, c.ExposureEvery)
	x := sets.New(k)
	act := acts.New(k, i, q, a, x, box)
	work := casework.New(k, act, x, a, box, c.Casework)
	second := looks.New(k, work, x, a, box, looks.Config{Secret: c.Casework.OwnSecret})
	return &Desk{rollsRoom: rolls.New(k, cmp.Or(c.RollEvery, rolls.DefaultEvery), cases.FieldReporter), actsRoom: act, setsRoom: x, incidentsRoom: i, inquiryRoom: q, alarmsRoom: a, inboxRoom: box, caseworkRoom: work, looksRoom: second, shiftsRoom: shifts.New(k), kernel: k, browserKey: c.BrowserSecret}, nil
}

// Found enters the closed founding statement as entry 0.
func (d *Desk) Found(ctx context.Context, c proof.Closed) (ledger.Entry, error) {
	if err := c.Verify(); err != nil {
		return ledger.Entry{}, err
	}
	if c.Founding.Origin != d.kernel.Log.Origin {
		return ledger.Entry{}, fault.New(fault.Invalid, "bad-founding", "The statement founds the ledger %q, but this desk's ledger is %q.", c.Founding.Origin, d.kernel.Log.Origin)
	}
	var rec *store.Appended
	err := d.kernel.Change(ctx, kernel.Caller{}, "found", func(s *proof.State) (func(*kernel.Tx) error, error) {
		if s.Founded() {
			return nil, fault.New(fault.Conflict, "already-founded", "The desk is founded already.")
		}
		return func(t *kernel.Tx) error {
			rec = t.Append(ledger.Draft{Class: ledger.Governance, Kind: proof.KindFounding, Data: c, Expect: 0})
			return nil
		}, nil
	})
	if err != nil {
		return ledger.Entry{}, err
	}
	return rec.Entry(), nil
}

// Run does the desk's background work until ctx ends: it hands approved requests to the
// executor, ends expired ones, rolls documents, sends alarms and messages, and checks exposure and the
// desk's health.
func (d *Desk) Run(ctx context.Context) error {
	if err := d.inquiryRoom.Begin(ctx); err != nil {
		d.kernel.Logger.ErrorContext(ctx, "exposure is not checked", "error", err)
	}
	if err := d.alarmsRoom.Begin(ctx); err != nil {
		d.kernel.Logger.ErrorContext(ctx, "the desk's health is not checked", "error", err)
	}
	var running sync.WaitGroup
	running.Go(func() { d.actsRoom.Run(ctx) })
	running.Go(func() { d.caseworkRoom.Run(ctx) })
	running.Go(func() { d.rollsRoom.Run(ctx) })
	running.Go(func() { d.inboxRoom.Run(ctx) })
	running.Go(func() { d.looksRoom.Run(ctx) })
	running.Go(func() { d.shiftsRoom.Run(ctx) })
	running.Go(func() {
		d.kernel.Store.Hear(ctx, func(err error) {
			d.kernel.Logger.WarnContext(ctx, "the changes of other nodes are not heard; it will be tried again", "error", err)
		})
	})
	err := d.kernel.Run(ctx)
	running.Wait()
	d.kernel.Stop(ctx)
	return err
}
