package policy

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/workforce"
)

// TestEvidenceOfOldSets: a set that names read.evidence nowhere lets read as the product
// did before that action was there, whatever its policies about all actions say.
func TestEvidenceOfOldSets(t *testing.T) {
	without := Default()
	delete(without, "evidence.cedar")
	before, err := Example("before")
	if err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]map[string]string{"the default": Default(), "without its file": without, "before": before,
		"forbids everything in notice": extra(`@id("x") @reason("Nobody in notice does anything.") forbid (principal, action, resource) when { principal.in_notice };`)} {
		if name == "forbids everything in notice" {
			delete(files, "evidence.cedar")
		}
		s := mustCompile(t, files)
		for _, role := range workforce.Roles {
			for flags := range 1 << 5 {
				w := Worker{ID: "somebody", Roles: []workforce.Role{role}, Employee: flags&1 != 0, Engaged: flags&2 != 0, InNotice: flags&4 != 0, Ratchet: flags&8 != 0, Newcomer: flags&16 != 0}
				// As it was in Go, before Cedar ruled on it.
				want := Forbidden
				if w.Engaged && slices.Contains([]workforce.Role{workforce.Lead, workforce.Officer, workforce.OnCall, workforce.Investigator, workforce.Auditor}, role) {
					want = Permitted
				}
				for range 2 { // the second time it is remembered
					if got := s.MayReadEvidence(w); got.Verdict != want || len(got.Reasons) == 0 {
						t.Fatalf("%s: %+v: %+v, want %s", name, w, got, want)
					}
				}
			}
		}
	}
}

// TestEvidenceIsRuled: once a set names the action, the set alone says who reads.
func TestEvidenceIsRuled(t *testing.T) {
	files := Default()
	files["evidence.cedar"] = `@id("read-evidence") @reason("Auditors read evidence, and so do leads of the platform's own.")
permit (principal, action in [Action::"read.evidence"], resource)
when { principal in Role::"auditor" || principal in Role::"lead" && principal.employee };`
	s := mustCompile(t, files)
	for _, c := range []struct {
		w    Worker
		want Verdict
	}{
		{Worker{ID: "a", Engaged: true, Roles: []workforce.Role{workforce.Auditor}}, Permitted},
		{Worker{ID: "b", Engaged: true, Employee: true, Roles: []workforce.Role{workforce.Lead}}, Permitted},
		{Worker{ID: "b", Engaged: true, Vendor: "acme", Roles: []workforce.Role{workforce.Lead}}, Forbidden},
		{Worker{ID: "c", Engaged: true, Employee: true, Roles: []workforce.Role{workforce.Officer}}, Forbidden},
		{Worker{ID: "d", Employee: true, Roles: []workforce.Role{workforce.Auditor}}, Forbidden}, // not-engaged speaks of all actions
	} {
		if got := s.MayReadEvidence(c.w); got.Verdict != c.want {
			t.Errorf("%+v: %+v, want %s", c.w, got, c.want)
		}
	}
}

// evidence returns the default set with this policy in the place of evidence.cedar.
func evidence(policy string) map[string]string { return with("evidence.cedar", policy) }

// TestNobodyReadsOutsideAnEngagement: no set lets read somebody who is not engaged.
func TestNobodyReadsOutsideAnEngagement(t *testing.T) {
	files := Default()
	delete(files, "people.cedar") // it forbids everything to people who are not engaged
	files["evidence.cedar"] = `@id("read-evidence") @reason("Everybody reads.") permit (principal, action, resource);`
	files["extra.cedar"] = `@id("named") @reason("It is named here.") permit (principal, action == Action::"read.evidence", resource);`
	s, err := compile(files)
	if err != nil {
		t.Fatal(err)
	}
	exposure := Facts{Kind: actions.AccountTakedown, Direction: actions.Burdening, Effect: actions.Reversible, Verb: "takedown",
		Subject: Subject{Platform: "plaza", Sort: "account", Tier: actions.Standard}, Category: actions.CategoryRules}
	for _, engaged := range []bool{true, false} {
		exposure.Worker = Worker{ID: "a", Engaged: engaged, Employee: true, Roles: []workforce.Role{workforce.Auditor}}
		for name, got := range map[string]Ruling{"evidence": s.MayReadEvidence(exposure.Worker), "exposure": s.MayReadExposure(exposure)} {
			if (got.Verdict == Permitted) != engaged || !engaged && got.Reasons[0].Policy != LawEngaged {
				t.Errorf("%s, engaged %t: %+v", name, engaged, got)
			}
		}
	}
}

