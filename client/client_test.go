package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/client"
	"countersign.dev/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// seen is a request as a server got it.
type seen struct{ method, path, key, token, body string }

// server answers by the function answer and remembers the requests.
type server struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seen
}

func serve(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.seen = append(s.seen, seen{r.Method, r.URL.RequestURI(), r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization"), string(b)})
		n := len(s.seen)
		s.mu.Unlock()
		answer(n, w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) all() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

func newClient(t *testing.T, url string) *client.Client {
	t.Helper()
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	c, err := client.New(url, "csgn_secret", &http.Client{Transport: tr})
	if err != nil {
		t.Fatal(err)
	}
	c.Pause = time.Microsecond
	return c
}

func answerProblem(w http.ResponseWriter, status int, kind fault.Kind, typ string) {
	w.Header().Set("Content-Type", v1.ProblemType+"; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(canonical.MustMarshal(v1.Problem{Type: v1.ProblemBase + typ, Title: typ, Status: status, Detail: "What to do 100%.", Kind: kind.String(),
		Errors: []v1.Detail{{At: "line 3", Text: "no"}}}))
}

func TestFaultsAreRestored(t *testing.T) {
	for _, k := range fault.Kinds() {
		s := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { answerProblem(w, 400, k, "some-type") })
		_, err := newClient(t, s.URL).Policy(t.Context())
		f := fault.As(err)
		if f == nil || f.Kind != k || f.Type != "some-type" || f.Text != "What to do 100%." {
			t.Fatalf("%s came back as %#v", k, f)
		}
		if d := cmp.Diff([]fault.Detail{{At: "line 3", Text: "no"}}, f.Detail); d != "" {
			t.Error(d)
		}
	}
	s := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { answerProblem(w, 400, fault.Kind(99), "x") })
	if _, err := newClient(t, s.URL).Policy(t.Context()); fault.KindOf(err) != fault.Internal {
		t.Errorf("a kind that this client does not know: %v", err)
	}
}

func TestSafeRequestsAreSentAgain(t *testing.T) {
	busyTwice := func(n int, w http.ResponseWriter, _ *http.Request) {
		if n < 3 {
			answerProblem(w, 503, fault.Unavailable, "busy")
			return
		}
		_, _ = io.WriteString(w, `{"id":"req_1"}`)
	}
	for _, c := range []struct {
		name  string
		call  func(context.Context, *client.Client) error
		times int
	}{
		{"read", func(ctx context.Context, c *client.Client) error { _, err := c.Request(ctx, "req_1"); return err }, 3},
		{"question", func(ctx context.Context, c *client.Client) error { _, err := c.Draft(ctx, v1.Wish{}); return err }, 3},
		{"change", func(ctx context.Context, c *client.Client) error {
			_, err := c.Submit(ctx, v1.Submission{}, 0)
			return err
		}, 3},
		{"countersign", func(ctx context.Context, c *client.Client) error {
			_, err := c.Countersign(ctx, "req_1", v1.Countersignature{})
			return err
		}, 3},
		{"sign-in, which is good once", func(ctx context.Context, c *client.Client) error {
			_, err := c.SignIn(ctx, v1.SignedTokenAsk{})
			return err
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, busyTwice)
			err := c.call(t.Context(), newClient(t, s.URL))
			if (err == nil) != (c.times == 3) {
				t.Errorf("got %v", err)
			}
			all := s.all()
			if len(all) != c.times {
				t.Fatalf("sent %d times, want %d", len(all), c.times)
			}
			for _, x := range all {
				if x != all[0] || x.key != "" || x.token != "Bearer csgn_secret" {
					t.Errorf("sent %+v, first %+v", x, all[0])
				}
			}
		})
	}
}

func TestOtherRefusalsAreNotSentAgain(t *testing.T) {
	for _, status := range []int{400, 409, 429, 500, 502} {
		s := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { answerProblem(w, status, fault.Conflict, "x") })
		if _, err := newClient(t, s.URL).Submit(t.Context(), v1.Submission{}, 0); err == nil || len(s.all()) != 1 {
			t.Errorf("after %d it was sent %d times: %v", status, len(s.all()), err)
		}
	}
	s := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { answerProblem(w, 503, fault.Unavailable, "busy") })
	if _, err := newClient(t, s.URL).Policy(t.Context()); fault.TypeOf(err) != "busy" || len(s.all()) != 4 {
		t.Errorf("a desk that stays busy was asked %d times: %v", len(s.all()), err)
	}
}

