package cases_test

import (
	"testing"

	"countersign.dev/cases"
	"countersign.dev/platform"
)

// defaults returns the default sets.
func defaults(t testing.TB) (*cases.RuleSet, *cases.QueueSet) {
	t.Helper()
	rules, err := cases.ParseRules(cases.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	queues, err := cases.ParseQueues(cases.DefaultQueues(), rules)
	if err != nil {
		t.Fatal(err)
	}
	return rules, queues
}

// The default sets are complete: everything that may be left out of a set is there.
func TestDefaultSets(t *testing.T) {
	rules, queues := defaults(t)
	if len(rules.Rules) != 12 || len(queues.Queues) != 6 || len(cases.Reasons()) != 40 {
		t.Fatalf("%d rules, %d queues, %d reasons; want 12, 6, 40", len(rules.Rules), len(queues.Queues), len(cases.Reasons()))
	}
	for _, r := range rules.Rules {
		for _, texts := range []cases.Texts{r.Title, r.Text, r.Reason} {
			if texts["en"] == "" || texts["de"] == "" || len(texts) != 2 {
				t.Errorf("rule %d: a text is not in English and German", r.Number)
			}
		}
		if len(r.For) < 2 || len(r.Against) < 2 {
			t.Errorf("rule %d has %d examples for and %d against", r.Number, len(r.For), len(r.Against))
		}
		for _, sort := range []platform.Sort{platform.Account, platform.Content} {
			if len(r.UsualFor(sort, 0)) == 0 {
				t.Errorf("rule %d has no usual measure for %s", r.Number, sort)
			}
		}
	}
	for _, own := range []string{"spam", "scam", "harassment", "hate", "threat", "sexual", "child", "self-harm", "impersonation", "other"} {
		if r, ok := rules.ReasonOf("plaza", own); !ok || !r.Known() {
			t.Errorf("plaza's reason %q is not mapped", own)
		}
	}
	if len(queues.Tests) < 10 {
		t.Errorf("the queue set has %d tests", len(queues.Tests))
	}
	for _, q := range queues.Queues {
		if q.Title["en"] == "" || q.Title["de"] == "" {
			t.Errorf("queue %s has no title in English and German", q.Name)
		}
	}
}
