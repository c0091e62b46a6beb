package executor_test

import (
	"testing"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// TestPreserveIsBounded: the executor asks a platform that it knows, about a subject that can be
// one of it, until a time that is to come and less than a year away; and asks for nothing else.
func TestPreserveIsBounded(t *testing.T) {
	p := newPlace(t)
	now := p.world.Now()
	at := func(d time.Duration) canonical.Time { return canonical.At(now.Add(d)) }
	for name, c := range map[string]struct {
		of    platform.Subject
		until canonical.Time
		want  string
	}{
		"another platform": {platform.Subject{Platform: "elsewhere", ID: "acct/1"}, at(time.Hour), "no-such-platform"},
		"no subject":       {platform.Subject{Platform: "plaza", ID: "../commands"}, at(time.Hour), "bad-subject"},
		"over":             {platform.Subject{Platform: "plaza", ID: "acct/1"}, at(-time.Hour), "bad-preservation"},
		"for ever":         {platform.Subject{Platform: "plaza", ID: "acct/1"}, at(platform.MaxPreserve + time.Hour), "bad-preservation"},
	} {
		if err := p.Preserve(t.Context(), c.of, c.until); !fault.Is(err, c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
