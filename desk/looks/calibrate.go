package looks

import (
	"context"
	"slices"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/agreement"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger/proof"
	"countersign.dev/prose"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// This file is calibration: several people judge the same decided cases, each a copy of their own, without
// knowing that; then they compare and talk, and what they found is kept. It counts for nobody's figures.

// Calibration is a calibration as a lead may read it.
type Calibration struct {
	store.Calibration
	Cases []Calibrated  // once it is closed, or all have judged; else only how far it is
	Rules []RuleFigures // likewise
	Left  int64         // copies that are still to be judged
	Of    int64         // copies
}

// Calibrated is one case of a calibration with the verdicts on it.
type Calibrated struct {
	Decision string
	Case     string
	Subject  string
	First    cases.Found
	Verdicts []Side
}

// RuleFigures is how far people agree on the cases of a rule: that under which a case was decided first; 0:
// under none.
type RuleFigures struct {
	Rule int64
	agreement.Several
}

// Calibrate makes a calibration by the signed order of a lead: decided cases that the lead may know of, and
// people of the lead's company who work on their queues. An employee may name anybody.
func (d *Room) Calibrate(ctx context.Context, by kernel.Caller, deed actions.SaltedDeed, text string) (Calibration, error) {
	made := ""
	err := d.desk.Change(ctx, by, string(actions.DeedCalibrate), func(s *proof.State) (func(*kernel.Tx) error, error) {
		st, o, err := d.calibrationOrder(ctx, s, by, text)
		if err != nil {
			return nil, err
		}
		sealed, err := d.deed(ctx, s, by, string(by.Worker), actions.DeedCalibrate, deed, text)
		if err != nil {
			return nil, err
		}
		bad := func(format string, args ...any) error {
			return fault.New(fault.Invalid, "bad-calibration", format, args...)
		}
		sorted := slices.Sorted(slices.Values(o.People))
		switch {
		case len(o.Decisions) == 0 || len(o.Decisions) > cases.MaxCalibrated:
			return nil, bad("A calibration has 1 to %d decided cases; these are %d.", cases.MaxCalibrated, len(o.Decisions))
		case len(o.People) < 2 || len(o.People) > cases.MaxCalibrators:
			return nil, bad("2 to %d people judge the cases of a calibration; these are %d.", cases.MaxCalibrators, len(o.People))
		case !slices.Equal(slices.Compact(sorted), o.People):
			return nil, bad("The people stand in the order of their names, each once.")
		case len(slices.Compact(slices.Sorted(slices.Values(o.Decisions)))) != len(o.Decisions):
			return nil, bad("A decision is there twice.")
		}
		if err := prose.CheckLine("The title", o.Title); err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			id := cases.CalibrationPrefix + "_" + idOf(deed.Deed.Digest())[:26]
			made = id
			if done, err := d.once(t, deed, id, sealed); err != nil || done {
				return err
			}
			t.InsertCalibration(store.Calibration{ID: id, Lead: by.Worker, Vendor: st.Vendor, Title: o.Title, Made: t.Now(), People: o.People})
			for _, decision := range o.Decisions {
				if err := d.calibrated(t, s, st, id, decision, o.People); err != nil {
					return err
				}
			}
			return nil
		}, nil
	})
	if err != nil {
		return Calibration{}, err
	}
	return d.Calibration(ctx, by, made)
}

func (d *Room) calibrationOrder(ctx context.Context, s *proof.State, by kernel.Caller, text string) (st workforce.Standing, o cases.CalibrationOrder, err error) {
	if st, err = d.work.AtWork(ctx, s, by); err != nil {
		return st, o, err
	}
	if !st.Has(workforce.Lead) {
		return st, o, fault.New(fault.Forbidden, "lead-needed", "Leads make calibrations.")
	}
	o, err = cases.ParseCalibrationOrder(text)
	return st, o, err
}

