package desk_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
)

// TestLessBuries: a violation that is ended with less than the rule's usual measure is buried
// in part: it needs a reason and spends the budget of burying. The usual measure, and more,
// does not.
func TestLessBuries(t *testing.T) {
	o := newOffice(t, desktest.Options{Budgets: buriers(1)})
	o.Clock().Hold()
	for _, n := range []string{"1", "2", "3"} {
		o.Flag(n, "post/"+n, "MisleadingSpam", "acct/9")
	}
	less := []casework.Measure{{Kind: actions.ContentLimit}}
	more := []casework.Measure{{Kind: actions.ContentRemove}, {Kind: actions.AccountTakedown}}
	taken := o.Take("ann")
	if _, err := o.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Measures: less}); !fault.Is(err, "reason-needed") {
		t.Errorf("less without a reason: %v", err)
	}
	if _, err := o.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Measures: less, Reasons: "It is hardly spam."}); err != nil {
		t.Fatal(err)
	}
	taken = o.Take("ann")
	if _, err := o.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Measures: less, Reasons: "Nor is this."}); !fault.Is(err, "budget-spent") {
		t.Errorf("a second case was ended with less: %v", err)
	}
	if _, err := o.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1}); err != nil {
		t.Errorf("the usual measure buries nothing: %v", err)
	}
	if _, err := o.TryDecide("ann", o.Take("ann"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Measures: more, Reasons: "They do it all day."}); err != nil {
		t.Errorf("more than usual buries nothing: %v", err)
	}
}
