package cases_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// TestBadQueues: each refusal names the file, the line and what to do.
func TestBadQueues(t *testing.T) {
	rules, _ := defaults(t)
	text := cases.DefaultQueues()
	for _, c := range []struct{ old, fresh, at, what string }{
		{`"v": "countersign/queues/v1"`, `"v": "countersign/rules/v1"`, "queues.json:2", `write "countersign/queues/v1"`},
		{`"name": "safety"`, `"name": "safety", "sorted": "due"`, "queues.json:5", "queues.0.sorted is not known here"},
		{`"name": "high"`, `"name": "safety"`, "queues.json:12 queue safety", "occurs once"},
		{`"name": "high"`, `"name": "High"`, "queues.json:12 queue High", "lower-case"},
		{`"where": {"severity": ["highest"]}`, `"where": {}`, "queues.json:7 queue safety", "the queues behind it stay empty"},
		{`"where": {},`, `"where": {"language": ["en"]},`, "queues.json:45 queue general", "so that none is without a queue"},
		{`{"severity": ["highest"]}`, `{"severity": ["worst"]}`, "queues.json:7 queue safety", "low, medium, high or highest"},
		{`{"severity": ["highest"]}`, `{"severity": ["highest", "highest"]}`, "queues.json:7 queue safety", "there twice"},
		{`{"severity": ["highest"]}`, `{"sort": ["appeal"]}`, "queues.json:7 queue safety", "flagged"},
		{`{"severity": ["highest"]}`, `{"subject": ["house"]}`, "queues.json:7 queue safety", "an account or content"},
		{`{"severity": ["highest"]}`, `{"group": ["murder"]}`, "queues.json:7 queue safety", "a group of reasons"},
		{`{"severity": ["highest"]}`, `{"reason": ["spam"]}`, "queues.json:7 queue safety", "one of the 40 reasons"},
		{`{"severity": ["highest"]}`, `{"platform": ["The Plaza"]}`, "queues.json:7 queue safety", "the name of a platform"},
		{`{"severity": ["highest"]}`, `{"language": ["German"]}`, "queues.json:7 queue safety", "BCP 47"},
		{`{"severity": ["highest"]}`, `{"source": ["nobody"]}`, "queues.json:7 queue safety", "trusted-flagger"},
		{`{"low": 60, "medium": 60, "high": 60, "highest": 30}`, `{"low": 60, "medium": 60, "high": 60}`, "queues.json:8 queue safety", "no promise for the severity highest"},
		{`{"low": 60, "medium": 60, "high": 60, "highest": 30}`, `{"low": 60, "medium": 60, "high": 60, "highest": 61}`, "queues.json:8 queue safety", "would wait longer than a lower one"},
		{`{"low": 60, "medium": 60, "high": 60, "highest": 30}`, `{"low": 60, "medium": 60, "high": 60, "highest": 0}`, "queues.json:8 queue safety", "1 to 129600 minutes"},
		{`{"low": 60, "medium": 60, "high": 60, "highest": 30}`, `{"low": 60, "medium": 60, "high": 60, "highest": 30, "worst": 1}`, "queues.json:8 queue safety", "is no severity"},
		{`"lease": 20`, `"lease": 4`, "queues.json:9 queue safety", "5 to 60 minutes"},
		{`"lease": 20`, `"lease": 61`, "queues.json:9 queue safety", "5 to 60 minutes"},
		{`"digits": {"1": 10,`, `"digits": {"0": 10,`, "queues.json:10 queue safety", "the keys are 1 to 9"},
		{`"digits": {"1": 10,`, `"digits": {"1": 13,`, "queues.json:10 queue safety", "rule 13, which is not in the rule set"},
		{`"en": "Child safety and threats to life"`, `"en": "a\nb"`, "queues.json:6 queue safety", "one line"},
		{`"reasons": ["ChildSafetyOther"], "queue": "safety"`, `"reasons": ["ChildSafetyOther"], "queue": "nowhere"`, "queues.json:51 test 1", `no queue "nowhere"`},
		{`"reasons": ["ChildSafetyOther"], "queue": "safety"`, `"reasons": ["ChildSafetyOther"], "queue": "spam"`, "queues.json:51 test 1", "waits in the queue safety, and the test says spam"},
		{`"reasons": ["ChildSafetyOther"], "queue": "safety"`, `"reasons": ["Childsafety"], "queue": "safety"`, "queues.json:51 test 1", "one of the 40 reasons"},
		{`"reasons": ["ChildSafetyOther"], "queue": "safety"`, `"reasons": [], "queue": "safety"`, "queues.json:51 test 1", "give its reasons, or a severity"},
	} {
		_, err := cases.ParseQueues(edit(t, text, c.old, c.fresh), rules)
		refusal(t, err, "bad-queues", c.at, c.what)
	}
	_, err := cases.ParseQueues(`{"v": "countersign/queues/v1"}`, rules)
	refusal(t, err, "bad-queues", "queues.json:1", "a set has 1 to 100")
	many := edit(t, text, `{"severity": ["highest"]}`, `{"language": [`+strings.Repeat(`"de", `, 200)+`"de"]}`)
	_, err = cases.ParseQueues(many, rules)
	refusal(t, err, "bad-queues", "queues.json:7 queue safety", "there are 201 of these")

	// A set in force is read even if a rule was withdrawn since.
	withdrawn := edit(t, text, `"digits": {"1": 10,`, `"digits": {"1": 13,`)
	q, err := cases.ParseQueues(withdrawn, nil)
	if err != nil || len(q.Queues) != 6 {
		t.Fatal(err)
	}
	if got := q.Lacks(rules); len(got) != 1 || got[0] != "the key 1 of the queue safety chooses rule 13" {
		t.Errorf("it lacks %v", got)
	}
}

