package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

// FuzzVerify edits a good warrant: nothing but the warrant itself verifies, and nothing
// panics. The verifier knows the desk: to read a founding anew is slow, and
// TestEveryLeaf does it. The input is the edit and not the warrant, so that minimising one costs little: of the
// whole document the fuzzer would try to leave out every byte, for a minute at a time.
func FuzzVerify(f *testing.F) {
	w, warrant := criticalWarrant(f, workforce.PasskeyES256)
	undo := w.Warrant(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/18"), actions.Standard))
	good := [][]byte{warrant, undo}
	f.Add(false, uint32(0), uint32(0), []byte{})
	f.Add(true, uint32(1), uint32(0), []byte(" "))
	f.Add(false, uint32(0), uint32(1<<30), []byte(`{"v":"countersign/warrant/v1"}`))
	lossy := []byte(`"lossy":"",`)
	f.Add(false, uint32(bytes.Index(warrant, lossy)), uint32(len(lossy)), []byte{})
	warm := proof.NewVerifier(proof.Trust{Root: w.Root})
	for _, raw := range good {
		if _, err := warm.Verify(raw); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, second bool, at, cut uint32, put []byte) {
		raw := warrant
		if second {
			raw = undo
		}
		from := min(int(at), len(raw))
		raw = slices.Concat(raw[:from], put, raw[from+min(int(cut), len(raw)-from):])
		parsed, parseErr := proof.ParseWarrant(raw)
		if parseErr == nil && !bytes.Equal(canonical.MustMarshal(parsed), raw) {
			t.Error("a warrant has two spellings")
		}
		_, err := warm.Verify(raw)
		if err == nil && !bytes.Equal(raw, warrant) && !bytes.Equal(raw, undo) {
			t.Errorf("something else verifies: %s", raw)
		}
		if err != nil && fault.KindOf(err) == fault.Internal {
			t.Errorf("an error that is no refusal: %v", err)
		}
	})
}

// FuzzStatement: a statement has one spelling, and another one another challenge.
func FuzzStatement(f *testing.F) {
	w := prooftest.Staffed(f)
	good := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard).Signed.Statement
	f.Add(good.Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s actions.Statement
		if err := canonical.UnmarshalExact(raw, &s); err != nil {
			return
		}
		if !bytes.Equal(s.Bytes(), raw) {
			t.Error("a statement has two spellings")
		}
		if (s.Challenge() == good.Challenge()) != bytes.Equal(raw, good.Bytes()) {
			t.Error("two statements have one challenge")
		}
	})
}

// FuzzExecution: the same of the executor's records.
func FuzzExecution(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	trust := actions.Trust{Executor: prooftest.ExecutorID, ExecutorKey: canonical.Bytes(key.Public().(ed25519.PublicKey))}
	good := canonical.MustMarshal(receipt().Sign(key))
	f.Add(good, proof.KindReceipt)
	f.Fuzz(func(t *testing.T, raw []byte, kind string) {
		e, err := proof.ParseExecution(ledger.Body{Class: ledger.Execution, Kind: kind, Data: raw})
		if err != nil {
			return
		}
		if !bytes.Equal(canonical.MustMarshal(e), raw) || e.Execution.Kind != kind {
			t.Error("a record has two spellings, or two kinds")
		}
		if e.Verify(trust) == nil && !bytes.Equal(raw, good) {
			t.Error("a record that the executor did not sign verifies")
		}
	})
}

// FuzzClientData: whatever a browser is said to have written, only what names this
// challenge and a page of the desk passes, and nothing panics.
func FuzzClientData(f *testing.F) {
	p := passkey(f, workforce.PasskeyEd25519, 1)
	challenge := [32]byte{1}
	good := p.Sign(challenge)
	f.Add([]byte(good.AuthenticatorData), []byte(good.ClientData))
	f.Fuzz(func(t *testing.T, authenticatorData, clientData []byte) {
		if err := proof.VerifySignature(p.PublicKey(), challenge, p.Raw(authenticatorData, clientData), sites); err != nil {
			if fault.TypeOf(err) != "bad-signature" {
				t.Errorf("%v", err)
			}
			return
		}
		if !bytes.HasPrefix(authenticatorData, good.AuthenticatorData[:32]) || !bytes.Contains(clientData, []byte("desk")) && !bytes.Contains(clientData, []byte(`\u`)) {
			t.Errorf("%x %s", authenticatorData, clientData)
		}
	})
}
