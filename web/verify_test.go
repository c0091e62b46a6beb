package web_test

import (
	"bytes"
	"os"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

// warrantVector is a warrant, and the hash of the entry 0 under which it holds.
type warrantVector struct {
	Name    string           `json:"name"`
	Root    canonical.Digest `json:"root"`
	Warrant canonical.Raw    `json:"warrant"`
}

// TestWarrantVectors: the script verifies what Go makes. It reads the same vectors, which are written
// with
//
//	go test ./web -run TestWarrantVectors -vectors
func TestWarrantVectors(t *testing.T) {
	var all [][]byte
	add := func(name string, w *prooftest.World, r *prooftest.Request) {
		all = append(all, canonical.MustMarshal(warrantVector{name, w.Root, w.Warrant(r)}))
	}
	w := prooftest.Staffed(t)
	add("keys in files", w, w.Countersign(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical), "lee", "kim"))
	for _, a := range []workforce.Algorithm{workforce.PasskeyES256, workforce.PasskeyEd25519} {
		w := prooftest.Staffed(t)
		w.EnrolPasskeys(a, "ann", "lee", "kim")
		add("passkeys, "+string(a), w, w.Countersign(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical), "lee", "kim"))
	}
	for _, a := range []actions.SessionAlgorithm{actions.SessionEd25519, actions.SessionP256} {
		w := prooftest.Staffed(t)
		r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/18"), actions.Standard)
		w.Under(w.StartSession("ann", a), r)
		add("a session, "+string(a), w, r)
	}
	want := append(append([]byte("[\n"), bytes.Join(all, []byte(",\n"))...), "\n]\n"...)
	const file = "testdata/warrants.json"
	if *vectors {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what Go says (%v): run go test ./web -run TestWarrantVectors -vectors, and look at what changes", file, err)
	}
}
