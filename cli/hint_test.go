package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	rfc9457 "countersign.dev/fault/problem"
	"countersign.dev/policy"
)

// TestNobodyWarns: where the set lets nobody warn, nobody is sent to look for somebody who
// may.
func TestNobodyWarns(t *testing.T) {
	for text, others := range map[string]bool{policy.NobodyWarns: false, "No policy lets this worker do this.": true} {
		dir := t.TempDir()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			p := rfc9457.Of(fault.New(fault.Forbidden, "forbidden-by-policy", "No.").With(fault.Detail{At: policy.LawNothing, Text: text}))
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(p.Status)
			_, _ = w.Write(canonical.MustMarshal(p))
		}))
		defer server.Close()
		set, err := json.Marshal(map[string]string{"url": server.URL, "token": "t"})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "client.json"), set, 0o600); err != nil {
			t.Fatal(err)
		}
		r := command(t, dir, "platform", "list")
		if !strings.Contains(r.stderr, text) || strings.Contains(r.stderr, "Somebody of another role") != others {
			t.Errorf("%q: %s", text, r.stderr)
		}
	}
}
