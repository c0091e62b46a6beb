package desk_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/store"
)

// The tests of this file are attacks by people inside: somebody on the last day, and reporters
// who know the desk.

// buried counts what a worker buried.
func (o office) buried(by string) (n int) {
	o.t.Helper()
	if err := o.Store.Read(o.t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow(`select count(*) from burial where worker = $1`, by).Scan(&n)
	}); err != nil {
		o.t.Fatal(err)
	}
	return n
}

// TestUsualMeasureOnAnotherPost (law 14): the usual measure on another post of the same account
// leaves what was reported as it is. So it departs from what is usual, is counted as burying, and
// does not end a case of the highest severity.
func TestUsualMeasureOnAnotherPost(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Subjects.Owned("post/1", "acct/7")
	o.Subjects.Owned("post/2", "acct/7")
	o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
	elsewhere := casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Measures: []casework.Measure{{Kind: actions.ContentRemove, Subject: "plaza:post/2"}}}
	_, err := o.TryDecide("ann", o.Take("ann"), elsewhere)
	refused(t, err, "reason-needed")
	elsewhere.Reasons = "An old joke."
	out, err := o.TryDecide("ann", o.claim("ann", o.caseOf("post/1").ID), elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if n := o.buried("ann"); n != 1 {
		t.Errorf("%d acts are counted as burying, want 1: %+v", n, out.Case)
	}
	o.Flag("2", "post/1", "ViolenceThreats", "acct/9")
	out, err = o.TryDecide("ann", o.Take("ann"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 6, Reasons: "The other one.", Measures: []casework.Measure{
		{Kind: actions.ContentRemove, Subject: "plaza:post/2"}, {Kind: actions.AccountSuspend, Until: o.in(30 * 24 * time.Hour)}}})
	if err != nil || !out.Proposed {
		t.Errorf("one person ended a threat: %+v: %v", out.Case, err)
	}
}

// TestGraveCaseUnderAnotherRule (law 14): a case that is reported for child safety is not ended by
// one person under another rule of the highest severity, whose usual measure is less.
func TestGraveCaseUnderAnotherRule(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Flag("1", "post/1", "ChildSafetyCSAM", "acct/9")
	out, err := o.TryDecide("ann", o.Take("ann"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 6})
	if err != nil || !out.Proposed {
		t.Errorf("one person ended a case of child safety as a threat: %+v: %v", out.Case, err)
	}
	o.Flag("2", "post/2", "ViolenceThreats", "acct/9")
	if out, err = o.TryDecide("ann", o.Take("ann"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 6}); err != nil || out.Proposed {
		t.Errorf("the usual measure on a threat waits for a second person: %+v: %v", out.Case, err)
	}
	o.Flag("3", "post/3", "ViolenceExtremistContent", "acct/9") // no rule has its category
	if out, err = o.TryDecide("ann", o.Take("ann"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 6}); err != nil || out.Proposed {
		t.Errorf("the usual measure on extremist content waits for a second person: %+v: %v", out.Case, err)
	}
}

// TestSnoozedCaseWakes (law 14): a case that somebody put to sleep wakes when it is reported for
// another reason, and does not sleep past the promise of the highest severity.
func TestSnoozedCaseWakes(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		taken := o.Take("ann")
		c := o.do("ann", actions.DeedSnooze, taken.Case, cases.Order{Until: o.in(29 * 24 * time.Hour), Note: "Later."})
		o.Flag("2", "post/1", "MisleadingSpam", "acct/8")
		if now := o.now(c.ID); now.State != cases.Snoozed {
			t.Errorf("one more report for the same reason wakes the case: %+v", now)
		}
		o.Flag("3", "post/1", "ViolenceThreats", "acct/8")
		now := o.now(c.ID)
		if now.State != cases.Waiting || !now.Grave() || !now.Until.IsZero() {
			t.Fatalf("a threat joined a case that sleeps on: %+v", now)
		}
		if next := o.Take("bob"); next.Case.ID != c.ID {
			t.Errorf("bob got %s", next.Case.ID)
		}
	})
}

