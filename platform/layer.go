package platform

import (
	"fmt"
	"regexp"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// Layer is one thing that can stand on a subject, apart from all others: the visibility
// of the subject, a limit of its reach, or one label. Each layer has its own value and
// mark. A command names one layer, and compares and sets that layer alone.
//
// The zero Layer is the visibility: documents of version 1 speak of it and do not name
// it. Its text is "visibility", as documents of version 2 write it.
type Layer string

// The layers that every subject has. There is one more for each label; see LabelLayer.
const (
	VisibilityLayer Layer = ""
	// LimitLayer is the reach of a subject. A limited one stays at its address and with
	// those who follow it, and is not in public timelines, search or suggestions.
	LimitLayer Layer = "limit"
)

const (
	visibilityName = "visibility"
	labelPrefix    = "label:"
)

// MostLabels is the largest number of labels on one subject.
const MostLabels = 20

var labelForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// LabelLayer returns the layer of a label.
func LabelLayer(value string) Layer { return Layer(labelPrefix + value) }

// CheckLabel reports whether a text can be the value of a label. Errors are faults of type
// "bad-label".
func CheckLabel(value string) error {
	if !labelForm.MatchString(value) {
		return fault.New(fault.Invalid, "bad-label",
			"%q is not the value of a label; write 1 to 64 lower-case letters, digits and dashes, such as spam.", clip(value))
	}
	return nil
}

// Label returns the value of a label's layer; ok is false for every other layer.
func (l Layer) Label() (value string, ok bool) {
	if value, ok = strings.CutPrefix(string(l), labelPrefix); !ok {
		return "", false
	}
	return value, true
}

// String returns "visibility", "limit" or "label:VALUE".
func (l Layer) String() string {
	if l == VisibilityLayer {
		return visibilityName
	}
	return string(l)
}

// Noun returns the layer as it stands in a sentence: "the visibility", "the limit", "the
// label spam".
func (l Layer) Noun() string {
	if value, ok := l.Label(); ok {
		return "the label " + value
	}
	return "the " + l.String()
}

// ParseLayer reads the text of a layer. Errors are faults of type "bad-layer".
func ParseLayer(s string) (Layer, error) {
	l := Layer(s)
	value, label := l.Label()
	switch {
	case s == visibilityName:
		return VisibilityLayer, nil
	case l == LimitLayer, label && labelForm.MatchString(value):
		return l, nil
	}
	return "", fault.New(fault.Invalid, "bad-layer", "%q is not a layer of a subject; the layers are visibility, limit and label:VALUE.", clip(s))
}

// MarshalText writes the layer as String does.
func (l Layer) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the text of a layer.
func (l *Layer) UnmarshalText(b []byte) (err error) {
	*l, err = ParseLayer(string(b))
	return err
}

// Clear returns the value of the layer on a subject that bears no measure there.
func (l Layer) Clear() Status {
	if l == VisibilityLayer {
		return Up
	}
	if l == LimitLayer {
		return NoLimit
	}
	return Unset
}

// Bears returns the value of the layer on a subject that bears a measure of staff there.
func (l Layer) Bears() Status {
	if l == VisibilityLayer {
		return Down
	}
	if l == LimitLayer {
		return Limited
	}
	return IsSet
}

// Lifts returns the verb that takes away what staff put on a subject in the layer.
func (l Layer) Lifts() Verb {
	if l == VisibilityLayer {
		return Restore
	}
	if l == LimitLayer {
		return Unlimit
	}
	return Unlabel
}

// Knows reports whether a value is one of the layer's.
func (l Layer) Knows(s Status) bool {
	switch s {
	case Up, Down, Deactivated, Deleted:
		return l == VisibilityLayer
	}
	return l != VisibilityLayer && (s == l.Clear() || s == l.Bears())
}

// Stood is the state of one layer that stands on a subject.
type Stood struct {
	Status Status `json:"status"`
	Mark   Mark   `json:"mark"`
	// Rev changes with every change of this layer where the platform can compare and set, and
	// is empty where it cannot.
	Rev string `json:"rev,omitzero"`
}

// At returns the state of one layer. A layer that the platform does not show has its clear
// value.
func (s State) At(l Layer) Expect {
	if l == VisibilityLayer {
		return Expect{Status: s.Status, Mark: s.Mark}
	}
	if x, ok := s.Layers[l]; ok {
		return Expect{Status: x.Status, Mark: x.Mark}
	}
	return Expect{Status: l.Clear()}
}

// Revision returns the revision of one layer; empty if the platform gives none.
func (s State) Revision(l Layer) string {
	if l == VisibilityLayer {
		return s.Rev
	}
	return s.Layers[l].Rev
}

// Shows reports whether a state shows a layer: the visibility always, any other layer only
// while it stands.
func (s State) Shows(l Layer) bool {
	_, stands := s.Layers[l]
	return stands || l == VisibilityLayer
}

// With returns the state with another state of one layer, and with the revision rev there.
func (s State) With(l Layer, e Expect, rev string) State {
	if l == VisibilityLayer {
		s.Status, s.Mark, s.Rev = e.Status, e.Mark, rev
		return s
	}
	layers := make(map[Layer]Stood, len(s.Layers)+1)
	for k, v := range s.Layers {
		layers[k] = v
	}
	if layers[l] = (Stood{Status: e.Status, Mark: e.Mark, Rev: rev}); e.Status == l.Clear() && e.Mark == "" {
		delete(layers, l)
	}
	if s.Layers = layers; len(layers) == 0 {
		s.Layers = nil
	}
	return s
}

// StateOf returns a state in which one layer is as given and nothing else is told.
func StateOf(l Layer, e Expect) State {
	s := State{}
	return s.With(l, e, "")
}

// Told is what a platform shows about a command, and is no part of the change. It is
// taken from the signed action.
type Told struct {
	Text  string         // of a warning: what the account holder reads
	Until canonical.Time // the planned end of a measure, for its owner's eyes; the platform ends nothing by itself
}

// describeLayer puts a state of a layer that is not the visibility in words.
func describeLayer(l Layer, e Expect) string {
	words := string(e.Status)
	switch value, label := l.Label(); {
	case label && e.Status == IsSet:
		words = fmt.Sprintf("labelled %q", value)
	case label && e.Status == Unset:
		words = fmt.Sprintf("not labelled %q", value)
	case l == LimitLayer && e.Status == NoLimit:
		words = "not limited"
	}
	if e.Mark == "" {
		return words
	}
	return fmt.Sprintf("%s under the mark %q", words, string(e.Mark))
}
