package inquiry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/kernel"
	"countersign.dev/exposure"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// exposureJob compares the present exposure with that of the last check. There is one
// such job: a change of the desk makes it due at once, else it is due once in
// Config.ExposureEvery.
type exposureJob struct{}

func (exposureJob) Kind() string { return "desk.exposure" }

const exposureKey = "check"

// figure holds the numbers that are compared, for one kind of act on one tier of a
// platform.
type figure struct {
	Platform string       `json:"platform"`
	Tier     actions.Tier `json:"tier"`
	Kind     actions.Kind `json:"kind"`
	Number   int          `json:"number"` // the collusion number; 0: nobody can
	Short    []int        `json:"short"`  // the hours of the week that are short of people to countersign
	// AtOnce is the collusion number over the ways that need no wait; nil in figures from
	// before it was recorded. At a desk with few officers a recovery needs fewer people,
	// but takes days.
	AtOnce *int `json:"at_once,omitempty"`
}

// place says what a figure is about.
type place struct {
	platform string
	tier     actions.Tier
	kind     actions.Kind
}

func (f figure) place() place { return place{f.Platform, f.Tier, f.Kind} }

// Finding is one way in which exposure got worse: fewer people than before suffice for
// an act, or too few could countersign it.
type Finding struct {
	Platform string         `json:"platform"`
	Tier     actions.Tier   `json:"tier"`
	Kinds    []actions.Kind `json:"kinds"`
	Was      int            `json:"was"`              // the collusion number at the last check; 0: nobody could
	Is       int            `json:"is"`               // and now
	AtOnce   bool           `json:"at_once,omitzero"` // both numbers are over the ways that need no wait
	Short    []int          `json:"short"`            // hours from now in which fewer than need + 1 could countersign
}

// alarm returns the alarm about a finding. People who may not read exposure get it, so it
// only says that there is a finding, and where.
func (f Finding) alarm() alarms.Alarm {
	kinds := make([]string, len(f.Kinds))
	for i, k := range f.Kinds {
		kinds[i] = string(k)
	}
	what := fmt.Sprintf("%s on %s subjects of %s", strings.Join(kinds, ", "), f.Tier, f.Platform)
	a := alarms.Alarm{Kind: string(alarm.ExposureLowered), Severity: alarms.Warn, Platform: f.Platform, Tier: f.Tier,
		Text: "Fewer people than before can together bring about " + what + "."}
	if f.AtOnce {
		a.Text = "Fewer people than before can together, and at once, bring about " + what + "."
	}
	if len(f.Short) > 0 {
		a.Kind = string(alarm.CoverageShort)
		hours := "All through the coming week"
		if len(f.Short) < exposure.Hours {
			hours = fmt.Sprintf("In %d of the hours of the coming week", len(f.Short))
		}
		a.Text = fmt.Sprintf("%s there is no spare countersigner for %s: if one more person is away, a request may not get its signatures.", hours, what)
	}
	return a
}

// alarmIndispensable raises an alarm that the desk could not go on without some people,
// once for each such group.
func (d *Room) alarmIndispensable(t *kernel.Tx, s *proof.State, some, before []workforce.WorkerID) error {
	if len(some) == 0 || slices.Equal(some, before) {
		return nil
	}
	return d.alarms.Raise(t, alarms.Alarm{Kind: string(alarm.Indispensable), Severity: alarms.IndispensableSeverity(s, some), Text: alarms.IndispensableText(some) + " " + alarms.DoIndispensable})
}

// figures computes the figures of every burdening kind that is no emergency act.
func figures(v *exposure.View, s *proof.State) ([]figure, error) {
	var all []figure
	for _, name := range slices.Sorted(maps.Keys(s.Platforms)) {
		for _, tier := range actions.Tiers {
			for _, spec := range actions.Catalogue() {
				if spec.Desk || spec.Emergency || spec.Direction != actions.Burdening {
					continue
				}
				q := exposure.Question{Kind: spec.Kind, Platform: name, Tier: tier}
				c, err := v.Collusion(q)
				if err != nil {
					return nil, err
				}
				cover, err := v.Coverage(q)
				if err != nil {
					return nil, err
				}
				once := c.AtOnce()
				all = append(all, figure{name, tier, spec.Kind, c.Number, cover.Short, &once})
			}
		}
	}
	return all, nil
}

// fewer reports whether a number of people is less than it was; 0: nobody can.
func fewer(is, was int) bool { return is > 0 && (was == 0 || is < was) }

// worse returns a finding for each figure that is worse than the earlier one. Coverage that
// was short already is found again only if repeat is set.
func worse(was, is []figure, repeat bool) []Finding {
	before, short := map[place]figure{}, map[place]bool{}
	for _, f := range was {
		before[f.place()] = f
		if len(f.Short) > 0 {
			short[place{platform: f.Platform, tier: f.Tier}] = true
		}
	}
	var all []Finding
	add := func(f Finding, kind actions.Kind) {
		for i, have := range all {
			if have.Platform == f.Platform && have.Tier == f.Tier && have.Was == f.Was && have.Is == f.Is && have.AtOnce == f.AtOnce && slices.Equal(have.Short, f.Short) {
				all[i].Kinds = append(all[i].Kinds, kind)
				return
			}
		}
		f.Kinds = []actions.Kind{kind}
		all = append(all, f)
	}
	for _, f := range is {
		b, known := before[f.place()]
		if known && fewer(f.Number, b.Number) {
			add(Finding{Platform: f.Platform, Tier: f.Tier, Was: b.Number, Is: f.Number}, f.Kind)
		} else if known && b.AtOnce != nil && fewer(*f.AtOnce, *b.AtOnce) {
			add(Finding{Platform: f.Platform, Tier: f.Tier, Was: *b.AtOnce, Is: *f.AtOnce, AtOnce: true}, f.Kind)
		}
		// A kind that the last check did not know of is no news where others were short.
		if len(f.Short) > 0 && (repeat || len(b.Short) == 0 && (known || !short[place{platform: f.Platform, tier: f.Tier}])) {
			add(Finding{Platform: f.Platform, Tier: f.Tier, Short: f.Short}, f.Kind)
		}
	}
	return all
}

