package incident

import (
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// What the watch saw is told whole, also of a subject that it had never seen.
func TestSeenInWords(t *testing.T) {
	for want, expected := range map[string]platform.Expect{
		"subject of plaza as down under the mark \"TICKET-4411\", where up was right: no":       {Status: platform.Up},
		"subject of plaza, which it had never seen, as down under the mark \"TICKET-4411\": no": {},
	} {
		var m Moment
		watched(proof.Execution{Kind: proof.KindBreach, Sight: &proof.Sight{Platform: "plaza", Tier: actions.Critical, Expected: expected,
			Found: platform.Expect{Status: platform.Down, Mark: "TICKET-4411"}, Why: "no-warrant", Order: "req_1"}}, &m)
		if !strings.Contains(m.Text, want) {
			t.Errorf("%q does not say %q", m.Text, want)
		}
	}
}
