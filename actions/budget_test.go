package actions

import (
	"errors"
	"slices"
	"testing"
	"time"

	"countersign.dev/fault"
)

func TestCheckBudgets(t *testing.T) {
	if err := CheckBudgets(DefaultBudgets()); err != nil {
		t.Fatal(err)
	}
	good := Budget{"worker", "hour", Critical, Burdening, false, 2, FamilyEvery}
	for name, by := range map[string]func(*Budget){
		"per team":          func(b *Budget) { b.Per = "team" },
		"per nobody":        func(b *Budget) { b.Per = "" },
		"a week":            func(b *Budget) { b.Window = "week" },
		"unknown tier":      func(b *Budget) { b.Tier = "vital" },
		"no tier":           func(b *Budget) { b.Tier = "" },
		"no direction":      func(b *Budget) { b.Direction = "" },
		"below none":        func(b *Budget) { b.Limit = -1 },
		"undo that burdens": func(b *Budget) { b.Undo = true },
	} {
		b := good
		by(&b)
		if CheckBudgets([]Budget{b}) == nil {
			t.Errorf("%s passes", name)
		}
	}
	// Of two limits for one thing nobody would know which holds.
	more := good
	more.Limit = 100
	if CheckBudgets([]Budget{good, more}) == nil {
		t.Error("two limits for one thing pass")
	}
	undo := Budget{"worker", "hour", Critical, Relieving, true, 2, FamilyEvery}
	lift := undo
	lift.Undo = false
	if err := CheckBudgets([]Budget{good, undo, lift}); err != nil {
		t.Error(err)
	}
}

// TestDefaultBudgetsCoverEverything: for every tier and direction there is a budget of
// the worker, and for burdening acts one of the vendor as well.
func TestDefaultBudgetsCoverEverything(t *testing.T) {
	for _, tier := range Tiers {
		for _, want := range []Budget{
			{"worker", "hour", tier, Burdening, false, 0, FamilyEvery}, {"worker", "day", tier, Burdening, false, 0, FamilyEvery},
			{"vendor", "hour", tier, Burdening, false, 0, FamilyEvery}, {"vendor", "day", tier, Burdening, false, 0, FamilyEvery},
			{"worker", "hour", tier, Relieving, true, 0, FamilyEvery}, {"worker", "hour", tier, Relieving, false, 0, FamilyEvery},
		} {
			if !slices.ContainsFunc(DefaultBudgets(), func(b Budget) bool {
				k := b
				k.Limit = 0
				return k == want && b.Limit > 0
			}) {
				t.Errorf("no budget like %+v", want)
			}
		}
	}
}

func TestAfford(t *testing.T) {
	by := Spender{"w", "acme"}
	budgets := []Budget{
		{"worker", "hour", Critical, Burdening, false, 2, FamilyEvery}, {"vendor", "day", Critical, Burdening, false, 3, FamilyEvery},
		{"worker", "hour", Critical, Relieving, false, 1, FamilyEvery}, {"worker", "hour", Critical, Relieving, true, 5, FamilyEvery},
	}
	lift := undo()
	lift.Reverses = ""
	standard := takedown()
	standard.Tier = Standard
	lower := undo()
	lower.Tier = Standard
	broken := errors.New("no database")
	for name, c := range map[string]struct {
		budgets []Budget
		a       Action
		spent   map[string]int64 // by "per window"
		fail    error
		typ     string
	}{
		"none spent":                 {budgets, takedown(), nil, nil, ""},
		"one left":                   {budgets, takedown(), map[string]int64{"worker hour": 1, "vendor day": 2}, nil, ""},
		"the worker's spent":         {budgets, takedown(), map[string]int64{"worker hour": 2}, nil, "budget-spent"},
		"the vendor's spent":         {budgets, takedown(), map[string]int64{"vendor day": 3}, nil, "budget-spent"},
		"overspent":                  {budgets, takedown(), map[string]int64{"worker hour": 9}, nil, "budget-spent"},
		"an undo spends its own":     {budgets, undo(), map[string]int64{"worker hour": 4}, nil, ""},
		"until that is spent":        {budgets, undo(), map[string]int64{"worker hour": 5}, nil, "budget-spent"},
		"another lift is no undo":    {budgets, lift, map[string]int64{"worker hour": 1}, nil, "budget-spent"},
		"a limit of none":            {[]Budget{{"worker", "hour", Critical, Burdening, false, 0, FamilyEvery}}, takedown(), nil, nil, "budget-spent"},
		"burdening without a budget": {budgets, standard, nil, nil, "no-budget"},
		"without any budget":         {nil, takedown(), nil, nil, "no-budget"},
		"relieving without a budget": {budgets, lower, nil, nil, ""}, // nobody is kept from undoing by a list that forgot it
		"what cannot be counted":     {budgets, takedown(), nil, broken, "internal"},
	} {
		err := Afford(c.budgets, by, c.a, noon.Time, func(per string, who Spender, tier Tier, d Direction, undo bool, since time.Time) (int64, error) {
			window := map[time.Time]string{noon.Add(-time.Hour): "hour", noon.Add(-24 * time.Hour): "day"}[since]
			if who != by || tier != c.a.Tier || d != c.a.Direction || undo != c.a.Undo() || window == "" {
				t.Errorf("%s: counts %s %v %s %s %v since %s", name, per, who, tier, d, undo, since)
			}
			return c.spent[per+" "+window], c.fail
		})
		switch {
		case c.typ == "" && err != nil, c.typ != "" && fault.TypeOf(err) != c.typ, c.fail != nil && !errors.Is(err, c.fail):
			t.Errorf("%s: %v", name, err)
		}
	}
	// A text for a person names who, also where the vendor is the platform's own company.
	err := Afford(budgets, Spender{"w", ""}, takedown(), noon.Time, func(per string, _ Spender, _ Tier, _ Direction, _ bool, _ time.Time) (int64, error) {
		return map[string]int64{"vendor": 3}[per], nil
	})
	if f := fault.As(err); f == nil || f.Kind != fault.Exhausted || f.Text != "The budget of all employees together is spent: 3 burdening acts on critical subjects in a day, 3 carried out. Wait, or let somebody else do it." {
		t.Error(err)
	}
}
