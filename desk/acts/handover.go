package acts

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/incidents"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// handOverJob hands an approved request to the executor. The first hand-over
// follows the commit at once; the job is for when that fails or the process dies.
type handOverJob struct {
	Request string `json:"request"`
}

func (handOverJob) Kind() string { return "desk.carry" }

// carryAgain is the time from the approval of a request to the first run of its hand-over
// job.
const handOverAgain = 5 * time.Second

// Warrant assembles the warrant of an approved request: its core with the
// entries that it rests on, each proven under the newest checkpoint known here.
func (d *Room) Warrant(ctx context.Context, by kernel.Caller, request string) ([]byte, error) {
	r, err := d.readable(ctx, by, request)
	if err != nil {
		return nil, err
	}
	return d.desk.Assemble(ctx, r)
}

// CompleteWarrant is Warrant with the governance entries that authorise those on which the
// warrant rests; see kernel.Complete. It refuses a warrant of more than most bytes.
func (d *Room) CompleteWarrant(ctx context.Context, by kernel.Caller, request string, most int) ([]byte, error) {
	r, err := d.readable(ctx, by, request)
	if err != nil {
		return nil, err
	}
	return d.desk.Complete(ctx, r, most)
}

// readable returns a request whose warrant the caller may read.
func (d *Room) readable(ctx context.Context, by kernel.Caller, request string) (store.Request, error) {
	r, err := d.desk.Load(ctx, request)
	if err != nil {
		return r, err
	}
	s, err := d.desk.State(ctx)
	if err != nil {
		return r, err
	}
	if !mayReadWarrant(s, by, r, d.desk.Now()) {
		return r, fault.New(fault.Forbidden, "not-yours-to-read", "A warrant may be read only by those who signed it and by those whom the policy lets read evidence.")
	}
	return r, nil
}

// carryWait is how long one hand-over waits for the executor to finish.
const handOverWait = 20 * time.Second

// handOverRequest hands the warrant of an approved request to the executor. It may be done
// any number of times, since the executor spends a warrant once. The outcome arrives
// through Record.
func (d *Room) handOverRequest(ctx context.Context, request string) error {
	r, err := d.desk.Load(ctx, request)
	if err != nil {
		return err
	}
	return d.handOver(ctx, r)
}

// handOver is handOverRequest for a request that was read already.
func (d *Room) handOver(ctx context.Context, r store.Request) error {
	if r.Status != actions.StatusApproved {
		return nil
	}
	warrant, err := d.desk.Assemble(ctx, r)
	if fault.Is(err, "no-warrant") {
		return d.disown(ctx, r.ID, err)
	}
	if err != nil {
		return err
	}
	d.desk.Step(kernel.StepHandOver)
	result, err := d.desk.Executor.Carry(ctx, warrant, handOverWait)
	if fault.KindOf(err) == fault.Forbidden {
		return d.disown(ctx, r.ID, err)
	}
	if err != nil {
		return err
	}
	// If we die here, the job hands the warrant over again and gets the same answer.
	d.desk.Step(kernel.StepHandedOver)
	if result.Outcome == "" {
		// A warrant that is only under way may not be in the executor's journal yet, and
		// would be lost if the executor died. So it is handed over again until it has an
		// outcome.
		return fault.New(fault.Unavailable, "under-way", "The executor has not finished %s yet.", r.ID)
	}
	return nil
}

// disown ends a request that is approved by its row, although the ledger holds no warrant
// of it: somebody edited the database. The end is entered, so that people see it. Otherwise
// the hand-over would be tried for ever without anybody noticing.
func (d *Room) disown(ctx context.Context, request string, because error) error {
	d.desk.Logger.ErrorContext(ctx, "a request is called approved without a warrant in the ledger: was the database edited?", "request", request, "error", because)
	err := d.desk.Change(ctx, kernel.Caller{}, "hand over", func(*proof.State) (func(*kernel.Tx) error, error) {
		r, err := d.desk.Load(ctx, request)
		if err != nil {
			return nil, err
		}
		next, err := r.Settle(actions.StatusVoid, fault.TypeOf(because), fault.TextOf(because), d.desk.TimeNow())
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			t.Enter(entry.KindVoid, entry.End{Request: request, Status: next.Status, Type: next.Outcome}).About(request)
			return d.save(t, with(r, next))
		}, nil
	})
	if fault.Is(err, "not-approved") {
		return nil // it came to another end first
	}
	return err
}

// Record enters one of the executor's records, exactly once, and changes its request
// accordingly. It is how the desk learns what the executor did, so records are entered even
// while the clocks differ.
func (d *Room) Record(ctx context.Context, e proof.SignedExecution) error {
	data := canonical.MustMarshal(e)
	err := d.desk.ChangeBy(ctx, kernel.Caller{}, "record", d.desk.Retry, func(s *proof.State) (func(*kernel.Tx) error, error) {
		if err := e.Verify(s.Trust); err != nil {
			return nil, err
		}
		if err := e.Execution.Check(); err != nil {
			return nil, err
		}
		if err := e.CheckOpenings(); err != nil {
			return nil, err
		}
		seen, err := d.incidents.OpenWatched(e)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			t.InsertExecution(e.Execution.Executor, e.Execution.Sequence, e.Execution.Request, e.Execution.Kind, data)
			draft := e.Draft()
			draft.Expect = t.State.Next // the state by whose executor key the signature was checked
			t.Tx.Append(draft).About(e.Execution.Request)
			if incidents.OfWatch(e.Execution) {
				return d.incidents.StoreSighting(t, seen)
			}
			return d.settle(t, e.Execution)
		}, nil
	})
	if errors.Is(err, store.ErrOutOfTurn) {
		err = d.outOfTurn(ctx, e.Execution, data)
	}
	if err == nil {
		// If we die here, the executor hands the record over again.
		d.desk.Step(kernel.StepRecorded)
	}
	return err
}

