package acts

import (
	"context"

	"countersign.dev/actions"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// formatsJob ends the requests that are still held in the formats of before, after the desk
// has changed them.
type formatsJob struct{}

func (formatsJob) Kind() string { return "desk.formats" }

// endOutdated carries out a formatsJob.
func (d *Room) endOutdated(ctx context.Context, _ formatsJob) error {
	before := ""
	for {
		var held []store.Request
		if err := d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
			held, err = stx.Requests(store.RequestFilter{Status: actions.StatusHeld, Before: before, Limit: kernel.MaxPage})
			return err
		}); err != nil {
			return err
		}
		for _, r := range held {
			if err := d.endIfOutdated(ctx, r.ID); err != nil {
				return err
			}
			before = r.ID
		}
		if len(held) < kernel.MaxPage {
			return nil
		}
	}
}

// endIfOutdated ends a held request whose formats are not in force any more.
func (d *Room) endIfOutdated(ctx context.Context, request string) error {
	err := d.desk.Change(ctx, kernel.Caller{}, "end an outdated request", func(s *proof.State) (func(*kernel.Tx) error, error) {
		r, err := d.desk.Load(ctx, request)
		if err != nil {
			return nil, err
		}
		if r.Action.Formats() >= s.Formats {
			return func(*kernel.Tx) error { return nil }, nil
		}
		next, err := r.Outdate(d.desk.TimeNow())
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			t.Enter(entry.KindVoid, entry.End{Request: request, Status: next.Status, Type: next.Outcome}).About(request)
			if err := d.end(t, with(r, next)); err != nil {
				return err
			}
			return nil
		}, nil
	})
	if fault.Is(err, "not-open") {
		return nil // it has ended in another way already
	}
	return err
}

// changedFormats enqueues what follows from a change of formats.
func changedFormats(t *kernel.Tx, ch actions.Change) error {
	if c, ok := ch.(actions.Setting); !ok || c.Of != actions.PartFormats {
		return nil
	}
	return jobs.Enqueue(t.Tx.Tx, formatsJob{}, t.Now(), "")
}
