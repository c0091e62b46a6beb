package proof

import (
	"slices"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/platform"
)

// MayLabel reports whether an action may set its label: the governance chain lists the
// value with the platform. Every action that sets no label may. In particular a label is
// taken away whatever its value: what relieves needs no list (law 5). Errors are faults of
// type "label-not-listed".
func (s *State) MayLabel(a actions.Action) error {
	value, ok := a.Command.Layer.Label()
	if !ok || a.Command.Verb != platform.Label || s.lists(a.Subject.Platform, value) {
		return nil
	}
	listed := s.Platforms[a.Subject.Platform]
	what := "no label is listed"
	if len(listed.Labels) > 0 {
		what = "there are " + strings.Join(listed.Labels, ", ")
	}
	return refuse("label-not-listed",
		"The label %q is not one that this desk sets on %s: %s. Officers list it with `countersign platform labels %[2]s --add %[1]s --reason WHY`.",
		value, a.Subject.Platform, what)
}

// lists reports whether the chain lists a label with a platform.
func (s *State) lists(on, value string) bool {
	return slices.Contains(s.Platforms[on].Labels, value)
}
