package cases_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// edit changes one place of a text.
func edit(t testing.TB, text, old, fresh string) string {
	t.Helper()
	if strings.Count(text, old) == 0 {
		t.Fatalf("the text has no %q", old)
	}
	return strings.Replace(text, old, fresh, 1)
}

// refusal demands a fault whose detail names a place and says something. A place that
// begins with a space leaves the line aside.
func refusal(t *testing.T, err error, typ, at, what string) {
	t.Helper()
	f := fault.As(err)
	if f == nil || f.Type != typ {
		t.Errorf("got %v, want %s", err, typ)
		return
	}
	if !slices.ContainsFunc(f.Detail, func(d fault.Detail) bool {
		return (d.At == at || at[0] == ' ' && strings.HasSuffix(d.At, at)) && strings.Contains(d.Text, what)
	}) {
		t.Errorf("got %v, want %q at %q", err, what, at)
	}
}

// placed replaces LINE±N at the beginning of a place by the number of the line that a text
// is on, plus or minus N.
func placed(text, on, at string) string {
	var n int
	var rest string
	if _, err := fmt.Sscanf(at, "LINE%d", &n); err != nil {
		return at
	}
	_, rest, _ = strings.Cut(at, " ")
	line := 1 + strings.Count(text[:strings.Index(text, on)], "\n") + n
	return strings.TrimSuffix(fmt.Sprintf("rules.json:%d %s", line, rest), " ")
}

