package api_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
)

// TestStrangerFillsNothing: sixty asks with a false accusation, as large as they are
// read, leave nothing at once, and larger ones are not read.
func TestStrangerFillsNothing(t *testing.T) {
	s := serve(t)
	before, err := s.Store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const accused = "ann takes bribes. "
	statuses := map[int]int{}
	for i := range 60 {
		ask, _ := s.TokenAsk("ann", "bob")
		length := v1.MaxAsk / 2
		if i%2 == 0 {
			length = 1 << 20
		}
		ask.Ask.Name = strings.Repeat(accused, length/len(accused))
		res, err := s.http().Post(s.url+v1.Base+"/tokens", "application/json", bytes.NewReader(canonical.MustMarshal(actions.SignedTokenAsk{Ask: ask.Ask, Signature: ask.Signature})))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		statuses[res.StatusCode]++
	}
	if statuses[http.StatusRequestEntityTooLarge] != 30 || statuses[http.StatusForbidden] != 30 {
		t.Errorf("answered %v", statuses)
	}
	after, err := s.Store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := after.Size - before.Size; n > 1 {
		t.Errorf("%d entries were made of it", n)
	}
}

// TestBodiesInProportion: a body is read as far as its route needs.
func TestBodiesInProportion(t *testing.T) {
	s := serve(t)
	token := s.token("ann")
	for _, c := range []struct {
		path string
		most int
	}{{"/tokens", v1.MaxAsk}, {"/requests/req_1/withdrawal", v1.MaxSmallBody}, {"/requests/req_1/countersignatures", v1.MaxSmallBody}, {"/requests/req_1/declines", v1.MaxSmallBody},
		{"/requests/req_1/drafts", v1.MaxSmallBody}, {"/incidents", v1.MaxSmallBody}, {"/drafts", v1.MaxBody}, {"/policy/check", v1.MaxBody}, {"/texts", v1.MaxTextBody}} {
		for _, more := range []int{0, 1} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+v1.Base+c.path, strings.NewReader(strings.Repeat(" ", c.most+more)))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+token)
			res, err := s.http().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if (res.StatusCode == http.StatusRequestEntityTooLarge) != (more > 0) {
				t.Errorf("%s with %d bytes of %d: %d", c.path, c.most+more, c.most, res.StatusCode)
			}
		}
	}
}

// TestTooFast: beyond the budget the answer is 429 and says when to come back.
func TestTooFast(t *testing.T) {
	s := serve(t)
	token, h := s.token("ann"), s.http()
	for range 700 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+v1.Base+"/requests/req_1/withdrawal", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := h.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode == http.StatusTooManyRequests {
			if res.Header.Get("Retry-After") == "" || !strings.Contains(string(body), "asking-too-fast") || res.Header.Get("Content-Type") != v1.ProblemType {
				t.Errorf("%v %s", res.Header, body)
			}
			return
		}
	}
	t.Error("700 changes in a moment were all taken in")
}
