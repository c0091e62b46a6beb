package policy

import (
	"maps"
	"strings"
	"sync"
	"testing"

	"countersign.dev/fault"
)

// with returns the default set with a file put over it.
func with(name, text string) map[string]string {
	files := Default()
	files[name] = text
	return files
}

// extra returns the default set and one more policy of the given text.
func extra(policy string) map[string]string { return with("extra.cedar", policy) }

const plain = `@id("extra") @reason("This is only a test.") `

func mustCompile(t testing.TB, files map[string]string) *Set {
	t.Helper()
	s, err := Compile(files)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The same files give the same set, compiled once, and no other files ever give it.
func TestCompileRemembers(t *testing.T) {
	files := extra(plain + `forbid (principal, action == Action::"content.remove", resource);`)
	files["one.txtar"], files["two.txtar"] = "A test that Compile leaves alone.\n", "Another.\n"
	sets := make([]*Set, 8)
	var all sync.WaitGroup
	for i := range sets {
		all.Go(func() {
			given := maps.Clone(files)
			var err error
			if sets[i], err = Compile(given); err != nil {
				t.Error(err)
			}
			given["extra.cedar"] = "not Cedar" // a set keeps no map that its caller may change
		})
	}
	all.Wait()
	first := sets[0]
	for i, s := range sets {
		if s != first {
			t.Errorf("caller %d has another set of the same files", i)
		}
	}
	if fresh, err := compileLawful(files); err != nil || fresh == first {
		t.Errorf("compileLawful remembers: %v", err)
	}
	first.Files()["extra.cedar"] = "not Cedar" // nor gives one away
	if s := mustCompile(t, files); s != first || !maps.Equal(s.Files(), files) || s.Digest() != DigestOf(files) {
		t.Error("the files of the remembered set changed")
	}

	// Every change of a name or a text gives another set, of its own files.
	for what, change := range map[string]func(map[string]string){
		"a character of a policy": func(m map[string]string) { m["extra.cedar"] += "\n" },
		"another name":            func(m map[string]string) { m["other.cedar"] = m["extra.cedar"]; delete(m, "extra.cedar") },
		"a file less":             func(m map[string]string) { delete(m, "extra.cedar") },
		"a file more":             func(m map[string]string) { m["more.cedar"] = "" },
		"the text of a test":      func(m map[string]string) { m["one.txtar"] += "x" },
		"the name of a test":      func(m map[string]string) { m["three.txtar"] = m["one.txtar"]; delete(m, "one.txtar") },
		"the tiers":               func(m map[string]string) { m["tiers.json"] += "\n" },
		"the border of two files": func(m map[string]string) {
			m["one.txtar"], m["two.txtar"] = m["one.txtar"]+m["two.txtar"][:2], m["two.txtar"][2:]
		},
	} {
		other := maps.Clone(files)
		change(other)
		s, err := Compile(other)
		if err != nil || s == first || s.Digest() == first.Digest() || !maps.Equal(s.Files(), other) {
			t.Errorf("%s: the set is taken for another: %v", what, err)
		}
	}

	// Whatever was remembered before, a bad set is refused each time, with its own faults.
	for typ, bad := range map[string]map[string]string{
		"bad-policy": extra(plain + `@hold("0 independent") forbid (principal, action == Action::"content.remove", resource);`),
		"weaker-than-critical": {"tiers.json": "{}", "a.cedar": `@id("all") @reason("Everything is permitted.") permit (principal, action, resource);` +
			plain + `@hold("1 independent") forbid (principal, action in Action::"measures", resource);`},
	} {
		for range 2 {
			if s, err := Compile(bad); !fault.Is(err, typ) || s != nil {
				t.Errorf("want %s: %v, a set: %v", typ, err, s != nil)
			}
		}
	}
	for range 2 {
		if s, err := Compile(map[string]string{"a.cedar": "\xff", "tiers.json": "{}"}); !fault.Is(err, "bad-policy") || s != nil {
			t.Errorf("not UTF-8: %v, a set: %v", err, s != nil)
		}
	}
	if remembered.Len() > maxRemembered {
		t.Errorf("%d sets are remembered", remembered.Len())
	}
}

// TestCompileRefuses is a table of sets that an author in a hurry, or in bad
// faith, might propose. Each is refused as a whole, at its place.
func TestCompileRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		at    string // the detail's place
		text  string // in the detail's text
	}{
		// Holds: whatever is not understood must not load, or it would need less than meant.
		"hold on a permit": {extra(plain + `@hold("1 independent") permit (principal, action, resource);`),
			"extra.cedar:1 extra", "stands on a permit"},
		"empty hold":    {extra(plain + `@hold("") forbid (principal, action in Action::"measures", resource);`), "extra.cedar:1 extra", "empty"},
		"hold of blank": {extra(plain + `@hold("  ") forbid (principal, action in Action::"measures", resource);`), "extra.cedar:1 extra", "empty"},
		"bare hold":     {extra(plain + `@hold forbid (principal, action in Action::"measures", resource);`), "extra.cedar:1 extra", "empty"},
		"doubled hold": {extra(plain + `@hold("1 independent") @hold("2 independent") forbid (principal, action in Action::"measures", resource);`),
			"extra.cedar:1", "duplicate annotation"},
		"need of zero":     {extra(plain + `@hold("0 independent") forbid (principal, action in Action::"measures", resource);`), "extra.cedar:1 extra", "from 1 to 9"},
		"negative need":    {extra(plain + `@hold("-1 independent") forbid (principal, action in Action::"measures", resource);`), "extra.cedar:1 extra", "from 1 to 9"},
		"negative wait":    {extra(plain + `@hold("wait -72h") forbid (principal, action in Action::"measures", resource);`), "extra.cedar:1 extra", "whole seconds"},
		"unknown role":     {extra(plain + `@hold("1 boss") forbid (principal, action in Action::"measures", resource);`), "extra.cedar:1 extra", "neither independent"},
		"misspelt in hold": {extra(plain + `@hold("2 independant") forbid (principal, action in Action::"measures", resource);`), "extra.cedar:1 extra", "neither independent"},
		"hold on countersigning": {extra(plain + `@hold("1 independent") forbid (principal, action == Action::"countersign", resource);`),
			"extra.cedar:1 extra", "leave out the action countersign"},
		"hold on every action": {extra(plain + `@hold("1 independent") forbid (principal, action, resource);`),
			"extra.cedar:1 extra", "leave out the action countersign"},

		// Identity and reasons: a refusal that nobody understands helps nobody.
		"no id":                {extra("\n\n" + `@reason("This is only a test.") forbid (principal, action, resource);`), "extra.cedar:3", "needs an @id"},
		"id of a law":          {extra(`@id("law.facts") @reason("This is only a test.") forbid (principal, action, resource);`), "extra.cedar:1", "needs an @id"},
		"id twice in the set":  {extra(`@id("not-engaged") @reason("This is only a test.") forbid (principal, action, resource);`), "people.cedar:3 not-engaged", "taken"},
		"no reason":            {extra(`@id("extra") forbid (principal, action, resource);`), "extra.cedar:1 extra", "needs a @reason"},
		"reason of one word":   {extra(`@id("extra") @reason("No.") forbid (principal, action, resource);`), "extra.cedar:1 extra", "needs a @reason"},
		"reason with controls": {extra(`@id("extra") @reason("This is\u{1b}[2J only a test.") forbid (principal, action, resource);`), "extra.cedar:1 extra", "needs a @reason"},

		// Validation: what can never match is a mistake, and a forbid that never fires a dangerous one.
		"misspelt attribute": {extra(plain + "forbid (principal, action, resource)\nwhen { principal.in_notise };"), "extra.cedar:1 extra", "in_notise"},
		"unknown action":     {extra(plain + `forbid (principal, action == Action::"account.takdown", resource);`), "extra.cedar:1 extra", "unrecognized action"},
		"unknown group":      {extra(plain + `forbid (principal, action in Action::"measure", resource);`), "extra.cedar:1 extra", "unrecognized action"},
		"unknown role name":  {extra(plain + `forbid (principal in Role::"agnet", action, resource);`), "extra.cedar:1 extra", "not in the schema"},
		"unknown tier":       {extra(plain + `forbid (principal, action, resource) when { resource.tier == Tier::"citical" };`), "extra.cedar:1 extra", "not in the schema"},
		"unknown role in a set": {extra(plain + `forbid (principal, action, resource) when { principal in [Role::"agent", Role::"led"] };`),
			"extra.cedar:1 extra", "not in the schema"},
		"types compared":           {extra(plain + `forbid (principal, action, resource) when { resource.tier == "critical" };`), "extra.cedar:1 extra", ""},
		"condition is not a truth": {extra(plain + `forbid (principal, action, resource) when { 7 };`), "extra.cedar:1 extra", "Bool"},
		"part of an account":       {extra(plain + `forbid (principal, action, resource) when { resource.part == Part::"policy" };`), "extra.cedar:1 extra", "part"},
		// The desk's word is optional: a policy that reads it without looking whether it is there would err everywhere above standard.
		"desk's word unguarded": {extra(plain + `forbid (principal, action in Action::"measures", resource) unless { context.desk.case };`), "extra.cedar:1 extra", "desk"},
		// A policy sees no single subject; a forbid that names one would silently never fire.
		"single subject": {extra(plain + `forbid (principal, action, resource == Account::"acct/17");`), "extra.cedar:1 extra", "raise the subject's tier"},
		"unknown entity": {extra(plain + `forbid (principal in Team::"red", action, resource);`), "extra.cedar:1 extra", "unrecognized entity type"},

		// Files.
		"does not parse":        {extra("permit (principal, action, resource);\nforbid (principal, action resource);"), "extra.cedar:2", "does not parse"},
		"template":              {extra(plain + `permit (principal == ?principal, action, resource);`), "extra.cedar:1", "does not parse"},
		"no tiers":              {without("tiers.json"), "tiers.json", "missing"},
		"foreign file":          {with("README", "hello"), `"README"`, "a set has files named"},
		"file in a folder":      {with("../people.cedar", ""), `"../people.cedar"`, "a set has files named"},
		"upper case":            {with("Extra.cedar", ""), `"Extra.cedar"`, "a set has files named"},
		"not UTF-8":             {extra("// \xff"), `"extra.cedar"`, "UTF-8"},
		"too large":             {extra("// " + strings.Repeat("x", MaxSize)), "set", "too large"},
		"no policies":           {map[string]string{"tiers.json": "{}"}, "policies", "no policies"},
		"no files":              {nil, "tiers.json", "missing"},
		"too many policies":     {extra(many(MaxPolicies)), "policies", "500 are the most"},
		"tiers: not JSON":       {with("tiers.json", "{\n\n]"), "tiers.json:3", "cannot be read"},
		"tiers: null":           {with("tiers.json", "null"), "tiers.json", "must be an object"},
		"tiers: doubled member": {with("tiers.json", "{\"plaza\":[],\n\"plaza\":[]}"), "tiers.json:2", "occurs twice"},
		"tiers: unknown member": {with("tiers.json", `{"plaza":[{"tier":"critical","fact":"office","presnt":true,"reason":"It is an office."}]}`), "tiers.json:1", "presnt"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(c.files)
			f := fault.As(err)
			if f == nil || f.Type != "bad-policy" {
				t.Fatalf("loads, or fails otherwise: %v", err)
			}
			for _, d := range f.Detail {
				if d.At == c.at && strings.Contains(d.Text, c.text) {
					return
				}
			}
			t.Errorf("no detail at %q with %q in:\n%v", c.at, c.text, err)
		})
	}
}

