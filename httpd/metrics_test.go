package httpd_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/ledger/proof"
)

// Metrics are given to callers on this machine; other callers need a token.
func TestMetrics(t *testing.T) {
	s := newSite(t, nil)
	s.Enter(s.Breach("plaza:acct/1", actions.Critical), map[string]string{proof.SealedSubject: "plaza:acct/1"})
	ask := func(from string, header ...string) (int, string) {
		r := httptest.NewRequest("GET", "http://localhost/metrics", nil)
		r.RemoteAddr = from
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		s.server.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	ask("127.0.0.1:1") // so that there is an answer to count
	code, text := ask("127.0.0.1:1")
	if code != 200 {
		t.Fatalf("%d: %s", code, text)
	}
	for _, want := range []string{`countersign_alarms_total{kind="breach"} 1`, `countersign_incidents_open{tier="critical"} 1`,
		`countersign_watch_records_total{kind="breach"} 1`, `countersign_http_requests_total{status="200"} 1`, `countersign_requests{status="executed"} `,
		`countersign_ledger_entries_total `, `countersign_needs_person{section="incidents"} 1`, `countersign_executor_up 0`, `countersign_evidence_pending 0`, `countersign_evidence_pending_seconds 0`, `go_goroutines `} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(text, "\ncountersign_executor_stopped") {
		t.Error("an executor that is away is said to be stopped, or not")
	}
	for name, c := range map[string]struct {
		from   string
		header []string
	}{
		"elsewhere":         {"192.0.2.1:1", nil},
		"through a proxy":   {"127.0.0.1:1", []string{"X-Forwarded-For", "192.0.2.1"}},
		"through another":   {"127.0.0.1:1", []string{"Forwarded", "for=192.0.2.1"}},
		"with a bad token":  {"192.0.2.1:1", []string{"Authorization", "Bearer csgn_none"}},
		"not an address":    {"", nil},
		"a unix socket":     {"@", nil},
		"IPv6 from outside": {"[2001:db8::1]:1", nil},
	} {
		if code, text := ask(c.from, c.header...); code != 401 || strings.Contains(text, "countersign_alarms_total") {
			t.Errorf("%s: %d", name, code)
		}
	}
	if code, _ := ask("[::1]:1"); code != 200 {
		t.Errorf("from ::1: %d", code)
	}
}
