package incident_test

import (
	"bytes"
	"testing"

	"countersign.dev/canonical"
	"countersign.dev/incident"
	"countersign.dev/ledger/proof"
)

// TestFormats1 verifies bundles that the program of the last commit which knew only the
// formats of version 1 wrote. Nobody writes them again: a bundle has to verify for ever.
// The desk of the ledger desk of ledger/proof/testdata/formats1 exported them: a breach
// around the desk that the executor restored under a standing order, and an act that ann
// requested, lee and kim countersigned and eva contested, with a task and findings. Each was
// exported with its personal fields and without.
func TestFormats1(t *testing.T) {
	t.Parallel()
	verifyBundles(t, "formats1", "sha256:f1c9264f9f96c8fd824ec3f2e8df450cbb98488ed2f2b45ced404547a6a819f4", map[string]bundled{
		"breached":           {incident.Breach, true, 35, 6, 1, 6, "insider"},
		"breached-withheld":  {incident.Breach, false, 35, 5, 0, 5, incident.Withheld},
		"contested":          {incident.Contested, true, 26, 3, 1, 9, ""},
		"contested-withheld": {incident.Contested, false, 26, 2, 0, 7, ""},
	})
}

// bundled is what a bundle of earlier programs holds.
type bundled struct {
	cause                     incident.Cause
	personal                  bool
	chain                     int64
	records, warrants, proven int
	credential                string
}

// verifyBundles verifies the bundles of a directory, of the desk with this hash of entry 0,
// and demands that each is written again in the same bytes and holds what it held.
func verifyBundles(t *testing.T, dir, founding string, all map[string]bundled) {
	t.Helper()
	var root canonical.Digest
	if err := root.UnmarshalText([]byte(founding)); err != nil {
		t.Fatal(err)
	}
	for name, want := range all {
		raw := readBundle(t, "testdata/"+dir+"/"+name+".json.gz")
		var b incident.Bundle
		if err := canonical.UnmarshalExact(raw, &b); err != nil || !bytes.Equal(canonical.MustMarshal(b), raw) {
			t.Errorf("%s is written in other bytes than it was read from: %v", name, err)
		}
		v, err := incident.Verify(raw, proof.Trust{Root: root})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v.Chain != want.chain || v.Records != want.records || v.Warrants != want.warrants {
			t.Errorf("%s holds %d governance entries, %d records and %d warrants", name, v.Chain, v.Records, v.Warrants)
		}
		if r := v.Report; r.Incident.Cause != want.cause || r.Attribution.Credential != want.credential || v.By.Personal != want.personal || r.Down.IsZero() || len(r.Timeline) == 0 {
			t.Errorf("%s says %+v", name, r)
		}
		proven := 0
		for _, c := range v.Claims {
			if c.Proven {
				proven++
			}
		}
		if proven != want.proven {
			t.Errorf("%s proves %d of its claims, and proved %d: %+v", name, proven, want.proven, v.Claims)
		}
	}
}
