package executor

import (
	"testing"

	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// TestNotCut: what is never cut off, and that whoever reads why is told what to do.
func TestNotCut(t *testing.T) {
	can := platform.Capabilities{Cuts: true, Credential: "executor"}
	for by, want := range map[string]string{"night-shift": "", "executor": "own-credential", "": "not-named", "@president": "the-owner"} {
		if err := notCut(journal.Named{Credential: by}, can); (err == nil) != (want == "") || err != nil && !fault.Is(err, want) {
			t.Errorf("%q: %v, want %q", by, err, want)
		}
	}
	if err := notCut(journal.Named{Credential: "night-shift"}, platform.Capabilities{Remedy: "Do this."}); !fault.Is(err, "cannot-cut") ||
		fault.TextOf(err) != "The credential that does it cannot be cut off from here. Do this." {
		t.Errorf("%v", err)
	}
}
