package executor

import (
	"context"
	"fmt"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/journal"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
)

// Take accepts a freeze, the end of an engagement or the revocation of a key straight
// from its signer, for the case that the desk is dead or lies. It is judged by the newest
// state that is known here, as the chain would judge it. When Take returns, the change is
// in force for every act whose call is not under way already. It stays in force, over
// restarts, until the governance chain has it with effect, or it is over; see
// proof.State.Releases.
//
// If the change is handed over again, Take answers the same. Errors are faults: the
// reason why it is not authorised, or type "spent" if the chain has the request already.
func (e *Executor) Take(ctx context.Context, a proof.Authority) (linkv1.TakeResult, error) {
	e.taking.Lock()
	defer e.taking.Unlock()
	request := a.Request.Statement.Request
	for _, t := range e.ledger.taken() {
		if t.Request() != request {
			continue
		}
		if canonical.DigestOf(t.Authority) != canonical.DigestOf(a) {
			return linkv1.TakeResult{}, spent(request)
		}
		return linkv1.TakeResult{Request: request, At: t.At}, nil
	}
	v := e.ledger.view()
	state := v.state
	if !state.Settled() {
		state = v.settled // a person who withholds half an admission must not be able to stop a freeze
	}
	if !state.Founded() {
		return linkv1.TakeResult{}, notFollowed
	}
	t := journal.Taken{Authority: a, At: canonical.At(e.ledger.at(e.now()))}
	if err := state.Clone().Join(a, t.At); err != nil {
		return linkv1.TakeResult{}, err
	}
	for _, x := range a.Sessions {
		if err := e.journal.Replaced(ctx, x); err != nil {
			return linkv1.TakeResult{}, err
		}
	}
	r, err := e.journal.Tell(ctx, request, e.ledger.head(), func(sequence int64) proof.SignedExecution {
		return proof.Execution{V: e.recordVersion(), Executor: e.id, Sequence: sequence, Kind: proof.KindTaken, Duty: proof.DutyWatch,
			Request: request, At: t.At, Taken: &a}.Sign(e.key)
	}, journal.Took(t))
	if err != nil {
		return linkv1.TakeResult{}, err
	}
	// If we die here, it is in force from the restart on.
	e.ledger.overlay(t)
	e.outbox.add(r)
	e.step(StepTaken)
	if pages(a.Action) {
		e.raise(r)
	}
	return linkv1.TakeResult{Request: request, At: t.At}, nil
}

// pages reports whether a change that was taken is told at once if the desk does not tell it:
// a freeze, and the end of the sessions of a company or of everybody.
func pages(a actions.Action) bool {
	if a.Kind == actions.DeskFreeze {
		return true
	}
	ch, err := actions.ParseChange(a.Kind, a.Change)
	c, ok := ch.(actions.Keys)
	return err == nil && ok && c.Void != nil && c.Void.Pages()
}

// Facts returns the facts that a person needs to sign a change without the desk.
func (e *Executor) Facts() (linkv1.DraftFacts, error) {
	s := e.ledger.view().settled
	if !s.Founded() {
		return linkv1.DraftFacts{}, notFollowed
	}
	return linkv1.DraftFacts{Log: s.LogName(), Root: s.Root, Policy: s.Policy.Digest(), Clock: canonical.At(e.now()), Formats: s.Formats}, nil
}

// readTaken checks at the start that every taken change in the journal can be read, so
// that none that was in force is left out later.
func readTaken(all []journal.Taken) error {
	for _, t := range all {
		if _, err := actions.ParseChange(t.Authority.Action.Kind, t.Authority.Action.Change); err != nil {
			return fmt.Errorf("the change %s that was taken, in the journal: %w", t.Request(), err)
		}
	}
	return nil
}

// taken returns the changes that are in force here, and not by the chain.
func (f *follower) taken() []journal.Taken {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.over)
}

// overlay puts a change that was taken in force.
func (f *follower) overlay(t journal.Taken) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = append(f.over, t)
	f.laid = laid{}
	f.show()
}

// laid remembers the result of laying the changes over a state, so that this is done once
// for each state.
type laid struct{ state, settled, over, overSettled *proof.State }

// lay returns the view in which the changes that were taken directly are in force,
// though the chain does not hold them yet, or holds them without effect. It is called with
// the lock held.
func (f *follower) lay(v *view) *view {
	n := len(f.over)
	f.over = slices.DeleteFunc(f.over, func(t journal.Taken) bool { return f.released(v.state, t) })
	if len(f.over) < n {
		f.laid = laid{}
	}
	if len(f.over) == 0 || !v.settled.Founded() {
		return v
	}
	if f.laid.state != v.state || f.laid.settled != v.settled {
		f.laid = laid{state: v.state, settled: v.settled, over: f.join(v.state)}
		f.laid.overSettled = f.laid.over
		if v.settled != v.state {
			f.laid.overSettled = f.join(v.settled)
		}
	}
	shown := *v
	shown.state, shown.settled = f.laid.over, f.laid.overSettled
	return &shown
}

func (f *follower) released(s *proof.State, t journal.Taken) bool {
	return s.Releases(t.Authority, t.At, f.e.now())
}

func (f *follower) join(s *proof.State) *proof.State {
	if !s.Founded() {
		return s
	}
	s = s.Clone()
	for _, t := range f.over {
		if f.released(s, t) {
			continue
		}
		if err := s.Rejoin(t.Authority, t.At); err != nil {
			panic("executor: a change that was read before cannot be read: " + err.Error())
		}
	}
	return s
}
