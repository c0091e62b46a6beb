package exposure

import (
	"slices"
	"time"

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
	Count  int // of the people who can
	Can    []Alike
	Cannot []Alike
}

// Reasons for people whom no policy stops.
const (
	lawKey        = "law.no-live-key"
	lawEngagement = "law.not-engaged"
	lawHardware   = "law.key-not-hardware"
	lawFrozen     = "law.frozen"
	lawEmergency  = "law.emergency-in-notice"
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
			if can, p.Reasons = v.alone(ways, i, part[0].id); can {
				a.Can = append(a.Can, p)
				a.Count += p.Count
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
// cannot, the reasons are those of the first way that is open to them.
func (v *View) alone(ways []way, class int, id workforce.WorkerID) (bool, []policy.Reason) {
	c := &v.classes[class]
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
		switch {
		case r.Verdict == policy.Forbidden, n.All, n.Independent > 0, n.Wait > 0:
			no(r.Reasons)
		case v.stopped(w, c, asTheyAre):
			no(because(lawFrozen, "These acts are frozen until several people thaw them."))
		case w.bars(c.standing):
			no(because(lawEmergency, "Emergency acts are not open to who has given notice or is in the last days."))
		case n.Hardware && c.key != hardwareKey:
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
	can, why := p.view.alone(ways, 0, p.id)
	return can, why, nil
}