func without(name string) map[string]string {
	files := Default()
	delete(files, name)
	return files
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`@id("many-` + strings.Repeat("a", i%20) + strings.Repeat("b", i/20) + `") @reason("One of very many.") forbid (principal, action, resource) when { principal.newcomer };` + "\n")
	}
	return b.String()
}

// TestMisspeltHoldForbids: an annotation that is not @hold makes a plain forbid,
// which is the safe side; policy check points at it.
func TestMisspeltHoldForbids(t *testing.T) {
	files := extra(plain + `@hodl("1 independent") forbid (principal, action in Action::"measures", resource) when { resource.tier == Tier::"protected" };`)
	s := mustCompile(t, files)
	r := s.Rule(takedown(agent, "protected"))
	if r.Verdict != Forbidden || len(r.Reasons) != 1 || r.Reasons[0].Policy != "extra" {
		t.Errorf("ruling %+v", r)
	}
	report := Check(files, nil, noon)
	if len(report.Warnings) == 0 || report.Warnings[0].At != "extra.cedar:1 extra" || !strings.Contains(report.Warnings[0].Text, "@hodl") {
		t.Errorf("warnings %v", report.Warnings)
	}
}

// TestDigest: the digest is of names and texts, all of them and nothing else.
func TestDigest(t *testing.T) {
	s := mustCompile(t, Default())
	if s.Digest() != DigestOf(s.Files()) || s.Digest() != mustCompile(t, Default()).Digest() {
		t.Error("the digest is not a function of the files")
	}
	for name, text := range Default() {
		changed := with(name, text+"\n")
		if DigestOf(changed) == s.Digest() {
			t.Errorf("a change of %s leaves the digest as it is", name)
		}
		renamed := without(name)
		renamed["x"+name] = text
		if DigestOf(renamed) == s.Digest() {
			t.Errorf("renaming %s leaves the digest as it is", name)
		}
	}
	files := s.Files()
	clear(files)
	if len(s.Files()) == 0 {
		t.Error("who is handed the files can change the set")
	}
}

