package exposure

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// Indispensable names the people without whom the desk could not go on, and the changes
// that need them. The answer is shared and must not be changed.
func (v *View) Indispensable() []proof.Indispensable { return v.needed() }

// throughRecovery is a recovery that people bring about, and then the act. They suspend
// the other officers, one officer each in 7 days, until only they are left of the
// officers and no other people could fill the slots of the policy. After 72 hours they
// enrol keys of their own in the names of others, and thaw the freezes in their way.
func (v *View) throughRecovery(plain, undos []way) Row {
	if v.state.Laws < 2 {
		return Row{Way: ByRecovery, Why: "The first laws know no recovery."}
	}
	row := v.recovery()
	if row.People == 0 {
		return row
	}
	then := v.least(ByAct, plain, recovered)
	if undo := v.least(ByReversal, undos, recovered); undo.People > 0 && (then.People == 0 || undo.Wait < then.Wait) {
		then = undo
	}
	if then.People == 0 {
		return Row{Way: ByRecovery, Why: "Not even everybody together could do it: " + then.Why}
	}
	row.Wait += then.Wait
	row.Why += fmt.Sprintf("As the only officers left they enrol keys of their own in %s; the enrolment waits %d hours.",
		namesOf(then.People), int(proof.RecoveryWait.Hours()))
	return row
}

// survivors are the people who may be left to recover, and the people who may suspend
// others.
type survivors struct {
	view    *View
	enrol   way
	left    []*candidate // the officers whom a recovery asks
	helpers []*candidate // they may suspend, and are not in left
	suspend []bool       // by class: may suspend
	stuck   bool         // the policy cannot be filled as it is
}

// survivors finds the people who could be left.
func (v *View) survivors() survivors {
	s := survivors{view: v, enrol: change(actions.DeskKey, actions.PartKeys)[0], suspend: make([]bool, len(v.classes)), stuck: v.state.Stuck(actions.DeskKey, v.at)}
	freeze := way{facts: policy.DeskFacts(actions.DeskFreeze, actions.Relieving, actions.PartFreezes)}
	asked, freezes := v.requests(s.enrol, asTheyAre), v.requests(freeze, asTheyAre)
	signs := v.countersigns(s.enrol, asTheyAre)
	officers, hardware := make([]bool, len(v.classes)), false
	for i := range v.classes {
		c := &v.classes[i]
		if !c.standing.Engaged || c.key == noKey || c.frozen {
			continue
		}
		n := freezes[i].Need
		s.suspend[i] = freezes[i].Verdict != policy.Forbidden && maxGroup(n) == 0 && !n.All && n.Wait == 0 && (!n.Hardware || c.key == hardwareKey)
		if c.standing.Has(workforce.Officer) && (asked[i].Verdict != policy.Forbidden || signs[i]) {
			officers[i] = true
			settled := slices.ContainsFunc(c.members, func(m member) bool { return m.counts })
			hardware = hardware || settled && asked[i].Verdict == policy.Held && asked[i].Need.Hardware
		}
	}
	for i := range v.classes {
		c := &v.classes[i]
		for j := range c.members {
			if m := &c.members[j]; officers[i] && m.counts && (!hardware || c.key == hardwareKey) {
				one := c.candidate(i, m)
				s.left = append(s.left, &one)
			}
		}
	}
	slices.SortFunc(s.left, func(a, b *candidate) int { return cmp.Compare(a.Worker, b.Worker) })
	people := v.people()
	for i := range people {
		c := &people[i]
		if s.suspend[c.class] && !slices.ContainsFunc(s.left, func(o *candidate) bool { return o.Worker == c.Worker }) {
			s.helpers = append(s.helpers, c)
		}
	}
	return s
}

