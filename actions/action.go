package actions

import (
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// Tier says how protected a subject is.
type Tier string

// The tiers, weakest first.
const (
	Standard  Tier = "standard"
	Protected Tier = "protected"
	Critical  Tier = "critical"
)

// Tiers lists the tiers, weakest first.
var Tiers = []Tier{Standard, Protected, Critical}

// Rank orders tiers. An unknown tier ranks with the highest.
func (t Tier) Rank() int {
	if i := slices.Index(Tiers, t); i >= 0 {
		return i
	}
	return len(Tiers) - 1
}

// Max returns the more protected of two tiers.
func (t Tier) Max(u Tier) Tier {
	if u.Rank() > t.Rank() {
		return u
	}
	return t
}

// Category sorts measures by their cause. Those outside CategoryRules one person may not
// lift.
type Category string

// The categories. Empty is a measure under the community's rules.
const (
	CategoryRules       Category = ""
	CategoryLegal       Category = "legal"
	CategoryChildSafety Category = "child-safety"
)

// Inverse names the action that takes an action back.
type Inverse struct {
	Direction Direction `json:"direction"` // empty: no action takes it back
	Kind      Kind      `json:"kind"`      // empty: no action takes it back
}

// DeskPlatform is the platform of the subjects of desk kinds: the desk itself.
const DeskPlatform = "desk"

// Action is one change to one subject, exactly described. People sign its
// digest; every member is always present.
type Action struct {
	Case     string   `json:"case"` // the desk's word; it decides only for standard subjects
	Category Category `json:"category"`
	// Change is the change that the desk applies, in the form of its kind; {} for platform
	// kinds.
	Change canonical.Raw `json:"change"`
	// Command is passed to the connector unchanged; for desk kinds all its members are
	// empty.
	Command   platform.Command `json:"command"`
	Direction Direction        `json:"direction"`
	Effect    Effect           `json:"effect"`
	Inverse   Inverse          `json:"inverse"`
	Kind      Kind             `json:"kind"`
	Lossy     string           `json:"lossy"` // the loss that an undo does not bring back
	// Nonce, 16 random bytes, keeps the digest from being guessed once the
	// personal fields are erased.
	Nonce canonical.Bytes `json:"nonce"`
	// Parameters is the digest of a sealed document with the act's parameters; empty for
	// acts that have none. Parameters, Rule and Veto are of version 2.
	Parameters canonical.Digest `json:"parameters"`
	Reason     string           `json:"reason"`
	Reverses   string           `json:"reverses"` // the request whose measure this lifts, for an undo
	Rule       Rule             `json:"rule"`     // the rule of the community under which the measure is taken
	Subject    platform.Subject `json:"subject"`
	Tier       Tier             `json:"tier"`  // of the subject when this was written; the executor reads it again
	Until      canonical.Time   `json:"until"` // end of a timed measure
	V          string           `json:"v"`
	Veto       int64            `json:"veto"` // seconds within which the account holder can veto the act; 0: not at all
}

// Digest names the action in statements.
func (a Action) Digest() canonical.Digest { return canonical.DigestOf(a) }

// Undo reports whether the action is one person's undo of an earlier one.
func (a Action) Undo() bool { return a.Reverses != "" }

// MaxText is the longest reason or case reference, in bytes.
const MaxText = 2000

// Check reports whether the action is well formed by itself: its kind known,
// its members those that the kind allows, its direction and inverse the
// catalogue's. Errors are faults of type "bad-action".
func (a Action) Check() error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "bad-action", "The action is not well formed: %s.", fmt.Sprintf(format, args...))
	}
	spec, ok := SpecOf(a.Kind)
	switch {
	case a.Formats() == 0:
		return bad("version %q is none of %s, %s", a.V, ActionV1, ActionV2)
	case a.V == ActionV1 && (!a.Parameters.IsZero() || a.Rule != (Rule{}) || a.Veto != 0):
		return bad("parameters, rule and veto are of version 2")
	case !a.Parameters.IsZero() || a.Veto != 0:
		return bad("no kind has parameters or a veto yet")
	case a.Rule.check() != nil:
		return bad("a rule has a number and the digest of its text")
	case !ok:
		return bad("kind %q is not in the catalogue", a.Kind)
	case !slices.Contains(Tiers, a.Tier):
		return bad("tier %q is none of standard, protected, critical", a.Tier)
	case len(a.Nonce) != 16:
		return bad("the nonce must be 16 bytes")
	case !goodText(a.Reason) || !goodText(a.Case):
		return bad("reason and case must be printable and at most %d bytes", MaxText)
	case a.Category != CategoryRules && a.Category != CategoryLegal && a.Category != CategoryChildSafety:
		return bad("category %q is none of legal, child-safety", a.Category)
	}
	if spec.Desk {
		return a.checkDesk(bad)
	}
	return a.checkPlatform(spec, bad)
}

