package cli

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// TestEveryKindHasWords walks the catalogue and every change of the desk: each has
// words, and whatever a change says, its words say too, so that nobody signs what was
// not shown. What only a digest or a file stands for is shown by whole.
func TestEveryKindHasWords(t *testing.T) {
	on := platform.Subject{Platform: "platform-x", ID: "acct/4711", Handle: "@handle-x"}
	key := workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: make([]byte, 32), Credential: canonical.Bytes{}, Hardware: true}
	later := canonical.At(time.Date(2031, 5, 17, 0, 0, 0, 0, time.UTC))
	trust := actions.Trust{Executor: "executor-x", ExecutorKey: make([]byte, 32), RelyingParty: "party.example", Origins: []string{"https://origin.example"},
		EndingsPerHour: 37, RaisesPerHour: 41, UndoWindow: 43}
	changes := map[actions.Kind][]actions.Change{
		actions.DeskAdmit: {actions.Admit{File: canonical.Sum([]byte("f")), Root: canonical.Sum([]byte("r")), Rows: 60, Joiners: 10, Leavers: 20, Changes: 30, Founding: true}},
		actions.DeskEngagement: {actions.Engagement{Op: "end", Worker: "worker-x"}, actions.Engagement{Op: "extend", Worker: "worker-x", Last: later},
			actions.Engagement{Op: "reinstate", Worker: "worker-x"}},
		actions.DeskKey: {actions.Keys{Revoke: []workforce.KeyID{"key_x"}}, actions.Keys{Enrol: []actions.Enrolment{{Worker: "worker-x", Key: key}}}},
		actions.DeskFreeze: {actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: "worker-x"}, actions.Freeze{Op: "thaw", Scope: actions.ScopeVendor, Of: "vendor-x"},
			actions.Freeze{Op: "freeze", Scope: actions.ScopePlatform, Of: "platform-x"}, actions.Freeze{Op: "freeze", Scope: actions.ScopeAll},
			actions.Freeze{Op: "thaw", Scope: actions.ScopeVendor}},
		actions.DeskReview: {actions.Review{Of: "incident", ID: "inc_x", Involved: []workforce.WorkerID{"worker-x", "worker-y"}, Findings: canonical.Sum([]byte("f"))}},
		actions.DeskChange: {
			actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: on, From: actions.Standard, To: actions.Critical}},
			actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: on, From: actions.Critical, To: actions.Standard}},
			actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: on, From: actions.Protected, To: actions.Standard, Fall: actions.Critical}},
			actions.Setting{Of: actions.PartPolicy, Policy: map[string]string{"a.cedar": "permit (principal, action, resource);"}},
			actions.Setting{Of: actions.PartBudgets, Budgets: []actions.Budget{{Per: "vendor", Window: "day", Tier: actions.Protected, Direction: actions.Burdening, Limit: 47},
				{Per: "worker", Window: "hour", Tier: actions.Standard, Direction: actions.Relieving, Undo: true, Limit: 53}}},
			actions.Setting{Of: actions.PartTrust, Trust: &trust},
			actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: "vendor-x", Name: "Vendor X", Ratchet: 59}},
			actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "platform-x", Connector: "connector-x"}},
			actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "place", Platform: "platform-x", Tier: actions.Critical, Until: later, PerSubject: 61, PerTier: 67, Vouched: later, Never: []string{"MARK-X"}}},
			actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "revoke", Platform: "platform-x", Tier: actions.Critical}},
			actions.Setting{Of: actions.PartModes, Mode: &actions.Mode{Platform: "platform-x", Tier: actions.Standard, Mode: actions.Observe}},
			actions.Setting{Of: actions.PartModes, Mode: &actions.Mode{Platform: "platform-x", Tier: actions.Standard, Mode: actions.Enforce}},
			actions.Setting{Of: actions.PartLocks, Unlock: &actions.Unlock{Subject: on}},
			actions.Setting{Of: actions.PartLaws, Laws: actions.NewestLaws},
		},
	}
	// How the words say what has a fixed set of values.
	said := map[string]string{"end": "End", "extend": "Extend", "reinstate": "Reinstate", "freeze": "Freeze", "thaw": "Thaw", "place": "Let the executor", "revoke": "Revoke",
		"observe": "Only observe", "enforce": "Enforce", "all": "everything", "ed25519": "key_", "platform": "platform-x"}
	for _, spec := range actions.Catalogue() {
		if !spec.Desk {
			if verbs[spec.Kind] == "" {
				t.Errorf("%s has no words", spec.Kind)
			}
			continue
		}
		if len(changes[spec.Kind]) == 0 {
			t.Errorf("the test knows no change of kind %s", spec.Kind)
		}
		for _, c := range changes[spec.Kind] {
			a := actions.Action{V: actions.ActionVersion, Kind: spec.Kind, Tier: actions.Critical, Direction: c.Direction(), Effect: actions.Reversible, Reason: "Because.",
				Subject: platform.Subject{Platform: actions.DeskPlatform, ID: c.Part()}, Change: canonical.MustMarshal(c), Nonce: make([]byte, 16)}
			p := &Page{}
			describeAction(p, a)
			words := inWords(a) + "\n" + p.String()
			if strings.Contains(words, "does not know") {
				t.Errorf("%s: %s", spec.Kind, words)
			}
			for at, value := range leafValues(reflect.ValueOf(c), "") {
				if strings.HasSuffix(at, ".Of") && value == c.Part() || strings.Contains(at, ".Policy") || strings.Contains(at, ".Possession") || strings.Contains(at, ".Public") {
					continue // the part is in the words; files are shown by whole; a key is named by its hash
				}
				if f, ok := c.(actions.Freeze); ok && f.Scope == actions.ScopeVendor && f.Of == "" && at == ".Scope" {
					value = "all employees"
				}
				if want, ok := said[value]; ok {
					value = want
				}
				if !strings.Contains(words, value) {
					t.Errorf("%s%s is %q, and the words do not say it:\n%s", spec.Kind, at, value, words)
				}
			}
		}
	}
	parts := map[string]bool{}
	for _, c := range changes[actions.DeskChange] {
		parts[c.Part()] = true
	}
	for _, part := range []string{actions.PartPolicy, actions.PartTiers, actions.PartBudgets, actions.PartTrust, actions.PartVendors, actions.PartPlatforms,
		actions.PartOrders, actions.PartModes, actions.PartLocks, actions.PartLaws} {
		if !parts[part] {
			t.Errorf("the test knows no change of %s", part)
		}
	}
}

