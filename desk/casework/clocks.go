package casework

import (
	"context"
	"fmt"
	"slices"
	"time"

	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/kernel"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// The clocks of cases are rows: when each started, when it is due, since when it stands still,
// and whether it was met or missed. The promise of a case starts when it is opened, stands
// still while somebody else is asked, and is met by the decision; then nothing moves it.

// missedEvery is the shortest time between two alarms about the missed promises of one queue.
const missedEvery = time.Hour

// clocksPage is the number of clocks that one change marks as missed.
const clocksPage = 200

// promiseOf returns the clock of the promise of a case that is opened.
func promiseOf(c cases.Case) store.Clock {
	return store.Clock{Case: c.ID, Kind: store.PromiseClock, Started: c.Opened, Due: c.Due}
}

// resumed lets the promise of a case go on that stood still while somebody was asked: it is
// due as much later. It reports whether it stood still.
func (d *Room) resumed(t *kernel.Tx, c *cases.Case) (bool, error) {
	due, err := t.ResumeClock(c.ID, store.PromiseClock, t.Now())
	if err != nil || due.IsZero() {
		return false, err
	}
	c.Due = due
	return true, nil
}

// graver lets the promise of a case go on that became one of the highest severity while somebody
// was asked about it: such a promise waits for nobody.
func (d *Room) graver(t *kernel.Tx, before, after cases.Case) error {
	if before.Grave() || !after.Grave() || after.State != cases.Asked {
		return nil
	}
	_, err := t.ResumeClock(after.ID, store.PromiseClock, t.Now())
	return err
}

// sweepClocks marks the clocks as missed whose time is over, and raises one alarm for each
// queue that missed promises.
func (d *Room) sweepClocks(ctx context.Context) error {
	for {
		var late []store.QueuedClock
		if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
			late, err = stx.LateClocks(d.desk.TimeNow(), clocksPage)
			return err
		}); err != nil {
			return err
		}
		if len(late) == 0 {
			return d.tellMissed(ctx)
		}
		if err := d.desk.TryChange(ctx, func(*proof.State) (func(*kernel.Tx) error, error) {
			return func(t *kernel.Tx) error {
				by := map[string]int64{}
				for _, c := range late {
					marked, err := t.MissClock(c.Clock, t.Now())
					if err != nil {
						return err
					}
					if marked {
						by[c.Queue]++
					}
				}
				for _, queue := range sortedKeys(by) {
					if err := t.CountMissed(queue, by[queue]); err != nil {
						return err
					}
				}
				return nil
			}, nil
		}); err != nil {
			return err
		}
	}
}

func sortedKeys(m map[string]int64) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// tellMissed raises the alarms about missed promises that are due: one for a queue, however
// many they are.
func (d *Room) tellMissed(ctx context.Context) error {
	var due []store.Untold
	before := func(now time.Time) canonical.Time { return canonical.At(now.Add(-missedEvery)) }
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
		due, err = stx.Untold(before(d.desk.Now()))
		return err
	}); err != nil {
		return err
	}
	for _, u := range due {
		if err := d.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
			severity := alarms.Warn
			if _, queues, err := d.rules(ctx, s); err == nil {
				if q, _, ok := queues.Queue(u.Queue); ok && q.Grave() {
					severity = alarms.Page
				}
			}
			return func(t *kernel.Tx) error {
				n, err := t.Told(u.Queue, before(t.Now().Time), t.Now())
				if err != nil || n == 0 {
					return err
				}
				text := fmt.Sprintf("%d promises of the queue %s were missed since the last alarm about it: nobody decided these cases in time. `countersign queue show %[2]s` lists them.", n, u.Queue)
				if n == 1 {
					text = fmt.Sprintf("A promise of the queue %s was missed: nobody decided the case in time. `countersign queue show %[1]s` lists it.", u.Queue)
				}
				return d.alarms.Raise(t, alarms.Alarm{Kind: string(alarm.PromiseMissed), Severity: severity, Text: text})
			}, nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// Due is a clock of a case that the caller may read.
type Due struct {
	store.QueuedClock
	Late bool // its time is over
}

// DueClocks returns the clocks of cases in the caller's queues, or in one of them, that are
// due by an instant and not met, the most urgent first. Missed ones are among them.
func (d *Room) DueClocks(ctx context.Context, by kernel.Caller, queue string, until canonical.Time) ([]Due, error) {
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, err
	}
	_, queues, err := d.rules(ctx, s)
	if err != nil {
		return nil, err
	}
	names := d.readable(s, st, queues)
	if queue != "" {
		if !contains(names, queue) {
			return nil, noQueue(queue)
		}
		names = []string{queue}
	}
	var out []Due
	return out, d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		rows, err := stx.DueClocks(names, until, kernel.MaxPage)
		now := stx.Now()
		for _, c := range rows {
			out = append(out, Due{c, !now.Before(c.Due.Time)})
		}
		return err
	})
}
