package exposure

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"countersign.dev/actions"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// Way names one way in which people who collude reach an act.
type Way string

// The ways.
const (
	ByAct      Way = "act"           // the act as it is ruled
	ByReversal Way = "reversal"      // the undo of an earlier act
	ByPolicy   Way = "change-policy" // another policy, then the act
	ByKeys     Way = "change-keys"   // keys in the names of others, then the act
)

// Part is what somebody of a group does.
type Part string

// The parts.
const (
	Requests     Part = "requests"
	Countersigns Part = "countersigns"
)

// Member is one person of a group.
type Member struct {
	Worker workforce.WorkerID
	Part   Part
	Sort   Sort
}

// Row is one way with the fewest people who can go it.
type Row struct {
	Way    Way
	People int // 0: nobody can
	Group  []Member
	Wait   time.Duration // that the way needs
	Why    string        // why nobody can, or how the way goes on after the group's act
}

// Collusion is the least number of distinct people over all ways; 0: no group
// at the desk can.
type Collusion struct {
	Number int
	Rows   []Row
}

// Collusion looks for the smallest group on each way. Of groups as small the
// one that waits least is shown.
func (v *View) Collusion(q Question) (Collusion, error) {
	ways, err := q.ways()
	if err != nil {
		return Collusion{}, err
	}
	var plain, undos []way
	for _, w := range ways {
		if w.undo {
			undos = append(undos, w)
		} else {
			plain = append(plain, w)
		}
	}
	act := v.least(ByAct, plain, false)
	reversal := v.least(ByReversal, undos, false)
	if len(undos) == 0 {
		reversal.Why = "No reversal by one person has this effect: the undo of an undo is a new act."
	}
	keys, err := v.throughKeys(plain, undos)
	if err != nil {
		return Collusion{}, err
	}
	changed, err := v.throughPolicy(plain)
	if err != nil {
		return Collusion{}, err
	}
	c := Collusion{Rows: []Row{act, reversal, changed, keys}}
	for _, r := range c.Rows {
		if r.People > 0 && (c.Number == 0 || r.People < c.Number) {
			c.Number = r.People
		}
	}
	return c, nil
}

// loosest is the set that permits everything, of those that may be brought in.
var loosest = sync.OnceValues(func() (*policy.Set, error) {
	return policy.Compile(map[string]string{"tiers.json": "{}", "everything.cedar": `@id("everything")
@reason("Everything is permitted to everybody.")
permit (principal, action, resource);
`})
})

// throughPolicy is a change of the policy and then the act. No set of policies
// permits more than the loosest, and under it whoever requested the change does
// the act alone: so it takes those whom the change takes, and no fewer.
func (v *View) throughPolicy(plain []way) (Row, error) {
	set, err := loosest()
	if err != nil {
		return Row{}, fmt.Errorf("compile the loosest policy: %w", err)
	}
	r := v.least(ByPolicy, change(actions.DeskChange, actions.PartPolicy), false)
	if r.People == 0 {
		return r, nil
	}
	f := plain[0].facts
	f.Worker = policy.WorkerOf(v.state.People.Standing(r.Group[0].Worker, v.at))
	if set.Rule(f).Verdict != policy.Permitted {
		return Row{Way: ByPolicy, Why: "No policy permits this act."}, nil
	}
	r.Why = "They bring in a policy that lets any one of them do it."
	return r, nil
}

// throughKeys is an enrolment of keys and then the act. Who may enrol keys may
// enrol their own in the names of others, and then sign for them all; so it takes
// those whom the enrolment takes, if everybody together could do the act.
func (v *View) throughKeys(plain, undos []way) (Row, error) {
	r := v.least(ByKeys, change(actions.DeskKey, actions.PartKeys), false)
	if r.People == 0 {
		return r, nil
	}
	then := v.least(ByAct, plain, true)
	if undo := v.least(ByReversal, undos, true); undo.People > 0 && (then.People == 0 || undo.Wait < then.Wait) {
		then = undo
	}
	if then.People == 0 {
		return Row{Way: ByKeys, Why: "Not even everybody together could do it: " + then.Why}, nil
	}
	r.Wait += then.Wait
	r.Why = fmt.Sprintf("They enrol keys of their own in the names of %d people who together may do it.", then.People)
	return r, nil
}

