package policy

import (
	"strings"
	"testing"
)

const goodScript = `worker: vendor=acme roles=agent
request: account.takedown plaza protected
verdict: held
need: 1 independent
reasons: protected-needs-one
`

// TestPolicyTestsCanFail: a policy test that is wrong in any of its expectations
// fails, and says what came instead; one that cannot be read fails as well.
func TestPolicyTestsCanFail(t *testing.T) {
	s := mustCompile(t, Default())
	if n, failures := s.Test("t.txtar", "-- it holds --\n"+goodScript); n != 1 || len(failures) != 0 {
		t.Fatalf("%d tests, failures %v", n, failures)
	}
	replace := func(old, new string) string { return strings.Replace(goodScript, old, new, 1) }
	const tiers = "read: plaza account\nfact: followers = 1000000\ntier: critical\nreasons: tiers.plaza.2 tiers.plaza.3\n"
	for name, c := range map[string]struct{ script, says string }{
		"verdict":                             {replace("held\nneed: 1 independent", "permitted"), "the ruling is held, expected permitted"},
		"need too small":                      {replace("1 independent", "wait 1s"), "it needs 1 independent"},
		"need that is part of what is needed": {strings.ReplaceAll(strings.Replace(goodScript, "protected-needs-one", "critical-needs-two", 1), "plaza protected", "plaza critical"), "it needs 2 independent"},
		"need too large":                      {replace("1 independent", "2 independent"), "expected 2 independent"},
		"reason missing":                      {replace("protected-needs-one", ""), "the reasons are"},
		"reason too many":                     {replace("protected-needs-one", "protected-needs-one extra"), "the reasons are"},
		"tier":                                {strings.Replace(tiers, "critical", "protected", 1), "the tier is critical"},
		"tier's reasons":                      {strings.Replace(tiers, "tiers.plaza.3", "", 1), "the reasons are"},

		"empty":                {"", "one of request"},
		"no colon":             {goodScript + "nonsense\n", "line 6"},
		"unknown key":          {goodScript + "verdikt: held\n", "verdikt"},
		"key twice":            {goodScript + "verdict: held\n", "twice"},
		"two acts":             {goodScript + "countersign: account.takedown plaza protected\n", "one of request"},
		"act and tier":         {goodScript + "read: plaza account\n", "one of request"},
		"no verdict":           {replace("verdict: held\n", ""), "has worker, verdict"},
		"held without need":    {replace("need: 1 independent\n", ""), "need is given"},
		"need of a permission": {replace("held", "permitted"), "need is given"},
		"unknown verdict":      {replace("held", "maybe"), "verdict is"},
		"bad need":             {replace("1 independent", "0 independent"), "from 1"},
		"unknown role":         {replace("agent", "boss"), "boss"},
		"unknown word":         {replace("roles=agent", "roles=agent rachet"), "rachet"},
		"unknown kind":         {replace("account.takedown", "account.takdown"), "no kind"},
		"no tier":              {replace(" protected", ""), "an act is"},
		"unknown fact word":    {goodScript + "facts: cause\n", "cause"},
		"unknown fact":         {tiers + "fact: height = 3\n", "unknown"},
		"fact twice":           {tiers + "fact: followers = 3\n", "twice"},
		"number":               {strings.Replace(tiers, "1000000", "many", 1), "whole number"},
		"truth":                {tiers + "fact: verified = yes\n", "true or false"},
		"no such tier":         {strings.Replace(tiers, "critical", "vital", 1), "tier is"},
		"no tier expected":     {strings.Replace(tiers, "tier: critical\n", "", 1), "has a tier"},
		"nobody is asked":      {"read: plaza\ntier: standard\nreasons:\n", "read is"},
		// Facts that do not fit are ruled on, and refused by the product itself.
		"unknown tier of an act": {replace("protected", "protektet"), "law.facts"},
	} {
		_, failures := s.Test("t.txtar", "-- it holds --\n"+c.script)
		if len(failures) != 1 || failures[0].At != `t.txtar "it holds"` || !strings.Contains(failures[0].Text, c.says) {
			t.Errorf("%s: %v, expected %q", name, failures, c.says)
		}
	}
	if _, failures := s.Test("t.txtar", "-- a --\n"+goodScript+"-- a --\n"+goodScript); len(failures) != 1 {
		t.Errorf("two tests of one name: %v", failures)
	}
}

// FuzzPolicyTest: no archive makes the runner fall over.
func FuzzPolicyTest(f *testing.F) {
	f.Add("-- a --\n" + goodScript)
	f.Add(DefaultTests()["tests.txtar"])
	s := mustCompile(f, Default())
	f.Fuzz(func(t *testing.T, text string) {
		if n, failures := s.Test("t.txtar", text); len(failures) > n {
			t.Fatalf("%d failures of %d tests", len(failures), n)
		}
	})
}
