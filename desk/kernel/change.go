package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// Tx is one change under way.
type Tx struct {
	*store.Tx
	State *proof.State // what the change was authorised against

	raised []store.Alarm // to be logged once it is committed
}

// attempts bounds how often a change is judged again because the rules or the
// people changed between the judgement and the commit.
const attempts = 8

// Change runs one change: judge is called with the state, does all that
// is slow or asks others, and returns the closure that the writer runs, which
// reads by key and may run twice. A refusal is recorded in a transaction of its
// own, since the one it ends is undone.
func (k *Kernel) Change(ctx context.Context, by Caller, what string, judge func(*proof.State) (func(*Tx) error, error)) error {
	return k.ChangeBy(ctx, by, what, k.TryChange, judge)
}

// ChangeBy is Change with the way in which it is tried: TryChange, or Retry where the
// clocks may differ.
func (k *Kernel) ChangeBy(ctx context.Context, by Caller, what string, try func(context.Context, func(*proof.State) (func(*Tx) error, error)) error, judge func(*proof.State) (func(*Tx) error, error)) error {
	return k.Noted(ctx, by, what, try(ctx, judge))
}

// Noted records an error that is a refusal of somebody who is known, and returns it.
func (k *Kernel) Noted(ctx context.Context, by Caller, what string, err error) error {
	if err != nil && isRefusal(err) {
		if rerr := k.enterRefusal(ctx, by, what, err); rerr != nil {
			k.Logger.ErrorContext(ctx, "refusal not recorded", "what", what, "error", rerr)
			return errors.Join(err, rerr)
		}
	}
	return err
}

// TryChange is Change without a record of a refusal.
func (k *Kernel) TryChange(ctx context.Context, judge func(*proof.State) (func(*Tx) error, error)) error {
	if err := k.clocks.check(); err != nil {
		return err
	}
	return k.Retry(ctx, judge)
}

// Retry judges and writes until nothing moves in between. It judges by the
// newest state known here, without asking the database whether there is a newer
// one: what is written expects that state in the ledger and is refused there if
// it is not the newest, and a no that is told was judged by the newest.
func (k *Kernel) Retry(ctx context.Context, judge func(*proof.State) (func(*Tx) error, error)) error {
	for range attempts {
		state := k.state.Load()
		err := k.try(ctx, state, judge)
		if err == nil {
			return nil
		}
		moved := errors.Is(err, ledger.ErrMoved) || fault.Is(err, "version-moved")
		if kind := fault.KindOf(err); !moved && (kind == fault.Internal || kind == fault.Unavailable) {
			return err
		}
		newest, unread := k.State(ctx)
		if unread != nil {
			return unread
		}
		if !moved && newest.Next == state.Next {
			return err
		}
	}
	return fault.New(fault.Unavailable, "busy", "The rules or the request kept changing while this was being decided. Try again.")
}

// try judges by a state and writes what follows. Whatever a change writes goes
// with an entry that expects this state; see Tx.Enter.
func (k *Kernel) try(ctx context.Context, state *proof.State, judge func(*proof.State) (func(*Tx) error, error)) error {
	apply, err := judge(state)
	if err != nil {
		return err
	}
	k.Step(StepJudged)
	again := false
	var last *Tx
	err = k.Store.Write(ctx, func(stx *store.Tx) error {
		// Run again, perhaps because the state was not the newest.
		if again {
			number, err := stx.NextGovernance()
			if err != nil {
				return err
			}
			if number != state.Next {
				return ledger.ErrMoved
			}
		}
		again = true
		last = &Tx{Tx: stx, State: state}
		return apply(last)
	})
	if err == nil {
		k.logAlarms(ctx, last.raised)
	}
	return err
}

// isRefusal reports whether an error is a no that belongs in the ledger, and
// not a slip of the keyboard or a fault of ours.
func isRefusal(err error) bool {
	switch fault.KindOf(err) {
	case fault.Forbidden, fault.Exhausted, fault.Expired:
		return true
	}
	return false
}