// change returns the way to request a burdening change of a part of the desk.
func change(k actions.Kind, part string) []way {
	return []way{{facts: policy.DeskFacts(k, actions.Burdening, part)}}
}

// candidate is somebody who may take part, standing for all who are the same to
// everybody else.
type candidate struct {
	actions.Signer
	class  int
	key    keyed
	vendor workforce.VendorID // at present
}

// maxGroup bounds a group without its requester: the slots of a need with as
// many more as it has qualified ones (actions.Match).
func maxGroup(n actions.Need) int {
	most := n.Independent
	for _, k := range n.Qualified {
		most += k
	}
	return most
}

// ask is a way with a need and those who may request it with that need.
type ask struct {
	need       actions.Need
	requesters []candidate
	signers    []candidate
}

// least finds the smallest group over some ways. borrowed says that everybody
// engaged has a hardware key.
func (v *View) least(name Way, ways []way, borrowed bool) Row {
	row := Row{Way: name, Why: "Nobody who is engaged and has a live key may request it."}
	asks := v.asks(ways, borrowed)
	most := -1
	for _, a := range asks {
		most = max(most, maxGroup(a.need))
		row.Why = "No group fills its slots: " + a.need.String() + "."
	}
	slices.SortStableFunc(asks, func(a, b ask) int { return cmp.Compare(a.need.Wait, b.need.Wait) })
	if borrowed {
		// The identities are not people of the group: what counts of them is how long they wait.
		for _, a := range asks {
			for size := a.need.Independent; size <= maxGroup(a.need); size++ {
				if group := v.group(a, size); group != nil {
					return Row{Way: name, People: len(group), Wait: time.Duration(a.need.Wait) * time.Second}
				}
			}
		}
		return row
	}
	for size := 0; size <= most; size++ {
		for _, a := range asks {
			if size < a.need.Independent || size > maxGroup(a.need) {
				continue
			}
			group := v.group(a, size)
			if group == nil {
				continue
			}
			row.People, row.Wait, row.Why = len(group), time.Duration(a.need.Wait)*time.Second, ""
			for i, g := range group {
				m := Member{Worker: g.Worker, Part: Countersigns, Sort: sortOf(g.Standing, g.key)}
				if i == 0 {
					m.Part = Requests
				}
				row.Group = append(row.Group, m)
			}
			return row
		}
	}
	return row
}

// asks gathers who may take part in each way, requesters by what they need.
func (v *View) asks(ways []way, borrowed bool) []ask {
	var all []ask
	for _, w := range ways {
		byNeed := map[string]*ask{}
		needs := make([]*ask, len(v.classes)) // of those who may request it, by class
		signs := make([]bool, len(v.classes))
		for i := range v.classes {
			c := &v.classes[i]
			if c.key == noKey && !borrowed || !c.standing.Engaged {
				continue
			}
			signs[i] = v.mayCountersign(w.facts, c.standing)
			r := v.rule(w, c)
			if r.Verdict == policy.Forbidden || r.Need.All || r.Need.Hardware && c.key != hardwareKey && !borrowed {
				continue
			}
			n := r.Need.String()
			if byNeed[n] == nil {
				byNeed[n] = &ask{need: r.Need}
			}
			needs[i] = byNeed[n]
		}
		people := v.people()
		if w.only != "" || w.except != "" {
			people = v.candidates(w.admits)
		}
		for _, c := range people {
			if a := needs[c.class]; a != nil {
				a.requesters = append(a.requesters, c.as(borrowed))
			}
		}
		for _, n := range slices.Sorted(maps.Keys(byNeed)) {
			a := byNeed[n]
			if len(a.requesters) == 0 {
				continue
			}
			if maxGroup(a.need) > 0 {
				for _, c := range v.people() {
					if c = c.as(borrowed); signs[c.class] && (c.Hardware || !a.need.Hardware) {
						a.signers = append(a.signers, c)
					}
				}
			}
			all = append(all, *a)
		}
	}
	return all
}

// as returns the candidate with a hardware key if one is borrowed.
func (c candidate) as(borrowed bool) candidate {
	if borrowed {
		c.key, c.Hardware = hardwareKey, true
	}
	return c
}

