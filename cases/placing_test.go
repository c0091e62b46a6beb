package cases_test

import (
	"testing"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/platform"
)

// TestReplaced: where another queue set puts a case, and when the case is due there.
func TestReplaced(t *testing.T) {
	_, old := defaults(t)
	digest := canonical.Sum([]byte("newer"))
	newer := func(pairs ...string) *cases.QueueSet {
		text := cases.DefaultQueues()
		for i := 0; i < len(pairs); i += 2 {
			text = edit(t, text, pairs[i], pairs[i+1])
		}
		s, err := cases.ParseQueues(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	opened := canonical.At(time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC))
	at := func(d time.Duration) canonical.Time { return canonical.At(opened.Add(d)) }
	c := cases.Case{Subject: platform.Subject{Platform: "plaza", ID: "post/1"}, Of: platform.Content, Sort: cases.Flagged, Reasons: []cases.Reason{"MisleadingSpam"}, Severity: cases.Low, Language: "en", Opened: opened}.Placed(old, canonical.Digest{})
	if c.Queue != "spam" || !c.Due.Equal(opened.Add(24*time.Hour)) {
		t.Fatalf("the case waits in %s until %s", c.Queue, c.Due)
	}
	paused, moved, grave := c, c, c
	paused.Due = at(30 * time.Hour) // its clock stood still for six hours
	moved.Queue = "identity"
	moved.Due = at(12 * time.Hour)
	chosen := moved // a lead moved it to where it then belonged by itself
	chosen.MovedAt, chosen.Reasons = cases.Low, []cases.Reason{"MisleadingScam"}
	grave.Reasons, grave.Severity, grave.Queue = []cases.Reason{"ViolenceThreats"}, cases.Highest, "identity"
	shorter := newer(`["MisleadingSpam", "MisleadingBot"], "severity": ["low"]},
      "promise": {"low": 1440`, `["MisleadingSpam", "MisleadingBot"], "severity": ["low"]},
      "promise": {"low": 720`)
	noScam := newer(`["MisleadingImpersonation", "MisleadingScam"]`, `["MisleadingImpersonation"]`, `["MisleadingScam"], "language": "en", "queue": "identity"`, `["MisleadingScam"], "language": "en", "queue": "general"`)
	renamed := newer(`"name": "spam"`, `"name": "bulk"`)
	noIdentity := newer(`"name": "identity"`, `"name": "people"`)
	onlyLow := newer(`"where": {"reason": ["MisleadingImpersonation", "MisleadingScam"]}`, `"where": {"reason": ["MisleadingImpersonation", "MisleadingScam"], "severity": ["low", "medium"]}`)
	for name, x := range map[string]struct {
		c     cases.Case
		old   *cases.QueueSet
		fresh *cases.QueueSet
		queue string
		due   canonical.Time
	}{
		"nothing changed":           {c, old, newer(), "spam", c.Due},
		"a shorter promise":         {c, old, shorter, "spam", at(12 * time.Hour)},
		"a clock that stood still":  {paused, old, shorter, "spam", at(18 * time.Hour)},
		"another name":              {paused, old, renamed, "bulk", at(30 * time.Hour)},
		"moved by a person":         {moved, old, renamed, "identity", at(12 * time.Hour)},
		"moved to what is no more":  {moved, old, noIdentity, "spam", at(24 * time.Hour)},
		"moved to where it belongs": {chosen, old, noScam, "identity", at(12 * time.Hour)},
		"an older set is not known": {paused, nil, renamed, "bulk", at(24 * time.Hour)},
		"moved, and too grave":      {grave, old, onlyLow, "safety", canonical.At(grave.Due.Add(-30 * time.Minute))},
	} {
		got := x.c.Replaced(x.old, x.fresh, digest)
		if got.Queue != x.queue || !got.Due.Equal(x.due.Time) || got.QueueSet != digest {
			t.Errorf("%s: it waits in %s until %s, want %s until %s", name, got.Queue, got.Due, x.queue, x.due)
		}
	}
}
