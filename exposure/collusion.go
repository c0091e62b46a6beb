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

// Way names one way in which people who collude bring an act about.
type Way string

// The ways. A way through a change of the desk is named by the part that it changes; the
// act follows the change.
const (
	ByAct         Way = "act"            // the act as it is ruled
	ByEmergency   Way = "emergency"      // the emergency act, which reverts
	ByReversal    Way = "reversal"       // the undo of an earlier act, or its lapse
	ByPolicy      Way = "change-policy"  // another policy
	ByKeys        Way = "change-keys"    // their own keys in the names of others
	ByTrust       Way = "change-trust"   // another executor
	ByAdmission   Way = "change-people"  // people who exist in name only
	ByEngagements Way = "extend"         // engagements that do not end any more
	ByVendors     Way = "change-vendors" // vendors without a ratchet
	ByTiers       Way = "change-tiers"   // a lower tier for a subject that people raised
	ByThaw        Way = "thaw"           // no freeze any more
	ByRecovery    Way = "recovery"       // a recovery by the officers who are left, once the others are suspended
)

// Part is what a member of a group does.
type Part string

// The parts.
const (
	Requests     Part = "requests"
	Countersigns Part = "countersigns"
	Suspends     Part = "suspends" // suspends people who would have to sign as well
)

// Member is one person of a group.
type Member struct {
	Worker workforce.WorkerID
	Part   Part
	Sort   Sort
}

// Row is one way and the smallest group that can go it.
type Row struct {
	Way     Way
	People  int           // distinct people of Group and Then; 0: no group can
	Group   []Member      // they do the act, or change the desk
	Then    []Member      // they do the act after the change, if that needs certain people
	Wait    time.Duration // the time that the way needs
	Reverts time.Duration // after which it ends by itself, for an emergency act
	Why     string        // why no group can, or how the way goes on after the group's act
}

// Collusion is the least number of distinct people over all ways; 0: no group
// at the desk can.
type Collusion struct {
	Number int
	Rows   []Row
}

// AtOnce is the least number of people over the ways that need no time; 0: no group
// at the desk can do it at once.
func (c Collusion) AtOnce() (n int) {
	for _, r := range c.Rows {
		if r.Wait == 0 && r.People > 0 && (n == 0 || r.People < n) {
			n = r.People
		}
	}
	return n
}

func (v *View) findCollusion(q Question) (Collusion, error) {
	ways, err := q.ways(v.state.Policy)
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
	act := v.least(ByAct, plain, asTheyAre)
	reversal := v.least(ByReversal, undos, asTheyAre)
	if len(undos) == 0 {
		reversal.Why = "No reversal and no lapse has this effect: both only lift, and the undo of an undo is a new act."
	}
	rows := []Row{act, reversal}
	emergency, err := v.byEmergency(q)
	if err != nil {
		return Collusion{}, err
	}
	changed, err := v.throughPolicy(plain)
	if err != nil {
		return Collusion{}, err
	}
	lowered, err := v.throughTiers(q)
	if err != nil {
		return Collusion{}, err
	}
	rows = append(rows, emergency, changed, v.throughKeys(plain, undos), v.throughRecovery(plain, undos), v.throughTrust(), v.throughAdmission(q, ways),
		v.through(ByEngagements, change(actions.DeskEngagement, actions.PartWorkforce), ways, extended, "They extend every engagement, so that nobody is in the last days."),
		v.through(ByVendors, change(actions.DeskChange, actions.PartVendors), ways, admitted, "They admit every vendor, and set no ratchet."),
		lowered)
	if len(v.state.Freezes) > 0 {
		rows = append(rows, v.through(ByThaw, change(actions.DeskFreeze, actions.PartFreezes), ways, thawed, "They thaw what is frozen."))
	}
	c := Collusion{Rows: rows}
	for _, r := range c.Rows {
		if r.People > 0 && (c.Number == 0 || r.People < c.Number) {
			c.Number = r.People
		}
	}
	return c, nil
}

