package alarms

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/jobs"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/store"
	"countersign.dev/wording"
)

// progress holds an earlier length of the ledger, so that an executor that lacks only the
// newest entries is not said to be behind.
type progress struct {
	mu   sync.Mutex
	at   time.Time
	size int64
}

// behindAfter is how long an executor may need for entries before it is called behind.
const behindAfter = 30 * time.Second

// behind reports whether the executor has still not read the entries that the ledger held
// behindAfter ago.
func (d *Room) behind(read, size int64) bool {
	p := &d.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	now := d.desk.Now()
	if p.at.IsZero() || read >= p.size {
		p.at, p.size = now, size
		return false
	}
	return now.Sub(p.at) >= behindAfter
}

// healthJob checks the desk's health, and enqueues itself again. Since is the instant up to
// which alarms were raised for requests that wait and reviews that are due.
type healthJob struct {
	Since canonical.Time `json:"since"`
}

func (healthJob) Kind() string { return "desk.health" }

const healthKey = "check"

// checkHealth carries out a healthJob.
func (d *Room) checkHealth(ctx context.Context, j healthJob) error {
	until, err := d.CheckHealth(ctx, j.Since)
	if err != nil {
		return err
	}
	return d.desk.Store.Write(ctx, func(stx *store.Tx) error {
		return jobs.Enqueue(stx.Tx, healthJob{until}, canonical.At(until.Add(d.healthEvery)), healthKey)
	})
}

// CheckHealth raises an alarm for each state that began or ended since the last check,
// and for each request and review that became late after since. It returns the instant
// up to which it has looked.
//
// Clocks that differ do not stop it, since it reports them.
func (d *Room) CheckHealth(ctx context.Context, since canonical.Time) (until canonical.Time, err error) {
	waiting, cancel := context.WithTimeout(ctx, statusPatience)
	st, away := d.desk.Executor.Status(waiting)
	cancel()
	size, _, err := d.desk.Store.Newest(ctx)
	if err != nil {
		return since, err
	}
	found, err := d.sweepDocuments(ctx)
	if err != nil {
		return since, err
	}
	slow := away == nil && d.behind(st.Size, size)
	until = d.desk.TimeNow()
	err = d.desk.ChangeBy(ctx, kernel.Caller{}, "check health", d.desk.Retry, func(s *proof.State) (func(*kernel.Tx) error, error) {
		late, err := d.overdue(ctx, s, since, until)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			if err := d.addresses(t); err != nil {
				return err
			}
			if err := d.states(t, st, away, slow, size); err != nil {
				return err
			}
			if err := d.documents(t, found); err != nil {
				return err
			}
			for _, a := range late {
				if err := d.Raise(t, a); err != nil {
					return err
				}
			}
			return nil
		}, nil
	})
	if err != nil {
		d.sweep.forget(found) // nobody was told
	}
	return until, err
}

// addresses raises an alarm about addresses that get no alarms any more. It goes to the
// other addresses.
func (d *Room) addresses(t *kernel.Tx) error {
	off, err := d.addressMatters(t.Tx, nil)
	if err != nil {
		return err
	}
	began := ""
	for _, m := range off {
		began += m.Text + " "
	}
	return d.turn(t, alarm.AddressOff, len(off) > 0, began+doAddress, "Every address for alarms gets them again.")
}

// states raises alarms about states of the executor that began or ended.
func (d *Room) states(t *kernel.Tx, st linkv1.ExecutorStatus, away error, slow bool, size int64) error {
	if away == nil {
		d.answered.Store(true)
	} else if !d.answered.Load() && d.desk.Now().Before(d.startedBy) {
		return nil // it may still be starting
	}
	if err := d.turn(t, alarm.ExecutorAway, away != nil, awayText(away)+" "+doAway, "The executor answers again."); err != nil || away != nil {
		return err // nothing else is known of an executor that does not answer
	}
	if err := d.turn(t, alarm.ExecutorStopped, st.Stopped != "", "The executor refuses burdening acts: "+st.Stopped+" "+doStopped, "The executor takes burdening acts again."); err != nil {
		return err
	}
	clocks := d.desk.CheckClocks()
	if err := d.turn(t, alarm.ClocksDiffer, clocks != nil, fault.TextOf(clocks), "The clocks of desk and executor agree again."); err != nil {
		return err
	}
	return d.turn(t, alarm.LedgerBehind, slow, fmt.Sprintf("The executor has read %d of %d entries of the ledger, and falls behind. %s", st.Size, size, doBehind), "The executor has caught up with the ledger.")
}

