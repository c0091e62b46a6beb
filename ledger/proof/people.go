package proof

import (
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// This file holds the limits on what one person alone may do to other people, under the
// laws 2 (design, law 2). Anybody may be suspended by one person, and several thaw that.
// One person may end the engagements, and revoke the keys, of their own reports; an
// officer, of anybody.

// AloneWithin is the time in which one person, after taking out one officer alone, may not
// take out another one alone.
const AloneWithin = 7 * 24 * time.Hour

// PlaceWithin is the time in which one person may not freeze everything, or a platform,
// again alone after several people have thawed that person's freeze of it. It is shorter
// than AloneWithin: a freeze is the brake, and the one person on call may need it on
// another night.
const PlaceWithin = 24 * time.Hour

// fewSuspensions is the largest number of people whom one person may suspend alone in 24
// hours, if that person is a newcomer, is about to leave, or is a contractor who suspends
// people of another company.
const fewSuspensions = 2

// ofPeople reports whether a change takes people out: it suspends them, ends their
// engagement or revokes their keys.
func ofPeople(ch actions.Change) bool {
	switch c := ch.(type) {
	case actions.Engagement:
		return c.Op == "end"
	case actions.Freeze:
		return !c.Thaws() && c.People()
	case actions.Keys:
		return len(c.Revoke) > 0
	}
	return false
}

// takesOut returns the officers who could sign before a change and cannot after it, without
// the change's own requester, and the state after the change. An officer who is suspended
// already still counts as taken out by an end.
func (s *State) takesOut(by actions.Statement, ch actions.Change, at time.Time) (officers []workforce.WorkerID, after *State) {
	after = s.Clone()
	after.effect(ledger.Body{Number: s.Next, Time: canonical.At(at)}, by, ch, nil)
	f := policy.DeskFacts(actions.DeskAdmit, actions.Burdening, actions.PartWorkforce)
	was, now := s.People, after.People
	if _, ok := ch.(actions.Freeze); ok {
		was, now = s.thawed(), after.thawed()
	}
	then, _ := s.left(was, f, at)
	left, _ := after.left(now, f, at)
	for _, o := range then {
		if o.Worker != by.Signer && !has(left, o.Worker) {
			officers = append(officers, o.Worker)
		}
	}
	return officers, after
}

// notAlone returns the reason why one person may not make a relieving change alone; empty
// if one person may.
func (s *State) notAlone(by actions.Statement, ch actions.Change, at time.Time) string {
	if why := s.again(by, ch, at); why != "" {
		return why
	}
	if !ofPeople(ch) {
		return ""
	}
	officers, after := s.takesOut(by, ch, at)
	if len(officers) == 0 {
		return ""
	}
	out := slices.Clone(officers)
	for _, r := range s.relief {
		if r.by == by.Signer && r.kind == "officer" && at.Sub(r.at) < AloneWithin && !slices.Contains(out, r.who) {
			out = append(out, r.who)
		}
	}
	if len(out) > 1 {
		return "One person takes out one officer alone in 7 days; a further one takes the countersignatures of a burdening change of the desk."
	}
	if _, ok := ch.(actions.Freeze); !ok && after.lacking(after.thawed(), at) {
		return "Without " + string(officers[0]) + " too few officers are left for what the policy asks, so one person alone suspends and does not end: `countersign freeze worker " +
			string(officers[0]) + "`. Then everybody who is left ends or revokes together."
	}
	return ""
}

// again returns the reason why one person may not make a relieving change alone a second
// time after several people took it back; empty if they did not. Without this rule, a thaw
// by several would last only until the same person signs again.
func (s *State) again(by actions.Statement, ch actions.Change, at time.Time) string {
	_, keys := ch.(actions.Keys)
	for _, f := range s.hits(by.Signer, ch) {
		for _, r := range s.relief {
			taken := r.kind == "undone" || r.kind == "rekeyed" && keys
			if r.by != by.Signer || !taken || at.Sub(r.at) >= AloneWithin || !s.overlap(r.of, f) {
				continue
			}
			if f.People() {
				return "Several people have taken back within 7 days what " + string(by.Signer) + " did alone to " + named(r.of) + ". For " + string(by.Signer) +
					", doing it again takes the countersignatures of a burdening change of the desk. Anybody else may do it as before."
			}
			if at.Sub(r.at) < PlaceWithin {
				return "Several people have thawed within 24 hours what " + string(by.Signer) + " froze alone: " + named(r.of) + ". For " + string(by.Signer) +
					", freezing it again takes the countersignatures of a burdening change of the desk. Anybody else on call may freeze it as before."
			}
		}
	}
	return ""
}

// named returns a name for the scope of a freeze.
func named(f actions.Freeze) string {
	switch {
	case f.Scope == actions.ScopeAll:
		return "everything"
	case f.Scope == actions.ScopeVendor && f.Of == "":
		return "the employees"
	}
	return "the " + f.Scope + " " + f.Of
}

// hits returns what a change stops, in the form of freezes: a place, a vendor's people, or
// the workers whose engagement or keys it ends, without its own requester. It is empty if
// the change stops nothing.
func (s *State) hits(by workforce.WorkerID, ch actions.Change) (all []actions.Freeze) {
	worker := func(w workforce.WorkerID) {
		if w != by {
			all = append(all, actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: string(w)})
		}
	}
	switch c := ch.(type) {
	case actions.Freeze:
		if !c.Thaws() {
			all = append(all, c)
		}
	case actions.Engagement:
		if c.Op == "end" {
			worker(c.Worker)
		}
	case actions.Keys:
		for _, id := range c.Revoke {
			k, _ := s.People.Key(id)
			worker(k.Worker)
		}
	}
	return all
}