// byEmergency is the emergency act that has the same effect at once and reverts.
func (v *View) byEmergency(q Question) (Row, error) {
	e, ok := q.Emergency()
	if !ok {
		return Row{Way: ByEmergency, Why: "There is no emergency act with this effect."}, nil
	}
	ways, err := e.ways(v.state.Policy)
	if err != nil {
		return Row{}, err
	}
	r := v.least(ByEmergency, ways, asTheyAre)
	if r.People > 0 {
		r.Reverts, r.Why = actions.EmergencyMost, "It ends by itself unless a takedown with all its countersignatures takes its place."
	}
	return r, nil
}

// loosest is the set that permits everything that a set may permit.
var loosest = sync.OnceValues(func() (*policy.Set, error) {
	return policy.Compile(map[string]string{"tiers.json": "{}", "everything.cedar": `@id("everything")
@reason("Everything is permitted to everybody.")
permit (principal, action, resource);

@id("warnings")
@reason("A warning is permitted only by its name.")
permit (principal, action == Action::"account.warn", resource);
`})
})

// throughPolicy is a change of the policy and then the act. No set of policies permits
// more than the loosest, and under it the requester of the change does the act alone. So
// the way takes exactly the people whom the change takes.
func (v *View) throughPolicy(plain []way) (Row, error) {
	set, err := loosest()
	if err != nil {
		return Row{}, fmt.Errorf("compile the loosest policy: %w", err)
	}
	r := v.least(ByPolicy, change(actions.DeskChange, actions.PartPolicy), asTheyAre)
	if r.People == 0 {
		return r, nil
	}
	w := plain[0]
	if v.stopped(w, &class{}, asTheyAre) {
		return Row{Way: ByPolicy, Why: "The act is frozen, whatever the policy says."}, nil
	}
	f := w.facts
	f.Worker = policy.WorkerOf(v.state.People.Standing(r.Group[0].Worker, v.at))
	if set.Rule(f).Verdict != policy.Permitted {
		return Row{Way: ByPolicy, Why: "No policy permits this act."}, nil
	}
	r.Why = "They bring in a policy that lets any one of them do it."
	return r, nil
}

// throughKeys is an enrolment of keys and then the act. People who may enrol keys may
// enrol their own in the names of others, and then sign for them all. So the way takes
// the people whom the enrolment takes, if all people of the desk together could do the
// act.
func (v *View) throughKeys(plain, undos []way) Row {
	r := v.least(ByKeys, change(actions.DeskKey, actions.PartKeys), asTheyAre)
	if r.People == 0 {
		return r
	}
	then := v.least(ByAct, plain, keyedAll)
	if undo := v.least(ByReversal, undos, keyedAll); undo.People > 0 && (then.People == 0 || undo.Wait < then.Wait) {
		then = undo
	}
	if then.People == 0 {
		return Row{Way: ByKeys, Why: "Not even everybody together could do it: " + then.Why}
	}
	r.Wait += then.Wait
	r.Why = "They enrol keys of their own in " + namesOf(then.People) + "."
	return r
}

// namesOf says in whose names keys are enrolled: of one person or of several.
func namesOf(people int) string {
	if people == 1 {
		return "the name of one person who alone may do it"
	}
	return fmt.Sprintf("the names of %d people who together may do it", people)
}

