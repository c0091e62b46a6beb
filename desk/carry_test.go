package desk_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// forgetful is an executor that always dies before anything is in its journal:
// it says that the act is under way, and knows nothing of it the next time.
type forgetful struct{ handed atomic.Int64 }

func (f *forgetful) Read(context.Context, platform.Subject) (proof.Reading, error) {
	return proof.Reading{Subject: platform.Subject{Platform: "plaza", ID: "acct/3", Handle: "@neighbour"}, Sort: platform.Account, Tier: actions.Standard,
		State: platform.State{Status: platform.Up}, Capabilities: platform.Capabilities{
			Abilities: []platform.Ability{{Verb: platform.Takedown, Sort: platform.Account, Marks: true}}}}, nil
}

func (f *forgetful) Carry(context.Context, []byte, time.Duration) (proof.CarryResult, error) {
	if f.handed.Add(1)%2 == 0 {
		return proof.CarryResult{}, fault.New(fault.Unavailable, "executor-unreachable", "The executor does not answer.")
	}
	return proof.CarryResult{Text: "It is still under way."}, nil
}

func (f *forgetful) Status(context.Context) (proof.ExecutorStatus, error) {
	return proof.ExecutorStatus{}, fault.New(fault.Unavailable, "executor-unreachable", "The executor does not answer.")
}

// TestHandedOverUntilItIsKnown: a warrant is handed over again and again, over
// many hours if need be, until the executor says what came of it; that it is
// under way is not enough.
func TestHandedOverUntilItIsKnown(t *testing.T) {
	f := &forgetful{}
	w := desktest.New(t, desktest.Options{Executor: f})
	w.Staff()
	w.Run()
	r := w.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
	const often = 6
	desktest.Until(t, "the warrant is handed over again", func() bool {
		w.Clock().Advance(time.Second)
		return f.handed.Load() >= often
	})
	got, err := w.RequestByID(t.Context(), desktest.As("ann"), r.ID)
	if err != nil || got.Status != actions.StatusApproved {
		t.Fatalf("the request is %s, %v", got.Status, err)
	}
	// It ends as soon as the executor's record arrives.
	x := proof.Execution{V: proof.ExecutionVersion, Executor: desktest.ExecutorID, Kind: proof.KindReceipt, Duty: proof.DutyAct, Request: r.ID,
		Nonce: make([]byte, 32), Outcome: proof.Executed, At: canonical.At(w.Clock().Now())}.Sign(w.ExecutorKey)
	if err := w.Record(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	if got, err = w.RequestByID(t.Context(), desktest.As("ann"), r.ID); err != nil || got.Status != actions.StatusExecuted {
		t.Errorf("the request is %s, %v", got.Status, err)
	}
}