// TestBadRules: each refusal names the file, the line and what to do.
func TestBadRules(t *testing.T) {
	text := cases.DefaultRules()
	for _, c := range []struct{ old, fresh, at, what string }{
		{`"v": "countersign/rules/v1"`, `"v": "countersign/rules/v2"`, "LINE+0", `write "countersign/rules/v1"`},
		{`"number": 1,`, `"number": 1, "colour": "red",`, "LINE+0", "rules.0.colour is not known here"},
		{`"number": 1,`, `"number": 1, "number": 1,`, "LINE+0", "a member occurs twice"},
		{`"number": 1,`, `"number": "one",`, "LINE+0", "rules.0.number has a value of the wrong form"},
		{`"rules": [`, `"rules": [[`, "LINE+0", "rules.0 has a value of the wrong form"},
		{`"retired": []`, `"retired": [`, "LINE+0", "not JSON"},
		{`"number": 2,`, `"number": 1,`, "LINE-1 rule 1", "rising order"},
		{`"number": 1,`, `"number": 0,`, "LINE-1 rule 0", "from 1 to 1000000"},
		{`"retired": []`, `"retired": [3]`, " rule 3", "never comes back"},
		{`"retired": []`, `"retired": [0]`, "LINE+0", "positive"},
		{`"retired": []`, `"retired": [14, 13]`, "LINE+0", "rising order"},
		{`"severity": "low",`, `"severity": "tiny",`, "LINE+0 rule 1", "low, medium, high or highest"},
		{`"category": "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",`, `"category": "FRAUD",`, "LINE+0 rule 1", "no category"},
		{`"keywords": ["KEYWORD_INAUTHENTIC_ACCOUNTS"]`, `"keywords": ["INAUTHENTIC_ACCOUNTS"]`, "LINE+0 rule 1", "no keyword"},
		{`"keywords": ["KEYWORD_INAUTHENTIC_ACCOUNTS"]`, `"keywords": ["KEYWORD_PHISHING", "KEYWORD_PHISHING"]`, "LINE+0 rule 1", "there twice"},
		{`"en": "Spam and false accounts"`, `"en": "Spam\nand false accounts"`, "LINE+0 rule 1", "one line"},
		{`"en": "Spam and false accounts"`, `"en": "Spam\u202e"`, "LINE+0 rule 1", "U+202E"},
		{`"en": "Spam and false accounts"`, `"en": " "`, "LINE+0 rule 1", "shows nothing"},
		{`"en": "Spam and false accounts"`, `"English": "Spam"`, "LINE+0 rule 1", "no language"},
		{`"en": "Spam and false accounts"`, `"fr": "Spam"`, "LINE+3 rule 1", "missing in the language fr"},
		{`{"kind": "content.remove"}]}`, `{"kind": "content.delete"}]}`, "LINE+0 rule 1", "is no measure"},
		{`{"kind": "content.remove"}]}`, `{"kind": "content.restore"}]}`, "LINE+0 rule 1", "is no measure"},
		{`{"kind": "content.remove"}]}`, `{"kind": "account.contain", "owner": true}]}`, "LINE+0 rule 1", "is no measure"},
		{`{"kind": "content.remove"}]}`, `{"kind": "desk.freeze"}]}`, "LINE+0 rule 1", "is no measure"},
		{`{"kind": "content.remove"}]}`, `{"kind": "account.warn"}]}`, "LINE+0 rule 1", `say "owner": true`},
		{`{"kind": "content.remove"}]}`, `{"kind": "content.remove", "owner": true}]}`, "LINE+0 rule 1", "this one would be on an account"},
		{`{"kind": "content.remove"}]}`, `{"kind": "content.remove", "days": 3}]}`, "LINE+0 rule 1", "has no end"},
		{`{"kind": "content.remove"}]}`, `{"kind": "content.limit", "days": 367}]}`, "LINE+0 rule 1", "1 to 366 days"},
		{`{"kind": "content.remove"}]}`, `{"kind": "content.limit", "days": -1}]}`, "LINE+0 rule 1", "1 to 366 days"},
		{`{"kind": "content.remove"}]}`, `{"kind": "account.suspend", "owner": true}]}`, "LINE+0 rule 1", "needs an end"},
		{`{"kind": "content.remove"}]}`, `{"kind": "content.label"}]}`, "LINE+0 rule 1", "a label has a value"},
		{`{"kind": "content.remove"}]}`, `{"kind": "content.label", "value": "Not A Label"}]}`, "LINE+0 rule 1", "a label has a value"},
		{`{"kind": "content.remove"}]}`, `{"kind": "content.remove", "value": "spam"}]}`, "LINE+0 rule 1", "other measures have none"},
		{`{"kind": "content.remove"}]}`, `{"kind": "content.remove"}, {"kind": "content.remove"}]}`, "LINE+0 rule 1", "there twice"},
		{`"measures": [{"kind": "content.remove"}]}`, `"measures": []}`, "LINE+0 rule 1", "has 1 to 10"},
		{`{"sort": "content", "strikes": 0,`, `{"sort": "content", "strikes": 1,`, "LINE+0 rule 1", "counts from 0 strikes"},
		{`{"sort": "content", "strikes": 2,`, `{"sort": "content", "strikes": 0,`, "LINE+0 rule 1", "rising order of strikes"},
		{`{"sort": "content", "strikes": 0,`, `{"sort": "house", "strikes": 0,`, "LINE+0 rule 1", "account or content"},
		{`"evidence": ["text", "profile", "thread"]`, `"evidence": ["text", "voice"]`, "LINE+0 rule 1", "each once"},
		{`"evidence": ["text", "profile", "thread"]`, `"evidence": ["text", "text"]`, "LINE+0 rule 1", "each once"},
		{`"evidence": ["text", "profile", "thread"]`, `"evidence": []`, " rule 1", "no evidence is kept"},
		{`"Appeal": {`, `"Complaint": {`, "LINE+0", `"Complaint" is none of the 40 reasons`},
		{`"Appeal": {`, `"Complaint": {`, "LINE-1", "the reason Appeal is missing"},
		{`"Appeal": {"severity": "low"`, `"Appeal": {"severity": ""`, "LINE+0 reason Appeal", "low, medium"},
		{`"spam": "MisleadingSpam"`, `"spam": "Spam"`, "LINE+0", "none of the 40 reasons"},
		{`"plaza": {`, `"The Plaza": {`, "LINE+0", "not the name of a platform"},
		{`"referrals": []`, `"referrals": [{"id": "A", "name": "Hotline", "to": "https://hotline.example", "about": "Child safety"}]`, "LINE+0", "lower-case"},
		{`"referrals": []`, `"referrals": [{"id": "hotline", "name": "", "to": "https://hotline.example", "about": "Child safety"}]`, "LINE+0", "name of a referral shows nothing"},
	} {
		_, err := cases.ParseRules(edit(t, text, c.old, c.fresh))
		refusal(t, err, "bad-rules", placed(text, c.old, c.at), c.what)
	}
	_, err := cases.ParseRules(strings.Repeat(" ", cases.MaxText+1))
	refusal(t, err, "bad-rules", "rules.json", "at most 4194304")
	_, err = cases.ParseRules("\xff")
	refusal(t, err, "bad-rules", "rules.json", "UTF-8")
	_, err = cases.ParseRules(strings.Repeat(`{"a":`, 100))
	refusal(t, err, "bad-rules", "rules.json", "nests deeper")
	_, err = cases.ParseRules(`{"v": "countersign/rules/v1"}`)
	refusal(t, err, "bad-rules", "rules.json:1", "a set has 1 to 1000")
	noExample := edit(t, text, `"against": [
        "A band announces each of its ten concerts in a post of its own.",
        "A program that posts the weather, and says in its profile that it is a program."
      ]`, `"against": []`)
	_, err = cases.ParseRules(noExample)
	refusal(t, err, "bad-rules", "rules.json:4 rule 1", `no examples in "against"`)
}

