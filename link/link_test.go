package link_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/link"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
)

var (
	_ executor.Desk     = (*link.DeskClient)(nil)
	_ link.ExecutorSide = (*executor.Executor)(nil)
	_ link.ExecutorSide = (*link.ExecutorClient)(nil)
)

// TestMain lets net/http linger for its half second on a request that was too large.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// side is both sides' double: it answers with what it is told to.
type side struct {
	until canonical.Time
	take  linkv1.TakeResult
	taken proof.Authority
	facts linkv1.DraftFacts

	evidence platform.Evidence
	picture  io.Reader
	name     string
	closed   atomic.Bool

	err     error
	reading linkv1.Reading
	result  linkv1.CarryResult
	feed    linkv1.Feed
	status  linkv1.ExecutorStatus

	warrant []byte
	wait    time.Duration
	from    int64
	to      int64
	record  proof.SignedExecution
	subject platform.Subject
}

func (s *side) Vouch(ctx context.Context, subject platform.Subject) (linkv1.Reading, error) {
	return s.Read(ctx, subject)
}

func (s *side) Read(_ context.Context, subject platform.Subject) (linkv1.Reading, error) {
	s.subject = subject
	return s.reading, s.err
}

func (s *side) Evidence(_ context.Context, subject platform.Subject) (platform.Evidence, error) {
	s.subject = subject
	return s.evidence, s.err
}

func (s *side) Picture(_ context.Context, subject platform.Subject, name string) (io.ReadCloser, error) {
	s.subject, s.name = subject, name
	return platform.BoundPicture(io.NopCloser(s.picture), func() { s.closed.Store(true) }), s.err
}

func (s *side) Preserve(_ context.Context, subject platform.Subject, until canonical.Time) error {
	s.subject, s.until = subject, until
	return s.err
}

func (s *side) Carry(_ context.Context, w []byte, wait time.Duration) (linkv1.CarryResult, error) {
	s.warrant, s.wait = w, wait
	return s.result, s.err
}

func (s *side) Take(_ context.Context, a proof.Authority) (linkv1.TakeResult, error) {
	s.taken = a
	return s.take, s.err
}

func (s *side) Facts() (linkv1.DraftFacts, error) { return s.facts, s.err }

func (s *side) Status() linkv1.ExecutorStatus { return s.status }

func (s *side) Feed(_ context.Context, from int64, wait time.Duration) (linkv1.Feed, error) {
	s.from, s.wait = from, wait
	return s.feed, s.err
}

func (s *side) Bodies(_ context.Context, from, to int64) ([]proof.ServedBody, error) {
	s.from, s.to = from, to
	return s.feed.Bodies, s.err
}

func (s *side) Record(_ context.Context, r proof.SignedExecution) error {
	s.record = r
	return s.err
}

// serve serves a handler at each form of address.
func serve(t *testing.T, h http.Handler, test func(t *testing.T, address string)) {
	t.Helper()
	for name, at := range map[string]func(*testing.T) string{
		"unix": func(t *testing.T) string { return "unix:" + filepath.Join(t.TempDir(), "s") },
		"tcp":  func(*testing.T) string { return "http://127.0.0.1:0" },
	} {
		t.Run(name, func(t *testing.T) {
			address := at(t)
			l, err := link.Listen(address)
			if err != nil {
				t.Fatal(err)
			}
			if name == "tcp" {
				address = "http://" + l.Addr().String()
			}
			server := &http.Server{Handler: h}
			ended := make(chan struct{})
			go func() { defer close(ended); _ = server.Serve(l) }()
			defer func() { server.Close(); <-ended }()
			test(t, address)
		})
	}
}

