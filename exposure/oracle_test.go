package exposure_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/exposure"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

var now = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func days(n float64) canonical.Time {
	return canonical.At(now.Add(time.Duration(n * 24 * float64(time.Hour))))
}

func set(t testing.TB, name string) *policy.Set {
	files := policy.Default()
	var err error
	if name != "default" {
		if files, err = policy.Example(name); err != nil {
			t.Fatal(err)
		}
	}
	if name == "before" {
		// The example lets nobody countersign a measure; holds are needed for groups with it as well.
		files["holds.cedar"] = `@id("qualified-hold")
@reason("A takedown that is legal needs an employee and an officer, and a day.")
@hold("1 employee; 1 officer; wait 24h")
forbid (principal, action == Action::"account.takedown", resource)
when { resource.tier == Tier::"protected" };
@id("named")
@reason("Nobody but p1 deactivates a protected account alone.")
@hold("1 independent; 1 lead")
forbid (principal, action == Action::"account.deactivate", resource)
when { resource.tier == Tier::"protected" }
unless { principal == Worker::"p1" };
@id("cosign")
@reason("Leads and officers countersign measures.")
permit (principal, action == Action::"countersign", resource is Account)
when { principal in Role::"lead" || principal in Role::"officer" };
@id("only-wait")
@reason("A critical deactivation waits a day.")
@hold("wait 24h")
forbid (principal, action == Action::"account.deactivate", resource)
when { resource.tier == Tier::"critical" };
@id("only-hardware")
@reason("A critical takedown wants a hardware key.")
@hold("hardware")
forbid (principal, action == Action::"account.takedown", resource)
when { resource.tier == Tier::"critical" };
@id("key-alone")
@reason("A protected restore wants a hardware key.")
@hold("1 independent; hardware; wait 1h")
forbid (principal, action == Action::"account.restore", resource)
when { context.category != Category::"rules" };
`
	}
	s, err := policy.Compile(files)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

func key(n int, hardware bool) workforce.PublicKey {
	p := make([]byte, 32)
	binary.BigEndian.PutUint64(p, uint64(n))
	return workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: p, Hardware: hardware}
}

func enrol(r *workforce.Registry, n int, w workforce.WorkerID, hardware bool, revoked canonical.Time) {
	k := key(n, hardware)
	r.Keys[k.ID()] = workforce.Key{PublicKey: k, Worker: w, Enrolled: days(-200), Revoked: revoked}
}

func state(set *policy.Set, r *workforce.Registry) *proof.State {
	s := proof.NewState(canonical.Digest{})
	s.Next, s.Policy, s.People, s.Imported = 1, set, r, true
	return s
}

func drawWorld(t *rapid.T) *workforce.Registry {
	r := workforce.NewRegistry()
	for _, v := range []workforce.VendorID{"acme", "bolt"} {
		r.Vendors[v] = workforce.Vendor{ID: v, Name: string(v), Ratchet: 14}
	}
	// Half of the worlds are in good order, so that there are groups to be found.
	odd := rapid.IntRange(0, 1).Draw(t, "disorder") == 1
	n := rapid.IntRange(1, 8).Draw(t, "people")
	if !odd {
		n = max(n, 6)
	}
	boss := []workforce.WorkerID{"", "", "out", "p0", "p1", "p2"}
	company := []workforce.VendorID{"", "", "", "acme", "bolt"}
	for i := range n {
		id := workforce.WorkerID(fmt.Sprint("p", i))
		w := workforce.Worker{Founding: rapid.IntRange(0, 3).Draw(t, "founding") > 0, Record: workforce.Record{Worker: id,
			Vendor: rapid.SampledFrom(company).Draw(t, "vendor"), Manager: rapid.SampledFrom(boss).Draw(t, "manager"),
			Start: days(rapid.SampledFrom([]float64{-300, -300, -300, -29, -26.5, 1.2}).Draw(t, "start")),
			Roles: rapid.SampledFrom([][]workforce.Role{{workforce.Agent}, {workforce.Lead}, {workforce.Officer}, {workforce.Officer}, {workforce.Lead, workforce.Officer}, {workforce.OnCall}, {workforce.Auditor, workforce.Officer}}).Draw(t, "roles")}}
		if !odd && rapid.IntRange(0, 3).Draw(t, "orderly") > 0 {
			w.Founding, w.Start, w.Manager = true, days(-300), ""
			if rapid.Bool().Draw(t, "officer") {
				w.Roles = []workforce.Role{workforce.Officer}
			}
			r.Workers[id] = w
			enrol(r, i, id, true, canonical.Time{})
			continue
		}
		w.Admitted = days(rapid.SampledFrom([]float64{-200, -200, -29, -27}).Draw(t, "admitted"))
		if d := rapid.SampledFrom([]float64{0, 0, 0, 200, 16.5, 3.3, -1}).Draw(t, "last"); d != 0 {
			w.Last = days(d)
		}
		if d := rapid.SampledFrom([]float64{0, 0, 0, 2.1, -2}).Draw(t, "notice"); d != 0 {
			w.Notice = days(d)
		}
		if d := rapid.SampledFrom([]float64{0, 0, 0, -10, -28, -40}).Draw(t, "past"); d != 0 {
			w.Past = []workforce.Tie{{Vendor: rapid.SampledFrom(company).Draw(t, "past vendor"), Manager: rapid.SampledFrom(boss).Draw(t, "past manager"), Until: days(d).Time}}
		}
		r.Workers[id] = w
		switch rapid.IntRange(0, 7).Draw(t, "key") {
		case 0:
		case 1:
			enrol(r, i, id, true, days(-1))
		case 2:
			enrol(r, i, id, false, canonical.Time{})
		case 3:
			enrol(r, i, id, false, canonical.Time{})
			enrol(r, i+50, id, true, canonical.Time{})
		default:
			enrol(r, i, id, true, canonical.Time{})
		}
	}
	return r
}

