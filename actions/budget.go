package actions

import (
	"fmt"
	"slices"
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
		k := b
		k.Limit = 0
		if seen[k] {
			return fmt.Errorf("two budgets per %s and %s for %s %s acts", b.Per, b.Window, b.Tier, b.Direction)
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

// DefaultBudgets is what a desk begins with.
func DefaultBudgets() []Budget {
	var bs []Budget
	for _, l := range []struct {
		tier                                         Tier
		workerHour, workerDay, vendorHour, vendorDay int64
	}{
		{Standard, 60, 300, 2000, 15000},
		{Protected, 5, 15, 20, 60},
		{Critical, 2, 3, 3, 6},
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

// Spender is the worker, and the vendor, whose budget an act counts against.
type Spender struct {
	Worker workforce.WorkerID
	Vendor workforce.VendorID
}

// Count returns how many acts of a tier and direction were carried out for a
// spender since an instant: for the worker, or for the whole vendor.
type Count func(per string, by Spender, tier Tier, d Direction, undo bool, since time.Time) (int64, error)

// Covers reports whether a budget limits acts on subjects of a tier, in a direction, undos or
// not.
func (b Budget) Covers(t Tier, d Direction, undo bool) bool {
	return b.Tier == t && b.Direction == d && b.Undo == undo
}

// Afford reports whether one more act fits every budget. It counts against the requester.
// The error is a fault of kind Exhausted, type "budget-spent"; an error of count is
// returned as it is.
func Afford(bs []Budget, by Spender, a Action, now time.Time, count Count) error {
	covered := false
	for _, b := range bs {
		if !b.Covers(a.Tier, a.Direction, a.Undo()) {
			continue
		}
		covered = true
		n, err := count(b.Per, by, b.Tier, b.Direction, b.Undo, now.Add(-b.Length()))
		if err != nil {
			return fmt.Errorf("count the budget per %s and %s: %w", b.Per, b.Window, err)
		}
		if n >= b.Limit {
			who := string(by.Worker)
			if b.Per == "vendor" {
				who = "the vendor " + string(by.Vendor)
				if by.Vendor == "" {
					who = "all employees together"
				}
			}
			return fault.New(fault.Exhausted, "budget-spent",
				"The budget of %s is spent: %d %s acts on %s subjects in a %s, %d carried out. Wait, or let somebody else do it.",
				who, b.Limit, b.Direction, b.Tier, b.Window, n)
		}
	}
	if !covered && a.Direction == Burdening {
		return fault.New(fault.Exhausted, "no-budget",
			"No budget covers %s acts on %s subjects, so none may be carried out; a desk.change of the budgets adds one.", a.Direction, a.Tier)
	}
	return nil
}
