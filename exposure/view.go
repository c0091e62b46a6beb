package exposure

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// View holds everybody at a desk at an instant, by class. It may be kept, and used by
// several goroutines at once: its answers stay true while Holds. It remembers its
// answers.
type View struct {
	state    *proof.State
	head     canonical.Digest
	at       time.Time
	until    time.Time // the next instant at which anybody's standing changes; zero: never
	classes  []class
	bosses   func() map[workforce.WorkerID]bool
	needed   func() []proof.Indispensable
	recovery func() Row         // without the act that follows
	people   func() []candidate // everybody who could be in a group; of people who are alike, one
	ruled    sync.Map           // of rulingKey → *rulings
	said     sync.Map           // of Question → *answers
	depends  sync.Map           // of two workers → bool

	remembered atomic.Int64 // pairs in depends
}

// keyed is the best live key that somebody has.
type keyed uint8

const (
	noKey keyed = iota
	plainKey
	hardwareKey
)

// class is a set of people on whom every ruling is the same, and who have the same sort
// of key.
type class struct {
	alike
	first    workforce.WorkerID // the person of the class who was admitted first
	standing workforce.Standing // that person's standing
	members  []member
}

// alike holds the facts in which all people of a class agree.
type alike struct {
	class      policy.Class
	key        keyed
	frozen     bool // their acts are frozen, by their own name or their vendor's
	unadmitted bool // would be engaged if their vendor were admitted
	contractor bool
}

// packed returns the class as a number, if it is of people whom the set does not name.
func (a alike) packed() (n uint64, ok bool) {
	c, ok := a.class.Packed()
	n = uint64(c)<<8 | uint64(a.key)
	for i, is := range [...]bool{a.frozen, a.unadmitted, a.contractor} {
		if is {
			n |= 1 << (2 + i)
		}
	}
	return n, ok
}

// member holds the facts about one person that a search for groups reads.
type member struct {
	id      workforce.WorkerID
	vendor  workforce.VendorID
	manager workforce.WorkerID
	class   int32
	plain   bool // has no superseded ties
	counts  bool // counts as independent of anybody at all
	steady  bool // their standing does not change within a week
}

// ViewOf sorts everybody into classes at an instant. The state must not be changed while
// the view is in use; if it is shared, pass a Clone of it.
func ViewOf(s *proof.State, at time.Time) (*View, error) {
	v, err := newView(s, at)
	if err != nil {
		return nil, err
	}
	v.sort(s.People.Seats())
	for i := range v.classes {
		v.classes[i].standing = s.People.Standing(v.classes[i].first, at)
	}
	slices.SortFunc(v.classes, func(a, b class) int { return compare(a.standing.Worker, b.standing.Worker) })
	return v, nil
}

func newView(s *proof.State, at time.Time) (*View, error) {
	if !s.Founded() || !s.Settled() {
		return nil, fault.New(fault.Conflict, "not-settled", "The desk is not founded, or an admission is incomplete: nobody knows yet who is at the desk.")
	}
	v := &View{state: s, head: s.Head, at: at}
	v.bosses = sync.OnceValue(v.findBosses)
	v.needed = sync.OnceValue(func() []proof.Indispensable { return s.IndispensableFor(at) })
	v.recovery = sync.OnceValue(func() Row {
		s := v.survivors()
		return s.fewest()
	})
	v.people = sync.OnceValue(func() []candidate { return v.candidates(func(workforce.WorkerID) bool { return true }) })
	return v, nil
}

