package proof_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
)

// TestRehearsal: what was signed at a rehearsal desk is nothing at the real one,
// though origin, log, people, keys and executor are the same.
func TestRehearsal(t *testing.T) {
	found := func(first bool, at time.Time) *prooftest.World {
		w := prooftest.Found(t, prooftest.Options{FirstLaws: first, At: at})
		w.Staff()
		return w
	}
	for _, first := range []bool{true, false} {
		rehearsal, live := found(first, ledgertest.Epoch), found(first, ledgertest.Epoch.Add(time.Minute))
		rehearsal.Advance(time.Minute)
		if rehearsal.Root == live.Root || rehearsal.PublicKey("ann").ID() != live.PublicKey("ann").ID() {
			t.Fatal("the two desks differ in more, or in less, than their entry 0")
		}
		r := rehearsal.Countersign(rehearsal.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical), "kim", "lee")
		must(t, judged(rehearsal, r))
		err := judged(live, r)
		if first {
			must(t, err) // as it was: this is what the laws 2 are for
			continue
		}
		refusedAs(t, err, "bad-statement", "it is for the ledger")
	}
}

// TestRequestsOfBeforeTheSwitch: what was signed under the first laws is asked
// anew after the switch, and what was entered before stays verifiable.
func TestRequestsOfBeforeTheSwitch(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{FirstLaws: true})
	w.Staff()
	ask := func() *prooftest.Request {
		return w.Countersign(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Protected), "lee")
	}
	warrant, open := w.Warrant(ask()), ask()
	must(t, do(w, actions.DeskChange, adopt(2), "ada", "bea", "cem"))
	refusedAs(t, judged(w, open), "bad-statement", "it is for the ledger")
	must(t, judged(w, ask()))
	if _, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(warrant, w.Served()); err != nil {
		t.Errorf("a warrant from before the switch: %v", err)
	}
}
