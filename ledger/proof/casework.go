package proof

import "countersign.dev/workforce"

// MayWork refuses a worker whose work on cases a freeze stops.
func (s *State) MayWork(w workforce.WorkerID, st workforce.Standing) error {
	return s.frozen(w, st, "")
}
