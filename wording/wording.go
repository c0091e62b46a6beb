// Package wording says in English what people sign, what came of it, and what the watch
// saw: once, for the terminal, the pages, the incidents and the alarms. It is pure, and
// every text is a function of what is signed or entered, so that a person reads the same
// sentence before signing and afterwards. A kind of action, of change or of record that
// has no words here fails its test.
//
// Texts of lines in an incident's timeline (Done, Outcome, Sight) stand in exported
// bundles, whose verifier compares them byte for byte: they do not change, or Reworded
// knows what they were.
package wording

import (
	"fmt"

	"countersign.dev/actions"
	"countersign.dev/platform"
	"countersign.dev/prose"
)

// Fact is a name and what it is. An empty one need not be shown.
type Fact = [2]string

// verbs say what a kind does, to be followed by the subject.
var verbs = map[actions.Kind]string{
	actions.AccountTakedown:   "Take down the account",
	actions.AccountDeactivate: "Deactivate the account",
	actions.AccountSuspend:    "Suspend the account",
	actions.AccountRestore:    "Bring back the account",
	actions.AccountDelete:     "Delete for good the account",
	actions.ContentRemove:     "Remove the content",
	actions.ContentRestore:    "Bring back the content",
	actions.AccountContain:    "As an emergency act, take down the account",
}

// Action says in one line what an action does: "Take down the account …".
func Action(a actions.Action) string {
	if verb, ok := verbs[a.Kind]; ok {
		s := verb + " " + Subject(a.Subject)
		if !a.Until.IsZero() {
			s += " until " + When(a.Until)
		}
		return s
	}
	change, err := actions.ParseChange(a.Kind, a.Change)
	if err != nil {
		return fmt.Sprintf("%s on %s, of a form that this program does not know", a.Kind, a.Subject)
	}
	return Change(change)
}

// Subject is what people call a subject, with the name that never changes.
func Subject(s platform.Subject) string {
	if s.Handle == "" || s.ID == "" {
		return prose.Show(s.String())
	}
	return prose.Sprintf("%s (%s)", s.Handle, s)
}

// Facts lists all that is signed about an action besides what Action says.
func Facts(a actions.Action) []Fact {
	facts := []Fact{
		{"kind", string(a.Kind)},
		{"tier", string(a.Tier)},
		{"direction", direction(a.Direction)},
		{"reason", a.Reason},
		{"case", a.Case},
		{"category", string(a.Category)},
		{"until", When(a.Until)},
	}
	if a.Subject.Platform != actions.DeskPlatform {
		facts = append(facts,
			Fact{"now", platform.Describe(a.Command.Expect.Status, a.Command.Expect.Mark)},
			Fact{"then", then(a)},
			Fact{"undo", undo(a)},
			Fact{"lost for good", a.Lossy},
			Fact{"lifts", a.Reverses},
		)
	} else if change, err := actions.ParseChange(a.Kind, a.Change); err == nil {
		facts = append(facts, changeFacts(change)...)
	}
	return append(facts, Fact{"action", a.Digest().String()})
}

// then says what a command leaves. A takedown hides whether its owner has
// deactivated an account, and whoever lifts it should not expect more than is so.
func then(a actions.Action) string {
	c := a.Command
	after := c.After()
	words := platform.Describe(after.Status, after.Mark)
	switch {
	case c.Verb == platform.Takedown && c.Expect.Status == platform.Deactivated:
		words += "; once that is lifted, deactivated again, unless its owner comes back meanwhile"
	case a.Kind == actions.AccountRestore && c.Verb == platform.Restore:
		words += ", or deactivated if its owner chose that"
	}
	return words
}

func direction(d actions.Direction) string {
	if d == actions.Relieving {
		return "relieving: it lifts or makes safer"
	}
	return "burdening: it could harm"
}

func undo(a actions.Action) string {
	switch {
	case a.Inverse.Kind == "":
		return "nothing takes it back"
	case a.Inverse.Direction == actions.Relieving:
		return string(a.Inverse.Kind) + ", which one person may do within the desk's undo window (30 days, unless its settings say otherwise)"
	default:
		return string(a.Inverse.Kind) + ", which is a new act with its own countersignatures"
	}
}
