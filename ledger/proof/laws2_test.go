package proof_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
)

// TestSecondLaws verifies two ledgers that the program of the last commit before the
// laws 3 wrote: one was founded under the laws 2, one adopted them. Nobody writes them
// again: what was signed under the laws 2 has to verify for ever, byte for byte. They
// hold enrolments of file keys and of passkeys of both algorithms, whose possessions
// name the ledger's origin alone, one of them by officers who recovered, and warrants
// that rest on these keys.
func TestSecondLaws(t *testing.T) {
	for name, laws := range map[string]int{"founded": 0, "adopted": 1} {
		e, root := readLedger(t, "testdata/laws2/"+name+".json.gz")
		seen := verifyLedger(t, e, root)
		for _, k := range []string{"freeze", "thaw", "end", "extend", "enrol", "revoke", proof.KindFounding, proof.KindRow,
			actions.PartTiers, actions.PartPolicy, actions.PartBudgets, actions.PartVendors, actions.PartPlatforms,
			string(actions.AccountTakedown), string(actions.AccountDeactivate), string(actions.AccountSuspend), string(actions.ContentRemove)} {
			if seen[k] == 0 {
				t.Errorf("the ledger that was %s holds nothing of %s", name, k)
			}
		}
		if seen[actions.PartLaws] != laws {
			t.Errorf("the ledger that was %s holds %d changes of laws, want %d", name, seen[actions.PartLaws], laws)
		}
		s, algorithms := proof.NewState(root), map[string]int{}
		for i, entry := range e.Entries {
			leaf, err := ledger.ParseLeaf([]byte(entry.Leaf))
			must(t, err)
			body, err := ledger.Verify(leaf, []byte(entry.Body), entry.Salt)
			must(t, err)
			if body.Class != ledger.Governance {
				continue
			}
			must(t, s.Apply(leaf, body))
			if body.Kind != string(actions.DeskKey) {
				continue
			}
			change, err := actions.ParseChange(actions.DeskKey, opened[proof.Authority](ledger.Entry{Body: body}).Action.Change)
			must(t, err)
			for _, x := range change.(actions.Keys).Enrol {
				algorithms[string(x.Key.Algorithm)]++
				if err := proof.VerifySignature(x.Key, actions.PossessionChallenge(s.Origin, x.Worker, x.Key.ID()), x.Possession, s.Sites()); err != nil {
					t.Errorf("entry %d: the possession of %s does not name the origin alone: %v", i, x.Worker, err)
				}
			}
		}
		if len(algorithms) != 3 || s.Laws != 2 {
			t.Errorf("the ledger that was %s ends under the laws %d and enrols keys of %v", name, s.Laws, algorithms)
		}
	}
}
