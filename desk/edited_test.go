package desk_test

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
)

// removed asks for the removal of the post of a scene's case.
var removed = casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Reasons: "An offer to buy followers."}

// takenPost has a post reported and copied, and ann take its case.
func (sc *scene) takenPost(text string) casework.Taken {
	sc.t.Helper()
	sc.Owns("ann")
	sc.p.Show(posted, shows(text, nil, false), nil)
	sc.kept(sc.report("spam", text))
	return sc.Take("ann")
}

// TestEditedSinceShown: what was edited since it was shown is looked at again before anybody
// decides on it: at the draft, and when the signed decision is handed in. Then one measure is
// there, and it is that of the second decision.
func TestEditedSinceShown(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		sc := newScene(t, o)
		taken := sc.takenPost("buy followers")
		sc.p.Show(posted, shows("a cake recipe", nil, false), nil)
		_, err := sc.Judged("ann", taken, removed)
		refused(t, err, "content-edited")
		if _, err := sc.Judged("ann", taken, removed); !fault.Is(err, "content-edited") && !fault.Is(err, "case-moved") { // it may be copied by now
			t.Errorf("a second draft: %v", err)
		}
		sc.kept(taken.Case)
		if _, err := sc.Judged("ann", taken, removed); !fault.Is(err, "case-moved") {
			t.Errorf("a decision on what was shown first: %v", err)
		}
		if kept := sc.kept(taken.Case); len(kept) != 2 {
			t.Errorf("%d copies of a post that was edited once", len(kept))
		}
		again, err := sc.Claim(t.Context(), desktest.As("ann"), taken.Case.ID)
		if err != nil || !again.Renewed || again.Shown.Evidence[0].Text != "a cake recipe" {
			t.Fatalf("%+v %v", again.Shown.Evidence, err)
		}

		// It is edited between the draft and the decision.
		v, err := sc.Judged("ann", again, removed)
		if err != nil {
			t.Fatal(err)
		}
		sc.p.Show(posted, shows("buy followers again", nil, false), nil)
		_, err = sc.Decide(t.Context(), desktest.As("ann"), taken.Case.ID, v)
		refused(t, err, "content-edited")
		sc.kept(taken.Case)
		if again, err = sc.Claim(t.Context(), desktest.As("ann"), taken.Case.ID); err != nil {
			t.Fatal(err)
		}
		out, err := sc.TryDecide("ann", again, removed)
		if err != nil || len(out.Requests) != 1 {
			t.Fatalf("%d requests, %v", len(out.Requests), err)
		}
		comesTo(t, sc.Town, out.Requests[0], actions.StatusExecuted, "executed")
		if n := len(sc.p.Effects()); n != 1 {
			t.Errorf("%d changes of the platform", n)
		}
	})
}

// TestEditedAgainAndAgain: an author who edits a post all the time keeps nobody from deciding.
func TestEditedAgainAndAgain(t *testing.T) {
	sc := newScene(t, desktest.Options{})
	taken := sc.takenPost("0")
	for i := range 10 {
		sc.Clock().Advance(time.Second)
		sc.p.Show(posted, shows(string(rune('a'+i)), nil, false), nil)
		out, err := sc.TryDecide("ann", taken, removed)
		if err == nil {
			if i != 3 || len(out.Requests) != 1 {
				t.Errorf("decided after %d edits, with %d measures", i+1, len(out.Requests))
			}
			return
		}
		refused(t, err, "content-edited")
		sc.kept(taken.Case)
		if taken, err = sc.Claim(t.Context(), desktest.As("ann"), taken.Case.ID); err != nil {
			t.Fatal(err)
		}
	}
	t.Error("nobody could decide")
}

// TestGoneSinceShown: of a post that is gone nothing can be removed. The error says so, the claim
// stays, and the case can be decided without a measure.
func TestGoneSinceShown(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		sc := newScene(t, o)
		taken := sc.takenPost("buy followers")
		v, err := sc.Judged("ann", taken, removed)
		if err != nil {
			t.Fatal(err)
		}
		sc.p.Gone(posted, true)
		_, err = sc.Decide(t.Context(), desktest.As("ann"), taken.Case.ID, v)
		refused(t, err, "no-such-subject")
		_, err = sc.Judged("ann", taken, removed)
		refused(t, err, "no-such-subject")
		out, err := sc.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Reasons: "It was an offer to buy followers, and is gone.", Measures: []casework.Measure{}})
		if err != nil || len(out.Requests) != 0 || out.Case.State != cases.Closed {
			t.Errorf("%+v %v", out.Case, err)
		}

		// Nobody can prove any more whose it was: its account is not acted on either.
		sc.p.Gone(posted, false)
		sc.Clock().Advance(time.Hour)
		sc.kept(sc.report("spam", "again"))
		taken = sc.Take("ann")
		sc.p.Gone(posted, true)
		_, err = sc.Judged("ann", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Reasons: "It is gone, and the next one comes soon.", Measures: []casework.Measure{{Kind: actions.AccountLimit}}})
		refused(t, err, "no-such-subject")
	})
}

// TestRuleWithdrawn: a rule that was withdrawn or changed between the draft and the decision is
// named, the claim stays, and the case is decided under a rule in force.
func TestRuleWithdrawn(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		sc := newScene(t, o)
		taken := sc.takenPost("my photo, sold by somebody else")
		works := removed
		works.Rule = 12
		v, err := sc.Judged("ann", taken, works)
		if err != nil {
			t.Fatal(err)
		}
		later := strings.NewReplacer(`"number": 12,`, `"number": 13,`, `"retired": []`, `"retired": [12]`).Replace(cases.DefaultRules())
		keys := strings.NewReplacer(`"6": 12`, `"6": 11`, `"8": 12`, `"8": 11`)
		sc.Adopt(actions.PartQueues, keys.Replace(cases.DefaultQueues()))
		sc.Adopt(actions.PartRules, later)
		_, err = sc.Decide(t.Context(), desktest.As("ann"), taken.Case.ID, v)
		refused(t, err, "rule-retired")
		_, err = sc.Judged("ann", taken, works)
		refused(t, err, "rule-retired")
		if got := sc.row(taken.Case.ID); got.State != cases.Claimed || got.Holder != "ann" || got.Version != taken.Case.Version {
			t.Errorf("%+v", got)
		}
	})
}
