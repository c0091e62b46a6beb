package executor

import (
	"context"
	"fmt"
	"time"

	"countersign.dev/actions"
	"countersign.dev/executor/journal"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// settle asks the platform about a call until its outcome is known, or until the call can
// take effect no more and its outcome is still unknown. A call that did not take effect
// is made again, under a new key, after everything has been judged anew.
func (e *Executor) settle(ctx context.Context, a journal.Act, w proof.Warrant, c platform.Connector, t *turn) (journal.Result, error) {
	o, err := e.ask(ctx, a, c)
	switch {
	case err != nil:
		return journal.Result{}, err
	case o.Known && o.Done:
		return e.close(ctx, a, proof.KindReceipt, resultOf(a, c, o.Receipt), o.Receipt)
	case a.Command.Verb == platform.Warn:
		return e.close(ctx, a, proof.KindReceipt, unsent(o), platform.Receipt{})
	case !o.Known:
		return e.close(ctx, a, proof.KindReceipt, journal.Result{Outcome: proof.Unknown, Type: "outcome-unknown",
			Text: "The platform cannot say whether it was carried out. It is not repeated; somebody has to look."}, platform.Receipt{})
	case a.Attempt >= e.limits.Attempts:
		return e.close(ctx, a, proof.KindReceipt, journal.Result{Outcome: proof.Failed, Type: "platform-failed",
			Text: fmt.Sprintf("The platform did not carry the act out in %d attempts. Ask again when the platform is well.", a.Attempt)}, platform.Receipt{})
	}
	return e.again(ctx, a, w, c, t)
}

// unsent is the result of a warning that was not surely sent. It is never sent again: the
// account holder would read it twice.
func unsent(o platform.Outcome) journal.Result {
	if !o.Known {
		return journal.Result{Outcome: proof.Unknown, Type: "outcome-unknown",
			Text: "The platform cannot say whether the warning was sent. It is not sent again; somebody has to look."}
	}
	return journal.Result{Outcome: proof.Failed, Type: "not-sent",
		Text: "The platform did not send the warning, and it is not sent again. Ask for another one if it is still wanted."}
}

// again makes another attempt at an act, after the platform said that the call before did
// not take effect. No call is under way until the next one, so the subject is left to others
// while this act waits for the desk.
func (e *Executor) again(ctx context.Context, a journal.Act, w proof.Warrant, c platform.Connector, t *turn) (journal.Result, error) {
	sequence, err := e.journal.Intent(ctx, a.Key, a.Nonce)
	if err != nil {
		return journal.Result{}, err
	}
	t.leave()
	err = e.entered(ctx, w, sequence)
	if err == nil {
		err = e.hearFirst(ctx, w)
	}
	if failed := t.back(ctx); err == nil {
		err = failed
	}
	if err != nil {
		return e.end(ctx, a, platform.State{}, err)
	}
	seen, err := e.ready(ctx, a, w, c, t, nil)
	if err != nil {
		return e.end(ctx, a, seen.state, err)
	}
	// If we die after this, the platform is asked about the new key, which it has
	// not seen, and we come here again.
	if err := e.journal.Attempt(ctx, a.Key, a.Attempt); err != nil {
		return journal.Result{}, err
	}
	a.Attempt++
	e.step(StepAgain)
	return e.call(ctx, a, w, c, t, seen.state)
}

// ready judges an act that was taken on once more, just before its call, and returns the
// subject as it was read then; it reads the subject itself if seen is nil. While the platform
// cannot be read it waits. An undo also waits while something else cannot be known: it is not
// given up because of that. While ready waits it leaves the subject to others, so that another
// undo, or the end of a suspension, does not wait for this act; then it reads the subject and
// judges the act anew. When ready returns no error, the act has the subject.
func (e *Executor) ready(ctx context.Context, a journal.Act, w proof.Warrant, c platform.Connector, t *turn, seen *reading) (reading, error) {
	for p := e.pause(); ; seen = nil {
		var now reading
		var err error
		waits := a.Direction == actions.Relieving
		if seen != nil {
			now = *seen
		} else if now, err = readSubject(ctx, c, a.Subject); err != nil {
			waits = true
		}
		if err == nil {
			_, err = e.check(ctx, w, c, now, a.Intended.Time)
		}
		if err == nil || outcomeOf(err) != "" || !waits {
			return now, err
		}
		t.leave()
		if err := p.wait(ctx); err != nil {
			return now, err
		}
		if err := t.back(ctx); err != nil {
			return now, err
		}
	}
}

// ask looks a call up until the platform knows its outcome. A platform that answers and
// does not know is asked until the call can take effect no more. One that does not answer
// is asked for as long as it takes.
func (e *Executor) ask(ctx context.Context, a journal.Act, c platform.Connector) (platform.Outcome, error) {
	// The request may have been sent the moment before we were killed, so its
	// life is counted from now.
	life := time.Duration(c.Capabilities().RequestLife) * time.Second
	over := time.NewTimer(life)
	defer over.Stop()
	expired := false
	for p := e.pause(); ; {
		o, err := c.Lookup(ctx, callKey(a), a.Command)
		if ctx.Err() != nil {
			return o, ctx.Err()
		}
		if err == nil && (o.Known || expired) {
			return o, nil
		}
		if err != nil && outcomeOfCall(err) == tookNot {
			return platform.Outcome{}, nil // it will never say
		}
		select {
		case <-over.C:
			expired = true
		default:
		}
		if err := p.wait(ctx); err != nil {
			return o, err
		}
	}
}

// resume goes on with an act that was intended before a restart.
func (e *Executor) resume(ctx context.Context, a journal.Act) (journal.Result, error) {
	raw, err := e.journal.Document(ctx, a.Request)
	if err != nil {
		return journal.Result{}, err
	}
	w, err := proof.ParseWarrant(raw)
	if err != nil {
		return journal.Result{}, fmt.Errorf("the warrant of %s in the journal: %w", a.Request, err)
	}
	c, err := e.connector(a.Subject.Platform)
	if err != nil {
		return journal.Result{}, err
	}
	t, err := e.subjects.take(ctx, place(a.Command), a.Key)
	if err != nil {
		return journal.Result{}, err
	}
	defer t.end()
	return e.settle(ctx, a, w, c, t)
}

// settleAll goes on with all acts that were under way when the executor last stopped. It
// runs the same code as a warrant that is handed over.
func (e *Executor) settleAll(ctx context.Context) error {
	acts, err := e.journal.Unsettled(ctx)
	if err != nil {
		return err
	}
	for _, a := range acts {
		work := func(ctx context.Context) (journal.Result, error) { return e.resume(ctx, a) }
		if a.Duty != proof.DutyAct {
			work = func(ctx context.Context) (journal.Result, error) { return e.resumeLift(ctx, a) }
		}
		if _, err := e.start(a.Key, a.Warrant, work); err != nil {
			return nil // shutting down
		}
	}
	return nil
}
