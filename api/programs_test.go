package api_test

import (
	"crypto/rand"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/client"
	"countersign.dev/fault"
)

// TestProgramOpensNothingElse walks every route with a program's token, and with a worker's:
// a program's token opens the routes for programs and no other, and a worker's opens none of
// these.
func TestProgramOpensNothingElse(t *testing.T) {
	s := serve(t)
	program, worker := s.ProgramToken(t, s.AddProgram("scout", "ann")), s.token("ann")
	d, _, _ := readDocument(t)
	opened := map[string][]string{}
	h := s.http()
	for path, operations := range d.Paths {
		for method, o := range operations {
			for name, secret := range map[string]string{"program": program, "worker": worker} {
				url := s.url + strings.NewReplacer("{id}", "none", "{number}", "1", "{digest}", "sha256:00", "{sort}", "report").Replace(path)
				r, err := http.NewRequestWithContext(t.Context(), strings.ToUpper(method), url, strings.NewReader("{}"))
				if err != nil {
					t.Fatal(err)
				}
				if method == "post" {
					r.Header.Set("Content-Type", "application/json")
				}
				r.Header.Set("Authorization", "Bearer "+secret)
				if method == "get" && strings.HasSuffix(path, "/events") && name == "worker" {
					continue // it goes on until one side hangs up
				}
				res, err := h.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil {
					t.Fatal(err)
				}
				shut := res.StatusCode == http.StatusUnauthorized && (strings.Contains(string(body), "token-of-"))
				if !shut && o.Security != nil && len(*o.Security) > 0 {
					opened[name] = append(opened[name], strings.ToUpper(method)+" "+strings.TrimPrefix(path, v1.Base))
				}
				mayOpen := false
				for _, one := range *o.Security {
					_, ofProgram := one["program"]
					_, ofWorker := one["bearer"]
					mayOpen = mayOpen || ofProgram && name == "program" || ofWorker && name == "worker"
				}
				if len(*o.Security) > 0 && shut == mayOpen {
					t.Errorf("%s %s with a %s's token: %d %s", method, path, name, res.StatusCode, body)
				}
			}
		}
	}
	slices.Sort(opened["program"])
	// Whoever adds a route for programs names it here.
	if want := []string{"GET /documents/{sort}/{id}", "GET /programs/self", "GET /reports", "GET /reports/{id}", "POST /reports", "POST /reports/{id}/withdrawal"}; !slices.Equal(opened["program"], want) {
		t.Errorf("a program's token opens %q, want %q", opened["program"], want)
	}
	if slices.Contains(opened["worker"], "GET /programs/self") || !slices.Contains(opened["worker"], "GET /programs") {
		t.Errorf("a worker's token opens %q", opened["worker"])
	}
	// Nor does it open the ledger's tiles, which are no routes of the API.
	for _, path := range []string{"/ledger/checkpoint", "/ledger/tile/0/000.p/1", "/ledger/bodies/governance"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+program)
		res, err := h.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusUnauthorized || !strings.Contains(string(body), "token-of-program") {
			t.Errorf("%s with a program's token: %d %s", path, res.StatusCode, body)
		}
	}
}

// TestPrograms: the list of programs says which stand and what to do about the others, and a
// program reads its own admission.
func TestPrograms(t *testing.T) {
	s := serve(t)
	scout := s.AddProgram("scout", "ann")
	gone := s.AddProgram("gone", "kim")
	own := must[v1.Program](t)(s.client(s.ProgramToken(t, scout)).OwnProgram(t.Context()))
	if own.ID != "scout" || !own.Stands || own.Owner != "ann" || own.Rate != 600 || own.Source != "program" || !slices.Equal(own.Platforms, []string{"plaza"}) || own.Why != "" {
		t.Errorf("it reads %+v", own)
	}
	s.Change(actions.DeskChange, actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramEnd, ID: gone.ID}})
	s.Change(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "ann"})
	all := must[v1.Page[v1.Program]](t)(s.as("kim").Programs(t.Context(), "", 0)).Items
	if len(all) != 2 || all[0].ID != "gone" || all[0].Stands || all[0].Ended.IsZero() || all[1].ID != "scout" || all[1].Stands || !strings.Contains(all[1].Why, "countersign program hand-over scout --owner WORKER") {
		t.Errorf("the list is %+v", all)
	}
}

// TestProgramTokens: a program that runs for long has a good token each time it asks, and
// signs in about once an hour.
func TestProgramTokens(t *testing.T) {
	s := serve(t)
	s.Clock().Hold()
	key, err := client.NewProgramKey(strings.NewReader(strings.Repeat("a key of a test ", 4)), "scout")
	if err != nil {
		t.Fatal(err)
	}
	status := must[v1.Status](t)(s.client("").Status(t.Context()))
	e := key.Enrolment(status.EnrolName)
	s.Change(actions.DeskChange, actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramAdd, ID: "scout", Key: e.Key, Possession: e.Possession, Owner: "ann",
		Platforms: []string{"plaza"}, Source: "program", Rate: 60}})
	tokens := client.NewProgramTokens(s.client(""), key, "", s.Clock().Now, rand.Reader)
	seen := map[string]bool{}
	for range 13 { // two hours in steps of ten minutes
		secret, err := tokens.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen[secret] = true
		if _, err := s.client(secret).OwnProgram(t.Context()); err != nil {
			t.Errorf("a token that was handed out: %v", err)
		}
		s.Clock().Advance(10 * time.Minute)
	}
	if len(seen) != 3 {
		t.Errorf("%d tokens in two hours", len(seen))
	}
	first := must[string](t)(tokens.Token(t.Context()))
	tokens.Forget("another")
	if again := must[string](t)(tokens.Token(t.Context())); again != first {
		t.Error("a token that was not named is forgotten")
	}
	tokens.Forget(first)
	if again := must[string](t)(tokens.Token(t.Context())); again == first {
		t.Error("a token that the desk refused is handed out again")
	}
	foreign := client.NewProgramTokens(s.client(""), key, "another.example/ledger#sha256:00", s.Clock().Now, rand.Reader)
	if _, err := foreign.Token(t.Context()); !fault.Is(err, "bad-token-ask") {
		t.Errorf("an ask for another desk: %v", err)
	}
}
