package executor_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"countersign.dev/actions"
	"countersign.dev/executor"
	"countersign.dev/executor/executortest"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
)

func TestMain(m *testing.M) {
	if killed := os.Getenv(killEnv); killed != "" {
		os.Exit(victim(killed))
	}
	goleak.VerifyTestMain(m)
}

// clock is an executor's clock.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// place is a desk, a platform and an executor between them.
type place struct {
	*executor.Executor
	t       *testing.T
	world   *prooftest.World
	desk    *executortest.Desk
	plaza   *executortest.Platform // nil on a square
	square  *square                // a real plaza, or nil
	played  played                 // whichever of the two it is
	clock   *clock
	path    string
	name    string // of the executor
	limits  executor.Limits
	step    func(string)
	watches bool // the platform can be watched
	alarm   func(context.Context, proof.SignedExecution) error
	journal *journal.Journal
	stop    func() error
	cancel  context.CancelFunc
}

// patience is how long a test waits for an event that must come, and how long the
// executor may wait where its own patience is not tested: no test may depend on how busy
// the machine is.
const patience = 5 * time.Minute

// newPlace starts an executor at a staffed desk. Tests that use it run side by
// side: they wait more than they work.
func newPlace(t *testing.T) *place {
	t.Helper()
	t.Parallel()
	return placeOf(t, prooftest.Staffed(t))
}

func placeOf(t *testing.T, w *prooftest.World) *place {
	t.Helper()
	p := emptyPlace(t, w)
	p.plaza = executortest.NewPlatform(p.clock.Now)
	p.played = p.plaza
	return p.begun()
}

// newSquare is newPlace with a real plaza.
func newSquare(t *testing.T) *place {
	t.Helper()
	t.Parallel()
	p := emptyPlace(t, prooftest.Staffed(t))
	p.square = openSquare(t, p.clock)
	p.played = p.square
	return p.begun()
}

// emptyPlace lacks a platform.
func emptyPlace(t *testing.T, w *prooftest.World) *place {
	t.Helper()
	return &place{t: t, world: w, name: prooftest.ExecutorID, desk: executortest.NewDesk(w), clock: &clock{now: w.Now()}, path: filepath.Join(t.TempDir(), "journal.db"),
		limits: executor.Limits{Entry: patience, RelievingEntry: 50 * time.Millisecond, Poll: 5 * time.Second, Pause: time.Millisecond,
			LongestPause: 20 * time.Millisecond, Tick: 2 * time.Millisecond, Save: 2 * time.Millisecond, Direct: time.Millisecond,
			Sweep: time.Hour, Answer: 50 * time.Millisecond}}
}

// begun starts the executor until the test ends.
func (p *place) begun() *place {
	p.t.Helper()
	p.start()
	p.t.Cleanup(func() { p.halt() })
	return p
}

func (p *place) start() {
	p.t.Helper()
	var err error
	if p.journal, err = journal.Open(p.t.Context(), p.path); err != nil {
		p.t.Fatal(err)
	}
	var plaza platform.Connector = p.played
	if !p.watches {
		// A watch journals what it sees: tests of all else count what they do.
		plaza = struct{ platform.Connector }{p.played}
	}
	p.Executor, err = executor.New(p.t.Context(), executor.Config{ID: p.name, Key: p.world.ExecutorKey, Root: p.world.Root,
		Platforms: map[string]platform.Connector{"plaza": plaza, "other": plaza}, Journal: p.journal, Desk: p.desk, Limits: p.limits, Now: p.clock.Now, Step: p.step, Alarm: p.alarm})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(p.t.Context()))
	ended := make(chan error, 1)
	e := p.Executor
	go func() { ended <- e.Run(ctx) }()
	p.cancel = cancel
	p.stop = func() error { cancel(); return <-ended }
	p.until("the executor runs", e.Running)
}

// halt stops the executor.
func (p *place) halt() {
	p.t.Helper()
	if p.stop == nil {
		return
	}
	if err := p.stop(); err != nil {
		p.t.Errorf("run: %v", err)
	}
	p.stop = nil
	if err := p.journal.Close(); err != nil {
		p.t.Error(err)
	}
}

// restart stops the executor and starts another on the same journal.
func (p *place) restart() {
	p.t.Helper()
	p.halt()
	p.start()
}

// until waits for a condition that must come about.
func (p *place) until(what string, holds func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		asked := time.Now()
		if holds() {
			return
		}
		if asked.After(deadline) {
			p.t.Fatalf("in vain for %s: %s", patience, what)
		}
		// Asking may take long: half of the time is left to the executor.
		<-time.After(max(time.Millisecond, time.Since(asked)))
	}
}

// advance moves both clocks.
func (p *place) advance(d time.Duration) {
	p.world.Advance(d)
	p.clock.Set(p.clock.Now().Add(d))
}

// ready waits until the executor has read the whole ledger.
func (p *place) ready() {
	p.t.Helper()
	p.until("the executor has read the ledger", func() bool {
		size, _ := p.world.Size()
		s := p.Status()
		return s.Size == size && !strings.Contains(s.Stopped, "just started")
	})
}

// executes hands a request's warrant over, which must be carried out.
func (p *place) executes(r *prooftest.Request) []byte {
	p.t.Helper()
	raw := p.world.Warrant(r)
	got, err := p.carry(raw)
	if err != nil || got.Outcome != proof.Executed {
		p.t.Fatalf("%s of %s: %+v, %v", r.Action.Kind, r.Action.Subject, got, err)
	}
	return raw
}

// entered waits until the ledger holds these records of a request.
func (p *place) entered(r *prooftest.Request, d proof.Duty, want ...string) {
	p.t.Helper()
	var got []string
	p.until("the records are in the ledger", func() bool {
		got = p.world.OutcomeOf(r.ID, d)
		return len(got) >= len(want)
	})
	if diff := cmp.Diff(want, got); diff != "" {
		p.t.Errorf("records of %s: %s", r.ID, diff)
	}
}

// takedown is a request to take a subject down, with the signatures that its tier needs.
func (p *place) takedown(s platform.Subject, tier actions.Tier, edit ...func(*actions.Action)) *prooftest.Request {
	p.t.Helper()
	k := actions.AccountTakedown
	if s.Handle == "" {
		k = actions.ContentRemove
	}
	r := p.world.Request("ann", k, s, tier, edit...)
	switch tier {
	case actions.Protected:
		p.world.Countersign(r, "lee")
	case actions.Critical:
		p.world.Countersign(r, "kim", "lee")
	}
	return r
}

// president makes a critical account.
func (p *place) president() platform.Subject {
	return p.plaza.Account("acct/1", 2_000_000, "head of state")
}

// judged is carry for a warrant that the executor judges by a ledger that it has read: while
// the executor says that it has not read so far, it is asked again.
func (p *place) judged(raw []byte) (got linkv1.CarryResult, err error) {
	p.t.Helper()
	p.until("the executor has read what the warrant rests on", func() bool {
		got, err = p.carry(raw)
		return !fault.Is(err, "not-followed")
	})
	return got, err
}

// carry hands a warrant over and returns what came of it.
func (p *place) carry(raw []byte) (linkv1.CarryResult, error) {
	p.t.Helper()
	return p.Carry(p.t.Context(), raw, patience)
}