// Enter enters something in the ledger with the change, if the state that the
// change was authorised against is the newest still.
func (t *Tx) Enter(kind string, data any, sealed ...ledger.Opening) *store.Appended {
	return t.Append(ledger.Draft{Class: ledger.Desk, Kind: kind, Data: data, Sealed: sealed, Expect: t.State.Next})
}

// Raised has an alarm logged once the change is committed.
func (t *Tx) Raised(a store.Alarm) { t.raised = append(t.raised, a) }

// logAlarms writes what a committed change has raised into the log.
func (k *Kernel) logAlarms(ctx context.Context, raised []store.Alarm) {
	for _, a := range raised {
		level := slog.LevelInfo
		switch a.Severity {
		case store.Page:
			level = slog.LevelError
		case store.Warn:
			level = slog.LevelWarn
		}
		k.Logger.Log(ctx, level, "alarm", "alarm", a.ID, "kind", a.Kind, "text", a.Text, "incident", a.Incident, "platform", a.Platform, "tier", a.Tier)
	}
}

// Newest returns the newest state known here, without asking the database for a newer one.
func (k *Kernel) Newest() *proof.State { return k.state.Load() }

// State returns the governance chain folded up to its newest entry. It must not
// be changed.
func (k *Kernel) State(ctx context.Context) (*proof.State, error) {
	number, err := k.Store.NextGovernance(ctx)
	if err != nil {
		return nil, err
	}
	return k.StateAt(ctx, number)
}

// StateAt returns the chain folded at least up to the entry before a number.
func (k *Kernel) StateAt(ctx context.Context, number int64) (*proof.State, error) {
	if s := k.state.Load(); s.Next >= number {
		return s, nil
	}
	return k.fold(ctx)
}

// fold catches up with governance entries that another node appended, or that
// were there at start.
func (k *Kernel) fold(ctx context.Context) (*proof.State, error) {
	k.folding.Lock()
	defer k.folding.Unlock()
	s := k.state.Load()
	next := s.Clone()
	for {
		entries, err := k.Store.Governance(ctx, next.Next, 1000)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			body, err := ledger.Verify(e.Leaf, e.BodyBytes, e.Salt)
			if err != nil {
				return nil, fmt.Errorf("governance entry %d in the database: %w", e.Leaf.Number, err)
			}
			if err := next.Apply(e.Leaf, body); err != nil {
				return nil, err
			}
		}
		if len(entries) < 1000 {
			break
		}
	}
	k.publish(next)
	return k.state.Load(), nil
}

// publish makes a state the newest, unless a newer one is there.
func (k *Kernel) publish(s *proof.State) {
	for {
		old := k.state.Load()
		if old != nil && old.Next >= s.Next || k.state.CompareAndSwap(old, s) {
			return
		}
	}
}

// checkEntries is called by the store before it commits: governance entries are
// folded exactly as every follower will fold them, so that nothing is committed
// which the chain's own rules refuse.
func (k *Kernel) checkEntries(entries []ledger.Entry) (committed func(), err error) {
	var next *proof.State
	for _, e := range entries {
		if e.Leaf.Class != ledger.Governance {
			continue
		}
		if next == nil {
			next = k.state.Load().Clone()
		}
		if next.Next != e.Leaf.Number {
			return nil, &ledger.MovedError{Expected: e.Leaf.Number, Actual: next.Next}
		}
		if err := next.Apply(e.Leaf, e.Body); err != nil {
			return nil, err
		}
	}
	if next == nil {
		return nil, nil
	}
	if !next.Settled() {
		return nil, fault.New(fault.Internal, "internal", "an admission was not entered as a whole")
	}
	return func() { k.publish(next) }, nil
}

// LookElsewhere is how often a node looks for what other nodes have committed.
const LookElsewhere = 100 * time.Millisecond

// Field is a sealed field of an entry: a text that its opening shows.
func Field(name, value string) ledger.Opening {
	return ledger.Opening{Name: name, Value: canonical.MustMarshal(value)}
}

// TimeNow returns the desk's clock, to the microsecond.
func (k *Kernel) TimeNow() canonical.Time { return canonical.At(k.Now()) }