// TestEvidenceNamedInACondition: a policy that names the action in a condition counts, and
// the built-in rule does not.
func TestEvidenceNamedInACondition(t *testing.T) {
	lead := Worker{ID: "a", Vendor: "acme", Engaged: true, Roles: []workforce.Role{workforce.Lead}}
	for _, condition := range []string{
		`when { action == Action::"read.evidence" && !principal.employee }`,
		`when { Action::"read.evidence" == action && !principal.employee }`,
		`when { [Action::"read.evidence", Action::"read.exposure"].contains(action) && !principal.employee }`,
		`when { action in [Action::"read.evidence"] && !principal.employee }`,
		`when { action in Action::"read.evidence" && !principal.employee }`,
		`when { !principal.employee } unless { action != Action::"read.evidence" }`,
		`when { if action == Action::"read\u{2e}evidence" then !principal.employee else false }`,
	} {
		files := extra(`@id("no-vendors") @reason("No vendor's people read evidence.") forbid (principal, action, resource) ` + condition + `;`)
		if got := mustCompile(t, files).MayReadEvidence(lead); got.Verdict != Forbidden || got.Reasons[0].Policy != "no-vendors" {
			t.Errorf("%s: with evidence.cedar: %+v", condition, got)
		}
		delete(files, "evidence.cedar")
		if got := mustCompile(t, files).MayReadEvidence(lead); got.Verdict != Forbidden {
			t.Errorf("%s: the set forbids it, and the ruling is %+v", condition, got)
		}
	}
	files := extra(`@id("employees") @reason("The platform's own people read evidence.") permit (principal, action, resource) when { action == Action::"read.evidence" && principal.employee };`)
	delete(files, "evidence.cedar")
	s := mustCompile(t, files)
	agent := Worker{ID: "b", Employee: true, Engaged: true, Roles: []workforce.Role{workforce.Agent}}
	if got := s.MayReadEvidence(agent); got.Verdict != Permitted {
		t.Errorf("the set permits it, and the ruling is %+v", got)
	}
	if got := s.MayReadEvidence(lead); got.Verdict != Forbidden {
		t.Errorf("the set names the action and permits this to nobody, and the ruling is %+v", got)
	}
}

