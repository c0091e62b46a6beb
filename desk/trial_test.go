package desk_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
)

// TestTryQueues: a trial says which cases would have waited elsewhere, which would have been late, who
// could work there, and what a second person looks at; it changes nothing.
func TestTryQueues(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		opt.Policy = ownQueues(t)
		o := newOffice(t, opt)
		o.Clock().Hold()
		old := o.Flag("old", "post/old", "MisleadingSpam", "acct/9").Case
		o.Clock().Advance(31 * 24 * time.Hour)
		spam := o.Flag("1", "post/1", "MisleadingSpam", "acct/9").Case
		o.Clock().Advance(2 * time.Hour)
		for range 2 { // the older one is the more urgent
			if _, err := o.TryDecide("ann", o.Take("ann"), casework.Judgement{Verdict: actions.CaseNoViolation}); err != nil {
				t.Fatal(err)
			}
		}
		german := o.german("2", "post/2")
		o.Flag("3", "post/3", "HarassmentTroll", "acct/9")

		edit := func(text, old, fresh string) string {
			if !strings.Contains(text, old) {
				t.Fatalf("the set has no %s", old)
			}
			return strings.Replace(text, old, fresh, 1)
		}
		text := cases.DefaultQueues()
		text = edit(text, `"where": {"reason": ["MisleadingSpam", "MisleadingBot"], "severity": ["low"]},
      "promise": {"low": 1440`, `"where": {"reason": ["MisleadingSpam", "MisleadingBot"], "severity": ["low"]},
      "promise": {"low": 60`)
		text = strings.Replace(text, `"promise": {"low": 60, "medium": 720, "high": 240, "highest": 60},
      "lease": 5`, `"promise": {"low": 60, "medium": 60, "high": 60, "highest": 60},
      "lease": 5`, 1)
		text = edit(text, `"where": {"language": ["de"]}`, `"where": {"language": ["fr"]}`)
		text = edit(text, `{"platform": "plaza", "reasons": ["MisleadingSpam"], "language": "de", "queue": "german"},
    {"platform": "plaza", "reasons": ["MisleadingScam"], "language": "de-CH", "queue": "german"},
`, ``)
		if _, err := o.Desk.TryQueues(t.Context(), desktest.As("ann"), text); err == nil {
			t.Error("an agent tries queues")
		}
		_, err := o.Desk.TryQueues(t.Context(), desktest.As("sue"), text+"x")
		refused(t, err, "bad-queues")
		trial, err := o.Desk.TryQueues(t.Context(), desktest.As("sue"), text)
		if err != nil {
			t.Fatal(err)
		}
		if trial.Tried != 3 || trial.Moved != 1 || len(trial.Moves) != 1 || !trial.All {
			t.Fatalf("the trial is %+v; the case %s is too old for it", trial, old.ID)
		}
		if m := trial.Moves[0]; m.From != "german" || m.To != "spam" || m.Count != 1 || m.Sooner != 1 || len(m.Examples) != 1 || m.Examples[0] != german.ID {
			t.Errorf("what moves: %+v", m)
		}
		late := map[string]casework.TrialLate{}
		for _, l := range trial.Late {
			late[l.Queue] = l
		}
		if l := late["spam"]; l.Cases != 2 || l.Decided != 1 || l.Late != 1 || l.Was != 0 {
			t.Errorf("the case %s was decided after two hours: %+v", spam.ID, l)
		}
		var needs string
		for _, n := range trial.Needs {
			needs += n + "\n"
		}
		if !strings.Contains(needs, "from the queue german to spam, on which other companies work") {
			t.Errorf("a second person looks at: %s", needs)
		}
		for _, x := range trial.Staff {
			if x.Own == 0 || x.All != x.Own { // of other companies' people a vendor's lead reads no number
				t.Errorf("who may work: %+v", x)
			}
		}
		if other, err := o.Desk.TryQueues(t.Context(), desktest.As("lee"), text); err != nil || other.Tried != 3 {
			t.Error(other, err)
		} else {
			for _, l := range other.Late {
				if l.Decided+l.Late+l.Was > 0 {
					t.Errorf("the lead of another company reads when ours decided: %+v", l)
				}
			}
		}
		whole, err := o.Desk.TryQueues(t.Context(), desktest.As("kim"), text)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range whole.Staff {
			if x.Queue == "german" && (x.All == 0 || x.Own != 0) || x.Queue == "spam" && (x.Own == 0 || x.Own >= x.All) {
				t.Errorf("who may work, to an employee: %+v", x)
			}
		}
		if now := o.now(german.ID); now.Queue != "german" || now.Version != german.Version {
			t.Errorf("the trial moved %+v", now)
		}

		// A queue in which nobody may work is named.
		nobody := edit(cases.DefaultQueues(), `"name": "german"`, `"name": "nobody"`)
		nobody = strings.ReplaceAll(nobody, `"queue": "german"`, `"queue": "nobody"`)
		if trial, err = o.Desk.TryQueues(t.Context(), desktest.As("ada"), nobody); err != nil || !strings.Contains(fmt.Sprint(trial.Needs), "Nobody may work on the queue nobody") {
			t.Errorf("a queue without people: %v, %v", trial.Needs, err)
		}
	})
}
