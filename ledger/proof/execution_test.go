package proof_test

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
)

func receipt() proof.Execution {
	return proof.Execution{V: proof.ExecutionV1, Executor: prooftest.ExecutorID, Sequence: 7, Kind: proof.KindReceipt, Duty: proof.DutyAct, Request: "req_1",
		Warrant: canonical.Sum([]byte("core")), Nonce: make([]byte, 32), At: canonical.At(ledgertest.Epoch), Outcome: proof.Executed,
		Before: platform.Expect{Status: platform.Up}, After: platform.Expect{Status: platform.Down, Mark: "CSGN-req_1"}}
}

// TestExecution: a record of the executor's is its own, in every member.
func TestExecution(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	trust := actions.Trust{Executor: prooftest.ExecutorID, ExecutorKey: canonical.Bytes(key.Public().(ed25519.PublicKey))}
	good := receipt().Sign(key)
	if err := good.Verify(trust); err != nil {
		t.Fatal(err)
	}
	other := ed25519.NewKeyFromSeed(append(make([]byte, 31), 1))
	for name, edit := range map[string]func(*proof.SignedExecution, *actions.Trust){
		"version": func(e *proof.SignedExecution, _ *actions.Trust) { e.Execution.V = "v2"; *e = e.Execution.Sign(key) },
		"executor": func(e *proof.SignedExecution, _ *actions.Trust) {
			e.Execution.Executor = "executor-2"
			*e = e.Execution.Sign(key)
		},
		"key": func(e *proof.SignedExecution, _ *actions.Trust) { *e = e.Execution.Sign(other) },
		"the chain's key": func(_ *proof.SignedExecution, t *actions.Trust) {
			t.ExecutorKey = canonical.Bytes(other.Public().(ed25519.PublicKey))
		},
		"no key":       func(_ *proof.SignedExecution, t *actions.Trust) { t.ExecutorKey = nil },
		"no signature": func(e *proof.SignedExecution, _ *actions.Trust) { e.Signature = nil },
		"S plus the order": func(e *proof.SignedExecution, _ *actions.Trust) {
			e.Signature = slices.Clone(e.Signature)
			addOrder(e.Signature)
		},
		"sequence": func(e *proof.SignedExecution, _ *actions.Trust) { e.Execution.Sequence++ },
		"kind":     func(e *proof.SignedExecution, _ *actions.Trust) { e.Execution.Kind = proof.KindIntent },
		"duty":     func(e *proof.SignedExecution, _ *actions.Trust) { e.Execution.Duty = proof.DutyLift },
		"request":  func(e *proof.SignedExecution, _ *actions.Trust) { e.Execution.Request = "req_2" },
		"warrant":  func(e *proof.SignedExecution, _ *actions.Trust) { e.Execution.Warrant = canonical.Sum(nil) },
		"nonce":    func(e *proof.SignedExecution, _ *actions.Trust) { e.Execution.Nonce = make([]byte, 31) },
		"at":       func(e *proof.SignedExecution, _ *actions.Trust) { e.Execution.At = canonical.Time{} },
		"outcome":  func(e *proof.SignedExecution, _ *actions.Trust) { e.Execution.Outcome = proof.Failed },
		"type":     func(e *proof.SignedExecution, _ *actions.Trust) { e.Execution.Type = "x" },
		"text":     func(e *proof.SignedExecution, _ *actions.Trust) { e.Execution.Text = "x" },
		"before":   func(e *proof.SignedExecution, _ *actions.Trust) { e.Execution.Before.Status = platform.Down },
		"after":    func(e *proof.SignedExecution, _ *actions.Trust) { e.Execution.After.Mark = "" },
		"lifted":   func(e *proof.SignedExecution, _ *actions.Trust) { e.Execution.Lifted = "x" },
		"lift_at":  func(e *proof.SignedExecution, _ *actions.Trust) { e.Execution.LiftAt = canonical.At(ledgertest.Epoch) },
	} {
		e, tr := good, trust
		edit(&e, &tr)
		refusedAs(t, e.Verify(tr), "bad-signature", "the executor that the governance chain names")
		_ = name
	}
}

