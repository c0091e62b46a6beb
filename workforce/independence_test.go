package workforce

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// at is a worker's tie for the tests of independence.
type at struct {
	vendor  VendorID
	manager WorkerID
}

// people admits workers by the founding import, long ago.
func people(ties map[WorkerID]at) *Registry {
	reg := NewRegistry()
	for _, v := range []VendorID{"acme", "brook", "cedar"} {
		reg.Vendors[v] = Vendor{ID: v}
	}
	for id, tie := range ties {
		reg.Admit(Record{Worker: id, Vendor: tie.vendor, Manager: tie.manager, Roles: []Role{Lead}, Start: ago(days(400))}, ago(days(300)), true, 1)
	}
	return reg
}

func TestDependence(t *testing.T) {
	for name, c := range map[string]struct {
		ties map[WorkerID]at
		a, b WorkerID
		why  string // "" if independent
	}{
		"two employees":               {map[WorkerID]at{"a": {}, "b": {}}, "a", "b", ""},
		"two vendors":                 {map[WorkerID]at{"a": {"acme", ""}, "b": {"brook", ""}}, "a", "b", ""},
		"vendor and employee":         {map[WorkerID]at{"a": {"acme", ""}, "b": {}}, "a", "b", ""},
		"one vendor":                  {map[WorkerID]at{"a": {"acme", "x"}, "b": {"acme", "y"}}, "a", "b", "both with the vendor acme"},
		"oneself":                     {map[WorkerID]at{"a": {}}, "a", "a", "own act"},
		"one manager":                 {map[WorkerID]at{"a": {"acme", "m"}, "b": {"brook", "m"}}, "a", "b", "same manager, m"},
		"two without manager":         {map[WorkerID]at{"a": {"", ""}, "b": {"", ""}}, "a", "b", ""},
		"manager":                     {map[WorkerID]at{"a": {}, "b": {"", "a"}}, "a", "b", "a is in b's chain"},
		"manager, from below":         {map[WorkerID]at{"a": {}, "b": {"", "a"}}, "b", "a", "a is in b's chain"},
		"manager's manager":           {map[WorkerID]at{"a": {}, "m": {"", "a"}, "b": {"", "m"}}, "a", "b", "a is in b's chain"},
		"five up":                     {map[WorkerID]at{"a": {}, "m1": {"", "a"}, "m2": {"", "m1"}, "m3": {"", "m2"}, "m4": {"", "m3"}, "b": {"", "m4"}}, "b", "a", "a is in b's chain"},
		"one manager's manager":       {map[WorkerID]at{"m1": {"", "top"}, "m2": {"", "top"}, "a": {"", "m1"}, "b": {"", "m2"}, "top": {}}, "a", "b", ""},
		"uncle":                       {map[WorkerID]at{"m1": {"", "top"}, "m2": {"", "top"}, "a": {"", "m1"}, "top": {}}, "a", "m2", ""},
		"manager of another vendor":   {map[WorkerID]at{"a": {"acme", "b"}, "b": {"brook", ""}}, "a", "b", "b is in a's chain"},
		"manager who is not here":     {map[WorkerID]at{"a": {"", "gone"}, "b": {"", "gone"}}, "a", "b", "same manager, gone"},
		"chain broken by who is gone": {map[WorkerID]at{"a": {"", "gone"}, "b": {}}, "a", "b", ""},
		"a circle of managers":        {map[WorkerID]at{"a": {"", "b"}, "b": {"", "c"}, "c": {"", "a"}, "d": {}}, "a", "d", ""},
		"in a circle of managers":     {map[WorkerID]at{"a": {"", "b"}, "b": {"", "c"}, "c": {"", "a"}}, "a", "c", "chain"},
		"somebody unknown":            {map[WorkerID]at{"a": {}}, "a", "ghost", "not both workers"},
		"two unknown":                 {map[WorkerID]at{}, "ghost", "spirit", "not both workers"},
	} {
		reg := people(c.ties)
		for _, pair := range [][2]WorkerID{{c.a, c.b}, {c.b, c.a}} {
			why := reg.Dependence(pair[0], pair[1], noon.Time)
			if (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
				t.Errorf("%s: %v: %q, expected %q", name, pair, why, c.why)
			}
		}
	}
}

// TestTiesLinger: a directory takes independence away at once and gives it back
// after 30 days, to the microsecond.
func TestTiesLinger(t *testing.T) {
	for name, c := range map[string]struct {
		before, after, other at
	}{
		"leaves the vendor":     {at{"acme", ""}, at{"", ""}, at{"acme", ""}},
		"changes the vendor":    {at{"acme", ""}, at{"brook", ""}, at{"acme", ""}},
		"changes the manager":   {at{"", "m"}, at{"", "n"}, at{"brook", "m"}},
		"loses the manager":     {at{"", "m"}, at{"", ""}, at{"", "m"}},
		"was managed by them":   {at{"", "b"}, at{"", ""}, at{"", ""}},
		"was below their below": {at{"", "c"}, at{"", ""}, at{"", ""}}, // c reports to b
	} {
		reg := people(map[WorkerID]at{"a": c.before, "b": c.other, "c": {"", "b"}})
		rec := reg.Seat("a").Record
		rec.Vendor, rec.Manager = c.after.vendor, c.after.manager
		if reg.Dependence("a", "b", noon.Time) == "" {
			t.Fatalf("%s: independent to begin with", name)
		}
		reg.Admit(rec, noon, false, 2)
		for off, want := range map[time.Duration]bool{0: false, days(29): false, Settle - tick: false, Settle: true, Settle + tick: true} {
			if got := reg.Dependence("a", "b", noon.Add(off)) == ""; got != want {
				t.Errorf("%s: %s after the change independent is %v", name, off, got)
			}
		}
	}
	// The other way it counts at once.
	reg := people(map[WorkerID]at{"a": {}, "b": {"acme", ""}})
	rec := reg.Seat("a").Record
	rec.Vendor = "acme"
	reg.Admit(rec, noon, false, 2)
	if reg.Dependence("a", "b", noon.Time) == "" {
		t.Error("joining a vendor does not count at once")
	}
	// To and fro: the ties of a month all count.
	reg = people(map[WorkerID]at{"a": {"acme", ""}, "b": {"acme", ""}, "c": {"brook", ""}})
	rec = reg.Seat("a").Record
	for i, v := range []VendorID{"brook", "cedar"} {
		rec.Vendor = v
		reg.Admit(rec, in(days(i+1)), false, int64(i+2))
	}
	for other, want := range map[WorkerID]bool{"b": false, "c": false} {
		if got := reg.Dependence("a", other, noon.Add(days(3))) == ""; got != want {
			t.Errorf("after acme, brook and cedar in three days, independence of %s is %v", other, got)
		}
	}
}

