// Package wording puts in English the documents that people sign, their outcome, and the
// sightings of the watch: once, for the terminal, the pages, the incidents and the
// alarms. It is pure, and every text is a function of a signed or entered document, so
// that a person reads the same sentence before signing and afterwards. A kind of action,
// of change or of record that has no words here fails its test.
//
// Lines of an incident's timeline (Done, Outcome, Sight) stand in exported bundles, whose
// verifier compares them byte for byte: they do not change, or Reworded knows the earlier
// text.
package wording

import (
	"fmt"

	"countersign.dev/actions"
	"countersign.dev/platform"
	"countersign.dev/prose"
)

// Fact is a name and a value. An empty value need not be shown.
type Fact = [2]string

// verbs name the effect of each kind, to be followed by the subject. That of a label has a
// place for the label's value.
var verbs = map[actions.Kind]string{
	actions.AccountTakedown:   "Take down the account",
	actions.AccountDeactivate: "Deactivate the account",
	actions.AccountSuspend:    "Suspend the account",
	actions.AccountRestore:    "Bring back the account",
	actions.AccountDelete:     "Delete for good the account",
	actions.ContentRemove:     "Remove the content",
	actions.ContentRestore:    "Bring back the content",
	actions.AccountContain:    "As an emergency act, take down the account",
	actions.AccountLimit:      "Limit the reach of the account",
	actions.AccountUnlimit:    "Lift the limit of the account",
	actions.AccountLabel:      "Set the label %q on the account",
	actions.AccountUnlabel:    "Take the label %q off the account",
	actions.ContentLimit:      "Limit the reach of the content",
	actions.ContentUnlimit:    "Lift the limit of the content",
	actions.ContentLabel:      "Set the label %q on the content",
	actions.ContentUnlabel:    "Take the label %q off the content",
	actions.AccountWarn:       "Send a warning to the holder of the account",
}

// Action describes an action in one line: "Take down the account …".
func Action(a actions.Action) string {
	if verb, ok := verbs[a.Kind]; ok {
		if value, label := a.Command.Layer.Label(); label {
			verb = fmt.Sprintf(verb, value)
		}
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

// Sentence says in one sentence what an action does, where, for how long, and what undoes it.
func Sentence(a actions.Action) string {
	if a.Subject.Platform == actions.DeskPlatform {
		return Action(a) + "."
	}
	s := Action(a) + " on " + a.Subject.Platform
	spec, _ := actions.SpecOf(a.Kind)
	switch {
	case spec.Says(), a.Direction == actions.Relieving, !a.Until.IsZero():
	default:
		s += ", with no end"
	}
	return s + ". What undoes it: " + undo(a) + "."
}

// Undoing says what the undo of an executed action will do.
func Undoing(a actions.Action) string {
	back := platform.DescribeIn(a.Command.Layer, a.Command.Expect)
	s := fmt.Sprintf("It asks for %s of %s: %s becomes %s again", a.Inverse.Kind, Subject(a.Subject), a.Command.Layer.Noun(), back)
	if a.Category != actions.CategoryRules {
		return s + ". Because of the category others countersign it first."
	}
	return s + ", at once, within the desk's undo window."
}

// ChangedSince says what is different about a subject from what an action says of it; empty:
// nothing.
func ChangedSince(a actions.Action, on platform.Subject, now platform.Expect, tier actions.Tier) (lines []string) {
	spec, _ := actions.SpecOf(a.Kind)
	if a.Subject.Handle != on.Handle {
		lines = append(lines, fmt.Sprintf("Its handle was %s, and is %s now.", prose.Show(a.Subject.Handle), prose.Show(on.Handle)))
	}
	if !spec.Says() && now != a.Command.Expect {
		lines = append(lines, fmt.Sprintf("It was %s, and is %s now.", platform.DescribeIn(a.Command.Layer, a.Command.Expect), platform.DescribeIn(a.Command.Layer, now)))
	}
	if tier != a.Tier {
		lines = append(lines, fmt.Sprintf("It was %s, and is %s now.", a.Tier, tier))
	}
	return lines
}

// Subject is a subject's public name, with the identifier that never changes.
func Subject(s platform.Subject) string {
	if s.Handle == "" || s.ID == "" {
		return prose.Show(s.String())
	}
	return prose.Sprintf("%s (%s)", s.Handle, s)
}

// Facts lists all signed facts about an action that Action does not give.
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
			Fact{"layer", layer(a.Command.Layer)},
			Fact{"now", platform.DescribeIn(a.Command.Layer, a.Command.Expect)},
			Fact{"then", then(a)},
			Fact{"undo", undo(a)},
			Fact{"lost for good", a.Lossy},
			Fact{"lifts", a.Reverses},
			Fact{"replaces", replaces(a)},
		)
	} else if change, err := actions.ParseChange(a.Kind, a.Change); err == nil {
		facts = append(facts, changeFacts(change)...)
	}
	return append(facts, Fact{"action", a.Digest().String()})
}

// then describes the state that a command leaves. A takedown hides a deactivation by the
// owner, and a person who lifts it should not expect the account to be up.
func then(a actions.Action) string {
	c := a.Command
	words := platform.DescribeIn(c.Layer, c.After())
	switch {
	case c.Verb == platform.Warn:
		return "the account holder reads the reason as a message, and nothing else changes"
	case c.Verb == platform.Takedown && c.Expect.Status == platform.Deactivated:
		words += "; once that is lifted, deactivated again, unless its owner comes back meanwhile"
	case a.Kind == actions.AccountRestore && c.Verb == platform.Restore:
		words += ", or deactivated if its owner chose that"
	}
	return words
}

// layer names the layer that a command changes, unless that is the visibility, of which
// every other fact speaks already.
func layer(l platform.Layer) string {
	if l == platform.VisibilityLayer {
		return ""
	}
	return l.Noun() + "; what else stands on the subject stays as it is"
}

func direction(d actions.Direction) string {
	if d == actions.Relieving {
		return "relieving: it lifts or makes safer"
	}
	return "burdening: it could harm"
}

// replaces names the request whose measure an action takes the place of. What has no end
// itself says so there.
func replaces(a actions.Action) string {
	text := a.Command.Confirms()
	if text != "" && a.Until.IsZero() {
		text += ", whose place it takes without an end"
	}
	return text
}

func undo(a actions.Action) string {
	switch {
	case a.Effect == actions.Said:
		return "a message cannot be taken back"
	case a.Inverse.Kind == "":
		return "nothing takes it back"
	case a.Inverse.Direction == actions.Relieving && a.Category != actions.CategoryRules:
		return string(a.Inverse.Kind) + ", which one person may not do, because of the category: others countersign it"
	case a.Inverse.Direction == actions.Relieving:
		return string(a.Inverse.Kind) + ", which one person may do within the desk's undo window (30 days, unless its settings say otherwise)"
	default:
		return string(a.Inverse.Kind) + ", which is a new act with its own countersignatures"
	}
}
