package executor

import (
	"context"
	"errors"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
)

// task is one act in progress. All callers that hand the same warrant over wait for the
// same task.
type task struct {
	core   canonical.Digest
	done   chan struct{}
	result journal.Result // once done
	err    error
}

// Carry acts on a warrant and returns the outcome. If the outcome is not known after
// wait, Carry returns a result without one: the act goes on, and a caller that hands the
// warrant over again learns the outcome. The same warrant never acts twice.
//
// An error means that the warrant was not taken on: it is not a warrant of this ledger,
// or it cannot be judged now. Every decision about the warrant is a result, a refusal
// too.
func (e *Executor) Carry(ctx context.Context, warrant []byte, wait time.Duration) (linkv1.CarryResult, error) {
	w, err := proof.ParseWarrant(warrant)
	if err != nil {
		return linkv1.CarryResult{}, err
	}
	k := journal.Key{Request: w.Request.Statement.Request, Duty: proof.DutyAct}
	core := w.Digest()
	t, err := e.start(k, core, func(ctx context.Context) (journal.Result, error) { return e.carryOut(ctx, w, warrant) })
	if err != nil {
		return linkv1.CarryResult{}, err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-t.done:
		if t.err != nil {
			return linkv1.CarryResult{}, t.err
		}
		return linkv1.CarryResult{Request: k.Request, Outcome: t.result.Outcome, Type: t.result.Type, Text: t.result.Text}, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return linkv1.CarryResult{Request: k.Request, Text: "It is still under way."}, nil
}

func spent(request string) error {
	return fault.New(fault.Conflict, "spent", "Another warrant of the request %s was handed over before; a request is carried out once.", request)
}

// start begins a task, or joins the one that runs already under the key.
func (e *Executor) start(k journal.Key, core canonical.Digest, work func(context.Context) (journal.Result, error)) (*task, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.run == nil {
		return nil, fault.New(fault.Unavailable, "executor-not-running", "The executor is starting or shutting down. Try again in a moment.")
	}
	if t, ok := e.tasks[k]; ok {
		if t.core != core {
			return nil, spent(k.Request)
		}
		return t, nil
	}
	t := &task{core: core, done: make(chan struct{})}
	e.tasks[k] = t
	run := e.run
	e.finished.Go(func() {
		t.result, t.err = work(run)
		if t.err != nil && run.Err() != nil {
			t.err = fault.New(fault.Unavailable, "executor-not-running", "The executor is shutting down; it finishes the acts that it has begun after its restart.").Because(t.err)
		}
		e.mu.Lock()
		delete(e.tasks, k)
		e.mu.Unlock()
		close(t.done)
	})
	return t, nil
}

// carryOut is the whole life of one warrant.
func (e *Executor) carryOut(ctx context.Context, w proof.Warrant, raw []byte) (journal.Result, error) {
	a := actOf(w, raw)
	prior, ok, err := e.journal.Act(ctx, a.Key)
	switch {
	case err != nil:
		return journal.Result{}, err
	case ok && prior.Warrant != a.Warrant:
		return journal.Result{}, spent(a.Request)
	case ok && prior.Stage == journal.Ended:
		return prior.Result, nil
	case ok:
		return e.resume(ctx, prior)
	}
	if err := e.anchored(ctx, w); err != nil {
		return journal.Result{}, err
	}
	if err := e.see(ctx, w); err != nil {
		return journal.Result{}, err
	}
	c, err := e.connector(w.Action.Subject.Platform)
	if err != nil {
		return e.refuse(ctx, a, err)
	}
	if err := e.hearFirst(ctx, w); err != nil {
		return e.refuse(ctx, a, err)
	}
	turn, err := e.subjects.take(ctx, place(a.Command), a.Key)
	if err != nil {
		return journal.Result{}, err
	}
	defer turn.end()
	seen, err := readSubject(ctx, c, w.Action.Subject)
	if err != nil {
		return e.refuse(ctx, a, err)
	}
	sequence, err := e.begin(ctx, &a, w, c, seen)
	if err != nil {
		return e.refuse(ctx, a, err)
	}
	e.step(StepIntended)
	// If we die here, the platform says after the restart that it does not know the call,
	// and the act begins again from this point.
	if err := e.entered(ctx, w, sequence); err != nil {
		return e.end(ctx, a, seen.state, err)
	}
	e.step(StepEntered)
	// While the intent was on its way, somebody may have left, lost a key or lost their
	// independence. The entries that came with it count, so the act is judged again.
	if seen, err = e.ready(ctx, a, w, c, turn, &seen); err != nil {
		return e.end(ctx, a, seen.state, err)
	}
	e.step(StepAgain)
	return e.call(ctx, a, w, c, turn, seen.state)
}

// hearFirst reads all that a burdening act needs and the desk may be slow to answer, before
// the act has its subject: so an undo of the same subject does not wait for the desk.
func (e *Executor) hearFirst(ctx context.Context, w proof.Warrant) error {
	if w.Action.Direction == actions.Relieving || e.stopped(e.ledger.view()) != "" {
		return nil // nothing is read for it, or the check says why it is stopped
	}
	return e.heard(ctx, w)
}

// begin judges an act and, if it may be carried out, takes it on.
func (e *Executor) begin(ctx context.Context, a *journal.Act, w proof.Warrant, c platform.Connector, seen reading) (sequence int64, err error) {
	if isEmergency(a.Kind) {
		release, err := e.subjects.acquire(ctx, emergencies)
		if err != nil {
			return 0, err
		}
		defer release()
	}
	j, err := e.check(ctx, w, c, seen, time.Time{})
	if err != nil {
		return 0, err
	}
	e.step(StepJudged)
	if seen.sort == platform.Content {
		a.Owner, _ = seen.state.Facts[platform.FactOwner].(string)
	}
	return e.intend(ctx, a, j, e.groundsOf(w))
}

// actOf is the journal's view of a warrant.
func actOf(w proof.Warrant, raw []byte) journal.Act {
	a := w.Action
	return journal.Act{Key: journal.Key{Request: w.Request.Statement.Request, Duty: proof.DutyAct}, Warrant: w.Digest(), Document: raw,
		Subject: a.Subject, Kind: a.Kind, Command: a.Command, Requester: w.Request.Statement.Signer, Tier: a.Tier, Direction: a.Direction,
		Undo: a.Undo(), Category: a.Category, Due: a.Until}
}

// groundsOf returns the documents of a warrant that are remembered with its intent.
func (e *Executor) groundsOf(w proof.Warrant) journal.Grounds {
	return journal.Grounds{Sessions: w.Sessions, Index: w.Requested.Proof.Index, At: canonical.At(e.now()), Decision: w.Decision}
}

// see notes the sessions under which an act was signed, as far as they are genuine: a newer
// session of a key replaces the older one also if the act itself comes to nothing. It goes by
// the places of entries that we followed, and not by those that a warrant claims.
func (e *Executor) see(ctx context.Context, w proof.Warrant) error {
	g := e.groundsOf(w)
	var err error
	if g.Sessions, err = e.journal.Unseen(ctx, g); err != nil || len(g.Sessions) == 0 {
		return err
	}
	v := e.ledger.view()
	state := v.state
	if w.Action.Direction == actions.Relieving {
		state = v.settled
	}
	leaf, err := w.Requested.Leaf()
	if err != nil {
		return err
	}
	if have, ok := e.ledger.leafAt(g.Index); !ok || have != leaf.Hash() || !state.Founded() {
		return nil
	}
	if g.Sessions = state.Genuine(w, g.Sessions, e.ledger.at(e.now())); len(g.Sessions) == 0 {
		return nil
	}
	return e.journal.See(ctx, g)
}

// executionOf begins a record about an act.
func (e *Executor) executionOf(a journal.Act, kind string, sequence int64) proof.Execution {
	return proof.Execution{V: e.recordVersion(), Executor: e.id, Sequence: sequence, Kind: kind, Duty: a.Duty, Request: a.Request,
		Warrant: a.Warrant, Nonce: a.Nonce, Sight: a.Sight}
}

// recordVersion returns the version in which records are written: that of the desk's
// formats, as far as the chain was read.
func (e *Executor) recordVersion() string {
	return proof.ExecutionVersion(e.ledger.view().state.Formats)
}

// refuse spends a warrant that was not begun, if the error says that it can never be
// carried out.
func (e *Executor) refuse(ctx context.Context, a journal.Act, because error) (journal.Result, error) {
	outcome := outcomeOf(because)
	if outcome == "" {
		return journal.Result{}, because
	}
	at := canonical.At(e.now())
	a.Nonce, a.Intended, a.Ended = nil, canonical.Time{}, at
	a.Result = journal.Result{Outcome: outcome, Type: fault.TypeOf(because), Text: fault.TextOf(because)}
	after, err := e.expectedAfter(ctx, a, a.Result)
	if err != nil {
		return journal.Result{}, err
	}
	r, err := e.journal.Refuse(ctx, a, e.ledger.head(), after, func(sequence int64) proof.SignedExecution {
		x := e.executionOf(a, proof.KindRefusal, sequence)
		x.At, x.Outcome, x.Type, x.Text = at, a.Outcome, a.Type, a.Text
		return x.Sign(e.key)
	})
	if err != nil {
		return journal.Result{}, err
	}
	e.outbox.add(r)
	if after != nil {
		if err := e.left(a, *after, at); err != nil {
			return journal.Result{}, err
		}
		e.readAgainLater(a)
	}
	e.step(StepEnded)
	return a.Result, nil
}

// intend takes the act on: it counts the budget, spends the warrant and journals the
// intent in one transaction.
func (e *Executor) intend(ctx context.Context, a *journal.Act, j judgement, g journal.Grounds) (sequence int64, err error) {
	if a.Nonce, err = e.nonce(); err != nil {
		return 0, err
	}
	at := canonical.At(e.now())
	a.Intended, a.Attempt = at, 1
	var allow func(actions.Family, actions.Count) error
	if a.Duty == proof.DutyAct {
		a.Tier, a.Vendor = j.tier, j.spender.Vendor
		allow = func(also actions.Family, count actions.Count) error {
			s := actions.SpendingOf(a.Kind, a.Tier, a.Direction, a.Undo)
			s.Also = also
			return actions.Afford(j.state.Budgets, j.spender, s, j.at, count)
		}
	}
	r, err := e.journal.Intend(ctx, *a, g, e.ledger.head(), allow, func(sequence int64) proof.SignedExecution {
		x := e.executionOf(*a, proof.KindIntent, sequence)
		x.At = at
		return x.Sign(e.key)
	})
	if err != nil {
		return 0, err
	}
	e.outbox.add(r)
	return r.Execution.Sequence, nil
}

// entered waits until the verified ledger holds a record. For a relieving act it waits
// only a short time, and a wait in vain is no error.
func (e *Executor) entered(ctx context.Context, w proof.Warrant, sequence int64) error {
	relieving := w.Action.Direction == actions.Relieving
	patience := e.limits.Entry
	if relieving {
		patience = e.limits.RelievingEntry
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if e.ledger.await(waiting, func(v *view) bool { return e.outbox.holds(v, sequence) }) || relieving && ctx.Err() == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	e.outbox.again()
	return fault.New(fault.Expired, "not-entered", "The ledger did not hold the intent after %s, so nothing was done. Ask again.", patience)
}

// end journals that an intended act ends without a call, and the reason that was found
// before the call.
func (e *Executor) end(ctx context.Context, a journal.Act, before platform.State, because error) (journal.Result, error) {
	if ctx.Err() != nil {
		return journal.Result{}, ctx.Err()
	}
	r := journal.Result{Outcome: outcomeOf(because), Type: fault.TypeOf(because), Text: fault.TextOf(because)}
	if r.Outcome == "" || r.Type == "not-entered" {
		r.Outcome = proof.Dropped
	}
	return e.close(ctx, a, proof.KindRefusal, r, platform.Receipt{Before: before})
}

// close journals the outcome of an act.
func (e *Executor) close(ctx context.Context, a journal.Act, kind string, result journal.Result, receipt platform.Receipt) (journal.Result, error) {
	at := canonical.At(e.now())
	lift := owed(a, result)
	ctx = context.WithoutCancel(ctx) // an outcome that is known is journalled, also while shutting down
	after := leaves(a, result, receipt)
	exchanged, err := e.expectedAfter(ctx, a, result)
	if err != nil {
		return journal.Result{}, err
	}
	again := exchanged != nil
	if again {
		after = exchanged
	} else if after != nil {
		right, err := e.rightAfter(ctx, a, *after)
		if err != nil {
			return journal.Result{}, err
		}
		again, after = right != *after, &right
	}
	r, err := e.journal.End(ctx, a.Key, result, at, e.ledger.head(), lift, after, func(sequence int64) proof.SignedExecution {
		x := e.executionOf(a, kind, sequence)
		x.At, x.Outcome, x.Type, x.Text = at, result.Outcome, result.Type, result.Text
		x.Layer, x.Before, x.After = a.Command.Layer, told(a.Command, receipt.Before), told(a.Command, receipt.After)
		x.Lifted = receipt.Lifted
		if lift != nil {
			x.LiftAt = lift.Due
		}
		return x.Sign(e.key)
	})
	if err != nil {
		return journal.Result{}, err
	}
	// If we die here, the receipt is handed over after the restart.
	e.outbox.add(r)
	if a.Duty != proof.DutyAct && result.Outcome != proof.Executed {
		e.raise(r) // a lift or a restoration that people have to make
	}
	if after != nil {
		if err := e.left(a, *after, at); err != nil {
			return journal.Result{}, err
		}
	}
	if again {
		e.readAgainLater(a)
	}
	e.step(StepEnded)
	if lift != nil {
		e.nudgeLifts()
	}
	return result, nil
}

// leaves returns the state in which an act is known to have left its subject; nil if that
// is not known.
func leaves(a journal.Act, r journal.Result, receipt platform.Receipt) *platform.Expect {
	if after := told(a.Command, receipt.After); r.Outcome == proof.Executed && after.Status != "" {
		return &after
	}
	return nil
}

// told returns the state of a command's layer as a platform's answer tells it; the zero
// value if the answer tells nothing, or if the command has no layer.
func told(c platform.Command, s platform.State) platform.Expect {
	if c.Verb == platform.Warn || s.Status == "" && !s.Shows(c.Layer) {
		return platform.Expect{}
	}
	return s.At(c.Layer)
}

// place names the layer of a subject on which a command works. One act at a time works on
// each, so that nothing in another layer holds a takedown's undo back.
func place(c platform.Command) string {
	if c.Verb == platform.Warn {
		return c.Subject.String() + " warn"
	}
	return placeOf(c.Subject, c.Layer)
}

// placeOf is place for a layer.
func placeOf(s platform.Subject, l platform.Layer) string {
	if l == platform.VisibilityLayer {
		return s.String()
	}
	return s.String() + " " + l.String()
}

// call makes the call and finds out its outcome.
func (e *Executor) call(ctx context.Context, a journal.Act, w proof.Warrant, c platform.Connector, t *turn, before platform.State) (journal.Result, error) {
	command := a.Command
	if command.Told = (platform.Told{Until: w.Action.Until}); command.Verb == platform.Warn {
		command.Told.Text = w.Action.Reason
	}
	receipt, err := c.Apply(ctx, callKey(a), command)
	if ctx.Err() != nil && outcomeOfCall(err) == ambiguous {
		return journal.Result{}, ctx.Err() // asked about after the restart
	}
	e.step(StepCalled)
	switch outcomeOfCall(err) {
	case took:
		return e.close(ctx, a, proof.KindReceipt, resultOf(a, c, receipt), receipt)
	case tookNot:
		return e.close(ctx, a, proof.KindReceipt, failed(err), receiptOf(err, before))
	}
	return e.settle(ctx, a, w, c, t)
}

// resultOf returns the result of a call that took effect: executed only if the state that
// was read back is the state that the command leaves in its layer. There is nothing to read
// back after a warning.
func resultOf(a journal.Act, c platform.Connector, r platform.Receipt) journal.Result {
	if a.Command.Verb == platform.Warn {
		return journal.Result{Outcome: proof.Executed}
	}
	want, found := a.Command.After(), r.After.At(a.Command.Layer)
	if a.Sight != nil {
		want = a.Sight.Expected // beneath a measure, the state from before it shows
	}
	if a.Command.Leaves(found) {
		return journal.Result{Outcome: proof.Executed}
	}
	sort, _ := c.Sort(a.Subject.ID)
	if ability, _ := c.Capabilities().Can(a.Command.Verb, sort); !ability.Marks {
		want.Mark = found.Mark
	}
	if found != want {
		return notReadBack("The platform carried it out, but what was read back is " + platform.DescribeIn(a.Command.Layer, found) + ". Somebody has to look.")
	}
	return journal.Result{Outcome: proof.Executed}
}

func notReadBack(text string) journal.Result {
	return journal.Result{Outcome: proof.Unknown, Type: "not-read-back", Text: text}
}

func failed(err error) journal.Result {
	var wrong *platform.WrongState
	if errors.As(err, &wrong) {
		err = wrongState(wrong.Layer, wrong.Want, wrong.Now)
	}
	return journal.Result{Outcome: proof.Failed, Type: fault.TypeOf(err), Text: fault.TextOf(err)}
}

func receiptOf(err error, before platform.State) platform.Receipt {
	var wrong *platform.WrongState
	if errors.As(err, &wrong) {
		before = wrong.Now
	}
	return platform.Receipt{Before: before, After: before}
}