// TestCheckOfEvidence: policy check warns of a set under which nobody who answers for what
// is done reads evidence, and of one under which somebody else does.
func TestCheckOfEvidence(t *testing.T) {
	const nobody, stranger = "no lead, officer, on-call worker, investigator or auditor may read", "may read evidence who is neither"
	for name, c := range map[string]struct {
		policy string
		want   []string
	}{
		"named nowhere": {`@id("x") @reason("Nobody in notice.") forbid (principal, action, resource) when { principal.in_notice };`, nil},
		"one forbid alone": {`@id("not-mallory") @reason("Mallory reads no evidence.")
			forbid (principal == Worker::"mallory", action == Action::"read.evidence", resource);`, []string{nobody}},
		"one forbid in a condition": {`@id("x") @reason("Nobody reads.") forbid (principal, action, resource) when { action == Action::"read.evidence" };`, []string{nobody}},
		"everybody":                 {`@id("all") @reason("Everybody reads.") permit (principal, action == Action::"read.evidence", resource);`, []string{"anybody " + stranger, "all permits it"}},
		"agents alone": {`@id("agents") @reason("Agents read.") permit (principal, action == Action::"read.evidence", resource)
			when { principal in Role::"agent" && !(principal in Role::"lead") && !(principal in Role::"officer") && !(principal in Role::"oncall") && !(principal in Role::"investigator") && !(principal in Role::"auditor") };`,
			[]string{nobody, stranger}},
		"one worker":       {`@id("zoe") @reason("Zoe reads.") permit (principal == Worker::"zoe", action == Action::"read.evidence", resource);`, []string{"zoe " + stranger}},
		"a vendor":         {`@id("acme") @reason("Acme reads.") permit (principal in Vendor::"acme", action == Action::"read.evidence", resource);`, []string{"of acme " + stranger}},
		"one role":         {`@id("auditors") @reason("Auditors read.") permit (principal in Role::"auditor", action == Action::"read.evidence", resource);`, nil},
		"two roles":        {`@id("both") @reason("Auditing leads.") permit (principal, action == Action::"read.evidence", resource) when { principal in Role::"auditor" && principal in Role::"lead" };`, nil},
		"a vendor's own":   {`@id("none") @reason("No such people.") permit (principal in Vendor::"acme", action == Action::"read.evidence", resource) when { principal.employee };`, []string{nobody}},
		"only outsiders":   {`@id("gone") @reason("They are gone.") permit (principal in Role::"lead", action == Action::"read.evidence", resource) unless { principal.engaged };`, []string{nobody}},
		"as it is shipped": {Default()["evidence.cedar"], nil},
	} {
		files := evidence(c.policy)
		files["own.txtar"] = "-- an auditor --\nworker: roles=auditor\nexposure: account.takedown plaza standard\nverdict: permitted\nreasons: read-exposure\n"
		r := Check(files, nil, time.Time{})
		var text strings.Builder
		for _, w := range r.Warnings {
			text.WriteString(w.At + ": " + w.Text + "\n")
		}
		if len(r.Problems) > 0 || strings.Contains(text.String(), nobody) != slices.Contains(c.want, nobody) ||
			strings.Contains(text.String(), stranger) != slices.ContainsFunc(c.want, func(s string) bool { return strings.Contains(s, stranger) }) {
			t.Errorf("%s: problems %v, warnings:\n%s", name, r.Problems, text.String())
		}
		for _, want := range c.want {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%s: nothing of %q in:\n%s", name, want, text.String())
			}
		}
	}
	// A set that names no role at all knows no difference between people.
	files := evidence(`@id("x") @reason("A set without roles.") permit (principal, action, resource) when { action == Action::"read.evidence" };`)
	maps.DeleteFunc(files, func(name, _ string) bool { return name != "evidence.cedar" && name != tiersFile })
	s, err := compile(files)
	if err != nil {
		t.Fatal(err)
	}
	if w := s.evidenceWarnings(); len(w) != 1 || !strings.Contains(w[0].Text, stranger) {
		t.Errorf("a set without roles: %+v", w)
	}
}

// TestRulingsAreTheCallers: what a caller does to a ruling changes nothing for the next
// caller, and one who has no name changes nothing for those who are of the same class.
func TestRulingsAreTheCallers(t *testing.T) {
	files := extra(`@id("x") @reason("Newcomers read no evidence.") forbid (principal, action == Action::"read.evidence", resource) when { principal.newcomer };`)
	w := Worker{Engaged: true, Roles: []workforce.Role{workforce.Auditor}}
	s := mustCompile(t, files)
	if got := s.MayReadEvidence(w); got.Verdict != Forbidden {
		t.Errorf("a worker without a name: %+v", got)
	}
	w.ID = "a"
	if got := s.MayReadEvidence(w); got.Verdict != Permitted {
		t.Errorf("after one without a name: %+v", got)
	}
	for _, w.Newcomer = range []bool{true, false} {
		for range 2 { // the first time it is computed, then it is remembered
			got := mustCompile(t, files).MayReadEvidence(w)
			if got.Reasons[0].Text == "CHANGED" {
				t.Fatal("a caller changed what the policy says to the next caller")
			}
			got.Reasons[0].Text = "CHANGED"
		}
	}
}
