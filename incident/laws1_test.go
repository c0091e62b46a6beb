package incident_test

import (
	"compress/gzip"
	"io"
	"os"
	"testing"

	"countersign.dev/canonical"
	"countersign.dev/incident"
	"countersign.dev/ledger/proof"
)

// TestFirstLaws verifies bundles that the program of the last commit before laws
// had numbers wrote. Nobody writes them again: a bundle has to verify for ever.
func TestFirstLaws(t *testing.T) {
	t.Parallel()
	var root canonical.Digest
	if err := root.UnmarshalText([]byte("sha256:be956ae4113d06fc03179a141e63ca22f5059162576081991958c3c30a0b95a2")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"breached", "contested"} {
		raw := readBundle(t, "testdata/laws1/"+name+".json.gz")
		v, err := incident.Verify(raw, proof.Trust{Root: root})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v.Chain == 0 || v.Records == 0 && name == "breached" || v.Warrants == 0 && name == "contested" {
			t.Errorf("%s holds %d governance entries, %d records and %d warrants", name, v.Chain, v.Records, v.Warrants)
		}
	}
}

func readBundle(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
