package actions

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"countersign.dev/workforce"
)

func signer(id string, roles ...workforce.Role) Signer {
	return Signer{Worker: workforce.WorkerID(id), Key: workforce.KeyID("key_" + id), Hardware: true,
		Standing: workforce.Standing{Worker: workforce.WorkerID(id), Known: true, Engaged: true, Roles: roles}}
}

func employee(s Signer) Signer { s.Standing.Employee = true; return s }
func soft(s Signer) Signer     { s.Hardware = false; return s }
func withKey(s Signer, k workforce.KeyID) Signer {
	s.Key = k
	return s
}

// apart makes everybody independent but for the pairs named, "a b".
func apart(pairs ...string) func(a, b workforce.WorkerID) string {
	return func(a, b workforce.WorkerID) string {
		if a == b || slices.Contains(pairs, string(a+" "+b)) || slices.Contains(pairs, string(b+" "+a)) {
			return fmt.Sprintf("%s and %s are dependent", a, b)
		}
		return ""
	}
}

func TestMatch(t *testing.T) {
	two := Need{Independent: 2, Qualified: map[Qualifier]int{QualifierEmployee: 1}, Hardware: true}
	r := signer("r")
	for name, c := range map[string]struct {
		need       Need
		requester  Signer
		signers    []Signer
		dependence func(a, b workforce.WorkerID) string
		chosen     string // "" if none
		why        string
	}{
		"nothing is needed":                {Need{}, r, nil, apart(), "-", ""},
		"one of one":                       {Need{Independent: 1}, r, []Signer{signer("a")}, apart(), "a", ""},
		"two with an employee":             {two, r, []Signer{signer("a"), employee(signer("b"))}, apart(), "a b", ""},
		"two without an employee":          {two, r, []Signer{signer("a"), signer("b")}, apart(), "", "still missing: 1 by an employee"},
		"one of two":                       {two, r, []Signer{employee(signer("a"))}, apart(), "", "1 more independent countersignature; signed so far: 1 of 2"},
		"nobody":                           {two, r, nil, apart(), "", "2 more independent countersignatures; signed so far: 0 of 2; among them 1 by an employee"},
		"one person twice":                 {two, r, []Signer{employee(signer("a")), withKey(employee(signer("a")), "key_2")}, apart(), "", "1 more independent countersignature; signed so far: 1 of 2"},
		"two people, one key":              {two, r, []Signer{employee(signer("a")), withKey(signer("b"), "key_a")}, apart(), "", "do not fill"},
		"with the requester's key":         {Need{Independent: 1}, r, []Signer{withKey(signer("a"), "key_r")}, apart(), "", "requester's key"},
		"the requester themselves":         {Need{Independent: 1}, r, []Signer{withKey(signer("r"), "key_2")}, apart(), "", "dependent"},
		"depends on the requester":         {Need{Independent: 1}, r, []Signer{signer("a")}, apart("a r"), "", "a are dependent"},
		"depend on each other":             {two, r, []Signer{employee(signer("a")), signer("b")}, apart("a b"), "", "do not fill"},
		"a soft key":                       {two, r, []Signer{employee(signer("a")), soft(signer("b"))}, apart(), "", "hardware"},
		"a soft key where none is asked":   {Need{Independent: 1}, soft(r), []Signer{soft(signer("a"))}, apart(), "a", ""},
		"the requester's key is soft":      {two, soft(r), []Signer{employee(signer("a")), signer("b")}, apart(), "", "r requested"},
		"hardware alone":                   {Need{Hardware: true}, soft(r), nil, apart(), "", "r requested"},
		"one person, two sorts":            {Need{Independent: 1, Qualified: map[Qualifier]int{"employee": 1, "officer": 1}}, r, []Signer{employee(signer("a", workforce.Officer))}, apart(), "a", ""},
		"two sorts, two people":            {Need{Independent: 2, Qualified: map[Qualifier]int{"employee": 1, "officer": 1}}, r, []Signer{employee(signer("a")), signer("b", workforce.Officer)}, apart(), "a b", ""},
		"two sorts, one slot: one more":    {Need{Independent: 1, Qualified: map[Qualifier]int{"employee": 1, "officer": 1}}, r, []Signer{employee(signer("a")), signer("b", workforce.Officer)}, apart(), "a b", ""},
		"the first is no good in a pair":   {two, r, []Signer{signer("a"), employee(signer("b")), signer("c")}, apart("a b"), "b c", ""},
		"a greedy choice would fail":       {two, r, []Signer{signer("a"), signer("b"), employee(signer("c")), signer("d")}, apart("a c", "b c"), "c d", ""},
		"more signed than needed":          {two, r, []Signer{employee(signer("d")), signer("c"), signer("b"), signer("a")}, apart(), "a d", ""},
		"order of signing does not matter": {two, r, []Signer{signer("a"), signer("c"), employee(signer("d")), signer("b")}, apart(), "a d", ""},
	} {
		chosen, ok, why := Match(c.need, c.requester, c.signers, c.dependence)
		var ids []string
		for _, s := range chosen {
			ids = append(ids, string(s.Worker))
		}
		if want := strings.Trim(c.chosen, "-"); ok != (c.chosen != "") || strings.Join(ids, " ") != want || !strings.Contains(why, c.why) || ok != (why == "") {
			t.Errorf("%s: chose %q, %v, %q", name, ids, ok, why)
		}
	}
}

