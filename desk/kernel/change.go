package kernel

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// Tx is the transaction of one change, with the state that the change was judged by.
type Tx struct {
	*store.Tx
	State *proof.State // the state that the change was authorised against

	raised []store.Alarm // to be logged once the change is committed
}

// attempts is how often a change is judged at most. It is judged again if the rules or the
// people changed between the judgement and the commit.
const attempts = 8

// Change runs one change. It calls judge with the newest state. judge does all slow work
// and asks all others, and returns the closure that runs in the write transaction; the
// closure reads by key only, and may run twice. A refusal is entered in a transaction of
// its own, since the refused one is rolled back.
func (k *Kernel) Change(ctx context.Context, by Caller, what string, judge func(*proof.State) (func(*Tx) error, error)) error {
	return k.ChangeBy(ctx, by, what, k.TryChange, judge)
}

// ChangeBy is Change with another way to try it: TryChange, or Retry for a change that is
// made even while the clocks differ.
func (k *Kernel) ChangeBy(ctx context.Context, by Caller, what string, try func(context.Context, func(*proof.State) (func(*Tx) error, error)) error, judge func(*proof.State) (func(*Tx) error, error)) error {
	return k.Noted(ctx, by, what, try(ctx, judge))
}

// Noted enters an error in the ledger, under the name of the caller, if it is a refusal. It
// returns the error.
func (k *Kernel) Noted(ctx context.Context, by Caller, what string, err error) error {
	if err != nil && isRefusal(err) {
		if rerr := k.enterRefusal(ctx, by, what, err); rerr != nil {
			k.Logger.ErrorContext(ctx, "refusal not recorded", "what", what, "error", rerr)
			return errors.Join(err, rerr)
		}
	}
	return err
}

// TryChange is Change, but enters no refusal.
func (k *Kernel) TryChange(ctx context.Context, judge func(*proof.State) (func(*Tx) error, error)) error {
	if err := k.clocks.check(); err != nil {
		return err
	}
	return k.Retry(ctx, judge)
}

// Retry judges and writes until the governance chain does not change in between. It judges
// by the newest state known here, and does not ask the database first whether there is a
// newer one: the write expects that state in the ledger, and fails if it is not the newest.
// Before it returns a refusal, it makes sure that the refusal was judged by the newest
// state.
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

// try judges by one state and writes the result. Everything that a change writes is
// committed with an entry that expects this state; see Tx.Enter.
func (k *Kernel) try(ctx context.Context, state *proof.State, judge func(*proof.State) (func(*Tx) error, error)) error {
	apply, err := judge(state)
	if err != nil {
		return err
	}
	k.Step(StepJudged)
	again := false
	var last *Tx
	err = k.Store.Write(ctx, func(stx *store.Tx) error {
		// The closure runs again, perhaps because the state was not the newest.
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

// isRefusal reports whether an error is a refusal that belongs in the ledger, and not bad
// input or a fault of our own.
func isRefusal(err error) bool {
	switch fault.KindOf(err) {
	case fault.Forbidden, fault.Exhausted, fault.Expired:
		return true
	}
	return false
}

// Enter appends an entry of the class desk with the change. The commit fails if the state
// that the change was authorised against is no longer the newest.
func (t *Tx) Enter(kind string, data any, sealed ...ledger.Opening) *store.Appended {
	return t.Append(ledger.Draft{Class: ledger.Desk, Kind: kind, Data: data, Sealed: sealed, Expect: t.State.Next})
}

// LogAlarm has an alarm logged once the change is committed.
func (t *Tx) LogAlarm(a store.Alarm) { t.raised = append(t.raised, a) }

// logAlarms writes the alarms of a committed change into the log.
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

// LookElsewhere is the time between two looks of a node for commits of other nodes.
const LookElsewhere = 100 * time.Millisecond

// Field returns the opening of a sealed field that holds a text.
func Field(name, value string) ledger.Opening {
	return ledger.Opening{Name: name, Value: canonical.MustMarshal(value)}
}

// TimeNow returns the desk's clock, to the microsecond.
func (k *Kernel) TimeNow() canonical.Time { return canonical.At(k.Now()) }
