package problem_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"countersign.dev/fault"
	"countersign.dev/fault/problem"
)

func TestEveryKindHasAStatus(t *testing.T) {
	want := map[fault.Kind]int{fault.Internal: 500, fault.Invalid: 400, fault.Unauthenticated: 401, fault.Forbidden: 403, fault.NotFound: 404,
		fault.Conflict: 409, fault.Expired: 410, fault.Exhausted: 429, fault.TooLarge: 413, fault.Unsupported: 422, fault.Unavailable: 503}
	for _, k := range fault.Kinds() {
		p := problem.Of(fmt.Errorf("doing something: %w", fault.New(k, "some-type", "Some text.").With(fault.Detail{At: "a", Text: "b"})))
		if p.Status != want[k] || http.StatusText(p.Status) == "" || p.Kind != k.String() {
			t.Errorf("%s: status %d, kind %q, want %d", k, p.Status, p.Kind, want[k])
		}
		if shown := p.Detail == "Some text." && p.Type == problem.Base+"some-type" && len(p.Errors) == 1; shown == (k == fault.Internal) || k == fault.Internal && len(p.Errors) > 0 {
			t.Errorf("%s: shows %+v", k, p)
		}
	}
	if p := problem.Of(fmt.Errorf("secret %s", "cause")); p.Status != 500 || strings.Contains(p.Detail, "secret") || p.Type != problem.Base+"internal" {
		t.Errorf("an error that is no fault shows %+v", p)
	}
	if p := problem.Of(fault.New(fault.Forbidden, "x", "Shown.").Because(fmt.Errorf("hidden"))); strings.Contains(fmt.Sprint(p), "hidden") {
		t.Errorf("a cause is shown: %+v", p)
	}
}

// TestRead: a fault comes back as it was, and what is no problem of ours is none.
func TestRead(t *testing.T) {
	for _, k := range fault.Kinds() {
		f := fault.New(k, "some-type", "Some 100%% text.").With(fault.Detail{At: "a", Text: "b"})
		b, err := json.Marshal(problem.Of(f))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := problem.Read(b)
		want := f
		if k == fault.Internal {
			want = fault.New(k, "internal", "%s", fault.TextOf(f))
		}
		if !ok || got.Kind != want.Kind || got.Type != want.Type || got.Text != want.Text || !cmp.Equal(got.Detail, want.Detail) {
			t.Errorf("%s: %#v, %v", k, got, ok)
		}
	}
	if f, ok := problem.Read([]byte(`{"type":"https://countersign.dev/problems/new","kind":"of-tomorrow","detail":"Text."}`)); !ok || f.Kind != fault.Internal || f.Type != "new" || f.Text != "Text." {
		t.Errorf("a kind that is not known: %#v, %v", f, ok)
	}
	for _, text := range []string{``, `{}`, `[]`, `{"type":"about:blank","kind":"forbidden"}`, `<html>`, `{"type":"https://countersign.dev/problems/x"`} {
		if f, ok := problem.Read([]byte(text)); ok {
			t.Errorf("%s: %#v", text, f)
		}
	}
}
