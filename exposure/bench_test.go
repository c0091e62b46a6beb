package exposure_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/exposure"
	"countersign.dev/ledger/proof"
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
		r.Put(w) // as the chain does
		if i%100 != 50 {
			enrol(r, i, w.Worker, i%4 != 3, canonical.Time{})
		}
	}
	return r
}

// large is the default set with as many policies more as make 500, of the sort
// that large desks gather: about ten vendors, kind by kind.
func large(b *testing.B) *policy.Set {
	files := policy.Default()
	have := 0
	for _, text := range files {
		have += strings.Count(text, "@id(")
	}
	var text strings.Builder
	for i := range 500 - have {
		kind := []actions.Kind{actions.AccountTakedown, actions.AccountDeactivate, actions.AccountSuspend, actions.AccountDelete, actions.AccountRestore, actions.ContentRestore}[i%6]
		tier := actions.Tiers[i/6%3]
		fmt.Fprintf(&text, `@id("local-%d")
@reason("Here the people of vendor %d do not do that in their last days.")
forbid (principal in Vendor::"vendor-%d", action == Action::"%s", resource)
when { resource.tier == Tier::"%s" && principal.ratchet && context.category == Category::"legal" };
`, i, i/18%10, i/18%10, kind, tier)
	}
	files["local.cedar"] = text.String()
	s, err := policy.Compile(files)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

var question = exposure.Question{Kind: actions.AccountTakedown, Platform: "plaza", Tier: actions.Critical}

// timed runs do until the benchmark is over and also reports the fastest run, by the
// clock and by processor time: on a machine that others use too, these are nearest to the
// cost of the work.
func timed(b *testing.B, do func() error) {
	b.Helper()
	least, busy := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for b.Loop() {
		from, spent := time.Now(), processor(b)
		if err := do(); err != nil {
			b.Fatal(err)
		}
		least, busy = min(least, time.Since(from)), min(busy, processor(b)-spent)
	}
	b.ReportMetric(float64(least)/1e6, "ms-least")
	b.ReportMetric(float64(busy)/1e6, "cpu-ms-least")
}

// processor returns the processor time of this process so far.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkExposure is of 100,000 workers; the last row is a plain loop over
// everybody, which says no more than how many could act alone.
func BenchmarkExposure(b *testing.B) {
	for _, c := range []struct {
		name string
		set  *policy.Set
	}{{"default", set(b, "default")}, {"500-policies", large(b)}} {
		b.Run(c.name, func(b *testing.B) { benchmark(b, state(c.set, crowd(100_000))) })
	}
}

func benchmark(b *testing.B, s *proof.State) {
	view, err := exposure.ViewOf(s, now)
	if err != nil {
		b.Fatal(err)
	}
	cold := func(ask func(*exposure.View) error) func() error {
		return func() error {
			v, err := exposure.ViewOf(s, now)
			if err != nil {
				return err
			}
			return ask(v)
		}
	}
	alone := func(v *exposure.View) error { _, err := v.Alone(question); return err }
	coverage := func(v *exposure.View) error { _, err := v.Coverage(question); return err }
	b.Run("alone/warm", func(b *testing.B) { timed(b, func() error { return alone(view) }) })
	b.Run("alone/cold", func(b *testing.B) { timed(b, cold(alone)) })
	for _, tier := range actions.Tiers {
		q := question
		q.Tier = tier
		b.Run("collusion/cold/"+string(tier), func(b *testing.B) {
			timed(b, cold(func(v *exposure.View) error {
				c, err := v.Collusion(q)
				b.ReportMetric(float64(c.Number), "people")
				return err
			}))
		})
	}
	raised := question
	raised.Floor = actions.Protected
	b.Run("collusion/warm/raised", func(b *testing.B) {
		timed(b, func() error { _, err := view.Collusion(raised); return err })
	})
	b.Run("coverage/cold", func(b *testing.B) { timed(b, cold(coverage)) })
	b.Run("worker", func(b *testing.B) {
		timed(b, func() error {
			p, err := exposure.PersonOf(s, "w-77", now)
			if err == nil {
				_, _, err = p.Can(question)
			}
			return err
		})
	})
	b.Run("loop-over-everybody", func(b *testing.B) {
		timed(b, func() error {
			n := 0
			for _, w := range s.People.Seats() {
				st := s.People.StandingOf(&w.Worker, now)
				if s.Policy.Rule(policy.Facts{Worker: policy.WorkerOf(st), Kind: question.Kind, Direction: actions.Burdening, Effect: actions.Reversible,
					Verb: "takedown", Subject: policy.Subject{Platform: "plaza", Sort: "account", Tier: question.Tier}}).Verdict == policy.Permitted {
					n++
				}
			}
			return nil
		})
	})
}
