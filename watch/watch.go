// Package watch judges a change that was seen on a platform: do the executor's own
// warrants explain it, and if not, is it a breach?
//
// It trusts no claim of an event. An event only says where to look; this package judges a
// subject as it was read, each of its layers by itself. A state of a layer is explained if
// it is the after-state, with the mark, of the newest warrant about that layer, in flight
// or in force. An older or a reversed warrant explains nothing, and a warrant about another
// layer neither, so that a mark which somebody copied does not pass for one of ours.
//
// It only decides: it neither reads nor calls, and keeps nothing.
package watch

import (
	"time"

	"countersign.dev/actions"
	"countersign.dev/platform"
)

// Force is the stage that a warrant has reached.
type Force string

// The forces.
const (
	InFlight Force = "in-flight" // intended; the call may have been made or not
	InForce  Force = "in-force"  // carried out, and not taken back
	Reversed Force = "reversed"  // taken back: by another, by the lift of a timed measure, or by somebody around the desk
)

// Warranted is the newest warrant about a layer and the state that it leaves.
type Warranted struct {
	Request string
	After   platform.Expect
	Force   Force
}

// Sight is one layer of a subject as it was read, with the known facts about it.
type Sight struct {
	Layer platform.Layer
	Tier  actions.Tier // of the subject, as read now
	State platform.Expect
	// Last is the state that was explained last, or accepted when the watch saw
	// the layer for the first time; nil if it was never seen.
	Last   *platform.Expect
	Newest *Warranted // nil if no warrant was ever about the layer
	// Marks says whether the platform keeps a mark beside a measure of this kind.
	Marks bool
	// OwnerLock says that the owner promised never to deactivate without telling us, and
	// that the promise is in effect.
	OwnerLock bool
	// Ended says that the newest warrant's measure was timed and has reached its end.
	Ended bool
	// By is the credential that brought the subject into the state, as far as the platform
	// says.
	By By
}

// By says whose credential made a change, as far as the platform says.
type By string

// The credentials.
const (
	ByUnknown By = "" // the platform does not say, or has not said yet
	ByOwner   By = "owner"
	ByStaff   By = "staff"
)

// Verdict is the meaning of a sight.
type Verdict string

// The verdicts.
const (
	Explained Verdict = "explained" // our newest warrant left the state, or is about to
	Unchanged Verdict = "unchanged" // the state is the one that was explained last
	Relieved  Verdict = "relieved"  // somebody else lifted a measure: recorded, never put back
	Owner     Verdict = "owner"     // deactivated, which the owner may do
	// Asked is a subject that matters and was deactivated by its owner or by staff. The
	// platform does not say by whom, so a person asks the owner.
	Asked   Verdict = "perhaps-owner"
	Foreign Verdict = "foreign" // somebody else's measure on a standard subject
	Breach  Verdict = "breach"  // a burden that nothing explains
)

// Judge returns the verdict on a sight.
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

// ownerMay reports whether a deactivation may be the owner's own. An owner leaves no
// mark, uses no staff credential, and cannot deactivate an account that is deactivated
// already.
func (s Sight) ownerMay() bool {
	return s.State.Mark == "" && s.By != ByStaff && (s.Last == nil || s.Last.Status != platform.Deactivated)
}

// explained ignores the state from before: our own act may be seen before its receipt is
// there, and long after.
func (s Sight) explained() bool {
	return s.Newest != nil && s.Newest.Force != Reversed && s.same(s.State, s.Newest.After)
}

// same compares states, and marks where the platform keeps them. On a platform without
// marks nobody can tell whose a measure is, and the status alone decides.
func (s Sight) same(a, b platform.Expect) bool {
	return a.Status == b.Status && (a.Mark == b.Mark || !s.Marks)
}

// burdened reports whether the subject is worse off than before, or bears another measure
// than before. For a layer that was never seen, any measure counts.
func (s Sight) burdened() bool {
	before := platform.Expect{Status: s.Layer.Clear()}
	if s.Last != nil {
		before = *s.Last
	}
	if weight[s.State.Status] != weight[before.Status] {
		return weight[s.State.Status] > weight[before.Status]
	}
	return s.State.Status != s.Layer.Clear() // another measure in the place of ours
}

// weight orders the values of each layer by how much they take from the owner; an unknown
// one weighs most.
var weight = map[platform.Status]int{platform.Up: -3, platform.Deactivated: -2, platform.Down: -1,
	platform.NoLimit: -3, platform.Limited: -1, platform.Unset: -3, platform.IsSet: -1}

// Why says, in a stable word, why nothing explains a breach.
func (s Sight) Why() Reason {
	switch {
	case s.State.Status == platform.Deleted:
		return Gone
	case s.State.Status == platform.Deactivated && s.OwnerLock:
		return AgainstLock
	case s.Ended && s.State.Status == s.Layer.Bears():
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

// Reason says why nothing explains a breach.
type Reason string

// The reasons.
const (
	NoWarrant   Reason = "no-warrant"   // no warrant was ever about the layer
	AnotherMark Reason = "another-mark" // the newest warrant about the layer leaves another state
	OldMark     Reason = "old-mark"     // the mark is ours, but not, or no longer, that of the newest warrant
	AgainstLock Reason = "owner-lock"   // deactivated, though the owner's lock forbids it without telling us
	NotOwner    Reason = "not-owner"    // deactivated with a mark, or with a credential of the staff
	PastEnd     Reason = "past-end"     // a timed measure of ours is over, and another mark keeps the subject down, or limited
	Gone        Reason = "gone"         // deleted, or not there any more
)

// Lift returns the verb that takes a layer from the state found to the state expected, if
// that only relieves. ok is false if it would burden, or if no verb does it: then
// people have to look.
func Lift(found, expected platform.Expect) (v platform.Verb, ok bool) {
	if weight[expected.Status] >= weight[found.Status] {
		return "", false
	}
	switch found.Status {
	case platform.Down:
		return platform.Restore, true
	case platform.Deactivated:
		return platform.Reactivate, true
	case platform.Limited:
		return platform.Unlimit, true
	case platform.IsSet:
		return platform.Unlabel, true
	}
	return "", false
}

// Rest is how long a state must have stood, in a baseline that the ledger holds, before
// it is restored without a warrant that left it and without signers who vouch for it
// (design, law 8).
const Rest = 24 * time.Hour

// Trusted reports whether a state that was only seen may be restored. It may if the
// baseline that holds it was entered at least Rest ago, or if the signers of the standing
// order vouch for the states that were entered by the time of the baseline.
func Trusted(entered, vouched, now time.Time) bool {
	if entered.IsZero() {
		return false
	}
	return !now.Before(entered.Add(Rest)) || !vouched.Before(entered)
}

// Pace returns the wait before the nth restoration, counted from 0, of one subject that
// somebody takes down again and again: at once, then more slowly, while people are paged.
// It never gives up.
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
