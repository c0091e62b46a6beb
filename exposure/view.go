package exposure

import (
	"slices"
	"sync"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// View is everybody at a desk at an instant, by class. It may be kept and used
// by many at once: what it says stays true while Holds.
type View struct {
	state   *proof.State
	head    canonical.Digest
	at      time.Time
	until   time.Time // the next instant at which anybody's standing changes; zero: never
	classes []class
	bosses  func() map[workforce.WorkerID]bool
	people  func() []candidate // everybody who could be in a group, save for those who are like another
}

// keyed is the best live key that somebody has.
type keyed uint8

const (
	noKey keyed = iota
	plainKey
	hardwareKey
)

// class is people on whom every ruling is the same, and who have the same sort
// of key.
type class struct {
	standing workforce.Standing // of one of them
	key      keyed
	members  []workforce.WorkerID
}

// alike is what makes a class.
type alike struct {
	class policy.Class
	key   keyed
}

// Look sorts everybody into classes at an instant. The state must not be changed
// while the view is in use; a copy that Clone made need not be.
func Look(s *proof.State, at time.Time) (*View, error) {
	if !s.Founded() || !s.Settled() {
		return nil, fault.New(fault.Conflict, "not-settled", "The desk is not founded, or an admission is incomplete: who is there cannot be said yet.")
	}
	v := &View{state: s, head: s.Head, at: at}
	v.bosses = sync.OnceValue(v.findBosses)
	v.people = sync.OnceValue(func() []candidate { return v.candidates(func(workforce.WorkerID) bool { return true }) })
	keys := v.keys()
	index := map[alike]int{}
	for id, w := range s.People.Workers {
		st := s.People.Standing(id, at)
		k := alike{s.Policy.ClassOf(policy.WorkerOf(st)), keys[id]}
		i, ok := index[k]
		if !ok {
			i = len(v.classes)
			index[k] = i
			v.classes = append(v.classes, class{standing: st, key: k.key})
		}
		v.classes[i].members = append(v.classes[i].members, id)
		v.turn(s.People, &w)
	}
	for i := range v.classes {
		// Not the first that a map happened to yield: answers are repeatable.
		c := &v.classes[i]
		c.standing = s.People.Standing(slices.Min(c.members), at)
	}
	slices.SortFunc(v.classes, func(a, b class) int { return compare(a.standing.Worker, b.standing.Worker) })
	return v, nil
}

func compare[S ~string](a, b S) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Holds reports whether the view is still true of a state at an instant.
func (v *View) Holds(s *proof.State, at time.Time) bool {
	return s.Head == v.head && !at.Before(v.at) && (v.until.IsZero() || at.Before(v.until))
}

// At is the instant that the view is of.
func (v *View) At() time.Time { return v.at }

// keys returns the best live key of each who has one.
func (v *View) keys() map[workforce.WorkerID]keyed {
	best := make(map[workforce.WorkerID]keyed, len(v.state.People.Workers))
	for _, k := range v.state.People.Keys {
		v.turnAt(k.Enrolled.Time)
		v.turnAt(k.Revoked.Time)
		if !k.Live(v.at) {
			continue
		}
		if k.Hardware {
			best[k.Worker] = hardwareKey
		} else if best[k.Worker] == noKey {
			best[k.Worker] = plainKey
		}
	}
	return best
}

// turn notes when the standing of somebody changes next by the mere passing of time.
func (v *View) turn(r *workforce.Registry, w *workforce.Worker) {
	for _, t := range turns(r, w) {
		v.turnAt(t)
	}
	for _, t := range w.Past {
		v.turnAt(t.Until.Add(workforce.Settle))
	}
}

// turns are the instants at which a standing changes, save for superseded ties.
func turns(r *workforce.Registry, w *workforce.Worker) [6]time.Time {
	end := w.End()
	t := [6]time.Time{w.Start.Time, end.Time, w.Notice.Time, w.Settled(), w.Counts()}
	if !end.IsZero() {
		ratchet := workforce.DefaultRatchet
		if vendor, ok := r.Vendors[w.Vendor]; ok {
			ratchet = vendor.Ratchet
		}
		t[5] = end.AddDate(0, 0, -ratchet)
	}
	return t
}

func (v *View) turnAt(t time.Time) {
	if t.After(v.at) && (v.until.IsZero() || t.Before(v.until)) {
		v.until = t
	}
}

// findBosses returns everybody whom somebody reports to or reported to lately.
func (v *View) findBosses() map[workforce.WorkerID]bool {
	bosses := map[workforce.WorkerID]bool{}
	for _, w := range v.state.People.Workers {
		bosses[w.Manager] = true
		for _, t := range w.Past {
			bosses[t.Manager] = true
		}
	}
	return bosses
}

// rule rules on one class.
func (v *View) rule(w way, c *class) policy.Ruling {
	f := w.facts
	f.Worker = policy.WorkerOf(c.standing)
	return v.state.Policy.Rule(f)
}

// mayCountersign reports whether policy lets somebody of this standing countersign.
func (v *View) mayCountersign(f policy.Facts, st workforce.Standing) bool {
	f.Worker = policy.WorkerOf(st)
	return st.Engaged && v.state.Policy.MayCountersign(f).Verdict == policy.Permitted
}