// overlap reports whether a new freeze stops some of the people, or the acts at the place,
// that an earlier freeze stopped which was taken back.
func (s *State) overlap(a, b actions.Freeze) bool {
	vendor := func(f actions.Freeze) string {
		if f.Scope == actions.ScopeWorker {
			w, _ := s.People.Worker(workforce.WorkerID(f.Of))
			return string(w.Vendor)
		}
		return f.Of
	}
	switch {
	case a.People() != b.People():
		return false
	case a.Scope == b.Scope:
		return a.Of == b.Of
	case a.People():
		return vendor(a) == vendor(b) // a worker, and all people of the company
	}
	// A freeze of everything includes each platform. Somebody whose freeze of a platform
	// was thawed may still need the brake for everything, and has it once.
	return a.Scope == actions.ScopeAll
}

// takenBack returns, for the limits, the earlier acts of one person that a change of
// several people takes back.
func (s *State) takenBack(ch actions.Change, at time.Time) (all []relief) {
	worker := func(kind string, w workforce.WorkerID) {
		for _, r := range s.relief {
			if r.kind == "out" && r.who == w && at.Sub(r.at) < AloneWithin {
				all = append(all, relief{by: r.by, kind: kind, of: actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: string(w)}, at: at})
			}
		}
	}
	switch c := ch.(type) {
	case actions.Freeze:
		if f, on := s.Freezes[c.Key()]; c.Thaws() && on && f.Alone {
			all = append(all, relief{by: f.By, kind: "undone", of: f.Freeze, at: at})
		}
	case actions.Engagement:
		if c.Op == "reinstate" {
			worker("undone", c.Worker)
		}
	case actions.Keys:
		// A new key for a worker who had no live key takes back a revocation. It does not
		// keep anybody from suspending that worker.
		for _, e := range c.Enrol {
			seat := s.People.Seat(e.Worker)
			if seat == nil {
				continue
			}
			if _, live := seat.Best(at); !live {
				worker("rekeyed", e.Worker)
			}
		}
	}
	return all
}

