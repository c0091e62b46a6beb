package actions

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// CheckBudgets reports whether a list of budgets is well formed.
func CheckBudgets(bs []Budget) error {
	seen := map[Budget]bool{}
	for _, b := range bs {
		if b.Per != "worker" && b.Per != "vendor" || b.Window != "hour" && b.Window != "day" ||
			!slices.Contains(Tiers, b.Tier) || b.Direction != Burdening && b.Direction != Relieving || b.Limit < 0 {
			return fmt.Errorf("a budget is per worker or vendor, hour or day, of a tier and a direction, with a limit of 0 or more")
		}
		if b.Undo && b.Direction != Relieving {
			return fmt.Errorf("an undo is relieving")
		}
		if !b.Family.known() {
			return fmt.Errorf("there is no family of acts %q; there are %s", b.Family, list(Families))
		}
		if (b.Family == FamilyEvery) != (bs[0].Family == FamilyEvery) {
			return fmt.Errorf("a list of budgets has families throughout or not at all; a budget for all families together has the family %s", FamilyAll)
		}
		k := b
		k.Limit = 0
		if seen[k] {
			return fmt.Errorf("two budgets per %s and %s for %s %s acts%s", b.Per, b.Window, b.Tier, b.Direction, b.Family.of())
		}
		seen[k] = true
	}
	return nil
}

// Length returns the window's length.
func (b Budget) Length() time.Duration {
	if b.Window == "day" {
		return 24 * time.Hour
	}
	return time.Hour
}

// DefaultBudgets is what a desk begins with. On standard subjects each family has budgets of
// its own, and its undo has the same again; on others all families share theirs.
func DefaultBudgets() []Budget {
	var bs []Budget
	each := func(t Tier, f Family, d Direction, undo bool, l limits) {
		bs = append(bs,
			Budget{"worker", "hour", t, d, undo, l.workerHour, f},
			Budget{"worker", "day", t, d, undo, l.workerDay, f},
			Budget{"vendor", "hour", t, d, undo, l.vendorHour, f},
			Budget{"vendor", "day", t, d, undo, l.vendorDay, f},
		)
	}
	for _, l := range []struct {
		family Family
		limits
	}{
		{FamilyContent, limits{1000, 3000, 20000, 150000}},
		{FamilyAccountWeak, limits{120, 600, 4000, 30000}},
		{FamilyAccount, limits{60, 300, 2000, 15000}},
		{FamilyBurying, limits{1000, 3000, 20000, 150000}},
		{FamilyGuarded, limits{20, 60, 200, 1000}},
	} {
		each(Standard, l.family, Burdening, false, l.limits)
		each(Standard, l.family, Relieving, true, l.limits)
		bs = append(bs, Budget{"worker", "hour", Standard, Relieving, false, min(60, l.workerHour), l.family})
	}
	// Nothing is revealed back.
	each(Standard, FamilyRevealing, Burdening, false, limits{20, 60, 200, 2000})
	for _, l := range []struct {
		tier Tier
		limits
	}{{Protected, limits{5, 15, 20, 60}}, {Critical, limits{2, 3, 3, 6}}} {
		each(l.tier, FamilyAll, Burdening, false, l.limits)
		bs = append(bs, Budget{"worker", "hour", l.tier, Relieving, false, 60, FamilyAll}, Budget{"worker", "hour", l.tier, Relieving, true, 120, FamilyAll})
	}
	return bs
}

// limits are the limits of one direction of a family.
type limits struct{ workerHour, workerDay, vendorHour, vendorDay int64 }

// BudgetsWithoutFamilies is what a desk began with before there were families, and what one
// that signs in version 1 of the formats begins with.
func BudgetsWithoutFamilies() []Budget {
	var bs []Budget
	for _, l := range []struct {
		tier Tier
		limits
	}{
		{Standard, limits{60, 300, 2000, 15000}},
		{Protected, limits{5, 15, 20, 60}},
		{Critical, limits{2, 3, 3, 6}},
	} {
		bs = append(bs,
			Budget{"worker", "hour", l.tier, Burdening, false, l.workerHour, FamilyEvery},
			Budget{"worker", "day", l.tier, Burdening, false, l.workerDay, FamilyEvery},
			Budget{"vendor", "hour", l.tier, Burdening, false, l.vendorHour, FamilyEvery},
			Budget{"vendor", "day", l.tier, Burdening, false, l.vendorDay, FamilyEvery},
			Budget{"worker", "hour", l.tier, Relieving, false, 60, FamilyEvery},
			Budget{"worker", "hour", l.tier, Relieving, true, 120, FamilyEvery},
		)
	}
	return bs
}

// FoundingBudgets is what a desk that signs in a version of the formats begins with.
func FoundingBudgets(formats int64) []Budget {
	if formats <= FirstFormats {
		return BudgetsWithoutFamilies()
	}
	return DefaultBudgets()
}

