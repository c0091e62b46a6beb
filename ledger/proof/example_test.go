package proof_test

import (
	"bytes"
	"fmt"
	"os"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
)

// example reads a warrant, as `countersign warrant show --json` writes it, and the hash
// of its desk's entry 0. The hash comes from somebody whom the verifier trusts, and
// never with the warrant.
func example() (warrant []byte, trust proof.Trust) {
	warrant, err := os.ReadFile("testdata/warrant.json")
	if err != nil {
		panic(err)
	}
	root, err := os.ReadFile("testdata/warrant.root")
	if err != nil {
		panic(err)
	}
	if err := trust.Root.UnmarshalText(bytes.TrimSpace(root)); err != nil {
		panic(err)
	}
	return warrant, trust
}

// A warrant is verified offline: who asked for the act and who countersigned it, under
// which policy, and that the ledger holds it.
func ExampleVerify() {
	warrant, trust := example()
	report, err := proof.Verify(warrant, trust)
	if err != nil {
		fmt.Println("It does not hold:", err)
		return
	}
	act := report.Warrant.Action
	fmt.Println(act.Kind, "of", act.Subject, "which is", act.Tier)
	fmt.Println("requested by", report.Requester.Worker)
	for _, s := range report.Signers {
		fmt.Println("countersigned by", s.Worker)
	}
	fmt.Println("in the ledger of", report.Origin)
	// Output:
	// account.takedown of plaza:acct/17 which is critical
	// requested by bob
	// countersigned by kim
	// countersigned by sue
	// in the ledger of desk.example.com/ledger
}

// A warrant that somebody changed does not hold, nor does the warrant of a desk that
// the verifier does not trust. The error is a fault with a stable type.
func ExampleVerify_refused() {
	warrant, trust := example()

	another := bytes.ReplaceAll(warrant, []byte("acct/17"), []byte("acct/18"))
	_, err := proof.Verify(another, trust)
	fmt.Println(fault.TypeOf(err))

	_, err = proof.Verify(warrant, proof.Trust{Root: canonical.Sum([]byte("the entry 0 of another desk"))})
	fmt.Println(fault.TypeOf(err))
	// Output:
	// bad-anchor
	// foreign-desk
}

// A verifier is kept for many warrants of one desk: it decodes the entries that they
// have in common once.
func ExampleVerifier() {
	warrant, trust := example()
	v := proof.NewVerifier(trust)
	for range 2 {
		if _, err := v.Verify(warrant); err != nil {
			fmt.Println("It does not hold:", err)
			return
		}
	}
	fmt.Println("Both hold.")
	// Output: Both hold.
}
