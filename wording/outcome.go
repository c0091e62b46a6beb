package wording

import (
	"fmt"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// statuses explain the statuses. Each text begins with the status's own word, which lists
// show and --status takes.
var statuses = map[actions.Status]string{
	actions.StatusHeld:      "held",
	actions.StatusApproved:  "approved, on its way to the executor",
	actions.StatusExecuted:  "done",
	actions.StatusVoid:      "void: refused by the executor's own check",
	actions.StatusFailed:    "failed: not done, since the platform said no, or was in another state",
	actions.StatusUnknown:   "unknown: it may have taken effect, and a person must look",
	actions.StatusDeclined:  "declined",
	actions.StatusFrozen:    "frozen: declined with an alarm",
	actions.StatusWithdrawn: "withdrawn",
	actions.StatusExpired:   "expired",
	actions.StatusReversed:  "reversed: it was done, and is undone",
	actions.StatusLifted:    "lifted: it was done for a time, and the time is over",
}

// Status explains a status of a request; empty if this program does not know it.
func Status(st actions.Status) string { return statuses[st] }

// Outcome describes the executor's record of an act, or of the watch, for a line of a
// timeline. undo says that the record's request undoes another one.
func Outcome(x proof.Execution, undo bool) string {
	if x.Duty == proof.DutyWatch {
		return sight(x)
	}
	outcome := string(x.Outcome)
	if x.Type != "" {
		outcome += ", " + x.Type
	}
	after := "The subject was read back: " + platform.DescribeIn(x.Layer, x.After) + "."
	intent, executed := x.Kind == proof.KindIntent, x.Outcome == proof.Executed
	switch x.Duty {
	case proof.DutyRestore:
		switch {
		case intent:
			return "The executor set out to lift the mark of the breach, under a standing order."
		case executed:
			return "The executor lifted the mark of the breach. " + after
		}
		return "The executor could not restore the subject: " + outcome + "."
	case proof.DutyCut:
		switch {
		case intent:
			return fmt.Sprintf("After %d breaches the executor set out to cut off the credential that the platform names for them, under a standing order.", x.Sight.Count)
		case executed:
			return "The executor cut off the credential."
		}
		return fmt.Sprintf("The credential was not cut off (%s): %s", outcome, x.Text)
	case proof.DutyLift:
		switch {
		case intent:
			return "The executor set out to lift a measure whose time was over."
		case executed:
			return "The executor lifted the measure, whose time was over. " + after
		}
		return "The executor could not lift the measure: " + outcome + "."
	}
	switch {
	case intent:
		return "The executor checked the warrant and set out to act on it."
	case executed && undo:
		return "The executor carried the undo out. " + after
	case executed && x.After == platform.Expect{}:
		return "The executor carried the warrant out: the message was sent."
	case executed:
		return "The executor carried the warrant out. " + after
	case x.Kind == proof.KindRefusal:
		return "The executor did not act on the warrant: " + outcome + "."
	}
	return "The executor acted on the warrant: " + outcome + "."
}

// unordered ends the description of a breach that the executor leaves to people.
const unordered = " No standing order let the executor restore it."

// sight describes a sighting of the watch.
func sight(x proof.Execution) string {
	s := x.Sight
	switch x.Kind {
	case proof.KindBreach, proof.KindObserved:
		subject, found := Article(string(s.Tier))+" subject of "+s.Platform, platform.DescribeIn(s.Layer, s.Found)
		text := fmt.Sprintf("The watch read %s as %s, where %s was right: %s.", subject, found, platform.DescribeIn(s.Layer, s.Expected), Unexplained(s.Why))
		if s.Expected.Status == "" {
			text = fmt.Sprintf("The watch read %s, which it had never seen, as %s: %s.", subject, found, Unexplained(s.Why))
		}
		switch {
		case x.Kind == proof.KindObserved:
			text += " This tier is only observed: nothing was done."
		case s.Order == "":
			text += unordered
		}
		return text
	case proof.KindOver:
		return fmt.Sprintf("The watch read the subject as %s: the breach is over. %s", platform.DescribeIn(s.Layer, s.Found), Over(*s))
	case proof.KindTold:
		return "The platform told with whose credential it was done."
	case proof.KindTaken:
		if x.Taken != nil {
			ch, err := actions.ParseChange(x.Taken.Action.Kind, x.Taken.Action.Change)
			if c, ok := ch.(actions.Freeze); err == nil && ok && !c.Thaws() {
				return "Froze " + c.Acts() + ", handed straight to the executor."
			}
			if c, ok := ch.(actions.Keys); err == nil && ok && c.Void != nil {
				return "Ended " + c.Void.Sessions() + ", handed straight to the executor."
			}
		}
		return "The executor took a change of the desk straight from those who signed it."
	case proof.KindBlind:
		return "The watch did not see all of " + s.Platform + "."
	case proof.KindSighted:
		return "The watch saw all of " + s.Platform + " again."
	case proof.KindBaseline:
		return fmt.Sprintf("The watch noted the states of %d subjects of %s.", s.Count, s.Platform)
	case proof.KindForeign:
		return fmt.Sprintf("The watch noted %d changes by others on standard subjects of %s.", s.Count, s.Platform)
	}
	return fmt.Sprintf("The watch made a record of kind %s.", x.Kind)
}

// Over says how a breach ended, by the executor's record of its end.
func Over(s proof.Sight) string {
	switch s.Why {
	case proof.OverByWarrant:
		return "The warrant of " + s.Warrant + " did it."
	case proof.OverReactivated:
		return "It was reactivated around the desk, which its owner can do."
	case proof.OverSwitchedOff:
		return "It was deactivated around the desk, which its owner can do."
	}
	return "Somebody did it around the desk."
}

// Unexplained says that no warrant explains a sight, with the stable word for the reason.
func Unexplained(word string) string {
	if word == "" {
		return "no warrant explains it"
	}
	return "no warrant explains it (" + words(word) + ")"
}

// Contradicts names the state that the watch found and the one that it expected, and says
// why the newest warrant about the subject does not explain it.
func Contradicts(s proof.Sight) string {
	found := platform.DescribeIn(s.Layer, s.Found)
	text := fmt.Sprintf("The watch expected the subject to be %s and found it %s", platform.DescribeIn(s.Layer, s.Expected), found)
	if s.Expected.Status == "" {
		text = fmt.Sprintf("The watch had never seen the subject and found it %s", found)
	}
	switch {
	case s.Warrant == "":
		text += "; no warrant was ever about the subject"
	case s.Found.Mark == platform.MarkOf(s.Warrant):
		text += fmt.Sprintf("; it bears the mark of its newest warrant, %s, which does not explain it any more", s.Warrant)
	case s.Found.Mark.Ours():
		text += fmt.Sprintf("; it bears the mark of another request of this desk than its newest warrant, %s", s.Warrant)
	default:
		text += fmt.Sprintf("; its newest warrant, %s, leaves another state", s.Warrant)
	}
	if s.Why != "" {
		text += " (" + words(s.Why) + ")"
	}
	return text + "."
}

// words takes a stable word apart: "no-warrant".
func words(stable string) string { return strings.ReplaceAll(stable, "-", " ") }
