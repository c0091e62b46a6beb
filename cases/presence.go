package cases

import "time"

// Presence says where a person is during the day's work.
type Presence string

// The presences. Only people who are on are counted on where the desk says how much work can be done.
const (
	On       Presence = "on"
	Break    Presence = "break"
	Training Presence = "training"
	Meeting  Presence = "meeting"
	Away     Presence = "away" // signed out, or not heard of for InactiveAfter
)

// Presences are all of them, in the order in which they are listed.
var Presences = []Presence{On, Break, Training, Meeting, Away}

// Elsewhere reports whether the person has said to be busy with something else, so that nobody gives them
// a case.
func (p Presence) Elsewhere() bool { return p == Break || p == Training || p == Meeting }

// InactiveAfter is how long somebody is on without doing anything at the desk, and away after it.
const InactiveAfter = 15 * time.Minute