func TestParseExecution(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	l := ledgertest.New(t, 1)
	e := l.Append(t, ledgertest.Epoch, receipt().Sign(key).Draft())[0]
	got, err := proof.ParseExecution(e.Body)
	if err != nil || got.Execution.Sequence != 7 || e.Leaf.Class != ledger.Execution || e.Body.Kind != proof.KindReceipt {
		t.Fatalf("%+v, %v", got, err)
	}
	body := e.Body
	body.Class = ledger.Desk
	_, err = proof.ParseExecution(body)
	refusedAs(t, err, "broken-chain", "not of the execution class")
	body = e.Body
	body.Kind = proof.KindIntent
	_, err = proof.ParseExecution(body)
	refusedAs(t, err, "broken-chain", "holds a record of kind receipt")
	body = e.Body
	body.Data = canonical.Raw(strings.Replace(string(body.Data), `"text":""`, `"text":"","zzz":1`, 1))
	_, err = proof.ParseExecution(body)
	refusedAs(t, err, "malformed", "")
	body.Data = canonical.Raw(strings.Replace(string(e.Body.Data), `"text":"",`, ``, 1))
	_, err = proof.ParseExecution(body)
	refusedAs(t, err, "not-canonical", "")
}

// TestCheckExecution: each case makes one member of a good record what no executor writes.
func TestCheckExecution(t *testing.T) {
	refusal := receipt()
	refusal.Kind, refusal.Outcome, refusal.Nonce = proof.KindRefusal, proof.Refused, nil
	intent := receipt()
	intent.Kind, intent.Outcome, intent.Before, intent.After = proof.KindIntent, "", platform.Expect{}, platform.Expect{}
	lift := receipt()
	lift.Duty = proof.DutyLift
	for _, good := range []proof.Execution{receipt(), refusal, intent, lift} {
		if err := good.Check(); err != nil {
			t.Errorf("%s: %v", good.Kind, err)
		}
	}
	for what, edit := range map[string]func(*proof.Execution){
		"its version":          func(e *proof.Execution) { e.V = "countersign/execution/v3" },
		"negative":             func(e *proof.Execution) { e.Sequence = -1 },
		"no executor":          func(e *proof.Execution) { e.Executor = "" },
		"no request":           func(e *proof.Execution) { e.Request = "" },
		"duty":                 func(e *proof.Execution) { e.Duty = "whim" },
		"no time":              func(e *proof.Execution) { e.At = canonical.Time{} },
		"nonce":                func(e *proof.Execution) { e.Nonce = make([]byte, 31) },
		"not 32 bytes":         func(e *proof.Execution) { e.Nonce = nil },
		"its kind":             func(e *proof.Execution) { e.Kind = "rumour" },
		"an intent has no":     func(e *proof.Execution) { *e = intent; e.Outcome = proof.Executed },
		"an intent":            func(e *proof.Execution) { *e = intent; e.After.Status = platform.Up },
		"a receipt says":       func(e *proof.Execution) { e.Outcome = "" },
		"a receipt":            func(e *proof.Execution) { e.Outcome = proof.Refused },
		"receipt says":         func(e *proof.Execution) { e.Outcome = proof.Dropped },
		"says executed":        func(e *proof.Execution) { e.Outcome = "perhaps" },
		"a refusal says":       func(e *proof.Execution) { *e = refusal; e.Outcome = proof.Executed },
		"a refusal":            func(e *proof.Execution) { *e = refusal; e.Outcome = proof.Unknown },
		"refused, failed":      func(e *proof.Execution) { *e = refusal; e.Outcome = "" },
		"malformed: its nonce": func(e *proof.Execution) { *e = refusal; e.Nonce = make([]byte, 16) },
	} {
		e := receipt()
		edit(&e)
		refusedAs(t, e.Check(), "bad-record", what)
	}
}
