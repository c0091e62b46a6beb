package desk

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// Warrant assembles the warrant of an approved request: its core with the
// entries that it rests on, each proven under the newest checkpoint known here.
func (d *Desk) Warrant(ctx context.Context, by Caller, request string) ([]byte, error) {
	r, err := d.load(ctx, request)
	if err != nil {
		return nil, err
	}
	s, err := d.State(ctx)
	if err != nil {
		return nil, err
	}
	if !mayReadWarrant(s, by, r, d.now()) {
		return nil, fault.New(fault.Forbidden, "not-yours-to-read", "Warrants are read by those who signed them, leads, officers, investigators and auditors.")
	}
	return d.assemble(ctx, r)
}

func (d *Desk) assemble(ctx context.Context, r store.Request) ([]byte, error) {
	if len(r.Core) == 0 {
		if spec, _ := actions.SpecOf(r.Action.Kind); spec.Desk && r.Status == actions.StatusExecuted {
			return nil, fault.New(fault.NotFound, "no-warrant", "The proof of a change of the desk is its entry in the governance chain.")
		}
		return nil, fault.New(fault.NotFound, "no-warrant", "The request is %s; it has no warrant.", r.Status.Word())
	}
	var core proof.Core
	if err := canonical.Unmarshal(r.Core, &core); err != nil {
		return nil, fmt.Errorf("the core of %s in the database: %w", r.ID, err)
	}
	// What stands in the ledger never changes, so what is read below fits
	// together though it is not read at one moment.
	entry, evidence, err := d.store.WarrantEntries(ctx, r.Entry, r.Evidence)
	if err != nil {
		return nil, err
	}
	indexes := []int64{entry.Index}
	for _, e := range evidence {
		indexes = append(indexes, e.Index)
	}
	waited, places, err := d.waitedEntries(ctx, core)
	if err != nil {
		return nil, err
	}
	indexes = append(indexes, places...)
	size, checkpoint, err := d.store.Covering(ctx, slices.Max(indexes))
	if err != nil {
		return nil, err
	}
	proofs, err := d.tiles.Inclusions(ctx, size, indexes...)
	if err != nil {
		return nil, err
	}
	var people []proof.Evidence
	for i, e := range evidence {
		people = append(people, proof.Evidence{Entry: e.Body, Salt: e.Salt, Proof: proofs[i+1]})
	}
	for i := range waited {
		waited[i].Proof = proofs[1+len(evidence)+i]
	}
	anchor := proof.Anchor{Checkpoint: string(checkpoint), Entry: entry.Body, Salt: entry.Salt, Proof: proofs[0]}
	return canonical.Marshal(proof.Assemble(core, people, anchor, waited))
}

// carryWait is how long one hand-over waits for the executor to finish.
const carryWait = 20 * time.Second

// carry hands the warrant of an approved request to the executor. It may be
// done any number of times: the executor spends a warrant once. What came of it
// arrives through Record.
func (d *Desk) carry(ctx context.Context, request string) error {
	r, err := d.load(ctx, request)
	if err != nil {
		return err
	}
	return d.handOver(ctx, r)
}

// handOver is carry for a request that has been read.
func (d *Desk) handOver(ctx context.Context, r store.Request) error {
	if r.Status != actions.StatusApproved {
		return nil
	}
	warrant, err := d.assemble(ctx, r)
	if fault.Is(err, "no-warrant") {
		return d.disown(ctx, r.ID, err)
	}
	if err != nil {
		return err
	}
	d.step(StepHandOver)
	result, err := d.executor.Carry(ctx, warrant, carryWait)
	if fault.KindOf(err) == fault.Forbidden {
		return d.disown(ctx, r.ID, err)
	}
	if err != nil {
		return err
	}
	// If we die here, the job hands the warrant over again and is told the same.
	d.step(StepHandedOver)
	if result.Outcome == "" {
		// What is only under way may not be in the journal yet, and would be lost
		// with the executor; it is handed over until something came of it.
		return fault.New(fault.Unavailable, "under-way", "The executor has not finished %s yet.", r.ID)
	}
	return nil
}

// disown ends a request that its row calls approved, though the ledger holds no
// warrant of it: somebody edited the database. That is entered, so that it is
// seen; handing over what nobody takes would be tried for ever and show nothing.
func (d *Desk) disown(ctx context.Context, request string, because error) error {
	d.logger.ErrorContext(ctx, "a request is called approved without a warrant in the ledger: was the database edited?", "request", request, "error", because)
	err := d.change(ctx, Caller{}, "hand over", func(*proof.State) (func(*tx) error, error) {
		r, err := d.load(ctx, request)
		if err != nil {
			return nil, err
		}
		next, err := r.Settle(actions.StatusVoid, fault.TypeOf(because), fault.TextOf(because), d.timeNow())
		if err != nil {
			return nil, err
		}
		return func(t *tx) error {
			t.record(entry.KindVoid, entry.End{Request: request, Status: next.Status, Type: next.Outcome}).About(request)
			t.SaveRequest(with(r, next))
			t.Signal(requestSignal(request))
			return nil
		}, nil
	})
	if fault.Is(err, "not-approved") {
		return nil // it came to another end first
	}
	return err
}