// mayEnd returns the refusal if one person may not end a worker's engagement or revoke a
// key of theirs alone. Everybody may end their own.
func (s *State) mayEnd(by, target workforce.WorkerID, at time.Time) error {
	if s.Laws < 2 || by == target {
		return nil
	}
	b, _ := s.People.Worker(by)
	t, _ := s.People.Worker(target)
	st := s.People.StandingOf(&b, at)
	no := func(format string, args ...any) error {
		return refuse("not-yours-to-end", format+" Suspend %s instead with `countersign freeze worker %s`: several people thaw that.", append(args, target, target)...)
	}
	switch {
	case at.Before(b.Counts()):
		return no("%s is a newcomer, and may not end anybody's engagement or revoke anybody's key.", by)
	case st.InNotice || st.Ratchet:
		return no("%s is about to leave, and may not end anybody's engagement or revoke anybody's key.", by)
	case b.Vendor != "" && b.Vendor != t.Vendor:
		return no("%s is a contractor of %s, and may not end engagements or revoke keys of people of another company.", by, b.Vendor)
	case st.Has(workforce.Officer) || s.few != nil || s.Reports(target, by):
		return nil
	}
	return no("%s does not report to %s, and %s is no officer.", target, by, by)
}

// Reports reports whether a boss is in a worker's line of managers now. Managers from
// before a change count against independence, but have no power.
func (s *State) Reports(w, boss workforce.WorkerID) bool {
	seen := map[workforce.WorkerID]bool{}
	for at, ok := s.People.Worker(w); ok && at.Manager != "" && !seen[at.Worker]; at, ok = s.People.Worker(at.Manager) {
		if at.Manager == boss {
			return true
		}
		seen[at.Worker] = true
	}
	return false
}

// maySuspend returns the refusal if one person may not suspend a worker, or a vendor's
// people, alone.
func (s *State) maySuspend(by workforce.WorkerID, c actions.Freeze, at time.Time) error {
	if s.Laws < 2 {
		return nil
	}
	b, _ := s.People.Worker(by)
	st := s.People.StandingOf(&b, at)
	leaving := at.Before(b.Counts()) || st.InNotice || st.Ratchet
	theirs := workforce.VendorID(c.Of)
	if c.Scope == actions.ScopeWorker {
		t, _ := s.People.Worker(workforce.WorkerID(c.Of))
		theirs = t.Vendor
	}
	foreign := b.Vendor != "" && theirs != b.Vendor
	if c.Scope == actions.ScopeVendor && (leaving || foreign) {
		return refuse("not-yours-to-freeze", "%s is a newcomer, is about to leave, or is a contractor of another company, and so may not suspend all people of a company at once. Somebody else on call may.", by)
	}
	if !leaving && !foreign {
		return nil
	}
	n := 0
	for _, r := range s.relief {
		if r.by == by && r.kind == "suspend" && at.Sub(r.at) < 24*time.Hour {
			n++
		}
	}
	if n >= fewSuspensions {
		return fault.New(fault.Exhausted, "budget-spent",
			"%s is a newcomer, is about to leave, or is a contractor of another company, and so may suspend at most %d people in 24 hours. Let somebody else do it.", by, fewSuspensions)
	}
	return nil
}

// mayReinstate returns the refusal if the end of an engagement cannot be taken back.
func (s *State) mayReinstate(w workforce.Worker, at time.Time) error {
	switch {
	case s.Laws < 2:
		return refuse("unknown-op", "A reinstatement needs the laws 2, and this desk is judged by the laws %d. `countersign laws adopt --reason WHY` changes that.", s.Laws)
	case w.Ended.IsZero() || at.Before(w.Ended.Time):
		return fault.New(fault.Conflict, "wrong-state", "The engagement of %s was not ended.", w.Worker)
	case !at.Before(w.Ended.Add(actions.ReinstateWithin)):
		return fault.New(fault.Conflict, "wrong-state", "The engagement of %s was ended at %s, more than 7 days ago; an admission begins a new one.", w.Worker, w.Ended)
	case !w.Last.IsZero() && !at.Before(w.Last.Time):
		return fault.New(fault.Conflict, "wrong-state", "The engagement of %s would have ended at %s by itself; an admission begins a new one.", w.Worker, w.Last)
	}
	return nil
}
