package workforce

import (
	"fmt"
	"time"
)

// Dependence says why two workers do not count as independent of each other.
// The empty string means that they are independent (design, law 4).
//
// Organisation: different vendors; two employees count as different. Line:
// neither in the other's chain of managers, and different direct managers.
// Ties superseded less than Settle ago count as well, and a worker admitted
// less than Settle ago is independent of nobody, save by the founding import.
func (r *Registry) Dependence(a, b WorkerID, at time.Time) string {
	if a == b {
		return fmt.Sprintf("%s cannot countersign their own act", a)
	}
	wa, oka := r.Worker(a)
	wb, okb := r.Worker(b)
	if !oka || !okb {
		return fmt.Sprintf("%s and %s are not both workers of this desk", a, b)
	}
	for _, w := range []Worker{wa, wb} {
		if at.Before(w.Counts()) {
			return fmt.Sprintf("%s was admitted less than 30 days ago; independence counts from %s", w.Worker, w.Counts().UTC().Format("2 January 2006"))
		}
	}
	ta, tb := wa.Ties(at), wb.Ties(at)
	for _, x := range ta {
		for _, y := range tb {
			if x.Vendor != "" && x.Vendor == y.Vendor {
				return fmt.Sprintf("%s and %s are both with the vendor %s", a, b, x.Vendor)
			}
			if x.Manager != "" && x.Manager == y.Manager {
				return fmt.Sprintf("%s and %s report to the same manager, %s", a, b, x.Manager)
			}
		}
	}
	if r.above(a, b, at) {
		return fmt.Sprintf("%s is in %s's chain of managers", a, b)
	}
	if r.above(b, a, at) {
		return fmt.Sprintf("%s is in %s's chain of managers", b, a)
	}
	return ""
}

// SameLine reports whether two workers are of one line: one is in the other's chain of managers, or they
// have the same direct manager. Ties that were superseded lately count as in Dependence.
func (r *Registry) SameLine(a, b WorkerID, at time.Time) bool {
	wa, oka := r.Worker(a)
	wb, okb := r.Worker(b)
	if !oka || !okb || a == b || r.above(a, b, at) || r.above(b, a, at) {
		return true
	}
	for _, x := range wa.Ties(at) {
		for _, y := range wb.Ties(at) {
			if x.Manager != "" && x.Manager == y.Manager {
				return true
			}
		}
	}
	return false
}

// above reports whether boss is anywhere in the chain of managers above w.
func (r *Registry) above(boss, w WorkerID, at time.Time) bool {
	for _, m := range r.Chain(w, at) {
		if m == boss {
			return true
		}
	}
	return false
}

// Chain returns everybody above a worker, nearest first, by present ties and
// those that still count. A circle of managers ends where it closes.
func (r *Registry) Chain(w WorkerID, at time.Time) []WorkerID {
	var chain []WorkerID
	seen := map[WorkerID]bool{w: true}
	next := []WorkerID{w}
	for len(next) > 0 {
		at0 := next[0]
		next = next[1:]
		worker, ok := r.Worker(at0)
		if !ok {
			continue // a manager who is not at the desk: the chain ends here
		}
		for _, t := range worker.Ties(at) {
			if t.Manager != "" && !seen[t.Manager] {
				seen[t.Manager] = true
				chain = append(chain, t.Manager)
				next = append(next, t.Manager)
			}
		}
	}
	return chain
}