// drawn is a random crowd and what is needed of it.
func drawn(t *rapid.T) (Need, Signer, []Signer, func(a, b workforce.WorkerID) string) {
	ids := []string{"a", "b", "c", "d", "e", "f", "r"}
	var pairs []string
	for i, a := range ids {
		for _, b := range ids[:i] {
			if rapid.IntRange(0, 3).Draw(t, "dependent") == 0 {
				pairs = append(pairs, a+" "+b)
			}
		}
	}
	one := rapid.Custom(func(t *rapid.T) Signer {
		s := signer(rapid.SampledFrom(ids).Draw(t, "id"))
		s.Hardware = rapid.IntRange(0, 4).Draw(t, "soft") > 0
		s.Standing.Employee = rapid.Bool().Draw(t, "employee")
		if rapid.Bool().Draw(t, "officer") {
			s.Standing.Roles = []workforce.Role{workforce.Officer}
		}
		if rapid.IntRange(0, 6).Draw(t, "borrows") == 0 {
			s.Key = "key_a"
		}
		return s
	})
	// A person has one standing and, here, one key.
	crowd := map[workforce.WorkerID]Signer{}
	for _, s := range rapid.SliceOfN(one, 0, 9).Draw(t, "crowd") {
		crowd[s.Worker] = s
	}
	var signers []Signer
	for _, id := range ids {
		if s, ok := crowd[workforce.WorkerID(id)]; ok {
			signers = append(signers, s)
		}
	}
	r := signer("r")
	r.Hardware = rapid.IntRange(0, 4).Draw(t, "soft requester") > 0
	need := Need{Independent: rapid.IntRange(0, 4).Draw(t, "independent"), Hardware: rapid.Bool().Draw(t, "hardware"), Qualified: map[Qualifier]int{}}
	for _, q := range []Qualifier{QualifierEmployee, "officer"} {
		if k := rapid.IntRange(0, need.Independent).Draw(t, string(q)); k > 0 {
			need.Qualified[q] = k
		}
	}
	return need, r, signers, apart(pairs...)
}

// good says whether exactly these people fill the slots, straight from law 4.
func good(need Need, r Signer, group []Signer, dependence func(a, b workforce.WorkerID) string) bool {
	sorts := 0
	for _, k := range need.Qualified {
		sorts += k
	}
	if len(group) < need.Independent || len(group) > need.Independent+sorts || need.Hardware && !r.Hardware {
		return false
	}
	have := map[Qualifier]int{}
	all := append([]Signer{r}, group...)
	for i, s := range all {
		if need.Hardware && !s.Hardware {
			return false
		}
		for _, o := range all[:i] {
			if o.Worker == s.Worker || o.Key == s.Key || dependence(o.Worker, s.Worker) != "" {
				return false
			}
		}
		if i == 0 {
			continue
		}
		if s.Standing.Employee {
			have[QualifierEmployee]++
		}
		for _, role := range s.Standing.Roles {
			have[Qualifier(role)]++
		}
	}
	for q, k := range need.Qualified {
		if have[q] < k {
			return false
		}
	}
	return true
}

