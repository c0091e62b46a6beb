package desktest

import (
	"context"
	"io"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/executor"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	connector "countersign.dev/platform/plaza"
	"countersign.dev/plaza"
	"countersign.dev/workforce"
)

// Town is a staffed desk with a real plaza and a real executor in this process. If the
// options name another platform, it has that one and no plaza.
//
//	acct/1  @president   office head of state: critical
//	acct/2  @singer      followers 500,000: protected
//	acct/3  @neighbour   standard
//	acct/4  @shop        standard
//	post/1, post/2       of acct/3 and acct/1
type Town struct {
	*World
	*Square
	PlazaURL  string
	Plaza     *plaza.Server
	Insider   string // a staff token of plaza that is not the executor's
	Connector platform.Connector
	Executor  *executor.Executor
	JournalAt string
	// ExecutorNow is the executor's clock, the desk's unless the options say otherwise.
	ExecutorNow func() time.Time
	// Watched has the executors that are started from now on watch plaza as well: they
	// make records of their own.
	Watched bool
	late    *late
	cancel  func()
}

// unwatched hides that a connector can be watched.
type unwatched struct{ platform.Connector }

// telling is unwatched for a connector that tells what subjects show.
type telling struct {
	platform.Connector
	platform.Evidencer
}

// keeping is telling for a connector that preserves subjects, too.
type keeping struct {
	telling
	platform.Preserver
}

// late stands for an executor that is made after the desk, and may be away.
type late struct {
	e atomic.Pointer[executor.Executor]
}

func (l *late) there() (*executor.Executor, error) {
	if e := l.e.Load(); e != nil {
		return e, nil
	}
	return nil, fault.New(fault.Unavailable, "executor-unreachable", "The executor does not answer.")
}

func (l *late) Read(ctx context.Context, s platform.Subject) (linkv1.Reading, error) {
	e, err := l.there()
	if err != nil {
		return linkv1.Reading{}, err
	}
	return e.Read(ctx, s)
}

func (l *late) Vouch(ctx context.Context, s platform.Subject) (linkv1.Reading, error) {
	e, err := l.there()
	if err != nil {
		return linkv1.Reading{}, err
	}
	return e.Vouch(ctx, s)
}

func (l *late) Evidence(ctx context.Context, s platform.Subject) (platform.Evidence, error) {
	e, err := l.there()
	if err != nil {
		return platform.Evidence{}, err
	}
	return e.Evidence(ctx, s)
}

func (l *late) Picture(ctx context.Context, s platform.Subject, name string) (io.ReadCloser, error) {
	e, err := l.there()
	if err != nil {
		return nil, err
	}
	return e.Picture(ctx, s, name)
}

func (l *late) Preserve(ctx context.Context, s platform.Subject, until canonical.Time) error {
	e, err := l.there()
	if err != nil {
		return err
	}
	return e.Preserve(ctx, s, until)
}

func (l *late) Carry(ctx context.Context, w []byte, wait time.Duration) (linkv1.CarryResult, error) {
	e, err := l.there()
	if err != nil {
		return linkv1.CarryResult{}, err
	}
	return e.Carry(ctx, w, wait)
}

func (l *late) Status(context.Context) (linkv1.ExecutorStatus, error) {
	e, err := l.there()
	if err != nil {
		return linkv1.ExecutorStatus{}, err
	}
	return e.Status(), nil
}

// NewTown opens a town. Its desk and executor run until the test ends.
func NewTown(t testing.TB, o Options) *Town {
	t.Helper()
	to := &Town{late: &late{}, ExecutorNow: o.ExecutorNow}
	o.Executor = to.late
	to.World = New(t, o)
	if to.ExecutorNow == nil {
		to.ExecutorNow = to.clock.Now
	}
	if to.Connector = o.Platform; to.Connector == nil {
		to.openPlaza()
	}
	to.JournalAt = filepath.Join(t.TempDir(), "journal.db")
	to.StartExecutor()
	to.Staff()
	to.Run()
	to.Followed()
	return to
}

// Followed waits until the executor has read the ledger up to its present end.
func (to *Town) Followed() {
	to.t.Helper()
	h, err := to.Store.Head(to.t.Context())
	if err != nil {
		to.t.Fatal(err)
	}
	Until(to.t, "the executor has read the ledger", func() bool { return to.Executor.Status().Size >= h.Size })
}

// Patience is how long a test waits for what must come about, and what an executor
// is granted where its own patience is not what is tried: no test may depend on how
// busy the machine is.
const Patience = 5 * time.Minute

// Until waits for something that must come about.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain for %s: %s", Patience, what)
		}
		<-tick.C
	}
}