func (a Action) checkDesk(bad func(string, ...any) error) error {
	switch {
	case a.Command != (platform.Command{}):
		return bad("a change of the desk has no command")
	case a.Subject.Platform != DeskPlatform || a.Subject.ID == "" || a.Subject.Handle != "":
		return bad("the subject of a change of the desk is desk:PART")
	case a.Reverses != "" || !a.Until.IsZero() || a.Case != "" || a.Category != "":
		return bad("a change of the desk reverses nothing, has no end, case or category")
	}
	ch, err := ParseChange(a.Kind, a.Change)
	if err != nil {
		return err
	}
	switch {
	case a.Direction != ch.Direction():
		return bad("the direction of this change is %s", ch.Direction())
	case a.Subject.ID != ch.Part():
		return bad("the subject of this change is desk:%s", ch.Part())
	case a.Effect != Reversible || a.Inverse != (Inverse{}) || a.Lossy != "":
		return bad("a change of the desk is reversed by another change")
	case a.Tier != Critical:
		return bad("a change of the desk ranks with the highest tier that it could weaken, critical")
	}
	return nil
}

func (a Action) checkPlatform(spec Spec, bad func(string, ...any) error) error {
	c := a.Command
	switch {
	case string(a.Change) != "{}":
		return bad("only changes of the desk have a change")
	case a.Subject.Platform == DeskPlatform || a.Subject.Platform == "" || a.Subject.ID == "":
		return bad("the subject is not resolved")
	case c.Subject != a.Subject:
		return bad("the command's subject is not the action's")
	case !slices.Contains(spec.Verbs, c.Verb):
		return bad("%s cannot be a %q", a.Kind, c.Verb)
	case a.Direction != spec.Direction:
		return bad("the direction of %s is %s", a.Kind, spec.Direction)
	case a.Inverse != (Inverse{Kind: spec.Inverse, Direction: spec.InverseDirection}):
		return bad("the inverse of %s is %q", a.Kind, spec.Inverse)
	case spec.Timed && a.Until.IsZero():
		return bad("%s needs an end", a.Kind)
	case !spec.Timed && !spec.MayEnd && !a.Until.IsZero():
		return bad("%s has no end", a.Kind)
	case (spec.Effect == OneWay || spec.Says()) && a.Effect != spec.Effect, spec.Effect == Reversible && a.Effect != Reversible && a.Effect != Lossy:
		return bad("effect %q does not fit %s", a.Effect, a.Kind)
	case (a.Effect == Lossy) != (a.Lossy != ""):
		return bad("a lossy act says what is lost")
	case spec.Says() && (c.Mark != "" || c.Expect != (platform.Expect{})):
		return bad("%s changes no layer, so it expects and leaves nothing", a.Kind)
	case spec.Direction == Burdening && c.Mark == "" && c.Verb != platform.Delete && !spec.Says():
		return bad("a measure leaves a mark")
	case a.V == ActionV1 && (c.Layer != platform.VisibilityLayer || spec.Says()):
		return bad("%s is of version 2", a.Kind)
	case c.Confirms() != "" && !a.Kind.Replaces():
		return bad("only a takedown, a suspension or a limit takes the place of another measure")
	case !c.Verb.Fits(c.Layer):
		return bad("a %s does not change the layer %s", c.Verb, c.Layer)
	case !fits(c, spec.Sort):
		return bad("a %s expects another state than %s", c.Verb, platform.DescribeIn(c.Layer, c.Expect))
	case spec.Direction == Relieving && c.Mark != "":
		return bad("lifting a measure leaves no mark")
	case a.Reverses != "" && spec.Direction != Relieving:
		return bad("only relieving acts reverse a request")
	case a.Reverses != "" && c.Expect.Mark != platform.MarkOf(a.Reverses):
		return bad("an undo lifts the mark of the request that it reverses and no other")
	}
	return nil
}

// Replaces reports whether a measure of the kind may take the place of a timed measure of
// the same layer; see Outlasts.
func (k Kind) Replaces() bool {
	return k == AccountTakedown || k == AccountSuspend || k == AccountLimit || k == ContentLimit
}

// fits reports whether a command expects a state from which its verb may start. A measure
// is put only on a layer that is clear and bears no mark, so that none is ever put over
// somebody else's. A takedown may also be put over the owner's own deactivation, which it
// hides and does not change. The one exception puts our mark in the place of our own: a
// takedown, a suspension or a limit that ends later takes the place of a timed measure; see
// Outlasts.
func fits(c platform.Command, s platform.Sort) bool {
	switch c.Verb {
	case platform.Takedown:
		return c.Expect == platform.Expect{Status: platform.Up} || s == platform.Account && c.Expect == platform.Expect{Status: platform.Deactivated} || c.Confirms() != ""
	case platform.Limit:
		return c.Expect == platform.Expect{Status: platform.NoLimit} || c.Confirms() != ""
	case platform.Label:
		return c.Expect == platform.Expect{Status: platform.Unset}
	case platform.Unlimit, platform.Unlabel:
		return c.Expect.Status == c.Layer.Bears()
	case platform.Deactivate:
		return c.Expect == platform.Expect{Status: platform.Up}
	case platform.Restore:
		return c.Expect.Status == platform.Down
	case platform.Reactivate:
		return c.Expect.Status == platform.Deactivated
	default:
		return true
	}
}

func goodText(s string) bool {
	if len(s) > MaxText || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		// Characters that turn the direction of writing show a reader another text than the one
		// that is signed.
		if unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r) {
			return false
		}
	}
	return true
}
