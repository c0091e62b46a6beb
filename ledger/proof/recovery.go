package proof

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/ledger/entry"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// A recovery is the way out for a desk that has lost so many officers that no group of
// people could do what its policy asks. Then all officers who are left, at least two, may
// together thaw, admit people, enrol and revoke keys, and end and reinstate people. This is
// a law and not a policy, since no policy may ask for fewer people than a critical takedown
// needs (design, law 3). It holds under the laws 2 and later.

// RecoveryWait is the wait of a recovery that lets somebody in: an admission, an enrolment,
// a reinstatement. Everybody else has that time to notice it.
const RecoveryWait = 72 * time.Hour

// These texts in a ruling and in a request tell people and programs that it is a recovery.
const (
	RecoveryPolicy  = "law recovery"       // the policy of its reason
	RecoveryMissing = "for this recovery " // the beginning of Missing
)

// ByLaw holds the demands of a law, in place of the policy's, on a change of the desk.
type ByLaw struct {
	Law    entry.Law
	Need   actions.Need
	Reason policy.Reason
	groups [][]actions.Signer // for a recovery: the groups of which each can make it, all its people together
}

// ByLaw returns the demands of a law on a change that somebody requests, given the facts of
// its ruling; nil if the policy decides. The error says why that person may not request the
// change.
func (s *State) ByLaw(a actions.Action, f policy.Facts, by actions.Statement, at time.Time) (*ByLaw, error) {
	if s.Laws < 2 || !specDesk(a) || f.Founding {
		return nil, nil
	}
	ch, err := actions.ParseChange(a.Kind, a.Change)
	if err != nil {
		return nil, err
	}
	if a.Direction == actions.Relieving {
		return s.together(a, f, by, ch, at)
	}
	if !recovers(ch) || !s.Stuck(a.Kind, at) {
		return nil, nil
	}
	return s.recovery(a, f, by.Signer, ch, at), nil
}

// together is ByLaw of a relieving change.
func (s *State) together(a actions.Action, f policy.Facts, by actions.Statement, ch actions.Change, at time.Time) (*ByLaw, error) {
	why := s.notAlone(by, ch, at)
	if why == "" {
		return nil, nil
	}
	if s.Stuck(a.Kind, at) {
		if l := s.recovery(a, f, by.Signer, ch, at); l != nil {
			return l, nil
		}
	}
	return s.byOthers(f, why)
}

// byOthers returns the demand that a relieving change has the countersignatures of a
// burdening one.
func (s *State) byOthers(f policy.Facts, why string) (*ByLaw, error) {
	f.Direction = actions.Burdening
	r := s.Policy.Rule(f)
	if r.Verdict != policy.Held {
		return nil, refuse("not-alone", "%s", why)
	}
	return &ByLaw{Law: entry.LawTogether, Need: r.Need, Reason: policy.Reason{Policy: "law " + string(entry.LawTogether), Text: why}}, nil
}

// recovers reports whether a recovery may make a burdening change.
func recovers(ch actions.Change) bool {
	switch c := ch.(type) {
	case actions.Freeze:
		return c.Thaws()
	case actions.Engagement:
		return c.Op == "reinstate"
	case actions.Admit, actions.Keys:
		return true
	}
	return false
}

// Stuck reports whether no group of engaged people, with live keys and not frozen, could
// give the signatures that the policy asks for a change of a kind.
func (s *State) Stuck(k actions.Kind, at time.Time) bool {
	if k == actions.DeskEngagement {
		k = actions.DeskAdmit // both are of the workforce
	}
	for _, g := range s.Policy.Groups(s.thawed(), at) {
		if g.Kind == k {
			return g.Why != ""
		}
	}
	return false
}