// OlderBudgets says what a list of budgets lacks because it may be older than families, and
// which change its desk should make; empty if there is nothing to say.
func OlderBudgets(bs []Budget) []fault.Detail {
	if len(bs) == 0 || bs[0].Family != FamilyEvery {
		return nil
	}
	return []fault.Detail{{At: "budgets", Text: "These budgets have no families: each counts every kind, so that limits, labels and warnings spend what takedowns do, " +
		"and what lifts a measure needs no budget. Ask for those that a new desk begins with by `countersign budget propose --reason WHY`, or for your own with a file."}}
}

// Spender is the worker, and the vendor, whose budget an act counts against.
type Spender struct {
	Worker workforce.WorkerID
	Vendor workforce.VendorID
}

// Spending is the part of an act that budgets read.
type Spending struct {
	Tier      Tier
	Direction Direction
	Undo      bool
	Family    Family // of its kind
	Also      Family // a second family that it counts in; FamilyEvery: none. See AlsoOf
}

// SpendingOf returns the part of an act that budgets read, on a subject of a tier and
// without a second family.
func SpendingOf(k Kind, t Tier, d Direction, undo bool) Spending {
	return Spending{Tier: t, Direction: d, Undo: undo, Family: FamilyOf(k)}
}

// Count returns how many acts that a budget covers were carried out for a spender since an
// instant: for the worker, or for the whole vendor, as the budget says.
type Count func(b Budget, by Spender, since time.Time) (int64, error)

// Covers reports whether a budget limits an act.
func (b Budget) Covers(s Spending) bool {
	return b.Tier == s.Tier && b.Direction == s.Direction && b.Undo == s.Undo &&
		(b.Family == FamilyEvery || b.Family == FamilyAll || b.Family == s.Family || s.Also != FamilyEvery && b.Family == s.Also)
}

// Afford reports whether one more act fits every budget that covers it. It counts against
// the requester. In a list with families each family of the act needs a budget, whatever the
// act's direction; in one without, a burdening act needs one. The error is a fault of kind
// Exhausted, type "budget-spent" or "no-budget"; an error of count is returned as it is.
func Afford(bs []Budget, by Spender, s Spending, now time.Time, count Count) error {
	lacking := []Family{s.Family}
	if s.Also != FamilyEvery {
		lacking = append(lacking, s.Also)
	}
	for _, b := range bs {
		if !b.Covers(s) {
			continue
		}
		lacking = slices.DeleteFunc(lacking, func(f Family) bool { return b.Family == f || b.Family == FamilyEvery || b.Family == FamilyAll })
		n, err := count(b, by, now.Add(-b.Length()))
		if err != nil {
			return fmt.Errorf("count the budget per %s and %s: %w", b.Per, b.Window, err)
		}
		if n >= b.Limit {
			return spentBudget(b, by, s, n)
		}
	}
	families := len(bs) > 0 && bs[0].Family != FamilyEvery
	if len(lacking) == 0 || !families && s.Direction == Relieving {
		return nil
	}
	what := string(s.Direction) + " acts"
	if s.Undo {
		what = "undos"
	}
	if families {
		what += lacking[0].of()
	}
	return fault.New(fault.Exhausted, "no-budget",
		"No budget covers %s on %s subjects, so none may be carried out; a desk.change of the budgets adds one.", what, s.Tier)
}

// Unbudgeted returns the acts on platforms, one for each family, tier and direction, undos or
// not, that a list of budgets lets nobody carry out: no budget covers them.
func Unbudgeted(bs []Budget) []Spending {
	var all []Spending
	none := func(Budget, Spender, time.Time) (int64, error) { return -1, nil }
	for _, t := range Tiers {
		for _, spec := range catalogue {
			for _, undo := range []bool{false, true} {
				s := SpendingOf(spec.Kind, t, spec.Direction, undo)
				if spec.Desk || undo && spec.Direction == Burdening || slices.Contains(all, s) {
					continue
				}
				if Afford(bs, Spender{}, s, time.Time{}, none) != nil {
					all = append(all, s)
				}
			}
		}
	}
	return all
}

// spentBudget says whose budget is spent, and on what.
func spentBudget(b Budget, by Spender, s Spending, n int64) error {
	who := string(by.Worker)
	if b.Per == "vendor" {
		who = "the vendor " + string(by.Vendor)
		if by.Vendor == "" {
			who = "all employees together"
		}
	}
	why := ""
	if b.Family == s.Also && b.Family != s.Family && b.Family != FamilyEvery {
		why = fmt.Sprintf(" An act on the content of one account counts as one on the account too, after %d in an hour.", ContentOfOne)
	}
	return fault.New(fault.Exhausted, "budget-spent",
		"The budget of %s is spent: %d %s acts%s on %s subjects in %s %s, %d carried out.%s Wait, or let somebody else do it.",
		who, b.Limit, b.Direction, b.Family.of(), b.Tier, article[b.Window], b.Window, n, why)
}

var article = map[string]string{"hour": "an", "day": "a"}

// of names the family in a sentence about acts; empty for every kind.
func (f Family) of() string {
	if f == FamilyEvery {
		return ""
	}
	if f == FamilyAll {
		return " of all families"
	}
	return " of the family " + string(f)
}

func list[S ~string](names []S) string {
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = string(n)
	}
	return strings.Join(texts, ", ")
}
