package executor_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"countersign.dev/executor"
	"countersign.dev/executor/executortest"
	"countersign.dev/executor/journal"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
)

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
	plaza   *executortest.Platform
	clock   *clock
	path    string
	limits  executor.Limits
	journal *journal.Journal
	stop    func() error
}

// newPlace starts an executor at a staffed desk.
func newPlace(t *testing.T) *place {
	t.Helper()
	return placeOf(t, prooftest.Staffed(t))
}

func placeOf(t *testing.T, w *prooftest.World) *place {
	t.Helper()
	c := &clock{now: w.Now()}
	p := &place{t: t, world: w, desk: executortest.NewDesk(w), plaza: executortest.NewPlatform(c.Now), clock: c, path: filepath.Join(t.TempDir(), "journal.db"),
		limits: executor.Limits{Entry: 5 * time.Second, RelievingEntry: 50 * time.Millisecond, Poll: 5 * time.Second, Pause: time.Millisecond,
			LongestPause: 20 * time.Millisecond, Tick: 2 * time.Millisecond, Save: 2 * time.Millisecond}}
	p.start()
	t.Cleanup(func() { p.halt() })
	return p
}

func (p *place) start() {
	p.t.Helper()
	var err error
	if p.journal, err = journal.Open(p.t.Context(), p.path); err != nil {
		p.t.Fatal(err)
	}
	p.Executor, err = executor.New(p.t.Context(), executor.Config{ID: prooftest.ExecutorID, Key: p.world.ExecutorKey, Root: p.world.Root,
		Platforms: map[string]platform.Connector{"plaza": p.plaza}, Journal: p.journal, Desk: p.desk, Limits: p.limits, Now: p.clock.Now})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(p.t.Context()))
	ended := make(chan error, 1)
	e := p.Executor
	go func() { ended <- e.Run(ctx) }()
	p.stop = func() error { cancel(); return <-ended }
	p.until("the executor runs", func() bool { return !isNotRunning(e) })
}

func isNotRunning(e *executor.Executor) bool { return !e.Running() }

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
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			p.t.Fatalf("in vain: %s", what)
		}
		<-tick.C
	}
}

// advance moves both clocks.
func (p *place) advance(d time.Duration) {
	p.world.Advance(d)
	p.clock.Set(p.clock.Now().Add(d))
}

// carry hands a warrant over and returns what came of it.
func (p *place) carry(raw []byte) (proof.CarryResult, error) {
	p.t.Helper()
	return p.Carry(p.t.Context(), raw, 10*time.Second)
}
