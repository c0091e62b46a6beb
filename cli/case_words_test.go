package cli

import (
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/wording"
)

// TestCaseWords: what a case waits for, what a move was, and how a measure of a decision that was
// taken back stands is said in words.
func TestCaseWords(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	soon := canonical.At(now.Add(time.Hour))
	for want, c := range map[string]v1.Case{
		"":                              {State: cases.Claimed, Holder: "ann"},
		"a lead":                        {State: cases.Escalated, Asked: "lead"},
		"its time, " + until(soon, now): {State: cases.Snoozed, Until: soon},
		"a specialist, until " + until(soon, now):          {State: cases.Asked, Asked: "specialist", Until: soon},
		"somebody who reads pt, until " + until(soon, now): {State: cases.Asked, Asked: "language pt", Until: soon},
		"ann first, until " + until(soon, now):             {State: cases.Waiting, Turn: "ann", Until: soon},
		"countersignatures of its measures":                {State: cases.Held},
	} {
		if got := waitsFor(c, now); got != want {
			t.Errorf("%+v waits for %q, want %q", c, got, want)
		}
	}
	for want, m := range map[string]v1.CaseMove{
		"taken back":                   {Move: "taken-back", Detail: canonical.Raw(`{"deed":"dee_1"}`)},
		"asked: somebody who reads pt": {Move: "asked", Detail: canonical.Raw(`{"whom":"language pt"}`)},
		"moved: to the queue general":  {Move: "moved", Detail: canonical.Raw(`{"from":"spam","to":"general"}`)},
		"decided: no violation":        {Move: "decided", Detail: canonical.Raw(`{"verdict":"no-violation","rule":0}`)},
		"reported: for MisleadingSpam": {Move: "reported", Detail: canonical.Raw(`{"reason":"MisleadingSpam"}`)},
		"evidence: gone":               {Move: "evidence", Detail: canonical.Raw(`{"state":"gone"}`)},
		"holder stopped":               {Move: "holder-stopped"},
	} {
		if got := moveWords(m); got != want {
			t.Errorf("%s: %q, want %q", m.Move, got, want)
		}
	}
	for status, want := range map[actions.Status]string{actions.StatusReversed: "undone", actions.StatusExecuted: "done, and being undone", actions.StatusWithdrawn: "withdrawn"} {
		if got := takenBackWords(status, true); got != want {
			t.Errorf("%s: %q, want %q", status, got, want)
		}
	}
	if got := takenBackWords(actions.StatusExecuted, false); got != "done" {
		t.Error(got)
	}
	if got := wording.ShownFact("created", "1796073384"); got != "30 November 2026" {
		t.Error(got)
	}
}
