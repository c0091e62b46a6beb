package wording

import (
	"slices"
	"strings"
	"testing"

	"countersign.dev/canonical"
	"countersign.dev/cases"
)

// changedRules is what is said of a rule set whose text differs from the default one's in
// these places.
func changedRules(t *testing.T, pairs ...string) []string {
	t.Helper()
	return RulesBefore(rulesOf(t, cases.DefaultRules()), rulesOf(t, edited(t, cases.DefaultRules(), pairs)))
}

func edited(t *testing.T, text string, pairs []string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the text has no %q", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func rulesOf(t *testing.T, text string) *cases.RuleSet {
	t.Helper()
	s, err := cases.ParseRules(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func queuesOf(t *testing.T, text string) *cases.QueueSet {
	t.Helper()
	s, err := cases.ParseQueues(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRulesBefore: whoever signs reads everything that a rule set changes, and reads first
// what buries reports.
func TestRulesBefore(t *testing.T) {
	const (
		limit  = `{"kind": "account.limit", "days": 30, "owner": true}`
		elect  = `"MisleadingElections": {"severity": "high"`
		nobody = `"referrals": []`
		police = `{"id": "police", "name": "The police", "to": "110", "about": "threats"}`
	)
	for _, c := range []struct {
		pairs []string
		want  []string
	}{
		{nil, []string{"  nothing"}},
		{[]string{elect, strings.Replace(elect, "high", "low", 1)}, []string{"  BURIES reports for MisleadingElections: its severity falls from high to low"}},
		{[]string{elect, strings.Replace(elect, "high", "highest", 1)}, []string{"  the severity of reports for MisleadingElections rises from high to highest"}},
		{[]string{`"threat": "ViolenceThreats"`, `"threat": "Other"`}, []string{`  BURIES reports of plaza for "threat": they become reports for Other, of severity low; until now for ViolenceThreats, of severity highest`,
			`  "threat" at plaza means Other; until now ViolenceThreats`}},
		{[]string{`"other": "Other"`, `"other": "RuleOther"`}, []string{`  "other" at plaza means RuleOther; until now Other`}},
		{[]string{`      "scam": "MisleadingScam",`, ``}, []string{`  BURIES reports of plaza for "scam": the set does not know this reason any more, so that they are refused; until now they are reports for MisleadingScam`,
			`  what "scam" at plaza means is left out; until now MisleadingScam`}},
		{[]string{`"spam": "MisleadingSpam",`, `"spam": "MisleadingSpam", "bot": "MisleadingBot",`}, []string{`  "bot" at plaza means MisleadingBot; until now the set did not say`}},
		{[]string{`"number": 12,`, `"number": 13,`, `"retired": []`, `"retired": [12]`}, []string{"  retired: rule 12, Other people's works and marks, of severity medium", "  new: rule 13, Other people's works and marks, of severity medium",
			"    usual measures on content from 0 strikes: content.remove"}},
		{[]string{`"retired": []`, `"retired": [99]`}, []string{"  number 99 is retired, and no rule had it"}},
		{[]string{limit, strings.Replace(limit, "30", "7", 1)}, []string{"  rule 1, Spam and false accounts: the usual measures on content from 2 strikes are LESS: content.remove, account.limit for 7 days on the owner's account; until now content.remove, account.limit for 30 days on the owner's account"}},
		{[]string{limit, strings.Replace(limit, "30", "60", 1)}, []string{"  rule 1, Spam and false accounts: the usual measures on content from 2 strikes are content.remove, account.limit for 60 days on the owner's account; until now content.remove, account.limit for 30 days on the owner's account"}},
		{[]string{`{"sort": "content", "strikes": 5,`, `{"sort": "content", "strikes": 4,`}, []string{"  rule 1, Spam and false accounts: the usual measures on content from 4 strikes are content.remove, account.takedown on the owner's account; until now content.remove, account.limit for 30 days on the owner's account"}},
		{[]string{`"en": "We looked at what you posted`, `"en": "We read what you posted`}, []string{"  rule 1, Spam and false accounts: the person concerned reads in en: We read what you posted"}},
		{[]string{`"en": "Spam and false accounts"`, `"en": "Spam"`}, []string{"  rule 1, Spam: its title, text or severity changes UNDER THE SAME NUMBER, and the desk refuses that"}},
		{[]string{`"category": "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"`, `"category": "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"`}, []string{"  rule 1, Spam and false accounts: its category is STATEMENT_CATEGORY_OTHER_VIOLATION_TC (KEYWORD_INAUTHENTIC_ACCOUNTS); until now STATEMENT_CATEGORY_SCAMS_AND_FRAUD (KEYWORD_INAUTHENTIC_ACCOUNTS)"}},
		{[]string{`"evidence": ["text", "profile", "thread"]`, `"evidence": ["text"]`}, []string{"  rule 1, Spam and false accounts: the evidence that is kept is text; until now text, profile and thread"}},
		{[]string{`"for": [`, `"for": ["One more.", `}, []string{"  rule 1, Spam and false accounts: its examples of what breaks it change"}},
		{[]string{`"against": [`, `"against": ["One more.", `}, []string{"  rule 1, Spam and false accounts: its examples of what does not break it change"}},
		{[]string{`"Appeal": {"severity": "low", "category": "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"}`, `"Appeal": {"severity": "low", "category": "STATEMENT_CATEGORY_VIOLENCE"}`},
			[]string{"  reports for Appeal are of the category STATEMENT_CATEGORY_VIOLENCE (none); until now STATEMENT_CATEGORY_OTHER_VIOLATION_TC (none)"}},
		{[]string{nobody, `"referrals": [` + police + `]`}, []string{"  cases may be referred to The police (110), about threats"}},
	} {
		got := changedRules(t, c.pairs...)
		for _, want := range c.want {
			if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, want) }) {
				t.Errorf("%q: got %q, want %q", c.pairs, got, want)
			}
		}
		if head := len(c.want) + 1; len(got) < head || strings.HasPrefix(c.want[0], "  BURIES") && !strings.HasPrefix(got[1], "  BURIES") {
			t.Errorf("%q: burying is not said first: %q", c.pairs, got)
		}
	}
	with, other := rulesOf(t, edited(t, cases.DefaultRules(), []string{nobody, `"referrals": [` + police + `]`})), strings.Replace(police, "110", "112", 1)
	moved := RulesBefore(with, rulesOf(t, edited(t, cases.DefaultRules(), []string{nobody, `"referrals": [` + other + `]`})))
	gone := RulesBefore(with, rulesOf(t, cases.DefaultRules()))
	if want := "  the referral police goes to The police (112), about threats; until now to The police (110), about threats"; !slices.Contains(moved, want) {
		t.Errorf("got %q", moved)
	}
	if want := "  cases may be referred no more to The police (110)"; !slices.Contains(gone, want) {
		t.Errorf("got %q", gone)
	}
	if first := RulesBefore(nil, with); len(first) != 13 || first[12] != "  rule 12, Other people's works and marks, of severity medium" {
		t.Errorf("of a first set: %q", first)
	}
}

// TestQueuesBefore: whoever signs reads everything that a queue set changes.
func TestQueuesBefore(t *testing.T) {
	const spam = `      "where": {"reason": ["MisleadingSpam", "MisleadingBot"], "severity": ["low"]},`
	for _, c := range []struct {
		pairs []string
		want  []string
	}{
		{nil, []string{"  nothing"}},
		{[]string{`"low": 720, "medium": 480`, `"low": 900, "medium": 480`}, []string{"  the queue identity: cases of severity low may wait LONGER: 15 hours; until now 12 hours"}},
		{[]string{`"low": 720, "medium": 480`, `"low": 720, "medium": 90`, `"high": 240, "highest": 60},
      "digits": {"1": 3,`, `"high": 90, "highest": 60},
      "digits": {"1": 3,`}, []string{"  the queue identity: cases of severity medium may wait 90 minutes; until now 8 hours", "  the queue identity: cases of severity high may wait 90 minutes; until now 4 hours"}},
		{[]string{spam, strings.Replace(spam, `"MisleadingSpam", `, "", 1)}, []string{"  the queue spam: it takes cases reported for MisleadingBot, of severity low; until now cases reported for MisleadingSpam and MisleadingBot, of severity low"}},
		{[]string{`"lease": 20`, `"lease": 30`}, []string{"  the queue safety: a claim runs for 30 minutes; until now 20 minutes"}},
		{[]string{`"digits": {"1": 3, "2": 2, "3": 1}`, `"digits": {}`}, []string{"  the queue identity: its keys choose the rules none; until now 1: 3, 2: 2, 3: 1"}},
		{[]string{`"en": "Everything else"`, `"en": "The rest"`}, []string{"  the queue general: its title is The rest; until now Everything else"}},
		{[]string{`"name": "identity"`, `"name": "people"`}, []string{"  new, at place 5: people takes cases reported for MisleadingImpersonation and MisleadingScam; first look within 1 hour (highest), 4 hours (high), 8 hours (medium), 12 hours (low)",
			"  no more: the queue identity; its cases go to the first other queue that takes them"}},
		{[]string{`"name": "german"`, `"name": "xx"`, `"name": "high"`, `"name": "german"`, `"name": "xx"`, `"name": "high"`}, []string{"  the order is safety, german, high, spam, identity and general; until now safety, high, german, spam, identity and general, and a case waits in the first queue that takes it"}},
	} {
		got := QueuesBefore(queuesOf(t, cases.DefaultQueues()), queuesOf(t, edited(t, cases.DefaultQueues(), c.pairs)))
		for _, want := range c.want {
			if !slices.Contains(got, want) {
				t.Errorf("%q: got %q, want %q", c.pairs, got, want)
			}
		}
	}
	first := QueuesBefore(nil, queuesOf(t, cases.DefaultQueues()))
	if len(first) != 7 || !strings.HasPrefix(first[6], "  6. general takes every case; first look within 1 hour (highest)") {
		t.Errorf("of a first set: %q", first)
	}
	all := Where(cases.Where{Platform: []string{"plaza"}, Sort: []cases.Sort{cases.Flagged}, Subject: nil, Group: []cases.Group{cases.GroupSexual}, Source: []string{"authority"}})
	if all != "cases of the platforms plaza, of the sorts flagged, reported for reasons of the groups sexual, from authority" {
		t.Errorf("got %q", all)
	}
}

// TestHashesBefore counts what comes and goes.
func TestHashesBefore(t *testing.T) {
	list := func(names ...string) *cases.HashList {
		var lines []string
		for _, n := range names {
			lines = append(lines, canonical.Sum([]byte(n)).String())
		}
		l, err := cases.ReadHashes(strings.Join(lines, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for want, got := range map[string][]string{
		"2 digests more and 0 fewer; then it has 2": HashesBefore(nil, list("a", "b")),
		"1 digest more and 2 fewer; then it has 2":  HashesBefore(list("a", "b", "c"), list("c", "d")),
	} {
		if len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
