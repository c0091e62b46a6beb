package proof

import (
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// Reviewed is a review that was closed.
type Reviewed struct {
	actions.Review
	By      workforce.WorkerID
	At      canonical.Time
	Request string
}

// mayReview checks that a review is closed only once, and by people who are independent of
// everybody involved. A review that left somebody out may be closed again if it names that
// person as well. Otherwise a wrongly closed review would lock for ever whatever waits for
// it.
func (s *State) mayReview(a Authority, c actions.Review, at time.Time) error {
	if r, ok := s.Reviewed[c.Of+" "+c.ID]; ok && !names(c.Involved, r.Involved) {
		return fault.New(fault.Conflict, "wrong-state", "That review was closed at %s.", r.At)
	}
	depends := s.dependence(at)
	for _, signed := range append([]actions.Signed{a.Request}, a.Countersignatures...) {
		for _, involved := range c.Involved {
			if signed.Statement.Signer == involved {
				return refuse("own-review", "%s was involved, and may not sign the closing of the review.", involved)
			}
			if why := depends(signed.Statement.Signer, involved); why != "" {
				return refuse("own-review", "This signature does not count for closing the review: %s.", why)
			}
		}
	}
	return nil
}

// names reports whether people are all of those in before, and at least one more.
func names(people, before []workforce.WorkerID) bool {
	for _, w := range before {
		if !slices.Contains(people, w) {
			return false
		}
	}
	return len(people) > len(before)
}

// checkEmergency makes the demands on an emergency act that no policy can loosen (design,
// law 2): the act is short, and nobody who requests or countersigns it is about to leave.
func (s *State) checkEmergency(a actions.Action, request actions.Signed, signer actions.Signer) error {
	if !emergency(a) {
		return nil
	}
	if a.Until.Sub(request.Statement.NotBefore.Time) > actions.EmergencyMost {
		return refuse("emergency-too-long", "An emergency act stands for %s at most; for longer, have a takedown countersigned.", actions.EmergencyMost)
	}
	if signer.Standing.InNotice || signer.Standing.Ratchet {
		return refuse("emergency-in-notice", "%s has given or been given notice, or is in the last days: emergency acts are not open to them.", signer.Worker)
	}
	return nil
}

func emergency(a actions.Action) bool {
	spec, _ := actions.SpecOf(a.Kind)
	return spec.Emergency
}

// ReviewOf returns the closed review of an emergency act that these people signed and that
// was begun at an instant. ok is false if the review is open still, if it was closed before
// the act was begun, or if it left out somebody who signed: then nobody has reviewed that
// person's part.
func (s *State) ReviewOf(request string, signers []workforce.WorkerID, begun canonical.Time) (r Reviewed, ok bool) {
	r, ok = s.Reviewed[actions.ReviewEmergency+" "+request]
	ok = ok && !r.At.Before(begun.Time)
	for _, w := range signers {
		ok = ok && slices.Contains(r.Involved, w)
	}
	return r, ok
}
