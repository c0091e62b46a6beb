package proof

import "countersign.dev/workforce"

// Casework reports whether people work on cases at the desk: it has a rule set and a queue
// set. From then on a measure with a case comes from the decision of a claimed case.
func (s *State) Casework() bool { return !s.Rules.Digest.IsZero() && !s.Queues.Digest.IsZero() }

// MayWork refuses a worker whose work on cases a freeze stops.
func (s *State) MayWork(w workforce.WorkerID, st workforce.Standing) error {
	return s.frozen(w, st, "")
}
