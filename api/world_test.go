package api_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"countersign.dev/actions"
	"countersign.dev/api"
	v1 "countersign.dev/api/v1"
	"countersign.dev/client"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/httpd"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/workforce"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a town whose desk is served on 127.0.0.1.
type site struct {
	*desktest.Town
	t   *testing.T
	url string
	log *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func serve(t *testing.T, o ...desktest.Options) *site {
	t.Helper()
	town := desktest.NewTown(t, append(o, desktest.Options{})[0])
	s := &site{Town: town, t: t, log: &lockedBuffer{}}
	handler, err := api.New(api.Config{Desk: town.Desk, Version: "test", Now: town.Clock().Now,
		Executor: func(context.Context) (linkv1.ExecutorStatus, error) { return town.Executor.Status(), nil }})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(httpd.New(httpd.Config{Desk: town.Desk, API: handler, Now: town.Clock().Now,
		Logger: slog.New(slog.NewJSONHandler(io.MultiWriter(s.log, t.Output()), nil))}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// http is a client whose connections end with the test.
func (s *site) http() *http.Client {
	tr := &http.Transport{}
	s.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// token signs in over the API.
func (s *site) token(id workforce.WorkerID) string {
	s.t.Helper()
	ask, secret := s.TokenAsk(id, id)
	if _, err := s.client("").SignIn(s.t.Context(), ask); err != nil {
		s.t.Fatalf("%s signs in: %v", id, err)
	}
	return secret
}

func (s *site) client(token string) *client.Client {
	s.t.Helper()
	c, err := client.New(s.url, token, s.http())
	if err != nil {
		s.t.Fatal(err)
	}
	c.Pause = time.Millisecond
	return c
}

func (s *site) as(id workforce.WorkerID) *client.Client { return s.client(s.token(id)) }

// signed signs a draft that came over the API.
func (s *site) signed(id workforce.WorkerID, d v1.Draft) actions.Signed {
	return actions.Signed{Statement: d.Statement, Signature: s.Sign(id, d.Statement.Challenge())}
}

// submission drafts and signs a takedown.
func (s *site) submission(c *client.Client, id workforce.WorkerID, subject string) v1.Submission {
	s.t.Helper()
	d, err := c.Draft(s.t.Context(), v1.Wish{Kind: actions.AccountTakedown, Subject: subject, Case: "case-1", Reason: "spam", Key: s.PublicKey(id).ID()})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.sign(id, d)
}

// sign signs a draft with somebody's key.
func (s *site) sign(id workforce.WorkerID, d v1.Draft) v1.Submission {
	return d.Sign(func(c [32]byte) actions.Signature { return s.Sign(id, c) })
}

// must fails the test on an error.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// wants reports whether err is a fault of a kind and type.
func wants(t *testing.T, err error, kind fault.Kind, typ string) {
	t.Helper()
	if fault.KindOf(err) != kind || fault.TypeOf(err) != typ {
		t.Errorf("got %v (%s, %s), want %s, %s", err, fault.KindOf(err), fault.TypeOf(err), kind, typ)
	}
}
