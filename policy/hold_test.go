package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
)

// total is the need of an act that these holds alone hold.
func total(t *testing.T, texts ...string) actions.Need {
	t.Helper()
	var n needs
	for _, text := range texts {
		h, err := parseHold(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		n.add(h)
	}
	return n.total()
}

func TestHoldsAddUp(t *testing.T) {
	type q = map[actions.Qualifier]int
	for name, c := range map[string]struct {
		holds []string
		want  actions.Need
	}{
		"all terms":                   {[]string{"2 independent; 1 employee; wait 72h; hardware; +1; 1 officer"}, actions.Need{Independent: 3, Qualified: q{"employee": 1, "officer": 1}, Wait: 259200, Hardware: true}},
		"spaces do not matter":        {[]string{" 2  independent ;hardware"}, actions.Need{Independent: 2, Hardware: true}},
		"the larger of a sort":        {[]string{"2 independent; wait 1h", "1 independent; wait 2h"}, actions.Need{Independent: 2, Wait: 7200}},
		"plus adds":                   {[]string{"2 independent", "+1", "+2"}, actions.Need{Independent: 5}},
		"plus alone":                  {[]string{"+1"}, actions.Need{Independent: 1}},
		"a sort raises the slots":     {[]string{"3 lead"}, actions.Need{Independent: 3, Qualified: q{"lead": 3}}},
		"one person may be two sorts": {[]string{"1 lead", "1 employee"}, actions.Need{Independent: 1, Qualified: q{"lead": 1, "employee": 1}}},
		"plus comes on top of a sort": {[]string{"2 officer", "+1"}, actions.Need{Independent: 3, Qualified: q{"officer": 2}}},
		"only a wait":                 {[]string{"wait 90s"}, actions.Need{Wait: 90}},
		"order does not matter":       {[]string{"+1", "1 employee", "2 independent"}, actions.Need{Independent: 3, Qualified: q{"employee": 1}}},
	} {
		if d := cmp.Diff(c.want, total(t, c.holds...)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestHoldRefuses: every text here might be meant to need something. None may
// be taken for a need of nothing.
func TestHoldRefuses(t *testing.T) {
	for _, text := range []string{
		"", " ", ";", "2 independent;", "; 2 independent", "2", "independent", "two independent", "2independent",
		"0 independent", "-1 independent", "10 independent", "01 independent", "+1 independent", "1.5 independent", "1e1 independent", "٢ independent",
		"99999999999999999999 independent", "1 independent; 2 independent", "1 Employee", "1 vendor", "1 EMPLOYEE", "1 employees",
		"+0", "+-1", "+", "++1", "+1; +1", "+ 1", "-1",
		"wait", "wait 0s", "wait -1h", "wait +1h", "wait 1", "wait 1.5ms", "wait 10000h", "wait 1h; wait 2h", "72h", "wait72h", "wait 3d",
		"hardware; hardware", "Hardware", "no hardware", "hardware keys", "1 hardware", "2 independent, 1 employee", "2 independent\x00",
	} {
		if h, err := parseHold(text); err == nil {
			t.Errorf("%q is read as %+v", text, h)
		}
	}
}

// FuzzHold: what is read needs something, and reads the same again however its
// terms are ordered.
func FuzzHold(f *testing.F) {
	for _, text := range []string{"2 independent; 1 employee; wait 72h; hardware; +1; 1 officer", "+1", "0 independent", "wait 1h", "1 lead;"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHold(text)
		if err != nil {
			return
		}
		var n needs
		n.add(h)
		need := n.total()
		if need.Zero() {
			t.Fatalf("%q needs nothing", text)
		}
		if need.Independent < 0 || need.Independent > 2*maxSlots || need.Wait < 0 {
			t.Fatalf("%q needs %s", text, need)
		}
		for q, k := range need.Qualified {
			if k < 1 || k > need.Independent {
				t.Fatalf("%q needs %d %s in %d slots", text, k, q, need.Independent)
			}
		}
		var twice needs
		twice.add(h)
		twice.add(h)
		if !twice.total().Covers(need) {
			t.Fatalf("%q, satisfied by two policies, needs less than by one", text)
		}
	})
}