// Record enters one of the executor's records, exactly once, with what follows
// from it for its request. It is how the desk learns what happened, so it is
// taken in even while the clocks differ: what was done must be on record.
func (d *Desk) Record(ctx context.Context, e proof.SignedExecution) error {
	data := canonical.MustMarshal(e)
	err := d.changeBy(ctx, Caller{}, "record", d.retry, func(s *proof.State) (func(*tx) error, error) {
		if err := e.Verify(s.Trust); err != nil {
			return nil, err
		}
		if err := e.Execution.Check(); err != nil {
			return nil, err
		}
		if err := e.CheckOpenings(); err != nil {
			return nil, err
		}
		seen, err := d.openWatched(e)
		if err != nil {
			return nil, err
		}
		return func(t *tx) error {
			t.InsertExecution(e.Execution.Executor, e.Execution.Sequence, e.Execution.Request, e.Execution.Kind, data)
			draft := e.Draft()
			draft.Expect = t.state.Next // whose executor's key signed it
			t.Tx.Record(draft).About(e.Execution.Request)
			if ofWatch(e.Execution) {
				return t.watch(seen)
			}
			return t.settle(e.Execution)
		}, nil
	})
	if errors.Is(err, store.ErrOutOfTurn) {
		err = d.outOfTurn(ctx, e.Execution, data)
	}
	if err == nil {
		// If we die here, the executor hands the record over again.
		d.step(StepRecorded)
	}
	return err
}

// outOfTurn says what is wrong with a record that is not the executor's next:
// nothing, if it was handed over again.
func (d *Desk) outOfTurn(ctx context.Context, e proof.Execution, data []byte) error {
	next, known, err := d.store.Executions(ctx, e.Executor, e.Sequence)
	switch {
	case err != nil:
		return err
	case known == nil:
		return fault.New(fault.Conflict, "sequence-gap", "The executor's record %d came where %d was expected.", e.Sequence, next)
	case sha256.Sum256(known) != sha256.Sum256(data):
		return fault.New(fault.Conflict, "sequence-used", "The executor's record %d is in the ledger already, with other content.", e.Sequence)
	}
	return nil // it is in the ledger
}

// settle changes the request that a record is about. A record about a request
// that this desk does not have, or has settled otherwise, is entered all the
// same: the ledger says what the executor did, whatever the rows say.
func (t *tx) settle(e proof.Execution) error {
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
	if err := t.alarmExecution(e, r); err != nil {
		return err
	}
	var next actions.Request
	switch {
	case e.Duty == proof.DutyLift:
		if e.Outcome != proof.Executed {
			return t.notLifted(r, e)
		}
		next, err = r.Reverse(actions.StatusLifted, "", now)
	default:
		next, err = r.Settle(statusOf(e.Outcome), outcomeType(e), e.Text, now)
	}
	if fault.KindOf(err) == fault.Conflict {
		return nil
	}
	if err != nil {
		return err
	}
	t.SaveRequest(with(r, next))
	t.Signal(requestSignal(r.ID))
	// Nothing is left to hand over. The job would find that out too, with two
	// commits of its own.
	jobs.Cancel(t.Tx.Tx, carryJob{}, r.ID)
	if next.Status == actions.StatusExecuted && r.Action.Undo() {
		return t.reverse(r, now)
	}
	return nil
}

// notLifted tells that a timed measure is over and was not lifted, unless there was
// nothing to lift. The request says so as well, to everybody who looks at it.
func (t *tx) notLifted(r store.Request, e proof.Execution) error {
	switch e.Type {
	case "wrong-state", "replaced", "no-such-subject":
		return nil
	}
	next := r
	next.Version++
	next.Updated, next.OutcomeText = e.At, "Its time is over, and it was not lifted: "+e.Text
	t.SaveRequest(next)
	t.Signal(requestSignal(r.ID))
	return t.alarm(Alarm{Kind: string(alarm.LiftFailed), Severity: Page, Request: r.ID, Platform: r.Action.Subject.Platform, Subject: r.Action.Subject.ID, Tier: r.Action.Tier,
		Text: fmt.Sprintf("The time of %s on a %s subject of %s is over, and it was not lifted (%s): %s", r.Action.Kind, r.Action.Tier, r.Action.Subject.Platform, outcomeType(e), e.Text)})
}

