package plaza

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// Command is one change to one layer of one subject, or a warning, as it arrives.
type Command struct {
	Verb    Verb           `json:"verb"`
	Layer   Layer          `json:"layer,omitempty"` // limit or label:VALUE; empty: visibility
	Subject Subject        `json:"subject"`
	Expect  Expect         `json:"expect,omitzero"`
	Mark    string         `json:"mark"`           // the mark to leave beside the measure; empty for verbs that lift one
	Until   canonical.Time `json:"until,omitzero"` // the planned end of a measure, which the owner is told; nothing is lifted because of it
	Text    string         `json:"text,omitempty"` // of a warning
}

// Subject names the subject of a command. If a handle is given, it must be the subject's
// own at the moment of the change; an identifier alone is enough.
type Subject struct {
	ID     string `json:"id"`
	Handle string `json:"handle,omitempty"`
}

// Expect is the state of the layer that must be in place at the moment of the change.
type Expect struct {
	Status Status `json:"status"`
	Mark   string `json:"mark"`
	Rev    string `json:"rev,omitempty"` // compared only if given
}

// Receipt is the answer to a command that was carried out.
type Receipt struct {
	Key    string `json:"key"`
	Verb   Verb   `json:"verb"`
	Before State  `json:"before"`
	After  State  `json:"after"`
}

// ParseCommand reads the body of a command. It refuses unknown and doubled members, and
// commands that could not be carried out in any state.
func ParseCommand(body []byte) (Command, error) {
	var c Command
	if err := json.UnmarshalRead(bytes.NewReader(body), &c, json.RejectUnknownMembers(true)); err != nil {
		return Command{}, fault.New(fault.Invalid, "malformed", "The body is not a command: %s.", canonical.Wrong(err))
	}
	return c, c.check()
}

func (c Command) check() error {
	t, ok := transitions[c.Verb]
	if !ok && c.Verb != Warn {
		return fault.New(fault.Invalid, "bad-command", "%s is not a verb.", quote(string(c.Verb)))
	}
	id, err := parseID(c.Subject.ID)
	if err != nil {
		return err
	}
	if !able(c.Verb, id.sort) {
		return fault.New(fault.Invalid, "bad-command", "%s does not work on %s.", c.Verb, id.sort)
	}
	if c.Subject.Handle != "" {
		if id.sort == Content {
			return fault.New(fault.Invalid, "bad-command", "Content has no handle.")
		}
		if _, err := foldHandle(c.Subject.Handle); err != nil {
			return err
		}
	}
	if err := c.checkLayer(); err != nil {
		return err
	}
	if c.Verb == Warn {
		if c.Expect != (Expect{}) || c.Mark != "" || !c.Until.IsZero() {
			return fault.New(fault.Invalid, "bad-command", "A warning has a text; it expects no state, leaves no mark and has no end.")
		}
		return checkWarning(c.Text)
	}
	if c.Text != "" {
		return fault.New(fault.Invalid, "bad-command", "Only a warning has a text.")
	}
	if !slices.Contains(t.from, c.Expect.Status) {
		return fault.New(fault.Invalid, "bad-command", "%s does not start from the status %s.", c.Verb, quote(string(c.Expect.Status)))
	}
	if !markForm.MatchString(c.Mark) || !markForm.MatchString(c.Expect.Mark) || !markForm.MatchString(c.Expect.Rev) {
		return fault.New(fault.Invalid, "bad-command", "A mark or revision is at most 200 visible ASCII characters.")
	}
	if c.Mark != "" && !t.mark {
		return fault.New(fault.Invalid, "bad-command", "%s leaves no mark.", c.Verb)
	}
	if !c.Until.IsZero() && !t.mark {
		return fault.New(fault.Invalid, "bad-command", "%s ends a measure, so it has no end of its own.", c.Verb)
	}
	if c.Verb.layered() && c.Expect.Status == c.Layer.clear() && (c.Expect.Mark != "" || c.Expect.Rev != "") {
		return fault.New(fault.Invalid, "bad-command", "A layer that does not stand has neither mark nor revision.")
	}
	// A deactivation by staff under a mark would lose the mark beneath a takedown.
	if c.Verb == Takedown && c.Expect.Status == Deactivated && (c.Expect.Mark != "" || id.sort == Content) {
		return fault.New(fault.Invalid, "bad-command", "takedown of what is deactivated is for accounts that were deactivated without a mark.")
	}
	// A measure takes the place of another only if both have names.
	if c.Expect.Status == t.to && (c.Mark == "" || c.Expect.Mark == "" || c.Mark == c.Expect.Mark) {
		return fault.New(fault.Invalid, "bad-command", "%s of a subject that is %s already needs the mark in place and another one to take its place.", c.Verb, t.to)
	}
	return nil
}

