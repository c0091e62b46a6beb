package policy

// Class is what a set can tell of a worker. Classes of one set are comparable,
// and the set rules alike on everybody of a class.
type Class struct{ class }

// ClassOf returns a worker's class, so that a caller with many workers rules
// once for all who are alike.
func (s *Set) ClassOf(w Worker) Class { return Class{s.classOf(w)} }
