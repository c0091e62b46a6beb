package fault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"countersign.dev/fault"
)

// What is not a fault says nothing to the outside, however it is wrapped.
func TestUnknownIsInternal(t *testing.T) {
	secret := errors.New("password=hunter2")
	for _, err := range []error{secret, fmt.Errorf("open: %w", secret), fault.New(fault.Internal, "x", "password=%s", "hunter2")} {
		if fault.KindOf(err) != fault.Internal || fault.TypeOf(err) != "internal" || strings.Contains(fault.TextOf(err), "hunter2") {
			t.Errorf("%v is shown as %s, %q", err, fault.KindOf(err), fault.TextOf(err))
		}
	}
}

func TestCauseStaysInside(t *testing.T) {
	cause := errors.New("disk")
	base := fault.New(fault.Unavailable, "later", "Try again in %d s.", 5)
	err := fmt.Errorf("save: %w", base.Because(cause).With(fault.Detail{At: "line 2", Text: "bad"}))
	if !errors.Is(err, cause) || !fault.Is(err, "later") || fault.TextOf(err) != "Try again in 5 s." || len(fault.As(err).Detail) != 1 {
		t.Errorf("%+v", fault.As(err))
	}
	if base.Unwrap() != nil || len(base.Detail) != 0 {
		t.Error("Because and With changed the fault they were called on")
	}
	for _, k := range fault.Kinds() {
		if k.String() == "" || k != fault.Internal && k.String() == "internal" {
			t.Errorf("kind %d has no name", k)
		}
	}
}
