package prooftest_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

// TestStaffed proves that what a World makes is what package proof accepts.
func TestStaffed(t *testing.T) {
	w := prooftest.Staffed(t)
	for _, c := range []struct {
		tier    actions.Tier
		signers []string
	}{{actions.Standard, nil}, {actions.Protected, []string{"lee"}}, {actions.Critical, []string{"kim", "lee"}}} {
		r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), c.tier)
		for _, s := range c.signers {
			w.Countersign(r, workforce.WorkerID(s))
		}
		report, err := proof.Verify(w.Warrant(r), proof.Trust{Root: w.Root})
		if err != nil {
			t.Fatalf("%s: %v", c.tier, err)
		}
		if report.Requester.Worker != "ann" || len(report.Signers) != len(c.signers) {
			t.Errorf("%s: %+v", c.tier, report)
		}
	}
	if _, err := w.TryWarrant(w.Request("dan", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical)); err == nil {
		t.Error("dan, on the last day, got a warrant")
	}
	state := proof.NewState(w.Root)
	for _, e := range w.Entries() {
		if e.Leaf.Class != "governance" {
			continue
		}
		if err := state.Apply(e.Leaf, e.Body); err != nil {
			t.Fatal(err)
		}
	}
}