// TestNewPeopleAreDependent: who was admitted less than 30 days ago counts as
// independent of nobody, but for the founding import.
func TestNewPeopleAreDependent(t *testing.T) {
	reg := people(map[WorkerID]at{"a": {}})
	reg.Admit(Record{Worker: "n", Roles: []Role{Lead}, Start: ago(days(400))}, noon, false, 2)
	reg.Admit(Record{Worker: "f", Roles: []Role{Lead}, Start: noon}, noon, true, 2)
	for off, want := range map[time.Duration]bool{0: false, Settle - tick: false, Settle: true} {
		if got := reg.Dependence("a", "n", noon.Add(off)) == ""; got != want {
			t.Errorf("%s after the admission independent is %v", off, got)
		}
	}
	if why := reg.Dependence("a", "f", noon.Time); why != "" {
		t.Errorf("of the founding import: %s", why)
	}
	if why := reg.Dependence("a", "f", noon.Add(-tick)); why == "" {
		t.Error("of the founding import, before the start: independent")
	}
}

// TestDependenceAgainstLaw compares with the law in other words, for random
// desks: symmetric, and independent exactly if no present or lingering tie says
// otherwise.
func TestDependenceAgainstLaw(t *testing.T) {
	ids := []WorkerID{"a", "b", "c", "d", "e"}
	rapid.Check(t, func(t *rapid.T) {
		tie := rapid.Custom(func(t *rapid.T) at {
			return at{rapid.SampledFrom([]VendorID{"", "", "acme", "brook"}).Draw(t, "vendor"), rapid.SampledFrom(append([]WorkerID{"", "", "x"}, ids...)).Draw(t, "manager")}
		})
		ties := map[WorkerID][]at{}
		first := map[WorkerID]at{}
		for _, id := range ids {
			first[id] = tie.Draw(t, string(id))
			ties[id] = []at{first[id]}
		}
		reg := people(first)
		for i := range rapid.IntRange(0, 4).Draw(t, "changes") {
			id := rapid.SampledFrom(ids).Draw(t, "who")
			n := tie.Draw(t, "tie")
			rec := reg.Seat(id).Record
			rec.Vendor, rec.Manager = n.vendor, n.manager
			reg.Admit(rec, in(days(i)), false, int64(i))
			ties[id] = append(ties[id], n)
		}
		now := noon.Add(days(10)) // every tie of the last days still counts
		a, b := rapid.SampledFrom(ids).Draw(t, "a"), rapid.SampledFrom(ids).Draw(t, "b")
		want := a != b && !reaches(ties, a, b) && !reaches(ties, b, a)
		for _, x := range ties[a] {
			for _, y := range ties[b] {
				want = want && (x.vendor == "" || x.vendor != y.vendor) && (x.manager == "" || x.manager != y.manager)
			}
		}
		if got := reg.Dependence(a, b, now) == ""; got != want {
			t.Fatalf("%s and %s independent: %v; %q", a, b, got, reg.Dependence(a, b, now))
		}
		if (reg.Dependence(a, b, now) == "") != (reg.Dependence(b, a, now) == "") {
			t.Fatal("not symmetric")
		}
	})
}

// reaches reports whether boss is above w by any ties.
func reaches(ties map[WorkerID][]at, w, boss WorkerID) bool {
	seen, next := map[WorkerID]bool{}, []WorkerID{w}
	for len(next) > 0 {
		id := next[0]
		next = next[1:]
		for _, tie := range ties[id] {
			if tie.manager == boss {
				return true
			}
			if !seen[tie.manager] {
				seen[tie.manager] = true
				next = append(next, tie.manager)
			}
		}
	}
	return false
}

func TestChain(t *testing.T) {
	reg := people(map[WorkerID]at{"a": {"", "b"}, "b": {"", "c"}, "c": {"", "a"}, "d": {"", "gone"}, "e": {}})
	for id, want := range map[WorkerID][]WorkerID{"a": {"b", "c"}, "d": {"gone"}, "e": nil, "ghost": nil} {
		if d := cmp.Diff(want, reg.Chain(id, noon.Time)); d != "" {
			t.Errorf("%s: %s", id, d)
		}
	}
	rec := reg.Seat("a").Record
	rec.Manager = "e"
	reg.Admit(rec, noon, false, 2)
	got := reg.Chain("a", noon.Time)
	slices.Sort(got)
	if d := cmp.Diff([]WorkerID{"b", "c", "e"}, got); d != "" {
		t.Error(d)
	}
}
