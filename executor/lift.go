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
	"countersign.dev/platform"
)

// owed returns the lift that an act leaves owed if its timed measure is in force or may be.
// The lift is the executor's own duty: command and time stand in the journal, and it
// needs neither the desk nor a signature.
func owed(a journal.Act, r journal.Result) *journal.Act {
	spec, ok := actions.SpecOf(a.Kind)
	if !ok || a.Due.IsZero() || a.Duty != proof.DutyAct || r.Outcome != proof.Executed && r.Outcome != proof.Unknown {
		return nil
	}
	inverse, _ := actions.SpecOf(spec.Inverse)
	after := a.Command.After()
	return &journal.Act{Key: journal.Key{Request: a.Request, Duty: proof.DutyLift}, Warrant: a.Warrant, Subject: a.Subject, Kind: spec.Inverse,
		Command:   platform.Command{Verb: inverse.VerbFor(after.Status), Subject: a.Subject, Layer: a.Command.Layer, Expect: after},
		Requester: a.Requester, Vendor: a.Vendor, Tier: a.Tier, Direction: actions.Relieving, Category: a.Category, Due: a.Due}
}

func (e *Executor) nudgeLifts() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// liftAll begins every lift when it is due.
func (e *Executor) liftAll(ctx context.Context) error {
	for ctx.Err() == nil {
		lifts, err := e.journal.Owed(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		wait := time.Hour
		for _, l := range lifts {
			until := l.Due.Sub(e.now())
			if until > 0 {
				// The clock may be set meanwhile, so that it is read from time to time.
				wait = min(until, e.limits.Tick)
				break
			}
			wait = e.limits.Tick
			if _, err := e.start(l.Key, l.Warrant, func(ctx context.Context) (journal.Result, error) { return e.lift(ctx, l) }); err != nil {
				return nil // shutting down
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-e.wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// lift ends a timed measure.
func (e *Executor) lift(ctx context.Context, a journal.Act) (journal.Result, error) {
	c, err := e.connector(a.Subject.Platform)
	if err != nil {
		return journal.Result{}, err
	}
	release, err := e.subjects.acquire(ctx, place(a.Command))
	if err != nil {
		return journal.Result{}, err
	}
	defer release()
	if now, ok, err := e.journal.Act(ctx, a.Key); err != nil || !ok || now.Stage != journal.Owed {
		return journal.Result{}, err // another task has done it meanwhile
	}
	before, gone, err := e.underMark(ctx, a, c, false)
	if err != nil {
		return journal.Result{}, err // if the layer is not shown, the lift stays owed
	}
	if gone != nil {
		return e.refuse(ctx, a, gone)
	}
	if _, err := e.intend(ctx, &a, judgement{}, journal.Grounds{}); err != nil {
		return journal.Result{}, err
	}
	e.step(StepIntended)
	// The lift is owed now: it does not wait for the intent to reach the ledger.
	return e.callLift(ctx, a, c, before)
}

// underMark waits until the platform tells the subject's state. gone is nil if the
// subject is under our mark; otherwise it says why there is nothing to lift. If the platform
// does not show the layer of a lift, since the subject is deactivated, underMark waits for
// that too if hidden is true, and returns a fault of type "not-shown" otherwise.
func (e *Executor) underMark(ctx context.Context, a journal.Act, c platform.Connector, hidden bool) (now platform.State, gone, err error) {
	for p := e.pause(); ; {
		now, err := c.Read(ctx, a.Subject)
		switch {
		case err == nil && a.Duty == proof.DutyLift && now.Status == platform.Deactivated && !legible(a.Command.Layer, now):
			if !hidden {
				return now, nil, fault.New(fault.Unavailable, "not-shown", "The platform does not show %s of a subject that is deactivated. It is lifted once it can be seen.", a.Command.Layer.Noun())
			}
		case err == nil && now.At(a.Command.Layer) == a.Command.Expect:
			return now, nil, nil
		case err == nil:
			gone, err := e.notUnder(ctx, a, now)
			return now, gone, err
		case fault.Is(err, "no-such-subject"):
			return now, fault.New(fault.Conflict, "no-such-subject", "The subject is not there any more; there is nothing to lift."), nil
		}
		if err := p.wait(ctx); err != nil {
			return now, nil, err
		}
	}
}

// notUnder says why a lift, or a restoration, has nothing to lift: the layer is not under
// the mark that it lifts. A lift is not needed if the layer is clear, or if another
// measure of ours has taken the place of the one that is over. If somebody else exchanged
// the mark, their measure outlasts the time that people signed for; see expectedAfter.
func (e *Executor) notUnder(ctx context.Context, a journal.Act, now platform.State) (why, err error) {
	layer := a.Command.Layer
	found := now.At(layer)
	owners := found == platform.Expect{Status: platform.Deactivated}
	if a.Duty != proof.DutyLift || found.Status == layer.Clear() || now.Status == platform.Deleted || owners {
		return notNeeded(layer, now), nil
	}
	newest, ok, err := e.journal.Newest(ctx, a.Subject, layer)
	if err != nil {
		return nil, err
	}
	if ok && newest.Request != a.Request && found == newest.Command.After() {
		return fault.New(fault.Conflict, "replaced", "The lift is not needed: the measure of the request %s has taken the place of this one.", newest.Request), nil
	}
	return fault.New(fault.Conflict, markExchanged, "The measure is over and was not lifted, since the subject is %s: somebody has put that in the place of our mark. "+
		"To lift it, ask for %s of the subject.", platform.DescribeIn(layer, found), a.Kind), nil
}

// markExchanged is the type of a lift that met somebody else's mark in the place of ours.
const markExchanged = "mark-exchanged"

// expectedAfter returns the state that is right from now on though no act of ours has
// brought it back. If somebody exchanged the mark of a timed measure, the state from
// before the measure is right after its end (law 8). So it is in a layer that a deleted
// subject may bring back with it. It is nil for every other act.
func (e *Executor) expectedAfter(ctx context.Context, a journal.Act, r journal.Result) (*platform.Expect, error) {
	absent := r.Type == "no-such-subject" && a.Command.Layer != platform.VisibilityLayer
	if a.Duty != proof.DutyLift || r.Type != markExchanged && !absent {
		return nil, nil
	}
	was, err := e.beneath(ctx, a)
	return &was, err
}

// rightAfter returns the state that is right after an act left its subject in the state
// left. Usually that is left itself. The exception is the lift of a takedown that shows a
// deactivation which was not right before: then the state from before stays right, and
// the watch judges the deactivation as if it had just happened. So a takedown cannot
// launder an act of staff.
func (e *Executor) rightAfter(ctx context.Context, a journal.Act, left platform.Expect) (right platform.Expect, err error) {
	if a.Command.Verb != platform.Restore || left.Status != platform.Deactivated {
		return left, nil
	}
	was, err := e.beneath(ctx, a)
	if was.Status == platform.Deactivated {
		return left, err
	}
	return was, err
}

// beneath returns the right state beneath the measure that an act lifts, as far as it is
// known; the layer is clear if it is not. It asks the journal, since the watch may not have begun.
func (e *Executor) beneath(ctx context.Context, a journal.Act) (platform.Expect, error) {
	if a.Sight != nil {
		return a.Sight.Expected, nil
	}
	layer := a.Command.Layer
	switch k, ok, err := e.journal.WatchedOf(ctx, a.Subject, layer); {
	case err != nil:
		return platform.Expect{}, err
	case !ok, k.State.Status == "":
	case k.State.Status != layer.Bears():
		return k.State, nil // what is lifted was never right
	case k.Beneath != "":
		return platform.Expect{Status: k.Beneath}, nil
	}
	before, err := e.beforeMeasure(ctx, a.Command.Expect.Mark.Request())
	if before == nil {
		before = &platform.Expect{Status: layer.Clear()}
	}
	return *before, err
}

// beforeMeasure returns the state from before a measure of ours. If the measure took the
// place of other measures of ours, it is the state from before the first of them.
func (e *Executor) beforeMeasure(ctx context.Context, request string) (*platform.Expect, error) {
	for {
		m, ok, err := e.journal.Act(ctx, journal.Key{Request: request, Duty: proof.DutyAct})
		if err != nil || !ok {
			return nil, err
		}
		if request = m.Command.Confirms(); request == "" {
			return &m.Command.Expect, nil
		}
	}
}

// readAgainLater asks for a look at a subject that is not in its right state: its measure is
// over and not lifted, or the lift has shown a state beneath that was not right. Under a
// standing order the look restores it; without one it is a breach that pages.
func (e *Executor) readAgainLater(a journal.Act) {
	if w := e.watches[a.Subject.Platform]; w != nil {
		w.look(glance{id: a.Subject.ID, layer: a.Command.Layer, handle: a.Subject.Handle, via: viaRead, urgent: true})
	}
}

func notNeeded(l platform.Layer, now platform.State) error {
	measure := "suspension"
	if l != platform.VisibilityLayer {
		measure = "measure"
	}
	return fault.New(fault.Conflict, "wrong-state", "The lift is not needed: the subject is %s, and not under the mark of this %s.",
		platform.DescribeIn(l, now.At(l)), measure)
}

// callLift makes the call until the suspension is lifted or is not ours to lift. A call
// whose outcome is unknown is not repeated at once: first the time must be over in which
// it can take effect, and the subject is read again.
func (e *Executor) callLift(ctx context.Context, a journal.Act, c platform.Connector, before platform.State) (journal.Result, error) {
	for p := e.pause(); ; {
		receipt, err := c.Apply(ctx, callKey(a), a.Command)
		if ctx.Err() != nil && outcomeOfCall(err) == ambiguous {
			return journal.Result{}, ctx.Err()
		}
		e.step(StepCalled)
		switch outcomeOfCall(err) {
		case took:
			return e.close(ctx, a, proof.KindReceipt, resultOf(a, c, receipt), receipt)
		case tookNot:
			var wrong *platform.WrongState
			why := err
			if a.Duty == proof.DutyLift && errors.As(err, &wrong) {
				var failure error
				if why, failure = e.notUnder(ctx, a, wrong.Now); failure != nil {
					return journal.Result{}, failure
				}
			}
			return e.close(ctx, a, proof.KindReceipt, failed(why), receiptOf(err, before))
		}
		if a.Duty == proof.DutyRestore && fault.Is(err, "not-in-place") {
			// The platform has answered, so that no call is under way. Somebody who suspends the
			// account again at once makes another breach. To ask for the outcome of this call
			// would keep the account down for as long as a request may live.
			return e.close(ctx, a, proof.KindReceipt, notReadBack(fault.TextOf(err)), platform.Receipt{Before: before})
		}
		result, ended, err := e.settleLift(ctx, &a, c)
		if err != nil || ended {
			return result, err
		}
		if err := p.wait(ctx); err != nil {
			return journal.Result{}, err
		}
	}
}

// settleLift finds out the outcome of a call; ended is false if the call has to be made
// again.
func (e *Executor) settleLift(ctx context.Context, a *journal.Act, c platform.Connector) (r journal.Result, ended bool, err error) {
	o, err := e.ask(ctx, *a, c)
	if err != nil {
		return r, false, err
	}
	if o.Known && o.Done {
		r, err = e.close(ctx, *a, proof.KindReceipt, resultOf(*a, c, o.Receipt), o.Receipt)
		return r, true, err
	}
	now, gone, err := e.underMark(ctx, *a, c, true)
	if err != nil {
		return r, false, err
	}
	if gone != nil {
		r = failed(gone)
		if !o.Known && a.Command.Leaves(told(a.Command, now)) {
			r = journal.Result{Outcome: proof.Executed} // the subject is not suspended, which is what we owe; nobody knows who lifted it
		}
		r, err = e.close(ctx, *a, proof.KindReceipt, r, platform.Receipt{After: now})
		return r, true, err
	}
	if err := e.journal.Attempt(ctx, a.Key, a.Attempt); err != nil {
		return r, false, err
	}
	a.Attempt++
	return r, false, nil
}

// resumeLift goes on with a lift that was begun before a restart.
func (e *Executor) resumeLift(ctx context.Context, a journal.Act) (journal.Result, error) {
	c, err := e.connector(a.Subject.Platform)
	if err != nil {
		return journal.Result{}, err
	}
	release, err := e.subjects.acquire(ctx, place(a.Command))
	if err != nil {
		return journal.Result{}, err
	}
	defer release()
	r, ended, err := e.settleLift(ctx, &a, c)
	if err != nil || ended {
		return r, err
	}
	return e.callLift(ctx, a, c, expected(a.Command, canonical.At(e.now())))
}

// expected is a state in which a command's layer is as the command expects it, and of which
// nothing else is told.
func expected(c platform.Command, at canonical.Time) platform.State {
	s := platform.StateOf(c.Layer, c.Expect)
	s.Seen = at
	return s
}