// calibrated has a copy of a decided case made for each of several people.
func (d *Room) calibrated(t *kernel.Tx, s *proof.State, st workforce.Standing, id, decision string, people []workforce.WorkerID) error {
	row, err := t.CaseDecision(decision)
	if err != nil {
		return err
	}
	none := fault.New(fault.NotFound, "no-such-decision", "There is no decision %q of a case that you may know of.", decision)
	c, err := t.Case(row.Case)
	if err != nil {
		return err
	}
	first, known := s.People.Worker(row.Worker)
	switch {
	case !d.work.WorksOnCase(s, st, c), st.Vendor != "" && known && first.Vendor != st.Vendor:
		return none
	case !row.TakenBack.IsZero():
		return fault.New(fault.Conflict, "taken-back", "The decision %s was taken back.", decision)
	case c.Grave():
		return fault.New(fault.Forbidden, "grave-case", "The case %s is of the highest severity. Nobody sees such content to practise.", c.ID)
	}
	reading, err := t.SeenReading(c.ID)
	if err != nil {
		return err
	}
	for _, w := range people {
		seat := s.People.Standing(w, t.Now().Time)
		switch {
		case !seat.Engaged, st.Vendor != "" && seat.Vendor != st.Vendor, !d.work.WorksOnCase(s, seat, c):
			return fault.New(fault.Forbidden, "not-eligible", "%s is nobody of your company who works on the queue %s.", w, c.Queue)
		}
		knows, err := t.Knows(w, c, true)
		if err != nil {
			return err
		}
		if knows || w == row.Worker {
			return fault.New(fault.Conflict, "not-blind", "%s knows the case %s already. Choose other cases, or other people.", w, c.ID)
		}
		l := cases.Look{ID: d.desk.IDs.New(cases.LookPrefix), Kind: cases.Calibration, State: cases.LookDrawn, Decision: row.ID, Case: row.Case, Worker: row.Worker, Vendor: st.Vendor,
			Verdict: actions.CaseVerdict(row.Verdict), Rule: row.Rule, Queue: c.Queue, Day: dayOf(row.Time), Chance: cases.MaxChance, Why: "calibration", Calibration: id, Only: w, Drawn: t.Now()}
		t.InsertLook(store.SealedLook{Look: l, Seal: l.Seal(d.secret), Reading: reading})
		if err := jobs.Enqueue(t.Tx.Tx, copyJob{l.ID}, t.Now(), l.ID); err != nil {
			return err
		}
	}
	return nil
}

// reads reports whether somebody may read a calibration: a lead who is an employee, or one of the company
// of the lead who made it.
func readsCalibration(st workforce.Standing, c store.Calibration) bool {
	return st.Engaged && st.Has(workforce.Lead) && (st.Vendor == "" || st.Vendor == c.Vendor)
}

// Calibrations returns calibrations that the caller may read, newest first, without their cases.
func (d *Room) Calibrations(ctx context.Context, by kernel.Caller, before string) (out []Calibration, err error) {
	_, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, err
	}
	if !st.Engaged || !st.Has(workforce.Lead) {
		return nil, fault.New(fault.Forbidden, "lead-needed", "Leads make calibrations, and read them.")
	}
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		all, err := stx.Calibrations(st.Vendor, st.Vendor == "", before, mattersPage)
		for _, c := range all {
			out = append(out, Calibration{Calibration: c})
		}
		return err
	})
	return out, err
}

// Calibration returns a calibration that the caller may read. Verdicts are shown when all are there, or it is
// closed: until then they would tell one of the people what the others found.
func (d *Room) Calibration(ctx context.Context, by kernel.Caller, id string) (out Calibration, err error) {
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return out, err
	}
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		c, err := stx.Calibration(id)
		if err != nil {
			return err
		}
		if !readsCalibration(st, c) {
			return store.NoCalibration(id)
		}
		out.Calibration = c
		looks, err := stx.Looks(store.LookFilter{Calibration: id, Limit: cases.MaxCalibrated * cases.MaxCalibrators})
		if err != nil {
			return err
		}
		for _, l := range looks {
			out.Of++
			if l.State == cases.LookDrawn || l.State == cases.LookWaiting {
				out.Left++
			}
		}
		if out.Left > 0 && c.Closed.IsZero() {
			return nil
		}
		out.Cases, err = d.verdicts(stx, s, st, looks)
		out.Rules = byRule(out.Cases)
		return err
	})
	return out, err
}

