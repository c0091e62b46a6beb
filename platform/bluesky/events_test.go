package bluesky_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/fxamacker/cbor/v2"

	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
	"countersign.dev/test/testenv"
)

const nobody = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"

// How long a stream may be quiet before it is asked whether it lives.
const patient, impatient = 10 * time.Second, 100 * time.Millisecond

// speaker is a server that says on a WebSocket what a test wants said.
func speaker(t *testing.T, patience time.Duration, options *websocket.AcceptOptions, speak func(*websocket.Conn, *http.Request)) *bluesky.Connector {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/xrpc/com.atproto.sync.subscribeRepos" {
			http.NotFound(w, r)
			return
		}
		if r.Header.Get("Authorization") != "" {
			t.Error("the password was sent to a public stream")
		}
		conn, err := websocket.Accept(w, r, options)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.CloseNow()
		speak(conn, r)
	}))
	t.Cleanup(server.Close)
	return connect(t, bluesky.Config{URL: server.URL, AdminPassword: "p", Patience: patience})
}

func say(t *testing.T, conn *websocket.Conn, kind string, body map[string]any) {
	t.Helper()
	var data []byte
	for _, o := range []map[string]any{{"op": 1, "t": kind}, body} {
		b, err := cbor.Marshal(o)
		if err != nil {
			t.Error(err)
		}
		data = append(data, b...)
	}
	_ = conn.Write(context.Background(), websocket.MessageBinary, data) // the other end may have gone
}

func standing(seq int) map[string]any {
	return map[string]any{"seq": seq, "time": "2026-11-23T06:00:00Z", "did": nobody, "active": true}
}

