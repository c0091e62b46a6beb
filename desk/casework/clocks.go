package casework

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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
// still while somebody else is asked, and is met by the decision; then nothing moves it. The
// clock of media starts with the first reason of child safety, never stands still, and is met
// by a specialist's press.

// missedEvery is the shortest time between two alarms about the missed promises of one queue.
const missedEvery = time.Hour

// clocksPage is the number of clocks that one change marks as missed.
const clocksPage = 200

// promiseOf returns the clock of the promise of a case that is opened.
func promiseOf(c cases.Case) store.Clock {
	return store.Clock{Case: c.ID, Kind: store.PromiseClock, Started: c.Opened, Due: c.Due}
}

// mediaClock returns the clock of the media of a case that has its first reason of child safety.
func mediaClock(id string, now canonical.Time) store.Clock {
	return store.Clock{Case: id, Kind: store.MediaClock, Started: now, Due: canonical.At(now.Add(cases.MediaTime))}
}

// mediaOver freezes the clock of the media of a case that was decided, if no picture was left
// out for a reason of child safety, so that nothing is to be said about any.
func mediaOver(t *kernel.Tx, c cases.Case) error {
	if !c.ChildSafety() {
		return nil
	}
	toSay, err := t.MediaToSay(c.ID)
	if err == nil && !toSay {
		t.FreezeClock(c.ID, store.MediaClock, t.Now())
	}
	return err
}

// withMedia returns cases with the clocks of their media.
func withMedia(stx *store.Tx, all ...*cases.Case) error {
	var ids []string
	for _, c := range all {
		if c.ChildSafety() {
			ids = append(ids, c.ID)
		}
	}
	due, err := stx.RunningClocks(store.MediaClock, ids...)
	for _, c := range all {
		c.Media = due[c.ID]
	}
	return err
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
				by := map[[2]string]int64{}
				for _, c := range late {
					marked, err := t.MissClock(c.Clock, t.Now())
					if err != nil {
						return err
					}
					if marked {
						by[[2]string{toldAs(c.Kind), c.Queue}]++
					}
				}
				for _, of := range slices.SortedFunc(maps.Keys(by), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
					if err := t.CountMissed(of[0], of[1], by[of]); err != nil {
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

// toldAs returns the kind of clock among whose alarms a missed clock is told.
func toldAs(kind string) string {
	if kind == store.MediaClock {
		return kind
	}
	return store.PromiseClock
}

// tellMissed raises the alarms about missed clocks that are due: one for a queue and kind,
// however many they are.
func (d *Room) tellMissed(ctx context.Context) error {
	return errors.Join(d.tellMissedOf(ctx, store.MediaClock, d.mediaMissed), d.tellMissedOf(ctx, store.PromiseClock, d.promiseMissed))
}

// promiseMissed is the alarm about n missed promises of a queue.
func (d *Room) promiseMissed(ctx context.Context, s *proof.State, queue string) func(t *kernel.Tx, n int64) (alarms.Alarm, error) {
	severity := alarms.Warn
	if _, queues, err := d.rules(ctx, s); err == nil {
		if q, _, ok := queues.Queue(queue); ok && q.Grave() {
			severity = alarms.Page
		}
	}
	return func(_ *kernel.Tx, n int64) (alarms.Alarm, error) {
		text := fmt.Sprintf("%d promises of the queue %s were missed since the last alarm about it: nobody decided these cases in time. `countersign queue show %[2]s` lists them.", n, queue)
		if n == 1 {
			text = fmt.Sprintf("A promise of the queue %s was missed: nobody decided the case in time. `countersign queue show %[1]s` lists it.", queue)
		}
		return alarms.Alarm{Kind: string(alarm.PromiseMissed), Severity: severity, Text: text}, nil
	}
}

// namedMissed is the number of cases that one alarm names.
const namedMissed = 10

// mediaMissed is the alarm about n missed clocks of media in a queue. It names the cases about
// which nothing is said yet.
func (d *Room) mediaMissed(_ context.Context, s *proof.State, queue string) func(t *kernel.Tx, n int64) (alarms.Alarm, error) {
	do := d.noSpecialist(s, cases.Case{Queue: queue, Severity: cases.Highest}, "")
	return func(t *kernel.Tx, n int64) (alarms.Alarm, error) {
		open, err := t.MissedCases(queue, store.MediaClock, namedMissed+1)
		if err != nil {
			return alarms.Alarm{}, err
		}
		a := alarms.Alarm{Kind: string(alarm.MediaMissed), Severity: alarms.Page}
		if len(open) == 0 {
			a.Severity = alarms.Warn
			a.Text = fmt.Sprintf("In the queue %s, %s reported for child safety waited for more than an hour until a specialist said what becomes of the media. Nothing is left to say about them now.", queue, someCases(n))
			return a, nil
		}
		more := ""
		if len(open) > namedMissed {
			open, more = open[:namedMissed], " and others (`countersign queue show "+queue+"` lists all)"
		}
		if do == "" {
			do = "A specialist says it, with a reason: `countersign case media CASE copy --reason WHY` to have the pictures copied, or `hash` in the place of `copy` to have only their digests taken."
		}
		a.Text = fmt.Sprintf("For more than an hour no specialist has said what becomes of the media of cases that are reported for child safety, in the queue %s: %s%s. Until then their pictures are kept nowhere but on the platform. %s", queue, strings.Join(open, ", "), more, do)
		return a, nil
	}
}

func someCases(n int64) string {
	if n == 1 {
		return "a case"
	}
	return fmt.Sprint(n, " cases")
}

// tellMissedOf raises the alarms about missed clocks of one kind.
func (d *Room) tellMissedOf(ctx context.Context, kind string, tell func(context.Context, *proof.State, string) func(*kernel.Tx, int64) (alarms.Alarm, error)) error {
	var due []store.Untold
	before := func(now time.Time) canonical.Time { return canonical.At(now.Add(-missedEvery)) }
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
		due, err = stx.Untold(kind, before(d.desk.Now()))
		return err
	}); err != nil {
		return err
	}
	for _, u := range due {
		if err := d.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
			say := tell(ctx, s, u.Queue)
			return func(t *kernel.Tx) error {
				n, err := t.Told(kind, u.Queue, before(t.Now().Time), t.Now())
				if err != nil || n == 0 {
					return err
				}
				a, err := say(t, n)
				if err != nil {
					return err
				}
				return d.alarms.Raise(t, a)
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
			return nil, d.noQueueFor(s, st, queues, queue)
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
