package policy

// Class holds the facts about a worker that a set can tell apart. Classes of one set are
// comparable, and the set gives all people of a class the same ruling.
type Class struct{ class }

// ClassOf returns a worker's class, so that a caller with many workers rules
// once for all who are alike.
func (s *Set) ClassOf(w Worker) Class { return Class{s.classOf(w)} }

// Packed returns the class as a number, different for each, if the set names
// neither the worker nor the vendor.
func (c Class) Packed() (n uint32, ok bool) {
	return uint32(c.class.flags)<<8 | uint32(c.class.roles), c.class.id == "" && c.class.vendor == ""
}
