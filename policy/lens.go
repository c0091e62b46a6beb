package policy

import (
	"iter"

	"countersign.dev/actions"
	"countersign.dev/workforce"
)

// Lens is what the policies that speak of a kind of act, or of countersigning,
// can tell apart. Two people who look alike through it are ruled on alike for
// that kind, so that a caller with many people asks for fewer than by Class.
type Lens struct {
	set   *Set
	names names
}

// LensOf returns the lens of a kind of act.
func (s *Set) LensOf(k actions.Kind) Lens { return Lens{s, s.lenses[k]} }

// Reads reports whether any of the policies reads an attribute of the worker, the
// subject or the context.
func (l Lens) Reads(attribute string) bool {
	_, ok := l.names.read[attribute]
	return ok
}

// ClassOf returns the class of a worker as far as the lens shows it.
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

// Classes yields one worker of each class that the lens can tell apart, whether or
// not there is or could be such a person. The error is a fault of type
// "bad-policy" where they are too many to look at.
func (l Lens) Classes() (iter.Seq[Worker], error) { return classesOf(l.names) }

// lensesOf collects what the policies of each action name.
func (s *Set) lensesOf() map[actions.Kind]names {
	all := map[actions.Kind]names{}
	for _, spec := range actions.Catalogue() {
		n := newNames()
		for _, uid := range []string{string(spec.Kind), string(actionCountersign.ID)} {
			for _, r := range s.slices[literal(typeAction, uid)] {
				n.add(r.names)
			}
		}
		all[spec.Kind] = n
	}
	return all
}

// flags has a bit for each attribute of a worker that is read, in the order of
// the function of that name.
func (n names) flags() int {
	m := 0
	for i, name := range []string{"employee", "engaged", "in_notice", "ratchet", "newcomer"} {
		if _, ok := n.read[name]; ok {
			m |= 1 << i
		}
	}
	return m
}

// roleBits has a bit for each role that is named, and that for unknown ones.
func (n names) roleBits() uint8 {
	m := uint8(1 << 7)
	for r := range n.roles {
		m |= roleMask([]workforce.Role{r})
	}
	return m
}
