package recount

import (
	"strings"
	"testing"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
)

// TestEvidenceIsHashed: what was shown for a decision is hashed again, and so is each document of
// evidence that it names.
func TestEvidenceIsHashed(t *testing.T) {
	document := []byte(`{"v":"countersign/evidence/v1"}`)
	screen := canonical.MustMarshal(cases.Shown{V: cases.ShownVersion, Case: "cas_1", Claim: 1, Version: 2, Evidence: []cases.ShownEvidence{{Digest: canonical.Sum(document), State: "copied"}, {State: "pending"}}})
	for name, c := range map[string]struct {
		kept   map[canonical.Digest][]byte
		hashed int64
		want   string
	}{
		"whole":                   {map[canonical.Digest][]byte{canonical.Sum(screen): screen, canonical.Sum(document): document}, 2, ""},
		"its evidence is gone":    {map[canonical.Digest][]byte{canonical.Sum(screen): screen}, 2, "The evidence " + canonical.Sum(document).String()},
		"its evidence was edited": {map[canonical.Digest][]byte{canonical.Sum(screen): screen, canonical.Sum(document): []byte("{}")}, 2, "The evidence " + canonical.Sum(document).String()},
		"what was shown is gone":  {nil, 1, "What was shown to"},
	} {
		data := cases.DecisionData{Case: "cas_1", Claim: 1, Version: 2, Evidence: canonical.Sum(screen)}
		r := &Recount{cases: map[string]bool{"cas_1": true}, openings: map[claim][]opening{{"cas_1", 1}: {{data: cases.OpeningData{Case: "cas_1", Claim: 1, Document: canonical.Sum(screen)}}}}, decisions: []*decision{{id: "dec_1", data: data}}}
		err := r.judged(func(d canonical.Digest) ([]byte, error) {
			if b, ok := c.kept[d]; ok {
				return b, nil
			}
			return nil, fault.New(fault.NotFound, "no-such-evidence", "There is no such evidence.")
		})
		if err != nil {
			t.Fatal(err)
		}
		found := ""
		for _, f := range r.out.Findings {
			found += f.Text
		}
		if r.out.Hashed != c.hashed || (c.want == "") != (found == "") || !strings.HasPrefix(found, c.want) {
			t.Errorf("%s: %d hashed, %q", name, r.out.Hashed, found)
		}
	}
}
