package cli

import (
	"context"
	"errors"
	"testing"

	"countersign.dev/fault"
)

// TestUnhurried: whoever asks too fast is answered in the end; any other refusal is told at once.
func TestUnhurried(t *testing.T) {
	asked := 0
	answer, err := unhurried(t.Context(), 0, func() (string, error) {
		if asked++; asked < 3 {
			return "", fault.New(fault.Exhausted, "asking-too-fast", "Wait.")
		}
		return "here", nil
	})
	if answer != "here" || err != nil || asked != 3 {
		t.Errorf("asked %d times, it has %q: %v", asked, answer, err)
	}
	if _, err := unhurried(t.Context(), 0, func() (string, error) { return "", fault.New(fault.NotFound, "no-such-document", "Nothing was shown.") }); !fault.Is(err, "no-such-document") {
		t.Errorf("another refusal is told as %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := unhurried(ended, 1<<40, func() (string, error) { return "", fault.New(fault.Exhausted, "asking-too-fast", "Wait.") }); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end it is told %v", err)
	}
}
