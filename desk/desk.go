// Package desk is the one write path: everything that changes something goes
// through it, in the same five steps: load, authorise, apply the pure rule, save,
// record and enqueue, in one transaction with the ledger entry. A refusal is
// recorded as well, in a transaction of its own.
//
// The desk is not trusted with authority. What it knows of people, keys, tiers
// and policy is the governance chain folded by ledger/proof, never a row that
// somebody could edit; what it approves is a warrant that the executor checks
// again by itself. It is trusted to be there, and to keep what it is told.
package desk

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/exposure"
	"countersign.dev/id"
	"countersign.dev/jobs"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Executor is the process that holds the platforms' credentials, as the desk
// sees it.
type Executor interface {
	Read(ctx context.Context, s platform.Subject) (proof.Reading, error)
	Vouch(ctx context.Context, s platform.Subject) (proof.Reading, error) // Read with its signed word on who that is
	Carry(ctx context.Context, warrant []byte, wait time.Duration) (proof.CarryResult, error)
	Status(ctx context.Context) (proof.ExecutorStatus, error)
}

// Caller is who uses the desk: a worker, or a program that a worker answers for.
type Caller struct {
	Worker workforce.WorkerID
	Token  string // identifier of the token that was shown
}

// Config is what a desk is made of.
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
	// Destinations are where alarms are sent, and Sender sends them.
	Destinations []Destination
	Sender       alarm.Sender
	// Holders are the declared holders of what lets them act around the desk.
	Holders Holders
	// ExposureEvery is how often it is looked at whether who could do what got
	// worse; it is looked at as well after each change of the desk. 0: never.
	ExposureEvery time.Duration
	// HealthEvery is how often it is looked at whether something needs a person of
	// which no record tells: the executor's states, what waits, what is due. 0: never.
	HealthEvery time.Duration
	// ExecutorStart is how long after the desk's opening the executor may leave its
	// first answer open before somebody is paged; for one that is started beside it.
	ExecutorStart time.Duration
	// Step, if set, is called between any two steps of an act, with the name of
	// the one just done; see the constants.
	Step func(name string)
}

// The steps between which a desk may die.
const (
	StepJudged        = "judged"        // a change is worked out, and nothing is written
	StepRequested     = "requested"     // a request is committed, and nobody was told
	StepCountersigned = "countersigned" // the same of a countersignature
	StepHandOver      = "hand-over"     // a warrant is assembled and is about to be handed over
	StepHandedOver    = "handed over"   // the executor has answered
	StepRecorded      = "recorded"      // a record of the executor's is committed, and it was not told
)

// Desk is the operations desk. It is safe for concurrent use.
type Desk struct {
	store    *store.Store
	log      *ledger.Log
	tiles    ledger.Tiles
	executor Executor
	now      func() time.Time
	rand     io.Reader
	ids      id.Source
	logger   *slog.Logger
	step     func(string)
	jobs     *jobs.Runner
	hurried  chan store.Request // approved, and the executor should hear of it at once

	destinations []Destination
	sender       alarm.Sender
	holders      Holders

	folding       sync.Mutex // one goroutine at a time folds new governance entries
	state         atomic.Pointer[proof.State]
	refused       refusals
	tokens        tokens
	clocks        clocks
	exposureEvery time.Duration
	healthEvery   time.Duration
	startedBy     time.Time   // until then the executor may still be starting
	answered      atomic.Bool // the executor, since the desk was opened
	progress      progress
	viewed        atomic.Pointer[exposure.View] // the newest that was asked for
}

// Wish is what a worker wants done, before it is an action.
type Wish struct {
	Kind     actions.Kind
	Subject  string // "plaza:@president"; empty for desk kinds
	Until    canonical.Time
	Case     string
	Reason   string
	Category actions.Category
	Change   actions.Change // for desk kinds
	// Records are the workers of an admission, for a forecast only: what counts is
	// handed in with the signed action.
	Records []workforce.Record
	Key     workforce.KeyID // the key that will sign
}

// Draft is an action with the statement that the caller may sign. Nothing is
// stored: a draft that is not signed leaves no trace.
type Draft struct {
	Action    actions.Action
	Statement actions.Statement
	// What the policy says now, for the caller's eyes; nothing of it is signed.
	Verdict policy.Verdict
	Need    actions.Need
	Reasons []proof.Reason
	// Coverage is what a change of policy or people would do to who could
	// countersign, for a caller who may read that.
	Coverage []CoverageChange
}

// Submission is a signed action.
type Submission struct {
	Action actions.Action
	Signed actions.Signed
	// Rows are the workers of a desk.admit, in the order of Admit.Root, with
	// the openings of their sealed fields.
	Rows []AdmittedRow
}

// AdmittedRow is one worker of an import with what opens the sealed fields.
type AdmittedRow struct {
	Row      actions.Row
	Openings []ledger.Opening
}
