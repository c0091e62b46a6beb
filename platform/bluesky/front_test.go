package bluesky_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
	"countersign.dev/test/testenv"
)

const change = "com.atproto.admin.updateSubjectStatus"

// front stands between a connector and the real PDS, counts what passes and can
// spoil it as networks and proxies do.
type front struct {
	*httptest.Server
	pds http.Handler

	mu     sync.Mutex
	calls  map[string]int // by method
	before map[string]func()
	spoil  map[string]http.HandlerFunc
}

func newFront(t *testing.T, b *testenv.Bluesky) *front {
	t.Helper()
	u, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{pds: httputil.NewSingleHostReverseProxy(u), calls: map[string]int{},
		before: map[string]func(){}, spoil: map[string]http.HandlerFunc{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := strings.TrimPrefix(r.URL.Path, "/xrpc/")
	f.mu.Lock()
	f.calls[method]++
	first, instead := f.before[method], f.spoil[method]
	f.mu.Unlock()
	if first != nil {
		first()
	}
	if instead != nil {
		instead(w, r)
		return
	}
	f.pds.ServeHTTP(w, r)
}

func (f *front) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

// instead answers a method in another way from now on; nil mends it.
func (f *front) instead(method string, h http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spoil[method] = h
}

// justBefore runs something when a call of the method arrives, before the PDS sees it.
func (f *front) justBefore(method string, do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before[method] = do
}

// act has the PDS carry the call out and keeps its answer to itself.
func (f *front) act(r *http.Request) int {
	w := httptest.NewRecorder()
	f.pds.ServeHTTP(w, r)
	return w.Code
}

func cutOff(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// world is a connector to the shared PDS through a front.
type world struct {
	*testing.T
	pds   *testenv.Bluesky
	front *front
	c     *bluesky.Connector
}

func newWorld(t *testing.T) *world {
	t.Helper()
	b := testenv.PDS(t)
	f := newFront(t, b)
	return &world{T: t, pds: b, front: f, c: connect(t, bluesky.Config{URL: f.URL, AdminPassword: b.AdminPassword})}
}

// connect fills in what every test wants the same: a life short enough to be waited out.
func connect(t *testing.T, c bluesky.Config) *bluesky.Connector {
	t.Helper()
	c.Name = "bluesky"
	if c.RequestLife == 0 {
		c.RequestLife = 200 * time.Millisecond
	}
	c.Poll = 20 * time.Millisecond
	connector, err := bluesky.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return connector
}

func subject(id string) platform.Subject { return platform.Subject{Platform: "bluesky", ID: id} }

func takedown(id string, m platform.Mark) platform.Command {
	return platform.Command{Verb: platform.Takedown, Subject: subject(id),
		Expect: platform.Expect{Status: platform.Up}, Mark: m}
}

func restore(id string, m platform.Mark) platform.Command {
	return platform.Command{Verb: platform.Restore, Subject: subject(id),
		Expect: platform.Expect{Status: platform.Down, Mark: m}}
}

// apply carries a command out and demands that it worked.
func (w *world) apply(cmd platform.Command) platform.Receipt {
	w.Helper()
	r, err := w.c.Apply(w.Context(), "key of "+string(cmd.Mark+cmd.Expect.Mark), cmd)
	if err != nil {
		w.Fatalf("%s of %s: %v", cmd.Verb, cmd.Subject, err)
	}
	return r
}

// is demands a status and mark, asked of the PDS directly.
func (w *world) is(id string, status platform.Status, mark platform.Mark) {
	w.Helper()
	direct := connect(w.T, bluesky.Config{URL: w.pds.URL, AdminPassword: w.pds.AdminPassword})
	s, err := direct.Read(w.Context(), subject(id))
	if err != nil {
		w.Fatal(err)
	}
	if !s.Is(status, mark) {
		w.Errorf("%s is %s, want %s", id, platform.Describe(s.Status, s.Mark), platform.Describe(status, mark))
	}
}

// foreign puts a measure in place, or with an empty mark lifts one, past the connector.
func (w *world) foreign(id string, mark platform.Mark) {
	w.Helper()
	takedown := map[string]any{"applied": mark != ""}
	if mark != "" {
		takedown["ref"] = string(mark)
	}
	s := map[string]any{"$type": "com.atproto.admin.defs#repoRef", "did": id}
	if strings.HasPrefix(id, "at://") {
		now := w.pds.Query(w, w.pds.Admin(), "com.atproto.admin.getSubjectStatus", "uri", id)
		s = now.Body["subject"].(map[string]any)
	}
	if a := w.pds.Call(w, w.pds.Admin(), change, map[string]any{"subject": s, "takedown": takedown}); a.Status != 200 {
		w.Fatalf("foreign measure: %v", a)
	}
}

func (w *world) signIn(a testenv.Account) testenv.Answer {
	w.Helper()
	return w.pds.Call(w, "", "com.atproto.server.createSession", map[string]any{"identifier": a.DID, "password": a.Password})
}

func (w *world) refresh(token string) testenv.Answer {
	w.Helper()
	return w.pds.Call(w, testenv.Bearer(token), "com.atproto.server.refreshSession", nil)
}