// brute is the second way of computing: everybody and every subset are tried.
type brute struct {
	set *policy.Set
	reg *workforce.Registry
	at  time.Time
}

func (b brute) key(id workforce.WorkerID) (any, hardware bool) {
	for _, k := range b.reg.KeysOf(id) {
		if k.Live(b.at) {
			any, hardware = true, hardware || k.Hardware
		}
	}
	return any, hardware
}

func (b brute) facts(f policy.Facts, id workforce.WorkerID) (policy.Facts, workforce.Standing) {
	st := b.reg.Standing(id, b.at)
	f.Worker = policy.WorkerOf(st)
	return f, st
}

// choice is facts for one requester, if the act may be asked for so.
type choice func(by workforce.WorkerID) []policy.Facts

// works reports whether exactly these people, this one requesting, can, and
// the least wait.
func (b brute) works(people []workforce.WorkerID, by workforce.WorkerID, c choice) (bool, int64) {
	some, least := false, int64(0)
	for _, asked := range c(by) {
		f, st := b.facts(asked, by)
		r := b.set.Rule(f)
		has, hardware := b.key(by)
		good := st.Engaged && has && r.Verdict != policy.Forbidden && (!r.Need.Hardware || hardware)
		left := map[actions.Qualifier]int{}
		maps.Copy(left, r.Need.Qualified)
		for i, p := range people {
			for _, o := range people[:i] {
				good = good && b.reg.Dependence(p, o, b.at) == ""
			}
			if p == by {
				continue
			}
			pf, pst := b.facts(asked, p)
			has, hardware := b.key(p)
			good = good && pst.Engaged && has && (!r.Need.Hardware || hardware) && b.set.MayCountersign(pf).Verdict == policy.Permitted
			for q := range left {
				if string(q) == "employee" && pst.Employee || slices.Contains(pst.Roles, workforce.Role(q)) {
					left[q]--
				}
			}
		}
		for _, k := range left {
			good = good && k <= 0
		}
		if good && len(people)-1 >= r.Need.Independent && (!some || r.Need.Wait < least) {
			some, least = true, r.Need.Wait
		}
	}
	return some, least
}

// least returns the size of the smallest subset that can, and its least wait; and
// the least wait of any subset.
func (b brute) least(c choice) (size int, wait, soonest int64) {
	ids := slices.Sorted(maps.Keys(b.reg.Workers))
	first := true
	for mask := 1; mask < 1<<len(ids); mask++ {
		n := bits.OnesCount(uint(mask))
		var people []workforce.WorkerID
		for i, id := range ids {
			if mask&(1<<i) != 0 {
				people = append(people, id)
			}
		}
		for _, by := range people {
			ok, w := b.works(people, by, c)
			if !ok {
				continue
			}
			if size == 0 || n < size || n == size && w < wait {
				size, wait = n, w
			}
			if first || w < soonest {
				first, soonest = false, w
			}
		}
	}
	return size, wait, soonest
}