// TestManyProblems: a text with very many things wrong is refused in a bounded time, with a
// bounded answer.
func TestManyProblems(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"v": "countersign/rules/v1", "rules": [`)
	for i := range 1000 {
		if i > 0 {
			b.WriteString(",\n")
		}
		b.WriteString(`{"number": 0}`)
	}
	b.WriteString("]}")
	_, err := cases.ParseRules(b.String())
	if f := fault.As(err); f == nil || len(f.Detail) > 50 {
		t.Errorf("got %v", err)
	}
}

// TestSuccession: a number means one text for ever.
func TestSuccession(t *testing.T) {
	text := cases.DefaultRules()
	before, err := cases.ParseRules(edit(t, text, `"retired": []`, `"retired": [20]`))
	if err != nil {
		t.Fatal(err)
	}
	with := func(pairs ...string) string {
		s := edit(t, text, `"retired": []`, `"retired": [20]`)
		for i := 0; i < len(pairs); i += 2 {
			s = edit(t, s, pairs[i], pairs[i+1])
		}
		return s
	}
	for _, good := range []string{
		with(),
		with(`"for": [`, `"for": ["One more example.", `),
		with(`"category": "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"`, `"category": "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"`),
		with(`{"kind": "account.limit", "days": 30, "owner": true}`, `{"kind": "account.limit", "days": 60, "owner": true}`),
		with(`"en": "We looked at what`, `"en": "We have looked at what`),
		with(`"number": 12,`, `"number": 13,`, `"retired": [20]`, `"retired": [12, 20]`),
	} {
		if _, err := cases.ParseRulesAfter(good, before); err != nil {
			t.Error(err)
		}
		if _, err := cases.ParseRulesAfter(good, nil); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct{ text, at, what string }{
		{with(`"en": "Spam and false accounts"`, `"en": "Spam"`), "rules.json:6 rule 1", "its title is another one than in the set in force; a changed rule is a new rule: give it the number 21, and put 1 into retired"},
		{with(`"en": "Do not post the same`, `"en": "Never post the same`), "rules.json:10 rule 1", "its text is another one"},
		{with(`"severity": "low",`, `"severity": "medium",`), "rules.json:14 rule 1", "its severity is another one"},
		{with(`"number": 12,`, `"number": 13,`), " rule 12", "put its number into retired"},
		{with(`"retired": [20]`, `"retired": []`), " rule 20", "put it into retired here as well"},
		{with(`"retired": [20]`, `"retired": [12]`, `"number": 12,`, `"number": 20,`), " rule 20", "the number was retired, and a retired number never comes back; give the rule the number 21"},
	} {
		_, err := cases.ParseRulesAfter(c.text, before)
		refusal(t, err, "bad-rules", c.at, c.what)
	}
}

// TestRules asks the default set as casework does.
func TestRules(t *testing.T) {
	rules, queues := defaults(t)
	r, ok := rules.Rule(4)
	if !ok || r.Title.In("de-AT") != "Belästigung und private Daten" || r.Title.In("fr") != "Harassment and private data" {
		t.Errorf("rule 4 is %v", r)
	}
	if _, ok := rules.Rule(13); ok || rules.Withdrawn(13) {
		t.Error("there is a rule 13")
	}
	if got := (cases.Texts{"pt": "b", "it": "a"}).In("fr"); got != "a" {
		t.Errorf("without English it is %q", got)
	}
	for _, c := range []struct {
		strikes int64
		want    int
	}{{0, 1}, {1, 1}, {2, 2}, {4, 2}, {5, 2}, {100, 2}} {
		r, _ := rules.Rule(1)
		if got := r.UsualFor(platform.Content, c.strikes); len(got) != c.want || c.strikes >= 5 && got[1].Kind != actions.AccountTakedown {
			t.Errorf("with %d strikes the usual measures are %v", c.strikes, got)
		}
	}
	if r.UsualFor("house", 0) != nil {
		t.Error("there are usual measures for a house")
	}
	for _, c := range []struct {
		platform, own string
		want          cases.Reason
	}{{"plaza", "spam", "MisleadingSpam"}, {"plaza", "MisleadingScam", "MisleadingScam"}, {"elsewhere", "tools.ozone.report.defs#reasonSelfHarmED", "SelfHarmED"},
		{"bluesky", "com.atproto.moderation.defs#reasonRude", "HarassmentOther"}, {"elsewhere", "spam", ""}, {"plaza", "", ""}} {
		if got, ok := rules.ReasonOf(c.platform, c.own); got != c.want || ok != (c.want != "") {
			t.Errorf("%s at %s is %q", c.own, c.platform, got)
		}
	}
	if s := rules.Severity([]cases.Reason{"MisleadingSpam", "ViolenceThreats", "Other"}); s != cases.Highest {
		t.Errorf("the severity is %s", s)
	}
	if s := rules.Severity(nil); s != "" {
		t.Errorf("the severity of nothing is %s", s)
	}
	for i := range rules.Rules {
		a := rules.Rules[i]
		if a.Named().Number != a.Number || a.Named().Text != a.TextDigest() {
			t.Errorf("rule %d is named %v", a.Number, a.Named())
		}
		a.Usual, a.Reason, a.For, a.Category = nil, nil, nil, ""
		if a.TextDigest() != rules.Rules[i].TextDigest() {
			t.Errorf("the digest of rule %d is of more than its text", a.Number)
		}
		a.Text = maps.Clone(a.Text)
		a.Text["fr"] = "…"
		if a.TextDigest() == rules.Rules[i].TextDigest() {
			t.Errorf("the digest of rule %d does not cover its text in each language", a.Number)
		}
	}
	if got := queues.Lacks(rules); len(got) > 0 {
		t.Errorf("the default queues lack %v", got)
	}
}

// TestLess: measures are less than the usual ones if the strongest is weaker or shorter, on
// the subject or on the owner's account.
func TestLess(t *testing.T) {
	remove, label := cases.Measure{Kind: actions.ContentRemove}, cases.Measure{Kind: actions.ContentLabel, Value: "spam"}
	week, month := cases.Measure{Kind: actions.AccountSuspend, Days: 7, Owner: true}, cases.Measure{Kind: actions.AccountSuspend, Days: 30, Owner: true}
	warn, takedown := cases.Measure{Kind: actions.AccountWarn, Owner: true}, cases.Measure{Kind: actions.AccountTakedown, Owner: true}
	short, open := cases.Measure{Kind: actions.ContentLimit, Days: 3}, cases.Measure{Kind: actions.ContentLimit}
	of := func(m ...cases.Measure) []cases.Measure { return m }
	for _, c := range []struct {
		given, usual []cases.Measure
		less         bool
	}{
		{of(remove), of(remove), false},
		{of(label), of(remove), true},
		{of(remove), of(label), false},
		{nil, of(label), true},
		{nil, nil, false},
		{of(remove), of(remove, week), true},
		{of(remove, week), of(remove, month), true},
		{of(remove, month), of(remove, week), false},
		{of(remove, takedown), of(remove, month), false},
		{of(remove, warn), of(remove, month), true},
		{of(label, takedown), of(remove), true},
		{of(short), of(open), true},
		{of(open), of(short), false},
		{of(label, remove), of(remove), false},
	} {
		if got := cases.Less(c.given, c.usual); got != c.less {
			t.Errorf("%v is less than %v: %v", c.given, c.usual, got)
		}
	}
	for _, spec := range actions.Catalogue() {
		known := cases.Less(nil, of(cases.Measure{Kind: spec.Kind}))
		if measure := !spec.Desk && spec.Direction == actions.Burdening && !spec.Emergency; known != measure {
			t.Errorf("%s counts as a measure: %v", spec.Kind, known)
		}
	}
}

// FuzzRules: no text makes the parser fail in another way than by a refusal, and what it
// takes is complete.
func FuzzRules(f *testing.F) {
	text := cases.DefaultRules()
	f.Add(text)
	f.Add(`{"v": "countersign/rules/v1", "rules": [{"number": 1}]}`)
	f.Add(`{"rules": [null], "reasons": {"Other": null}, "platforms": {"plaza": null}}`)
	f.Add("[\n\n{")
	f.Add(strings.Replace(text, `"strikes": 0`, `"strikes": -1`, 1))
	before, err := cases.ParseRules(text)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := cases.ParseRules(text)
		if err != nil {
			if f := fault.As(err); f == nil || f.Type != "bad-rules" || len(f.Detail) == 0 {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		for _, r := range cases.Reasons() {
			if !s.Judged(r).Severity.Known() {
				t.Errorf("%s is not judged", r)
			}
		}
		for i := range s.Rules {
			if len(s.Rules[i].UsualFor(platform.Account, 0)) == 0 || len(s.Rules[i].UsualFor(platform.Content, 0)) == 0 || s.Rules[i].Title.In("en") == "" {
				t.Errorf("rule %d is not complete", s.Rules[i].Number)
			}
		}
		if _, err := cases.ParseRulesAfter(text, s); err != nil {
			t.Errorf("a set does not follow itself: %v", err)
		}
		_, _ = cases.ParseRulesAfter(text, before)
	})
}
