package wording

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// This file says what a change replaces. The new state is signed; the old one is the word
// of the caller's source.

// BudgetsBefore says which budgets are added and removed, and which acts are left without
// one.
func BudgetsBefore(old, fresh []actions.Budget) []string {
	lines := []string{"What changes of the budgets:"}
	for _, b := range old {
		if !slices.Contains(fresh, b) {
			lines = append(lines, "  no more: "+Budget(b))
		}
	}
	for _, b := range fresh {
		if !slices.Contains(old, b) {
			lines = append(lines, "  new:     "+Budget(b))
		}
	}
	lines = orNothingChanges(lines)
	for _, s := range actions.Unbudgeted(fresh) {
		lines = append(lines, "Without a budget, so that none is carried out: "+ActsOf(actions.Budget{Tier: s.Tier, Direction: s.Direction, Undo: s.Undo, Family: s.Family}))
	}
	return lines
}

// orNothingChanges says so if nothing follows a head.
func orNothingChanges(lines []string) []string {
	if len(lines) == 1 {
		return append(lines, "  nothing")
	}
	return lines
}

// TrustBefore says which of the machines and limits that the desk trusts change.
func TrustBefore(old, fresh actions.Trust) []string {
	return differing("What changes of what the desk trusts:", trustFacts(old), trustFacts(fresh))
}

// mostNames bounds the people whom a sentence names.
const mostNames = 200

// LosePasskeys says who loses passkeys by a change of the desk's site: losing are all of them,
// keyless those who have no other key. It says nothing if the site stays.
func LosePasskeys(old, fresh actions.Trust, losing, keyless []workforce.WorkerID) []string {
	if old.RelyingParty == fresh.RelyingParty {
		return nil
	}
	what := fmt.Sprintf("%s: passkeys are bound to the site %s, and the site becomes %s. They count for nothing from then on, also if the older site comes back.",
		Plural(len(losing), "person loses a passkey", "people lose their passkeys"), cmp.Or(old.RelyingParty, "none"), cmp.Or(fresh.RelyingParty, "none"))
	switch n := len(keyless); {
	case len(losing) == 0:
		return []string{what}
	case n == 0:
		return []string{what, "Each of them has another key."}
	case n > mostNames:
		return []string{what, fmt.Sprintf("%s without any key then: %s, and %d more.", Plural(n, "person is", "people are"), strings.Join(texts(keyless[:mostNames]), ", "), n-mostNames)}
	default:
		return []string{what, fmt.Sprintf("%s without any key then: %s.", Plural(n, "person is", "people are"), Joined(keyless))}
	}
}

func texts(ws []workforce.WorkerID) []string {
	all := make([]string, len(ws))
	for i, w := range ws {
		all[i] = string(w)
	}
	return all
}

// differing lists the entries in which two lists of the same facts differ.
func differing(head string, was, will []Fact) []string {
	return orNothingChanges(append([]string{head}, differences(was, will)...))
}

func differences(was, will []Fact) []string {
	var lines []string
	for i, f := range will {
		if was[i][1] != f[1] {
			lines = append(lines, fmt.Sprintf("  %s: %s, until now %s", f[0], cmp.Or(f[1], "none"), cmp.Or(was[i][1], "none")))
		}
	}
	return lines
}

// VendorBefore gives the present facts about a vendor; the zero vendor is none.
func VendorBefore(old, fresh workforce.Vendor) []string {
	switch {
	case old.ID == "":
		return []string{fmt.Sprintf("The vendor %s is new.", fresh.ID)}
	case old == fresh:
		return []string{fmt.Sprintf("Nothing changes of the vendor %s.", fresh.ID)}
	}
	return []string{fmt.Sprintf("Until now the vendor %s is called %s, and its people's sensitive acts end %s before their last day.", old.ID, old.Name, Many(int(old.Ratchet), "day"))}
}

// PlatformBefore gives the present connection of a platform; the zero platform is none.
func PlatformBefore(old, fresh actions.Platform) []string {
	if old.Name == "" {
		return []string{fmt.Sprintf("The platform %s is new.", fresh.Name)}
	}
	lines := []string{fmt.Sprintf("The platform %s is connected already. What changes:", fresh.Name)}
	facts := differences(platformFacts(old), platformFacts(fresh))
	if len(facts) == 0 && !slices.Equal(old.Labels, fresh.Labels) {
		lines[0] = fmt.Sprintf("This changes the labels of %s, and nothing else of it:", fresh.Name)
	}
	lines = append(lines, facts...)
	if added := without(fresh.Labels, old.Labels); len(added) > 0 {
		lines = append(lines, "  labels that may be set from now on: "+Joined(added))
	}
	if gone := without(old.Labels, fresh.Labels); len(gone) > 0 {
		lines = append(lines, "  labels that may be set no more: "+Joined(gone))
	}
	return orNothingChanges(lines)
}

// without returns the texts of a list that another one lacks.
func without(all, other []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(other, s) })
}

// OrderBefore gives the standing order that another one replaces, or the one that is
// revoked; the zero order is none.
func OrderBefore(old, fresh actions.Order) []string {
	switch {
	case old.Platform == "":
		return []string{fmt.Sprintf("Until now there is no standing order for %s subjects of %s.", fresh.Tier, fresh.Platform)}
	case fresh.Op == "revoke":
		lines := []string{"The order that is revoked:"}
		for _, f := range orderFacts(old) {
			if f[1] != "" {
				lines = append(lines, fmt.Sprintf("  %s: %s", f[0], f[1]))
			}
		}
		return lines
	}
	return differing("It takes the place of a standing order. What changes:", orderFacts(old), orderFacts(fresh))
}

// ModeBefore says whether a tier is only observed now.
func ModeBefore(observed bool, fresh actions.Mode) []string {
	now := "enforced"
	if observed {
		now = "only observed"
	}
	return []string{fmt.Sprintf("Until now %s subjects of %s are %s.", fresh.Tier, fresh.Platform, now)}
}

// EndBefore gives the present end of an engagement that is extended; zero is never.
func EndBefore(last canonical.Time) []string {
	return []string{fmt.Sprintf("Until now it ends: %s.", cmp.Or(When(last), "never"))}
}

// MeasureBefore says until when the measure lasts whose place another one takes, and until
// when the other one does.
func MeasureBefore(old, fresh actions.Action) []string {
	return []string{fmt.Sprintf("It takes the place of the measure of %s. Its end: until now %s; then %s.", fresh.Command.Confirms(),
		cmp.Or(When(old.Until), "none"), cmp.Or(When(fresh.Until), "without an end"))}
}

// TextBefore names the text in force that another one replaces, or that ends; the zero Text
// is none.
func TextBefore(old actions.Text) []string {
	if old.Digest.IsZero() {
		return []string{"Until now there is none."}
	}
	line := fmt.Sprintf("Until now %s is in force, %s", old.Digest, Many(int(old.Size), "byte"))
	if old.Source != "" {
		line += ", made by " + old.Source
	}
	return []string{line + "."}
}
