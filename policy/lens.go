package policy

import (
	"iter"

	"countersign.dev/actions"
	"countersign.dev/workforce"
)

// Lens shows the facts about people that the policies on a kind of act, or those on
// countersigning, can tell apart. Two people who look alike through it get the same
// ruling, so that a caller with many people asks less often than by Class.
type Lens struct {
	set   *Set
	names names
}

// LensOf returns the lens through which Rule sees the requester of a kind of act.
func (s *Set) LensOf(k actions.Kind) Lens { return Lens{s, s.lenses[string(k)]} }

// CountersignLens returns the lens through which MayCountersign sees people.
func (s *Set) CountersignLens() Lens { return Lens{s, s.lenses[string(actionCountersign.ID)]} }

// Reads reports whether any of the policies reads an attribute of the worker, the
// subject or the context.
func (l Lens) Reads(attribute string) bool {
	_, ok := l.names.read[attribute]
	return ok
}

// ClassOf returns the part of a worker's class that the lens shows.
func (l Lens) ClassOf(c Class) Class {
	c.class.flags &= l.names.flags()
	c.class.roles &= l.names.roleBits()
	if _, ok := l.names.workers[c.class.id]; !ok {
		c.class.id = ""
	}
	if _, ok := l.names.vendors[c.class.vendor]; !ok {
		c.class.vendor = ""
	}
	return c
}

// lensesOf collects, by action, the names that the action's policies mention.
func (s *Set) lensesOf() map[string]names {
	all := map[string]names{}
	for uid, rules := range s.slices {
		n := newNames()
		for _, r := range rules {
			n.add(r.names)
		}
		all[string(uid.ID)] = n
	}
	return all
}

// flags has a bit for each attribute of a worker that policies read, in the order of the
// function of that name.
func (n names) flags() int {
	m := 0
	for i, name := range []string{"employee", "engaged", "in_notice", "ratchet", "newcomer"} {
		if _, ok := n.read[name]; ok {
			m |= 1 << i
		}
	}
	return m
}

// roleBits has a bit for each role that policies name, and the bit for unknown roles.
func (n names) roleBits() uint8 {
	m := uint8(1 << 7)
	for r := range n.roles {
		m |= roleMask([]workforce.Role{r})
	}
	return m
}

// Anybody yields one worker of each class that the lens can tell apart, among people who
// could be engaged at a desk with these vendors: newcomers and others, leaving or not.
// The empty vendor is for employees.
func (l Lens) Anybody(vendors []workforce.VendorID) iter.Seq[Worker] {
	var firms []workforce.VendorID
	another := false
	for _, v := range vendors {
		if _, ok := l.names.vendors[v]; ok || v == "" || !another {
			firms = append(firms, v)
			another = another || !ok && v != ""
		}
	}
	var named, other []workforce.Role
	for _, r := range workforce.Roles {
		if _, ok := l.names.roles[r]; ok {
			named = append(named, r)
		} else {
			other = append(other, r)
		}
	}
	flags := l.names.flags() >> 2 // in notice, ratchet, newcomer
	ids := append([]workforce.WorkerID{unnamed(l.names.workers)}, sorted(l.names.workers)...)
	return func(yield func(Worker) bool) {
		for _, id := range ids {
			for _, firm := range firms {
				for mask := range 1 << len(named) {
					w := Worker{ID: id, Vendor: firm, Employee: firm == "", Engaged: true}
					for i, r := range named {
						if mask&(1<<i) != 0 {
							w.Roles = append(w.Roles, r)
						}
					}
					if mask == 0 {
						if len(other) == 0 {
							continue // nobody is without a role
						}
						w.Roles = other[:1]
					}
					for f := range 1 << 3 {
						if f&^flags != 0 {
							continue
						}
						w.InNotice, w.Ratchet, w.Newcomer = f&1 != 0, f&2 != 0, f&4 != 0
						if !yield(w) {
							return
						}
					}
				}
			}
		}
	}
}
