package wording

import (
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/workforce"
)

// TestNeed: whoever is to sign reads how many others it takes, of which sort, and how long.
func TestNeed(t *testing.T) {
	two := actions.Need{Independent: 2, Qualified: map[actions.Qualifier]int{actions.QualifierEmployee: 1, "oncall": 1, "officer": 2, "lead": 1}, Hardware: true, Wait: 72 * 3600}
	for _, c := range []struct {
		need     actions.Need
		recovery bool
		want     string
	}{
		{actions.Need{}, false, "nobody else"},
		{actions.Need{Independent: 1}, false, "1 independent countersignature"},
		{two, false, "2 independent countersignatures, at least 1 by an employee, at least 1 by a lead, at least 2 by an officer, at least 1 by somebody on call, all keys bound to hardware, a wait of 3 days"},
		{actions.Need{All: true}, false, "every founding officer"},
		{actions.Need{}, true, "every officer who is left, since this is a recovery"},
		{actions.Need{Independent: 1, Wait: 3600}, true, "every officer who is left, since this is a recovery, a wait of 60 minutes"},
	} {
		if got := Need(c.need, c.recovery); got != c.want {
			t.Errorf("%+v, recovery %v: %s, want %s", c.need, c.recovery, got, c.want)
		}
	}
	for _, c := range []struct {
		need     actions.Need
		recovery bool
		begins   string
	}{
		{actions.Need{}, false, ""},
		{actions.Need{All: true}, false, "Every officer of the founding statement"},
		{actions.Need{Independent: 1}, true, "This is a recovery"},
		{actions.Need{Independent: 2}, false, "Anybody engaged here who is independent of ann"},
	} {
		got := Signers(c.need, "ann", c.recovery)
		if !strings.HasPrefix(got, c.begins) || (got == "") != (c.begins == "") || strings.Contains(got, "The 2 must be") != (c.need.Independent == 2) {
			t.Errorf("%+v, recovery %v: %s", c.need, c.recovery, got)
		}
	}
}

// TestSigned says who signed, and that nobody else did.
func TestSigned(t *testing.T) {
	const ann = "ann signed the request with key_a, a key that the governance chain enrolled for them and that was live. "
	for want, got := range map[string]string{
		ann + "bob and eve countersigned it.": Signed("ann", "key_a", []workforce.WorkerID{"bob", "eve"}, true),
		ann + "Nobody else had to sign.":      Signed("ann", "key_a", nil, true),
		ann + "Nobody countersigned it.":      Signed("ann", "key_a", nil, false),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