// recovery returns the demands of a recovery on a change; nil if too few officers are left.
func (s *State) recovery(a actions.Action, f policy.Facts, by workforce.WorkerID, ch actions.Change, at time.Time) *ByLaw {
	f.Direction = actions.Burdening
	var l ByLaw
	add := func(left []actions.Signer) {
		if s.pair(left, at) {
			l.groups = append(l.groups, left)
		}
	}
	left, hardware := s.left(s.thawed(), f, at)
	add(left)
	// A person who suspended an officer alone must not thereby become the one without whom
	// nobody can thaw. The others may thaw together with the officer who is suspended.
	if c, ok := ch.(actions.Freeze); ok {
		if frozen, on := s.Freezes[c.Key()]; on && frozen.Alone {
			others, _ := s.left(s.thawedBut(frozen.By), f, at)
			add(slices.DeleteFunc(others, func(o actions.Signer) bool { return o.Worker == frozen.By }))
		}
	}
	if len(l.groups) == 0 {
		return nil
	}
	var names []string
	for _, o := range l.groups[0] {
		names = append(names, string(o.Worker))
	}
	l.Law = entry.LawRecovery
	l.Need = actions.Need{Independent: len(l.groups[0]), Hardware: hardware}
	for _, g := range l.groups {
		if has(g, by) {
			l.Need.Independent = len(g) - 1
			break
		}
	}
	wait := ""
	if a.Direction == actions.Burdening {
		if c, ok := ch.(actions.Freeze); !ok || !c.Thaws() {
			l.Need.Wait = int64(RecoveryWait / time.Second)
			wait = fmt.Sprintf(" It waits %d hours, so that others can see it.", int(RecoveryWait.Hours()))
		}
	}
	l.Reason = policy.Reason{Policy: RecoveryPolicy, Text: "This is a recovery: too few officers are left for what the policy asks, so everybody who is left signs: " +
		strings.Join(names, ", ") + "." + wait}
	return &l
}

func has(group []actions.Signer, w workforce.WorkerID) bool {
	return slices.ContainsFunc(group, func(o actions.Signer) bool { return o.Worker == w })
}

// left returns the officers of a registry who could sign a burdening change, by worker, and
// whether that needs keys that are bound to hardware. Newcomers are left out: they do not
// count for 30 days after their admission, and a desk that waited for them would be stuck
// for as long.
func (s *State) left(reg *workforce.Registry, f policy.Facts, at time.Time) (officers []actions.Signer, hardware bool) {
	seats := reg.Seats()
	for i := range seats {
		w := &seats[i]
		if !w.Has(workforce.Officer) || at.Before(w.Counts()) {
			continue
		}
		st := reg.StandingOf(&w.Worker, at)
		key, ok := w.Best(at)
		if !st.Engaged || !ok {
			continue
		}
		f.Worker = policy.WorkerOf(st)
		r := s.Policy.Rule(f)
		hardware = hardware || r.Verdict == policy.Held && r.Need.Hardware
		if r.Verdict == policy.Forbidden && s.Policy.MayCountersign(f).Verdict == policy.Forbidden {
			continue
		}
		officers = append(officers, actions.Signer{Worker: st.Worker, Key: key.ID, Hardware: key.Hardware, Standing: st})
	}
	if hardware {
		officers = slices.DeleteFunc(officers, func(o actions.Signer) bool { return !o.Hardware })
	}
	slices.SortFunc(officers, func(a, b actions.Signer) int { return strings.Compare(string(a.Worker), string(b.Worker)) })
	return officers, hardware
}

// pair reports whether two of a group are independent of each other.
func (s *State) pair(group []actions.Signer, at time.Time) bool {
	for i, a := range group {
		for _, b := range group[:i] {
			if a.Key != b.Key && s.People.Dependence(a.Worker, b.Worker, at) == "" {
				return true
			}
		}
	}
	return false
}