// choices are the ways to ask: not undoing, and undoing.
func choices(q exposure.Question) (plain, undo choice) {
	spec, _ := actions.SpecOf(q.Kind)
	make := func(categories []actions.Category, l actions.Lifts) []policy.Facts {
		var fs []policy.Facts
		for _, c := range categories {
			for _, v := range spec.Verbs {
				fs = append(fs, policy.Facts{Kind: q.Kind, Direction: spec.Direction, Effect: spec.Effect, Verb: v, Category: c, Lifts: l, CaseGiven: true,
					Subject: policy.Subject{Platform: q.Platform, Sort: spec.Sort, Tier: q.Tier}})
			}
		}
		return fs
	}
	if spec.Direction == actions.Burdening {
		return func(workforce.WorkerID) []policy.Facts {
				return make([]actions.Category{"", "legal", "child-safety"}, "")
			},
			func(workforce.WorkerID) []policy.Facts { return nil }
	}
	category := []actions.Category{q.Category}
	return func(workforce.WorkerID) []policy.Facts {
			if q.Lifts == "" {
				return make(category, "foreign")
			}
			if q.Lifts == "ours" {
				return make(category, "older")
			}
			return make(category, q.Lifts)
		}, func(by workforce.WorkerID) []policy.Facts {
			switch {
			case q.Lifts == "ours" && by == q.Measured:
				return make(category, "own")
			case q.Lifts == "ours" || q.Lifts == "older":
				return make(category, q.Lifts)
			}
			return nil
		}
}

func drawQuestion(t *rapid.T) exposure.Question {
	q := exposure.Question{Platform: "plaza", Tier: rapid.SampledFrom(actions.Tiers).Draw(t, "tier"),
		Kind: rapid.SampledFrom([]actions.Kind{actions.AccountTakedown, actions.AccountTakedown, actions.AccountDeactivate, actions.AccountRestore, actions.AccountRestore, actions.AccountDelete, actions.ContentRemove}).Draw(t, "kind")}
	if q.Kind == actions.AccountRestore {
		q.Lifts = rapid.SampledFrom([]actions.Lifts{"", "ours", "older"}).Draw(t, "lifts")
		if q.Lifts == "ours" {
			q.Measured = rapid.SampledFrom([]workforce.WorkerID{"", "p0", "p1"}).Draw(t, "measured")
		} else {
			q.Category = rapid.SampledFrom([]actions.Category{"", "legal"}).Draw(t, "category")
		}
	}
	return q
}

func TestAgainstBruteForce(t *testing.T) {
	sets := map[string]*policy.Set{}
	for _, name := range []string{"default", "before", "one-way"} {
		sets[name] = set(t, name)
	}
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		r := drawWorld(t)
		ps := sets[rapid.SampledFrom([]string{"default", "before", "one-way"}).Draw(t, "set")]
		q := drawQuestion(t)
		b := brute{ps, r, now}
		v, err := exposure.Look(state(ps, r), now)
		if err != nil {
			t.Fatal(err)
		}
		plain, undo := choices(q)
		b.compareAlone(t, v, q, plain, undo)

		got, err := v.Collusion(q)
		if err != nil {
			t.Fatal(err)
		}
		people := map[exposure.Way]int{exposure.ByKeys: 0}
		waits := map[exposure.Way]int64{}
		people[exposure.ByAct], waits[exposure.ByAct], _ = b.least(plain)
		people[exposure.ByReversal], waits[exposure.ByReversal], _ = b.least(undo)
		desk := func(f policy.Facts) choice {
			return func(workforce.WorkerID) []policy.Facts { return []policy.Facts{f} }
		}
		people[exposure.ByPolicy], waits[exposure.ByPolicy], _ = b.least(desk(policy.DeskFacts(actions.DeskChange, actions.Burdening, "policy")))
		keyed := brute{ps, &workforce.Registry{Workers: r.Workers, Vendors: r.Vendors, Keys: map[workforce.KeyID]workforce.Key{}}, now}
		for i, id := range slices.Sorted(maps.Keys(r.Workers)) {
			enrol(keyed.reg, i, id, true, canonical.Time{})
		}
		either := func(by workforce.WorkerID) []policy.Facts { return append(plain(by), undo(by)...) }
		if n, _, soonest := keyed.least(either); n > 0 {
			people[exposure.ByKeys], waits[exposure.ByKeys], _ = b.least(desk(policy.DeskFacts(actions.DeskKey, actions.Burdening, "keys")))
			if people[exposure.ByKeys] > 0 {
				waits[exposure.ByKeys] += soonest
			}
		}
		number := 0
		for way, n := range people {
			if n > 0 && (number == 0 || n < number) {
				number = n
			}
			seen[fmt.Sprint(way, " ", n)]++
		}
		if got.Number != number || len(got.Rows) != len(people) {
			t.Fatalf("collusion number %d in %d rows, by brute force %d in %d", got.Number, len(got.Rows), number, len(people))
		}
		for _, row := range got.Rows {
			if row.People != people[row.Way] || row.Wait != time.Duration(waits[row.Way])*time.Second {
				t.Fatalf("%s: %d people and %s, by brute force %d and %ds (%s)", row.Way, row.People, row.Wait, people[row.Way], waits[row.Way], row.Why)
			}
			if row.People == 0 && row.Why == "" {
				t.Fatalf("%s: no group and no reason", row.Way)
			}
			if c := map[exposure.Way]choice{exposure.ByAct: plain, exposure.ByReversal: undo}[row.Way]; c != nil && row.People > 0 {
				var ids []workforce.WorkerID
				for _, m := range row.Group {
					ids = append(ids, m.Worker)
				}
				if ok, _ := b.works(ids, ids[0], c); !ok {
					t.Fatalf("%s: the group %v that is shown cannot", row.Way, ids)
				}
			}
		}
		b.compareCoverage(t, v, q, plain)
		if later := now.Add(time.Duration(rapid.IntRange(0, 24*40).Draw(t, "later")) * time.Hour); v.Holds(state(ps, r), later) {
			brute{ps, r, later}.compareAlone(t, v, q, plain, undo)
			seen["held on"]++
		}
	})
	t.Log(seen)
	for _, want := range []string{"act 0", "act 1", "act 2", "reversal 0", "change-policy 3", "change-keys 3", "held on"} {
		if seen[want] == 0 {
			t.Errorf("no world with %s: the test tries less than it says", want)
		}
	}
}

