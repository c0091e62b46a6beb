package api_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// TestVendorsApart: no answer about cases tells a vendor's people of another vendor's people, or
// of a queue that is not theirs: no pseudonym, name of a queue, text, identifier or count. No
// answer tells anybody who reported.
func TestVendorsApart(t *testing.T) {
	set := policy.Default()
	set["bolt.cedar"] = `@id("bolt-works-spam-alone")
@reason("Bolt's people work on the queue spam and on no other.")
forbid (principal in Vendor::"bolt", action == Action::"work.queue", resource)
unless { resource == Queue::"spam" };
`
	s := serve(t, desktest.Options{Policy: set})
	s.OpenOffice()
	report := func(external, subject, reason, text string) casework.Received {
		t.Helper()
		got, err := s.Desk.TakeReports(t.Context(), kernel.ProgramCaller{ID: "square"}, []cases.Report{{ExternalID: external, At: canonical.At(s.Clock().Now()), Reason: reason, Text: text,
			Subject: platform.Subject{Platform: "plaza", ID: subject}, Scores: []cases.Score{}, Evidence: cases.Told{Language: "en"}, Reporter: cases.Reporter{ID: "acct/secret-reporter"}}})
		if err != nil || got[0].Err != nil {
			t.Fatal(err, got)
		}
		s.Evidenced(got[0].Case.ID)
		return got[0]
	}
	hidden := report("a", "acct/4", "MisleadingImpersonation", "words-of-identity")
	shared := report("b", "post/1", "MisleadingSpam", "words-of-spam")
	busy := report("c", "acct/3", "MisleadingSpam", "words-of-spam")
	take := func(by workforce.WorkerID, queue string) casework.Taken {
		t.Helper()
		taken, err := s.Desk.Next(t.Context(), desktest.As(by), queue)
		if err != nil {
			t.Fatal(err)
		}
		return taken
	}
	note := func(by workforce.WorkerID, c cases.Case, text string) {
		t.Helper()
		deed, order := s.CaseDeed(by, actions.DeedNote, c.ID, c.Version, cases.Order{Note: text})
		if _, err := s.Desk.Do(t.Context(), desktest.As(by), c.ID, c.Claim, deed, order); err != nil {
			t.Fatal(err)
		}
	}
	note("ann", take("ann", "identity").Case, "note-of-identity")
	if err := s.Desk.KeepDraft(t.Context(), desktest.As("ann"), hidden.Case.ID, []byte(`{"reasons":"draft-of-identity"}`)); err != nil {
		t.Fatal(err)
	}
	first, second := take("ann", "spam"), take("abe", "spam")
	for by, taken := range map[workforce.WorkerID]casework.Taken{"ann": first, "abe": second} {
		note(by, taken.Case, "A note for everybody in spam.")
		if taken.Case.ID != shared.Case.ID {
			continue
		}
		deed, order := s.CaseDeed(by, actions.DeedEscalate, taken.Case.ID, taken.Case.Version, cases.Order{Role: cases.AskLead, Note: "What now?"})
		if _, err := s.Desk.Do(t.Context(), desktest.As(by), taken.Case.ID, taken.Case.Claim, deed, order); err != nil {
			t.Fatal(err)
		}
	}
	evidence := func(id string) string {
		t.Helper()
		all, err := s.Desk.EvidenceOf(t.Context(), desktest.As("kim"), id)
		if err != nil || len(all) == 0 {
			t.Fatal(err, all)
		}
		return all[0].Document.String()
	}
	routes := map[string][]string{
		"/cases":                      {"", "?queue=identity", "?queue=spam", "?subject=plaza:acct/4", "?mine=true", "?state=claimed"},
		"/cases/{id}":                 {hidden.Case.ID, shared.Case.ID, busy.Case.ID},
		"/cases/{id}/now":             {hidden.Case.ID, shared.Case.ID},
		"/cases/{id}/evidence":        {hidden.Case.ID, shared.Case.ID},
		"/cases/{id}/evidence/now":    {hidden.Case.ID, shared.Case.ID},
		"/evidence/{digest}":          {evidence(hidden.Case.ID) + "?case=" + hidden.Case.ID, evidence(hidden.Case.ID) + "?case=" + shared.Case.ID, evidence(shared.Case.ID) + "?case=" + shared.Case.ID},
		"/evidence/pictures/{digest}": {evidence(hidden.Case.ID) + "?reason=look&case=" + hidden.Case.ID},
		"/queues/board":               {""},
		"/queues/clocks":              {"", "?queue=identity", "?queue=spam"},
		"/queues/{id}/order":          {"identity", "spam", "nowhere"},
		"/reports/{id}":               {hidden.Report.ID, shared.Report.ID},
		"/reports":                    {"?external_id=a"},
		"/documents/{sort}":           {"report", "opening", "deed", "decision"},
		"/documents/{sort}/{id}":      {"report/" + hidden.Report.ID + "?commitment=" + canonical.Sum(nil).String()},
		"/case-counts":                {""},
		"/shown/{digest}":             {first.Document.String(), second.Document.String(), evidence(hidden.Case.ID)},
	}
	get := func(token, path string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+v1.Base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := s.http().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	// No route about cases is left out.
	var published struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(get("", "/openapi.json")), &published); err != nil {
		t.Fatal(err)
	}
	about := regexp.MustCompile(`^(/api/v1)?/(cases|evidence|queues|reports|documents|case-counts|shown)(/|$)`)
	for path, methods := range published.Paths {
		// The set of queues is governed, and all who sign read it.
		if _, is := methods["get"]; is && !strings.HasSuffix(path, "/queues") && about.MatchString(path) && routes[strings.TrimPrefix(path, "/api/v1")] == nil {
			t.Errorf("the test reads no answer of GET %s", path)
		}
	}
	paths := func() (all []string) {
		for route, ends := range routes {
			base, rest, _ := strings.Cut(route, "{")
			_, after, _ := strings.Cut(rest, "}")
			if strings.Contains(after, "{") {
				after = ""
			}
			for _, end := range ends {
				all = append(all, base+end+after)
			}
		}
		return all
	}()
	names := regexp.MustCompile(`\b(ann|abe|sue|dan)\b`)
	for _, by := range []workforce.WorkerID{"bob", "lee"} {
		token := s.token(by)
		seen := ""
		for _, path := range paths {
			body := get(token, path)
			seen += body
			if name := names.FindString(body); name != "" {
				t.Errorf("GET %s tells %s of %s: %s", path, by, name, body)
			}
			for _, secret := range []string{"words-of-identity", "note-of-identity", "draft-of-identity", `"identity"`, "secret-reporter", hidden.Case.ID, hidden.Report.ID} {
				if strings.Contains(body, secret) && !strings.Contains(path, secret) {
					t.Errorf("GET %s tells %s of %s: %s", path, by, secret, body)
				}
			}
		}
		if !strings.Contains(seen, "words-of-spam") || !strings.Contains(seen, "somebody at acme") {
			t.Errorf("%s is not shown the cases of the queue spam", by)
		}
		board := must[v1.Page[v1.Queue]](t)(s.client(token).QueueBoard(t.Context()))
		for _, q := range board.Items {
			for _, n := range q.Counts {
				if n.State == cases.Claimed {
					t.Errorf("%s is told that %d cases of %s are in acme's hands", by, n.Count, q.Name)
				}
			}
		}
	}
	if _, err := s.as("lee").ClaimCase(t.Context(), busy.Case.ID); err == nil || names.MatchString(err.Error()) || !strings.Contains(err.Error(), "omebody at acme") {
		t.Errorf("lee claims what somebody at acme holds: %v", err)
	}
	// Who answers for all is told the names, and nobody who reported.
	kim := s.token("kim")
	if body := get(kim, "/cases/"+busy.Case.ID); !names.MatchString(body) {
		t.Errorf("kim is not told who holds a case: %s", body)
	}
	for _, path := range paths {
		if body := get(kim, path); strings.Contains(body, "secret-reporter") {
			t.Errorf("GET %s tells kim who reported: %s", path, body)
		}
	}
}