// TestExecutor sends each call across and back.
func TestExecutor(t *testing.T) {
	w := prooftest.Staffed(t)
	s := &side{
		take:  linkv1.TakeResult{Request: "req_2", At: canonical.At(time.Unix(2, 0))},
		facts: linkv1.DraftFacts{Log: w.Origin, Root: w.Root, Policy: w.State().Policy.Digest(), Clock: canonical.At(w.Now())},
		reading: linkv1.Reading{Subject: prooftest.Account("acct/17"), Sort: platform.Account, State: platform.State{Status: platform.Up, Rev: "1",
			Facts: map[platform.Fact]any{platform.FactFollowers: int64(1 << 40), platform.FactOffice: "head of state", platform.FactVerified: true}}, Tier: "critical"},
		result: linkv1.CarryResult{Request: "req_1", Outcome: proof.Executed},
		status: linkv1.ExecutorStatus{Executor: "executor-1", Size: 17, Clock: canonical.At(time.Unix(1, 0)), Platforms: []string{"plaza"}, Watches: []linkv1.WatchStatus{}},
	}
	serve(t, link.Executor(s, "secret", "on call"), func(t *testing.T, address string) {
		c := link.DialExecutor(address, "secret")
		defer c.Close()
		reading, err := c.Read(t.Context(), prooftest.Account("acct/17"))
		if err != nil || s.subject != prooftest.Account("acct/17") {
			t.Fatal(err)
		}
		reading.State.Unread, reading.Why, reading.Capabilities = nil, nil, platform.Capabilities{}
		if diff := cmp.Diff(s.reading, reading); diff != "" {
			t.Error(diff)
		}
		warrant := []byte(`{"v":"countersign/warrant/v1"}`)
		result, err := c.Carry(t.Context(), warrant, 1500*time.Millisecond)
		if err != nil || result != s.result || !bytes.Equal(s.warrant, warrant) || s.wait != 1500*time.Millisecond {
			t.Errorf("carry: %+v, %v; got %q, %s", result, err, s.warrant, s.wait)
		}
		if diff := cmp.Diff(s.status, c.Status()); diff != "" {
			t.Error(diff)
		}
		freeze := w.Claim(actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: "ann"}, "ole")
		if got, err := c.Take(t.Context(), freeze); err != nil || got.Request != "req_2" || !got.At.Equal(s.take.At.Time) || canonical.DigestOf(s.taken) != canonical.DigestOf(freeze) {
			t.Errorf("take: %+v, %v", got, err)
		}
		if got, err := c.Facts(); err != nil || canonical.DigestOf(got) != canonical.DigestOf(s.facts) {
			t.Errorf("facts: %+v, %v", got, err)
		}
	})
}

// cutOff is a picture of which the platform stops in the middle.
type cutOff struct{ io.Reader }

func (c cutOff) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if err == io.EOF {
		err = errors.New("the platform hung up")
	}
	return n, err
}

// TestEvidence sends what a subject shows across, and streams its pictures: whole, too large, cut
// off, and not there.
func TestEvidence(t *testing.T) {
	followers := int64(7)
	s := &side{evidence: platform.Evidence{Subject: prooftest.Account("acct/17"), Sort: platform.Account, Text: platform.Text{Text: "\x00\u202e<&>\u2028🙂", Cut: true}, Language: "de",
		Author: platform.Profile{ID: "acct/17", Handle: "@17", Followers: &followers}, Thread: []platform.Post{{ID: "post/1", Subject: true}},
		Pictures: []platform.Picture{{Name: "1", SHA256: canonical.Sum([]byte("x"))}}, Links: []platform.Link{}, At: canonical.At(time.Unix(1, 0))}}
	serve(t, link.Executor(s, "secret", "on call"), func(t *testing.T, address string) {
		c := link.DialExecutor(address, "secret")
		defer c.Close()
		got, err := c.Evidence(t.Context(), prooftest.Account("acct/17"))
		if diff := cmp.Diff(s.evidence, got); err != nil || diff != "" || s.subject != prooftest.Account("acct/17") {
			t.Errorf("%v\n%s", err, diff)
		}
		read := func() (string, error) {
			body, err := c.Picture(t.Context(), prooftest.Account("acct/17"), "the name")
			if err != nil {
				return "", err
			}
			defer body.Close()
			b, err := io.ReadAll(body)
			return string(b), err
		}
		whole := strings.Repeat("picture ", 1<<16)
		s.picture = strings.NewReader(whole)
		if got, err := read(); err != nil || got != whole || s.name != "the name" || !s.closed.Load() {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		s.picture = strings.NewReader(strings.Repeat("x", platform.MaxPicture+1))
		if got, err := read(); !fault.Is(err, "picture-too-large") || fault.KindOf(err) != fault.TooLarge || len(got) > platform.MaxPicture {
			t.Errorf("too large: %d bytes, %v", len(got), err)
		}
		s.picture = cutOff{strings.NewReader(whole)}
		if got, err := read(); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("cut off: %d bytes, %v", len(got), err)
		}
		s.err = fault.New(fault.NotFound, "no-such-picture", "Not there.")
		if _, err := read(); !fault.Is(err, "no-such-picture") {
			t.Error(err)
		}
		if _, err := c.Evidence(t.Context(), prooftest.Account("acct/17")); !fault.Is(err, "no-such-picture") {
			t.Error(err)
		}
		if err := c.Preserve(t.Context(), prooftest.Account("acct/18"), canonical.At(time.Unix(9, 0))); !fault.Is(err, "no-such-picture") {
			t.Error(err)
		}
		s.err = nil
		if err := c.Preserve(t.Context(), prooftest.Account("acct/18"), canonical.At(time.Unix(9, 0))); err != nil || s.subject != prooftest.Account("acct/18") || s.until != canonical.At(time.Unix(9, 0)) {
			t.Errorf("%v: preserved %s until %s", err, s.subject, s.until)
		}
		stranger := link.DialExecutor(address, "on call")
		defer stranger.Close()
		if _, err := stranger.Picture(t.Context(), prooftest.Account("acct/17"), "1"); fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("the token of people on call: %v", err)
		}
		// An executor that says more than it may is cut, whatever it says.
		s.evidence.Text.Text = strings.Repeat("x", platform.MaxText+1)
		if got, err := c.Evidence(t.Context(), prooftest.Account("acct/17")); err != nil || len(got.Text.Text) != platform.MaxText {
			t.Errorf("%d bytes, %v", len(got.Text.Text), err)
		}
		s.evidence.Text.Text = strings.Repeat("x", platform.MaxEvidence)
		if _, err := c.Evidence(t.Context(), prooftest.Account("acct/17")); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("an answer beyond its bound: %v", err)
		}
		s.evidence.Text = platform.Text{Text: "\x00\u202e<&>\u2028🙂", Cut: true}
	})
}

