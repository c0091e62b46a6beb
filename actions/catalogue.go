// Package actions knows the acts of the desk: the catalogue of kinds, the action as it is
// signed, statements and signatures, needs and the slots that fill them, budgets, and the
// life of a request. It is pure: every change of state is a function of values.
package actions

import (
	"slices"
	"time"

	"countersign.dev/fault"
	"countersign.dev/platform"
)

// Kind names what an action does.
type Kind string

// The kinds. The list is append-only: kinds stand in the ledger for ever.
const (
	AccountTakedown   Kind = "account.takedown"
	AccountDeactivate Kind = "account.deactivate"
	AccountSuspend    Kind = "account.suspend" // a takedown with an end; the executor owes the lift
	AccountRestore    Kind = "account.restore"
	AccountDelete     Kind = "account.delete"
	ContentRemove     Kind = "content.remove"
	ContentRestore    Kind = "content.restore"

	DeskAdmit      Kind = "desk.admit"      // joiners, leavers and changes of one import file
	DeskEngagement Kind = "desk.engagement" // extend or end one engagement
	DeskKey        Kind = "desk.key"        // enrol or revoke keys
	DeskChange     Kind = "desk.change"     // tier, policy, budget, trust, vendor, platform, standing order, mode, owner lock
	DeskFreeze     Kind = "desk.freeze"     // freeze, or thaw, the acts of a worker, of a vendor, at a platform, or everywhere
	DeskReview     Kind = "desk.review"     // close the review of an emergency act or an incident

	// AccountContain is the emergency act: a takedown that reverts by itself within
	// EmergencyMost unless an ordinary takedown, fully countersigned, takes its place.
	AccountContain Kind = "account.contain"

	// The weaker measures, each in a layer of its own; see platform.Layer.
	AccountLimit   Kind = "account.limit" // may have an end; the executor owes the lift
	AccountUnlimit Kind = "account.unlimit"
	AccountLabel   Kind = "account.label"
	AccountUnlabel Kind = "account.unlabel"
	ContentLimit   Kind = "content.limit"
	ContentUnlimit Kind = "content.unlimit"
	ContentLabel   Kind = "content.label"
	ContentUnlabel Kind = "content.unlabel"

	// AccountWarn sends the account holder the reason as a message. It changes no layer, and
	// nothing takes it back.
	AccountWarn Kind = "account.warn"
)

// Direction says whether an action may harm somebody, by its effect and not by its name.
type Direction string

// The directions. Everything unsure is Burdening.
const (
	Burdening Direction = "burdening"
	Relieving Direction = "relieving"
)

// Effect says how completely an action can be taken back.
type Effect string

// The effect classes (design, law 10).
const (
	Reversible Effect = "reversible"
	Lossy      Effect = "lossy"
	Disclosing Effect = "disclosing"
	OneWay     Effect = "one-way"
	// Said is a message: nothing stands afterwards, and it is never sent a second time.
	Said Effect = "said"
)

// Spec is a kind's place in the catalogue.
type Spec struct {
	Kind      Kind
	Desk      bool // changes the desk and not a platform
	Sort      platform.Sort
	Verbs     []platform.Verb // the verbs that a command of this kind may have
	Direction Direction       // for desk kinds see Change.Direction
	Effect    Effect          // Lossy instead, where the platform's ability says that something is lost
	Timed     bool            // needs an end
	MayEnd    bool            // may have an end
	Emergency bool            // one on-call worker may do it alone, for a short time
	// Session says that a session's key may sign requests of this kind, on subjects of the
	// tier standard. A new kind is not marked until somebody decides that it may.
	Session bool
	// Inverse is the kind that takes the action back, with its own direction.
	// One person may undo only where that is Relieving.
	Inverse          Kind
	InverseDirection Direction
}

