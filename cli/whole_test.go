package cli

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/client"
	"countersign.dev/platform"
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

// TestReplacedEndIsShown: whoever signs an act in the place of a measure reads what becomes of
// the measure's end, and may sign without, if the desk does not tell.
func TestReplacedEndIsShown(t *testing.T) {
	older := honestRequest(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+v1.Base+"/requests/"+otherRequest, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(canonical.MustMarshal(older))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, "t", server.Client())
	if err != nil {
		t.Fatal(err)
	}
	a := older.Action
	a.Command.Expect = platform.Expect{Status: platform.Down, Mark: platform.MarkOf(otherRequest)}
	a.Until = canonical.At(noon.Add(100 * time.Hour))
	for of, want := range map[string]string{
		otherRequest: "It takes the place of the measure of " + otherRequest + ". Its end: until now 26 November 2026 12:00 UTC; then 27 November 2026 16:00 UTC.",
		someRequest:  "It takes the place of the measure of " + someRequest + ", whose end is not known here: ",
		"":           "",
	} {
		b := a
		if of == "" {
			b.Command.Expect = platform.Expect{Status: platform.Up}
		} else {
			b.Command.Expect.Mark = platform.MarkOf(of)
		}
		p := &Page{}
		if err := (&Session{}).whole(t.Context(), p, deskClient{c}, "", b); err != nil || !strings.HasPrefix(p.String(), want) || (want == "") != (p.String() == "") {
			t.Errorf("%q, not %q, %v", p, want, err)
		}
	}
}

func honestRequest(t *testing.T) v1.Request {
	t.Helper()
	_, d := honest(t, someone(t))
	return v1.Request{ID: otherRequest, Status: actions.StatusExecuted, Action: d.Action}
}
