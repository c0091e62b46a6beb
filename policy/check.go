package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// Report holds all findings about a set before it is proposed.
type Report struct {
	Digest   canonical.Digest // zero if the files cannot be a set, whatever their policies say
	Policies int
	Holds    int
	Tests    int            // policy tests that ran
	Problems []fault.Detail // why the set cannot be used; empty if it can
	Warnings []fault.Detail // things that its author should look at
}

// Err returns the problems as a fault of type "bad-policy", nil if there are none.
func (r Report) Err() error { return problems(r.Problems).err() }

// Check compiles a set, holds it to law 3, and runs the policy tests among its files.
// Unless reg is nil, it also checks that among the people of the registry a group is left
// that could change the set again.
func Check(files map[string]string, reg *workforce.Registry, at time.Time) Report {
	var r Report
	if checkFiles(files) == nil {
		r.Digest = DigestOf(files)
	}
	s, err := compile(files)
	if err != nil {
		r.Problems = details("set", err)
		return r
	}
	r.Policies = len(s.rules)
	for _, u := range s.rules {
		if u.hold != nil {
			r.Holds++
		}
		for key := range u.policy.Annotations() {
			if key != "id" && key != "reason" && key != "hold" {
				r.Warnings = append(r.Warnings, fault.Detail{At: fmt.Sprintf("%s:%d %s", u.file, u.line, u.id), Text: fmt.Sprintf(
					"@%s means nothing; a forbid with a misspelt @hold forbids", key)})
			}
		}
	}
	if err := s.checkDesk(); err != nil {
		r.Problems = append(r.Problems, details("set", err)...)
	}
	r.Warnings = append(r.Warnings, s.evidenceWarnings()...)
	r.Warnings = append(r.Warnings, s.caseworkWarnings()...)
	r.Warnings = append(r.Warnings, s.Older()...)
	if reg != nil {
		if err := s.CanStillGovern(reg, at); err != nil {
			r.Problems = append(r.Problems, details("people", err)...)
		}
	}
	tests := 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".txtar") {
			n, failures := s.Test(name, files[name])
			tests += n
			r.Problems = append(r.Problems, failures...)
		}
	}
	r.Tests = tests
	if tests == 0 {
		r.Warnings = append(r.Warnings, fault.Detail{At: "set", Text: "there are no policy tests among the files"})
	}
	slices.SortFunc(r.Warnings, func(a, b fault.Detail) int { return strings.Compare(a.At+a.Text, b.At+b.Text) })
	return r
}

// details takes an error apart; one without details becomes one with its text.
func details(at string, err error) []fault.Detail {
	f := fault.As(err)
	if f == nil {
		return []fault.Detail{{At: at, Text: err.Error()}}
	}
	if len(f.Detail) == 0 || f.Type != "bad-policy" {
		return append([]fault.Detail{{At: at, Text: f.Text}}, f.Detail...)
	}
	return f.Detail
}
