package cli

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// shownCase is what a claim shows of a case.
func shownCase() v1.Claimed {
	x := cases.Shown{V: cases.ShownVersion, Case: "cas_1", Claim: 2, Version: 5, Subject: platform.Subject{Platform: "plaza", ID: "acct/17", Handle: "@shop"}, Of: platform.Account, Owner: "acct/17",
		Language: "en", Severity: cases.Medium, Queue: "identity", Counts: []cases.ShownCount{}, Decisions: []cases.ShownDecision{}, Evidence: []cases.ShownEvidence{}, Reports: []cases.ShownReport{}, Strikes: map[string]int64{}}
	return v1.Claimed{Case: v1.Case{ID: x.Case, Version: x.Version, State: cases.Claimed}, Claim: v1.Claim{Number: 2, Document: canonical.DigestOf(x)}, Shown: x}
}

// honestDecision is what somebody wants to decide, and the draft that an honest desk makes.
func honestDecision(t *testing.T, me identity) (judging, v1.DecisionDraft) {
	t.Helper()
	j, err := seen(shownCase())
	if err != nil {
		t.Fatal(err)
	}
	rules, err := cases.ParseRules(cases.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	j.verdict, j.reasons, j.set = actions.CaseViolation, "it is so", canonical.Sum([]byte("rules"))
	j.rule, _ = rules.Rule(3) // its usual measure on an account: suspended for 30 days
	a := actions.Action{V: actions.ActionVersion(2), Kind: actions.AccountSuspend, Subject: j.shown.Subject, Tier: actions.Standard, Direction: actions.Burdening, Effect: actions.Reversible,
		Inverse: actions.Inverse{Kind: actions.AccountRestore, Direction: actions.Relieving},
		Command: platform.Command{Verb: platform.Takedown, Subject: j.shown.Subject, Expect: platform.Expect{Status: platform.Up}, Mark: platform.MarkOf(someRequest)},
		Change:  canonical.Raw("{}"), Until: canonical.At(noon.Add(30 * 24 * time.Hour)), Case: j.shown.Case, Reason: j.rule.Reason.In("en"), Nonce: make([]byte, 16),
		Rule: actions.Rule{Number: 3, Text: j.rule.TextDigest()}}
	sealed := ledger.Opening{Name: "reasons", Salt: make([]byte, 32), Value: canonical.MustMarshal(j.reasons)}
	commitment, err := sealed.Commitment()
	if err != nil {
		t.Fatal(err)
	}
	c := actions.Decision{V: actions.DecisionVersion, Case: j.shown.Case, Claim: j.claim, Version: j.version, Subject: j.shown.Subject, Evidence: j.document, Language: "en", Measures: []canonical.Digest{a.Digest()},
		Nonce: make([]byte, 32), Opened: []canonical.Digest{}, Reasons: commitment, Rule: actions.DecidedRule{Number: 3, Set: j.set, Text: j.rule.TextDigest()}, Scores: []actions.Score{}, Verdict: actions.CaseViolation}
	d := v1.DecisionDraft{Decision: v1.Decided{Decision: c, Reasons: sealed}, Measures: []v1.Draft{{Action: a}}}
	stated(&d, me)
	return j, d
}

// stated gives a draft the statements that fit it.
func stated(d *v1.DecisionDraft, me identity) {
	var measures []canonical.Digest
	for _, m := range d.Measures {
		measures = append(measures, m.Action.Digest())
	}
	c := d.Decision.Decision
	c.Measures = measures
	if measures == nil {
		c.Measures = []canonical.Digest{}
	}
	d.Decision.Decision = c
	founding := canonical.Sum([]byte("founding"))
	d.Decision.Signed.Statement = actions.Statement{V: actions.StatementVersion(2), Log: me.origin, Founding: founding, Document: c.Digest(), Verdict: actions.VerdictDecide, Signer: me.worker, Key: me.key.Key,
		Executor: proof.DeskExecutor, Nonce: make([]byte, 32), NotBefore: canonical.At(noon), Expires: canonical.At(noon.Add(proof.DocumentLife))}
	all := make([]v1.Draft, len(d.Measures))
	for i, m := range d.Measures {
		m.Statement = statementFor(me, m.Action, actions.VerdictRequest)
		m.Statement.V, m.Statement.Founding, m.Statement.Decision = actions.StatementVersion(2), founding, c.Digest()
		all[i] = m
	}
	d.Measures = all
}

// TestDishonestDecisions changes an honest draft of a decision in every way in which a desk
// could trick whoever decides, always with statements that fit.
func TestDishonestDecisions(t *testing.T) {
	me := someone(t)
	j, honest := honestDecision(t, me)
	if err := j.check(honest, me, noon); err != nil {
		t.Fatalf("the honest draft: %v", err)
	}
	other := platform.Subject{Platform: "plaza", ID: "acct/18", Handle: "@rival"}
	measure := func(edit func(*actions.Action)) func(*v1.DecisionDraft) {
		return func(d *v1.DecisionDraft) {
			m := d.Measures[0]
			edit(&m.Action)
			d.Measures = []v1.Draft{m}
		}
	}
	for name, change := range map[string]func(*v1.DecisionDraft){
		"case":     func(d *v1.DecisionDraft) { d.Decision.Decision.Case = "cas_2" },
		"claim":    func(d *v1.DecisionDraft) { d.Decision.Decision.Claim = 3 },
		"version":  func(d *v1.DecisionDraft) { d.Decision.Decision.Version = 6 },
		"subject":  func(d *v1.DecisionDraft) { d.Decision.Decision.Subject = other },
		"evidence": func(d *v1.DecisionDraft) { d.Decision.Decision.Evidence = canonical.Sum([]byte("x")) },
		"opened":   func(d *v1.DecisionDraft) { d.Decision.Decision.Opened = []canonical.Digest{canonical.Sum([]byte("x"))} },
		"verdict": func(d *v1.DecisionDraft) {
			d.Decision.Decision.Verdict, d.Measures = actions.CaseNoViolation, nil
		},
		"language":  func(d *v1.DecisionDraft) { d.Decision.Decision.Language = "de" },
		"rule":      func(d *v1.DecisionDraft) { d.Decision.Decision.Rule.Number = 4 },
		"rule text": func(d *v1.DecisionDraft) { d.Decision.Decision.Rule.Text = canonical.Sum([]byte("x")) },
		"rule set":  func(d *v1.DecisionDraft) { d.Decision.Decision.Rule.Set = canonical.Sum([]byte("x")) },
		"reasons": func(d *v1.DecisionDraft) {
			d.Decision.Reasons.Value = canonical.MustMarshal("another reason")
			d.Decision.Decision.Reasons, _ = d.Decision.Reasons.Commitment()
		},
		"no measure":         func(d *v1.DecisionDraft) { d.Measures = nil },
		"one measure more":   func(d *v1.DecisionDraft) { d.Measures = append(d.Measures, d.Measures[0]) },
		"measure's subject":  measure(func(a *actions.Action) { a.Subject, a.Command.Subject = other, other }),
		"measure's kind":     measure(func(a *actions.Action) { a.Kind, a.Until = actions.AccountDeactivate, canonical.Time{} }),
		"measure's end":      measure(func(a *actions.Action) { a.Until = canonical.At(noon.Add(60 * 24 * time.Hour)) }),
		"measure's reason":   measure(func(a *actions.Action) { a.Reason = "words of the desk" }),
		"measure's case":     measure(func(a *actions.Action) { a.Case = "cas_2" }),
		"measure's rule":     measure(func(a *actions.Action) { a.Rule.Number = 4 }),
		"measure's category": measure(func(a *actions.Action) { a.Category = actions.CategoryLegal }),
		"measure's mark":     measure(func(a *actions.Action) { a.Command.Mark = platform.MarkOf(otherRequest) }),
	} {
		bad := honest
		change(&bad)
		stated(&bad, me)
		if err := j.check(bad, me, noon); !fault.Is(err, "wrong-draft") {
			t.Errorf("another %s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*actions.Statement){
		"document":  func(s *actions.Statement) { s.Document = canonical.Sum([]byte("x")) },
		"verdict":   func(s *actions.Statement) { s.Verdict = actions.VerdictAct },
		"signer":    func(s *actions.Statement) { s.Signer = "eve" },
		"key":       func(s *actions.Statement) { s.Key = "key_0" },
		"session":   func(s *actions.Statement) { s.Session = canonical.Sum([]byte("x")) },
		"desk":      func(s *actions.Statement) { s.Log = "evil.example.com/ledger" },
		"action":    func(s *actions.Statement) { s.Action = canonical.Sum([]byte("x")) },
		"batch":     func(s *actions.Statement) { s.Batch = canonical.Sum([]byte("x")) },
		"decision":  func(s *actions.Statement) { s.Decision = canonical.Sum([]byte("x")) },
		"request":   func(s *actions.Statement) { s.Request = someRequest },
		"alarm":     func(s *actions.Statement) { s.Alarm = true },
		"executor":  func(s *actions.Statement) { s.Executor = "executor" },
		"nonce":     func(s *actions.Statement) { s.Nonce = nil },
		"length":    func(s *actions.Statement) { s.Expires = canonical.At(noon.Add(time.Hour)) },
		"version 1": func(s *actions.Statement) { s.V = actions.StatementV1 },
	} {
		bad := honest
		change(&bad.Decision.Signed.Statement)
		if err := j.check(bad, me, noon); !fault.Is(err, "wrong-draft") {
			t.Errorf("a statement with another %s: %v", name, err)
		}
	}
	bad := honest
	bad.Measures = []v1.Draft{honest.Measures[0]}
	bad.Measures[0].Statement.Decision = canonical.Sum([]byte("x"))
	if err := j.check(bad, me, noon); !fault.Is(err, "wrong-draft") {
		t.Errorf("the statement of a measure names another decision: %v", err)
	}
	// The usual measure for more strikes than were shown.
	strikes := honest
	measure(func(a *actions.Action) { a.Kind, a.Until = actions.AccountTakedown, canonical.Time{} })(&strikes)
	stated(&strikes, me)
	if err := j.check(strikes, me, noon); !fault.Is(err, "strikes-moved") {
		t.Errorf("a measure for other strikes: %v", err)
	}
	// Measures that were asked for by name.
	named := j
	named.measures = &[]v1.CaseMeasure{{Kind: actions.AccountTakedown}}
	if err := named.check(honest, me, noon); !fault.Is(err, "wrong-draft") {
		t.Errorf("other measures than were named: %v", err)
	}
}

// TestShownIsWhatTheClaimNames: nobody signs to have seen something else than what the screen
// showed.
func TestShownIsWhatTheClaimNames(t *testing.T) {
	for name, change := range map[string]func(*v1.Claimed){
		"shown":  func(c *v1.Claimed) { c.Shown.Language = "de" },
		"digest": func(c *v1.Claimed) { c.Claim.Document = canonical.Sum([]byte("x")) },
		"claim":  func(c *v1.Claimed) { c.Claim.Number = 3 },
		"case":   func(c *v1.Claimed) { c.Case.ID = "cas_2" },
	} {
		c := shownCase()
		change(&c)
		if _, err := seen(c); !fault.Is(err, "wrong-draft") {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

// TestStrangersTextOnTheScreen: what strangers wrote is shown in bounds, and does nothing.
func TestStrangersTextOnTheScreen(t *testing.T) {
	c := shownCase()
	c.Shown.Counts = []cases.ShownCount{{Reason: "MisleadingSpam", Source: "person", Count: 7, Anonymous: true}}
	for _, text := range []string{"\x1b[31mred\u202egpj", strings.Repeat("😀", 100_000), strings.Repeat("line\n", 1000), "not shown: the fourth of its reason"} {
		c.Shown.Reports = append(c.Shown.Reports, cases.ShownReport{Reason: "MisleadingSpam", Own: "spam\x07", Text: text, At: canonical.At(noon), Scores: []cases.Score{{Name: "s\x1b", Value: 930000}}})
	}
	c.Shown.Evidence = []cases.ShownEvidence{{State: "copied", Text: strings.Repeat("evil\u200b\n", 5000), Pictures: 2}}
	p := &Page{color: true}
	describeCase(p, c.Case, "", c.Shown, noon)
	text := p.String()
	for _, never := range []string{"\x1b", "\u202e", "\x07", "\u200b", "not shown"} {
		if strings.Contains(text, never) {
			t.Errorf("%q is on the screen", never)
		}
	}
	if len(text) > 20_000 || strings.Count(text, "\n") > 100 {
		t.Errorf("the screen has %d bytes in %d lines", len(text), strings.Count(text, "\n"))
	}
	for _, want := range []string{"7 person without an account", "2 pictures", "there is more: --json has all of it", "0.93"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the screen:\n%s", want, text)
		}
	}
}

// TestUsualWords: the words of a rule's usual measures say where one is on another account.
func TestUsualWords(t *testing.T) {
	got := usualWords([]cases.Measure{{Kind: actions.ContentRemove}, {Kind: actions.AccountSuspend, Days: 30, Owner: true}})
	if want := "content.remove, account.suspend on the owner's account for 30 days"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestReadReports: a file is read whole or refused, with the line and the reason of each bad row.
func TestReadReports(t *testing.T) {
	for _, c := range []struct {
		name, text string
		rows       int
		lines      []string
	}{
		{"a.jsonl", "{\"external_id\":\"1\",\"subject\":{\"platform\":\"plaza\",\"id\":\"post/1\"},\"reason\":\"spam\"}\n\n{\"withdraws\":\"0\"}\n", 2, nil},
		{"a.jsonl", "\ufeff{\"external_id\":\"1\",\"subject\":{\"platform\":\"plaza\",\"id\":\"post/1\"},\"reason\":\"spam\",\"at\":\"2026-11-23T05:39:46+01:00\"}", 1, nil},
		{"a.jsonl", "{]\n{\"external_id\":\"1\"}\n{\"external_id\":\"2\",\"external_id\":\"3\"}\n{\"withdraws\":\"0\",\"external_id\":\"4\"}\n{\"at\":\"noon\"}\n", 0, []string{"line 1", "line 2", "line 3", "line 4", "line 5"}},
		{"a.jsonl", "{\"external_id\":\"1\",\"subject\":{\"platform\":\"plaza\",\"id\":\"a\"},\"reason\":\"spam\"}\n{\"external_id\":\"1\",\"subject\":{\"platform\":\"plaza\",\"id\":\"b\"},\"reason\":\"spam\"}\n", 0, []string{"line 2"}},
		{"a.csv", "external_id,platform,id,reason,text,anonymous\n1,plaza,post/1,spam,\"two\nlines\",yes\n2,plaza,post/2,spam,,\n", 2, nil},
		{"a.csv", "external_id,platform,id,reason,anonymous\n1,plaza,post/1,spam,perhaps\n2,plaza,post/2\n3,,,spam,\n", 0, []string{"line 2", "line 3", "line 4"}},
		{"a.csv", "external_id,fame\n1,2\n", 0, []string{}},
		{"a.csv", "platform,id\nplaza,1\n", 0, []string{}},
		{"a.csv", "", 0, []string{}},
		{"a.jsonl", "\n", 0, []string{}},
		{"a.txt", "x", 0, []string{}},
	} {
		rows, err := readReports(c.name, []byte(c.text))
		if c.lines == nil {
			if err != nil || len(rows) != c.rows {
				t.Errorf("%q: %d rows, %v", c.text, len(rows), err)
			}
			continue
		}
		if !fault.Is(err, "bad-import") {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		var lines []string
		for _, d := range fault.As(err).Detail {
			lines = append(lines, d.At)
		}
		if strings.Join(lines, ",") != strings.Join(c.lines, ",") {
			t.Errorf("%q: bad are %v, want %v", c.text, lines, c.lines)
		}
	}
}
