package actions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/canonical"
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

// TestFamiliesThroughout: of a list in which some budgets have a family and others none,
// nobody would know whether one without a family counts every kind.
func TestFamiliesThroughout(t *testing.T) {
	every := Budget{"worker", "hour", Standard, Burdening, false, 2, FamilyEvery}
	content, all := every, every
	content.Family, all.Family = FamilyContent, FamilyAll
	for _, bs := range [][]Budget{{every, content}, {content, every}, {all, every}, {{"worker", "hour", Standard, Burdening, false, 2, "posts"}}, {content, all, content}} {
		if err := CheckBudgets(bs); err == nil {
			t.Errorf("%v passes", bs)
		}
	}
	if err := CheckBudgets([]Budget{content, all}); err != nil {
		t.Error(err)
	}
	for _, f := range []int64{FirstFormats, NewestFormats} {
		if err := CheckBudgets(FoundingBudgets(f)); err != nil {
			t.Errorf("formats %d: %v", f, err)
		}
	}
	// A budget of before keeps its bytes.
	if got := string(canonical.MustMarshal(every)); got != `{"direction":"burdening","limit":2,"per":"worker","tier":"standard","undo":false,"window":"hour"}` {
		t.Errorf("without a family: %s", got)
	}
	if got := string(canonical.MustMarshal(content)); !strings.Contains(got, `"family":"content"`) {
		t.Errorf("with a family: %s", got)
	}
}

// TestFamilyOf: every kind on a platform is in one family, and what takes it back is in the
// same one.
func TestFamilyOf(t *testing.T) {
	want := map[Kind]Family{ContentRemove: FamilyContent, ContentLimit: FamilyContent, ContentLabel: FamilyContent,
		AccountLimit: FamilyAccountWeak, AccountLabel: FamilyAccountWeak, AccountWarn: FamilyAccountWeak,
		AccountTakedown: FamilyAccount, AccountSuspend: FamilyAccount, AccountDeactivate: FamilyAccount, AccountDelete: FamilyAccount, AccountContain: FamilyAccount}
	for _, s := range Catalogue() {
		switch f := FamilyOf(s.Kind); {
		case s.Desk && f != FamilyEvery, !s.Desk && (f == FamilyEvery || f == FamilyAll):
			t.Errorf("%s is of the family %q", s.Kind, f)
		case s.Direction == Burdening && f != want[s.Kind]:
			t.Errorf("%s is of the family %q, want %q", s.Kind, f, want[s.Kind])
		case s.Inverse != "" && FamilyOf(s.Inverse) != f:
			t.Errorf("%s is of the family %q and its inverse of %q", s.Kind, f, FamilyOf(s.Inverse))
		case !s.Desk && (!slices.Contains(KindsOf(f), s.Kind) || !slices.Contains(KindsOf(FamilyAll), s.Kind)):
			t.Errorf("%s is among no kinds of its family", s.Kind)
		}
	}
}

// TestDefaultBudgetsCoverEverything: a fresh desk affords one act of every kind on every
// tier, an undo and another lift of it too, and counts each burdening one per worker and
// vendor, hour and day.
func TestDefaultBudgetsCoverEverything(t *testing.T) {
	for _, formats := range []int64{FirstFormats, NewestFormats} {
		for _, tier := range Tiers {
			for _, spec := range Catalogue() {
				if spec.Desk {
					continue
				}
				for _, undo := range []bool{false, true} {
					if undo && spec.Direction == Burdening {
						continue
					}
					var counted []string
					s := SpendingOf(spec.Kind, tier, spec.Direction, undo)
					err := Afford(FoundingBudgets(formats), Spender{"w", "acme"}, s, noon.Time, func(b Budget, _ Spender, _ time.Time) (int64, error) {
						counted = append(counted, b.Per+" "+b.Window)
						return 0, nil
					})
					if err != nil || !slices.Contains(counted, "worker hour") || spec.Direction == Burdening && len(counted) != 4 {
						t.Errorf("formats %d, %s on %s: %v, counted %v", formats, spec.Kind, tier, err, counted)
					}
				}
			}
		}
	}
}

