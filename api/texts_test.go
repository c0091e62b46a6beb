package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
)

// TestTexts puts texts to the desk and reads what is in force, as a client does.
func TestTexts(t *testing.T) {
	s := serve(t)
	ada, ann := s.as("ada"), s.as("ann")
	ctx := t.Context()

	_, err := ann.Rules(ctx)
	if fault.TypeOf(err) != "no-rules" {
		t.Errorf("without a rule set: %v", err)
	}
	text := cases.DefaultRules()
	put, err := ada.PutText(ctx, v1.NewText{Part: actions.PartRules, Text: text})
	if err != nil || put.Digest != actions.DigestOfText(text) || put.Size != int64(len(text)) || put.Worker != "ada" || put.Time.IsZero() {
		t.Fatalf("put %+v, %v", put, err)
	}
	if again, err := ada.PutText(ctx, v1.NewText{Part: actions.PartRules, Text: text}); err != nil || again != put {
		t.Errorf("the same text again is %+v, %v", again, err)
	}
	got, err := ann.Text(ctx, put.Digest)
	if err != nil || got.Body != text || got.Text != put {
		t.Errorf("it is read as %+v, %v", got.Text, err)
	}
	_, err = ann.PutText(ctx, v1.NewText{Part: actions.PartRules, Text: text})
	if fault.TypeOf(err) != "not-yours-to-change" {
		t.Errorf("an agent puts it: %v", err)
	}
	_, err = ada.PutText(ctx, v1.NewText{Part: actions.PartRules, Text: strings.Replace(text, `"severity": "low",`, `"severity": "tiny",`, 1)})
	if f := fault.As(err); f == nil || f.Type != "bad-rules" || len(f.Detail) != 1 || f.Detail[0].At != "rules.json:14 rule 1" {
		t.Errorf("a bad rule set: %v", err)
	}
	_, err = ada.PutText(ctx, v1.NewText{Part: "policy", Text: text})
	if fault.TypeOf(err) != "invalid-request" {
		t.Errorf("of another part: %v", err)
	}
	_, err = ada.PutText(ctx, v1.NewText{Part: actions.PartRules, Text: strings.Repeat(" ", actions.MaxTextSize+1)})
	if fault.TypeOf(err) != "text-too-large" {
		t.Errorf("too large: %v", err)
	}
	_, err = ann.Text(ctx, canonical.Sum([]byte("nothing")))
	if fault.TypeOf(err) != "no-text" {
		t.Errorf("a text that is not there: %v", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+v1.Base+"/texts/nothing", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token("ann"))
	res, err := s.http().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "bad-digest") {
		t.Errorf("no digest: %d %s %v", res.StatusCode, body, err)
	}

	s.Adopt(actions.PartRules, text)
	s.Adopt(actions.PartQueues, cases.DefaultQueues())
	rules, err := ann.Rules(ctx)
	if err != nil || rules.Digest != put.Digest || rules.Size != put.Size || rules.Number == 0 {
		t.Errorf("in force is %+v, %v", rules, err)
	}
	if set, err := cases.ParseRules(string(rules.Set)); err != nil || len(set.Rules) != 12 {
		t.Errorf("the set is not read: %v", err)
	}
	queues, err := ann.Queues(ctx)
	if err != nil || queues.Digest != actions.DigestOfText(cases.DefaultQueues()) {
		t.Errorf("in force is %+v, %v", queues, err)
	}
	if page, err := ann.HashLists(ctx); err != nil || page.Items == nil || len(page.Items) != 0 {
		t.Errorf("lists of hashes: %+v, %v", page, err)
	}
	list := strings.Repeat("ab", 32) + "\n"
	if _, err := ada.PutText(ctx, v1.NewText{Part: actions.PartHashes, Text: list}); err != nil {
		t.Fatal(err)
	}
	s.Change(actions.DeskChange, s.Naming(actions.PartHashes, list, "hotline", "The Hotline"))
	page, err := ann.HashLists(ctx)
	if want := (v1.HashList{Name: "hotline", Source: "The Hotline", Digest: actions.DigestOfText(list), Size: 65}); err != nil || len(page.Items) != 1 || page.Items[0].Number == 0 {
		t.Errorf("lists of hashes: %+v, %v", page, err)
	} else if page.Items[0].Number = 0; page.Items[0] != want {
		t.Errorf("the list is %+v", page.Items[0])
	}
	_, err = ann.Text(ctx, actions.DigestOfText(list))
	if fault.TypeOf(err) != "not-yours-to-read" {
		t.Errorf("an agent reads the list: %v", err)
	}
}