// TestLostAnswerIsNotSentAgain: once it was sent, nobody knows whether it was done.
func TestLostAnswerIsNotSentAgain(t *testing.T) {
	s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		c.Close()
	})
	_, err := newClient(t, s.URL).SignIn(t.Context(), v1.SignedTokenAsk{})
	if fault.KindOf(err) != fault.Unavailable || len(s.all()) != 1 {
		t.Errorf("sent %d times: %v", len(s.all()), err)
	}
}

func TestRefusedConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	l.Close()
	var dialled atomic.Int64
	tr := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled.Add(1)
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}}
	defer tr.CloseIdleConnections()
	c, err := client.New(url, "", &http.Client{Transport: tr})
	if err != nil {
		t.Fatal(err)
	}
	c.Pause = time.Microsecond
	_, err = c.Status(t.Context())
	if fault.KindOf(err) != fault.Unavailable || fault.TypeOf(err) != "unreachable" || dialled.Load() != 4 {
		t.Errorf("dialled %d times: %v", dialled.Load(), err)
	}
}

func TestContextEndsAWait(t *testing.T) {
	arrived := make(chan struct{})
	s := serve(t, func(_ int, _ http.ResponseWriter, r *http.Request) { close(arrived); <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	if _, err := newClient(t, s.URL).Wait(ctx, "req_1", 1, time.Second); !errors.Is(err, context.Canceled) || fault.As(err) != nil {
		t.Errorf("got %v", err)
	}
}

// TestTokenStays: a redirect takes neither token nor request elsewhere.
func TestTokenStays(t *testing.T) {
	other := serve(t, func(int, http.ResponseWriter, *http.Request) {})
	s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	if _, err := newClient(t, s.URL).Policy(t.Context()); fault.TypeOf(err) != "foreign-answer" {
		t.Errorf("got %v", err)
	}
	if n := len(other.all()); n != 0 {
		t.Errorf("the redirect was followed %d times", n)
	}
}

func TestForeignAnswers(t *testing.T) {
	for name, answer := range map[string]func(int, http.ResponseWriter, *http.Request){
		"page":     func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"not ours": func(_ int, w http.ResponseWriter, _ *http.Request) { http.Error(w, "nginx", http.StatusBadGateway) },
		"doubled": func(_ int, w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"digest":"","digest":""}`)
		},
		"endless": func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, zeros{}, client.MaxAnswer+10) },
	} {
		s := serve(t, answer)
		if _, err := newClient(t, s.URL).Policy(t.Context()); err == nil || fault.As(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What a newer server adds is no reason to fail.
	s := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":"req_1","later":1}`)
	})
	if r, err := newClient(t, s.URL).Request(t.Context(), "req_1"); err != nil || r.ID != "req_1" {
		t.Errorf("an answer with a further member: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestPathsAreEscaped(t *testing.T) {
	s := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) })
	c := newClient(t, s.URL)
	if _, err := c.Request(t.Context(), "../policy?x=1"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subject(t.Context(), "bluesky:at://did:plc:a/b?c&d"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Requests(t.Context(), v1.RequestFilter{Status: "held", Limit: 2, Cursor: "a=b"}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range s.all() {
		got = append(got, x.path)
	}
	want := []string{"/api/v1/requests/..%2Fpolicy%3Fx=1", "/api/v1/subjects?subject=bluesky%3Aat%3A%2F%2Fdid%3Aplc%3Aa%2Fb%3Fc%26d",
		"/api/v1/requests?cursor=a%3Db&limit=2&status=held"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1:7400", "ftp://x", "http://", "http://user:pw@x", "http://x?y=1"} {
		if _, err := client.New(url, "", nil); fault.TypeOf(err) != "bad-address" {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := client.New("http://x", "a\nb", nil); fault.TypeOf(err) != "bad-token" {
		t.Errorf("a token with a line feed: %v", err)
	}
	if c, err := client.New("http://127.0.0.1:7400/", "", nil); err != nil || c.BaseURL() != "http://127.0.0.1:7400" || strings.HasSuffix(fmt.Sprint(c.BaseURL()), "/") {
		t.Errorf("%v", err)
	}
}

// TestClosedConnection: a change that meets a connection which the desk was just closing
// is sent again on another; nobody has to ask whether it arrived.
func TestClosedConnection(t *testing.T) {
	s := serve(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 2 {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.Close()
			return
		}
		_, _ = io.WriteString(w, `{"id":"req_1"}`)
	})
	c := newClient(t, s.URL)
	if _, err := c.Request(t.Context(), "req_1"); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Submit(t.Context(), v1.Submission{}, 0); err != nil || r.ID != "req_1" {
		t.Errorf("on a connection that was being closed: %+v, %v", r, err)
	}
	if all := s.all(); len(all) != 3 || all[1] != all[2] {
		t.Errorf("sent %+v", all)
	}
}