// TestPlace: a case waits in the first queue that takes it. The members of a filter are
// all asked for, and of each member one value.
func TestPlace(t *testing.T) {
	whole := cases.Facts{Platform: "plaza", Sort: cases.Flagged, Subject: platform.Content, Reasons: []cases.Reason{"MisleadingSpam", "HarassmentTroll"}, Severity: cases.Low,
		Language: "de-AT", Sources: []string{cases.SourcePerson, cases.SourceAuthority}}
	for _, c := range []struct {
		where string
		takes bool
	}{
		{`{"platform": ["bluesky", "plaza"]}`, true}, {`{"platform": ["bluesky"]}`, false},
		{`{"sort": ["flagged"]}`, true},
		{`{"subject": ["content"]}`, true}, {`{"subject": ["account"]}`, false},
		{`{"reason": ["Other", "HarassmentTroll"]}`, true}, {`{"reason": ["Other"]}`, false},
		{`{"group": ["misleading"]}`, true}, {`{"group": ["violence"]}`, false},
		{`{"severity": ["low"]}`, true}, {`{"severity": ["medium", "high"]}`, false},
		{`{"language": ["de"]}`, true}, {`{"language": ["de-AT"]}`, true}, {`{"language": ["DE"]}`, false}, {`{"language": ["de-CH"]}`, false}, {`{"language": ["d"]}`, false},
		{`{"source": ["authority"]}`, true}, {`{"source": ["worker"]}`, false},
		{`{"platform": ["plaza"], "severity": ["low"], "language": ["de"]}`, true},
		{`{"platform": ["plaza"], "severity": ["high"], "language": ["de"]}`, false},
	} {
		text := fmt.Sprintf(`{"v": "countersign/queues/v1", "queues": [
			{"name": "first", "title": {"en": "First"}, "where": %s, "promise": {"low": 4, "medium": 3, "high": 2, "highest": 1}},
			{"name": "last", "title": {"en": "Last"}, "where": {}, "promise": {"low": 4, "medium": 3, "high": 2, "highest": 1}}], "tests": []}`, c.where)
		s, err := cases.ParseQueues(text, nil)
		if err != nil {
			if c.takes || !strings.Contains(fault.As(err).Error(), "BCP 47") {
				t.Errorf("%s: %v", c.where, err)
			}
			continue
		}
		q, i := s.Place(whole)
		if got := q.Name == "first"; got != c.takes || (i == 0) != got {
			t.Errorf("%s takes the case: %v", c.where, got)
		}
	}
}

