package platform_test

import (
	"testing"

	"countersign.dev/platform"
)

// TestLeaves: only a restore may leave something else than it asks for, and only what an
// owner has switched off.
func TestLeaves(t *testing.T) {
	up, off, marked := platform.Expect{Status: platform.Up}, platform.Expect{Status: platform.Deactivated}, platform.Expect{Status: platform.Deactivated, Mark: "X"}
	down := platform.Expect{Status: platform.Down, Mark: "X"}
	for _, c := range []struct {
		verb  platform.Verb
		left  platform.Expect
		leave bool
	}{
		{platform.Restore, up, true}, {platform.Restore, off, true}, {platform.Restore, marked, false}, {platform.Restore, down, false},
		{platform.Reactivate, up, true}, {platform.Reactivate, off, false},
		{platform.Takedown, down, true}, {platform.Takedown, off, false}, {platform.Takedown, platform.Expect{Status: platform.Down, Mark: "Y"}, false},
		{platform.Deactivate, marked, true}, {platform.Deactivate, off, false},
	} {
		if got := (platform.Command{Verb: c.verb, Mark: "X"}).Leaves(c.left); got != c.leave {
			t.Errorf("%s leaves %s: %v", c.verb, platform.Describe(c.left.Status, c.left.Mark), got)
		}
	}
}

// TestMarkRequest: only our own marks name a request.
func TestMarkRequest(t *testing.T) {
	for mark, want := range map[platform.Mark]string{platform.MarkOf("req_1"): "req_1", "TICKET-1": "", "": "", "csgn-req_1": ""} {
		if got := mark.Request(); got != want {
			t.Errorf("%q names %q", mark, got)
		}
	}
}
