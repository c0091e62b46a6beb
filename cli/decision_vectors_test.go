package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
)

var vectors = flag.Bool("vectors", false, "write the vectors of the decision's check anew")

// decisionVectors is the draft of a decision with all that its signer saw, and the ways in which a
// desk may lie in it. web/static/decision.test.mjs reads the same.
type decisionVectors struct {
	Now   canonical.Time   `json:"now"`
	Who   vectorSigner     `json:"who"`
	Shown cases.Shown      `json:"shown"`
	Seen  canonical.Digest `json:"document"`
	Rule  cases.Rule       `json:"rule"`
	Set   canonical.Digest `json:"set"`
	Draft v1.DecisionDraft `json:"draft"`
	Lies  []decisionLie    `json:"lies"`
}

type vectorSigner struct {
	Worker   string           `json:"worker"`
	Key      string           `json:"key"`
	Log      string           `json:"log"`
	Founding canonical.Digest `json:"founding"`
}

// decisionLie puts a value at a path of the draft. Then all digests are made anew (Redone), so that the
// lie is not found by a digest alone.
type decisionLie struct {
	Name   string        `json:"name"`
	Path   string        `json:"path"` // members and places, with dots between them
	Value  canonical.Raw `json:"value"`
	Redone bool          `json:"redone"`
}

// TestDecisionVectors: Go's check and the script's take the same draft and refuse the same lies. It
// compares the vectors with those that the script reads, which are written with
//
//	go test ./cli -run TestDecisionVectors -vectors
func TestDecisionVectors(t *testing.T) {
	v, j, me := honestDraft(t)
	if err := j.check(v.Draft, me, v.Now.Time); err != nil {
		t.Fatalf("an honest draft: %v", err)
	}
	for _, lie := range v.Lies {
		told, err := lie.told(t, v.Draft)
		if err == nil {
			err = j.check(told, me, v.Now.Time)
		}
		if err == nil {
			t.Errorf("%s passes", lie.Name)
		}
	}
	const file = "../web/testdata/decision.json"
	want := append(canonical.MustMarshal(v), '\n')
	if *vectors {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what Go says (%v): run go test ./cli -run TestDecisionVectors -vectors, and look at what changes", file, err)
	}
}

