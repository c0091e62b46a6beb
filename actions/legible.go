package actions

import (
	"maps"
	"slices"
	"time"

	"countersign.dev/fault"
	"countersign.dev/prose"
)

// MaxSuspension is the longest suspension: a year, and a leap day. An account that is to
// be down for longer is taken down, which the policy holds for more people.
const MaxSuspension = 366 * 24 * time.Hour

// Lasts checks the end of a timed measure that is asked for at an instant. Errors are
// faults of types "end-is-past", "suspension-too-long" and "limit-too-long".
func (a Action) Lasts(asked time.Time) error {
	if a.Kind == DeskChange {
		return orderLasts(a, asked)
	}
	spec, _ := SpecOf(a.Kind)
	switch {
	case spec.Desk || a.Until.IsZero():
		return nil
	case !asked.Before(a.Until.Time):
		return fault.New(fault.Invalid, "end-is-past", "The measure would end at %s, which is past. Give an end that is still to come.", a.Until)
	case spec.MayEnd && a.Until.Sub(asked) > MaxSuspension:
		return fault.New(fault.Invalid, "limit-too-long",
			"A limit with an end lasts for %d days at most. For longer leave the end out: then it stands until somebody lifts it.", int(MaxSuspension.Hours()/24))
	case !spec.Emergency && a.Until.Sub(asked) > MaxSuspension:
		return fault.New(fault.Invalid, "suspension-too-long",
			"A suspension lasts for %d days at most. For longer that is a takedown: request account.takedown.", int(MaxSuspension.Hours()/24))
	}
	return nil
}

// Reasoned reports whether an action has a reason, where it needs one: people read it
// before they sign, and years later. Relieving acts need none, so that no freeze and no
// undo waits for words; a review has its findings. Errors are faults of type "bad-text".
func (a Action) Reasoned() error {
	if a.Reason != "" || a.Direction == Relieving || a.Kind == DeskReview {
		return nil
	}
	return prose.Check("The reason", a.Reason)
}

// MaxOrder is the longest standing order. After it people look at it again and sign.
const MaxOrder = 366 * 24 * time.Hour

func orderLasts(a Action, asked time.Time) error {
	change, err := ParseChange(a.Kind, a.Change)
	if err != nil {
		return err
	}
	set, _ := change.(Setting)
	switch o := set.Order; {
	case o == nil || o.Until.IsZero():
	case !asked.Before(o.Until.Time):
		return fault.New(fault.Invalid, "end-is-past", "The standing order would end at %s, which is past. Give an end that is still to come.", o.Until)
	case o.Until.Sub(asked) > MaxOrder:
		return fault.New(fault.Invalid, "order-too-long",
			"A standing order stands for %d days at most. Give a nearer end, and place it again before that.", int(MaxOrder.Hours()/24))
	}
	return nil
}

// Legible reports whether people can read the texts of an action, by the one rule of
// package prose. Check does not ask this, since actions of the first laws stay as they
// were signed. Legible does not check subjects, since strangers name them; they are
// escaped where they are shown. Errors are faults of type "bad-text".
func (a Action) Legible() error {
	// Reasoned says whether there has to be a reason.
	if a.Reason != "" {
		if err := prose.Check("The reason", a.Reason); err != nil {
			return err
		}
	}
	// An undo has the case of the act that it undoes, whatever that is.
	if a.Case != "" && !a.Undo() {
		if err := prose.CheckLine("The case", a.Case); err != nil {
			return err
		}
	}
	spec, _ := SpecOf(a.Kind)
	if !spec.Desk {
		return nil
	}
	ch, err := ParseChange(a.Kind, a.Change)
	if err != nil {
		return err
	}
	if c, ok := ch.(Setting); ok {
		return c.legible()
	}
	return nil
}

func (c Setting) legible() error {
	switch c.Of {
	case PartVendors:
		return prose.CheckLine("The vendor's name", c.Vendor.Name)
	case PartPlatforms:
		return prose.CheckLine("The connector's name", c.Platform.Connector)
	case PartTrust:
		for _, name := range append([]string{c.Trust.Executor}, c.Trust.Origins...) {
			if err := prose.CheckLine("A name in what the desk trusts", name); err != nil {
				return err
			}
		}
		if c.Trust.RelyingParty != "" {
			return prose.CheckLine("The name under which passkeys sign", c.Trust.RelyingParty)
		}
	case PartPolicy:
		for _, name := range slices.Sorted(maps.Keys(c.Policy)) {
			if err := prose.CheckLine("The name of a policy file", name); err != nil {
				return err
			}
			if err := prose.CheckSource("The policy file "+name, c.Policy[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Legible reports whether people can read the row of an admission. Errors are
// faults of type "bad-text".
func (r Row) Legible() error {
	for _, t := range []struct{ what, text string }{{"team", r.Record.Team}, {"site", r.Record.Site}, {"zone", r.Record.Zone}} {
		if t.text == "" {
			continue
		}
		if err := prose.CheckLine("The "+t.what+" of "+string(r.Record.Worker), t.text); err != nil {
			return err
		}
	}
	return nil
}
