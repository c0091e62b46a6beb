package cli

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/api/v1"
	"countersign.dev/canonical"
)

// TestReachFacts: beside what a person could do alone stands what their session could do,
// until when, within which budgets, and who ends it.
func TestReachFacts(t *testing.T) {
	at := canonical.At(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	later := canonical.At(at.Add(10 * time.Hour))
	standard := v1.Deed{Platform: "plaza", Kind: actions.AccountTakedown, Tier: actions.Standard}
	contain := v1.Deed{Platform: "plaza", Kind: actions.AccountContain, Tier: actions.Protected}
	reach := func(x *v1.SessionReach) string {
		p := &Page{}
		p.Facts(reachFacts(&v1.Reach{Worker: "ann", At: at, Now: []v1.Deed{standard, contain}, Session: x})...)
		return strings.Join(strings.Fields(p.String()), " ")
	}
	own := "alone now account.takedown on standard subjects of plaza; account.contain on protected subjects of plaza"
	budgets := []actions.Budget{{Per: "worker", Window: "hour", Tier: actions.Standard, Direction: actions.Burdening, Limit: 60}}
	for want, x := range map[string]*v1.SessionReach{
		own:                                    nil, // the formats 1
		own + " with a stolen session nothing": {Until: later},
		own + " with a stolen session account.takedown on standard subjects of plaza until 23 November 2026 19:00 UTC, at the latest, if it is started now" +
			" within burdening acts on standard subjects: 60 per worker and hour ended early by ann, or one of 4 other people alone: countersign session end --worker ann --reason WHY": {Acts: []v1.Deed{standard}, Until: later, Ends: 4, Budgets: budgets},
		own + " with a stolen session account.takedown on standard subjects of plaza until 23 November 2026 17:00 UTC for the one that runs; 23 November 2026 19:00 UTC, at the latest, if it is started now" +
			" within burdening acts on standard subjects: 60 per worker and hour ended early by ann; nobody else could alone: countersign session end --worker ann --reason WHY": {Acts: []v1.Deed{standard},
			Runs: canonical.At(at.Add(8 * time.Hour)), Until: later, Budgets: budgets},
	} {
		if got := reach(x); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// TestHoursWords: the hours in which nobody is to spare are told in a sentence.
func TestHoursWords(t *testing.T) {
	for want, c := range map[string]v1.Coverage{
		"3 at least, 4 at most": {Hours: []int{3, 4, 4}},
		"2 at least, 2 at most; one person less would be too few in 3 of 3 hours, the first of them now":        {Hours: []int{2, 2, 2}, Short: []int{0, 1, 2}},
		"2 at least, 3 at most; one person less would be too few in 1 of 3 hours, the first of them in 2 hours": {Hours: []int{3, 3, 2}, Short: []int{2}},
		"1 at least, 3 at most; one person less would be too few in 1 of 2 hours, the first of them in 1 hour":  {Hours: []int{3, 1}, Short: []int{1}},
	} {
		if got := hoursWords(c); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