// TestExamples: what documents point at loads, and says what it is said to say.
func TestExamples(t *testing.T) {
	before, err := Example("before")
	if err != nil {
		t.Fatal(err)
	}
	b := mustCompile(t, before)
	// The world of 2017: the contractor on the last day does it alone.
	lastDay := agent
	lastDay.Ratchet, lastDay.InNotice = true, true
	if r := b.Rule(takedown(lastDay, "critical")); r.Verdict != Permitted {
		t.Errorf("before: %+v", r)
	}
	if r := b.Rule(deskBy(officer, "policy")); r.Verdict != Held || r.Need.Independent != 2 {
		t.Errorf("before, a change of policy: %+v", r)
	}
	oneWay, err := Example("one-way")
	if err != nil {
		t.Fatal(err)
	}
	o := mustCompile(t, oneWay)
	f := takedown(lead, "critical")
	f.Kind, f.Effect, f.Verb = "account.delete", "one-way", "delete"
	if r := o.Rule(f); r.Verdict != Held || r.Need.String() != "3 independent; 1 employee; 1 officer; hardware keys; wait 72h0m0s" {
		t.Errorf("one-way: %+v", r)
	}
	f.Worker = agent
	if r := o.Rule(f); r.Verdict != Forbidden {
		t.Errorf("one-way by an agent: %+v", r)
	}
	if r := o.Rule(deskBy(officer, "policy")); r.Verdict != Held || r.Need.Independent != 3 {
		t.Errorf("one-way, a change of policy: %+v", r)
	}
	// All tests of the default set but those of deletion hold under the example.
	maps.Copy(oneWay, DefaultTests())
	for _, p := range Check(oneWay, nil, noon).Problems {
		if !strings.Contains(p.At, "deletion is one-way") && !strings.Contains(p.At, "policy changes take two") && !strings.Contains(p.At, "lowering a tier") {
			t.Errorf("one-way: %s: %s", p.At, p.Text)
		}
	}
	if _, err := Example("../default/people"); !fault.Is(err, "no-such-example") {
		t.Errorf("an example of another folder: %v", err)
	}
}

