package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// somebody is a worker of a test desk with one key.
type somebody struct {
	id       string
	vendor   string
	roles    string
	manager  string
	soft     bool // the key is not bound to hardware
	noKey    bool
	revoked  bool
	ended    bool
	notice   bool
	admitted time.Time // zero: by the founding import
	start    time.Time // zero: long ago
}

func desk(people ...somebody) *workforce.Registry {
	reg := workforce.NewRegistry()
	for i, p := range people {
		roles, err := workforce.ParseRoles(p.roles)
		if err != nil {
			panic(err)
		}
		if p.vendor != "" {
			reg.Vendors[workforce.VendorID(p.vendor)] = workforce.Vendor{ID: workforce.VendorID(p.vendor), Ratchet: 14}
		}
		if p.start.IsZero() {
			p.start = noon.AddDate(-2, 0, 0)
		}
		rec := workforce.Record{Worker: workforce.WorkerID(p.id), Vendor: workforce.VendorID(p.vendor), Roles: roles,
			Manager: workforce.WorkerID(p.manager), Start: canonical.At(p.start), Last: canonical.At(noon.AddDate(1, 0, 0))}
		if p.ended {
			rec.Last = canonical.At(noon)
		}
		if p.notice {
			rec.Notice = canonical.At(noon.AddDate(0, 0, -1))
		}
		at, founding := canonical.At(p.admitted), false
		if p.admitted.IsZero() {
			at, founding = canonical.At(noon.AddDate(-1, 0, 0)), true
		}
		reg.Admit(rec, at, founding, int64(i))
		if p.noKey {
			continue
		}
		k := workforce.Key{PublicKey: workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: []byte(fmt.Sprintf("%032d", i)), Hardware: !p.soft},
			Worker: rec.Worker, Enrolled: canonical.At(noon.AddDate(0, -1, 0))}
		if p.revoked {
			k.Revoked = canonical.At(noon)
		}
		reg.PutKey(k)
	}
	return reg
}

// leadsSign is the default set, save that leads countersign changes of the desk too.
func leadsSign(t testing.TB) *Set {
	return mustCompile(t, with("countersign.cedar", strings.ReplaceAll(Default()["countersign.cedar"],
		`permit (principal in Role::"officer", action == Action::"countersign", resource is Desk);`,
		`permit (principal, action == Action::"countersign", resource is Desk) when { principal in Role::"officer" || principal in Role::"lead" };`)))
}