// turn raises an alarm if a state began, and one of severity Info if it is over. The
// newest alarm of the kind says which of them was told last.
func (d *Room) turn(t *kernel.Tx, k alarm.Type, is bool, began, over string) error {
	last, err := t.NewestAlarms(string(k), "", 1)
	if err != nil {
		return err
	}
	was := len(last) > 0 && last[0].Severity != Info
	switch {
	case is && !was:
		return d.Raise(t, Alarm{Kind: string(k), Severity: Page, Text: began})
	case !is && was:
		return d.Raise(t, Alarm{Kind: string(k), Severity: Info, Text: over})
	}
	return nil
}

// overdue returns alarms for the requests that, between two instants, began to wait too
// long for signers, and for the reviews that became due. Many requests of one tier share
// one alarm.
func (d *Room) overdue(ctx context.Context, s *proof.State, after, by canonical.Time) (all []Alarm, err error) {
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		all = all[:0]
		for _, tier := range actions.Tiers {
			wait := signersAfter[tier]
			rs, n, err := stx.Held(tier, canonical.At(after.Add(-wait)), canonical.At(by.Add(-wait)), eachWaiting)
			if err != nil {
				return err
			}
			severity := Warn
			if tier == actions.Critical {
				severity = Page
			}
			if n > eachWaiting {
				all = append(all, Alarm{Kind: string(alarm.Waiting), Severity: severity, Tier: tier,
					Text: fmt.Sprintf("%d requests on %s subjects have waited %s for countersigners. `countersign action list --status held` shows them.", n, tier, wording.Span(wait))})
				continue
			}
			for _, r := range rs {
				all = append(all, Alarm{Kind: string(alarm.Waiting), Severity: severity, Request: r.ID, Platform: r.Action.Subject.Platform, Subject: r.Action.Subject.ID, Tier: tier,
					Text: fmt.Sprintf("%s, requested by %s, has waited %s for countersigners: %s. %s", r.Action.Kind, r.Requester(), wording.Span(wait), strings.TrimSuffix(r.Missing, "."), doSign)})
			}
		}
		due := func(began canonical.Time) bool {
			at := began.Add(reviewAfter)
			return at.After(after.Time) && !at.After(by.Time)
		}
		rs, err := unreviewed(stx, s)
		if err != nil {
			return err
		}
		for _, r := range rs {
			if due(r.Executed) {
				all = append(all, Alarm{Kind: string(alarm.ReviewDue), Severity: Warn, Request: r.ID, Platform: r.Action.Subject.Platform, Subject: r.Action.Subject.ID, Tier: r.Action.Tier,
					Text: fmt.Sprintf("The emergency act by %s was a day ago and has no closed review. Until it has one, its signers and its subject are locked for further emergency acts.", r.Requester())})
			}
		}
		is, err := stx.Incidents(store.IncidentFilter{Status: incident.Open, Limit: mostMatters})
		for _, i := range is {
			if due(i.Opened) {
				all = append(all, Alarm{Kind: string(alarm.ReviewDue), Severity: Warn, Incident: i.ID, Platform: i.Subject.Platform, Subject: i.Subject.ID, Tier: i.Tier,
					Text: "The incident was opened a day ago and its review is not closed."})
			}
		}
		return err
	})
	return all, err
}

// Begin enqueues the first check of the desk's health. If an earlier process left a check
// in the table, that one stays: it knows for which requests alarms were raised already.
func (d *Room) Begin(ctx context.Context) error {
	if d.healthEvery <= 0 {
		return nil
	}
	return d.desk.Store.Write(ctx, func(stx *store.Tx) error {
		return jobs.Enqueue(stx.Tx, healthJob{d.desk.TimeNow()}, d.desk.TimeNow(), healthKey)
	})
}