// verdicts returns the cases of a calibration with what each of its people found.
func (d *Room) verdicts(stx *store.Tx, s *proof.State, reader workforce.Standing, looks []store.SealedLook) (all []Calibrated, err error) {
	for _, l := range slices.Backward(looks) { // in the order in which they were named
		i := slices.IndexFunc(all, func(c Calibrated) bool { return c.Decision == l.Decision })
		if i < 0 {
			row, err := stx.CaseDecision(l.Decision)
			if err != nil {
				return nil, err
			}
			if row.Requests, err = stx.RequestsOfDecision(row.ID); err != nil {
				return nil, err
			}
			c, err := stx.Case(l.Case)
			if err != nil {
				return nil, err
			}
			one := Calibrated{Decision: l.Decision, Case: l.Case, Subject: c.Subject.String()}
			if one.First, err = casework.FirstFound(stx, row); err != nil {
				return nil, err
			}
			i, all = len(all), append(all, one)
		}
		v, ok, err := stx.LookVerdict(l.ID)
		if err != nil || !ok {
			if err != nil {
				return nil, err
			}
			continue
		}
		side := Side{Worker: casework.Named(s, reader, v.Worker), Case: v.Copy, Document: v.Document, Found: v.Found, At: v.Time, Own: v.Worker == reader.Worker}
		if side.Reasons, err = casework.ReasonsOf(stx, v.ID); err != nil {
			return nil, err
		}
		all[i].Verdicts = append(all[i].Verdicts, side)
	}
	return all, nil
}

// categoryOf names what somebody found as agreement is counted by: a violation by its rule.
func categoryOf(f cases.Found) string {
	if f.Verdict == actions.CaseViolation {
		return string(f.Verdict) + " " + canonicalNumber(f.Rule)
	}
	return string(f.Verdict)
}

func canonicalNumber(n int64) string { return string(canonical.MustMarshal(n)) }

// byRule works out how far the people of a calibration agree, by the rule of the first verdict.
func byRule(all []Calibrated) (out []RuleFigures) {
	items, categories := map[int64][]agreement.Item{}, []string{}
	for _, c := range all {
		one := agreement.Item{}
		for _, v := range c.Verdicts {
			one.Ratings = append(one.Ratings, categoryOf(v.Found))
		}
		categories = append(categories, one.Ratings...)
		items[c.First.Rule] = append(items[c.First.Rule], one)
	}
	slices.Sort(categories)
	categories = slices.Compact(categories)
	if len(categories) < 2 {
		categories = append(categories, "something else")
	}
	for rule, of := range items {
		// A calibration is small and no figure of a person: it is shown whatever its size.
		out = append(out, RuleFigures{rule, agreement.OfSeveral(of, categories, 1)})
	}
	slices.SortFunc(out, func(a, b RuleFigures) int { return int(a.Rule - b.Rule) })
	return out
}

// CloseCalibration ends a calibration by the signed order of a lead who may read it, with what its people
// found when they talked about it. Copies that nobody has judged are given to nobody any more.
func (d *Room) CloseCalibration(ctx context.Context, by kernel.Caller, id string, deed actions.SaltedDeed, text string) (Calibration, error) {
	err := d.desk.Change(ctx, by, string(actions.DeedCalibrated), func(s *proof.State) (func(*kernel.Tx) error, error) {
		st, o, err := d.calibrationOrder(ctx, s, by, text)
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(o.Result) == "" {
			return nil, fault.New(fault.Invalid, "bad-calibration", "Say what the people found when they talked about it.")
		}
		if err := prose.Check("The result", o.Result); err != nil {
			return nil, err
		}
		sealed, err := d.deed(ctx, s, by, id, actions.DeedCalibrated, deed, text)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			c, err := t.Calibration(id)
			if err != nil {
				return err
			}
			if !readsCalibration(st, c) {
				return store.NoCalibration(id)
			}
			if done, err := d.once(t, deed, id, sealed); err != nil || done {
				return err
			}
			looks, err := t.Looks(store.LookFilter{Calibration: id, Limit: cases.MaxCalibrated * cases.MaxCalibrators})
			if err != nil {
				return err
			}
			for _, l := range looks {
				if l.State != cases.LookDrawn && l.State != cases.LookWaiting {
					continue
				}
				l.State, l.Why = cases.LookVoid, "the calibration was closed"
				if err := d.work.WithdrawCopy(t, l.Copy); err != nil {
					return err
				}
				t.SaveLook(l.Look)
			}
			t.CloseCalibration(id, o.Result, t.Now())
			return nil
		}, nil
	})
	if err != nil {
		return Calibration{}, err
	}
	return d.Calibration(ctx, by, id)
}