// outOfTurn returns what is wrong with a record that is not the executor's next one; nil if
// the ledger has this record already.
func (d *Room) outOfTurn(ctx context.Context, e proof.Execution, data []byte) error {
	next, known, err := d.desk.Store.Executions(ctx, e.Executor, e.Sequence)
	switch {
	case err != nil:
		return err
	case known == nil:
		return fault.New(fault.Conflict, "sequence-gap", "The executor handed over its record %d; the next one is %d.", e.Sequence, next)
	case sha256.Sum256(known) != sha256.Sum256(data):
		return fault.New(fault.Conflict, "sequence-used", "The executor's record %d is in the ledger already, with other content.", e.Sequence)
	}
	return nil // it is in the ledger
}

// settle changes the request that a record is about. A record about a request
// that this desk does not have, or has settled otherwise, is entered all the
// same: the ledger says what the executor did, whatever the rows say.
func (d *Room) settle(t *kernel.Tx, e proof.Execution) error {
	if e.Kind == proof.KindIntent {
		return nil
	}
	r, err := t.Request(e.Request)
	if fault.Is(err, "no-such-request") {
		return nil
	}
	if err != nil {
		return err
	}
	now := e.At
	if err := d.alarms.RaiseExecution(t, e, r); err != nil {
		return err
	}
	var next actions.Request
	switch {
	case e.Duty == proof.DutyLift:
		if e.Outcome != proof.Executed {
			return d.notLifted(t, r, e)
		}
		next, err = r.Reverse(actions.StatusLifted, "", now)
	default:
		next, err = r.Settle(statusOf(e.Outcome), e.OutcomeType(), e.Text, now)
	}
	if fault.KindOf(err) == fault.Conflict {
		return nil
	}
	if err != nil {
		return err
	}
	if err := d.save(t, with(r, next)); err != nil {
		return err
	}
	// Nothing is left to hand over. The job would find that out too, with two
	// commits of its own.
	jobs.Cancel(t.Tx.Tx, handOverJob{}, r.ID)
	if next.Status == actions.StatusExecuted && r.Action.Undo() {
		return d.reverse(t, r, now)
	}
	return nil
}

// notLifted raises an alarm that the time of a measure is over and it was not lifted, and
// says so on the request. It does neither if there was nothing to lift.
func (d *Room) notLifted(t *kernel.Tx, r store.Request, e proof.Execution) error {
	switch e.Type {
	case "wrong-state", "replaced", "no-such-subject":
		return nil
	}
	next := r
	next.Version++
	next.Updated, next.OutcomeText = e.At, "The time of the measure is over, but it was not lifted: "+e.Text
	if err := d.save(t, next); err != nil {
		return err
	}
	return d.alarms.Raise(t, alarms.Alarm{Kind: string(alarm.LiftFailed), Severity: alarms.Page, Request: r.ID, Platform: r.Action.Subject.Platform, Subject: r.Action.Subject.ID, Tier: r.Action.Tier,
		Text: fmt.Sprintf("The time of %s on a %s subject of %s is over, but the measure was not lifted (%s): %s", r.Action.Kind, r.Action.Tier, r.Action.Subject.Platform, e.OutcomeType(), e.Text)})
}

// reverse notes on a request that its undo has lifted its measure.
func (d *Room) reverse(t *kernel.Tx, undo store.Request, now canonical.Time) error {
	r, err := t.Request(undo.Action.Reverses)
	if err != nil {
		return err
	}
	next, err := r.Reverse(actions.StatusReversed, undo.ID, now)
	if err != nil {
		return nil // by its row the measure was not in force; the ledger has both records
	}
	return d.save(t, with(r, next))
}

func statusOf(o proof.Outcome) actions.Status {
	switch o {
	case proof.Executed:
		return actions.StatusExecuted
	case proof.Refused:
		return actions.StatusVoid
	case proof.Unknown:
		return actions.StatusUnknown
	default:
		return actions.StatusFailed
	}
}

// carriers is how many warrants are handed over side by side, right after their commit.
const handOverWorkers = 16

func (d *Room) handOverHurried(ctx context.Context) {
	for {
		select {
		case r := <-d.hurried:
			if err := d.handOver(ctx, r); err != nil && ctx.Err() == nil {
				d.desk.Logger.WarnContext(ctx, "hand-over failed; it will be tried again", "request", r.ID, "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// hurry has a request handed over at once, if it was approved. warrant is the entry that
// was just made for it; it is nil if the request knows its entry already. If the channel is
// full, or the process dies first, the request's job does it.
func (d *Room) hurry(r store.Request, warrant *store.Appended) {
	if r.Status != actions.StatusApproved {
		return
	}
	if warrant != nil {
		r.Entry = warrant.Entry().Index
	}
	select {
	case d.hurried <- r:
	default:
	}
}
