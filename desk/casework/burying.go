package casework

import (
	"context"
	"slices"
	"sync"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Burying is an act too (law 14): each way to end or delay a report with less than the rule's
// usual measure spends a budget. The budgets of the family "burying" in force count it, or
// those that a new desk begins with if there are none.

// budgetsOf returns the budgets that count the acts of a family that the desk counts itself.
func budgetsOf(s *proof.State, f actions.Family) []actions.Budget {
	of := func(all []actions.Budget) []actions.Budget {
		return slices.DeleteFunc(slices.Clone(all), func(b actions.Budget) bool {
			return b.Family != f || b.Tier != actions.Standard || b.Direction != actions.Burdening
		})
	}
	if in := of(s.Budgets); len(in) > 0 {
		return in
	}
	return of(actions.DefaultBudgets())
}

// bury spends one act of the budget of burying, or refuses it if the budget is spent.
func (d *Room) bury(t *kernel.Tx, s *proof.State, by kernel.Caller, st workforce.Standing, spent vendorSpent, what, about string) error {
	spends := actions.Spending{Tier: actions.Standard, Direction: actions.Burdening, Family: actions.FamilyBurying}
	err := actions.Afford(budgetsOf(s, actions.FamilyBurying), actions.Spender{Worker: by.Worker, Vendor: st.Vendor}, spends, t.Now().Time, func(b actions.Budget, _ actions.Spender, since time.Time) (int64, error) {
		if b.Per == "vendor" {
			return spent[b.Length()], nil
		}
		return t.Buried(by.Worker, canonical.At(since))
	})
	if err != nil {
		return err
	}
	return t.Bury(store.Burial{Worker: by.Worker, Vendor: st.Vendor, Time: t.Now(), What: what, About: about})
}

func (h *hand) bury(t *kernel.Tx, what, about string) error {
	return h.room.bury(t, h.s, h.by, h.st, h.spent, what, about)
}

// vendorSpent is what the people of a vendor buried, by the length of the window.
type vendorSpent map[time.Duration]int64

// vendorCounts keeps what vendors buried for a few seconds: counting a day of a large vendor
// at each of its decisions would cost more than the decision. A vendor may go over its budget
// by what it does in these seconds.
type vendorCounts struct {
	mu sync.Mutex
	by map[workforce.VendorID]vendorCount
}

type vendorCount struct {
	at    time.Time
	spent vendorSpent
}

const vendorCountLife = 10 * time.Second

// vendorSpent returns what the people of a vendor buried.
func (d *Room) vendorSpent(ctx context.Context, s *proof.State, v workforce.VendorID) (vendorSpent, error) {
	now := d.desk.Now()
	d.vendors.mu.Lock()
	have := d.vendors.by[v]
	d.vendors.mu.Unlock()
	if have.spent != nil && now.Sub(have.at) < vendorCountLife && !now.Before(have.at) {
		return have.spent, nil
	}
	spent := vendorSpent{}
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		for _, b := range budgetsOf(s, actions.FamilyBurying) {
			if b.Per != "vendor" {
				continue
			}
			n, err := stx.BuriedBy(v, canonical.At(now.Add(-b.Length())))
			if err != nil {
				return err
			}
			spent[b.Length()] = n
		}
		return nil
	}); err != nil {
		return nil, err
	}
	d.vendors.mu.Lock()
	defer d.vendors.mu.Unlock()
	if d.vendors.by == nil {
		d.vendors.by = map[workforce.VendorID]vendorCount{}
	}
	d.vendors.by[v] = vendorCount{now, spent}
	return spent, nil
}
