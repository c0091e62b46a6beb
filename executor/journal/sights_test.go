package journal

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// TestBasisOfWhatItHolds: a baseline counts for a subject only if it is still as
// the baseline has it when that is journalled.
func TestBasisOfWhatItHolds(t *testing.T) {
	ctx, j := t.Context(), openJournal(t)
	seen := func(id string, status platform.Status, since time.Duration) Watched {
		return Watched{Subject: platform.Subject{Platform: "plaza", ID: id}, Tier: actions.Critical, State: platform.Expect{Status: status},
			Since: canonical.At(epoch.Add(since)), Baseline: -1}
	}
	still, other, again := seen("acct/1", platform.Up, 0), seen("acct/2", platform.Up, 0), seen("acct/3", platform.Up, 0)
	if err := j.Watch(ctx, still, seen("acct/2", platform.Deactivated, time.Second), seen("acct/3", platform.Up, time.Second)); err != nil {
		t.Fatal(err)
	}
	sign := func(sequence int64) proof.SignedExecution {
		return proof.SignedExecution{Execution: proof.Execution{Sequence: sequence, Kind: proof.KindBaseline, At: canonical.At(epoch.Add(time.Minute))}}
	}
	if _, err := j.Tell(ctx, "brc_1", Head{}, sign, Basis("plaza", []byte("{}\n"), []Watched{still, other, again})); err != nil {
		t.Fatal(err)
	}
	got, err := j.Watched(ctx, "plaza")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range got {
		if in := w.Baseline >= 0; in != (w.Subject.ID == "acct/1") || in == w.Entered.IsZero() {
			t.Errorf("%s, %s since %s: baseline %d of %s", w.Subject.ID, w.State.Status, w.Since, w.Baseline, w.Entered)
		}
	}
}

// TestUnder: what lies beneath a measure is what was right before the first of those that
// took each other's place.
func TestUnder(t *testing.T) {
	down := platform.Expect{Status: platform.Down, Mark: "X"}
	for _, before := range []platform.Status{platform.Up, platform.Deactivated} {
		w := Watched{State: platform.Expect{Status: before}}
		w.Beneath, w.State = w.Under(down), down
		if w.Beneath != before || w.Under(platform.Expect{Status: platform.Down, Mark: "Y"}) != before || w.Under(platform.Expect{Status: platform.Up}) != "" {
			t.Errorf("beneath a measure on what was %s is %q", before, w.Beneath)
		}
	}
	if b := (Watched{}).Under(down); b != "" {
		t.Errorf("beneath what was never seen is %q", b)
	}
}
