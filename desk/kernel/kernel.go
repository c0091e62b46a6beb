// Package kernel is the ground of every room of the desk. It runs a change in five steps
// (load, authorise, apply the pure rule, save, record and enqueue, in one transaction with
// the ledger entry), and keeps the state that the governance chain folds to, the refusals
// and the jobs. A refusal is recorded as well, in a transaction of its own.
//
// The kernel is not trusted with authority. It knows people, keys, tiers and policy from
// the governance chain alone, as ledger/proof folds it, and never from a row that somebody
// could edit. Only the rooms of the desk hold a kernel.
//
// A method of a room that changes something has this form:
//
//	err := d.desk.Change(ctx, by, "withdraw", func(s *proof.State) (func(*kernel.Tx) error, error) {
//		r, err := d.desk.Load(ctx, request) // load: everything slow, outside the transaction
//		if err != nil {
//			return nil, err
//		}
//		if _, err := d.desk.Engaged(s, by); err != nil { // authorise, by the chain alone
//			return nil, err
//		}
//		next, err := r.Withdraw(by.Worker, d.desk.TimeNow()) // the pure rule
//		if err != nil {
//			return nil, err
//		}
//		return func(t *kernel.Tx) error { // one transaction; reads by key only; may run twice
//			t.SaveRequest(with(r, next))
//			t.Enter(entry.KindWithdraw, data).About(r.ID) // the record
//			return jobs.Enqueue(t.Tx.Tx, job, next.Updated, r.ID) // the job that follows from it
//		}, nil
//	})
package kernel

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/id"
	"countersign.dev/jobs"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Executor is the process that holds the platforms' credentials, as the desk
// sees it.
type Executor interface {
	Read(ctx context.Context, s platform.Subject) (linkv1.Reading, error)
	Vouch(ctx context.Context, s platform.Subject) (linkv1.Reading, error) // Read, with the executor's signed statement of who the subject is
	// Evidence reads what a subject shows, and Picture opens one of its pictures; see
	// platform.Evidencer.
	Evidence(ctx context.Context, s platform.Subject) (platform.Evidence, error)
	Picture(ctx context.Context, s platform.Subject, name string) (io.ReadCloser, error)
	// Preserve asks a platform to keep a subject until a time; see platform.Preserver.
	Preserve(ctx context.Context, s platform.Subject, until canonical.Time) error
	Carry(ctx context.Context, warrant []byte, wait time.Duration) (linkv1.CarryResult, error)
	Status(ctx context.Context) (linkv1.ExecutorStatus, error)
}

// Caller is the worker who uses the desk.
type Caller struct {
	Worker workforce.WorkerID
	Token  string // identifier of the token that was shown
	// Session is the session that a browser's token ends with; empty for other tokens.
	Session canonical.Digest
	// Program is the program that uses the desk, and then there is no worker: nothing that
	// asks for a worker's standing lets a program through.
	Program string
}

// Config holds the parts and the settings of a kernel.
type Config struct {
	Store    *store.Store
	Log      *ledger.Log
	Executor Executor
	// Root is the hash of entry 0, if it is known: a database with another
	// one is refused.
	Root   canonical.Digest
	Now    func() time.Time
	Rand   io.Reader
	Logger *slog.Logger // nil: silent
	// Holders are the people who are declared to hold credentials, machines or keys with
	// which they can act around the desk.
	Holders Holders
	// Step, if set, is called after each step of an act, with the name of that step; see
	// the constants.
	Step func(name string)
}

// The steps of an act. A desk may die after each of them.
const (
	StepJudged        = "judged"        // a change is judged; nothing is written yet
	StepRequested     = "requested"     // a request is committed; its requester has no answer yet
	StepCountersigned = "countersigned" // a countersignature is committed; its signer has no answer yet
	StepHandOver      = "hand-over"     // a warrant is assembled and is about to be handed over
	StepHandedOver    = "handed over"   // the executor has answered
	StepRecorded      = "recorded"      // a record of the executor is committed; the executor has no answer yet
	StepRolled        = "rolled"        // a roll of documents is committed
)

// Kernel holds the parts that all rooms of the desk share. It is safe for concurrent use.
// New sets its fields, and nothing changes them.
type Kernel struct {
	Store    *store.Store
	Log      *ledger.Log
	Tiles    ledger.Tiles
	Executor Executor
	Now      func() time.Time
	IDs      id.Source
	Logger   *slog.Logger
	Step     func(string)
	Jobs     *jobs.Runner // each room registers handlers for its own
	// Slow runs jobs that wait for a platform and are no acts, so that a platform that is slow
	// holds up no hand-over.
	Slow    *jobs.Runner
	Holders Holders

	rand    io.Reader
	folding sync.Mutex // one goroutine at a time folds new governance entries
	state   atomic.Pointer[proof.State]
	refused refusals
	clocks  clocks
	rates   rates
}

// New makes a kernel over its store and folds the governance chain that is there. A
// chain that does not verify is refused: somebody edited the database.
func New(ctx context.Context, c Config) (*Kernel, error) {
	k := &Kernel{Store: c.Store, Log: c.Log, Tiles: ledger.Tiles{Source: c.Store}, Executor: c.Executor, Now: c.Now, IDs: id.Source{Now: c.Now, Rand: c.Rand},
		Logger: c.Logger, Step: c.Step, Holders: c.Holders, rand: c.Rand}
	if k.Logger == nil {
		k.Logger = slog.New(slog.DiscardHandler)
	}
	if k.Step == nil {
		k.Step = func(string) {}
	}
	k.refused.now = c.Now
	k.state.Store(proof.NewState(c.Root))
	if _, err := k.fold(ctx); err != nil {
		return nil, err
	}
	k.Store.SetGuard(k.checkEntries)
	var err error
	o := jobs.Options{Now: c.Now, Attempts: jobAttempts, BackOff: jobPause, Report: func(r jobs.Row, err error) {
		k.Logger.Warn("job failed; it will be tried again", "kind", r.Kind, "attempts", r.Attempts, "error", err)
	}}
	if k.Jobs, err = jobs.New(ctx, c.Store.DB(), o); err != nil {
		return nil, err
	}
	o.Workers, o.Timeout, o.BackOff = slowWorkers, slowTime, slowPause
	k.Slow, err = jobs.New(ctx, c.Store.DB(), o)
	return k, err
}

// Run does due jobs, compares the clocks and enters the sums of counted refusals, until ctx
// ends. Jobs that were not done when a process died are still in the table of jobs.
func (k *Kernel) Run(ctx context.Context) error {
	k.Jobs.Start()
	k.Slow.Start()
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		k.compareClocks(ctx)
		select {
		case <-tick.C:
			if err := k.EnterRefusalSums(ctx); err != nil && ctx.Err() == nil {
				k.Logger.ErrorContext(ctx, "refusals not recorded", "error", err)
			}
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// Stop waits for jobs under way, for a few seconds at most.
func (k *Kernel) Stop(ctx context.Context) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	k.Jobs.Stop(last)
	k.Slow.Stop(last)
}

const (
	slowWorkers = 4
	slowTime    = 2 * time.Minute // of one attempt
)

// slowPause is the pause after a failed attempt of a slow job: ten minutes at most.
func slowPause(attempt int) time.Duration {
	return min(time.Second<<min(attempt-1, 10), 10*time.Minute)
}

// Random returns n random bytes. It panics if there is no randomness, since nothing may go
// on without it.
func (k *Kernel) Random(n int) canonical.Bytes {
	b := make([]byte, n)
	if _, err := io.ReadFull(k.rand, b); err != nil {
		panic("desk: no randomness: " + err.Error())
	}
	return b
}
