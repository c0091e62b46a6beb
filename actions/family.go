package actions

import (
	"slices"

	"countersign.dev/platform"
)

// Family is a set of kinds that budgets count together.
type Family string

// The families. Every kind on a platform belongs to the family of its measure; an undo and
// any other lift belong to the family of the measure that they lift.
const (
	FamilyEvery       Family = ""             // every kind
	FamilyContent     Family = "content"      // remove, limit and label content
	FamilyAccountWeak Family = "account-weak" // limit, label and warn accounts
	FamilyAccount     Family = "account"      // takedown, suspension, deactivation and deletion of accounts
	FamilyBurying     Family = "burying"      // ends of a report with less than its rule's usual measure
	FamilyGuarded     Family = "guarded"      // guarded powers over accounts
)

// Families lists them, sorted, without FamilyEvery.
var Families = []Family{FamilyAccount, FamilyAccountWeak, FamilyBurying, FamilyContent, FamilyGuarded}

// FamilyOf returns the family of a kind on a platform; FamilyEvery for a change of the desk.
func FamilyOf(k Kind) Family {
	spec, ok := SpecOf(k)
	switch {
	case !ok || spec.Desk:
		return FamilyEvery
	case spec.Sort == platform.Content:
		return FamilyContent
	case spec.Limits(), spec.Labels(), spec.Says():
		return FamilyAccountWeak
	}
	return FamilyAccount
}

// KindsOf returns the kinds of a family, in the catalogue's order; every kind on a platform
// for FamilyEvery.
func KindsOf(f Family) []Kind {
	var ks []Kind
	for _, s := range catalogue {
		if !s.Desk && (f == FamilyEvery || FamilyOf(s.Kind) == f) {
			ks = append(ks, s.Kind)
		}
	}
	return ks
}

func (f Family) known() bool { return f == FamilyEvery || slices.Contains(Families, f) }