func open(t *testing.T, c *bluesky.Connector, after int64) *bluesky.Stream {
	t.Helper()
	s, err := c.Events(t.Context(), after)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestEventsComeInOrder(t *testing.T) {
	gone := make(chan struct{})
	c := speaker(t, patient, nil, func(conn *websocket.Conn, r *http.Request) {
		if got := r.URL.Query().Get("cursor"); got != "4" {
			t.Errorf("asked to go on after %q", got)
		}
		say(t, conn, "#account", standing(5))
		say(t, conn, "#info", map[string]any{"name": "Hello"})
		say(t, conn, "#new", map[string]any{"seq": 8})
		say(t, conn, "#account", standing(11)) // left out since removed
		say(t, conn, "#new", map[string]any{"seq": 12})
		say(t, conn, "#account", standing(11))
		<-conn.CloseRead(r.Context()).Done()
		close(gone)
	})
	s := open(t, c, 4)
	for _, id := range []int64{5, 11} {
		e, err := s.Next()
		if err != nil || e.ID != id || s.Cursor() != id || e.Subject.Platform != "bluesky" {
			t.Fatalf("%+v, %v, cursor %d", e, err, s.Cursor())
		}
	}
	if e, err := s.Next(); !fault.Is(err, "stream-unreadable") || s.Cursor() != 12 {
		t.Errorf("a number that falls: %+v, %v, cursor %d", e, err, s.Cursor())
	}
	<-gone // what cannot be read any more is not kept open
}

func TestStreamCutOff(t *testing.T) {
	c := speaker(t, patient, nil, func(conn *websocket.Conn, _ *http.Request) {
		say(t, conn, "#account", standing(5))
	})
	s := open(t, c, bluesky.FromNow)
	if s.Cursor() != bluesky.FromNow {
		t.Errorf("the cursor is %d before anything came", s.Cursor())
	}
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if e, err := s.Next(); !fault.Is(err, "stream-ended") || s.Cursor() != 5 {
			t.Errorf("%+v, %v", e, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestFrameThatIsTooLong(t *testing.T) {
	c := speaker(t, patient, nil, func(conn *websocket.Conn, _ *http.Request) {
		body := standing(5)
		body["blocks"] = make([]byte, 5<<20-500)
		say(t, conn, "#account", body)
		body["seq"], body["blocks"] = 6, make([]byte, 5<<20)
		say(t, conn, "#account", body)
	})
	s := open(t, c, bluesky.FromNow)
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(); !fault.Is(err, "stream-unreadable") || !strings.Contains(err.Error(), "more than") {
		t.Error(err)
	}
}

func TestTextIsNoFrame(t *testing.T) {
	c := speaker(t, patient, nil, func(conn *websocket.Conn, _ *http.Request) {
		_ = conn.Write(context.Background(), websocket.MessageText, []byte("\xa2\x62op\x01\x61t\x64#new\xa1\x63seq\x05"))
	})
	if _, err := open(t, c, 3).Next(); !fault.Is(err, "stream-unreadable") { // a frame but for that
		t.Error(err)
	}
}

func TestSilentStream(t *testing.T) {
	over := make(chan struct{})
	c := speaker(t, impatient, nil, func(*websocket.Conn, *http.Request) { <-over }) // reads nothing, so answers no ping
	_, err := open(t, c, bluesky.FromNow).Next()
	close(over)
	if !fault.Is(err, "stream-silent") {
		t.Error(err)
	}
}

func TestQuietStreamIsNotSilent(t *testing.T) {
	var asked atomic.Int32
	enough := make(chan struct{})
	options := &websocket.AcceptOptions{OnPingReceived: func(context.Context, []byte) bool {
		if asked.Add(1) == 3 {
			close(enough)
		}
		return true
	}}
	c := speaker(t, impatient, options, func(conn *websocket.Conn, r *http.Request) {
		ctx := conn.CloseRead(r.Context())
		<-enough
		say(t, conn, "#account", standing(5))
		<-ctx.Done()
	})
	if e, err := open(t, c, bluesky.FromNow).Next(); err != nil || e.ID != 5 {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestContextAndCloseEndTheStream(t *testing.T) {
	waits := func() *bluesky.Connector {
		return speaker(t, patient, nil, func(conn *websocket.Conn, r *http.Request) { <-conn.CloseRead(r.Context()).Done() })
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := waits().Events(ctx, bluesky.FromNow)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := s.Next(); !fault.Is(err, "stream-ended") {
		t.Error(err)
	}
	s = open(t, waits(), bluesky.FromNow)
	time.AfterFunc(10*time.Millisecond, func() { s.Close() })
	if _, err := s.Next(); !fault.Is(err, "stream-ended") {
		t.Error(err)
	}
}

func TestNoStreamThere(t *testing.T) {
	for status, want := range map[int]string{200: "not-a-pds", 302: "not-a-pds", 404: "not-a-pds", 429: "platform-throttled", 502: "platform-unavailable"} {
		elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(status)
		}))
		c := connect(t, bluesky.Config{URL: server.URL, AdminPassword: "p"})
		if _, err := c.Events(t.Context(), bluesky.FromNow); !fault.Is(err, want) {
			t.Errorf("%d: %v", status, err)
		}
		server.Close()
		elsewhere.Close()
		if _, err := c.Events(t.Context(), bluesky.FromNow); !fault.Is(err, "platform-unavailable") {
			t.Errorf("nobody there: %v", err)
		}
	}
	over := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	defer hanging.Close()
	defer close(over)
	c := connect(t, bluesky.Config{URL: hanging.URL, AdminPassword: "p", Patience: 50 * time.Millisecond})
	if _, err := c.Events(t.Context(), bluesky.FromNow); !fault.Is(err, "platform-unavailable") {
		t.Errorf("a handshake without an end: %v", err)
	}
	if _, err := c.Events(t.Context(), -2); !fault.Is(err, "bad-cursor") {
		t.Error(err)
	}
}

// until reads on to the next event of the kind about the account; other tests' pass by.
func until(t *testing.T, s *bluesky.Stream, did string, kind bluesky.Kind) bluesky.Event {
	t.Helper()
	for {
		e, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e.Subject.ID == did && e.Kind == kind {
			return e
		}
	}
}

func TestStreamOfARealPDS(t *testing.T) {
	w := newWorld(t)
	s := open(t, w.c, 0) // from the first event, so that nothing depends on when it opened
	a := w.pds.CreateAccount(t, "watched")
	if e := until(t, s, a.DID, bluesky.IdentityEvent); e.Subject.Handle != a.Handle {
		t.Errorf("its making: %+v", e)
	}
	uri := w.pds.Post(t, a, "hello")
	path := strings.TrimPrefix(uri, "at://"+a.DID+"/")
	for found := false; !found; {
		for _, o := range until(t, s, a.DID, bluesky.CommitEvent).Operations {
			found = found || o == bluesky.Operation{Action: "create", Path: path}
		}
	}
	w.apply(takedown(a.DID, ours))
	down := until(t, s, a.DID, bluesky.AccountEvent)
	if down.Active || down.Standing != "takendown" || down.Status != platform.Down || time.Since(down.At.Time).Abs() > time.Minute {
		t.Errorf("takedown: %+v", down)
	}
	w.listed(a.DID, platform.Down)
	before := s.Cursor()
	s.Close()

	w.apply(restore(a.DID, ours)) // while nobody listens
	s = open(t, w.c, before)
	if up := until(t, s, a.DID, bluesky.AccountEvent); !up.Active || up.Status != platform.Up || up.ID <= down.ID {
		t.Errorf("restore, missed and replayed: %+v", up)
	}
	w.listed(a.DID, platform.Up)

	if got := w.pds.Call(t, testenv.Bearer(w.signIn(a).Text("accessJwt")), "com.atproto.server.deactivateAccount", map[string]any{}); got.Status != 200 {
		t.Fatalf("deactivate: %v", got)
	}
	if off := until(t, s, a.DID, bluesky.AccountEvent); off.Active || off.Status != platform.Deactivated {
		t.Errorf("deactivation: %+v", off)
	}
	w.listed(a.DID, platform.Deactivated)

	if _, err := open(t, w.c, s.Cursor()+1_000_000).Next(); !fault.Is(err, "cursor-gone") {
		t.Errorf("from the future: %v", err)
	}
}

// listed demands what the list of all accounts says of one.
func (w *world) listed(did string, want platform.Status) {
	w.Helper()
	for cursor := ""; ; {
		page, next, err := w.c.ListRepos(w.Context(), cursor)
		if err != nil {
			w.Fatal(err)
		}
		for _, r := range page {
			if r.DID == did {
				if r.Status != want || r.Active != (want == platform.Up) {
					w.Errorf("listed as %+v, want %s", r, want)
				}
				return
			}
		}
		if cursor = next; next == "" {
			w.Fatalf("%s is not listed", did)
		}
	}
}

func TestListsThatCannotBe(t *testing.T) {
	for name, body := range map[string]string{
		"a cursor that stays": `{"cursor":"c","repos":[]}`,
		"no account":          `{"repos":[{"did":"x","active":true}]}`,
		"no standing":         `{"repos":[{"did":"` + nobody + `"}]}`,
		"a long standing":     `{"repos":[{"did":"` + nobody + `","active":true,"status":"` + strings.Repeat("x", 65) + `"}]}`,
		"too many":            `{"repos":[` + strings.TrimSuffix(strings.Repeat(`{"did":"`+nobody+`","active":true},`, 1001), ",") + `]}`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if q := r.URL.Query(); q.Get("cursor") != "c" || q.Get("limit") != "1000" {
				t.Errorf("asked for %v", q)
			}
			_, _ = w.Write([]byte(body))
		}))
		c := connect(t, bluesky.Config{URL: server.URL, AdminPassword: "p"})
		if page, _, err := c.ListRepos(t.Context(), "c"); !fault.Is(err, "platform-unavailable") {
			t.Errorf("%s: %d accounts, %v", name, len(page), err)
		}
		server.Close()
	}
}
