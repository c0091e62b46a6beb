package wording

import (
	"fmt"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/workforce"
)

func TestLosePasskeys(t *testing.T) {
	old, fresh := actions.Trust{RelyingParty: "desk.example.com"}, actions.Trust{RelyingParty: "example.org"}
	var many []workforce.WorkerID
	for i := range mostNames + 3 {
		many = append(many, workforce.WorkerID(fmt.Sprintf("w%04d", i)))
	}
	bound := ": passkeys are bound to the site desk.example.com, and the site becomes example.org. They count for nothing from then on, also if the older site comes back."
	for _, c := range []struct {
		losing, keyless []workforce.WorkerID
		want            string
	}{
		{nil, nil, "0 people lose their passkeys" + bound},
		{many[:1], nil, "1 person loses a passkey" + bound + "\nEach of them has another key."},
		{many[:3], many[:1], "3 people lose their passkeys" + bound + "\n1 person is without any key then: w0000."},
		{many[:3], many[:2], "3 people lose their passkeys" + bound + "\n2 people are without any key then: w0000 and w0001."},
	} {
		if got := strings.Join(LosePasskeys(old, fresh, c.losing, c.keyless), "\n"); got != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
	if got := strings.Join(LosePasskeys(old, fresh, many, many), "\n"); !strings.Contains(got, "203 people are without any key then: w0000, w0001, ") || !strings.HasSuffix(got, "w0199, and 3 more.") {
		t.Error(got)
	}
	if got := LosePasskeys(old, old, many, many); got != nil {
		t.Errorf("the same site: %q", got)
	}
}