// TestDefaultLimits holds the shipped numbers against the design.
func TestDefaultLimits(t *testing.T) {
	limits := func(bs []Budget, tier Tier, f Family, d Direction, undo bool) string {
		var words []string
		for _, b := range bs {
			if b.Tier == tier && b.Family == f && b.Direction == d && b.Undo == undo {
				words = append(words, fmt.Sprintf("%s/%s %d", b.Per, b.Window, b.Limit))
			}
		}
		return strings.Join(words, ", ")
	}
	for f, want := range map[Family]string{
		FamilyContent:     "worker/hour 1000, worker/day 3000, vendor/hour 20000, vendor/day 150000",
		FamilyAccountWeak: "worker/hour 120, worker/day 600, vendor/hour 4000, vendor/day 30000",
		FamilyAccount:     "worker/hour 60, worker/day 300, vendor/hour 2000, vendor/day 15000",
		FamilyBurying:     "worker/hour 1000, worker/day 3000, vendor/hour 20000, vendor/day 150000",
		FamilyGuarded:     "worker/hour 20, worker/day 60, vendor/hour 200, vendor/day 1000",
	} {
		for _, undo := range []bool{false, true} {
			d := map[bool]Direction{false: Burdening, true: Relieving}[undo]
			if got := limits(DefaultBudgets(), Standard, f, d, undo); got != want {
				t.Errorf("%s, undo %v: %s", f, undo, got)
			}
		}
	}
	if got := limits(DefaultBudgets(), Standard, FamilyRevealing, Burdening, false); got != "worker/hour 20, worker/day 60, vendor/hour 200, vendor/day 2000" {
		t.Errorf("%s: %s", FamilyRevealing, got)
	}
	for _, tier := range []Tier{Protected, Critical} {
		for _, undo := range []bool{false, true} {
			for _, d := range []Direction{Burdening, Relieving} {
				got, was := limits(DefaultBudgets(), tier, FamilyAll, d, undo), limits(BudgetsWithoutFamilies(), tier, FamilyEvery, d, undo)
				if got != was {
					t.Errorf("%s %s, undo %v: %s, before %s", tier, d, undo, got, was)
				}
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
	families := []Budget{
		{"worker", "hour", Standard, Burdening, false, 4, FamilyContent}, {"worker", "hour", Standard, Burdening, false, 2, FamilyAccount},
		{"worker", "hour", Standard, Relieving, true, 4, FamilyContent}, {"worker", "hour", Critical, Burdening, false, 3, FamilyAll},
	}
	takedown, undo, lift := SpendingOf(AccountTakedown, Critical, Burdening, false), SpendingOf(AccountRestore, Critical, Relieving, true), SpendingOf(AccountRestore, Critical, Relieving, false)
	standard, lower := takedown, undo
	standard.Tier, lower.Tier = Standard, Standard
	remove := SpendingOf(ContentRemove, Standard, Burdening, false)
	much := remove
	much.Also = FamilyAccount
	back := SpendingOf(ContentRestore, Standard, Relieving, true)
	muchBack := back
	muchBack.Also = FamilyAccount
	broken := errors.New("no database")
	for name, c := range map[string]struct {
		budgets []Budget
		s       Spending
		spent   map[string]int64 // by "per window", and with " family" where there is one
		fail    error
		typ     string
	}{
		"none spent":                 {budgets, takedown, nil, nil, ""},
		"one left":                   {budgets, takedown, map[string]int64{"worker hour": 1, "vendor day": 2}, nil, ""},
		"the worker's spent":         {budgets, takedown, map[string]int64{"worker hour": 2}, nil, "budget-spent"},
		"the vendor's spent":         {budgets, takedown, map[string]int64{"vendor day": 3}, nil, "budget-spent"},
		"overspent":                  {budgets, takedown, map[string]int64{"worker hour": 9}, nil, "budget-spent"},
		"an undo spends its own":     {budgets, undo, map[string]int64{"worker hour": 4}, nil, ""},
		"until that is spent":        {budgets, undo, map[string]int64{"worker hour": 5}, nil, "budget-spent"},
		"another lift is no undo":    {budgets, lift, map[string]int64{"worker hour": 1}, nil, "budget-spent"},
		"a limit of none":            {[]Budget{{"worker", "hour", Critical, Burdening, false, 0, FamilyEvery}}, takedown, nil, nil, "budget-spent"},
		"burdening without a budget": {budgets, standard, nil, nil, "no-budget"},
		"without any budget":         {nil, takedown, nil, nil, "no-budget"},
		"relieving without a budget": {budgets, lower, nil, nil, ""}, // nobody is kept from undoing by a list that forgot it
		"what cannot be counted":     {budgets, takedown, nil, broken, "internal"},

		"a family's own":                        {families, remove, map[string]int64{"worker hour content": 3, "worker hour account": 9}, nil, ""},
		"a family's own is spent":               {families, remove, map[string]int64{"worker hour content": 4}, nil, "budget-spent"},
		"much on one account":                   {families, much, map[string]int64{"worker hour content": 3, "worker hour account": 1}, nil, ""},
		"much on one account is spent":          {families, much, map[string]int64{"worker hour account": 2}, nil, "budget-spent"},
		"all families together":                 {families, takedown, map[string]int64{"worker hour all": 2}, nil, ""},
		"all families together are spent":       {families, takedown, map[string]int64{"worker hour all": 3}, nil, "budget-spent"},
		"a family without a budget":             {families, SpendingOf(AccountWarn, Standard, Burdening, false), nil, nil, "no-budget"},
		"an undo of a family":                   {families, back, map[string]int64{"worker hour content": 3}, nil, ""},
		"a relieving act without a budget":      {families, lower, nil, nil, "no-budget"},
		"a lift without a budget":               {families, SpendingOf(ContentRestore, Standard, Relieving, false), nil, nil, "no-budget"},
		"undone on one account, without budget": {families, muchBack, nil, nil, "no-budget"},
		"two families, one list without any":    {budgets[:1], Spending{Tier: Critical, Direction: Burdening, Family: FamilyContent, Also: FamilyAccount}, map[string]int64{"worker hour": 1}, nil, ""},
	} {
		err := Afford(c.budgets, by, c.s, noon.Time, func(b Budget, who Spender, since time.Time) (int64, error) {
			if who != by || !b.Covers(c.s) || since != noon.Add(-b.Length()) {
				t.Errorf("%s: counts %+v of %v since %s", name, b, who, since)
			}
			key := b.Per + " " + b.Window
			if b.Family != FamilyEvery {
				key += " " + string(b.Family)
			}
			return c.spent[key], c.fail
		})
		switch {
		case c.typ == "" && err != nil, c.typ != "" && fault.TypeOf(err) != c.typ, c.fail != nil && !errors.Is(err, c.fail):
			t.Errorf("%s: %v", name, err)
		}
	}
	// A text for a person names who, also where the vendor is the platform's own company, and
	// which family.
	says := func(bs []Budget, s Spending, want string) {
		t.Helper()
		err := Afford(bs, Spender{"w", ""}, s, noon.Time, func(b Budget, _ Spender, _ time.Time) (int64, error) {
			if b.Per == "worker" && b.Family != FamilyAccount {
				return 0, nil
			}
			return b.Limit, nil
		})
		if f := fault.As(err); f == nil || f.Kind != fault.Exhausted || f.Text != want {
			t.Error(err)
		}
	}
	says(budgets, takedown, "The budget of all employees together is spent: 3 burdening acts on critical subjects in a day, 3 carried out. Wait, or let somebody else do it.")
	says(families, much, "The budget of w is spent: 2 burdening acts of the family account on standard subjects in an hour, 2 carried out. "+
		"An act on the content of one account counts as one on the account too, after 30 in an hour. Wait, or let somebody else do it.")
	says(families, lower, "No budget covers undos of the family account on standard subjects, so none may be carried out; a desk.change of the budgets adds one.")
	says(nil, takedown, "No budget covers burdening acts on critical subjects, so none may be carried out; a desk.change of the budgets adds one.")
}

func TestAlsoOf(t *testing.T) {
	for before, want := range map[int64]Family{0: FamilyEvery, ContentOfOne - 1: FamilyEvery, ContentOfOne: FamilyAccount, 1000: FamilyAccount} {
		if got := AlsoOf(FamilyContent, before); got != want {
			t.Errorf("after %d: %q", before, got)
		}
		if got := AlsoOf(FamilyAccountWeak, before); got != FamilyEvery {
			t.Errorf("an act on an account, after %d: %q", before, got)
		}
	}
}

func TestUnbudgeted(t *testing.T) {
	for _, bs := range [][]Budget{DefaultBudgets(), BudgetsWithoutFamilies()} {
		if all := Unbudgeted(bs); len(all) != 0 {
			t.Errorf("without a budget: %v", all)
		}
	}
	account := func(d Direction, undo bool) bool {
		return slices.Contains(Unbudgeted([]Budget{{"worker", "hour", Standard, Burdening, false, 60, FamilyAccount}, {"worker", "hour", Standard, Relieving, true, 0, FamilyAccount}}), SpendingOf(AccountTakedown, Standard, d, undo))
	}
	if account(Burdening, false) || account(Relieving, true) || !account(Relieving, false) {
		t.Error("of the family account, with budgets for measures and undos, other lifts alone lack one")
	}
	for _, undo := range []bool{true, false} {
		have := Budget{"worker", "hour", Standard, Relieving, !undo, 60, FamilyContent}
		if all := Unbudgeted([]Budget{have}); !slices.Contains(all, SpendingOf(ContentUnlabel, Standard, Relieving, undo)) || slices.Contains(all, SpendingOf(ContentUnlabel, Standard, Relieving, !undo)) {
			t.Errorf("with a budget for %v alone: %v", have, all)
		}
	}
	if all := Unbudgeted(nil); len(all) != 9 { // burdening acts of three families on three tiers; without families the others need none
		t.Errorf("of an empty list: %v", all)
	}
}