// TestMatchAgainstBruteForce tries every group.
func TestMatchAgainstBruteForce(t *testing.T) {
	said := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		need, r, signers, dependence := drawn(t)
		want := false
		for mask := range 1 << len(signers) {
			var group []Signer
			for i, s := range signers {
				if mask&(1<<i) != 0 {
					group = append(group, s)
				}
			}
			want = want || good(need, r, group, dependence)
		}
		chosen, ok, why := Match(need, r, signers, dependence)
		said[ok]++
		switch {
		case ok != want:
			t.Fatalf("said %v (%s), by brute force %v", ok, why, want)
		case ok && !good(need, r, chosen, dependence):
			t.Fatalf("chose %v, who do not fill the slots", chosen)
		case ok && !slices.IsSortedFunc(chosen, func(a, b Signer) int { return strings.Compare(string(a.Worker), string(b.Worker)) }):
			t.Fatal("chosen out of order")
		case !ok && (chosen != nil || why == ""):
			t.Fatalf("chose %v and says %q", chosen, why)
		}
	})
	if said[true] < 5 || said[false] < 5 {
		t.Errorf("the crowds are all alike: %v", said)
	}
}

// TestMoreSignaturesNeverHurt: whoever signs besides, a yes stays a yes; and
// order does not matter.
func TestMoreSignaturesNeverHurt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		need, r, signers, dependence := drawn(t)
		some := slices.DeleteFunc(slices.Clone(signers), func(Signer) bool { return rapid.Bool().Draw(t, "left out") })
		_, few, _ := Match(need, r, some, dependence)
		all, many, _ := Match(need, r, signers, dependence)
		if few && !many {
			t.Fatalf("%v is enough and %v is not", some, signers)
		}
		again, _, _ := Match(need, r, rapid.Permutation(signers).Draw(t, "order"), dependence)
		if !slices.EqualFunc(all, again, func(a, b Signer) bool { return a.Worker == b.Worker }) {
			t.Fatalf("in another order %v, not %v", again, all)
		}
	})
}

// TestCovers: a need that covers another is never satisfied by people who do not
// satisfy the other one.
func TestCovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, r, signers, dependence := drawn(t)
		m, _, _, _ := drawn(t)
		if !n.Covers(n) {
			t.Fatal("a need does not cover itself")
		}
		if !n.Covers(m) {
			return
		}
		if _, ok, _ := Match(n, r, signers, dependence); !ok {
			return
		}
		if _, ok, why := Match(m, r, signers, dependence); !ok {
			t.Fatalf("%s covers %s, is satisfied and the other is not: %s", n, m, why)
		}
	})
	for _, c := range []struct{ n, m Need }{
		{Need{Independent: 1}, Need{Independent: 2}}, {Need{Wait: 1}, Need{Wait: 2}}, {Need{}, Need{Hardware: true}}, {Need{}, Need{All: true}},
		{Need{Independent: 2}, Need{Independent: 2, Qualified: map[Qualifier]int{"employee": 1}}},
	} {
		if c.n.Covers(c.m) || !c.m.Covers(c.n) {
			t.Errorf("%s and %s", c.n, c.m)
		}
	}
}

func TestNeedString(t *testing.T) {
	for want, n := range map[string]Need{
		"nobody else": {}, "2 independent; 1 employee; 1 officer; hardware keys; wait 72h0m0s": {Independent: 2, Hardware: true, Wait: 259200,
			Qualified: map[Qualifier]int{"officer": 1, "employee": 1}}, "all founding officers": {All: true},
	} {
		if got := n.String(); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}