func (to *Town) openPlaza() {
	t := to.t
	t.Helper()
	to.Square = OpenSquare(t)
	to.Plaza, to.PlazaURL = to.Square.Server, to.Square.URL
	to.Post(to.Token("seed", plaza.SetupScope), "/staff/v1/accounts/bulk", `{"accounts":[
		{"handle":"@president","name":"The President","office":"head of state","followers":40000000},
		{"handle":"@singer","name":"A Singer","followers":500000},
		{"handle":"@neighbour","name":"A Neighbour","followers":12},
		{"handle":"@shop","name":"A Shop","followers":300}]}`)
	to.Post(to.Token("seed", plaza.SetupScope), "/staff/v1/posts/bulk", `{"posts":[{"account":"acct/3","text":"Hello."},{"account":"acct/1","text":"My fellow citizens."}]}`)
	to.Insider = to.Token("insider", plaza.StaffScope)
	var err error
	if to.Connector, err = connector.Connect(t.Context(), connector.Config{Name: "plaza", URL: to.PlazaURL, Token: to.Token("executor", plaza.StaffScope)}); err != nil {
		t.Fatal(err)
	}
}

// StartExecutor starts an executor on the town's journal.
func (to *Town) StartExecutor() {
	t := to.t
	t.Helper()
	j, err := journal.Open(t.Context(), to.JournalAt)
	if err != nil {
		t.Fatal(err)
	}
	connector := to.Connector
	if !to.Watched {
		connector = unwatched{to.Connector}
		if shows, ok := to.Connector.(platform.Evidencer); ok {
			connector = telling{to.Connector, shows}
			if keeps, ok := to.Connector.(platform.Preserver); ok {
				connector = keeping{telling{to.Connector, shows}, keeps}
			}
		}
	}
	e, err := executor.New(t.Context(), executor.Config{ID: ExecutorID, Key: to.ExecutorKey, Root: to.Root,
		Platforms: map[string]platform.Connector{"plaza": connector}, Journal: j, Desk: to.Desk, Now: to.ExecutorNow,
		// Nothing that is to be seen at once may be seen by the next poll instead.
		Limits: executor.Limits{Entry: Patience, Poll: 2 * Patience}})
	if err != nil {
		t.Fatal(err)
	}
	to.Executor = e
	to.late.e.Store(e)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := e.Run(ctx); err != nil {
			t.Errorf("executor: %v", err)
		}
	}()
	stopped := false
	to.cancel = func() {
		if !stopped {
			stopped = true
			cancel()
			<-done
			j.Close()
		}
	}
	t.Cleanup(to.cancel)
}

// StopExecutor ends the executor; StartExecutor starts it again.
func (to *Town) StopExecutor() {
	to.cancel()
	to.late.e.Store(nil)
}

// Settled waits until a request is neither held nor approved.
func (to *Town) Settled(by workforce.WorkerID, r actions.Request) actions.Request {
	to.t.Helper()
	ctx, cancel := context.WithTimeout(to.t.Context(), Patience)
	defer cancel()
	for r.Status == actions.StatusApproved {
		next, err := to.Desk.Wait(ctx, As(by), r.ID, r.Version)
		if err != nil {
			to.t.Fatal(err)
		}
		if ctx.Err() != nil {
			to.t.Fatalf("the request is still %s after %s", next.Status, Patience)
		}
		r = next
	}
	return r
}

// Wake opens the desk again after Rest and Close, as a restart does.
func (to *Town) Wake() {
	to.t.Helper()
	to.Open(Options{Executor: to.late})
	to.Run()
}

// Second opens another node on the town's database, which uses the same
// executor. It runs until the test ends.
func (to *Town) Second() *World {
	to.t.Helper()
	n := to.Node(Options{Executor: to.late})
	n.Run()
	return n
}

// State returns a subject as plaza has it now.
func (to *Town) State(id string) platform.State {
	to.t.Helper()
	st, err := to.Connector.Read(to.t.Context(), platform.Subject{Platform: "plaza", ID: id})
	if err != nil {
		to.t.Fatal(err)
	}
	return st
}

// Wish is a takedown of a subject.
func Wish(k actions.Kind, subject string) acts.Wish {
	w := acts.Wish{Kind: k, Subject: subject, Case: "case-1", Reason: "spam"}
	if spec, _ := actions.SpecOf(k); spec.Labels() {
		w.Value = Labels[0]
	}
	if k == actions.AccountSuspend {
		w.Until = canonical.At(time.Now().Add(48 * time.Hour))
	}
	return w
}