// CheckExposure compares the present exposure with that of the last check. It enters
// the new figures and its findings, raises an alarm for each finding, and returns the
// findings. If nothing changed and no check is due, it enters nothing.
func (d *Room) CheckExposure(ctx context.Context) (found []Finding, err error) {
	return found, d.desk.ChangeBy(ctx, kernel.Caller{}, "check exposure", d.desk.Retry, func(s *proof.State) (func(*kernel.Tx) error, error) {
		was, held, last, err := d.lastFigures(ctx)
		if err != nil {
			return nil, err
		}
		now := d.desk.TimeNow()
		founded, err := d.founded(ctx)
		if err != nil {
			return nil, err
		}
		first := now.Sub(founded.Time) < firstDay
		v, err := d.view(s, now.Time) // kept for the next caller who asks
		if err != nil {
			return nil, err
		}
		is, err := figures(v, s)
		if err != nil {
			return nil, err
		}
		due := last.IsZero() || !now.Before(last.Add(d.exposureEvery))
		found = worse(was, is, due)
		some := s.Indispensable(now.Time)
		changed := !slices.EqualFunc(was, is, figure.same) || !slices.Equal(some, held)
		return func(t *kernel.Tx) error {
			if err := d.alarmIndispensable(t, s, some, held); err != nil {
				return err
			}
			return d.enterCheck(t, is, found, some, last, due || changed || len(found) > 0, first)
		}, nil
	})
}

// firstDay is for how long after its founding a desk is being set up: each of its people makes
// something possible that nobody could do before, and nobody needs to be frightened by that.
const firstDay = 24 * time.Hour

// founded returns the time of the ledger's first entry.
func (d *Room) founded(ctx context.Context) (at canonical.Time, err error) {
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		e, err := stx.Entry(0)
		at = e.Body.Time
		return err
	})
	return at, err
}

// enterCheck enters figures and findings if enter is set, raises an alarm for each finding, in
// the desk's first day without haste, and enqueues the next check.
func (d *Room) enterCheck(t *kernel.Tx, is []figure, found []Finding, some []workforce.WorkerID, last canonical.Time, enter, first bool) error {
	if enter {
		last = t.Now()
		t.Enter(entry.KindExposureCheck, entry.ExposureCheck{Governance: t.State.Next, Findings: len(found), Indispensable: some}, ledger.Opening{Name: "figures", Value: canonical.MustMarshal(is)},
			ledger.Opening{Name: "findings", Value: canonical.MustMarshal(found)})
	}
	for _, f := range found {
		a := f.alarm()
		if first {
			a.Severity = alarms.Info
			a.Text += " The desk was founded less than a day ago: while people, keys and platforms come in one by one, that is expected."
		}
		if err := d.alarms.Raise(t, a); err != nil {
			return err
		}
	}
	if d.exposureEvery <= 0 {
		return nil
	}
	return jobs.Enqueue(t.Tx.Tx, exposureJob{}, canonical.At(last.Add(d.exposureEvery)), exposureKey)
}

// CheckSoon has the exposure checked once the change under way is committed.
func (d *Room) CheckSoon(t *kernel.Tx) error {
	if d.exposureEvery <= 0 {
		return nil
	}
	return jobs.Enqueue(t.Tx.Tx, exposureJob{}, t.Now(), exposureKey)
}

// same reports whether two figures are about the same place and equal. Of the short hours
// it only compares whether there are any, since the hours pass.
func (f figure) same(o figure) bool {
	return f.place() == o.place() && f.Number == o.Number && f.AtOnce != nil && o.AtOnce != nil && *f.AtOnce == *o.AtOnce && (len(f.Short) == 0) == (len(o.Short) == 0)
}

// lastFigures returns the figures of the last check, the people who were indispensable
// then, and its time. There are no figures if they were erased or no check was made.
func (d *Room) lastFigures(ctx context.Context) (all []figure, some []workforce.WorkerID, at canonical.Time, err error) {
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		e, err := stx.NewestOf(entry.KindExposureCheck)
		if err != nil || e == nil {
			return err
		}
		at = e.Body.Time
		var record entry.ExposureCheck
		if err := canonical.Read(e.Body.Data, &record); err != nil {
			return fmt.Errorf("the newest exposure check in the database: %w", err)
		}
		some = record.Indispensable
		for _, o := range e.Openings {
			if o.Name == "figures" {
				return json.Unmarshal(o.Value, &all)
			}
		}
		return nil
	})
	return all, some, at, err
}

// checkAgain carries out an exposureJob.
func (d *Room) checkAgain(ctx context.Context) error {
	_, err := d.CheckExposure(ctx)
	if fault.Is(err, "not-settled") {
		return nil // nobody is at the desk yet: the change that admits people causes another check
	}
	return err
}

// Begin enqueues a check of exposure for the desk's start.
func (d *Room) Begin(ctx context.Context) error {
	if d.exposureEvery <= 0 {
		return nil
	}
	return d.desk.Store.Write(ctx, func(stx *store.Tx) error {
		return jobs.Enqueue(stx.Tx, exposureJob{}, d.desk.TimeNow(), exposureKey)
	})
}
