package proof

import (
	"slices"

	"countersign.dev/fault"
)

// MayLabel reports whether the chain lists the value of a label for a platform. Only what
// sets a label asks: a label that stands may be taken away whatever its value. Errors are
// faults of type "label-not-listed".
func (s *State) MayLabel(on, value string) error {
	if slices.Contains(s.Platforms[on].Labels, value) {
		return nil
	}
	return fault.New(fault.Forbidden, "label-not-listed", "The governance chain does not list the label %q for the platform %s. A desk.change of the platform lists it.", value, on)
}
