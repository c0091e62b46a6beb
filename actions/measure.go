package actions

import (
	"time"

	"countersign.dev/canonical"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// Lifts says whose measure a relieving act on a platform lifts, from the requester's
// view.
type Lifts string

// The measures that may be lifted. Policy reads the value as context.lifts.
const (
	LiftsNothing Lifts = ""        // not a relieving act on a platform
	LiftsOwn     Lifts = "own"     // an undo by the requester of the measure, within the window
	LiftsOurs    Lifts = "ours"    // an undo of another worker's measure, within the window
	LiftsOlder   Lifts = "older"   // our measure, but older than the window, or legal, or child safety
	LiftsForeign Lifts = "foreign" // a measure that is not ours, or that we do not know of
	LiftsBreach  Lifts = "breach"  // exactly the mark of an open breach that the executor has established itself
)

// Measure holds the facts about a burdening act that was carried out which its undo
// depends on.
type Measure struct {
	Request   string
	Requester workforce.WorkerID
	Subject   platform.Subject
	Layer     platform.Layer // in which the measure stands
	Executed  canonical.Time
	Category  Category
}

// Outlasts reports whether an action may take the place of a timed measure of the desk
// that is in force until an end, in the same layer: it has no end, or a later one. It keeps the category,
// so that a measure which one person may not lift does not become one that they may.
func (a Action) Outlasts(kind Kind, until canonical.Time, c Category) bool {
	spec, ok := SpecOf(kind)
	mine, _ := SpecOf(a.Kind)
	return ok && (spec.Timed || spec.MayEnd) && !until.IsZero() && spec.Limits() == mine.Limits() && spec.Sort == mine.Sort && (a.Until.IsZero() || a.Until.After(until.Time)) && (c == CategoryRules || a.Category == c)
}

// With returns the measure together with the older one whose place it took, since an undo
// lifts both. The older one decides how long one person may undo it. It is nobody's own
// measure if another person requested the older one.
func (m Measure) With(older Measure, emergency bool) Measure {
	m.Executed = older.Executed
	if older.Category != CategoryRules {
		m.Category = older.Category
	}
	if older.Requester != m.Requester && !emergency {
		m.Requester = ""
	}
	return m
}

// LiftsOf says which sort of measure the action, requested by a worker at an instant,
// lifts. m is the measure that the action's Reverses names; nil if it is unknown.
func LiftsOf(a Action, m *Measure, by workforce.WorkerID, at time.Time, windowDays int64) Lifts {
	if a.Direction != Relieving || a.Subject.Platform == DeskPlatform {
		return LiftsNothing
	}
	if a.Reverses == "" {
		if a.Command.Expect.Mark.Ours() {
			return LiftsOlder
		}
		return LiftsForeign
	}
	switch {
	case m == nil || m.Subject.ID != a.Subject.ID || m.Subject.Platform != a.Subject.Platform || m.Layer != a.Command.Layer:
		return LiftsForeign
	case m.Category != CategoryRules || !at.Before(m.Executed.AddDate(0, 0, int(windowDays))):
		return LiftsOlder
	case m.Requester == by:
		return LiftsOwn
	default:
		return LiftsOurs
	}
}
