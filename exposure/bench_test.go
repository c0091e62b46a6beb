package exposure_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/exposure"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// crowd is a desk of many: teams of 15 under a lead, leads under managers, a
// hundred vendors, a tenth employees; some in notice, in their last days, new,
// or gone.
func crowd(people int) *workforce.Registry {
	r := workforce.NewRegistry()
	random := rand.New(rand.NewPCG(3, 5))
	for v := range 100 {
		id := workforce.VendorID(fmt.Sprint("vendor-", v))
		r.Vendors[id] = workforce.Vendor{ID: id, Name: string(id), Ratchet: 7 + v%14}
	}
	for i := range people {
		w := workforce.Worker{Founding: i%20 != 0, Admitted: days(-float64(random.IntN(400))), Record: workforce.Record{
			Worker: workforce.WorkerID(fmt.Sprint("w-", i)), Roles: []workforce.Role{workforce.Agent}, Start: days(-float64(10 + random.IntN(900))),
			Manager: workforce.WorkerID(fmt.Sprint("w-", i-i%15))}}
		if i%15 == 0 {
			w.Roles, w.Manager = []workforce.Role{workforce.Lead}, workforce.WorkerID(fmt.Sprint("m-", i/300))
		}
		if team := i / 15; team%10 != 0 {
			w.Vendor, w.Last = workforce.VendorID(fmt.Sprint("vendor-", team%100)), days(float64(random.IntN(700)-20)+0.5)
		} else if i%15 == 1 {
			w.Roles = []workforce.Role{workforce.OnCall}
		} else if i%3000 == 2 {
			w.Roles = []workforce.Role{workforce.Officer}
		}
		if random.IntN(50) == 0 {
			w.Notice = days(-1)
		}
		r.Workers[w.Worker] = w
		if i%100 != 50 {
			enrol(r, i, w.Worker, i%4 != 3, canonical.Time{})
		}
	}
	return r
}

var question = exposure.Question{Kind: actions.AccountTakedown, Platform: "plaza", Tier: actions.Critical}

func BenchmarkExposure(b *testing.B) {
	ps := set(b, "default")
	s := state(ps, crowd(100_000))
	view, err := exposure.Look(s, now)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("alone/warm", func(b *testing.B) {
		for b.Loop() {
			if _, err := view.Alone(question); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("alone/cold", func(b *testing.B) {
		for b.Loop() {
			v, err := exposure.Look(s, now)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := v.Alone(question); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, tier := range actions.Tiers {
		b.Run("collusion/cold/"+string(tier), func(b *testing.B) {
			q := question
			q.Tier = tier
			for b.Loop() {
				v, err := exposure.Look(s, now)
				if err != nil {
					b.Fatal(err)
				}
				c, err := v.Collusion(q)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(c.Number), "people")
			}
		})
	}
	b.Run("coverage/warm", func(b *testing.B) {
		for b.Loop() {
			if _, err := view.Coverage(question); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("alone/loop-over-everybody", func(b *testing.B) {
		for b.Loop() {
			n := 0
			for id := range s.People.Workers {
				st := s.People.Standing(id, now)
				if s.Policy.Rule(policy.Facts{Worker: policy.WorkerOf(st), Kind: question.Kind, Direction: actions.Burdening, Effect: actions.Reversible,
					Verb: "takedown", Subject: policy.Subject{Platform: "plaza", Sort: "account", Tier: question.Tier}}).Verdict == policy.Permitted {
					n++
				}
			}
		}
	})
}