// leafValues returns what a change says, in the form in which words say it, by its place.
func leafValues(v reflect.Value, at string) map[string]string {
	out := map[string]string{}
	switch x := v.Interface().(type) {
	case canonical.Time:
		if !x.IsZero() {
			out[at] = when(x)
		}
		return out
	case canonical.Digest:
		return map[string]string{at: x.String()}
	case canonical.Bytes:
		if len(x) > 0 {
			out[at] = fmt.Sprintf("%x", []byte(x))
		}
		return out
	}
	add := func(more map[string]string) {
		for k, s := range more {
			out[k] = s
		}
	}
	switch v.Kind() {
	case reflect.String:
		if v.String() != "" {
			out[at] = v.String()
		}
	case reflect.Int, reflect.Int64:
		if v.Int() != 0 {
			out[at] = fmt.Sprint(v.Int())
		}
	case reflect.Bool:
		if v.Bool() {
			out[at] = strings.ToLower(at[strings.LastIndex(at, ".")+1:])
		}
	case reflect.Pointer:
		if !v.IsNil() {
			add(leafValues(v.Elem(), at))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			add(leafValues(v.Field(i), at+"."+v.Type().Field(i).Name))
		}
	case reflect.Slice:
		for i := range v.Len() {
			add(leafValues(v.Index(i), fmt.Sprintf("%s.%d", at, i)))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			add(leafValues(v.MapIndex(k), at+"."+k.String()))
		}
	}
	return out
}

// TestRowsOfALyingDesk: only the rows whose root is signed are shown to whoever is
// to countersign an import, and only the names that those rows seal.
func TestRowsOfALyingDesk(t *testing.T) {
	diff := &difference{File: canonical.Sum([]byte("f")), Joiners: make([]changedRow, 2), rows: []workforce.Row{
		{Record: workforce.Record{Worker: "ann", Roles: []workforce.Role{workforce.Agent}, Start: canonical.At(noon)}, Person: workforce.Person{Name: "Ann Archer"}},
		{Record: workforce.Record{Worker: "bob", Roles: []workforce.Role{workforce.Agent}, Start: canonical.At(noon)}, Person: workforce.Person{Name: "Bob Bow"}}}}
	signed, _, err := diff.seal(rand.NewChaCha8([32]byte{3}), false)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		lie func([]v1.Row) []v1.Row
		ok  bool
	}{
		"the truth":      {func(r []v1.Row) []v1.Row { return r }, true},
		"without names":  {func(r []v1.Row) []v1.Row { r[0].Openings = nil; return r }, true},
		"another role":   {func(r []v1.Row) []v1.Row { r[0].Row.Record.Roles = []workforce.Role{workforce.Officer}; return r }, false},
		"a row left out": {func(r []v1.Row) []v1.Row { return r[:1] }, false},
		"a row more":     {func(r []v1.Row) []v1.Row { return append(r, r[1]) }, false},
		"another order":  {func(r []v1.Row) []v1.Row { r[0], r[1] = r[1], r[0]; return r }, false},
		"another's name": {func(r []v1.Row) []v1.Row { r[0].Openings = r[1].Openings; return r }, false},
		"an invented name": {func(r []v1.Row) []v1.Row {
			r[0].Openings = slices.Clone(r[0].Openings)
			r[0].Openings[0].Value = canonical.Raw(`"Eve"`)
			return r
		}, false},
	} {
		_, rows, err := diff.seal(rand.NewChaCha8([32]byte{3}), false) // the same salts
		if err != nil {
			t.Fatal(err)
		}
		if err := sameRows(c.lie(rows), signed); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
