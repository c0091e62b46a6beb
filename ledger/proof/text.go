package proof

import (
	"countersign.dev/actions"
	"countersign.dev/fault"
)

// Text is a text in force: a rule set, a queue set or a list of hashes. The chain holds its
// digest; the desk keeps its bytes.
type Text struct {
	actions.Text
	Number int64 // of the governance entry that put it in force
}

// Casework reports whether the desk takes reports and decides cases: a rule set and a queue
// set are in force.
func (s *State) Casework() bool { return !s.Rules.Digest.IsZero() && !s.Queues.Digest.IsZero() }

// TextNow returns the text in force that a setting would replace; the zero Text: none.
func (s *State) TextNow(c actions.Setting) Text {
	switch c.Of {
	case actions.PartRules:
		return s.Rules
	case actions.PartQueues:
		return s.Queues
	}
	return s.Hashes[c.TextOf().Name]
}

// mayReplace checks a setting that names a text against the texts in force. What the texts
// say is the desk's affair: the chain holds digests.
func (s *State) mayReplace(c actions.Setting) error {
	wrong := func(format string, args ...any) error {
		return fault.New(fault.Conflict, "wrong-state", format, args...)
	}
	t, now := c.TextOf(), s.TextNow(c)
	switch {
	case s.Formats < 2:
		return wrong("There are rule sets, queue sets and lists of hashes from the formats 2 on; this desk signs in the formats %d. Adopt them first with `countersign formats adopt --reason WHY`.", s.Formats)
	case c.Of == actions.PartQueues && s.Rules.Digest.IsZero():
		return wrong("Queues name rules, and no rule set is in force. Adopt one first with `countersign rule propose FILE --reason WHY`.")
	case t.Ends() && now.Digest.IsZero():
		return wrong("There is no list of hashes %q.", t.Name)
	case t.Digest == now.Digest:
		return wrong("This text is in force already.")
	case t.Replaces != now.Digest:
		return wrong("The change was compared with another text than the one that is in force now (%s): somebody else changed it meanwhile. Propose it anew.", orNone(now.Text))
	}
	return nil
}

func orNone(t actions.Text) string {
	if t.Digest.IsZero() {
		return "none"
	}
	return t.Digest.String()
}

// replace puts the text of a setting in force.
func (s *State) replace(c actions.Setting, number int64) {
	t := Text{Text: *c.TextOf(), Number: number}
	switch {
	case c.Of == actions.PartRules:
		s.Rules = t
	case c.Of == actions.PartQueues:
		s.Queues = t
	case t.Ends():
		delete(s.Hashes, t.Name)
	default:
		s.Hashes[t.Name] = t
	}
}
