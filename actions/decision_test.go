package actions

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// decision is a decision with one measure that is well formed.
func decision() Decision {
	return Decision{V: DecisionVersion, Case: "case_1", Version: 1, Language: "und", Verdict: CaseViolation, Measures: digests(1), Nonce: make([]byte, 32),
		Reasons: canonical.Sum([]byte("reasons")), Subject: platform.Subject{Platform: "plaza", ID: "acct/1", Handle: "@a"}}
}

// digests returns so many digests, sorted.
func digests(n int) []canonical.Digest {
	all := make([]canonical.Digest, n)
	for i := range all {
		all[i] = canonical.Sum(fmt.Append(nil, i))
	}
	slices.SortFunc(all, func(a, b canonical.Digest) int { return slices.Compare(a[:], b[:]) })
	return all
}

func scores(names ...string) []Score {
	all := make([]Score, len(names))
	for i, name := range names {
		all[i].Program, all[i].Name, _ = strings.Cut(name, "/")
	}
	return all
}

func manyScores(n int) []Score {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("p/%03d", i)
	}
	return scores(names...)
}

// TestDecisionCheck: each bound of a decision by itself, from both sides. A decision with a
// measure is also compared with the measure; one without has no other check.
func TestDecisionCheck(t *testing.T) {
	some := canonical.Sum(nil)
	good := map[string]func(d *Decision){
		"as it is":                     func(*Decision) {},
		"of the largest version":       func(d *Decision) { d.Version = 1<<53 - 1 },
		"of the largest claim":         func(d *Decision) { d.Claim = 1<<53 - 1 },
		"a rule":                       func(d *Decision) { d.Rule = DecidedRule{1, some, some} },
		"a subject without a handle":   func(d *Decision) { d.Subject.Handle = "" },
		"no measure":                   func(d *Decision) { d.Measures = nil },
		"50 measures":                  func(d *Decision) { d.Measures = digests(50) },
		"200 opened":                   func(d *Decision) { d.Opened = digests(200) },
		"100 scores":                   func(d *Decision) { d.Scores = manyScores(100) },
		"a score's name of 200 bytes":  func(d *Decision) { d.Scores = scores("p/" + strings.Repeat("n", 200)) },
		"scores sorted by program too": func(d *Decision) { d.Scores = scores("p/a", "p/b", "q/a") },
	}
	for _, v := range []CaseVerdict{CaseNoViolation, CaseDuplicate, CaseNotForUs, CaseNeedMore} {
		good["no measure, "+string(v)] = func(d *Decision) { d.Measures, d.Verdict = nil, v }
	}
	bad := map[string]func(d *Decision){
		"another version of the format":  func(d *Decision) { d.V = "countersign/decision/v2" },
		"no version of the format":       func(d *Decision) { d.V = "" },
		"no case":                        func(d *Decision) { d.Case = "" },
		"a case that is no plain text":   func(d *Decision) { d.Case = "a\u202eb" },
		"a case that is too long":        func(d *Decision) { d.Case = strings.Repeat("a", MaxText+1) },
		"version 0":                      func(d *Decision) { d.Version = 0 },
		"version -1":                     func(d *Decision) { d.Version = -1 },
		"version 2^53":                   func(d *Decision) { d.Version = 1 << 53 },
		"claim -1":                       func(d *Decision) { d.Claim = -1 },
		"claim 2^53":                     func(d *Decision) { d.Claim = 1 << 53 },
		"no platform":                    func(d *Decision) { d.Subject.Platform = "" },
		"the desk as its platform":       func(d *Decision) { d.Subject.Platform = DeskPlatform },
		"no identifier":                  func(d *Decision) { d.Subject.ID = "" },
		"an identifier that is no text":  func(d *Decision) { d.Subject.ID = "acct\x00" },
		"a handle that is no text":       func(d *Decision) { d.Subject.Handle = "@\u2066a" },
		"a nonce of 31 bytes":            func(d *Decision) { d.Nonce = d.Nonce[1:] },
		"a nonce of 33 bytes":            func(d *Decision) { d.Nonce = append(d.Nonce, 0) },
		"no reasons":                     func(d *Decision) { d.Reasons = canonical.Digest{} },
		"no language":                    func(d *Decision) { d.Language = "" },
		"no verdict":                     func(d *Decision) { d.Verdict, d.Measures = "", nil },
		"an unknown verdict":             func(d *Decision) { d.Verdict, d.Measures = "decide", nil },
		"a measure of no violation":      func(d *Decision) { d.Verdict = CaseNoViolation },
		"51 measures":                    func(d *Decision) { d.Measures = digests(51) },
		"a measure twice":                func(d *Decision) { d.Measures = append(d.Measures, d.Measures[0]) },
		"a measure that is nothing":      func(d *Decision) { d.Measures = []canonical.Digest{{}} },
		"rule 0":                         func(d *Decision) { d.Rule = DecidedRule{0, some, some} },
		"rule -1":                        func(d *Decision) { d.Rule = DecidedRule{-1, some, some} },
		"a rule without its text":        func(d *Decision) { d.Rule = DecidedRule{1, some, canonical.Digest{}} },
		"a rule without its set":         func(d *Decision) { d.Rule = DecidedRule{1, canonical.Digest{}, some} },
		"201 opened":                     func(d *Decision) { d.Opened = digests(201) },
		"opened twice":                   func(d *Decision) { d.Opened = []canonical.Digest{some, some} },
		"opened, not sorted":             func(d *Decision) { d.Opened = digests(2); slices.Reverse(d.Opened) },
		"101 scores":                     func(d *Decision) { d.Scores = manyScores(101) },
		"a score's name of 201 bytes":    func(d *Decision) { d.Scores = scores("p/" + strings.Repeat("n", 201)) },
		"a program of 201 bytes":         func(d *Decision) { d.Scores = scores(strings.Repeat("p", 201) + "/n") },
		"a score without a name":         func(d *Decision) { d.Scores = scores("p/") },
		"a score without a program":      func(d *Decision) { d.Scores = scores("/n") },
		"a score's name of two lines":    func(d *Decision) { d.Scores = scores("p/n\nn") },
		"a score's name that is no text": func(d *Decision) { d.Scores = scores("p/a\u202eb") },
		"a score twice":                  func(d *Decision) { d.Scores = scores("p/n", "p/n") },
		"scores not sorted by program":   func(d *Decision) { d.Scores = scores("q/a", "p/b") },
		"scores not sorted by name":      func(d *Decision) { d.Scores = scores("p/b", "p/a") },
	}
	for name, edit := range good {
		d := decision()
		if edit(&d); d.Check() != nil {
			t.Errorf("%s: %v", name, d.Check())
		}
	}
	for name, edit := range bad {
		d := decision()
		if edit(&d); !fault.Is(d.Check(), "bad-decision") {
			t.Errorf("%s: got %v", name, d.Check())
		}
	}
}
