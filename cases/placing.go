package cases

import "countersign.dev/canonical"

// Replaced returns the case where a queue set puts it that has taken the place of another one;
// old is nil if that one is not known any more. A case that a person moved stays in its queue,
// if there still is one of the name which takes it. The case is due earlier or later by as much
// as the promise changed, so that what its clock stood still stays.
func (c Case) Replaced(old, fresh *QueueSet, digest canonical.Digest) Case {
	q, _ := fresh.Place(c.Facts())
	due := q.Due(c)
	if old != nil {
		was, _ := old.Place(c.Facts())
		kept, _, ok := fresh.Queue(c.Queue)
		if ok && (c.MovedAt != "" || was.Name != c.Queue) && (!c.Grave() || kept.TakesHighest()) {
			q = kept
		}
		due = q.Due(c)
		if before, _, ok := old.Queue(c.Queue); ok {
			due = canonical.At(c.Due.Add(due.Sub(before.dueBefore(c).Time)))
		}
	}
	if q.Name != c.Queue {
		c.MovedAt = ""
	}
	return c.in(q, digest, due)
}
