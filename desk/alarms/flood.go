package alarms

import (
	"context"
	"fmt"
	"time"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/jobs"
	"countersign.dev/ledger/proof"
)

// Somebody who takes ten thousand accounts down also causes ten thousand messages, and
// people miss everything else among them. So of the alarms of one kind about one platform,
// only as many are sent one by one as a person can follow. The others are entered, listed
// and logged like all alarms, and one message in each floodPause says how many they are.
// Alarms about critical subjects are always sent one by one.
const (
	floodEach  = 20               // this many alarms are sent one by one …
	floodSpan  = time.Minute      // … in this time
	floodPause = 10 * time.Second // between two messages about the others
)

// floodJob raises one alarm with the number of those that were not sent one by one.
type floodJob struct {
	Of       alarm.Type `json:"of"`
	Platform string     `json:"platform"`
	After    int64      `json:"after"` // place of the newest alarm when the first of them was raised
}

func (floodJob) Kind() string { return "desk.flood" }

// gathered reports whether an alarm, which is not stored yet, is one too many to be sent by
// itself. If so, it enqueues the job whose message counts it.
func (d *Room) gathered(t *kernel.Tx, a Alarm) (bool, error) {
	if a.Platform == "" || a.Tier == actions.Critical || a.Kind == string(alarm.Flood) {
		return false, nil
	}
	newest, err := t.NewestAlarms(a.Kind, a.Platform, floodEach)
	if err != nil || len(newest) < floodEach || newest[floodEach-1].At.Add(floodSpan).Before(t.Now().Time) {
		return false, err
	}
	j := floodJob{alarm.Type(a.Kind), a.Platform, newest[0].Entry}
	return true, jobs.Enqueue(t.Tx.Tx, j, canonical.At(t.Now().Add(floodPause)), a.Kind+" "+a.Platform)
}

// sayFlood carries out a floodJob.
func (d *Room) sayFlood(ctx context.Context, j floodJob) error {
	return d.desk.Change(ctx, kernel.Caller{}, "alarm", func(*proof.State) (func(*kernel.Tx) error, error) {
		return func(t *kernel.Tx) error {
			n, pages, last, err := t.CountAlarms(string(j.Of), j.Platform, j.After)
			if err != nil || n == 0 {
				return err
			}
			a := Alarm{Kind: string(alarm.Flood), Severity: Warn, Platform: j.Platform,
				Text: fmt.Sprintf("There were %d alarms of the kind %s about %s after ledger entry %d, the last in entry %d. More than %d in a minute are not sent one by one.",
					n, j.Of, j.Platform, j.After, last, floodEach)}
			if pages > 0 {
				a.Severity = Page
			}
			return d.alarmTo(t, a, j.Of)
		}, nil
	})
}
