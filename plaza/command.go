package plaza

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// Command is one change to one subject, as it arrives.
type Command struct {
	Verb    Verb    `json:"verb"`
	Subject Subject `json:"subject"`
	Expect  Expect  `json:"expect"`
	Mark    string  `json:"mark"` // the mark to leave beside the measure; empty for verbs that lift one
}

// Subject names the subject of a command. If a handle is given, it must be the subject's
// own at the moment of the change; an identifier alone is enough.
type Subject struct {
	ID     string `json:"id"`
	Handle string `json:"handle,omitempty"`
}

// Expect is the state that must be in place at the moment of the change.
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
	if !ok {
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
	if !slices.Contains(t.from, c.Expect.Status) {
		return fault.New(fault.Invalid, "bad-command", "%s does not start from the status %s.", c.Verb, quote(string(c.Expect.Status)))
	}
	if !markForm.MatchString(c.Mark) || !markForm.MatchString(c.Expect.Mark) || !markForm.MatchString(c.Expect.Rev) {
		return fault.New(fault.Invalid, "bad-command", "A mark or revision is at most 200 visible ASCII characters.")
	}
	if c.Mark != "" && !t.mark {
		return fault.New(fault.Invalid, "bad-command", "%s leaves no mark.", c.Verb)
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

// wrongState says that the state which a command expects is not in place, and which one
// is.
type wrongState struct {
	why *fault.Error
	now State
}

func (e *wrongState) Error() string { return e.why.Error() }
func (e *wrongState) Unwrap() error { return e.why }

// decide returns the status and mark that the command leaves on a subject in
// the state now, or the reason why it changes nothing.
func (c Command) decide(now State) (Status, string, error) {
	if c.Subject.Handle != "" && !strings.EqualFold(c.Subject.Handle, now.Handle) {
		return "", "", &wrongState{fault.New(fault.Conflict, "handle-moved",
			"%s is called %s now, not %s.", now.ID, now.Handle, c.Subject.Handle), now}
	}
	if now.Status != c.Expect.Status || now.Mark != c.Expect.Mark || (c.Expect.Rev != "" && now.Rev != c.Expect.Rev) {
		return "", "", &wrongState{fault.New(fault.Conflict, "wrong-state",
			"%s is %s with the mark %q at revision %s; nothing was changed.", now.ID, now.Status, now.Mark, now.Rev), now}
	}
	t := transitions[c.Verb]
	mark := ""
	if t.mark {
		mark = c.Mark
	}
	if c.Verb == Restore && now.off.is {
		return Deactivated, mark, nil
	}
	return t.to, mark, nil
}