// checkLayer demands that the verb names the layer which it changes.
func (c Command) checkLayer() error {
	value, label := c.Layer.Label()
	switch {
	case !c.Verb.layered() && c.Layer != VisibilityLayer:
		return fault.New(fault.Invalid, "bad-command", "%s names no layer.", c.Verb)
	case (c.Verb == Limit || c.Verb == Unlimit) && c.Layer != LimitLayer:
		return fault.New(fault.Invalid, "bad-command", "%s is for the layer limit.", c.Verb)
	case (c.Verb == Label || c.Verb == Unlabel) && (!label || !labelForm.MatchString(value)):
		return fault.New(fault.Invalid, "bad-command", "%s is for a layer label:VALUE; a value has up to 64 lower-case letters, digits and dashes, and a letter or digit first. %s is none.",
			c.Verb, quote(string(c.Layer)))
	}
	return nil
}

// offers returns an error if a command sets a label that is not offered. One that stands
// can be lifted all the same.
func (s *Server) offers(c Command) error {
	value, _ := c.Layer.Label()
	if c.Verb == Label && !slices.Contains(s.labelValues(), value) {
		return fault.New(fault.Invalid, "bad-command", "%s is not a label here; there are %s.", quote(value), strings.Join(s.labelValues(), ", "))
	}
	return nil
}

// wrongState says that the state which a command expects is not in place, and which one
// is.
type wrongState struct {
	why *fault.Error
	now State
}

func (e *wrongState) Error() string { return e.why.Error() }
func (e *wrongState) Unwrap() error { return e.why }

// left is what a command leaves in its layer.
type left struct {
	status Status
	mark   string
	until  canonical.Time
}

// decide returns what the command leaves in its layer of a subject in the state now, or
// the reason why it changes nothing. A warning changes nothing of any layer.
func (c Command) decide(now State) (left, error) {
	if c.Subject.Handle != "" && !strings.EqualFold(c.Subject.Handle, now.Handle) {
		return left{}, &wrongState{fault.New(fault.Conflict, "handle-moved",
			"%s is called %s now, not %s.", now.ID, now.Handle, c.Subject.Handle), now}
	}
	if c.Verb == Warn {
		return left{}, nil
	}
	stood := now.at(c.Layer)
	if stood.Status != c.Expect.Status || stood.Mark != c.Expect.Mark || (c.Expect.Rev != "" && stood.Rev != c.Expect.Rev) {
		return left{}, &wrongState{fault.New(fault.Conflict, "wrong-state", "%s; nothing was changed.", stood.says(now.ID)), now}
	}
	if c.Verb == Label && now.labelsOn() >= mostLabels {
		return left{}, &wrongState{fault.New(fault.Conflict, "too-many-labels",
			"%s has %d labels, and no more may be set; nothing was changed.", now.ID, mostLabels), now}
	}
	t := transitions[c.Verb]
	leave := left{status: t.to}
	if t.mark {
		leave.mark, leave.until = c.Mark, c.Until
	}
	if c.Verb == Restore && now.off.is {
		leave.status = Deactivated
	}
	return leave, nil
}

// says describes a layer of a subject in words.
func (l Stood) says(subject string) string {
	name := ""
	if l.Layer != VisibilityLayer {
		name = ", layer " + string(l.Layer) + ","
	}
	if l.Rev == "" {
		return fmt.Sprintf("%s%s is %s", subject, name, l.Status)
	}
	return fmt.Sprintf("%s%s is %s with the mark %q at revision %s", subject, name, l.Status, l.Mark, l.Rev)
}