// TestPromises: when a case is due and how long a claim runs.
func TestPromises(t *testing.T) {
	_, queues := defaults(t)
	opened := canonical.At(time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC))
	q, i, ok := queues.Queue("spam")
	if !ok || i != 3 {
		t.Fatalf("the queue spam is at place %d", i)
	}
	for s, want := range map[cases.Severity]time.Duration{cases.Low: 24 * time.Hour, cases.Medium: 12 * time.Hour, cases.High: 4 * time.Hour, cases.Highest: time.Hour, "": 24 * time.Hour} {
		if due := q.Due(cases.Case{Opened: opened, Severity: s}); due.Sub(opened.Time) != want {
			t.Errorf("a case of severity %q is due after %s", s, due.Sub(opened.Time))
		}
	}
	if q.Lease() != 5*time.Minute {
		t.Errorf("a claim runs for %s", q.Lease())
	}
	if q, _, _ := queues.Queue("general"); q.Lease() != 10*time.Minute {
		t.Errorf("where the set does not say, a claim runs for %s", q.Lease())
	}
	if _, _, ok := queues.Queue("nowhere"); ok {
		t.Error("there is a queue nowhere")
	}
}

// TestTaxonomy: the reasons are those that others publish, each in its group.
func TestTaxonomy(t *testing.T) {
	all := cases.Reasons()
	if len(all) != 40 {
		t.Fatalf("there are %d reasons", len(all))
	}
	seen, groups := map[cases.Reason]bool{}, map[cases.Group]int{}
	for _, r := range all {
		if seen[r] || !r.Known() {
			t.Errorf("the reason %s", r)
		}
		seen[r] = true
		groups[r.Group()]++
	}
	for g, want := range map[cases.Group]int{cases.GroupAppeal: 1, cases.GroupOther: 1, cases.GroupViolence: 7, cases.GroupSexual: 6, cases.GroupChildSafety: 5, cases.GroupHarassment: 5,
		cases.GroupMisleading: 6, cases.GroupRule: 4, cases.GroupSelfHarm: 5} {
		if groups[g] != want {
			t.Errorf("the group %s has %d reasons, want %d", g, groups[g], want)
		}
	}
	if cases.Reason("Spam").Known() || cases.Reason("").Group() != "" {
		t.Error("a reason is known that is none")
	}
	if cases.Severity("").Known() || cases.Low.Rank() != 1 || cases.Highest.Rank() != 4 {
		t.Error("the ranks of severities")
	}
}

// FuzzQueues: no text makes the parser fail in another way than by a refusal, and each case
// finds a queue of a set that it takes.
func FuzzQueues(f *testing.F) {
	rules, _ := defaults(f)
	f.Add(cases.DefaultQueues(), "plaza", "MisleadingSpam", "de", "low")
	f.Add(`{"v": "countersign/queues/v1", "queues": [null], "tests": [null]}`, "", "", "", "")
	f.Add(strings.Replace(cases.DefaultQueues(), `"lease": 20`, `"lease": 9223372036854775807`, 1), "bluesky", "Other", "und", "highest")
	f.Add(strings.Replace(cases.DefaultQueues(), `"lease": 20`, `"lease": 20, "order": {"likely": 40, "reach": 35, "half_life": 1}, "hours": {"zone": "Europe/Berlin", "open": {"mon": ["08:00-12:00", "13:00-24:00"]}, "closed": ["2026-12-25"]}`, 1), "plaza", "Other", "und", "highest")
	f.Fuzz(func(t *testing.T, text, platformName, reason, language, severity string) {
		s, err := cases.ParseQueues(text, rules)
		if err != nil {
			if f := fault.As(err); f == nil || f.Type != "bad-queues" || len(f.Detail) == 0 {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		q, i := s.Place(cases.Facts{Platform: platformName, Reasons: []cases.Reason{cases.Reason(reason)}, Language: language, Severity: cases.Severity(severity)})
		if q == nil || &s.Queues[i] != q || q.Lease() < 5*time.Minute || q.Lease() > time.Hour {
			t.Errorf("the case waits in %v", q)
		}
		at := canonical.At(time.Unix(1_800_000_000, 0))
		if due := q.Due(cases.Case{Opened: at, Severity: cases.Severity(severity), Likely: 900, Reach: 1 << 40}); !due.After(at.Time) {
			t.Errorf("a case is due at %s", due)
		}
	})
}
