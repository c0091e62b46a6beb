package policy

import (
	"strings"
	"testing"

	"countersign.dev/fault"
)

// TestChangesNeedWhatCriticalNeeds is law 3. Each set would let fewer people
// change the desk than take a critical account down, each in its own way; or it
// does not, and loads.
func TestChangesNeedWhatCriticalNeeds(t *testing.T) {
	desk := func(text string) map[string]string { return with("desk.cedar", text) }
	const officers = `@id("officers") @reason("Officers change the desk.") permit (principal in Role::"officer", action in Action::"changes", resource);` + "\n"
	hold := func(id, need, scope, when string) string {
		return `@id("` + id + `") @reason("Others must countersign.") @hold("` + need + `") forbid (principal, ` + scope + `, resource)` + when + ";\n"
	}
	const changes, measures = `action in Action::"changes"`, `action in Action::"measures"`
	for name, c := range map[string]struct {
		files map[string]string
		weak  string // in the error's details; empty: it loads
	}{
		"as shipped":                 {Default(), ""},
		"no hold at all":             {desk(officers), "desk.change policy"},
		"one person less":            {desk(officers + hold("h", "1 independent; 1 employee; hardware", changes, "")), "desk.admit workforce"},
		"no employee":                {desk(officers + hold("h", "2 independent; hardware", changes, "")), "desk.key keys"},
		"no hardware":                {desk(officers + hold("h", "2 independent; 1 employee", changes, "")), "desk.engagement workforce"},
		"just as many":               {desk(officers + hold("h", "2 independent; 1 employee; hardware", changes, "")), ""},
		"more":                       {desk(officers + hold("h", "3 independent; 2 employee; wait 1h; hardware", changes, "")), ""},
		"one kind is forgotten":      {desk(officers + hold("h", "2 independent; 1 employee; hardware", `action in [Action::"desk.admit", Action::"desk.change", Action::"desk.engagement"]`, "")), "desk.key keys"},
		"one part is forgotten":      {desk(officers + hold("h", "2 independent; 1 employee; hardware", changes, ` unless { resource.part == Part::"trust" }`)), "desk.change trust"},
		"one part at the end":        {desk(officers + hold("h", "2 independent; 1 employee; hardware", changes, ` unless { resource.part == Part::"platforms" }`)), "desk.change platforms"},
		"a door for on-call workers": {extra(`@id("door") @reason("On-call workers change policy.") permit (principal in Role::"oncall", action == Action::"desk.change", resource);`), ""}, // the hold is on everybody
		"a door in the hold":         {desk(officers + hold("h", "2 independent; 1 employee; hardware", changes, ` unless { principal in Role::"oncall" }`)), "where"},
		"a door for a vendor":        {desk(officers + hold("h", "2 independent; 1 employee; hardware", changes, ` unless { principal in Vendor::"acme" }`)), "where"},
		"a door for one person":      {desk(officers + hold("h", "2 independent; 1 employee; hardware", changes, ` unless { principal == Worker::"mallory" }`)), "where"},
		"a door for newcomers":       {desk(officers + hold("h", "2 independent; 1 employee; hardware", changes, ` unless { principal.newcomer }`)), "newcomer"},
		"a door for leavers":         {with("people.cedar", hold("h", "1 independent", changes, "")) /* nothing forbids leavers, the hold of desk.cedar is on them */, ""},
		"critical needs more":        {extra(hold("h", "4 independent", measures, ` when { resource.tier == Tier::"critical" }`)), "4 independent"},
		"critical needs a wait":      {extra(hold("h", "wait 1h", measures, ` when { resource.tier == Tier::"critical" }`)), "wait 1h"},
		"critical of one platform":   {extra(hold("h", "+1", measures, ` when { resource in Platform::"bluesky" && resource.tier == Tier::"critical" }`)), "3 independent"},
		"critical if legal":          {extra(hold("h", "+1", measures, ` when { context.category == Category::"legal" }`)), "3 independent"},
		"critical by contractors":    {extra(hold("h", "+1", measures, ` when { !principal.employee }`)), "3 independent"},
		// The need of lesser tiers does not count.
		"protected needs more": {extra(hold("h", "5 independent; wait 9h", measures, ` when { resource.tier == Tier::"protected" }`)), ""},
		// Nobody may take a critical account down: who changes policy may let them.
		"critical is closed, the desk open": {map[string]string{"tiers.json": "{}", "a.cedar": officers}, "2 independent; 1 employee; hardware"},
		"officers without critical": {map[string]string{"tiers.json": "{}", "a.cedar": officers + hold("h", "1 independent", changes, "") +
			`@id("agents") @reason("Agents take measures.") permit (principal in Role::"agent", action in Action::"measures", resource);` +
			hold("k", "2 independent", measures, "")}, "2 independent"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(c.files)
			switch {
			case c.weak == "" && err != nil:
				t.Error(err)
			case c.weak != "" && (!fault.Is(err, "weaker-than-critical") || !strings.Contains(err.Error(), c.weak)):
				t.Errorf("error %v, expected weaker-than-critical with %q", err, c.weak)
			}
		})
	}
}

// TestTooManyNames: a set that names too many people to be examined is refused,
// and quickly.
func TestTooManyNames(t *testing.T) {
	var b strings.Builder
	for i := range 200 {
		b.WriteString(`@id("w` + strings.Repeat("a", i%20) + strings.Repeat("b", i/20) + `") @reason("One of very many.") forbid (principal == Worker::"w` +
			strings.Repeat("a", i%20) + strings.Repeat("b", i/20) + `", action, resource);` + "\n")
	}
	if _, err := Compile(extra(b.String())); !fault.Is(err, "bad-policy") {
		t.Errorf("error %v", err)
	}
}