// match returns the signers who make a recovery, whether they suffice, and if not, what is
// missing.
func (l *ByLaw) match(requester actions.Signer, signers []actions.Signer) (chosen []actions.Signer, ok bool, missing string) {
	for _, g := range l.groups {
		if !has(g, requester.Worker) {
			continue
		}
		var lacking []string
		chosen = nil
		for _, o := range g {
			i := slices.IndexFunc(signers, func(s actions.Signer) bool {
				return s.Worker == o.Worker && (s.Hardware || !l.Need.Hardware) && s.Key != requester.Key
			})
			switch {
			case o.Worker == requester.Worker:
			case i < 0:
				lacking = append(lacking, string(o.Worker))
			default:
				chosen = append(chosen, signers[i])
			}
		}
		if l.Need.Hardware && !requester.Hardware {
			missing = fmt.Sprintf("%s requested it with a key that is not bound to hardware", requester.Worker)
		} else if len(lacking) == 0 {
			return chosen, true, ""
		} else if missing == "" {
			missing = RecoveryMissing + signaturesOf(lacking)
		}
	}
	if missing == "" {
		missing = "a request by one of the officers who are left"
	}
	return nil, false, missing
}

// signaturesOf names the people whose countersignatures are missing, if exactly these
// people must sign.
func signaturesOf(people []string) string {
	if len(people) == 1 {
		return "the countersignature of " + people[0]
	}
	return "the countersignatures of " + strings.Join(people[:len(people)-1], ", ") + " and " + people[len(people)-1]
}

// asks reports whether a worker's signature counts for a recovery.
func (l *ByLaw) asks(w workforce.WorkerID) bool {
	return slices.ContainsFunc(l.groups, func(g []actions.Signer) bool { return has(g, w) })
}

// answers reports whether a worker whose acts are frozen may sign this thaw all the same.
// That is an officer whom one person suspended alone, if the officers who are left cannot
// thaw without that person.
func (s *State) answers(a actions.Action, w workforce.WorkerID, at time.Time) bool {
	if s.Laws < 2 || a.Kind != actions.DeskFreeze {
		return false
	}
	ch, err := actions.ParseChange(a.Kind, a.Change)
	if err != nil || !s.Stuck(a.Kind, at) {
		return false
	}
	frozen, on := s.Freezes[ch.(actions.Freeze).Key()]
	if !on || !frozen.Alone {
		return false
	}
	f := policy.DeskFacts(a.Kind, actions.Burdening, actions.PartFreezes)
	others, _ := s.left(s.thawedBut(frozen.By), f, at)
	return w != frozen.By && has(others, w)
}

// Recoverable reports whether enough officers are left for a recovery.
func (s *State) Recoverable(at time.Time) bool {
	left, _ := s.left(s.thawed(), policy.DeskFacts(actions.DeskAdmit, actions.Burdening, actions.PartWorkforce), at)
	return s.pair(left, at)
}

// Recovering reports whether changes of the desk need a recovery now: no group can give the
// signatures that the policy asks to thaw, to admit or to enrol.
func (s *State) Recovering(at time.Time) bool { return s.Laws >= 2 && s.lacking(s.thawed(), at) }

// lacking reports whether a registry has no ordinary group to thaw, to admit or to enrol.
func (s *State) lacking(reg *workforce.Registry, at time.Time) bool {
	return slices.ContainsFunc(s.Policy.Groups(reg, at), func(g policy.Group) bool { return g.Why != "" && g.Kind != actions.DeskChange })
}

