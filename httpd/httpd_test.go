package httpd_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/mod/sumdb/note"

	v1 "countersign.dev/api/v1"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/fault/problem"
	"countersign.dev/httpd"
	"countersign.dev/ledger"
	"countersign.dev/workforce"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type site struct {
	*desktest.World
	t      *testing.T
	server *httpd.Server
	log    *lines
}

func newSite(t *testing.T, change func(*httpd.Config)) *site {
	t.Helper()
	w := desktest.New(t, desktest.Options{})
	w.Staff()
	s := &site{World: w, t: t, log: &lines{}}
	c := httpd.Config{Desk: w.Desk, API: http.NotFoundHandler(), Now: w.Clock().Now,
		Logger: slog.New(slog.NewJSONHandler(io.MultiWriter(s.log, t.Output()), nil))}
	if change != nil {
		change(&c)
	}
	s.server = httpd.New(c)
	return s
}

// get answers a request without a network.
func (s *site) do(method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(s.t.Context(), method, "http://127.0.0.1"+path, nil)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		} else {
			r.Header.Add(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	s.server.ServeHTTP(w, r)
	return w
}

func (s *site) token(id workforce.WorkerID) string {
	s.t.Helper()
	ask, secret := s.TokenAsk(id, id)
	if _, err := s.Desk.SignIn(s.t.Context(), ask); err != nil {
		s.t.Fatal(err)
	}
	return "Bearer " + secret
}

func problemIn(t *testing.T, w *httptest.ResponseRecorder) problem.Problem {
	t.Helper()
	var p problem.Problem
	if got := w.Header().Get("Content-Type"); got != problem.Media {
		t.Errorf("a refusal of type %q: %s", got, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Error(err)
	}
	if p.Status != w.Code {
		t.Errorf("the document says %d, the answer %d", p.Status, w.Code)
	}
	return p
}

func TestFrontPage(t *testing.T) {
	s := newSite(t, func(c *httpd.Config) {
		c.Links = []httpd.Link{{URL: "http://127.0.0.1:7401/", Name: "plaza <script>", Text: "The built-in platform."}}
	})
	w := s.do("GET", "/")
	body := w.Body.String()
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(body, s.Origin) ||
		!strings.Contains(body, `href="/api/v1/openapi.json"`) || !strings.Contains(body, `href="http://127.0.0.1:7401/"`) {
		t.Errorf("%d: %s", w.Code, body)
	}
	if strings.Contains(body, "<script>") || strings.Contains(body, "style=") {
		t.Error("the page holds a script, or a style that its policy forbids")
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	policy := w.Header().Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if w := s.do("GET", "/page.css"); w.Code != 200 || w.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("style: %d %s", w.Code, w.Header().Get("Content-Type"))
	}
	if w := s.do("GET", "/healthz"); w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("health: %d %s", w.Code, w.Body)
	}
}

func TestHealthTellsOfADeadDatabase(t *testing.T) {
	s := newSite(t, nil)
	s.Store.Close()
	w := s.do("GET", "/healthz")
	if p := problemIn(t, w); w.Code != 503 || p.Kind != "unavailable" || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %+v", w.Code, p)
	}
}

