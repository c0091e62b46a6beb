package actions

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

var digest = canonical.Sum([]byte("x"))

func enrolment(w string) Enrolment {
	return Enrolment{Worker: workforce.WorkerID(w), Key: workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: bytes.Repeat([]byte{1}, 32)}}
}

func trust() *Trust {
	return &Trust{Executor: "exec", ExecutorKey: bytes.Repeat([]byte{2}, 32), Origins: []string{}, EndingsPerHour: 5, RaisesPerHour: 5, UndoWindow: 30}
}

// changes are well-formed changes of every kind and part, with their direction.
var changes = map[string]struct {
	kind      Kind
	change    Change
	direction Direction
	part      string
}{
	"admit":     {DeskAdmit, Admit{File: digest, Rows: 3, Root: digest, Joiners: 1, Leavers: 1, Changes: 1}, Burdening, PartWorkforce},
	"end":       {DeskEngagement, Engagement{Op: "end", Worker: "w"}, Relieving, PartWorkforce},
	"extend":    {DeskEngagement, Engagement{Op: "extend", Worker: "w", Last: noon}, Burdening, PartWorkforce},
	"enrol":     {DeskKey, Keys{Enrol: []Enrolment{enrolment("w")}}, Burdening, PartKeys},
	"revoke":    {DeskKey, Keys{Revoke: []workforce.KeyID{"key_1"}}, Relieving, PartKeys},
	"raise":     {DeskChange, Setting{Of: PartTiers, Raise: &Raise{Subject: takedown().Subject, From: Standard, To: Critical}}, Relieving, PartTiers},
	"lower":     {DeskChange, Setting{Of: PartTiers, Raise: &Raise{Subject: takedown().Subject, From: Critical, To: Protected}}, Burdening, PartTiers},
	"policy":    {DeskChange, Setting{Of: PartPolicy, Policy: map[string]string{"a.cedar": "x"}}, Burdening, PartPolicy},
	"budgets":   {DeskChange, Setting{Of: PartBudgets, Budgets: DefaultBudgets()}, Burdening, PartBudgets},
	"trust":     {DeskChange, Setting{Of: PartTrust, Trust: trust()}, Burdening, PartTrust},
	"vendor":    {DeskChange, Setting{Of: PartVendors, Vendor: &workforce.Vendor{ID: "acme", Name: "Acme", Ratchet: 14}}, Burdening, PartVendors},
	"platforms": {DeskChange, Setting{Of: PartPlatforms, Platform: &Platform{Name: "plaza", Connector: "plaza"}}, Burdening, PartPlatforms},
}