var catalogue = []Spec{
	{Kind: AccountTakedown, Session: true, Sort: platform.Account, Verbs: []platform.Verb{platform.Takedown},
		Direction: Burdening, Effect: Reversible, Inverse: AccountRestore, InverseDirection: Relieving},
	{Kind: AccountDeactivate, Session: true, Sort: platform.Account, Verbs: []platform.Verb{platform.Deactivate},
		Direction: Burdening, Effect: Reversible, Inverse: AccountRestore, InverseDirection: Relieving},
	{Kind: AccountSuspend, Session: true, Sort: platform.Account, Verbs: []platform.Verb{platform.Takedown}, Timed: true,
		Direction: Burdening, Effect: Reversible, Inverse: AccountRestore, InverseDirection: Relieving},
	{Kind: AccountRestore, Session: true, Sort: platform.Account, Verbs: []platform.Verb{platform.Restore, platform.Reactivate},
		Direction: Relieving, Effect: Reversible, Inverse: AccountTakedown, InverseDirection: Burdening},
	{Kind: AccountDelete, Sort: platform.Account, Verbs: []platform.Verb{platform.Delete},
		Direction: Burdening, Effect: OneWay},
	{Kind: ContentRemove, Session: true, Sort: platform.Content, Verbs: []platform.Verb{platform.Takedown},
		Direction: Burdening, Effect: Reversible, Inverse: ContentRestore, InverseDirection: Relieving},
	{Kind: ContentRestore, Session: true, Sort: platform.Content, Verbs: []platform.Verb{platform.Restore},
		Direction: Relieving, Effect: Reversible, Inverse: ContentRemove, InverseDirection: Burdening},
	{Kind: DeskAdmit, Desk: true, Direction: Burdening, Effect: Reversible},
	{Kind: DeskEngagement, Desk: true, Direction: Burdening, Effect: Reversible},
	{Kind: DeskKey, Desk: true, Direction: Burdening, Effect: Reversible},
	{Kind: DeskChange, Desk: true, Direction: Burdening, Effect: Reversible},
	{Kind: DeskFreeze, Desk: true, Direction: Burdening, Effect: Reversible},
	{Kind: DeskReview, Desk: true, Direction: Burdening, Effect: Reversible},
	{Kind: AccountContain, Sort: platform.Account, Verbs: []platform.Verb{platform.Takedown}, Timed: true, Emergency: true,
		Direction: Burdening, Effect: Reversible, Inverse: AccountRestore, InverseDirection: Relieving},
	weaker(AccountLimit, platform.Account, platform.Limit, AccountUnlimit, true),
	lifting(AccountUnlimit, platform.Account, platform.Unlimit, AccountLimit),
	weaker(AccountLabel, platform.Account, platform.Label, AccountUnlabel, false),
	lifting(AccountUnlabel, platform.Account, platform.Unlabel, AccountLabel),
	weaker(ContentLimit, platform.Content, platform.Limit, ContentUnlimit, true),
	lifting(ContentUnlimit, platform.Content, platform.Unlimit, ContentLimit),
	weaker(ContentLabel, platform.Content, platform.Label, ContentUnlabel, false),
	lifting(ContentUnlabel, platform.Content, platform.Unlabel, ContentLabel),
	{Kind: AccountWarn, Session: true, Sort: platform.Account, Verbs: []platform.Verb{platform.Warn},
		Direction: Burdening, Effect: Said},
}

// weaker is the spec of a measure that leaves the subject in its place.
func weaker(k Kind, sort platform.Sort, v platform.Verb, inverse Kind, ends bool) Spec {
	return Spec{Kind: k, Session: true, Sort: sort, Verbs: []platform.Verb{v}, MayEnd: ends,
		Direction: Burdening, Effect: Reversible, Inverse: inverse, InverseDirection: Relieving}
}

// lifting is the spec of the act that takes such a measure away.
func lifting(k Kind, sort platform.Sort, v platform.Verb, inverse Kind) Spec {
	return Spec{Kind: k, Session: true, Sort: sort, Verbs: []platform.Verb{v},
		Direction: Relieving, Effect: Reversible, Inverse: inverse, InverseDirection: Burdening}
}

// LiftingKind returns the kind that lifts by a verb what stands on a sort of subject; ok is
// false if there is none.
func LiftingKind(v platform.Verb, sort platform.Sort) (k Kind, ok bool) {
	for _, s := range catalogue {
		if s.Direction == Relieving && s.Sort == sort && slices.Contains(s.Verbs, v) {
			return s.Kind, true
		}
	}
	return "", false
}

// EmergencyMost is the longest that an emergency act stands without an ordinary
// takedown in its place (design, section 4, Emergency).
const EmergencyMost = 30 * time.Minute

// Catalogue returns every kind's spec, in a fixed order.
func Catalogue() []Spec { return slices.Clone(catalogue) }

// SpecOf returns a kind's spec.
func SpecOf(k Kind) (Spec, bool) {
	for _, s := range catalogue {
		if s.Kind == k {
			return s, true
		}
	}
	return Spec{}, false
}

// Layer returns the layer that a kind changes; value is the label's, and empty for a kind
// that sets no label. A label's value that has not the form of one is a fault of type
// "bad-label". Says is false for such kinds.
func (s Spec) Layer(value string) (platform.Layer, error) {
	switch {
	case s.Labels():
		return platform.LabelLayer(value), platform.CheckLabel(value)
	case value != "":
		return "", fault.New(fault.Invalid, "bad-label", "%s sets no label, so it has no value.", s.Kind)
	case s.Limits():
		return platform.LimitLayer, nil
	}
	return platform.VisibilityLayer, nil
}

// Labels reports whether the kind sets a label or takes one away.
func (s Spec) Labels() bool {
	return slices.Contains(s.Verbs, platform.Label) || slices.Contains(s.Verbs, platform.Unlabel)
}

// Limits reports whether the kind limits a subject or takes its limit away.
func (s Spec) Limits() bool {
	return slices.Contains(s.Verbs, platform.Limit) || slices.Contains(s.Verbs, platform.Unlimit)
}

// Shows reports whether the kind changes a subject's visibility.
func (s Spec) Shows() bool { return !s.Desk && !s.Labels() && !s.Limits() && !s.Says() }

// Says reports whether the kind only says something: it changes no layer.
func (s Spec) Says() bool { return s.Effect == Said }

// VerbFor returns the verb with which a kind changes a subject that is in the
// given status.
func (s Spec) VerbFor(now platform.Status) platform.Verb {
	if s.Kind == AccountRestore && now == platform.Deactivated {
		return platform.Reactivate
	}
	if len(s.Verbs) == 0 {
		return ""
	}
	return s.Verbs[0]
}