// FuzzCompile: whatever is proposed either loads or is refused as a bad policy,
// and what loads rules without a panic.
func FuzzCompile(f *testing.F) {
	for _, files := range []map[string]string{Default(), folder("examples")} {
		for _, text := range files {
			f.Add(text, "{}")
		}
	}
	f.Add(plain+`@hold("1 independent") forbid (principal, action in Action::"measures", resource);`, `{"plaza":[{"tier":"critical","always":true,"reason":"All are critical."}]}`)
	f.Fuzz(func(t *testing.T, policies, tiers string) {
		s, err := Compile(map[string]string{"a.cedar": policies, "tiers.json": tiers})
		if err != nil {
			if k := fault.As(err); k == nil || k.Type != "bad-policy" && k.Type != "weaker-than-critical" {
				t.Fatalf("neither loads nor is refused: %v", err)
			}
			return
		}
		for _, tier := range []string{"standard", "critical"} {
			s.Rule(takedown(agent, tier))
			s.MayCountersign(takedown(officer, tier))
		}
	})
}

// TestDeepNesting: a parser that recurses for each bracket must be stopped by
// the size of the set before the stack is.
func TestDeepNesting(t *testing.T) {
	for _, x := range []string{"("} {
		files := extra(plain + "forbid (principal, action, resource) when { " + strings.Repeat(x, (MaxSize-24000)/len(x)) + "true };")
		if _, err := Compile(files); !fault.Is(err, "bad-policy") {
			t.Errorf("%d of %s: %v", (MaxSize-24000)/len(x), x, err)
		}
	}
}