// reverse notes on a request that another one lifted its measure.
func (t *tx) reverse(undo store.Request, now canonical.Time) error {
	r, err := t.Request(undo.Action.Reverses)
	if err != nil {
		return err
	}
	next, err := r.Reverse(actions.StatusReversed, undo.ID, now)
	if err != nil {
		return nil // it was not in force by the desk's rows; the ledger has both
	}
	t.Signal(requestSignal(r.ID))
	t.SaveRequest(with(r, next))
	return nil
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

func outcomeType(e proof.Execution) string {
	if e.Type != "" {
		return e.Type
	}
	return string(e.Outcome)
}

// Feed returns a stretch of the ledger for the executor, waiting up to a time if
// there is nothing new.
func (d *Desk) Feed(ctx context.Context, from int64, wait time.Duration) (proof.Feed, error) {
	woken, stop := d.store.DB().Listen(store.LedgerSignal)
	defer stop()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	// Another node's entries wake nobody here, and an act approved there waits
	// for them.
	elsewhere := time.NewTicker(lookElsewhere)
	defer elsewhere.Stop()
	for {
		feed, err := d.feed(ctx, from)
		if err != nil || len(feed.Leaves) > 0 || wait <= 0 {
			return feed, err
		}
		select {
		case <-woken:
			// Who waited for a commit is given what it made. Everybody else reads
			// the database, and finds there what somebody did to it since.
			if entries, checkpoint, ok := d.store.Fresh(from, proof.KindTiers); ok {
				feed.Checkpoint = string(checkpoint)
				addEntries(&feed, entries)
				return feed, nil
			}
		case <-elsewhere.C:
		case <-timer.C:
			return feed, nil
		case <-ctx.Done():
			return feed, nil
		}
	}
}

// lookElsewhere is how often a node looks for what other nodes have committed.
const lookElsewhere = 100 * time.Millisecond

// feedStretch is how many leaves one answer has at most.
const feedStretch = 100_000

// feed reads the head first: what it covers is there by then, and never changes.
func (d *Desk) feed(ctx context.Context, from int64) (proof.Feed, error) {
	feed := proof.Feed{From: from}
	size, checkpoint, err := d.store.Newest(ctx)
	if err != nil {
		return feed, err
	}
	if from < 0 || from > size {
		return feed, fault.New(fault.Conflict, "ledger-shorter", "The ledger has %d entries; you ask from %d on.", size, from)
	}
	to := min(size, from+feedStretch)
	if from < to {
		entries, err := d.store.FeedEntries(ctx, from, to, to-from <= bodiesStretch, proof.KindTiers)
		if err != nil {
			return feed, err
		}
		addEntries(&feed, entries)
	}
	// A checkpoint fits its own size only; in the middle of a long catch-up
	// there is none, and the follower asks for more.
	if to == size {
		feed.Checkpoint = string(checkpoint)
	}
	return feed, nil
}

// bodiesStretch is how many entries an answer has at most that gives the bodies of
// the desk's own entries, and bodiesSize how many bytes of bodies Bodies gives.
const (
	bodiesStretch = 1000
	bodiesSize    = 16 << 20
)

// Bodies returns what opens the leaves of the ledger from an index on and before
// another, in their order: all of them, or the first part.
func (d *Desk) Bodies(ctx context.Context, from, to int64) ([]proof.FeedBody, error) {
	size, _, err := d.store.Newest(ctx)
	if err != nil {
		return nil, err
	}
	if from < 0 || to > size || from > to {
		return nil, fault.New(fault.Conflict, "ledger-shorter", "The ledger has %d entries; you ask for those from %d on and before %d.", size, from, to)
	}
	const none = "" // no kind's sealed fields are asked for
	entries, err := d.store.FeedEntries(ctx, from, min(to, from+bodiesStretch), true, none)
	if err != nil {
		return nil, err
	}
	total := 0
	for i, e := range entries {
		if total += len(e.Body); total > bodiesSize && i > 0 {
			entries = entries[:i]
			break
		}
	}
	var feed proof.Feed
	addEntries(&feed, entries)
	return feed.Bodies, nil
}

// addEntries adds entries to a feed. Where the desk's own would make it larger than
// a follower takes, the follower asks for their bodies by itself.
func addEntries(feed *proof.Feed, entries []store.FeedEntry) {
	total := 0
	for _, e := range entries {
		feed.Leaves = append(feed.Leaves, string(e.Leaf))
		if e.Class == ledger.Desk {
			if total += len(e.Body); total > bodiesSize {
				continue
			}
		}
		if len(e.Body) > 0 {
			feed.Bodies = append(feed.Bodies, proof.FeedBody{Index: e.Index, Body: e.Body, Salt: e.Salt, Sealed: e.Sealed})
		}
	}
}