// many writes a number with its noun.
func many(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// throughTrust is a change to another executor. It obeys the group, with or without a
// warrant, on every platform whose credential it has been given.
func (v *View) throughTrust() Row {
	r := v.least(ByTrust, change(actions.DeskChange, actions.PartTrust), asTheyAre)
	if r.People > 0 {
		r.Why = "They name an executor of their own; it needs the platform's credential besides, from one of the declared holders."
	}
	return r
}

// throughAdmission is an admission of people who exist in name only, keys in their names,
// and then the act by them. Their number costs the group nothing; only the time until
// they count as independent does.
func (v *View) throughAdmission(q Question, ways []way) Row {
	r := v.both(ByAdmission, v.asks(change(actions.DeskAdmit, actions.PartWorkforce), asTheyAre),
		v.asks(change(actions.DeskKey, actions.PartKeys), asTheyAre))
	if r.People == 0 {
		return r
	}
	wait, ok := v.strangers(q, ways)
	if !ok {
		return Row{Way: ByAdmission, Why: "Nobody who could be admitted may do this act, however many they are."}
	}
	r.Wait += wait
	r.Why = "They admit people who are there in name only, and enrol keys of their own for them."
	if wait >= workforce.Settle {
		r.Why += " These count as independent of each other after 30 days."
	}
	return r
}

// strangers reports whether newly admitted people, as many as are wanted and independent
// of each other, may do an act, and how long it takes.
func (v *View) strangers(q Question, ways []way) (wait time.Duration, ok bool) {
	lens, signing := v.state.Policy.LensOf(q.Kind), v.state.Policy.CountersignLens()
	free := func(id workforce.WorkerID, firm workforce.VendorID) bool {
		return !v.frozen(&workforce.Worker{Record: workforce.Record{Worker: id, Vendor: firm}})
	}
	vendors := []workforce.VendorID{}
	for _, id := range append([]workforce.VendorID{""}, slices.Sorted(maps.Keys(v.state.People.Vendors))...) {
		if free("", id) {
			vendors = append(vendors, id)
		}
	}
	for _, w := range ways {
		if w.only != "" || v.stopped(w, &class{}, asTheyAre) {
			continue // a new worker did not request the measure that stands
		}
		signs := v.strangersSign(signing, w, vendors, free)
		for p := range lens.Anybody(vendors) {
			f := w.facts
			f.Worker = p
			r := v.state.Rule(f)
			if r.Verdict == policy.Forbidden || r.Need.All || !free(p.ID, p.Vendor) || w.bars(workforce.Standing{InNotice: p.InNotice, Ratchet: p.Ratchet}) {
				continue
			}
			least := time.Duration(r.Need.Wait) * time.Second
			if maxGroup(r.Need) > 0 || !p.Newcomer && lens.Reads("newcomer") {
				least += workforce.Settle
			}
			if alone := maxGroup(r.Need) == 0; (!ok || least < wait) && (alone || (!p.Newcomer || !lens.Reads("newcomer")) && signs(r.Need)) {
				wait, ok = least, true
			}
			if ok && wait == 0 {
				return wait, ok
			}
		}
	}
	return wait, ok
}

// strangersSign returns a function that says whether strangers fill the slots of a need.
// It looks for each sort of stranger once.
func (v *View) strangersSign(lens policy.Lens, w way, vendors []workforce.VendorID, free func(workforce.WorkerID, workforce.VendorID) bool) func(actions.Need) bool {
	said := map[actions.Qualifier]bool{}
	some := func(q actions.Qualifier) bool {
		if yes, ok := said[q]; ok {
			return yes
		}
		for p := range lens.Anybody(vendors) {
			f := w.facts
			f.Worker = p
			of := q == "" || q == actions.QualifierEmployee && p.Employee || slices.Contains(p.Roles, workforce.Role(q))
			if of && !p.Newcomer && free(p.ID, p.Vendor) && v.state.Policy.MayCountersign(f).Verdict == policy.Permitted {
				said[q] = true
				break
			}
		}
		return said[q]
	}
	return func(n actions.Need) bool {
		for q, k := range n.Qualified {
			if k > 0 && !some(q) {
				return false
			}
		}
		return n.Independent == 0 || some("")
	}
}

// throughTiers is a change to a lower tier and then the act, ruled by that tier.
func (v *View) throughTiers(q Question) (Row, error) {
	if q.Floor == "" || q.Floor.Rank() >= q.Tier.Rank() {
		return Row{Way: ByTiers, Why: "People did not raise the subject: there is nothing to lower."}, nil
	}
	low := q
	low.Tier, low.Floor = q.Floor, ""
	ways, err := low.ways(v.state.Policy)
	if err != nil {
		return Row{}, err
	}
	r := v.both(ByTiers, v.asks(change(actions.DeskChange, actions.PartTiers), asTheyAre), v.asks(ways, asTheyAre))
	if r.People > 0 {
		r.Why = "They lower the subject to " + string(q.Floor) + ", as far as no rule says otherwise."
	}
	return r, nil
}

// through is a change that alters how people are seen, and then the act.
func (v *View) through(name Way, first, act []way, then sight, text string) Row {
	changes := then == thawed
	for i := range v.classes {
		c := &v.classes[i]
		now, later := c.standing, then.of(c)
		changes = changes || now.Engaged != later.Engaged || later.Engaged && now.Ratchet != later.Ratchet
	}
	if !changes {
		return Row{Way: name, Why: "It would change nothing for anybody here."}
	}
	r := v.both(name, v.asks(first, asTheyAre), v.asks(act, then))
	if r.People > 0 {
		r.Why = text
	}
	return r
}

// both finds the smallest set of people that holds a group for each of two steps. It
// tries the numbers upwards. For each number it tries how many people could be in both
// groups, and which ones; the rest of each group is chosen for its step alone.
func (v *View) both(name Way, first, second []ask) Row {
	row := Row{Way: name, Why: "Nobody who is engaged and has a live key may make the change."}
	if len(second) == 0 && len(first) > 0 {
		row.Why = "After it nobody who is engaged and has a live key may request the act."
	}
	type pair struct{ a, b *ask }
	var pairs []pair
	most := 0
	for i := range first {
		for j := range second {
			pairs = append(pairs, pair{&first[i], &second[j]})
			most = max(most, maxGroup(first[i].need)+maxGroup(second[j].need)+2)
			row.Why = "No group fills the slots of both: " + first[i].need.String() + "; and then " + second[j].need.String() + "."
		}
	}
	slices.SortStableFunc(pairs, func(p, q pair) int {
		return cmp.Compare(p.a.need.Wait+p.b.need.Wait, q.a.need.Wait+q.b.need.Wait)
	})
	for total := 1; total <= most; total++ {
		for _, p := range pairs {
			if a, b := v.united(*p.a, *p.b, total); a != nil {
				row.People, row.Why, row.Wait = total, "", time.Duration(p.a.need.Wait+p.b.need.Wait)*time.Second
				row.Group, row.Then = membersOf(a), membersOf(b)
				return row
			}
		}
	}
	return row
}

// united returns a group for each of two asks that together have exactly total different
// people. It returns none if there are no such groups, or if fewer people would do.
func (v *View) united(a, b ask, total int) (ga, gb []*candidate) {
	for m := a.need.Independent + 1; m <= maxGroup(a.need)+1; m++ {
		for n := b.need.Independent + 1; n <= maxGroup(b.need)+1; n++ {
			shared := m + n - total
			if shared < 0 || shared > min(m, n) {
				continue
			}
			able := a.parts(b)
			if len(able) < shared {
				continue
			}
			if ga, gb = v.share(a, b, m, n, shared, able, nil); ga != nil {
				return ga, gb
			}
		}
	}
	return nil, nil
}

// parts returns the people who may take part in both asks, in any part.
func (a ask) parts(b ask) []*candidate {
	in := map[workforce.WorkerID]bool{}
	for _, c := range b.requesters {
		in[c.Worker] = true
	}
	for _, c := range b.signers {
		in[c.Worker] = true
	}
	var both []*candidate
	for _, c := range slices.Concat(a.requesters, a.signers) {
		if in[c.Worker] {
			both = append(both, c)
			delete(in, c.Worker)
		}
	}
	return both
}

// share chooses the people who are in both groups, and completes each group. A set of
// people to which no group can be completed is not extended.
func (v *View) share(a, b ask, m, n, left int, able, chosen []*candidate) (ga, gb []*candidate) {
	if ga = v.group(a, m-1, chosen); ga == nil {
		return nil, nil
	}
	if gb = v.group(b, n-1, chosen); gb == nil {
		return nil, nil
	}
	if left == 0 {
		return ga, gb
	}
	for i, c := range able {
		if ga, gb = v.share(a, b, m, n, left-1, able[i+1:], append(slices.Clone(chosen), c)); ga != nil {
			return ga, gb
		}
	}
	return nil, nil
}

func membersOf(group []*candidate) []Member {
	var ms []Member
	for i, g := range group {
		m := Member{Worker: g.Worker, Part: Countersigns, Sort: sortOf(g.Standing, g.key)}
		if i == 0 {
			m.Part = Requests
		}
		ms = append(ms, m)
	}
	return ms
}

// change returns the way to request a burdening change of a part of the desk.
func change(k actions.Kind, part string) []way {
	return []way{{facts: policy.DeskFacts(k, actions.Burdening, part)}}
}

// candidate is a person who may take part. A candidate stands for all people who are the
// same to everybody else.
type candidate struct {
	actions.Signer
	class  int
	key    keyed
	vendor workforce.VendorID // at present
}

// maxGroup bounds a group without its requester: the slots of a need, and one more person
// for each qualified one (actions.Match).
func maxGroup(n actions.Need) int {
	most := n.Independent
	for _, k := range n.Qualified {
		most += k
	}
	return most
}

// ask is a way with one need, and the people who may request it with that need.
type ask struct {
	need       actions.Need
	requesters []*candidate
	signers    []*candidate
}

// least finds the smallest group over some ways. For a way that borrows keys the row
// gives the number of keys and the time, and names nobody.
func (v *View) least(name Way, ways []way, s sight) Row {
	row := Row{Way: name, Why: "Nobody who is engaged and has a live key may request it."}
	asks := v.asks(ways, s)
	most := -1
	for _, a := range asks {
		most = max(most, maxGroup(a.need))
		row.Why = "No group fills its slots: " + a.need.String() + "."
	}
	slices.SortStableFunc(asks, func(a, b ask) int { return cmp.Compare(a.need.Wait, b.need.Wait) })
	if s.borrows() {
		// The identities with borrowed keys are not people of the group: only the time counts
		// that they have to wait.
		for _, a := range asks {
			for size := a.need.Independent; size <= maxGroup(a.need); size++ {
				if group := v.group(a, size, nil); group != nil {
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
			group := v.group(a, size, nil)
			if group == nil {
				continue
			}
			row.People, row.Wait, row.Why = len(group), time.Duration(a.need.Wait)*time.Second, ""
			row.Group = membersOf(group)
			return row
		}
	}
	return row
}

// asks gathers the people who may take part in each way; requesters are sorted by their
// need.
func (v *View) asks(ways []way, s sight) []ask {
	var all []ask
	done := map[string]bool{} // the asks seen already, since several ways may come to the same
	for _, w := range ways {
		same := string(w.only) + " " + string(w.except)
		byNeed := map[string]*ask{}
		needs := make([]*ask, len(v.classes)) // the asks of those who may request it, by class
		signs := make([]bool, len(v.classes))
		requests, countersigns := v.requests(w, s), v.countersigns(w, s)
		for i := range v.classes {
			c := &v.classes[i]
			st, key := s.of(c), s.keyOf(c.key)
			if key == noKey || !st.Engaged || v.stopped(w, c, s) {
				continue
			}
			if signs[i] = countersigns[i]; signs[i] {
				same += fmt.Sprint(" +", i)
			}
			r := requests[i]
			if r.Verdict == policy.Forbidden || r.Need.All || r.Need.Hardware && key != hardwareKey || w.bars(st) {
				continue
			}
			n := r.Need.String()
			if byNeed[n] == nil {
				byNeed[n] = &ask{need: r.Need}
			}
			needs[i] = byNeed[n]
			same += fmt.Sprint(" ", i, n)
		}
		if done[same] {
			continue
		}
		done[same] = true
		people := v.people()
		if w.only != "" || w.except != "" {
			people = v.candidates(w.admits)
		}
		for i := range people {
			if a := needs[people[i].class]; a != nil {
				a.requesters = append(a.requesters, v.as(&people[i], s))
			}
		}
		for _, n := range slices.Sorted(maps.Keys(byNeed)) {
			a := byNeed[n]
			if len(a.requesters) == 0 {
				continue
			}
			if maxGroup(a.need) > 0 {
				everybody := v.people()
				for i := range everybody {
					c := &everybody[i]
					if signs[c.class] && (s.keyOf(c.key) == hardwareKey || !a.need.Hardware) {
						a.signers = append(a.signers, v.as(c, s))
					}
				}
			}
			all = append(all, *a)
		}
	}
	return all
}

// as returns the candidate under a sight.
func (v *View) as(c *candidate, s sight) *candidate {
	st, key := s.of(&v.classes[c.class]), s.keyOf(c.key)
	if s == asTheyAre || st.Engaged == c.Standing.Engaged && st.Ratchet == c.Standing.Ratchet && key == c.key {
		return c
	}
	then := *c
	then.Standing.Engaged, then.Standing.Ratchet = st.Engaged, st.Ratchet
	then.key, then.Hardware = key, key == hardwareKey
	return &then
}

// ties decide on whom a person depends to whom nobody reports.
type ties struct {
	vendor  workforce.VendorID
	manager workforce.WorkerID
	counts  bool
}

// enough is more people than any group holds: a need has at most nine slots and nine of
// each of seven sorts.
const enough = 100

// candidates returns the people who could take part in anything, and leaves out those who
// add nothing. People of one class, with the same single tie and in nobody's chain of
// managers, are interchangeable to everybody else. If they share anything, they depend on
// each other, and one of them will do; if they share nothing, as many are kept as a group
// could hold.
func (v *View) candidates(admits func(workforce.WorkerID) bool) []candidate {
	var all []candidate
	bosses := v.bosses()
	for i := range v.classes {
		c := &v.classes[i]
		if !c.standing.Engaged && !c.unadmitted {
			continue
		}
		like := map[ties][]*member{}
		for j := range c.members {
			m := &c.members[j]
			if !admits(m.id) {
				continue
			}
			if !m.plain || bosses[m.id] {
				all = append(all, c.candidate(i, m))
				continue
			}
			t := ties{m.vendor, m.manager, m.counts}
			if t.vendor == "" && t.manager == "" && t.counts {
				like[t] = append(like[t], m)
			} else if have := like[t]; have == nil {
				like[t] = []*member{m}
			} else if m.id < have[0].id { // of equals the same one is always named
				have[0] = m
			}
		}
		for _, ms := range like {
			slices.SortFunc(ms, func(a, b *member) int { return cmp.Compare(a.id, b.id) })
			for _, m := range ms[:min(len(ms), enough)] {
				all = append(all, c.candidate(i, m))
			}
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.vendor, b.vendor), cmp.Compare(a.Worker, b.Worker))
	})
	return all
}

func (c *class) candidate(i int, m *member) candidate {
	st := c.standing
	st.Worker, st.Vendor = m.id, m.vendor
	return candidate{Signer: actions.Signer{Worker: m.id, Hardware: c.key == hardwareKey, Standing: st}, class: i, key: c.key, vendor: m.vendor}
}

// group returns a requester and exactly size others who fill the slots and include
// certain people, or nil. The requester comes first.
func (v *View) group(a ask, size int, with []*candidate) []*candidate {
	if size+1 < len(with) {
		return nil
	}
	s := search{view: v, need: a.need, size: size, pool: a.signers}
	if len(with) == 0 {
		if size == 0 {
			return a.requesters[:1]
		}
		if !s.fill(0) {
			return nil // the signers do not fill the slots, whoever requests
		}
	}
	may := func(list []*candidate, c *candidate) bool {
		return slices.ContainsFunc(list, func(o *candidate) bool { return o.Worker == c.Worker })
	}
	outside := func(c *candidate) bool { return !may(a.signers, c) }
	for _, r := range a.requesters {
		among := may(with, r)
		if !among && size < len(with) {
			continue
		}
		s.chosen = append(s.chosen[:0], r)
		for _, c := range with {
			if c.Worker != r.Worker {
				s.chosen = append(s.chosen, c)
			}
		}
		if slices.ContainsFunc(s.chosen[1:], outside) || s.clashes() {
			continue
		}
		s.lead = 1
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
	pool   []*candidate // by vendor
	chosen []*candidate // the requester first, if there is one yet
	lead   int          // 1 if chosen begins with a requester, else 0
}

// clashes reports whether any two who are chosen depend on each other.
func (s *search) clashes() bool {
	for i, c := range s.chosen {
		if slices.ContainsFunc(s.chosen[:i], func(o *candidate) bool { return s.clash(o, c) }) {
			return true
		}
	}
	return false
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
		if urgent != "" && !c.Qualifies(urgent) || slices.ContainsFunc(s.chosen, func(o *candidate) bool { return s.clash(o, c) }) {
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

func (s *search) clash(a, b *candidate) bool {
	return a.vendor != "" && a.vendor == b.vendor || s.view.depend(a.Worker, b.Worker)
}

// mostRemembered bounds the pairs that a view remembers, since a desk has as many pairs
// as its people squared.
const mostRemembered = 1 << 20

// depend reports whether two people depend on each other, and remembers it.
func (v *View) depend(a, b workforce.WorkerID) bool {
	k := [2]workforce.WorkerID{min(a, b), max(a, b)}
	if d, ok := v.depends.Load(k); ok {
		return d.(bool)
	}
	d := v.state.People.Dependence(a, b, v.at) != ""
	if v.remembered.Add(1) < mostRemembered {
		v.depends.Store(k, d)
	}
	return d
}
