package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/fault"
)

// setOfBefore is the default set as it was before limits, labels and warnings.
func setOfBefore(t *testing.T) *Set {
	t.Helper()
	files := Default()
	changed := 0
	for name, text := range files {
		old := strings.NewReplacer(`Action::"measures", Action::"account.warn"`, `Action::"measures"`).Replace(text)
		if old != text {
			changed++
		}
		files[name] = old
	}
	if changed != 2 {
		t.Fatalf("%d files of the default set name account.warn", changed)
	}
	return mustCompile(t, files)
}

// TestSetOfBefore: a set that stands in a chain since before the weaker measures compiles as
// it is. It rules on what it knew as it did, on limits and labels as on takedowns, and lets
// nobody warn.
func TestSetOfBefore(t *testing.T) {
	old, now := setOfBefore(t), mustCompile(t, Default())
	kinds := map[actions.Kind]int{}
	for _, q := range corpus() {
		was, is := q.of(old), q.of(now)
		if q.Kind == actions.AccountWarn && !q.countersign && !q.exposure {
			if was.Verdict != Forbidden {
				t.Fatalf("%+v: a set from before warnings says %s", q, was.Verdict)
			}
			continue
		}
		kinds[q.Kind]++
		if was.Verdict != is.Verdict || !was.Need.Covers(is.Need) || !is.Need.Covers(was.Need) {
			t.Fatalf("%+v: ruled %+v by the set of before, %+v by today's", q, was, is)
		}
	}
	for _, k := range []actions.Kind{actions.AccountLimit, actions.AccountUnlabel, actions.ContentLabel, actions.AccountTakedown} {
		if kinds[k] == 0 {
			t.Errorf("nobody asks about %s", k)
		}
	}
}

// TestOnlyANamePermitsWarnings: a permit of everything may be older than warnings.
func TestOnlyANamePermitsWarnings(t *testing.T) {
	set := func(policies ...string) *Set {
		text := `@id("all") @reason("Everybody may do everything.") permit (principal, action, resource);
@id("desk") @reason("A change of the desk needs two people.") @hold("2 independent; 1 employee; hardware") forbid (principal, action in Action::"changes", resource);`
		return mustCompile(t, map[string]string{"tiers.json": "{}", "all.cedar": text + strings.Join(policies, "\n")})
	}
	warn := Facts{Worker: Worker{ID: "ann", Engaged: true}, Kind: actions.AccountWarn, Direction: actions.Burdening, Effect: actions.Said, Verb: "warn",
		Subject: Subject{Platform: "plaza", Sort: "account", Tier: actions.Standard}}
	const permit = `@id("warn") @reason("Everybody may warn.") permit (principal, action, resource) when { action == Action::"account.warn" };`
	for name, c := range map[string]struct {
		set  *Set
		want Verdict
		text string // of the reason
	}{
		"everything":                {set(), Forbidden, "No policy of the set in force names account.warn"},
		"a forbid that names it":    {set(`@id("no") @reason("Nobody warns in notice.") forbid (principal, action == Action::"account.warn", resource) when { principal.in_notice };`), Forbidden, "No policy of the set in force names account.warn"},
		"in a condition":            {set(permit), Permitted, "Everybody may warn."},
		"with a hold on everything": {set(permit, `@id("hold") @reason("Another person signs too.") @hold("1 independent") forbid (principal, action == Action::"account.warn", resource);`), Held, "Another person signs too."},
		"with a forbid of everything": {set(permit, `@id("never") @reason("Nobody does anything here.") forbid (principal, action, resource) when { resource has tier && resource.tier == Tier::"standard" };`),
			Forbidden, "Nobody does anything here."},
	} {
		r := c.set.Rule(warn)
		if r.Verdict != c.want || !strings.HasPrefix(r.Reasons[0].Text, c.text) {
			t.Errorf("%s: %s, %v", name, r.Verdict, r.Reasons)
		}
	}
	for _, effect := range []actions.Effect{actions.Reversible, actions.Lossy, actions.OneWay, actions.Disclosing, ""} {
		f := warn
		f.Effect = effect
		if r := set(permit).Rule(f); r.Verdict != Forbidden || r.Reasons[0].Policy != LawFacts {
			t.Errorf("a warning whose effect is %q: %+v", effect, r)
		}
	}
	limit := warn
	limit.Kind, limit.Verb = actions.AccountLimit, "limit"
	if r := set(permit).Rule(limit); r.Verdict != Forbidden || r.Reasons[0].Policy != LawFacts {
		t.Errorf("a limit whose effect is said: %+v", r)
	}
}

// TestOlder: a set of before is told which change to make, and one that names warnings and
// forgets the holds is told that.
func TestOlder(t *testing.T) {
	has := func(s *Set, text string) bool {
		return slices.ContainsFunc(Check(s.Files(), nil, time.Time{}).Warnings, func(d fault.Detail) bool { return d.At == "account.warn" && strings.Contains(d.Text, text) })
	}
	if older := mustCompile(t, Default()).Older(); len(older) != 0 {
		t.Errorf("the default set: %v", older)
	}
	if s := setOfBefore(t); !has(s, "lets nobody warn") || !has(s, "countersign policy propose") {
		t.Errorf("a set of before: %v", s.Older())
	}
	files := setOfBefore(t).Files()
	files["warn.cedar"] = `@id("warn") @reason("Agents may warn everybody.") permit (principal in Role::"agent", action == Action::"account.warn", resource);`
	if s := mustCompile(t, files); !has(s, "a worker (agent) may warn the holder of a critical account alone") {
		t.Errorf("without the holds: %v", s.Older())
	}
	for _, name := range []string{"before", "one-way"} {
		files, err := Example(name)
		if err != nil {
			t.Fatal(err)
		}
		if older := mustCompile(t, files).Older(); len(older) != 0 {
			t.Errorf("the example %s: %v", name, older)
		}
	}
}