// TestSufficient: what the default set wants is a requesting officer and two
// more, pairwise independent, one of the two an employee, all with hardware keys.
func TestSufficient(t *testing.T) {
	s := mustCompile(t, Default())
	o := func(id string) somebody { return somebody{id: id, roles: "officer"} }
	with := func(p somebody, by func(*somebody)) somebody { by(&p); return p }
	for name, c := range map[string]struct {
		people []somebody
		ok     bool
	}{
		"three officers":        {[]somebody{o("a"), o("b"), o("c")}, true},
		"two officers":          {[]somebody{o("a"), o("b")}, false},
		"nobody":                {nil, false},
		"leads cannot":          {[]somebody{o("a"), o("b"), {id: "c", roles: "lead"}}, false},
		"one has left":          {[]somebody{o("a"), o("b"), with(o("c"), func(p *somebody) { p.ended = true })}, false},
		"one is in notice":      {[]somebody{o("a"), o("b"), with(o("c"), func(p *somebody) { p.notice = true })}, false},
		"one begins tomorrow":   {[]somebody{o("a"), o("b"), with(o("c"), func(p *somebody) { p.start = noon.Add(time.Hour) })}, false},
		"one has no key":        {[]somebody{o("a"), o("b"), with(o("c"), func(p *somebody) { p.noKey = true })}, false},
		"one key is revoked":    {[]somebody{o("a"), o("b"), with(o("c"), func(p *somebody) { p.revoked = true })}, false},
		"one key is soft":       {[]somebody{o("a"), o("b"), with(o("c"), func(p *somebody) { p.soft = true })}, false},
		"one is new":            {[]somebody{o("a"), o("b"), with(o("c"), func(p *somebody) { p.admitted = noon.AddDate(0, 0, -29) })}, false},
		"one is new no more":    {[]somebody{o("a"), o("b"), with(o("c"), func(p *somebody) { p.admitted = noon.AddDate(0, 0, -30) })}, true},
		"one manages another":   {[]somebody{o("a"), o("b"), with(o("c"), func(p *somebody) { p.manager = "a" })}, false},
		"two report to one":     {[]somebody{o("a"), with(o("b"), func(p *somebody) { p.manager = "m" }), with(o("c"), func(p *somebody) { p.manager = "m" })}, false},
		"two of one vendor":     {[]somebody{o("a"), {id: "b", roles: "officer", vendor: "acme"}, {id: "c", roles: "officer", vendor: "acme"}}, false},
		"three vendors":         {[]somebody{{id: "a", roles: "officer", vendor: "x"}, {id: "b", roles: "officer", vendor: "y"}, {id: "c", roles: "officer", vendor: "z"}}, false},
		"the employee requests": {[]somebody{o("a"), {id: "b", roles: "officer", vendor: "y"}, {id: "c", roles: "officer", vendor: "z"}}, true}, // then b requests and a countersigns
		"an auditor too":        {[]somebody{o("a"), o("b"), {id: "c", roles: "officer+auditor"}}, false},
		"a fourth makes up":     {[]somebody{o("a"), o("b"), with(o("c"), func(p *somebody) { p.soft = true }), o("d")}, true},
	} {
		err := s.CanStillGovern(desk(c.people...), noon)
		if c.ok && err != nil || !c.ok && !fault.Is(err, "nobody-left") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Of a and b, who have the same ties, only b is independent of c, whom a manages.
	if err := s.CanStillGovern(desk(with(o("a"), func(p *somebody) { p.manager = "m" }), with(o("b"), func(p *somebody) { p.manager = "m" }),
		with(o("c"), func(p *somebody) { p.manager = "a" }), o("d")), noon); err != nil {
		t.Errorf("one of two with the same ties is a manager: %v", err)
	}
	// Of a and b, who have the same ties, only b may request.
	if err := leadsSign(t).CanStillGovern(desk(somebody{id: "a", roles: "lead", vendor: "x", manager: "m"}, somebody{id: "b", roles: "officer", vendor: "x", manager: "m"},
		o("c"), somebody{id: "d", roles: "lead", vendor: "y"}), noon); err != nil {
		t.Errorf("one of two with the same ties is an officer: %v", err)
	}
	// A second key, of hardware, makes up for a soft one.
	reg := desk(o("a"), o("b"), with(o("c"), func(p *somebody) { p.soft = true }))
	k := workforce.Key{PublicKey: workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: []byte(strings.Repeat("k", 32)), Hardware: true}, Worker: "c", Enrolled: canonical.At(noon)}
	reg.PutKey(k)
	if err := s.CanStillGovern(reg, noon); err != nil {
		t.Errorf("a second key: %v", err)
	}
	// A role that this build does not know is no ground to fall over.
	reg = desk(o("a"), o("b"), o("c"))
	w := reg.Seat("c").Worker
	w.Roles = []workforce.Role{"officer", "wizard"}
	reg.Put(w)
	if err := s.CanStillGovern(reg, noon); !fault.Is(err, "nobody-left") {
		t.Errorf("an unknown role: %v", err)
	}
	// Check says the same of a set and people.
	if r := Check(Default(), desk(o("a"), o("b")), noon); len(r.Problems) == 0 || r.Err() == nil {
		t.Error("policy check finds two officers enough")
	}
}

// TestSufficientAgainstBruteForce tries every requester and every subset of a
// small random desk.
func TestSufficientAgainstBruteForce(t *testing.T) {
	base := mustCompile(t, Default())
	mixed := leadsSign(t)
	found := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom([]*Set{base, mixed}).Draw(t, "set")
		n := rapid.IntRange(2, 7).Draw(t, "people")
		var people []somebody
		for i := range n {
			people = append(people, somebody{id: fmt.Sprintf("w%d", i),
				vendor:  rapid.SampledFrom([]string{"", "", "x", "y"}).Draw(t, "vendor"),
				roles:   rapid.SampledFrom([]string{"officer", "officer", "officer", "lead", "lead+officer", "auditor"}).Draw(t, "roles"),
				manager: rapid.SampledFrom([]string{"", "", "w0", "m", fmt.Sprintf("w%d", (i+1)%n)}).Draw(t, "manager"),
				soft:    rapid.IntRange(0, 5).Draw(t, "soft") == 0, ended: rapid.IntRange(0, 7).Draw(t, "ended") == 0})
		}
		reg := desk(people...)
		want := true
		for _, f := range vital() {
			want = want && bruteForce(s, reg, f, people)
		}
		err := s.CanStillGovern(reg, noon)
		if (err == nil) != want {
			t.Fatalf("said %v, by brute force %v", err, want)
		}
		found[want]++
	})
	if found[true] == 0 || found[false] == 0 {
		t.Errorf("the desks drawn are all alike: %v", found)
	}
}