// TestDesk sends a real ledger and a record across: a feed must come out with
// every byte that was committed to.
func TestDesk(t *testing.T) {
	w := prooftest.Staffed(t)
	s := &side{feed: w.Feed(0)}
	record := proof.Execution{V: proof.ExecutionV1, Executor: "executor-1", Sequence: 3, Text: "é\u2028\u0001<&>"}.Sign(w.ExecutorKey)
	serve(t, link.Desk(s, "secret"), func(t *testing.T, address string) {
		c := link.DialDesk(address, "secret")
		defer c.Close()
		got, err := c.Feed(t.Context(), 7, 2*time.Second)
		if err != nil || s.from != 7 || s.wait != 2*time.Second {
			t.Fatalf("%v; from %d, wait %s", err, s.from, s.wait)
		}
		if diff := cmp.Diff(s.feed, got); diff != "" {
			t.Error(diff)
		}
		bodies, err := c.Bodies(t.Context(), 3, 9)
		if err != nil || s.from != 3 || s.to != 9 {
			t.Fatalf("%v; from %d to %d", err, s.from, s.to)
		}
		if diff := cmp.Diff(s.feed.Bodies, bodies); diff != "" {
			t.Error(diff)
		}
		if err := c.Record(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		if canonical.DigestOf(s.record) != canonical.DigestOf(record) {
			t.Errorf("record: %+v", s.record)
		}
	})
}

// TestFaults: a refusal comes back as it was, and anything else says that nobody
// knows, without what went wrong.
func TestFaults(t *testing.T) {
	s := &side{}
	var failed []error
	serve(t, link.Executor(s, "secret", "", func(err error) { failed = append(failed, err) }), func(t *testing.T, address string) {
		c := link.DialExecutor(address, "secret")
		defer c.Close()
		for _, k := range fault.Kinds() {
			s.err = fault.New(k, "some-type", "Some text.").With(fault.Detail{At: "line 1", Text: "more"}).Because(errors.New("hidden"))
			_, err := c.Carry(t.Context(), []byte("{}"), 0)
			f := fault.As(err)
			if k == fault.Internal {
				if f == nil || f.Kind != fault.Unavailable || strings.Contains(f.Error(), "Some text") {
					t.Errorf("internal: %v", err)
				}
				continue
			}
			if f == nil || f.Kind != k || f.Type != "some-type" || f.Text != "Some text." || len(f.Detail) != 1 || errors.Unwrap(f) != nil {
				t.Errorf("%s: %#v", k, f)
			}
		}
		s.err = errors.New("the disk is full of secrets")
		failed = nil
		if _, err := c.Carry(t.Context(), []byte("{}"), 0); fault.KindOf(err) != fault.Unavailable || strings.Contains(err.Error(), "secrets") {
			t.Errorf("unknown error: %v", err)
		}
		if len(failed) != 1 || !errors.Is(failed[0], s.err) {
			t.Errorf("told of %v", failed)
		}
	})
}

// TestProblem: a refusal is written as it always was: the other side may be of another build.
func TestProblem(t *testing.T) {
	s := &side{err: fault.New(fault.Forbidden, "key-not-hardware", "Text.").With(fault.Detail{At: "line 1", Text: "more"})}
	for want, err := range map[string]error{
		`{"type":"https://countersign.dev/problems/key-not-hardware","title":"forbidden","status":403,"detail":"Text.","kind":"forbidden","errors":[{"at":"line 1","text":"more"}]}`:          s.err,
		`{"type":"https://countersign.dev/problems/internal","title":"internal","status":500,"detail":"Something went wrong on our side; it has been logged.","kind":"internal","errors":[]}`: errors.New("hidden"),
	} {
		s.err = err
		w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/v1/carry", strings.NewReader("{}"))
		r.Header.Set("Authorization", "Bearer secret")
		r.Header.Set("Content-Type", "application/json")
		link.Executor(s, "secret", "").ServeHTTP(w, r)
		if got := w.Body.String(); got != want || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

// TestUnreachable: nobody there, a token that is not the one, no address.
func TestUnreachable(t *testing.T) {
	for address, want := range map[string]fault.Kind{"unix:" + filepath.Join(t.TempDir(), "nobody"): fault.Unavailable, "ftp://x": fault.Invalid, "unix:": fault.Invalid} {
		c := link.DialDesk(address, "secret")
		if _, err := c.Feed(t.Context(), 0, 0); fault.KindOf(err) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	if st := link.DialExecutor("unix:"+filepath.Join(t.TempDir(), "nobody"), "").Status(); st.Stopped == "" {
		t.Error("an executor that is not there has a status")
	}
	serve(t, link.Desk(&side{}, "secret"), func(t *testing.T, address string) {
		c := link.DialDesk(address, "secreT")
		defer c.Close()
		if _, err := c.Feed(t.Context(), 0, 0); fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("wrong token: %v", err)
		}
	})
}

// TestHostile: requests that no client of ours sends.
func TestHostile(t *testing.T) {
	server := httptest.NewServer(link.Executor(&side{}, "secret", ""))
	defer server.Close()
	big := strings.Repeat("x", proof.MaxWarrant+1)
	for _, c := range []struct {
		name, method, path, media, body, token string
		want                                   int
	}{
		{"good", "POST", "/v1/carry", "application/json", "{}", "secret", 200},
		{"no token", "POST", "/v1/carry", "application/json", "{}", "", 401},
		{"no route", "GET", "/v1/other", "", "", "secret", 404},
		{"no route, no token", "GET", "/v1/other", "", "", "", 401},
		{"wrong method", "GET", "/v1/carry", "", "", "secret", 404},
		{"form", "POST", "/v1/carry", "application/x-www-form-urlencoded", "{}", "secret", 400},
		{"charset", "POST", "/v1/carry", "application/json; charset=latin1", "{}", "secret", 400},
		{"too large", "POST", "/v1/carry", "application/json", big, "secret", 413},
		{"wait", "POST", "/v1/carry?wait=-1", "application/json", "{}", "secret", 400},
		{"not JSON", "POST", "/v1/read", "application/json", "{", "secret", 400},
		{"unknown member", "POST", "/v1/read", "application/json", `{"id":"acct/1","x":1}`, "secret", 400},
		{"doubled member", "POST", "/v1/read", "application/json", `{"id":"acct/1","id":"acct/2"}`, "secret", 400},
	} {
		r, err := http.NewRequest(c.method, server.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", c.media)
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		r.Close = true
		response, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != c.want {
			t.Errorf("%s: %s, want %d", c.name, response.Status, c.want)
		}
	}
}

// TestOnCall: the token of people on call opens what takes their changes, and
// nothing else; where there is none, no token at all does not stand for it.
func TestOnCall(t *testing.T) {
	for _, c := range []struct {
		onCall, bearer string
		opens          map[string]bool
	}{
		{"on call", "on call", map[string]bool{"POST /v1/take": true, "GET /v1/draft-facts": true}},
		{"on call", "secret", map[string]bool{"POST /v1/take": true, "GET /v1/draft-facts": true, "GET /v1/status": true, "POST /v1/read": true, "POST /v1/carry": true}},
		{"", "", nil},
		{"", "on call", nil},
	} {
		server := httptest.NewServer(link.Executor(&side{}, "secret", c.onCall))
		for _, route := range []string{"POST /v1/take", "GET /v1/draft-facts", "GET /v1/status", "POST /v1/read", "POST /v1/carry", "GET /v1/other"} {
			method, path, _ := strings.Cut(route, " ")
			r, err := http.NewRequest(method, server.URL+path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+c.bearer)
			r.Close = true
			response, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if opened := response.StatusCode != http.StatusUnauthorized; opened != c.opens[route] && route != "GET /v1/other" {
				t.Errorf("%q where people on call have %q: %s answers %s", c.bearer, c.onCall, route, response.Status)
			}
		}
		server.Close()
	}
}

// TestListen: a socket in use is not taken away, one left behind is.
func TestListen(t *testing.T) {
	address := "unix:" + filepath.Join(t.TempDir(), "s")
	l, err := link.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := link.Listen(address); !fault.Is(err, "address-taken") {
		t.Errorf("second listener: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	l, err = link.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