func honestDraft(t *testing.T) (decisionVectors, judging, identity) {
	t.Helper()
	now := canonical.At(time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC))
	v := decisionVectors{Now: now, Who: vectorSigner{"ann", "key_1", "desk.example", canonical.Sum([]byte("entry 0"))}, Set: canonical.Sum([]byte("rules"))}
	v.Shown = cases.Shown{Case: "cas_06h2ykhqp5mwmms22jysspezbg", Claim: 3, Version: 4, Subject: platform.Subject{Platform: "plaza", ID: "post/1", Handle: "@shop"}, Of: platform.Content, Owner: "acct/4",
		Language: "en", Severity: "medium", Strikes: map[string]int64{"7": 2}, Opened: now, V: "countersign/shown/v1"}
	v.Seen = canonical.DigestOf(v.Shown)
	v.Rule = cases.Rule{Number: 7, Severity: "medium", Title: cases.Texts{"en": "Spam"}, Text: cases.Texts{"en": "Do not spam. ☂"}, Reason: cases.Texts{"en": "Your post is spam.", "de": "Ihr Beitrag ist Spam."},
		Usual: []cases.Usual{{Sort: platform.Content, Measures: []cases.Measure{{Kind: actions.ContentRemove}}},
			{Sort: platform.Content, Strikes: 2, Measures: []cases.Measure{{Kind: actions.ContentRemove}, {Kind: actions.AccountSuspend, Days: 7, Owner: true}}}}}
	opening := ledger.Opening{Name: "reasons", Salt: bytes.Repeat([]byte{5}, 32), Value: canonical.Raw(`"Again."`)}
	commitment, err := opening.Commitment()
	if err != nil {
		t.Fatal(err)
	}
	c := actions.Decision{V: actions.DecisionVersion, Case: v.Shown.Case, Claim: 3, Version: 4, Evidence: v.Seen, Language: "en", Nonce: bytes.Repeat([]byte{6}, 32), Opened: []canonical.Digest{}, Scores: []actions.Score{},
		Reasons: commitment, Subject: v.Shown.Subject, Verdict: actions.CaseViolation, Rule: actions.DecidedRule{Number: 7, Set: v.Set, Text: v.Rule.TextDigest()}, Measures: []canonical.Digest{}}
	measure := func(kind actions.Kind, on platform.Subject, request string) v1.Draft {
		spec, _ := actions.SpecOf(kind)
		a := actions.Action{V: actions.ActionV2, Kind: kind, Direction: spec.Direction, Effect: spec.Effect, Inverse: actions.Inverse{Kind: spec.Inverse, Direction: spec.InverseDirection}, Tier: actions.Standard,
			Case: c.Case, Rule: c.Rule.Rule(), Reason: "Your post is spam.", Change: canonical.Raw("{}"), Nonce: bytes.Repeat([]byte{7}, 16), Subject: on}
		layer, err := spec.Layer("")
		if err != nil {
			t.Fatal(err)
		}
		a.Command = platform.Command{Subject: on, Verb: spec.Verbs[0], Layer: layer, Mark: platform.MarkOf(request), Expect: platform.Expect{Status: platform.Up}}
		if spec.Timed {
			a.Until = canonical.At(now.Add(7 * 24 * time.Hour))
		}
		return v1.Draft{Action: a, Ruling: v1.Ruling{Verdict: policy.Permitted}, Statement: actions.Statement{V: actions.StatementV2, Log: v.Who.Log, Founding: v.Who.Founding, Request: request, Verdict: actions.VerdictRequest,
			Policy: canonical.Sum([]byte("policy")), Signer: "ann", Key: "key_1", Executor: "exec-1", Nonce: bytes.Repeat([]byte{1}, 32), NotBefore: now, Expires: canonical.At(now.Add(time.Hour))}}
	}
	v.Draft = v1.DecisionDraft{Title: "Spam", Decision: v1.Decided{Decision: c, Reasons: opening, Signed: actions.Signed{Statement: actions.Statement{V: actions.StatementV2, Log: v.Who.Log, Founding: v.Who.Founding,
		Verdict: actions.VerdictDecide, Signer: "ann", Key: "key_1", Executor: proof.DeskExecutor, Nonce: bytes.Repeat([]byte{2}, 32), NotBefore: now, Expires: canonical.At(now.Add(10 * time.Minute))}}},
		Measures: []v1.Draft{measure(actions.ContentRemove, v.Shown.Subject, "req_06h2ykhqp5mwmms22jysspezbg"), measure(actions.AccountSuspend, platform.Subject{Platform: "plaza", ID: "acct/4", Handle: "@shop"}, "req_06h2ykhqp5mwmms22jysspezcg")}}
	redo(&v.Draft)
	raw := func(x any) canonical.Raw { return canonical.MustMarshal(x) }
	later := raw(canonical.At(now.Add(48 * time.Hour)))
	for _, l := range []struct {
		name, path string
		value      canonical.Raw
	}{
		{"another case", "decision.decision.case", raw("cas_06h2ykhqp5mwmms22jysspezbz")},
		{"another claim", "decision.decision.claim", raw(2)},
		{"another version", "decision.decision.version", raw(5)},
		{"another subject", "decision.decision.subject.id", raw("post/2")},
		{"another platform", "decision.decision.subject.platform", raw("square")},
		{"other evidence", "decision.decision.evidence", raw(canonical.Sum([]byte("x")))},
		{"a picture that nobody opened", "decision.decision.opened", raw([]canonical.Digest{canonical.Sum([]byte("x"))})},
		{"scores that nobody saw", "decision.decision.scores", canonical.Raw(`[{"name":"spam","program":"p","value":1}]`)},
		{"another verdict", "decision.decision.verdict", raw("duplicate")},
		{"another language", "decision.decision.language", raw("pt")},
		{"other reasons", "decision.reasons.value", raw("Because.")},
		{"another commitment", "decision.decision.reasons", raw(canonical.Sum([]byte("x")))},
		{"another rule", "decision.decision.rule.number", raw(8)},
		{"another text of the rule", "decision.decision.rule.text", raw(canonical.Sum([]byte("x")))},
		{"another set of rules", "decision.decision.rule.set", raw(canonical.Sum([]byte("x")))},
		{"fewer measures", "measures", canonical.Raw("[]")},
		{"another kind of measure", "measures.0.action.kind", raw("content.limit")},
		{"a measure on another post", "measures.0.action.subject.id", raw("post/2")},
		{"a command on another post", "measures.0.action.command.subject.id", raw("post/2")},
		{"a measure on another account", "measures.1.action.subject.id", raw("acct/2")},
		{"a later end", "measures.1.action.until", raw(canonical.At(now.Add(70 * 24 * time.Hour)))},
		{"another layer", "measures.0.action.command.layer", raw("limit")},
		{"another mark", "measures.0.action.command.mark", raw("CSGN-req_06h2ykhqp5mwmms22jysspezbz")},
		{"a measure for another case", "measures.0.action.case", raw("cas_06h2ykhqp5mwmms22jysspezbz")},
		{"a measure under another rule", "measures.0.action.rule.number", raw(8)},
		{"another category", "measures.0.action.category", raw("child-safety")},
		{"another reason of a measure", "measures.0.action.reason", raw("You are a crook.")},
		{"a measure that lifts", "measures.0.action.direction", raw("relieving")},
		{"another signer of a measure", "measures.0.statement.signer", raw("abe")},
		{"another key", "measures.0.statement.key", raw("key_2")},
		{"under a session", "measures.0.statement.session", raw(canonical.Sum([]byte("x")))},
		{"another verdict of a measure", "measures.0.statement.verdict", raw("countersign")},
		{"no executor", "measures.0.statement.executor", raw("")},
		{"a measure that stays open", "measures.0.statement.expires", raw(canonical.At(now.Add(90 * 24 * time.Hour)))},
		{"a short nonce", "measures.0.statement.nonce", raw(canonical.Bytes{1})},
		{"another signer", "decision.signed.statement.signer", raw("abe")},
		{"a request in the decision's statement", "decision.signed.statement.request", raw("req_06h2ykhqp5mwmms22jysspezbg")},
		{"a batch in the decision's statement", "decision.signed.statement.batch", raw(canonical.Sum([]byte("x")))},
		{"a decision that withdraws", "decision.signed.statement.verdict", raw("withdraw")},
		{"a decision at an executor", "decision.signed.statement.executor", raw("exec-1")},
		{"a decision that stays open", "decision.signed.statement.expires", later},
		{"another desk", "decision.signed.statement.log", raw("other.example")},
	} {
		v.Lies = append(v.Lies, decisionLie{l.name, l.path, l.value, true})
	}
	for _, l := range []struct{ name, path string }{
		{"a measure that is not listed", "decision.decision.measures.0"},
		{"a statement about another action", "measures.0.statement.action"},
		{"a measure of another decision", "measures.1.statement.decision"},
		{"a statement about another decision", "decision.signed.statement.document"},
	} {
		v.Lies = append(v.Lies, decisionLie{l.name, l.path, raw(canonical.Sum([]byte("x"))), false})
	}
	j := judging{shown: v.Shown, document: v.Seen, claim: 3, version: 4, verdict: actions.CaseViolation, rule: &v.Rule, set: v.Set, reasons: "Again."}
	me := identity{worker: "ann", key: KeyFile{Key: "key_1"}, origin: v.Who.Log, log: v.Who.Log + "#" + v.Who.Founding.String()}
	return v, j, me
}