func (b brute) compareAlone(t *rapid.T, v *exposure.View, q exposure.Question, plain, undo choice) {
	got, err := v.Alone(q)
	if err != nil {
		t.Fatal(err)
	}
	can := map[workforce.WorkerID]bool{}
	for _, a := range got.Can {
		for _, id := range a.People() {
			can[id] = true
		}
	}
	told := len(can)
	for _, a := range got.Cannot {
		if len(a.Reasons) == 0 {
			t.Fatalf("%v cannot, and no reason is given", a.People())
		}
		told += a.Count
	}
	if told != len(b.reg.Workers) || got.Count != len(can) {
		t.Fatalf("%d of %d people are told of, %d can, counted %d", told, len(b.reg.Workers), len(can), got.Count)
	}
	for id := range b.reg.Workers {
		one := []workforce.WorkerID{id}
		p, pw := b.works(one, id, plain)
		u, uw := b.works(one, id, undo)
		if want := p && pw == 0 || u && uw == 0; want != can[id] {
			t.Fatalf("%s alone: %v, by brute force %v", id, can[id], want)
		}
	}
}

func (b brute) compareCoverage(t *rapid.T, v *exposure.View, q exposure.Question, plain choice) {
	got, err := v.Coverage(q)
	if err != nil {
		t.Fatal(err)
	}
	var need actions.Need
	f := plain("")[0]
	for id := range b.reg.Workers {
		rf, st := b.facts(f, id)
		if any, _ := b.key(id); !any || !st.Engaged {
			continue
		}
		if r := b.set.Rule(rf); r.Verdict == policy.Held {
			need.Independent = max(need.Independent, r.Need.Independent)
			need.Hardware = need.Hardware || r.Need.Hardware
		}
	}
	if got.Need.Independent != need.Independent || got.Need.Hardware != need.Hardware {
		t.Fatalf("coverage needs %s, by brute force %s", got.Need, need)
	}
	var short []int
	for h := range exposure.Hours {
		then := brute{b.set, b.reg, now.Add(time.Duration(h) * time.Hour)}
		n := 0
		for id, w := range b.reg.Workers {
			cf, st := then.facts(f, id)
			any, hardware := b.key(id)
			if any && (hardware || !need.Hardware) && st.Engaged && !then.at.Before(w.Counts()) && b.set.MayCountersign(cf).Verdict == policy.Permitted {
				n++
			}
		}
		if got.Hours[h] != n {
			t.Fatalf("hour %d: %d could countersign, by brute force %d", h, got.Hours[h], n)
		}
		if need.Independent > 0 && n <= need.Independent {
			short = append(short, h)
		}
	}
	listed := 0
	for _, a := range got.Now {
		listed += len(a.People())
	}
	if listed != got.Hours[0] || !slices.Equal(short, got.Short) {
		t.Fatalf("listed %d of %d; short %v, by brute force %v", listed, got.Hours[0], got.Short, short)
	}
}
