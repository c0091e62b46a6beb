package cli

import (
	"strings"
	"testing"

	"countersign.dev/platform"
	"countersign.dev/wording"
)

func TestFactWords(t *testing.T) {
	for _, c := range []struct {
		fact platform.Fact
		v    any
		want string
	}{
		{platform.FactCreated, 1577836800.0, "1 January 2020"},
		{"followers", 40000000.0, "40000000"},
		{"verified", true, "true"},
	} {
		if got := wording.FactValue(c.fact, c.v); got != c.want {
			t.Errorf("%s: %q, want %q", c.fact, got, c.want)
		}
	}
}

func TestEmergencyHasItsOwnCommand(t *testing.T) {
	r := command(t, t.TempDir(), "action", "request", "account.contain", "plaza:@x", "--reason", "r")
	if r.code != Wrong || !strings.Contains(r.stderr, "countersign emergency plaza:@x") {
		t.Errorf("%d %q", r.code, r.stderr)
	}
	r = command(t, t.TempDir(), "action", "request", "account.nuke", "plaza:@x", "--reason", "r")
	if r.code != Wrong || strings.Contains(r.stderr, "account.contain") {
		t.Errorf("%d %q", r.code, r.stderr)
	}
}