// TestChanges: each change reads back unchanged, and its direction and part follow from
// its content.
func TestChanges(t *testing.T) {
	for name, c := range changes {
		raw := canonical.MustMarshal(c.change)
		got, err := ParseChange(c.kind, raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Direction() != c.direction || got.Part() != c.part {
			t.Errorf("%s is %s of %s", name, got.Direction(), got.Part())
		}
		if d := cmp.Diff(raw, canonical.MustMarshal(got)); d != "" {
			t.Errorf("%s is read otherwise than written: %s", name, d)
		}
		for _, k := range []Kind{DeskAdmit, DeskEngagement, DeskKey, DeskChange, AccountTakedown, ""} {
			if _, err := ParseChange(k, raw); k != c.kind && err == nil {
				t.Errorf("%s passes as %s", name, k)
			}
		}
	}
}

// TestChangeHasOneForm: a change has one spelling. What a parser might overlook
// is how two people come to sign different things in the same words.
func TestChangeHasOneForm(t *testing.T) {
	good := string(canonical.MustMarshal(changes["extend"].change))
	if good != `{"last":"2026-11-23T12:00:00.000000Z","op":"extend","worker":"w"}` {
		t.Fatal(good)
	}
	for name, raw := range map[string]string{
		"unknown member":  strings.Replace(good, `"op"`, `"note":"","op"`, 1),
		"doubled member":  strings.Replace(good, `"op":"extend"`, `"op":"end","op":"extend"`, 1),
		"reordered":       `{"op":"extend","last":"2026-11-23T12:00:00.000000Z","worker":"w"}`,
		"missing member":  `{"op":"end","worker":"w"}`,
		"other case":      strings.Replace(good, `"op"`, `"Op"`, 1),
		"space":           strings.Replace(good, ":", ": ", 1),
		"escaped":         strings.Replace(good, `"w"`, `"\u0077"`, 1),
		"other time zone": strings.Replace(good, "12:00:00.000000Z", "13:00:00.000000+01:00", 1),
		"short time":      strings.Replace(good, "12:00:00.000000Z", "12:00:00Z", 1),
		"null member":     strings.Replace(good, `"w"`, "null", 1),
		"null":            "null",
		"list":            "[" + good + "]",
		"two":             good + good,
		"trailing":        good + "\n",
		"empty":           "",
		"not JSON":        "{",
	} {
		if c, err := ParseChange(DeskEngagement, canonical.Raw(raw)); err == nil {
			t.Errorf("%s is read as %+v", name, c)
		}
	}
}

// TestChangesRefused: changes that are well formed as JSON and mean nothing, or
// two things at once.
func TestChangesRefused(t *testing.T) {
	set := func(s Setting) (Kind, Change) { return DeskChange, s }
	many := Keys{}
	for i := range MaxKeys + 1 {
		many.Enrol = append(many.Enrol, enrolment(fmt.Sprint("w", i)))
	}
	raise := Raise{Subject: takedown().Subject, From: Standard, To: Critical}
	type k = Keys
	for name, c := range map[string]func() (Kind, Change){
		"admission of nothing":         func() (Kind, Change) { return DeskAdmit, Admit{File: digest, Root: digest} },
		"admission without file":       func() (Kind, Change) { return DeskAdmit, Admit{Root: digest, Rows: 1, Joiners: 1} },
		"admission without root":       func() (Kind, Change) { return DeskAdmit, Admit{File: digest, Rows: 1, Joiners: 1} },
		"admission that adds up badly": func() (Kind, Change) { return DeskAdmit, Admit{File: digest, Root: digest, Rows: 2, Joiners: 1} },
		"admission of minus one": func() (Kind, Change) {
			return DeskAdmit, Admit{File: digest, Root: digest, Rows: 1, Joiners: 2, Leavers: -1}
		},
		"admission of too many": func() (Kind, Change) {
			return DeskAdmit, Admit{File: digest, Root: digest, Rows: workforce.MaxImport + 1, Joiners: workforce.MaxImport + 1}
		},
		"end of nobody":           func() (Kind, Change) { return DeskEngagement, Engagement{Op: "end"} },
		"end with a day":          func() (Kind, Change) { return DeskEngagement, Engagement{Op: "end", Worker: "w", Last: noon} },
		"extension without a day": func() (Kind, Change) { return DeskEngagement, Engagement{Op: "extend", Worker: "w"} },
		"unknown op":              func() (Kind, Change) { return DeskEngagement, Engagement{Op: "pause", Worker: "w", Last: noon} },
		"no keys":                 func() (Kind, Change) { return DeskKey, k{} },
		"enrol under cover of revoking": func() (Kind, Change) {
			return DeskKey, k{Enrol: []Enrolment{enrolment("w")}, Revoke: []workforce.KeyID{"key_1"}}
		},
		"too many keys":          func() (Kind, Change) { return DeskKey, many },
		"key for nobody":         func() (Kind, Change) { return DeskKey, k{Enrol: []Enrolment{enrolment("")}} },
		"no key":                 func() (Kind, Change) { return DeskKey, k{Enrol: []Enrolment{{Worker: "w"}}} },
		"nothing set":            func() (Kind, Change) { return set(Setting{Of: PartPolicy}) },
		"no part":                func() (Kind, Change) { return set(Setting{Policy: map[string]string{"a": "b"}}) },
		"unknown part":           func() (Kind, Change) { return set(Setting{Of: "colours", Policy: map[string]string{"a": "b"}}) },
		"another part than said": func() (Kind, Change) { return set(Setting{Of: PartTiers, Policy: map[string]string{"a": "b"}}) },
		// A raise relieves and needs one: nothing may ride along.
		"policy under cover of a raise": func() (Kind, Change) {
			return set(Setting{Of: PartTiers, Raise: &raise, Policy: map[string]string{"a": "b"}})
		},
		"trust under cover of a raise": func() (Kind, Change) { return set(Setting{Of: PartTiers, Raise: &raise, Trust: trust()}) },
		"raise to the same": func() (Kind, Change) {
			return set(Setting{Of: PartTiers, Raise: &Raise{Subject: raise.Subject, From: Critical, To: Critical}})
		},
		"raise to an unknown tier": func() (Kind, Change) {
			return set(Setting{Of: PartTiers, Raise: &Raise{Subject: raise.Subject, From: Standard, To: "vital"}})
		},
		// An unknown tier ranks highest, so that a raise to it, or from it, must not pass by rank.
		"raise from an unknown tier": func() (Kind, Change) {
			return set(Setting{Of: PartTiers, Raise: &Raise{Subject: raise.Subject, To: Critical}})
		},
		"raise of nothing": func() (Kind, Change) {
			return set(Setting{Of: PartTiers, Raise: &Raise{From: Standard, To: Critical}})
		},
		"no executor": func() (Kind, Change) { x := trust(); x.Executor = ""; return set(Setting{Of: PartTrust, Trust: x}) },
		"short key": func() (Kind, Change) {
			x := trust()
			x.ExecutorKey = x.ExecutorKey[1:]
			return set(Setting{Of: PartTrust, Trust: x})
		},
		"no undo window": func() (Kind, Change) { x := trust(); x.UndoWindow = 0; return set(Setting{Of: PartTrust, Trust: x}) },
		"no endings": func() (Kind, Change) {
			x := trust()
			x.EndingsPerHour = 0
			return set(Setting{Of: PartTrust, Trust: x})
		},
		"raises below none": func() (Kind, Change) {
			x := trust()
			x.RaisesPerHour = -1
			return set(Setting{Of: PartTrust, Trust: x})
		},
		"vendor without a name": func() (Kind, Change) { return set(Setting{Of: PartVendors, Vendor: &workforce.Vendor{Name: "Acme"}}) },
		"vendor in capitals":    func() (Kind, Change) { return set(Setting{Of: PartVendors, Vendor: &workforce.Vendor{ID: "ACME"}}) },
		"ratchet below none": func() (Kind, Change) {
			return set(Setting{Of: PartVendors, Vendor: &workforce.Vendor{ID: "acme", Ratchet: -1}})
		},
		"ratchet of years": func() (Kind, Change) {
			return set(Setting{Of: PartVendors, Vendor: &workforce.Vendor{ID: "acme", Ratchet: 366}})
		},
		"a platform called desk": func() (Kind, Change) {
			return set(Setting{Of: PartPlatforms, Platform: &Platform{Name: "desk", Connector: "plaza"}})
		},
		"facts out of order": func() (Kind, Change) {
			return set(Setting{Of: PartPlatforms, Platform: &Platform{Name: "plaza", Connector: "plaza", Facts: []platform.Fact{platform.FactOwner, platform.FactCreated}}})
		},
		"a fact that is none": func() (Kind, Change) {
			return set(Setting{Of: PartPlatforms, Platform: &Platform{Name: "plaza", Connector: "plaza", Facts: []platform.Fact{"fame"}}})
		},
		"unranked of another part": func() (Kind, Change) {
			return set(Setting{Of: PartLaws, Laws: NewestLaws, Unranked: []string{"plaza"}})
		},
		"unranked twice": func() (Kind, Change) {
			return set(Setting{Of: PartPlatforms, Platform: &Platform{Name: "plaza", Connector: "plaza"}, Unranked: []string{"plaza", "plaza"}})
		},
		"platform of no connector": func() (Kind, Change) { return set(Setting{Of: PartPlatforms, Platform: &Platform{Name: "plaza"}}) },
		"budgets doubled": func() (Kind, Change) {
			return set(Setting{Of: PartBudgets, Budgets: append(DefaultBudgets(), DefaultBudgets()[0])})
		},
	} {
		kind, change := c()
		if _, err := ParseChange(kind, canonical.MustMarshal(change)); !fault.Is(err, "bad-action") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPossession: a proof of possession is good for one desk, one worker, one key.
func TestPossession(t *testing.T) {
	base := PossessionChallenge("log", "w", "key_1")
	for _, other := range [][32]byte{PossessionChallenge("log2", "w", "key_1"), PossessionChallenge("log", "v", "key_1"),
		PossessionChallenge("log", "w", "key_2"), PossessionChallenge("lo", "gw", "key_1"), PossessionChallenge("log", "wkey_1", "")} {
		if other == base {
			t.Error("one proof passes for another")
		}
	}
}

// FuzzParseChange: what is read is written the same, and has a direction.
func FuzzParseChange(f *testing.F) {
	for _, c := range changes {
		f.Add(string(c.kind), string(canonical.MustMarshal(c.change)))
	}
	f.Fuzz(func(t *testing.T, kind, raw string) {
		c, err := ParseChange(Kind(kind), canonical.Raw(raw))
		if err != nil {
			return
		}
		if string(canonical.MustMarshal(c)) != raw || c.Part() == "" || c.Direction() != Burdening && c.Direction() != Relieving {
			t.Fatalf("%s: %q is read as %+v", kind, raw, c)
		}
	})
}