// redo makes the digests of a draft anew.
func redo(d *v1.DecisionDraft) {
	c := &d.Decision.Decision
	c.Measures = []canonical.Digest{}
	for i := range d.Measures {
		d.Measures[i].Statement.Action = d.Measures[i].Action.Digest()
		c.Measures = append(c.Measures, d.Measures[i].Statement.Action)
	}
	for i := range d.Measures {
		d.Measures[i].Statement.Decision = c.Digest()
	}
	d.Decision.Signed.Statement.Document = c.Digest()
}

// told is a draft with the lie in it; a fault if no draft can say that.
func (l decisionLie) told(t *testing.T, d v1.DecisionDraft) (v1.DecisionDraft, error) {
	t.Helper()
	var tree any
	if err := json.Unmarshal(canonical.MustMarshal(d), &tree); err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(l.Value, &value); err != nil {
		t.Fatal(err)
	}
	at, path := tree, strings.Split(l.Path, ".")
	for i, name := range path {
		last := i == len(path)-1
		switch x := at.(type) {
		case map[string]any:
			if last {
				x[name] = value
			}
			at = x[name]
		case []any:
			n := int(name[0] - '0')
			if last {
				x[n] = value
			}
			at = x[n]
		default:
			t.Fatalf("%s: there is no %s in %T", l.Name, name, at)
		}
	}
	b, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	var out v1.DecisionDraft
	if err := canonical.Unmarshal(b, &out); err != nil {
		return out, err
	}
	if l.Redone {
		redo(&out)
	}
	return out, nil
}
