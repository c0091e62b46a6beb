package web_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"countersign.dev/desk/desktest"
	"countersign.dev/web/webtest"
)

// TestNoDemo: a desk that is no demo has none of a demo's ways in, and none of its pages.
func TestNoDemo(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	ask := func(method, path, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, d.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	for _, route := range [][2]string{{"POST", "/demo/enrol"}, {"POST", "/demo/step"}, {"POST", "/demo/around"}, {"GET", "/demo/verify/req_1"}} {
		if status, text := ask(route[0], route[1], `{}`); status != http.StatusNotFound || !strings.Contains(text, "no-such-page") {
			t.Errorf("%s %s: %d %s", route[0], route[1], status, text)
		}
	}
	_, page := ask("GET", "/signin", "")
	static := regexp.MustCompile(`/static/[0-9a-f]+/`).FindString(page)
	if status, _ := ask("GET", static+"shell.js", ""); status != http.StatusOK {
		t.Errorf("%sshell.js: %d", static, status)
	}
	for _, name := range []string{"tour.js", "tour.css", "audit.js", "verify.js"} {
		if status, _ := ask("GET", static+name, ""); status != http.StatusNotFound {
			t.Errorf("%s is served: %d", name, status)
		}
	}
	if _, text := ask("GET", "/signin", ""); !strings.Contains(text, `id="signin"`) || strings.Contains(text, "data-pick") || strings.Contains(text, "tour") {
		t.Errorf("the page of the sign-in is a demo's: %s", text)
	}
}
