package exposure

import (
	"slices"

	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// Alike is people of whom the same is true, and why they can or cannot.
type Alike struct {
	Count   int
	Sort    Sort
	Reasons []policy.Reason
	members []workforce.WorkerID
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
func (a Alike) People() []workforce.WorkerID { return slices.Sorted(slices.Values(a.members)) }

// Alone is who could do an act now, at once and without anybody else.
type Alone struct {
	Count  int // of those who can
	Can    []Alike
	Cannot []Alike
}

// Reasons for those whom no policy stops.
const (
	lawKey        = "law.no-live-key"
	lawEngagement = "law.not-engaged"
	lawHardware   = "law.key-not-hardware"
)

// Alone says who could do an act now, at once and without anybody else. With a
// view that is kept it costs one ruling for each class.
func (v *View) Alone(q Question) (Alone, error) {
	ways, err := q.ways()
	if err != nil {
		return Alone{}, err
	}
	var a Alone
	for i := range v.classes {
		c := &v.classes[i]
		for _, part := range split(c, q.Measured) {
			p := Alike{Count: len(part), Sort: sortOf(c.standing, c.key), members: part}
			var can bool
			if can, p.Reasons = v.alone(ways, c, part[0]); can {
				a.Can = append(a.Can, p)
				a.Count += p.Count
			} else {
				a.Cannot = append(a.Cannot, p)
			}
		}
	}
	return a, nil
}

// split parts the one whose own measure it is from the others of a class.
func split(c *class, own workforce.WorkerID) [][]workforce.WorkerID {
	i := -1
	if own != "" {
		i = slices.Index(c.members, own)
	}
	if i < 0 || len(c.members) == 1 {
		return [][]workforce.WorkerID{c.members}
	}
	return [][]workforce.WorkerID{{own}, slices.Concat(c.members[:i], c.members[i+1:])}
}

// alone says whether those of a class can, and why or why not: of the ways that
// fail the first that is open to them.
func (v *View) alone(ways []way, c *class, id workforce.WorkerID) (bool, []policy.Reason) {
	if !c.standing.Engaged {
		return false, []policy.Reason{{Policy: lawEngagement, Text: "The engagement has not begun, has ended or cannot be read."}}
	}
	if c.key == noKey {
		return false, []policy.Reason{{Policy: lawKey, Text: "There is no live key to sign with."}}
	}
	var why []policy.Reason
	for _, w := range ways {
		if !w.admits(id) {
			continue
		}
		r := v.rule(w, c)
		n := r.Need
		switch {
		case r.Verdict == policy.Forbidden, n.All, n.Independent > 0, n.Wait > 0:
			if why == nil {
				why = r.Reasons
			}
		case n.Hardware && c.key != hardwareKey:
			if why == nil {
				why = []policy.Reason{{Policy: lawHardware, Text: "It needs a key that is bound to hardware."}}
			}
		default:
			return true, r.Reasons
		}
	}
	return false, why
}
