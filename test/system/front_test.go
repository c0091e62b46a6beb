package system

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/desk/desktest"
	"countersign.dev/platform"
	connector "countersign.dev/platform/plaza"
	"countersign.dev/plaza"
)

// gate stands between the executor and plaza and spoils what passes, as networks
// and overloaded servers do. A spoiler that returns true has dealt with the
// request; it may have passed it on itself.
type gate struct {
	*httptest.Server
	plaza http.Handler

	mu    sync.Mutex
	spoil func(g *gate, w http.ResponseWriter, r *http.Request) bool
}

func openGate(t *testing.T, address string) *gate {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{plaza: httputil.NewSingleHostReverseProxy(u)}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	spoil := g.spoil
	g.mu.Unlock()
	if spoil == nil || !spoil(g, w, r) {
		g.plaza.ServeHTTP(w, r)
	}
}

// set has every request spoilt from now on; nil ends it.
func (g *gate) set(spoil func(g *gate, w http.ResponseWriter, r *http.Request) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.spoil = spoil
}

func isCommand(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/staff/v1/commands") }

// commands spoils the first n commands and nothing else.
func (g *gate) commands(n int, spoil func(g *gate, w http.ResponseWriter, r *http.Request)) {
	var mu sync.Mutex
	g.set(func(g *gate, w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		hit := isCommand(r) && n > 0
		if hit {
			n--
		}
		mu.Unlock()
		if hit {
			spoil(g, w, r)
		}
		return hit
	})
}

// passOn lets plaza have a request, and returns what it answered.
func (g *gate) passOn(r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	g.plaza.ServeHTTP(answer, r)
	return answer
}

// cut breaks the connection off without a word.
func cut(http.ResponseWriter) { panic(http.ErrAbortHandler) }

// throughGate has the town's executor reach plaza through a gate.
func throughGate(t *testing.T, to *desktest.Town, patience time.Duration) *gate {
	t.Helper()
	g := openGate(t, to.PlazaURL)
	to.StopExecutor()
	var err error
	to.Connector, err = connector.Connect(t.Context(), connector.Config{Name: "plaza", URL: g.URL, Token: to.Token("executor", plaza.StaffScope),
		Client: &http.Client{Timeout: patience}})
	if err != nil {
		t.Fatal(err)
	}
	to.StartExecutor()
	to.Followed()
	return g
}

// meddle changes a subject past the desk, as somebody with a staff token of
// plaza's can.
func meddle(t *testing.T, to *desktest.Town, key string, c platform.Command) {
	t.Helper()
	insider, err := connector.Connect(t.Context(), connector.Config{Name: "plaza", URL: to.PlazaURL, Token: to.Insider})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := insider.Apply(t.Context(), key, c); err != nil {
		t.Fatal(err)
	}
}

// body reads a request's body and puts it back.
func body(r *http.Request) []byte {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	return b
}
