package incident_test

import (
	"testing"

	"countersign.dev/incident"
)

func TestBundleHolds(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]func(testing.TB) *evening{"breach": breached, "contested": contested} {
		for _, personal := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				e := play(t)
				raw := e.bundle(personal)
				v, err := incident.Verify(raw, e.trust())
				if err != nil {
					t.Fatal(err)
				}
				t.Log(len(raw), v.Entries, v.Chain, v.Records, v.Warrants)
				for _, c := range v.Claims {
					t.Log(c)
				}
				for _, m := range v.Report.Timeline {
					t.Log(m)
				}
				t.Log(v.Report.Attribution)
			})
		}
	}
}
