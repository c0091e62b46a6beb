package desk_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
)

// TestOffice: the office that tests of cases are played in takes a report, gives it to
// somebody and takes that person's decision.
func TestOffice(t *testing.T) {
	of := desktest.NewOffice(t, desktest.Options{})
	got := of.Flag("1", "post/1", "MisleadingSpam", "acct/9")
	taken := of.Take("ann")
	if taken.Case.ID != got.Case.ID {
		t.Fatalf("ann got %s, and %s was reported", taken.Case.ID, got.Case.ID)
	}
	out, err := of.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseNoViolation, Reasons: "It is none."})
	if err != nil || out.Case.State != cases.Closed {
		t.Fatalf("%+v: %v", out.Case, err)
	}
	of.Flag("2", "post/2", "MisleadingSpam", "acct/9")
	if out, err = of.TryDecide("ann", of.Take("ann"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 1}); err != nil || out.Case.State != cases.Decided {
		t.Fatalf("%+v: %v", out.Case, err)
	}
}