// fewest returns the row of the smallest group that brings a recovery about: two
// officers; or two officers and a helper who suspends the others; or all officers who are
// left, if the desk recovers already.
func (s *survivors) fewest() Row {
	row := Row{Way: ByRecovery, Why: "No two officers who could be left are independent of each other."}
	try := func(group ...*candidate) {
		switch r, why := s.try(group); {
		case r.People > 0 && (row.People == 0 || r.Wait < row.Wait):
			row = r
		case r.People == 0 && row.People == 0:
			row.Why = why
		}
	}
	var unable [][]*candidate // pairs that lack only a helper who suspends the others
	some := false
	for i, a := range s.left {
		for _, b := range s.left[:i] {
			if s.view.depend(a.Worker, b.Worker) {
				continue
			}
			some = true
			if s.suspend[a.class] && s.suspend[b.class] || row.People == 0 {
				try(b, a)
			}
			if row.People == 0 && row.Why == noSuspender {
				unable = append(unable, []*candidate{b, a})
			}
		}
	}
	if row.People > 0 {
		return row
	}
	for _, p := range unable {
		for _, h := range slices.Concat(s.left, s.helpers) {
			if !slices.Contains(p, h) {
				try(p[0], p[1], h)
			}
		}
	}
	if row.People == 0 && some && s.stuck && len(s.left) > 3 {
		try(s.left...)
	}
	return row
}

const noSuspender = "None of those who could be left may suspend the others."

// try says whether certain people are enough and how much time they need, or why they are
// not enough.
func (s *survivors) try(group []*candidate) (row Row, why string) {
	v := s.view
	asked, signs := v.requests(s.enrol, asTheyAre), v.countersigns(s.enrol, asTheyAre)
	var left []*candidate
	suspenders := 0
	for _, c := range group {
		if slices.Contains(s.left, c) {
			left = append(left, c)
		}
		if s.suspend[c.class] {
			suspenders++
		}
	}
	lead := slices.IndexFunc(left, func(c *candidate) bool {
		return asked[c.class].Verdict != policy.Forbidden && !slices.ContainsFunc(left, func(o *candidate) bool { return o != c && !signs[o.class] })
	})
	others := len(s.left) - len(left)
	switch {
	case lead < 0:
		return row, "The policy lets none of the officers who could be left request it while the others countersign."
	case s.fills(group):
		return row, "The people left could still enrol keys as the policy asks, so there is nothing to recover from."
	case suspenders == 0 && (others > 0 || !s.stuck):
		return row, noSuspender
	}
	row = Row{Way: ByRecovery, People: len(group), Wait: proof.RecoveryWait}
	if others > 0 || !s.stuck {
		row.Wait += time.Duration(max(others-1, 0)/suspenders) * proof.AloneWithin
		row.Why = fmt.Sprintf("They suspend everybody else who could sign, among them %s; a worker can suspend one officer in 7 days. ", many(others, "officer", "officers"))
	}
	row.Group = membersOf(slices.Concat([]*candidate{left[lead]}, slices.Delete(slices.Clone(left), lead, lead+1)))
	for _, c := range group {
		if !slices.Contains(left, c) {
			row.Group = append(row.Group, Member{Worker: c.Worker, Part: Suspends, Sort: sortOf(c.Standing, c.key)})
		}
	}
	return row, ""
}

// fills reports whether some of these people could enrol keys as the policy asks.
func (s *survivors) fills(group []*candidate) bool {
	v := s.view
	asked, signs := v.requests(s.enrol, asTheyAre), v.countersigns(s.enrol, asTheyAre)
	for _, r := range group {
		n := asked[r.class].Need
		if asked[r.class].Verdict == policy.Forbidden || n.All || n.Hardware && r.key != hardwareKey {
			continue
		}
		a := ask{need: n, requesters: []*candidate{r}}
		for _, c := range group {
			if signs[c.class] && (c.key == hardwareKey || !n.Hardware) {
				a.signers = append(a.signers, c)
			}
		}
		for size := n.Independent; size <= min(maxGroup(n), len(group)-1); size++ {
			if v.group(a, size, nil) != nil {
				return true
			}
		}
	}
	return false
}
