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
func (e *Executor) settle(ctx context.Context, a journal.Act, w proof.Warrant, c platform.Connector) (journal.Result, error) {
	o, err := e.ask(ctx, a, c)
	switch {
	case err != nil:
		return journal.Result{}, err
	case o.Known && o.Done:
		return e.close(ctx, a, proof.KindReceipt, resultOf(a, c, o.Receipt), o.Receipt)
	case !o.Known:
		return e.close(ctx, a, proof.KindReceipt, journal.Result{Outcome: proof.Unknown, Type: "outcome-unknown",
			Text: "The platform cannot say whether it was carried out. It is not repeated; somebody has to look."}, platform.Receipt{})
	case a.Attempt >= e.limits.Attempts:
		return e.close(ctx, a, proof.KindReceipt, journal.Result{Outcome: proof.Failed, Type: "platform-failed",
			Text: fmt.Sprintf("The platform did not carry the act out in %d attempts. Ask again when the platform is well.", a.Attempt)}, platform.Receipt{})
	}
	return e.again(ctx, a, w, c)
}

// again makes another attempt at an act, after the platform said that the call before did
// not take effect.
func (e *Executor) again(ctx context.Context, a journal.Act, w proof.Warrant, c platform.Connector) (journal.Result, error) {
	sequence, err := e.journal.Intent(ctx, a.Key, a.Nonce)
	if err != nil {
		return journal.Result{}, err
	}
	if err := e.entered(ctx, w, sequence); err != nil {
		return e.end(ctx, a, platform.State{}, err)
	}
	seen, err := e.readAgain(ctx, c, a)
	if err != nil {
		return e.end(ctx, a, platform.State{}, err)
	}
	for p := e.pause(); ; {
		_, err := e.check(ctx, w, c, seen, true)
		if err == nil {
			break
		}
		if outcomeOf(err) != "" || w.Action.Direction != actions.Relieving {
			return e.end(ctx, a, seen.state, err)
		}
		// An undo is not given up because something cannot be read just now.
		if err := p.wait(ctx); err != nil {
			return journal.Result{}, err
		}
		if seen, err = e.readAgain(ctx, c, a); err != nil {
			return e.end(ctx, a, platform.State{}, err)
		}
	}
	// If we die after this, the platform is asked about the new key, which it has
	// not seen, and we come here again.
	if err := e.journal.Attempt(ctx, a.Key, a.Attempt); err != nil {
		return journal.Result{}, err
	}
	a.Attempt++
	e.step(StepAgain)
	return e.call(ctx, a, w, c, seen.state)
}

// readAgain reads the subject of an act that is under way. It waits as long as the
// platform does not answer, and the act stays under way.
func (e *Executor) readAgain(ctx context.Context, c platform.Connector, a journal.Act) (reading, error) {
	for p := e.pause(); ; {
		seen, err := readSubject(ctx, c, a.Subject)
		if err == nil || outcomeOf(err) != "" {
			return seen, err
		}
		if err := p.wait(ctx); err != nil {
			return seen, err
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
	release, err := e.subjects.acquire(ctx, a.Subject.String())
	if err != nil {
		return journal.Result{}, err
	}
	defer release()
	return e.settle(ctx, a, w, c)
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
