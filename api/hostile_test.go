package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/desk/desktest"
	"countersign.dev/workforce"
)

func as(id workforce.WorkerID) desk.Caller { return desktest.As(id) }

func ptr(v workforce.VendorID) *workforce.VendorID { return &v }

// raw sends a request as it is written and returns the answer with its body.
func (s *site) raw(method, path, body string, headers ...string) (*http.Response, []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.http().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res, b
}

func problemType(b []byte) string {
	var p v1.Problem
	if json.Unmarshal(b, &p) != nil {
		return "no problem document"
	}
	return strings.TrimPrefix(p.Type, v1.ProblemBase)
}

func TestHostileRequests(t *testing.T) {
	s := serve(t)
	token := s.token("ann")
	auth := []string{"Authorization", "Bearer " + token}
	asJSON := append([]string{"Content-Type", "application/json"}, auth...)
	form := append([]string{"Content-Type", "application/x-www-form-urlencoded"}, auth...)
	wish := `{"kind":"account.takedown","subject":"plaza:@neighbour","case":"c","reason":"spam","key":"` + string(s.PublicKey("ann").ID()) + `"}`
	good := string(canonical.MustMarshal(s.submission(s.client(token), "ann", "plaza:@president")))

	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		typ                      string
	}{
		{"good", "POST", "/api/v1/drafts", wish, asJSON, 200, ""},
		{"charset", "POST", "/api/v1/drafts", wish, append([]string{"Content-Type", "application/json; charset=utf-8"}, auth...), 200, ""},
		{"no reason", "POST", "/api/v1/drafts", strings.Replace(wish, `"reason":"spam",`, "", 1), asJSON, 400, "bad-text"},
		{"no body", "POST", "/api/v1/drafts", "", asJSON, 400, "invalid-request"},
		{"no JSON", "POST", "/api/v1/drafts", "{", asJSON, 400, "invalid-request"},
		{"two documents", "POST", "/api/v1/drafts", wish + wish, asJSON, 400, "invalid-request"},
		{"unknown member", "POST", "/api/v1/drafts", strings.Replace(wish, `{`, `{"extra":1,`, 1), asJSON, 400, "invalid-request"},
		{"member in other case", "POST", "/api/v1/drafts", strings.Replace(wish, `"case"`, `"Case"`, 1), asJSON, 400, "invalid-request"},
		{"doubled member", "POST", "/api/v1/drafts", strings.Replace(wish, `{`, `{"kind":"account.restore",`, 1), asJSON, 400, "invalid-request"},
		{"missing member", "POST", "/api/v1/drafts", `{"subject":"plaza:@neighbour"}`, asJSON, 400, "invalid-request"},
		{"wrong type", "POST", "/api/v1/drafts", strings.Replace(wish, `"c"`, `7`, 1), asJSON, 400, "invalid-request"},
		{"null", "POST", "/api/v1/drafts", strings.Replace(wish, `"account.takedown"`, `null`, 1), asJSON, 400, "invalid-request"},
		{"a list", "POST", "/api/v1/drafts", `[` + wish + `]`, asJSON, 400, "invalid-request"},
		{"bad time", "POST", "/api/v1/drafts", strings.Replace(wish, `{`, `{"until":"tomorrow",`, 1), asJSON, 400, "invalid-request"},
		{"not UTF-8", "POST", "/api/v1/drafts", strings.Replace(wish, `"c"`, "\"\xff\"", 1), asJSON, 400, "invalid-request"},
		{"too long text", "POST", "/api/v1/drafts", strings.Replace(wish, `"c"`, `"`+strings.Repeat("c", 2001)+`"`, 1), asJSON, 400, "invalid-request"},
		{"deep", "POST", "/api/v1/drafts", strings.Repeat(`{"change":`, 100_000), asJSON, 400, "invalid-request"},
		{"deep lists", "POST", "/api/v1/drafts", strings.Replace(wish, `{`, `{"change":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+`,`, 1), asJSON, 400, "not-canonical,malformed,bad-action"},
		{"oversized", "POST", "/api/v1/drafts", strings.Replace(wish, `"c"`, `"`+strings.Repeat("c", v1.MaxBody)+`"`, 1), asJSON, 413, "body-too-large"},
		{"oversized rows", "POST", "/api/v1/requests", `{"x":"` + strings.Repeat("c", v1.MaxRowsBody) + `"}`, asJSON, 413, "body-too-large"},
		{"oversized under a key", "POST", "/api/v1/requests", `{"x":"` + strings.Repeat("c", v1.MaxRowsBody) + `"}`, append([]string{"Idempotency-Key", "k"}, asJSON...), 413, "body-too-large"},
		{"large rows are read", "POST", "/api/v1/requests", `{"x":"` + strings.Repeat("c", 2*v1.MaxBody) + `"}`, asJSON, 400, "invalid-request"},
		{"member of a signed document", "POST", "/api/v1/requests", strings.Replace(good, `"signature":{`, `"signature":{"more":1,`, 1), asJSON, 400, "invalid-request"},
		{"altered signature", "POST", "/api/v1/requests", strings.Replace(good, `"reason":"spam"`, `"reason":"ham"`, 1), asJSON, 403, "bad-statement"},
		{"form", "POST", "/api/v1/drafts", "kind=x", form, 415, "unsupported-media-type"},
		{"no type", "POST", "/api/v1/drafts", wish, auth, 415, "unsupported-media-type"},
		{"text", "POST", "/api/v1/tokens", wish, []string{"Content-Type", "text/plain"}, 415, "unsupported-media-type"},
		{"a type that ends in json", "POST", "/api/v1/drafts", wish, append([]string{"Content-Type", "application/vnd.other+json"}, auth...), 415, "unsupported-media-type"},
		{"wrong method", "PUT", "/api/v1/requests", "{}", asJSON, 405, "method-not-allowed"},
		{"preflight", "OPTIONS", "/api/v1/requests", "", []string{"Origin", "https://evil.example", "Access-Control-Request-Method", "POST"}, 405, "method-not-allowed"},
		{"post to a read", "POST", "/api/v1/status", "{}", asJSON, 405, "method-not-allowed"},
		{"nothing there", "GET", "/api/v1/nothing", "", auth, 404, "no-such-route"},
		{"unknown parameter", "GET", "/api/v1/requests?colour=red", "", auth, 400, "invalid-request"},
		{"bad parameter", "GET", "/api/v1/requests?limit=many", "", auth, 400, "invalid-request"},
		{"bad wait", "GET", "/api/v1/requests/req_1?wait=1h", "", auth, 400, "bad-parameter"},
		{"bad status", "GET", "/api/v1/requests?status=gone", "", auth, 400, "invalid-request"},
		{"no token", "GET", "/api/v1/requests", "", nil, 401, "token-missing"},
		{"token first", "POST", "/api/v1/drafts", "{", []string{"Content-Type", "application/json"}, 401, "token-missing"},
		{"basic", "GET", "/api/v1/requests", "", []string{"Authorization", "Basic YTpi"}, 401, "token-malformed"},
		{"wrong token", "GET", "/api/v1/requests", "", []string{"Authorization", "Bearer csgn_x"}, 401, "bad-token"},
		{"token in the query", "GET", "/api/v1/requests?access_token=" + token, "", nil, 401, "token-missing"},
		{"foreign host", "GET", "/api/v1/status", "", []string{"Host", "evil.example"}, 421, "foreign-host"},
		{"id too long", "GET", "/api/v1/requests/" + strings.Repeat("x", 65), "", auth, 400, "invalid-request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, b := s.raw(c.method, c.path, c.body, c.headers...)
			if res.StatusCode != c.status {
				t.Fatalf("status %d, want %d: %s", res.StatusCode, c.status, clip(b))
			}
			if res.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Error("another site may read this")
			}
			if c.typ == "" {
				return
			}
			if media := res.Header.Get("Content-Type"); media != v1.ProblemType {
				t.Errorf("the refusal is %s: %s", media, clip(b))
			}
			if got := problemType(b); !strings.Contains(","+c.typ+",", ","+got+",") {
				t.Errorf("type %q, want %q: %s", got, c.typ, clip(b))
			}
			if bytes.Contains(b, []byte("canonical.")) || bytes.Contains(b, []byte("jsontext")) || bytes.Contains(b, []byte("go.")) {
				t.Errorf("the refusal tells of our insides: %s", clip(b))
			}
		})
	}
	if log := s.log.String(); strings.Contains(log, token) || strings.Contains(log, "plaza:") || strings.Contains(log, "127.0.0.1") {
		t.Error("the log holds a token, a subject or an address")
	}
}

func clip(b []byte) string {
	if len(b) > 500 {
		return string(b[:500]) + "…"
	}
	return string(b)
}
