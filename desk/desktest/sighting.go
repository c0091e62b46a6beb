package desktest

import (
	"crypto/sha256"
	"fmt"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/id"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// Breach is what the watch saw when somebody took a subject down around the
// desk. Change it as a test needs it.
func (w *World) Breach(subject string, t actions.Tier) proof.Execution {
	w.t.Helper()
	now := canonical.At(w.clock.Now())
	s, err := platform.ParseSubject(subject)
	if err != nil {
		w.t.Fatal(err)
	}
	return proof.Execution{Kind: proof.KindBreach, Duty: proof.DutyWatch, Request: id.Source{}.New(proof.BreachPrefix), At: now,
		Sight: &proof.Sight{Platform: s.Platform, Tier: t, Expected: platform.Expect{Status: platform.Up},
			Found: platform.Expect{Status: platform.Down, Mark: "STAFF-1"}, Via: "stream", Seen: now, Why: "breach"}}
}

// SignedRecord completes a record of the executor's, which must not be running: it has
// the next number and seals what is given by name.
func (w *World) SignedRecord(e proof.Execution, sealed map[string]string) proof.SignedExecution {
	w.t.Helper()
	next, _, err := w.Store.Executions(w.t.Context(), ExecutorID, -1)
	if err != nil {
		w.t.Fatal(err)
	}
	e.V, e.Executor, e.Sequence = proof.ExecutionVersion(w.Formats()), ExecutorID, next
	if e.At.IsZero() {
		e.At = canonical.At(w.clock.Now())
	}
	if (e.Kind == proof.KindIntent || e.Kind == proof.KindReceipt) && len(e.Nonce) == 0 {
		nonce := sha256.Sum256([]byte(e.Request))
		e.Nonce = nonce[:]
	}
	var openings []ledger.Opening
	if e.Sight != nil {
		s := *e.Sight
		e.Sight = &s
	}
	for name, value := range sealed {
		o := ledger.Opening{Name: name, Salt: random(w.t, 32), Value: canonical.MustMarshal(value)}
		d, err := o.Commitment()
		if err != nil {
			w.t.Fatal(err)
		}
		switch name {
		case proof.SealedSubject:
			e.Sight.Subject = d
		case proof.SealedCredential:
			e.Sight.Credential = d
		default:
			w.t.Fatal(fmt.Errorf("a sight seals no %s", name))
		}
		openings = append(openings, o)
	}
	signed := e.Sign(w.ExecutorKey)
	signed.Openings = openings
	return signed
}

// Enter signs a record of the executor's and enters it.
func (w *World) Enter(e proof.Execution, sealed map[string]string) proof.SignedExecution {
	w.t.Helper()
	signed := w.SignedRecord(e, sealed)
	if err := w.Desk.Record(w.t.Context(), signed); err != nil {
		w.t.Fatal(err)
	}
	return signed
}
