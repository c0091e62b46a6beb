package desk_test

import (
	"fmt"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/platform"
)

// TestRecordOfReporters: verdicts make the record of whoever reported, for that group of reasons; the case
// of somebody who was right is likelier, and a crowd of unknown accounts moves nothing up or down. A decision
// that is taken back is in nobody's record.
func TestRecordOfReporters(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		o.Clock().Hold()
		record := func(verdicts ...bool) (r cases.Record) { // cases of one day are read together
			now := canonical.At(o.Clock().Now())
			for _, right := range verdicts {
				r = r.With(right, 1, canonical.At(now.Truncate(24*time.Hour)), now)
			}
			return r
		}
		decide := func(id string, j casework.Judgement) casework.Outcome {
			t.Helper()
			j.Reasons = "Looked at."
			out, err := o.TryDecide("sue", o.claim("sue", id), j)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		nothing := casework.Judgement{Verdict: actions.CaseNoViolation}
		n := 0
		flag := func(subject string, reason cases.Reason, reporter string) cases.Case {
			t.Helper()
			n++
			return o.Flag(fmt.Sprint("r", n), subject, reason, reporter).Case
		}
		likely := func(about string, c cases.Case, want int64) {
			t.Helper()
			if got := o.now(c.ID).Likely; got != want {
				t.Errorf("%s: the case is %d ‰ likely, want %d", about, got, want)
			}
		}

		first := flag("post/1", "MisleadingSpam", "good")
		likely("nobody knows the reporter", first, 0)
		flag("post/1", "MisleadingSpam", "good") // twice in a case counts once
		decide(first.ID, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1})
		right := record(true).Mean()
		likely("the reporter was right once", flag("post/2", "MisleadingSpam", "good"), right)
		likely("for another group of reasons", flag("post/3", "HarassmentTroll", "good"), 0)

		wrong := flag("post/4", "MisleadingSpam", "bad")
		decide(wrong.ID, nothing)
		likely("the reporter was wrong once", flag("post/5", "MisleadingSpam", "bad"), 0)
		neutral := flag("post/6", "MisleadingSpam", "other")
		decide(neutral.ID, casework.Judgement{Verdict: actions.CaseDuplicate})

		retracted := flag("post/7", "MisleadingSpam", "good")
		out := decide(retracted.ID, nothing)
		likely("right once, wrong once", flag("post/8", "MisleadingSpam", "good"), record(true, false).Mean())
		if _, _, _, err := back(o.World, "sue", out.ID); err != nil {
			t.Fatal(err)
		}
		likely("the refutation was taken back", flag("post/9", "MisleadingSpam", "good"), right)

		var crowd []cases.Report
		for i := range 1000 {
			crowd = append(crowd, cases.Report{ExternalID: fmt.Sprint("crowd", i), Subject: platform.Subject{Platform: "plaza", ID: "post/loud"}, Reason: "MisleadingSpam", Scores: []cases.Score{}, Reporter: cases.Reporter{ID: fmt.Sprint("fresh", i)}})
		}
		var loud cases.Case
		for len(crowd) > 0 {
			part := min(len(crowd), cases.MaxReports)
			got, err := o.Desk.TakeReports(t.Context(), kernel.ProgramCaller{ID: "square"}, crowd[:part])
			if err != nil || got[0].Err != nil {
				t.Fatal(err, got[0].Err)
			}
			loud, crowd = got[0].Case, crowd[part:]
		}
		likely("a thousand fresh accounts", loud, 0)
		if c := o.now(loud.ID); c.Reporters != 1000 || c.Factor != cases.WholeFactor {
			t.Errorf("a thousand fresh accounts: %d reporters and the factor %d", c.Reporters, c.Factor)
		}
		likely("and one good reporter", flag("post/loud", "MisleadingSpam", "good"), right)
	})
}
