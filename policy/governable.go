package policy

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// vital are the changes for which there must always be a group that can make them: with
// these every other fault can be mended.
func vital() []Facts {
	return []Facts{
		DeskFacts(actions.DeskAdmit, actions.Burdening, actions.PartWorkforce),
		DeskFacts(actions.DeskKey, actions.Burdening, actions.PartKeys),
		DeskFacts(actions.DeskChange, actions.Burdening, actions.PartPolicy),
		DeskFacts(actions.DeskFreeze, actions.Burdening, actions.PartFreezes),
	}
}

// CanStillGovern reports whether under this set, among the people of a registry at
// an instant, there is still a group (a requester and countersigners, pairwise
// independent, engaged, with live keys) able to admit people, to enrol keys,
// to change policy and to thaw. The error is a fault of kind Conflict, type
// "nobody-left", with a detail for each change that nobody could make.
func (s *Set) CanStillGovern(reg *workforce.Registry, at time.Time) error {
	var lacking []fault.Detail
	for _, g := range s.Groups(reg, at) {
		if g.Why != "" {
			lacking = append(lacking, fault.Detail{At: string(g.Kind) + " " + g.Part, Text: g.Why})
		}
	}
	if len(lacking) > 0 {
		return fault.New(fault.Conflict, "nobody-left",
			"After this, no group of people at the desk could admit people, enrol keys, change policy and thaw any more, so it is refused.").With(lacking...)
	}
	return nil
}

// Group is a group that could make one of the vital changes.
type Group struct {
	Kind   actions.Kind
	Part   string
	People []workforce.WorkerID // the people of one such group, the requester first; empty if there is none
	Why    string               // why there is none
}

// Groups looks for a group for each of the vital changes.
func (s *Set) Groups(reg *workforce.Registry, at time.Time) []Group {
	people := s.useful(reg, at)
	dependence := remember(func(a, b workforce.WorkerID) string { return reg.Dependence(a, b, at) })
	var groups []Group
	for i, f := range vital() {
		g := Group{Kind: f.Kind, Part: f.Subject.Part}
		g.People, g.Why = group(i, people, dependence)
		groups = append(groups, g)
	}
	return groups
}

// part says in which parts a person may take part in the vital changes, in their order.
type part struct {
	request     [4]bool
	need        [4]actions.Need
	countersign [4]bool
}

func (p *part) any() bool {
	return p.request != [4]bool{} || p.countersign != [4]bool{}
}

// person is a person who may take part in a vital change.
type person struct {
	actions.Signer
	class class
	part  *part
}

// useful returns the people who have a live key and whom the set lets request or
// countersign a vital change, each with their best key, ordered by worker. Of
// interchangeable people it returns only as many as could be wanted. A desk has thousands
// of people and few of them are useful, so the others are put aside before anything is
// looked up for them.
func (s *Set) useful(reg *workforce.Registry, at time.Time) []person {
	parts := map[class]*part{}
	hopeless := map[uint8]bool{}
	var people []person
	seats := reg.Seats()
	for i := range seats {
		w := &seats[i]
		mask := roleMask(w.Roles)
		none, known := hopeless[mask]
		if !known {
			none = s.hopeless(mask)
			hopeless[mask] = none
		}
		if none {
			continue
		}
		st := reg.StandingOf(&w.Worker, at)
		if !st.Engaged {
			continue // no set can make the executor act for a person who is not engaged
		}
		c := s.classOf(WorkerOf(st))
		p, ok := parts[c]
		if !ok {
			p = s.partOf(WorkerOf(st))
			parts[c] = p
		}
		if !p.any() {
			continue
		}
		if key, ok := w.Best(at); ok {
			people = append(people, person{Signer: actions.Signer{Worker: st.Worker, Key: key.ID, Hardware: key.Hardware, Standing: st}, class: c, part: p})
		}
	}
	slices.SortFunc(people, func(a, b person) int { return cmp.Compare(a.Worker, b.Worker) })
	return representatives(reg, at, people)
}

// hopeless reports whether nobody with these roles takes part in a vital change, whatever
// their other facts. Most people of a desk are agents: this saves looking at each of
// them. It cannot answer for a set that names people or vendors.
func (s *Set) hopeless(roles uint8) bool {
	if len(s.names.workers)+len(s.names.vendors) > 0 {
		return false
	}
	for f := range 1 << 4 {
		w := Worker{ID: "anyone", Roles: rolesOf(roles), Engaged: true,
			Employee: f&1 != 0, InNotice: f&2 != 0, Ratchet: f&4 != 0, Newcomer: f&8 != 0}
		if s.partOf(w).any() {
			return false
		}
	}
	return true
}

