package incident

import (
	"testing"
	"time"

	"countersign.dev/canonical"
)

// TestSame: a bundle that an earlier program wrote holds, with the sentences of then.
func TestSame(t *testing.T) {
	at := canonical.At(time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC))
	now := Moment{At: at, Step: StepOther, Text: "The end of the engagement of dan was taken back."}
	before, other := now, now
	before.Text, other.Text = "The engagement of dan was extended to .", "The engagement of dan was ended."
	if !same(before, now) || !same(now, now) || same(other, now) || same(now, before) {
		t.Error("lines are not compared as they should be")
	}
}
