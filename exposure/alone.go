package exposure

import (
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// Alike is a group of people who can, or cannot, do an act for the same reasons.
type Alike struct {
	Count   int
	Sort    Sort
	Reasons []policy.Reason
	members []member
}

// Sort is a kind of person, in words that name nobody.
type Sort struct {
	Vendor   workforce.VendorID // of one of them, where they are not employees
	Employee bool
	Roles    []workforce.Role
	Hardware bool // has a live key that is bound to hardware
}

func sortOf(st workforce.Standing, k keyed) Sort {
	return Sort{Vendor: st.Vendor, Employee: st.Employee, Roles: st.Roles, Hardware: k == hardwareKey}
}

// People names everybody, by worker.
func (a Alike) People() []workforce.WorkerID {
	ids := make([]workforce.WorkerID, 0, len(a.members))
	for _, m := range a.members {
		ids = append(ids, m.id)
	}
	slices.Sort(ids)
	return ids
}

// Alone is the answer to the question which people could do an act now, at once and
// without anybody else.
type Alone struct {
	Count int // of the people who can
	// Session counts those of them whose session alone is enough: whoever has its key does the
	// act in their name.
	Session int
	Can     []Alike
	Cannot  []Alike
}

// Reasons for people whom no policy stops.
const (
	lawKey        = "law.no-live-key"
	lawEngagement = "law.not-engaged"
	lawHardware   = "law.key-not-hardware"
	lawFrozen     = "law.frozen"
	lawEmergency  = "law.emergency-in-notice"
	lawSession    = "law.own-key-needed"
)

func (v *View) findAlone(q Question) (Alone, error) {
	ways, err := q.ways(v.state.Policy)
	if err != nil {
		return Alone{}, err
	}
	var a Alone
	for i := range v.classes {
		c := &v.classes[i]
		for _, part := range split(c, q.Measured) {
			p := Alike{Count: len(part), Sort: sortOf(c.standing, c.key), members: part}
			var can bool
			if can, p.Reasons = v.alone(ways, i, part[0].id, false); can {
				a.Can = append(a.Can, p)
				a.Count += p.Count
				if session, _ := v.alone(ways, i, part[0].id, true); session {
					a.Session += p.Count
				}
			} else {
				a.Cannot = append(a.Cannot, p)
			}
		}
	}
	return a, nil
}

// split parts the person who requested the measure from the others of a class.
func split(c *class, own workforce.WorkerID) [][]member {
	i := -1
	if own != "" {
		i = slices.IndexFunc(c.members, func(m member) bool { return m.id == own })
	}
	if i < 0 || len(c.members) == 1 {
		return [][]member{c.members}
	}
	return [][]member{{c.members[i]}, slices.Concat(c.members[:i], c.members[i+1:])}
}

// alone says whether the people of a class can do the act, and gives the reasons. If they
// cannot, the reasons are those of the first way that is open to them. session says that only
// the key of a session of theirs is at hand, and not their own key.
func (v *View) alone(ways []way, class int, id workforce.WorkerID, session bool) (bool, []policy.Reason) {
	c := &v.classes[class]
	if session && v.state.Formats < 2 {
		return false, because(lawSession, "This desk signs in formats that have no sessions.")
	}
	if !c.standing.Engaged {
		return false, because(lawEngagement, "The engagement has not begun, has ended or cannot be read.")
	}
	if c.key == noKey {
		return false, because(lawKey, "There is no live key to sign with.")
	}
	var why []policy.Reason
	no := func(rs []policy.Reason) {
		if why == nil {
			why = rs
		}
	}
	for _, w := range ways {
		if !w.admits(id) {
			continue
		}
		r := v.requests(w, asTheyAre)[class]
		n := r.Need
		if session {
			if err := proof.UnderSession(w.facts.Kind, w.verdict(), w.facts.Subject.Tier); err != nil {
				no(because(lawSession, fault.TextOf(err)))
				continue
			}
		}
		switch {
		case r.Verdict == policy.Forbidden, n.All, n.Independent > 0, n.Wait > 0:
			no(r.Reasons)
		case v.stopped(w, c, asTheyAre):
			no(because(lawFrozen, "These acts are frozen until several people thaw them."))
		case w.bars(c.standing):
			no(because(lawEmergency, "Emergency acts are not open to who has given notice or is in the last days."))
		case n.Hardware && (c.key != hardwareKey || session):
			no(because(lawHardware, "It needs a key that is bound to hardware."))
		default:
			return true, r.Reasons
		}
	}
	return false, why
}

func because(law, text string) []policy.Reason { return []policy.Reason{{Policy: law, Text: text}} }

// Person is one person at an instant. Can answers what they could do alone.
type Person struct {
	view *View
	id   workforce.WorkerID
}

// PersonOf returns one person at an instant. At a later instant the person is shown as they
// will be if nothing changes but the time.
func PersonOf(s *proof.State, id workforce.WorkerID, at time.Time) (*Person, error) {
	v, err := newView(s, at)
	if err != nil {
		return nil, err
	}
	seat := s.People.Seat(id)
	if seat == nil {
		return nil, fault.New(fault.NotFound, "no-such-worker", "There is no worker %s at this desk.", id)
	}
	p := shard{view: v}
	m, k := p.place(seat)
	v.classes = []class{{alike: k, first: id, standing: s.People.Standing(id, at), members: []member{m}}}
	return &Person{v, id}, nil
}

// Can says whether the person could do an act, at once and without anybody else, and
// gives the reasons.
func (p *Person) Can(q Question) (bool, []policy.Reason, error) {
	ways, err := q.ways(p.view.state.Policy)
	if err != nil {
		return false, nil, err
	}
	can, why := p.view.alone(ways, 0, p.id, false)
	return can, why, nil
}

// CanUnderSession says whether whoever has the key of a session of the person could do an act
// in their name, at once and without anybody else, and gives the reasons. It asks what Judge
// asks: which kinds a session signs, on which tiers, and that it is no hardware.
func (p *Person) CanUnderSession(q Question) (bool, []policy.Reason, error) {
	ways, err := q.ways(p.view.state.Policy)
	if err != nil {
		return false, nil, err
	}
	can, why := p.view.alone(ways, 0, p.id, true)
	return can, why, nil
}

// Ends counts the people, without the worker, who could end all sessions of a worker at an
// instant, each of them alone.
func Ends(s *proof.State, of workforce.WorkerID, at time.Time) (n int) {
	v := actions.Void{Scope: actions.ScopeWorker, Of: string(of), Before: canonical.At(at)}
	for _, w := range s.People.Sorted() {
		if w.Worker != of && s.MayVoid(w.Worker, v, at) == nil {
			n++
		}
	}
	return n
}
