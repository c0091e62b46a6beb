package actions

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// TestLegible: what people cannot read is not signed, though the first laws take it.
func TestLegible(t *testing.T) {
	with := func(edit func(*Action)) Action {
		a := takedown()
		edit(&a)
		return a
	}
	vendor := func(name string) Action {
		return deskAction(DeskChange, Setting{Of: PartVendors, Vendor: &workforce.Vendor{ID: "acme", Name: name}})
	}
	undone := undo()
	undone.Case = "\u200b" // copied from an act of the first laws
	policy := func(name, text string) Action {
		return deskAction(DeskChange, Setting{Of: PartPolicy, Policy: map[string]string{name: text}})
	}
	for name, c := range map[string]struct {
		a  Action
		ok bool
	}{
		"plain":     {takedown(), true},
		"no case":   {with(func(a *Action) { a.Case = "" }), true},
		"two lines": {with(func(a *Action) { a.Reason = "One.\nTwo." }), true},
		"no reason, which the command line asks for": {with(func(a *Action) { a.Reason = "" }), true},
		"blank reason":              {with(func(a *Action) { a.Reason = "   " }), false},
		"blank case":                {with(func(a *Action) { a.Case = "  " }), false},
		"zero width":                {with(func(a *Action) { a.Reason = "\u200b" }), false},
		"word joiner":               {with(func(a *Action) { a.Case = "\u2060" }), false},
		"tags":                      {with(func(a *Action) { a.Reason = "spam\U000E0041" }), false},
		"turned":                    {with(func(a *Action) { a.Reason = "spam \u202emaps" }), false},
		"not NFC":                   {with(func(a *Action) { a.Reason = "Zoe\u0308" }), false},
		"a case of two lines":       {with(func(a *Action) { a.Case = "1\n2" }), false},
		"an undo of what was blank": {undone, true},
		"a vendor":                  {vendor("Acme Support"), true},
		"a vendor of fillers":       {vendor("\u3164"), false},
		"a vendor with a tag":       {vendor("Acme\U000E0041"), false},
		"a policy":                  {policy("a.cedar", "// a\r\n\tpermit (principal, action, resource);\n"), true},
		"a policy that hides":       {policy("a.cedar", "// a \u202e\n"), false},
		"a policy with a name":      {policy("a\u200b.cedar", "// a\n"), false},
	} {
		if err := c.a.Legible(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.a.Check(); err != nil && c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if (Row{Record: workforce.Record{Team: "re\u200bd"}}).Legible() == nil || (Row{Record: workforce.Record{Team: "red"}}).Legible() != nil {
		t.Error("a row is as legible as its texts")
	}
}

func TestLasts(t *testing.T) {
	suspend := takedown()
	suspend.Kind = AccountSuspend
	for length, want := range map[time.Duration]string{time.Second: "", MaxSuspension: "", MaxSuspension + 1: "suspension-too-long", 5 * MaxSuspension: "suspension-too-long",
		0: "end-is-past", -time.Hour: "end-is-past"} {
		suspend.Until.Time = noon.Add(length)
		if got := fault.TypeOf(suspend.Lasts(noon.Time)); want == "" && suspend.Lasts(noon.Time) != nil || want != "" && got != want {
			t.Errorf("%s: %s", length, got)
		}
	}
	if err := takedown().Lasts(noon.Time); err != nil {
		t.Error(err)
	}
}

// TestReasoned: whatever burdens says why; what relieves waits for no words.
func TestReasoned(t *testing.T) {
	silent := takedown()
	silent.Reason = ""
	if err := silent.Reasoned(); fault.TypeOf(err) != "bad-text" {
		t.Errorf("a takedown without a reason: %v", err)
	}
	if err := takedown().Reasoned(); err != nil {
		t.Error(err)
	}
	for _, a := range []Action{deskAction(DeskFreeze, Freeze{Op: "freeze", Scope: ScopeAll}), deskAction(DeskReview, Review{Of: ReviewEmergency, ID: "x"})} {
		a.Reason = ""
		if err := a.Reasoned(); err != nil {
			t.Errorf("%s: %v", a.Kind, err)
		}
	}
	thaw := deskAction(DeskFreeze, Freeze{Op: "thaw", Scope: ScopeAll})
	thaw.Reason = ""
	if err := thaw.Reasoned(); fault.TypeOf(err) != "bad-text" {
		t.Errorf("a thaw without a reason: %v", err)
	}
}

func TestOrderLasts(t *testing.T) {
	for length, want := range map[time.Duration]string{MaxOrder: "", MaxOrder + time.Second: "order-too-long", 0: "end-is-past"} {
		o := Order{Op: "place", Platform: "plaza", Tier: Critical, Until: canonical.At(noon.Add(length)), PerSubject: 1, PerTier: 1}
		a := Action{Kind: DeskChange, Change: canonical.MustMarshal(Setting{Of: PartOrders, Order: &o})}
		if err := a.Lasts(noon.Time); (err == nil) != (want == "") || err != nil && fault.TypeOf(err) != want {
			t.Errorf("%s: %v", length, err)
		}
		a.Change = canonical.MustMarshal(Setting{Of: PartOrders, Order: &Order{Op: "revoke", Platform: "plaza", Tier: Critical}})
		if err := a.Lasts(noon.Time); err != nil {
			t.Error(err)
		}
	}
}

func TestNeverSaysWhichMark(t *testing.T) {
	for mark, want := range map[string]string{"A*B": "asterisk in its middle", "*": "such as LEGAL-1", "": "such as LEGAL-1", "A\nB": "one line"} {
		if err := checkNever([]string{mark}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", mark, err)
		}
	}
}
