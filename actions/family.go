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
	FamilyEvery       Family = ""             // every kind, in a list of budgets without families
	FamilyAll         Family = "all"          // every kind, in a list with families
	FamilyContent     Family = "content"      // remove, limit and label content
	FamilyAccountWeak Family = "account-weak" // limit, label and warn accounts
	FamilyAccount     Family = "account"      // takedown, suspension, deactivation and deletion of accounts
	FamilyBurying     Family = "burying"      // ends of a report with less than its rule's usual measure
	FamilyGuarded     Family = "guarded"      // guarded powers over accounts
	FamilyRevealing   Family = "revealing"    // reveals of private data
)

// Families lists the families that a budget may name, sorted, without FamilyEvery.
var Families = []Family{FamilyAccount, FamilyAccountWeak, FamilyAll, FamilyBurying, FamilyContent, FamilyGuarded, FamilyRevealing}

// ContentOfOne is the number of acts an hour, of one person on the content of one account,
// above which such acts count as FamilyAccount too: whoever takes away all that an account
// has said does what a takedown of the account does.
const ContentOfOne = 30

// AlsoOf returns the second family of an act: FamilyAccount for an act on content whose
// requester carried out ContentOfOne such acts or more, on content of the same account and
// in the hour before; else FamilyEvery, which is none.
func AlsoOf(f Family, before int64) Family {
	if f == FamilyContent && before >= ContentOfOne {
		return FamilyAccount
	}
	return FamilyEvery
}

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
// for FamilyEvery and FamilyAll.
func KindsOf(f Family) []Kind {
	var ks []Kind
	for _, s := range catalogue {
		if !s.Desk && (f == FamilyEvery || f == FamilyAll || FamilyOf(s.Kind) == f) {
			ks = append(ks, s.Kind)
		}
	}
	return ks
}

func (f Family) known() bool { return f == FamilyEvery || slices.Contains(Families, f) }
