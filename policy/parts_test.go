package policy

import (
	"slices"
	"strings"
	"testing"

	"countersign.dev/actions"
)

// TestLaterParts: a set from before a part was there lists the parts that it holds. It still
// loads, and rules on the new part as on policy. A set that names the part rules on it as
// it says.
func TestLaterParts(t *testing.T) {
	const need = "2 independent; 1 employee; hardware"
	officers := `@id("officers") @reason("Officers change the desk.") permit (principal in Role::"officer", action in Action::"changes", resource);` + "\n"
	hold := func(id, need string, parts ...string) string {
		var is []string
		for _, p := range parts {
			is = append(is, `resource.part == Part::"`+p+`"`)
		}
		return `@id("` + id + `") @reason("Others must countersign.") @hold("` + need + `") forbid (principal, action in Action::"changes", resource) when { ` + strings.Join(is, " || ") + " };\n"
	}
	var before []string
	for _, p := range parts {
		if !slices.Contains(laterParts, p) {
			before = append(before, p)
		}
	}
	needOf := func(s *Set, part string) actions.Need {
		r := s.Rule(deskBy(officer, part))
		if r.Verdict != Held {
			t.Errorf("a change of %s is %s", part, r.Verdict)
		}
		return r.Need
	}

	old := mustCompile(t, with("desk.cedar", officers+hold("old", need, before...)))
	if len(laterParts) < 3 {
		t.Errorf("the later parts are %v", laterParts)
	}
	for _, p := range laterParts {
		if got := needOf(old, p); !got.Covers(needOf(old, actions.PartPolicy)) {
			t.Errorf("a change of %s needs %s, and one of policy %s", p, got, needOf(old, actions.PartPolicy))
		}
	}

	named := mustCompile(t, with("desk.cedar", officers+hold("old", need, before...)+hold("new", "4 independent; 1 employee; hardware", actions.PartRules)))
	if got := needOf(named, actions.PartRules); got.Independent != 4 {
		t.Errorf("a change of rules needs %s", got)
	}
	for _, p := range []string{actions.PartQueues, actions.PartPolicy} {
		if got := needOf(named, p); got.Independent != 2 {
			t.Errorf("a change of %s needs %s", p, got)
		}
	}
	// A set that names the part and forgets to hold it is refused, like for every other part.
	_, err := Compile(with("desk.cedar", officers+hold("old", need, before...)+hold("new", "1 independent", actions.PartRules)))
	if err == nil || !strings.Contains(err.Error(), "desk.change rules") {
		t.Errorf("a set that holds rules by one person loads: %v", err)
	}
}
