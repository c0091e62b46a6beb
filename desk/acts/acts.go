// Package acts is the desk's room for the acts that people ask for: drafts, requests,
// countersignatures, waits, the hand-over of a warrant to the executor, and its outcome.
package acts

import (
	"context"
	"sync"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/inbox"
	"countersign.dev/desk/incidents"
	"countersign.dev/desk/inquiry"
	"countersign.dev/desk/kernel"
	"countersign.dev/desk/sets"
	"countersign.dev/jobs"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Wish is what a worker wants done, before it is an action.
type Wish struct {
	Kind     actions.Kind
	Subject  string // "plaza:@president"; empty for desk kinds
	Value    string // of a label
	Until    canonical.Time
	Case     string
	Rule     actions.Rule // that the case's decision applies; empty without a rule set
	Reason   string
	Category actions.Category
	Change   actions.Change // for desk kinds
	// Records are the workers of an admission, for the forecast of coverage only. The rows
	// that count are handed in with the signed action.
	Records []workforce.Record
	Key     workforce.KeyID // the key that will sign
	// Session is the session whose key will sign; zero: the person's own key will.
	Session canonical.Digest
}

// UndoWish is the wish to undo an executed request.
type UndoWish struct {
	Reason  string
	Key     workforce.KeyID  // the key that will sign
	Session canonical.Digest // as in Wish
}

// Draft is an action with the statement that the caller may sign. Nothing is
// stored: a draft that is not signed leaves no trace.
type Draft struct {
	Action    actions.Action
	Statement actions.Statement
	// The policy's answer now, for the caller to read. It is not signed.
	Verdict  policy.Verdict
	Need     actions.Need
	Reasons  []proof.Reason
	Decision *Decided // of an action with a case, in the formats 2 and later
	// Coverage says how a change of policy or people would change the number of people who
	// could countersign. It is there for a caller who may read that.
	Coverage []inquiry.CoverageChange
}

// Submission is a signed action.
type Submission struct {
	Action actions.Action
	Signed actions.Signed
	// Decision is the decision that the action is a measure of; nil without a case.
	Decision *Decided
	// Rows are the workers of a desk.admit, in the order of Admit.Root, with
	// the openings of their sealed fields.
	Rows []AdmittedRow
}

// Withdrawal takes one's own request back as it was at a version. In the formats 1 a
// statement signs it, later a deed.
type Withdrawal struct {
	Version int64 // of the request, as the caller saw it
	Signed  actions.Signed
	Deed    *actions.SaltedDeed
}

// statement returns the statement that signs the withdrawal.
func (w Withdrawal) statement() actions.Signed {
	if w.Deed != nil {
		return w.Deed.Signed
	}
	return w.Signed
}

// AdmittedRow is one worker of an import, with the openings of the row's sealed fields.
type AdmittedRow struct {
	Row      actions.Row
	Openings []ledger.Opening
}

// Room is this room of the desk. It is safe for concurrent use.
type Room struct {
	desk      *kernel.Kernel
	incidents *incidents.Room
	inquiry   *inquiry.Room
	alarms    *alarms.Room
	sets      *sets.Room
	inbox     *inbox.Room

	given func(ctx context.Context, by kernel.Caller, subject string) (context.Context, error) // see Given

	hurried chan store.Request // approved requests that are handed over at once
}

// New opens the room and registers its jobs.
func New(k *kernel.Kernel, i *incidents.Room, q *inquiry.Room, a *alarms.Room, x *sets.Room, box *inbox.Room) *Room {
	d := &Room{desk: k, incidents: i, inquiry: q, alarms: a, sets: x, inbox: box, hurried: make(chan store.Request, 1024)}
	jobs.Handle(k.Jobs, func(ctx context.Context, j handOverJob) error { return d.handOverRequest(ctx, j.Request) })
	jobs.Handle(k.Jobs, func(ctx context.Context, j waitJob) error { return d.wait(ctx, j.Request) })
	jobs.Handle(k.Jobs, func(ctx context.Context, j expireJob) error { return d.expire(ctx, j.Request) })
	jobs.Handle(k.Jobs, d.enterTaken)
	jobs.Handle(k.Slow, func(ctx context.Context, j waitingJob) error { return d.tellWaiting(ctx, j.Request) })
	jobs.Handle(k.Jobs, d.endOutdated)
	return d
}

// Run hands approved requests to the executor as soon as they are committed, until ctx ends.
func (d *Room) Run(ctx context.Context) {
	var running sync.WaitGroup
	for range handOverWorkers {
		running.Go(func() { d.handOverHurried(ctx) })
	}
	running.Wait()
}