func bruteForce(s *Set, reg *workforce.Registry, f Facts, people []somebody) bool {
	independent := func(a, b somebody) bool {
		return reg.Dependence(workforce.WorkerID(a.id), workforce.WorkerID(b.id), noon) == ""
	}
	for r, requester := range people {
		f.Worker = WorkerOf(reg.Standing(workforce.WorkerID(requester.id), noon))
		ruling := s.Rule(f)
		if ruling.Verdict == Forbidden || requester.ended || ruling.Need.Hardware && requester.soft {
			continue
		}
	subsets:
		for mask := range 1 << len(people) {
			group := []somebody{requester}
			have := map[actions.Qualifier]int{}
			for i, p := range people {
				if mask&(1<<i) == 0 {
					continue
				}
				st := reg.Standing(workforce.WorkerID(p.id), noon)
				f.Worker = WorkerOf(st)
				if i == r || p.ended || ruling.Need.Hardware && p.soft || s.MayCountersign(f).Verdict != Permitted {
					continue subsets
				}
				for _, o := range group {
					if !independent(o, p) {
						continue subsets
					}
				}
				group = append(group, p)
				for _, role := range st.Roles {
					have[actions.Qualifier(role)]++
				}
				if st.Employee {
					have[actions.QualifierEmployee]++
				}
			}
			enough := len(group)-1 >= ruling.Need.Independent
			for q, k := range ruling.Need.Qualified {
				enough = enough && have[q] >= k
			}
			if enough {
				return true
			}
		}
	}
	return false
}

// bigDesk is 15,000 reviewers of ten vendors in teams of twelve under leads, and
// officers who are employees.
func bigDesk(officers int, roles string) *workforce.Registry {
	var people []somebody
	for i := range 15000 {
		p := somebody{id: fmt.Sprintf("w%05d", i), vendor: fmt.Sprintf("vendor%d", i%10), roles: "agent", manager: fmt.Sprintf("w%05d", i-i%120+i%10)}
		if i%120 < 10 {
			p.roles, p.manager = roles, fmt.Sprintf("boss%d", i%10)
		}
		people = append(people, p)
	}
	for i := range officers {
		people = append(people, somebody{id: fmt.Sprintf("officer%d", i), roles: "officer", manager: "chief"})
	}
	return desk(people...)
}

// spread gives every worker a manager of their own.
func spread(reg *workforce.Registry) *workforce.Registry {
	for _, w := range reg.Sorted() {
		if w.Vendor != "" {
			w.Manager = "over-" + w.Worker
			reg.Put(w)
		}
	}
	return reg
}

func BenchmarkSufficient(b *testing.B) {
	s := mustCompile(b, Default())
	wide := leadsSign(b)
	enough := bigDesk(0, "lead")
	for _, id := range []string{"ada", "ben", "cleo"} {
		one := desk(somebody{id: id, roles: "officer"})
		for _, w := range one.Sorted() {
			enough.Put(w)
		}
		for _, k := range one.Keys() {
			k.Public = []byte(strings.Repeat(id[:1], 32))
			enough.PutKey(k)
		}
	}
	for name, c := range map[string]struct {
		set *Set
		reg *workforce.Registry
	}{
		"enough":                    {s, enough},
		"dependent officers":        {s, bigDesk(30, "lead")},
		"1250 leads may, none fits": {wide, bigDesk(30, "lead")},
		"1250 officers at vendors":  {s, bigDesk(0, "officer")},
		"each with own manager":     {wide, spread(bigDesk(30, "lead"))},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				c.set.CanStillGovern(c.reg, noon)
			}
		})
	}
}