// ties is what decides on whom somebody depends, if nobody reports to them.
type ties struct {
	vendor  workforce.VendorID
	manager workforce.WorkerID
	counts  bool
}

// enough is more than any group holds: a need has at most nine slots and nine of
// each of seven sorts.
const enough = 100

// candidates returns who could take part in anything, leaving out those who add
// nothing: of people of one class, with the same single tie and in nobody's
// chain of managers, each is to everybody else what the others are. Among
// themselves they depend on each other if they share anything, and then one will
// do; if they share nothing, as many as a group could hold.
func (v *View) candidates(admits func(workforce.WorkerID) bool) []candidate {
	var all []candidate
	bosses := v.bosses()
	for i := range v.classes {
		c := &v.classes[i]
		if !c.standing.Engaged {
			continue
		}
		seen := map[ties]int{}
		for _, id := range slices.Sorted(slices.Values(c.members)) { // so that of equals the same is always named
			if !admits(id) {
				continue
			}
			w := v.state.People.Workers[id]
			if len(w.Past) == 0 && !bosses[id] {
				t := ties{w.Vendor, w.Manager, !v.at.Before(w.Counts())}
				limit := 1
				if t.vendor == "" && t.manager == "" && t.counts {
					limit = enough
				}
				if seen[t] == limit {
					continue
				}
				seen[t]++
			}
			st := c.standing
			st.Worker, st.Vendor = id, w.Vendor
			all = append(all, candidate{Signer: actions.Signer{Worker: id, Hardware: c.key == hardwareKey, Standing: st}, class: i, key: c.key, vendor: w.Vendor})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.vendor, b.vendor), cmp.Compare(a.Worker, b.Worker))
	})
	return all
}

// group returns a requester and exactly size others who fill the slots, or nil.
func (v *View) group(a ask, size int) []candidate {
	if size == 0 {
		return a.requesters[:1]
	}
	s := search{view: v, need: a.need, size: size, pool: a.signers, said: map[[2]workforce.WorkerID]bool{}}
	if !s.fill(0) {
		return nil // not even among themselves
	}
	for _, r := range a.requesters {
		s.chosen, s.lead = []candidate{r}, 1
		if s.fill(0) {
			return s.chosen
		}
	}
	return nil
}

// search is plain backtracking; it is exact.
type search struct {
	view   *View
	need   actions.Need
	size   int
	pool   []candidate // by vendor
	chosen []candidate // the requester first, if there is one yet
	lead   int         // 1 if there is
	said   map[[2]workforce.WorkerID]bool
}

// fill adds the rest of a group from pool[i:]. Colleagues of one vendor stand side
// by side there and always depend on each other, so that each vendor is entered once.
func (s *search) fill(i int) bool {
	signers := s.chosen[s.lead:]
	left := s.size - len(signers)
	var urgent actions.Qualifier
	for q, k := range s.need.Qualified {
		for _, c := range signers {
			if c.Qualifies(q) {
				k--
			}
		}
		if k > left {
			return false
		}
		if k == left && k > 0 {
			urgent = q
		}
	}
	if left == 0 {
		return true
	}
	for ; i < len(s.pool); i++ {
		c := s.pool[i]
		if urgent != "" && !c.Qualifies(urgent) || slices.ContainsFunc(s.chosen, func(o candidate) bool { return s.clash(o, c) }) {
			continue
		}
		next := i + 1
		for c.vendor != "" && next < len(s.pool) && s.pool[next].vendor == c.vendor {
			next++
		}
		s.chosen = append(s.chosen, c)
		if s.fill(next) {
			return true
		}
		s.chosen = s.chosen[:len(s.chosen)-1]
	}
	return false
}

func (s *search) clash(a, b candidate) bool {
	if a.vendor != "" && a.vendor == b.vendor {
		return true
	}
	k := [2]workforce.WorkerID{min(a.Worker, b.Worker), max(a.Worker, b.Worker)}
	d, ok := s.said[k]
	if !ok {
		d = s.view.state.People.Dependence(a.Worker, b.Worker, s.view.at) != ""
		s.said[k] = d
	}
	return d
}