// TestRetryAfter: a refusal that knows when to come back says so in the header.
func TestRetryAfter(t *testing.T) {
	w := httptest.NewRecorder()
	httpd.Fail(w, httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/reports", nil),
		fault.New(fault.Exhausted, "program-too-fast", "Too fast.").With(fault.Detail{At: "retry-after", Text: "7"}))
	if w.Code != 429 || w.Header().Get("Retry-After") != "7" {
		t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
}

func TestStrangersAreRefused(t *testing.T) {
	s := newSite(t, func(c *httpd.Config) { c.Hosts = []string{"desk.example.com"} })
	for _, c := range []struct {
		name, method, path string
		headers            []string
		status             int
		typ                string
	}{
		{"own name", "GET", "/healthz", []string{"Host", "localhost:7400"}, 200, ""},
		{"own address 6", "GET", "/healthz", []string{"Host", "[::1]:7400"}, 200, ""},
		{"given name", "GET", "/healthz", []string{"Host", "Desk.example.com"}, 200, ""},
		{"foreign name", "GET", "/healthz", []string{"Host", "evil.example"}, 421, "foreign-host"},
		{"foreign address", "GET", "/healthz", []string{"Host", "192.0.2.1"}, 421, "foreign-host"},
		{"name that begins alike", "GET", "/healthz", []string{"Host", "localhost.evil.example"}, 421, "foreign-host"},
		{"no host", "GET", "/healthz", []string{"Host", ""}, 421, "foreign-host"},
		{"post from another site", "POST", "/", []string{"Sec-Fetch-Site", "cross-site"}, 403, "cross-origin"},
		{"post from another origin", "POST", "/", []string{"Origin", "https://evil.example"}, 403, "cross-origin"},
		{"post", "POST", "/", nil, 405, "method-not-allowed"},
		{"post to the ledger", "POST", "/ledger/checkpoint", nil, 405, "method-not-allowed"},
		{"nothing", "GET", "/nothing", nil, 404, "no-such-route"},
		{"nothing in the ledger", "GET", "/ledger/nothing", nil, 404, "no-such-route"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := s.do(c.method, c.path, c.headers...)
			if w.Code != c.status {
				t.Fatalf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			if c.typ != "" {
				if p := problemIn(t, w); p.Type != problem.Base+c.typ {
					t.Errorf("type %q, want %q", p.Type, c.typ)
				}
			}
			if c.status == 405 && w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow: %q", w.Header().Get("Allow"))
			}
		})
	}
}

func TestPanicTellsNothing(t *testing.T) {
	s := newSite(t, func(c *httpd.Config) {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /api/panic/{who}", func(http.ResponseWriter, *http.Request) { panic("the secret of plaza") })
		mux.HandleFunc("GET /api/late", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic("too late")
		})
		c.API = mux
	})
	w := s.do("GET", "/api/panic/ann?case=17", "Authorization", "Bearer csgn_secret")
	if p := problemIn(t, w); w.Code != 500 || strings.Contains(w.Body.String(), "secret") || p.Kind != "internal" {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	var events []map[string]any
	for line := range strings.Lines(s.log.String()) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if len(events) != 1 || events[0]["route"] != "GET /api/panic/{who}" || events[0]["status"] != 500.0 || events[0]["level"] != "ERROR" ||
		!strings.Contains(fmt.Sprint(events[0]["error"]), "the secret of plaza") || events[0]["stack"] == nil {
		t.Errorf("events: %v", events)
	}
	for _, private := range []string{"csgn_", "ann", "case=17"} {
		if strings.Contains(fmt.Sprint(events[0]["route"], events[0]["error"], events[0]["type"]), private) {
			t.Errorf("the log holds %q", private)
		}
	}
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("an answer that broke off looks complete")
			}
		}()
		s.do("GET", "/api/late")
	}()
}

