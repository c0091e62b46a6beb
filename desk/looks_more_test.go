package desk_test

import (
	"encoding/json"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/looks"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
	"countersign.dev/workforce/workforcetest"
)

// TestLooksKilled: the desk dies when a copy is committed, and when it is committed which of a day is looked at.
// When it goes on there is one copy, and one look.
func TestLooksKilled(t *testing.T) {
	for _, step := range []string{looks.StepLookCopied, looks.StepLookDayClosed} {
		t.Run(step, func(t *testing.T) {
			desktest.Both(t, func(t *testing.T, o desktest.Options) {
				dies := false
				o.Step = func(name string) {
					if dies && name == step {
						runtime.Goexit()
					}
				}
				l := &looker{desktest.NewOffice(t, o), t}
				l.Run()
				l.Clock().Hold()
				c := l.Flag("1", "post/1", "spam", "acct/77").Case
				l.Evidenced(c.ID)
				l.Rest()
				if _, err := l.undrawn("ann", l.Take("ann")); err != nil {
					t.Fatal(err)
				}
				if step == looks.StepLookCopied { // a draw may not have chosen it: the day does
					l.Clock().Advance(25 * time.Hour)
					if err := l.SweepLooks(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				l.Clock().Advance(25 * time.Hour)
				dies = true
				var call sync.WaitGroup
				call.Go(func() {
					err := l.SweepLooks(t.Context())
					t.Errorf("the desk did not die: %v", err)
				})
				call.Wait()
				dies = false
				for range 2 {
					l.Clock().Advance(time.Hour)
					if err := l.SweepLooks(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				look := l.looksAt(c.ID)
				if len(look) != 1 || look[0].State != cases.LookWaiting {
					t.Fatalf("the looks are %+v", look)
				}
				if err := l.Store.Read(t.Context(), func(tx *store.Tx) error {
					all, err := tx.Cases(store.CaseFilter{State: cases.Waiting, Limit: 10})
					if len(all) != 1 || all[0].ID != look[0].Copy {
						t.Errorf("%d cases wait", len(all))
					}
					return err
				}); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// everything has every verdict looked at.
func everything(t *testing.T, w *desktest.World) {
	t.Helper()
	set, err := cases.ParseRules(cases.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	for i := range set.Rules {
		set.Rules[i].Looks = cases.AllShare
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	w.Adopt(actions.PartRules, string(text))
}

// TestThreePeopleLookAgain: at a desk of three people who report to one manager, a line is a person: one decides,
// another judges again, and the third, a lead, says who was wrong. If the only one left had to do with the case, it
// waits, and is counted.
func TestThreePeopleLookAgain(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		subjects := desktest.NewSubjects()
		o.Executor = subjects
		w := desktest.New(t, o)
		var three []workforce.Record
		var enrol []actions.Enrolment
		for _, r := range workforcetest.Records(w.Clock().Now()) {
			if slices.Contains([]workforce.WorkerID{"ann", "kim", "eva"}, r.Worker) {
				r.Vendor, r.Manager, r.Last = "", "gus", canonical.Time{}
				three = append(three, r)
			}
		}
		w.Admit(true, three...)
		for _, r := range three {
			enrol = append(enrol, w.Enrolment(r.Worker))
		}
		w.Change(actions.DeskKey, actions.Keys{Enrol: enrol})
		w.Change(actions.DeskChange, actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "plaza", Connector: "plaza", Facts: platform.Facts, Labels: slices.Clone(desktest.Labels)}})
		w.OpenCasework()
		everything(t, w)
		w.AdmitProgram("square", "eva", cases.SourcePerson)
		for _, r := range three {
			w.Owns(r.Worker)
		}
		w.Run()
		w.Clock().Hold()
		l := &looker{&desktest.Office{World: w, Subjects: subjects}, t}
		var look store.SealedLook
		for _, n := range []string{"1", "2"} {
			c := l.Flag(n, "post/"+n, "MisleadingSpam", "acct/77").Case
			l.Evidenced(c.ID)
			if _, err := l.TryDecide("ann", l.Take("ann"), casework.Judgement{Verdict: actions.CaseNoViolation}); err != nil {
				t.Fatal(err)
			}
			look = l.copied(c.ID)
			if n == "1" {
				if _, err := l.Next(t.Context(), desktest.As("ann"), ""); !fault.Is(err, "nothing-waits") {
					t.Errorf("ann judges her own verdict: %v", err)
				}
				if _, err := l.TryDecide("eva", l.Take("eva"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 1}); err != nil {
					t.Fatal(err)
				}
				if _, err := l.settle("kim", look.ID, cases.WrongSecond); err != nil {
					t.Error(err)
				}
				continue
			}
			for _, lead := range []workforce.WorkerID{"kim", "eva"} { // who opens the case knows it
				if _, err := l.Desk.Case(t.Context(), desktest.As(lead), c.ID); err != nil {
					t.Fatal(err)
				}
				taken, err := l.Next(t.Context(), desktest.As(lead), "")
				for ; err == nil && taken.Case.Look == ""; taken, err = l.Next(t.Context(), desktest.As(lead), "", taken.Case.ID) {
				}
				if !fault.Is(err, "nothing-waits") {
					t.Errorf("%s is given the look: %v", lead, err)
				}
			}
			waits, err := l.LooksWaiting(t.Context(), desktest.As("kim"))
			if err != nil || len(waits) != 1 || waits[0].Count != 1 {
				t.Errorf("what waits is %+v (%v)", waits, err)
			}
		}
	})
}

// TestGraveMissIsOpenAgain: a second verdict that finds a violation of the highest severity where the first found
// nothing opens the case again at once, before any lead has seen the difference. One rogue agent ends no case
// of the highest severity alone, looked at or not: the first verdict is a proposal without effect.
func TestGraveMissIsOpenAgain(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		l := newLooker(t, o)
		rule := int64(0)
		set, err := cases.ParseRules(cases.DefaultRules())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range set.Rules {
			if r.Severity == cases.Highest {
				rule = r.Number
			}
		}
		first, look := l.own("ann", "post/1", casework.Judgement{Verdict: actions.CaseNoViolation})
		taken := l.Take("bob")
		if taken.Case.ID != look.Copy {
			t.Fatalf("bob has %s", taken.Case.ID)
		}
		if _, err := l.TryDecide("bob", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: rule}); err != nil {
			t.Fatal(err)
		}
		if err := l.Store.Read(t.Context(), func(tx *store.Tx) error {
			c, err := tx.Case(first.Case.ID)
			if c.State != cases.Waiting || c.Severity != cases.Highest {
				t.Errorf("the case is %s, of the severity %s", c.State, c.Severity)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		grave := l.Flag("g", "post/9", "ViolenceThreats", "acct/77").Case
		l.Evidenced(grave.ID)
		taken = l.Take("bob") // agents at acme may work on no such case, and he may
		for taken.Case.ID != grave.ID {
			taken = l.Take("bob")
		}
		got, err := l.TryDecide("bob", taken, casework.Judgement{Verdict: actions.CaseNoViolation})
		if err != nil || !got.Proposed || got.Case.State != cases.Escalated {
			t.Errorf("one person ends a case of the highest severity: %+v (%v)", got.Case, err)
		}
	})
}

// TestMergedLook: whoever merges a copy away has not judged it. No report moves, the merge spends burying, and
// somebody else gets another copy.
func TestMergedLook(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		l := newLooker(t, o)
		real := l.Flag("r", "post/2", "spam", "acct/77").Case
		l.Evidenced(real.ID)
		_, look := l.own("ann", "post/1", casework.Judgement{Verdict: actions.CaseNoViolation})
		taken := l.Take("bob")
		for taken.Case.ID != look.Copy {
			taken = l.Take("bob")
		}
		deed, text := l.CaseDeed("bob", actions.DeedMerge, look.Copy, taken.Case.Version, cases.Order{Into: real.ID, Note: "The same people."})
		got, err := l.Do(t.Context(), desktest.As("bob"), look.Copy, taken.Claim.Number, deed, text)
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != look.Copy || got.State != cases.Closed {
			t.Errorf("the merge gives %+v", got)
		}
		l.Clock().Advance(11 * time.Minute)
		if err := l.SweepLooks(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := l.Store.Read(t.Context(), func(tx *store.Tx) error {
			c, err := tx.Case(real.ID)
			n, unread := tx.Buried("bob", c.Opened)
			if c.Reports != 1 || n != 1 {
				t.Errorf("the other case has %d reports, and bob buried %d", c.Reports, n)
			}
			again, gone := tx.Look(look.ID)
			if again.State != cases.LookWaiting || again.Copy == look.Copy || gone != nil {
				t.Errorf("the look is %+v (%v)", again, gone)
			}
			if unread != nil {
				return unread
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCalibration: a lead has two people judge the same decided cases. Each is given a copy of their own by next,
// and nobody else is; no verdict is shown before all are there; then the lead reads who found what and how far they
// agree, and keeps the result. Another company's lead knows of none of it, and no figure of a person counts it.
func TestCalibration(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		l := newLooker(t, o)
		var decided []string
		for _, n := range []string{"1", "2"} {
			c := l.Flag(n, "post/"+n, "spam", "acct/77").Case
			l.Evidenced(c.ID)
			got, err := l.undrawn("bob", l.Take("bob"))
			if err != nil {
				t.Fatal(err)
			}
			decided = append(decided, got.ID)
		}
		make := func(by workforce.WorkerID, o cases.CalibrationOrder) (looks.Calibration, error) {
			t.Helper()
			return l.Calibrate(t.Context(), desktest.As(by), l.Deed(by, actions.Deed{What: actions.DeedCalibrate, Of: string(by)}, o.Text()), o.Text())
		}
		order := cases.CalibrationOrder{Decisions: decided, People: []workforce.WorkerID{"abe", "ann"}, Title: "Spam or not"}
		if _, err := make("ann", order); !fault.Is(err, "lead-needed") {
			t.Errorf("an agent makes a calibration: %v", err)
		}
		if _, err := make("lee", order); !fault.Is(err, "not-eligible") {
			t.Errorf("a lead has another company's people judge: %v", err)
		}
		made, err := make("kim", order)
		if err != nil {
			t.Fatal(err)
		}
		if made.Of != 4 || made.Left != 4 || len(made.Cases) != 0 {
			t.Errorf("it is %+v", made)
		}
		l.Clock().Advance(11 * time.Minute)
		if err := l.SweepLooks(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Next(t.Context(), desktest.As("lee"), ""); !fault.Is(err, "nothing-waits") {
			t.Errorf("somebody else is given a copy: %v", err)
		}
		for _, w := range []workforce.WorkerID{"abe", "ann"} {
			for i := range 2 {
				taken := l.Take(w)
				if taken.Case.Look == "" {
					t.Fatalf("%s has %s", w, taken.Case.ID)
				}
				j := casework.Judgement{Verdict: actions.CaseNoViolation}
				if w == "ann" && i == 0 {
					j = casework.Judgement{Verdict: actions.CaseViolation, Rule: 1}
				}
				if _, err := l.TryDecide(w, taken, j); err != nil {
					t.Fatal(err)
				}
			}
		}
		out, err := l.Calibration(t.Context(), desktest.As("kim"), made.ID)
		if err != nil || len(out.Cases) != 2 || len(out.Cases[0].Verdicts) != 2 || len(out.Rules) != 1 || out.Rules[0].Raw.Value != 0.5 {
			t.Errorf("it is %+v (%v)", out, err)
		}
		if _, err := l.Calibration(t.Context(), desktest.As("lee"), made.ID); !fault.Is(err, "no-such-calibration") {
			t.Errorf("another company's lead reads it: %v", err)
		}
		end := cases.CalibrationOrder{Result: "It is no spam."}
		out, err = l.CloseCalibration(t.Context(), desktest.As("kim"), made.ID, l.Deed("kim", actions.Deed{What: actions.DeedCalibrated, Of: made.ID}, end.Text()), end.Text())
		if err != nil || out.Result != end.Result || out.Closed.IsZero() {
			t.Errorf("it ended as %+v (%v)", out, err)
		}
		mine, err := l.Looks(t.Context(), desktest.As("bob"), looks.LookFilter{Mine: true})
		if err != nil || len(mine) != 0 {
			t.Errorf("a calibration counts among looks at bob's verdicts: %d (%v)", len(mine), err)
		}
	})
}
