package api_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/cases"
	"countersign.dev/client"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/plaza"
)

// TestPlazaHandsIn: what people report on plaza comes in at the desk by plaza's own outbox,
// each report once, under the desk's reason for plaza's word; plaza keeps the promise, and the
// reporter reads what became of it.
func TestPlazaHandsIn(t *testing.T) {
	s := serve(t)
	s.OpenOffice()
	key, err := client.NewProgramKey(rand.Reader, "plaza-reports")
	if err != nil {
		t.Fatal(err)
	}
	e := key.Enrolment(s.EnrolName())
	s.Change(actions.DeskChange, actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramAdd, ID: e.Program, Key: e.Key, Possession: e.Possession, Owner: "eva",
		Platforms: []string{"plaza"}, Source: cases.SourcePerson, Rate: 600}})
	tokens := client.NewProgramTokens(s.client(""), key, "", s.Clock().Now, rand.Reader)
	sq := desktest.OpenSquareWith(t, plaza.Config{Reports: plaza.Reports{URL: s.url + v1.Base, Token: tokens.Token, Forget: tokens.Forget, Client: s.http(),
		Retry: time.Millisecond, Ask: 10 * time.Millisecond}})
	setup := sq.Token("setup", plaza.SetupScope)
	sq.Post(setup, "/staff/v1/accounts/bulk", `{"accounts":[{"handle":"@deals","name":"Deals","language":"en"},{"handle":"@reader","name":"Reader","language":"de"}]}`)
	sq.Post(setup, "/staff/v1/posts", `{"account":"acct/1","text":"Buy two, get nothing."}`)
	reader, err := sq.Server.IssueOwnerToken(t.Context(), "@reader")
	if err != nil {
		t.Fatal(err)
	}
	own := func(method, key, body string, into any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, sq.URL+"/owner/v1/reports", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+reader)
		req.Header.Set("Idempotency-Key", key)
		req.Header.Set("Content-Type", "application/json")
		res, err := s.http().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode/100 != 2 {
			t.Fatalf("%s: %s", method, res.Status)
		}
		if err := json.NewDecoder(res.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	var made struct{ ID string }
	for n, reason := range []string{"spam", "scam", "other"} {
		own("POST", fmt.Sprint("k", n), fmt.Sprintf(`{"subject":"post/1","reason":%q,"text":"Seht euch das an. \u202e\u200b"}`, reason), &made)
	}
	// Plaza has an acknowledgement of each, and asks what became of it.
	var mine struct{ Reports []plaza.Reported }
	states := func() (all string) {
		own("GET", "", "", &mine)
		for _, r := range mine.Reports {
			all += r.State + " "
		}
		return all
	}
	eventually(t, "all reports are with the desk", func() bool { return states() == "received received received " })
	all := must[v1.Page[v1.Case]](t)(s.as("lee").Cases(t.Context(), v1.CaseFilter{}))
	if len(all.Items) != 1 || all.Items[0].Reports != 3 || all.Items[0].Reporters != 1 || all.Items[0].Subject.ID != "post/1" {
		t.Fatalf("the desk has %+v", all.Items)
	}
	if page := all.Items[0]; page.Language != "en" {
		t.Errorf("the case is in %q; the post is in English, whatever its reporter writes", page.Language)
	}
	if _, err := s.TryDecide("ann", s.Take("ann"), casework.Judgement{Verdict: actions.CaseNoViolation, Reasons: "It is none."}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the reporter hears what became of it", func() bool { return states() == "closed closed closed " })
	for _, r := range mine.Reports {
		if r.Outcome != "no-violation" {
			t.Errorf("%+v", r)
		}
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	late := time.After(2 * time.Minute)
	for !is() {
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("never: %s", what)
		}
	}
}
