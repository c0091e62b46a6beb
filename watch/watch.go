// Package watch says what a change means that was seen on a platform: whether
// the executor's own warrants explain it, and if not, whether it is a breach.
//
// It trusts nothing that an event claims. An event only says where to look; what
// is judged here is a subject as it was read. A state is explained if it is the
// after-state, with the mark, of the subject's newest warrant, in flight or in
// force. An older or a reversed warrant explains nothing, so that a mark which
// somebody copied from the past does not pass for one of ours.
//
// It decides; it neither reads nor calls, and keeps nothing.
package watch

import (
	"time"

	"countersign.dev/actions"
	"countersign.dev/platform"
)

// Force says how far a warrant has come.
type Force string

// The forces.
const (
	InFlight Force = "in-flight" // intended; the call may have been made or not
	InForce  Force = "in-force"  // carried out, and nothing has taken it back
	Reversed Force = "reversed"  // taken back: by another, by the lift of a timed measure, or by somebody around the desk
)

// Warranted is what a subject's newest warrant does to it.
type Warranted struct {
	Request string
	After   platform.Expect
	Force   Force
}

// Sight is a subject as it was read, beside what is known of it.
type Sight struct {
	Tier  actions.Tier // as read now
	State platform.Expect
	// Last is the state that was explained last, or accepted when the watch saw
	// the subject for the first time; nil if it was never seen.
	Last   *platform.Expect
	Newest *Warranted // nil if no warrant was ever about it
	// Marks says whether the platform keeps a mark beside a measure of this kind.
	Marks bool
	// OwnerLock says that the owner has promised never to deactivate without
	// telling us, and the promise is in effect.
	OwnerLock bool
	// Ended says that the newest warrant's measure was timed and its time is over.
	Ended bool
	// By is whose credential brought the subject into the state, as the platform says.
	By By
}

// By says whose credential made a change, as far as the platform tells.
type By string

// The credentials.
const (
	ByUnknown By = "" // the platform does not say, or has not said yet
	ByOwner   By = "owner"
	ByStaff   By = "staff"
)

// Verdict is what a sight means.
type Verdict string

// The verdicts.
const (
	Explained Verdict = "explained" // our newest warrant did it, or is doing it
	Unchanged Verdict = "unchanged" // as it was last explained
	Relieved  Verdict = "relieved"  // somebody else lifted a measure: told, never put back
	Owner     Verdict = "owner"     // switched off, which its owner may do
	// Asked is a subject that matters, switched off by its owner or by staff: the
	// platform does not say by whom, so somebody asks the owner.
	Asked   Verdict = "perhaps-owner"
	Foreign Verdict = "foreign" // somebody else's measure on a standard subject
	Breach  Verdict = "breach"  // a burden that nothing explains
)

// Judge says what a sight means.
func (s Sight) Judge() Verdict {
	if s.explained() {
		return Explained
	}
	if s.Last != nil && s.same(s.State, *s.Last) {
		return Unchanged
	}
	switch {
	case !s.burdened():
		return Relieved
	case s.State.Status == platform.Deactivated && !s.OwnerLock && s.ownerMay():
		if s.By == ByOwner || s.Tier == actions.Standard {
			return Owner
		}
		return Asked
	case s.Tier == actions.Standard:
		return Foreign
	}
	return Breach
}

// ownerMay reports whether a deactivation may be the owner's own. An owner leaves
// no mark, uses no credential of the staff, and does not put a deactivation in the
// place of another one.
func (s Sight) ownerMay() bool {
	return s.State.Mark == "" && s.By != ByStaff && (s.Last == nil || s.Last.Status != platform.Deactivated)
}

// explained does not ask how the subject was before: our own act may be seen
// before its receipt is there, and long after.
func (s Sight) explained() bool {
	return s.Newest != nil && s.Newest.Force != Reversed && s.same(s.State, s.Newest.After)
}

// same compares marks where the platform keeps any. Where it keeps none, whose
// the measure is cannot be told, and the state alone decides.
func (s Sight) same(a, b platform.Expect) bool {
	return a.Status == b.Status && (a.Mark == b.Mark || !s.Marks)
}

// burdened reports whether the subject is worse off than it was, or bears another
// measure than it did. Of a subject that was never seen, any measure counts.
func (s Sight) burdened() bool {
	before := platform.Expect{Status: platform.Up}
	if s.Last != nil {
		before = *s.Last
	}
	if weight[s.State.Status] != weight[before.Status] {
		return weight[s.State.Status] > weight[before.Status]
	}
	return s.State.Status != platform.Up // another's measure in the place of ours
}

// weight orders statuses by what they take from the owner; an unknown one weighs most.
var weight = map[platform.Status]int{platform.Up: -3, platform.Deactivated: -2, platform.Down: -1}

// Why says, in a stable word, why nothing explains a breach.
func (s Sight) Why() Reason {
	switch {
	case s.State.Status == platform.Deleted:
		return Gone
	case s.State.Status == platform.Deactivated && s.OwnerLock:
		return AgainstLock
	case s.Ended && s.State.Status == platform.Down:
		return PastEnd
	case s.State.Mark.Ours():
		return OldMark
	case s.State.Status == platform.Deactivated:
		return NotOwner
	case s.Newest == nil:
		return NoWarrant
	}
	return AnotherMark
}

// Reason is why nothing explains a breach.
type Reason string

// The reasons.
const (
	NoWarrant   Reason = "no-warrant"   // no warrant was ever about the subject
	AnotherMark Reason = "another-mark" // the newest warrant about it leaves another state
	OldMark     Reason = "old-mark"     // a mark of ours that is not, or no longer, that of the newest warrant
	AgainstLock Reason = "owner-lock"   // deactivated, though the owner's lock says never without telling us
	NotOwner    Reason = "not-owner"    // deactivated with a mark, or with a credential of the staff
	PastEnd     Reason = "past-end"     // a timed measure of ours is over, and another mark keeps the subject down
	Gone        Reason = "gone"         // deleted, or not there any more
)

// Lift returns the verb that takes a subject from a state that was found to the
// one that was expected, if that only relieves; ok is false if it would not, or if
// no verb does: then people have to look.
func Lift(found, expected platform.Expect) (v platform.Verb, ok bool) {
	if weight[expected.Status] >= weight[found.Status] {
		return "", false
	}
	switch found.Status {
	case platform.Down:
		return platform.Restore, true
	case platform.Deactivated:
		return platform.Reactivate, true
	}
	return "", false
}

// Rest is how long a state must have stood, and stood in the ledger, before it is
// restored without a warrant that left it or signers who vouch for it (design, law 8).
const Rest = 24 * time.Hour

// Trusted reports whether a state that was only seen may be restored: it was in a
// baseline that was entered at an instant, and has stood for Rest since, or the
// signers of the standing order vouch for what was entered by then.
func Trusted(entered, vouched, now time.Time) bool {
	if entered.IsZero() {
		return false
	}
	return !now.Before(entered.Add(Rest)) || !vouched.Before(entered)
}

// Pace returns how long to wait before the nth restoration of one subject in a
// duel with somebody who takes it down again and again, counted from 0: at once,
// then more slowly, while people are paged. It never gives up.
func Pace(n int) time.Duration {
	switch {
	case n <= 0:
		return 0
	case n == 1:
		return time.Second
	case n == 2:
		return 10 * time.Second
	}
	return time.Minute
}
