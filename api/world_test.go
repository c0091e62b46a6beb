package api_test

import (
	"context"
	"fmt"
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
	"countersign.dev/canonical"
	"countersign.dev/client"
	"countersign.dev/desk"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/httpd"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// outside stands for the executor's process and a platform behind it: it reads
// accounts from a map and carries out every warrant at once.
type outside struct {
	world *desktest.World

	mu       sync.Mutex
	accounts map[string]platform.State
	tiers    map[string]actions.Tier
	sequence int64
}

func (o *outside) Read(_ context.Context, s platform.Subject) (proof.Reading, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.ID == "" {
		s.ID = "acct/" + strings.TrimPrefix(s.Handle, "@")
	}
	state, ok := o.accounts[s.ID]
	if !ok {
		return proof.Reading{}, fault.New(fault.NotFound, "no-such-subject", "There is no subject %s.", s)
	}
	s.Handle = "@" + strings.TrimPrefix(s.ID, "acct/")
	state.Seen = canonical.At(o.world.Clock().Now())
	return proof.Reading{Subject: s, Sort: platform.Account, State: state, Tier: o.tiers[s.ID],
		Capabilities: platform.Capabilities{CompareAndSet: true, Abilities: []platform.Ability{
			{Verb: platform.Takedown, Sort: platform.Account, Marks: true}, {Verb: platform.Restore, Sort: platform.Account, Marks: true}}}}, nil
}

func (o *outside) Carry(ctx context.Context, warrant []byte, _ time.Duration) (proof.CarryResult, error) {
	w, err := proof.ParseWarrant(warrant)
	if err != nil {
		return proof.CarryResult{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	c := w.Action.Command
	o.accounts[c.Subject.ID] = platform.State{Status: c.After().Status, Mark: c.After().Mark}
	request := w.Request.Statement.Request
	for _, kind := range []string{proof.KindIntent, proof.KindReceipt} {
		e := proof.Execution{V: proof.ExecutionVersion, Executor: desktest.ExecutorID, Sequence: o.sequence, Kind: kind, Duty: proof.DutyAct,
			Request: request, Warrant: w.Digest(), Nonce: make([]byte, 32), At: canonical.At(o.world.Clock().Now())}
		if kind == proof.KindReceipt {
			e.Outcome, e.Before, e.After = proof.Executed, c.Expect, c.After()
		}
		o.sequence++
		if err := o.world.Desk.Record(ctx, e.Sign(o.world.ExecutorKey)); err != nil {
			return proof.CarryResult{}, err
		}
	}
	return proof.CarryResult{Request: request, Outcome: proof.Executed}, nil
}

func (o *outside) Status(context.Context) (proof.ExecutorStatus, error) {
	return proof.ExecutorStatus{Executor: desktest.ExecutorID, Platforms: []string{"plaza"}, Clock: canonical.At(o.world.Clock().Now())}, nil
}

// site is a staffed desk served on 127.0.0.1.
type site struct {
	*desktest.World
	t       *testing.T
	url     string
	outside *outside
	api     *api.Server
	log     *lockedBuffer
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

func serve(t *testing.T) *site {
	t.Helper()
	o := &outside{accounts: map[string]platform.State{}, tiers: map[string]actions.Tier{}}
	for i := range 40 {
		id := fmt.Sprintf("acct/%d", i)
		o.accounts[id], o.tiers[id] = platform.State{Status: platform.Up}, actions.Standard
	}
	o.accounts["acct/president"], o.tiers["acct/president"] = platform.State{Status: platform.Up}, actions.Critical
	o.accounts["acct/mayor"], o.tiers["acct/mayor"] = platform.State{Status: platform.Up}, actions.Protected
	w := desktest.New(t, desktest.Options{Executor: o})
	o.world = w
	w.Staff()
	w.Run()
	s := &site{World: w, t: t, outside: o, log: &lockedBuffer{}}
	var err error
	s.api, err = api.New(api.Config{Desk: w.Desk, Executor: o.Status, Version: "test", Now: w.Clock().Now})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(httpd.New(httpd.Config{Desk: w.Desk, API: s.api, Now: w.Clock().Now,
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

// ask is a signed ask for a token.
func (s *site) ask(id workforce.WorkerID) v1.SignedTokenAsk {
	now := canonical.At(s.Clock().Now())
	nonce := canonical.Sum([]byte(id), []byte(now.String()))
	a := v1.TokenAsk{V: v1.TokenAskVersion, Log: s.Origin, Worker: id, Key: s.PublicKey(id).ID(), Name: "test", Nonce: nonce[:],
		NotBefore: now, Expires: canonical.At(now.Add(time.Hour))}
	return v1.SignedTokenAsk{Ask: a, Signature: s.Sign(id, a.Challenge())}
}

// token signs in over the API.
func (s *site) token(id workforce.WorkerID) string {
	s.t.Helper()
	nt, err := s.client("").SignIn(s.t.Context(), s.ask(id))
	if err != nil {
		s.t.Fatalf("%s signs in: %v", id, err)
	}
	return nt.Secret
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
	return v1.Submission{Action: d.Action, Signed: s.signed(id, d)}
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

var _ desk.Executor = (*outside)(nil)
