package desk_test

import (
	"bytes"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/platform"
)

// adopt puts a text to the desk and in force.
func adopt(t *testing.T, to *desktest.Town, part, text string) {
	t.Helper()
	kept, err := to.PutText(t.Context(), desktest.As(to.Officers[0]), part, text)
	if err != nil {
		t.Fatal(err)
	}
	named := &actions.Text{Digest: kept.Digest, Size: int64(len(text))}
	s := actions.Setting{Of: part, Rules: named}
	if part == actions.PartQueues {
		s.Rules, s.Queues = nil, named
	}
	to.Change(actions.DeskChange, s)
}

// TestDay is the day's work in its shortest form: a report, a claim, a decision with a label,
// and its receipt.
func TestDay(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		adopt(t, to, actions.PartRules, cases.DefaultRules())
		adopt(t, to, actions.PartQueues, cases.DefaultQueues())
		to.Owns("ann")
		from := to.AdmitProgram("square", "ann", cases.SourcePerson)
		neighbour, err := to.Desk.Subject(t.Context(), desktest.As("ann"), "plaza:@neighbour")
		if err != nil {
			t.Fatal(err)
		}
		report := cases.Report{ExternalID: "r1", Subject: platform.Subject{Platform: "plaza", ID: neighbour.Subject.ID}, Reason: "spam", Text: "buy buy buy", Scores: []cases.Score{}, Evidence: cases.Told{Text: "buy", Language: "en"}}
		got, err := to.Desk.TakeReports(t.Context(), from, []cases.Report{report})
		if err != nil || got[0].Err != nil {
			t.Fatal(err, got[0].Err)
		}
		to.Evidenced(got[0].Case.ID)
		taken, err := to.Desk.Next(t.Context(), desktest.As("ann"), "")
		if err != nil {
			t.Fatal(err)
		}
		if taken.Case.ID != got[0].Case.ID || !bytes.Contains(canonical.MustMarshal(taken.Shown), []byte("buy buy buy")) {
			t.Fatalf("got %+v", taken)
		}
		d, err := to.Desk.DraftDecision(t.Context(), desktest.As("ann"), taken.Case.ID, casework.Judgement{Claim: taken.Claim.Number, Version: taken.Case.Version, Verdict: actions.CaseViolation, Rule: 1, Reasons: "It is spam."})
		if err != nil {
			t.Fatal(err)
		}
		v := casework.Verdict{Decision: d.Decision}
		v.Decision.Signed.Signature = to.Sign("ann", v.Decision.Signed.Statement.Challenge())
		for _, m := range d.Measures {
			v.Measures = append(v.Measures, acts.Submission{Action: m.Action, Signed: to.Signed("ann", m)})
		}
		out, err := to.Desk.Decide(t.Context(), desktest.As("ann"), taken.Case.ID, v)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.Requests {
			comesTo(t, to, r, actions.StatusExecuted, "executed")
		}
		view, err := to.Desk.Case(t.Context(), desktest.As("ann"), taken.Case.ID)
		if err != nil || view.Case.State != cases.Closed {
			t.Fatalf("%v: %+v", err, view.Case)
		}
	})
}