func TestLedgerRoutes(t *testing.T) {
	s := newSite(t, nil)
	agent, lead := s.token("ann"), s.token("kim")
	if w := s.do("GET", "/ledger/checkpoint"); w.Code != 401 || w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("without a token: %d", w.Code)
	}
	w := s.do("GET", "/ledger/checkpoint", "Authorization", agent)
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" || w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("checkpoint: %d, %v", w.Code, w.Header())
	}
	checkpoint, err := ledger.ParseCheckpoint(w.Body.Bytes(), s.LogKey.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	w = s.do("GET", fmt.Sprintf("/ledger/tile/entries/000.p/%d", checkpoint.Size), "Authorization", agent)
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/octet-stream" || w.Header().Get("Cache-Control") != "private, max-age=31536000, immutable" {
		t.Errorf("tile: %d, %v", w.Code, w.Header())
	}
	if leaves, err := ledger.ParseBundle(w.Body.Bytes(), int(checkpoint.Size)); err != nil || len(leaves) == 0 {
		t.Errorf("the bundle: %v", err)
	}
	plain := w.Body.Bytes()
	for header, zipped := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "*": true, "GZIP": true, "br": false, "gzip;q=0": false, "*;q=0, gzip;q=0.0": false, "gzip; q=0.000, *": false} {
		w := s.do("GET", fmt.Sprintf("/ledger/tile/entries/000.p/%d", checkpoint.Size), "Authorization", agent, "Accept-Encoding", header)
		got := w.Body.Bytes()
		if (w.Header().Get("Content-Encoding") == "gzip") != zipped || w.Header().Get("Content-Length") != fmt.Sprint(len(got)) || !slices.Contains(w.Header().Values("Vary"), "Accept-Encoding") {
			t.Errorf("%s: %v", header, w.Header())
		}
		if zipped {
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, plain) {
			t.Errorf("%s: another bundle", header)
		}
	}
	for _, path := range []string{"/ledger/tile/0/001", "/ledger/tile/0/000.p/256", "/ledger/tile/0/0", "/ledger/tile/entries/../../checkpoint2"} {
		if w := s.do("GET", path, "Authorization", agent); w.Code == 200 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	w = s.do("GET", "/ledger/vkey", "Authorization", agent)
	if v, err := note.NewVerifier(strings.TrimSuffix(w.Body.String(), "\n")); err != nil || v.Name() != s.Origin {
		t.Errorf("verifier key %q: %v", w.Body, err)
	}

	if w := s.do("GET", "/ledger/bodies/governance", "Authorization", agent); w.Code != 403 {
		t.Errorf("an agent reads the chain: %d", w.Code)
	}
	if w := s.do("GET", "/ledger/bodies/governance?from=-1", "Authorization", lead); w.Code != 400 {
		t.Errorf("from -1: %d", w.Code)
	}
	for who, want := range map[string]int{agent: 403, lead: 200} {
		if w := s.do("GET", "/ledger/bodies/tiers?subject=plaza:acct/1", "Authorization", who); w.Code != want {
			t.Errorf("which tiers stand for a subject: %d, want %d: %s", w.Code, want, w.Body)
		}
	}
	for who, want := range map[string]int{agent: 403, lead: 200} {
		if w := s.do("GET", "/ledger/bodies/taken", "Authorization", who); w.Code != want {
			t.Errorf("what the executor took: %d, want %d: %s", w.Code, want, w.Body)
		}
	}
	for _, bad := range []string{"", "?subject=", "?subject=plaza", "?subject=plaza:@president", "?subject=%00"} {
		if w := s.do("GET", "/ledger/bodies/tiers"+bad, "Authorization", lead); w.Code != 400 {
			t.Errorf("tiers%s: %d", bad, w.Code)
		}
	}
	var number int64
	for {
		w := s.do("GET", fmt.Sprintf("/ledger/bodies/governance?from=%d", number), "Authorization", lead)
		var b v1.Bodies
		if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v: %s", w.Code, err, w.Body)
		}
		for _, x := range b.Bodies {
			body, err := ledger.ParseBody(x.Body)
			if err != nil || body.Number != number || body.Class != ledger.Governance {
				t.Fatalf("governance entry %d: %v", number, err)
			}
			leaf := ledger.Leaf{Class: body.Class, Number: number, Commitment: ledger.Commitment(x.Body, x.Salt)}
			if _, err := ledger.Verify(leaf, x.Body, x.Salt); err != nil {
				t.Error(err)
			}
			number++
		}
		if b.Next == b.From {
			break
		}
	}
	state, err := s.State(t.Context())
	if err != nil || number != state.Next {
		t.Errorf("%d governance entries served of %d: %v", number, state.Next, err)
	}
}