// Indispensable returns, sorted, each person without whom the rest could no longer thaw,
// admit or enrol, neither as the policy asks nor by a recovery (design, law 2: nobody
// is indispensable). If the desk cannot do these things anyway, it returns nobody.
func (s *State) Indispensable(at time.Time) []workforce.WorkerID {
	reg := s.thawed()
	some := map[workforce.WorkerID]bool{}
	short := false
	for _, g := range s.Policy.Groups(reg, at) {
		if g.Kind == actions.DeskChange {
			continue
		}
		short = short || g.Why != ""
		// A person who is in none of these groups is dispensable: without them the groups
		// are still there.
		for _, w := range g.People {
			some[w] = true
		}
	}
	f := policy.DeskFacts(actions.DeskAdmit, actions.Burdening, actions.PartWorkforce)
	if short && s.Laws < 2 {
		return nil
	}
	if short {
		left, _ := s.left(reg, f, at)
		if !s.pair(left, at) {
			return nil
		}
		for _, o := range left {
			some[o.Worker] = true
		}
	}
	var out []workforce.WorkerID
	for _, w := range slices.Sorted(maps.Keys(some)) {
		rest := without(reg, w)
		if !s.lacking(rest, at) {
			continue
		}
		if s.Laws < 2 { // the laws 1 know no recovery
			out = append(out, w)
			continue
		}
		if left, _ := s.left(rest, f, at); !s.pair(left, at) {
			out = append(out, w)
		}
	}
	return out
}

// Indispensable is somebody without whom the desk could not go on.
type Indispensable struct {
	Worker workforce.WorkerID
	For    []actions.Kind // the changes that nobody could make without the worker: admitting, enrolling, thawing
}

// IndispensableFor is Indispensable, with the changes for which each person is needed.
func (s *State) IndispensableFor(at time.Time) (all []Indispensable) {
	for _, w := range s.Indispensable(at) {
		one := Indispensable{Worker: w}
		for _, g := range s.Policy.Groups(without(s.thawed(), w), at) {
			if g.Why != "" && g.Kind != actions.DeskChange {
				one.For = append(one.For, g.Kind)
			}
		}
		slices.Sort(one.For)
		all = append(all, one)
	}
	return all
}

// without returns a registry in which some people's engagements are over.
func without(reg *workforce.Registry, people ...workforce.WorkerID) *workforce.Registry {
	left := reg.Clone()
	for _, id := range people {
		if w, ok := left.Worker(id); ok {
			w.Ended = w.Start // they stay in the line of managers and sign nothing
			left.Put(w)
		}
	}
	return left
}

// remains checks that a change leaves people who can repair whatever goes wrong later: as
// the policy asks, or, after a relieving change or if it was so before, by a recovery. A
// burdening change must also make nobody indispensable.
func (s *State) remains(before before, relieving bool, at time.Time) error {
	err := s.Policy.CanStillGovern(s.thawed(), at)
	if s.Laws < 2 {
		return err
	}
	if err != nil && (relieving || before.short) && s.Recoverable(at) {
		err = nil
	}
	if err != nil || relieving {
		return err
	}
	var made []string
	for _, w := range s.Indispensable(at) {
		if !slices.Contains(before.indispensable, w) {
			made = append(made, string(w))
		}
	}
	if len(made) > 0 {
		return refuse("indispensable", "After this, the desk could not go on without %s: the others could neither thaw nor enrol a key. Admit another officer first; an officer counts 30 days after the admission.",
			strings.Join(made, ", nor without "))
	}
	return nil
}

// before holds the facts about the state before a change that remains needs.
type before struct {
	short         bool // the policy could not be filled
	indispensable []workforce.WorkerID
}

func (s *State) before(at time.Time) before {
	if s.Laws < 2 {
		return before{}
	}
	return before{s.Policy.CanStillGovern(s.thawed(), at) != nil, s.Indispensable(at)}
}

// dispensable checks a founding. With three or more officers nobody may be indispensable.
// With two officers both are; such a desk goes on with both of them or not at all, and its
// founders are told so.
func (s *State) dispensable(officers int, at time.Time) error {
	if s.Laws < 2 || officers < 3 {
		return nil
	}
	if some := s.Indispensable(at); len(some) > 0 {
		return refuse("indispensable", "The desk could not go on without %s: the other officers could neither thaw nor enrol a key. Found it with more officers, or with another policy.", some[0])
	}
	return nil
}
