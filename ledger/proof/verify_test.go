package proof_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
)

func criticalWarrant(t testing.TB) (*prooftest.World, []byte) {
	t.Helper()
	w := prooftest.Staffed(t)
	r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical)
	w.Countersign(r, "lee", "kim")
	return w, w.Warrant(r)
}

func TestVerify(t *testing.T) {
	w, warrant := criticalWarrant(t)
	r, err := proof.Verify(warrant, proof.Trust{Root: w.Root})
	if err != nil {
		t.Fatal(err)
	}
	if r.Requester.Worker != "ann" || len(r.Signers) != 2 {
		t.Errorf("requester %s with %d signers, want ann with 2", r.Requester.Worker, len(r.Signers))
	}
	t.Logf("warrant of %d bytes: %s", len(warrant), r.Revocation)
}

func BenchmarkVerify(b *testing.B) {
	w, warrant := criticalWarrant(b)
	v := proof.NewVerifier(proof.Trust{Root: w.Root})
	b.ResetTimer()
	for b.Loop() {
		if _, err := v.Verify(warrant); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignatureChecks(b *testing.B) {
	w, warrant := criticalWarrant(b)
	parsed, err := proof.ParseWarrant(warrant)
	if err != nil {
		b.Fatal(err)
	}
	s := w.State()
	b.ResetTimer()
	for b.Loop() {
		for _, signed := range append(parsed.Countersignatures, parsed.Request) {
			if err := proof.VerifySignature(s.People.Keys[signed.Statement.Key].PublicKey, signed.Statement.Challenge(), signed.Signature, s.Sites()); err != nil {
				b.Fatal(err)
			}
		}
	}
}