// frozen reports whether somebody's acts are frozen by their own name or their vendor's.
func (v *View) frozen(w *workforce.Worker) bool {
	if len(v.state.Freezes) == 0 {
		return false
	}
	_, worker := v.state.Freezes[actions.Freeze{Scope: actions.ScopeWorker, Of: string(w.Worker)}.Key()]
	_, vendor := v.state.Freezes[actions.Freeze{Scope: actions.ScopeVendor, Of: string(w.Vendor)}.Key()]
	return worker || vendor
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

// findBosses returns all people to whom somebody reports, or reported lately.
func (v *View) findBosses() map[workforce.WorkerID]bool {
	bosses := map[workforce.WorkerID]bool{}
	for i := range v.classes {
		for _, m := range v.classes[i].members {
			bosses[m.manager] = true
			if !m.plain {
				for _, t := range v.state.People.Seat(m.id).Past {
					bosses[t.Manager] = true
				}
			}
		}
	}
	return bosses
}

// sight is how people are seen after a change of the desk.
type sight uint8

const (
	asTheyAre sight = iota
	keyedAll        // each engaged person has a hardware key
	extended        // nobody is near their last day
	admitted        // every vendor is admitted and has no ratchet
	thawed          // nothing is frozen
	recovered       // each engaged person has a hardware key, and nothing is frozen
)

// borrows reports whether people sign with keys in the names of others.
func (s sight) borrows() bool { return s == keyedAll || s == recovered }

// of returns the standing of a class after the change.
func (s sight) of(c *class) workforce.Standing {
	st := c.standing
	switch s {
	case extended:
		st.Ratchet = st.Ratchet && !st.Engaged
	case admitted:
		st.Engaged = st.Engaged || c.unadmitted
		st.Ratchet = st.Ratchet && !c.contractor
	}
	return st
}

// keyOf returns the best key that they have after the change.
func (s sight) keyOf(k keyed) keyed {
	if s.borrows() {
		return hardwareKey
	}
	return k
}

// rulings are the set's answers about one way to ask, for each class: whether its people
// may request the act, which need it then has, and whether they may countersign it.
type rulings struct {
	once, twice sync.Once
	request     []policy.Ruling
	countersign []bool
}

// rulingKey is a way to ask, without the requester.
type rulingKey struct {
	kind      actions.Kind
	direction actions.Direction
	effect    actions.Effect
	verb      string
	category  actions.Category
	lifts     actions.Lifts
	caseGiven bool
	platform  string
	part      string
	tier      actions.Tier
	sight     sight
}

func (v *View) rulings(w way, s sight) *rulings {
	f := w.facts
	k := rulingKey{f.Kind, f.Direction, f.Effect, string(f.Verb), f.Category, f.Lifts, f.CaseGiven, f.Subject.Platform, f.Subject.Part, f.Subject.Tier, s}
	r, ok := v.ruled.Load(k)
	if !ok {
		r, _ = v.ruled.LoadOrStore(k, &rulings{})
	}
	return r.(*rulings)
}

// requests returns the ruling on a request by each class.
func (v *View) requests(w way, s sight) []policy.Ruling {
	r := v.rulings(w, s)
	r.once.Do(func() {
		r.request = make([]policy.Ruling, len(v.classes))
		for i := range r.request {
			r.request[i].Verdict = policy.Forbidden // people who are not engaged need not be asked about
		}
		said := map[policy.Class]policy.Ruling{}
		v.each(w, s, v.state.Policy.LensOf(w.facts.Kind), func(i int, c policy.Class, f policy.Facts) {
			ruling, ok := said[c]
			if !ok {
				ruling = v.state.Rule(f)
				said[c] = ruling
			}
			r.request[i] = ruling
		})
	})
	return r.request
}

// countersigns reports for each class whether policy lets them countersign.
func (v *View) countersigns(w way, s sight) []bool {
	r := v.rulings(w, s)
	r.twice.Do(func() {
		r.countersign = make([]bool, len(v.classes))
		said := map[policy.Class]bool{}
		v.each(w, s, v.state.Policy.CountersignLens(), func(i int, c policy.Class, f policy.Facts) {
			may, ok := said[c]
			if !ok {
				may = v.state.Policy.MayCountersign(f).Verdict == policy.Permitted
				said[c] = may
			}
			r.countersign[i] = may && f.Worker.Engaged
		})
	})
	return r.countersign
}

// each calls do for every class of engaged people, with the facts of a ruling on them as
// far as the lens shows them.
func (v *View) each(w way, s sight, lens policy.Lens, do func(i int, c policy.Class, f policy.Facts)) {
	f := w.facts
	for i := range v.classes {
		if f.Worker = policy.WorkerOf(s.of(&v.classes[i])); !f.Worker.Engaged {
			continue
		}
		do(i, lens.ClassOf(v.state.Policy.ClassOf(f.Worker)), f)
	}
}

// stopped reports whether a freeze stops a burdening act that people of a class request
// or countersign. A freeze does not stop the votes for a thaw by people who are not
// frozen themselves.
func (v *View) stopped(w way, c *class, s sight) bool {
	if len(v.state.Freezes) == 0 || s == thawed || s == recovered || w.facts.Direction == actions.Relieving {
		return false
	}
	if c.frozen {
		return true
	}
	if w.facts.Kind == actions.DeskFreeze {
		return false
	}
	if _, all := v.state.Freezes[actions.Freeze{Scope: actions.ScopeAll}.Key()]; all {
		return true
	}
	_, platform := v.state.Freezes[actions.Freeze{Scope: actions.ScopePlatform, Of: w.facts.Subject.Platform}.Key()]
	return platform && w.facts.Subject.Sort != policy.Desk
}