func TestPublishedLedger(t *testing.T) {
	s := newSite(t, func(c *httpd.Config) { c.Publish = true })
	r := ledger.Reader{Log: s.LogKey.Verifier(), Fetch: func(path string) ([]byte, error) {
		w := s.do("GET", "/ledger/"+path)
		if w.Code != 200 {
			return nil, fmt.Errorf("%s: %d", path, w.Code)
		}
		if !strings.HasPrefix(w.Header().Get("Cache-Control"), "public") && path != "checkpoint" {
			return nil, fmt.Errorf("%s is not public: %s", path, w.Header().Get("Cache-Control"))
		}
		return w.Body.Bytes(), nil
	}}
	if _, err := r.Verify(); err != nil {
		t.Error(err)
	}
	if w := s.do("GET", "/ledger/bodies/governance"); w.Code != 401 {
		t.Errorf("bodies of a published ledger without a token: %d", w.Code)
	}
	if w := s.do("GET", "/ledger/bodies/tiers?subject=plaza:acct/1"); w.Code != 401 {
		t.Errorf("tiers of a published ledger without a token: %d", w.Code)
	}
}

func TestListen(t *testing.T) {
	ctx := t.Context()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	l, moved, err := httpd.Listen(ctx, address, false)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(address)
	if l.Addr().String() == address || !strings.Contains(moved, port) || !strings.Contains(moved, l.Addr().String()) {
		t.Errorf("moved to %s and said %q", l.Addr(), moved)
	}
	if _, _, err := httpd.Listen(ctx, address, true); fault.TypeOf(err) != "port-taken" {
		t.Errorf("an explicit address that is taken: %v", err)
	}
	for _, bad := range []string{"", "7400", ":7400", "127.0.0.1:x", "127.0.0.1:70000"} {
		if _, _, err := httpd.Listen(ctx, bad, false); fault.TypeOf(err) != "bad-address" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	free, moved, err := httpd.Listen(ctx, "127.0.0.1:0", false)
	if err != nil || moved != "" {
		t.Fatalf("any port: %q, %v", moved, err)
	}
	free.Close()
}

// TestShutdown: waits end at once when a shutdown begins, what is under way is
// answered, and headers are bounded.
func TestShutdown(t *testing.T) {
	waiting := make(chan struct{})
	s := newSite(t, func(c *httpd.Config) {
		c.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := httpd.Waiting(r.Context(), time.Hour)
			defer cancel()
			close(waiting)
			<-ctx.Done()
			if r.Context().Err() != nil {
				t.Error("the request itself was cut off")
			}
			_, _ = io.WriteString(w, "as it is now")
		})
	})
	l, _, err := httpd.Listen(t.Context(), "127.0.0.1:0", true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.server.Serve(ctx, l) }()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	hc := &http.Client{Transport: tr}

	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+l.Addr().String()+"/healthz", nil)
	req.Header.Set("X-Large", strings.Repeat("x", 64<<10))
	if res, err := hc.Do(req); err == nil {
		if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("64 KiB of headers: %d", res.StatusCode)
		}
		res.Body.Close()
	}
	type answer struct {
		body string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		res, err := hc.Get("http://" + l.Addr().String() + "/api/wait")
		if err != nil {
			got <- answer{err: err}
			return
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		got <- answer{string(b), err}
	}()
	<-waiting
	stop()
	if a := <-got; a.err != nil || a.body != "as it is now" {
		t.Errorf("the request under way got %q, %v", a.body, a.err)
	}
	if err := <-served; err != nil {
		t.Errorf("serving ended with %v", err)
	}
}

// TestRouteWithACookie: the log names the route also of what a page asks for.
func TestRouteWithACookie(t *testing.T) {
	s := newSite(t, func(c *httpd.Config) {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /api/cases/{id}", func(http.ResponseWriter, *http.Request) {})
		c.API = mux
	})
	s.do("GET", "/api/cases/c_17", "Cookie", "countersign=secret")
	if got := s.log.String(); !strings.Contains(got, `"route":"GET /api/cases/{id}"`) || strings.Contains(got, "c_17") || strings.Contains(got, "secret") {
		t.Error(got)
	}
}
