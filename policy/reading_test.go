package policy

import (
	"slices"
	"testing"

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
