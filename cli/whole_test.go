package cli

import (
	"math/rand/v2"
	"slices"
	"testing"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// TestRowsOfALyingDesk: a person who is to countersign an import is shown only the rows
// whose root is signed, and only the names that those rows seal.
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
