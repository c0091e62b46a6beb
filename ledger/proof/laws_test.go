package proof_test

import (
	"bytes"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
)

func adopt(n int64) actions.Setting { return actions.Setting{Of: actions.PartLaws, Laws: n} }

// TestLawsOfOldFoundings: a founding statement from before laws had numbers has no
// such member, so that what its officers signed stays byte for byte what it was.
func TestLawsOfOldFoundings(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{FirstLaws: true})
	if got := w.State().Laws; got != actions.FirstLaws {
		t.Fatalf("an old desk is judged by the laws %d, want %d", got, actions.FirstLaws)
	}
	if founding := w.Entries()[0].Body.Data; bytes.Contains(founding, []byte(`"laws"`)) {
		t.Errorf("the old founding statement has the new member: %s", founding)
	}
	if got := prooftest.Found(t, prooftest.Options{}).State().Laws; got != actions.NewestLaws {
		t.Errorf("a new desk is judged by the laws %d, want %d", got, actions.NewestLaws)
	}
	old := canonical.MustMarshal(actions.Setting{Of: actions.PartModes, Mode: &actions.Mode{}})
	if bytes.Contains(old, []byte(`"laws"`)) {
		t.Errorf("a change of another part has the new member: %s", old)
	}
}

func TestLawsAreAdopted(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{FirstLaws: true})
	w.Staff()
	if err := do(w, actions.DeskChange, adopt(2), "ada", "bea"); fault.TypeOf(err) != "held" {
		t.Errorf("two officers adopted new laws: %v", err)
	}
	must(t, do(w, actions.DeskChange, adopt(2), "ada", "bea", "cem"))
	if got := w.State().Laws; got != 2 {
		t.Fatalf("the laws %d are in force, want 2", got)
	}
	if err := do(w, actions.DeskChange, adopt(2), "ada", "bea", "cem"); fault.TypeOf(err) != "wrong-state" {
		t.Errorf("the laws in force were adopted again: %v", err)
	}
	for _, n := range []int64{1, -1, actions.NewestLaws + 1} {
		if _, err := actions.ParseChange(actions.DeskChange, canonical.MustMarshal(adopt(n))); fault.TypeOf(err) != "bad-action" {
			t.Errorf("a change to the laws %d is well formed: %v", n, err)
		}
	}
	// A warrant from after the switch carries it: without it a verifier would judge
	// by the laws before.
	r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Protected)
	w.Countersign(r, "lee")
	warrant, err := proof.ParseWarrant(w.Warrant(r))
	must(t, err)
	found := false
	for _, e := range warrant.People {
		found = found || e.Entry.Kind == string(actions.DeskChange) && bytes.Contains(e.Entry.Data, []byte(`"of":"laws"`))
	}
	if !found {
		t.Error("the warrant does not carry the change of laws")
	}
	if _, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Verify(w.Warrant(r)); err != nil {
		t.Errorf("a warrant from after the switch does not verify: %v", err)
	}
}
