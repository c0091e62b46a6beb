package policy

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestExamplesOfDoc: policy check accepts the examples of doc/policy.md about queues, contacts
// and names beside the default set, and their tests pass.
func TestExamplesOfDoc(t *testing.T) {
	text, err := os.ReadFile("../doc/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "**Queues, cases, contacts, names.**")
	section, _, found := strings.Cut(section, "\n| | |\n")
	if !found {
		t.Fatal("the section is not there")
	}
	var cedar, tests strings.Builder
	to := &cedar
	for line := range strings.Lines(section) {
		line, is := strings.CutPrefix(line, "    ")
		switch {
		case !is:
			continue
		case strings.HasPrefix(line, "@id("):
			to = &cedar
		case strings.HasPrefix(line, "-- "):
			to = &tests
		}
		to.WriteString(line)
	}
	if policies, n := strings.Count(cedar.String(), "@id("), strings.Count(tests.String(), "-- "); policies != 4 || n != 3 {
		t.Fatalf("the section has %d policies and %d tests", policies, n)
	}
	files := Default()
	files["doc.cedar"], files["doc.txtar"] = cedar.String(), tests.String()
	r := Check(files, nil, time.Time{})
	if err := r.Err(); err != nil {
		t.Error(err, r.Problems)
	}
	if r.Tests != 3 {
		t.Errorf("%d tests ran", r.Tests)
	}
}
