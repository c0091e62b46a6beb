package incident_test

import (
	"testing"

	"countersign.dev/incident"
)

// TestFormats2 verifies bundles of version 2, which the desk of the ledger desk of
// ledger/proof/testdata/formats2 exported: a breach that the executor restored, an act that was
// contested, undone and reviewed, and an act under a session that was ended after it.
// Nobody writes them again. Each was exported with its personal fields and without.
func TestFormats2(t *testing.T) {
	t.Parallel()
	verifyBundles(t, "formats2", "sha256:ef164ff13a5bf1ce8a984d08d7d56930773280046503a0e39c5713ffbccb01d1", map[string]bundled{
		"breached":           {incident.Breach, true, 19, 4, 0, 6, "staff token night-shift"},
		"breached-withheld":  {incident.Breach, false, 19, 4, 0, 5, incident.Withheld},
		"contested":          {incident.Contested, true, 17, 4, 2, 10, ""},
		"contested-withheld": {incident.Contested, false, 17, 4, 0, 9, ""},
		"session":            {incident.Contested, true, 16, 2, 1, 5, ""},
		"session-withheld":   {incident.Contested, false, 16, 2, 0, 5, ""},
	})
}