func (s *Set) partOf(w Worker) *part {
	var p part
	for i, f := range vital() {
		f.Worker = w
		if r := s.Rule(f); r.Verdict != Forbidden {
			p.request[i], p.need[i] = true, r.Need
		}
		p.countersign[i] = s.MayCountersign(f).Verdict == Permitted
	}
	return &p
}

// representatives leaves out people who add nothing. People who have the same ties, the
// same class and the same sort of key, and who manage nobody, stand alike to everybody
// else; and they depend on each other by the ties that they share. So one of them will do.
func representatives(reg *workforce.Registry, at time.Time, people []person) []person {
	boss := map[workforce.WorkerID]bool{}
	for _, p := range people {
		for _, b := range reg.Chain(p.Worker, at) {
			boss[b] = true
		}
	}
	type alike struct {
		class    class
		employee bool
		hardware bool
		counts   bool
		vendor   workforce.VendorID
		manager  workforce.WorkerID
	}
	seen := map[alike]bool{}
	return slices.DeleteFunc(people, func(p person) bool {
		w := reg.Seat(p.Worker)
		ties := w.Ties(at)
		if boss[p.Worker] || len(ties) > 1 || ties[0].Vendor == "" && ties[0].Manager == "" {
			return false
		}
		k := alike{p.class, p.Standing.Employee, p.Hardware, !at.Before(w.Counts()), ties[0].Vendor, ties[0].Manager}
		if seen[k] {
			return true
		}
		seen[k] = true
		return false
	})
}

// group looks for people who could make the vital change i, or says why there are none.
func group(i int, people []person, dependence func(a, b workforce.WorkerID) string) (found []workforce.WorkerID, why string) {
	var signers []actions.Signer
	for _, p := range people {
		if p.part.countersign[i] {
			signers = append(signers, p.Signer)
		}
	}
	why = "nobody who is engaged and has a live key may request it"
	for _, p := range people {
		if !p.part.request[i] {
			continue
		}
		chosen, reason := match(p.part.need[i], p.Signer, signers, dependence)
		if reason == "" {
			found = append(found, p.Worker)
			for _, c := range chosen {
				found = append(found, c.Worker)
			}
			return found, ""
		}
		why = fmt.Sprintf("where %s requests it, it needs %s, and there is no such group: %s", p.Worker, p.part.need[i], reason)
	}
	return nil, why
}

// match is actions.Match over everybody who could sign, where Match itself is made for
// the few people who did. To avoid trying the pairs and triples of a thousand people in
// vain, it first leaves out people who cannot sign with this requester, and it gives up
// if a sort has too few people.
func match(need actions.Need, requester actions.Signer, signers []actions.Signer, dependence func(a, b workforce.WorkerID) string) (chosen []actions.Signer, why string) {
	var able []actions.Signer
	have := map[actions.Qualifier]int{}
	for _, s := range signers {
		if need.Hardware && !s.Hardware || dependence(requester.Worker, s.Worker) != "" {
			continue
		}
		able = append(able, s)
		for q := range need.Qualified {
			if q == actions.QualifierEmployee && s.Standing.Employee || s.Standing.Has(workforce.Role(q)) {
				have[q]++
			}
		}
	}
	for q, k := range need.Qualified {
		if have[q] < k {
			return nil, fmt.Sprintf("%d of %d %s independent of them", have[q], k, q)
		}
	}
	chosen, ok, why := actions.Match(need, requester, able, dependence)
	if ok {
		return chosen, ""
	}
	return nil, why
}

// class holds the facts about a worker that a set can tell apart.
type class struct {
	id     workforce.WorkerID // empty unless the set names it
	vendor workforce.VendorID // likewise
	roles  uint8
	flags  int
}

func (s *Set) classOf(w Worker) class {
	c := class{roles: roleMask(w.Roles), flags: flags(&w)}
	if _, named := s.names.workers[w.ID]; named {
		c.id = w.ID
	}
	if _, named := s.names.vendors[w.Vendor]; named {
		c.vendor = w.Vendor
	}
	return c
}

// remember keeps the answers of a symmetric function of pairs.
func remember(dependence func(a, b workforce.WorkerID) string) func(a, b workforce.WorkerID) string {
	type pair struct{ a, b workforce.WorkerID }
	said := map[pair]string{}
	return func(a, b workforce.WorkerID) string {
		k := pair{min(a, b), max(a, b)}
		d, ok := said[k]
		if !ok {
			d = dependence(a, b)
			said[k] = d
		}
		return d
	}
}