// TestAskedCaseBecomesGrave (law 14): the promise of a case that becomes one of the highest
// severity while somebody was asked about it does not stand still.
func TestAskedCaseBecomesGrave(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
	c := o.do("ann", actions.DeedAsk, o.Take("ann").Case, cases.Order{Note: "Is it?", Role: cases.AskSpecialist})
	if o.clock(c.ID).Paused.IsZero() {
		t.Fatal("the promise does not stand still, and the test needs one that does")
	}
	o.Flag("2", "post/1", "ViolenceThreats", "acct/8")
	if clock := o.clock(c.ID); !clock.Paused.IsZero() || clock.Due != o.now(c.ID).Due {
		t.Errorf("the promise of a threat stands still, or is another one than that of the case: %+v, %+v", clock, o.now(c.ID))
	}
}

// caseOf returns the newest case of a subject of plaza.
func (o office) caseOf(subject string) cases.Case {
	o.t.Helper()
	var all []cases.Case
	if err := o.Store.Read(o.t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.Cases(store.CaseFilter{Platform: "plaza", Subject: subject, Limit: 1})
		return err
	}); err != nil || len(all) != 1 {
		o.t.Fatalf("%d cases: %v", len(all), err)
	}
	return all[0]
}

// TestHeldCaseTakesReports (laws 12 and 14): who reports while a measure waits for signatures is
// not answered by a decision from before: when the measure ends, the case waits again.
func TestHeldCaseTakesReports(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		to := desktest.NewTown(t, opt)
		to.OpenOffice()
		o := office{&desktest.Office{World: to.World}, t}
		o.Flag("1", "acct/2", "MisleadingSpam", "acct/4")
		evidenceCopied(t, to.World)
		held := func(by string, taken casework.Taken) string {
			t.Helper()
			out, err := o.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Measures: []casework.Measure{{Kind: actions.AccountLabel, Value: desktest.Labels[0]}}, Reasons: "Mild."})
			if err != nil || out.Case.State != cases.Held {
				t.Fatalf("%+v: %v", out.Case, err)
			}
			return out.Requests[0].ID
		}
		taken := o.Take("ann")
		request := held("ann", taken)
		o.Flag("2", "acct/2", "ViolenceThreats", "acct/3")
		o.Countersign(request, "lee")
		desktest.Until(t, "the measure ends", func() bool { return o.now(taken.Case.ID).State != cases.Held })
		desktest.Until(t, "the case is not about to close any more", func() bool {
			s := o.now(taken.Case.ID).State
			return s == cases.Waiting || s == cases.Closed
		})
		if now := o.now(taken.Case.ID); now.State != cases.Waiting || !now.Grave() {
			t.Fatalf("a threat that nobody judged is %s", now.State)
		}
		if clock := o.clock(taken.Case.ID); !clock.Met.IsZero() {
			t.Errorf("the promise to whoever reported last counts as met: %+v", clock)
		}
	})
}

// TestFailedMeasureComesBack: that one measure of a decision is carried out does not close the
// case while another one has failed and is not looked at yet.
func TestFailedMeasureComesBack(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Flag("1", "post/1", "MisleadingScam", "acct/9")
	out, err := o.TryDecide("ann", o.Take("ann"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 2})
	if err != nil || len(out.Requests) != 2 {
		t.Fatalf("%+v: %v", out, err)
	}
	if err := o.Store.Write(t.Context(), func(tx *store.Tx) error {
		for i, status := range []actions.Status{actions.StatusExecuted, actions.StatusVoid} {
			if _, err := tx.Exec(`update request set status = $2 where id = $1`, out.Requests[i].ID, string(status)); err != nil {
				return err
			}
		}
		tx.CloseCase(out.Case.ID, tx.Now())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if now := o.now(out.Case.ID); now.State != cases.Decided {
		t.Errorf("the case is %s although its account was not suspended", now.State)
	}
}
