package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// tx is one change under way.
type tx struct {
	*store.Tx
	desk  *Desk
	state *proof.State // what the change was authorised against

	raised []store.Alarm // to be logged once it is committed
}

// attempts bounds how often a change is judged again because the rules or the
// people changed between the judgement and the commit.
const attempts = 8

// change runs one change: judge is called with the state, does all that
// is slow or asks others, and returns the closure that the writer runs, which
// reads by key and may run twice. A refusal is recorded in a transaction of its
// own, since the one it ends is undone.
func (d *Desk) change(ctx context.Context, by Caller, what string, judge func(*proof.State) (func(*tx) error, error)) error {
	return d.changeBy(ctx, by, what, d.tryChange, judge)
}

// changeBy is change with the way in which it is tried.
func (d *Desk) changeBy(ctx context.Context, by Caller, what string, try func(context.Context, func(*proof.State) (func(*tx) error, error)) error, judge func(*proof.State) (func(*tx) error, error)) error {
	return d.noted(ctx, by, what, try(ctx, judge))
}

// noted records an error that is a refusal of somebody who is known, and returns it.
func (d *Desk) noted(ctx context.Context, by Caller, what string, err error) error {
	if err != nil && isRefusal(err) {
		if rerr := d.recordRefusal(ctx, by, what, err); rerr != nil {
			d.logger.ErrorContext(ctx, "refusal not recorded", "what", what, "error", rerr)
			return errors.Join(err, rerr)
		}
	}
	return err
}

func (d *Desk) tryChange(ctx context.Context, judge func(*proof.State) (func(*tx) error, error)) error {
	if err := d.clocks.check(); err != nil {
		return err
	}
	return d.retry(ctx, judge)
}

// retry judges and writes until nothing moves in between. It judges by the
// newest state known here, without asking the database whether there is a newer
// one: what is written expects that state in the ledger and is refused there if
// it is not the newest, and a no that is told was judged by the newest.
func (d *Desk) retry(ctx context.Context, judge func(*proof.State) (func(*tx) error, error)) error {
	for range attempts {
		state := d.state.Load()
		err := d.try(ctx, state, judge)
		if err == nil {
			return nil
		}
		moved := errors.Is(err, ledger.ErrMoved) || fault.Is(err, "version-moved")
		if kind := fault.KindOf(err); !moved && (kind == fault.Internal || kind == fault.Unavailable) {
			return err
		}
		newest, unread := d.State(ctx)
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
// with an entry that expects this state; see tx.record.
func (d *Desk) try(ctx context.Context, state *proof.State, judge func(*proof.State) (func(*tx) error, error)) error {
	apply, err := judge(state)
	if err != nil {
		return err
	}
	d.step(StepJudged)
	again := false
	var last *tx
	err = d.store.Write(ctx, func(stx *store.Tx) error {
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
		last = &tx{Tx: stx, desk: d, state: state}
		return apply(last)
	})
	if err == nil {
		d.logAlarms(ctx, last.raised)
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

// record enters something in the ledger with the change, if the state that the
// change was authorised against is the newest still.
func (t *tx) record(kind string, data any, sealed ...ledger.Opening) *store.Recorded {
	return t.Record(ledger.Draft{Class: ledger.Desk, Kind: kind, Data: data, Sealed: sealed, Expect: t.state.Next})
}

// raise has an alarm logged once the change is committed.
func (t *tx) raise(a store.Alarm) { t.raised = append(t.raised, a) }

// logAlarms writes what a committed change has raised into the log.
func (d *Desk) logAlarms(ctx context.Context, raised []store.Alarm) {
	for _, a := range raised {
		level := slog.LevelInfo
		switch a.Severity {
		case store.Page:
			level = slog.LevelError
		case store.Warn:
			level = slog.LevelWarn
		}
		d.logger.Log(ctx, level, "alarm", "alarm", a.ID, "kind", a.Kind, "text", a.Text, "incident", a.Incident, "platform", a.Platform, "tier", a.Tier)
	}
}

// newestState returns the newest state known here, without asking the database for a newer one.
func (d *Desk) newestState() *proof.State { return d.state.Load() }

// State returns the governance chain folded up to its newest entry. It must not
// be changed.
func (d *Desk) State(ctx context.Context) (*proof.State, error) {
	number, err := d.store.NextGovernance(ctx)
	if err != nil {
		return nil, err
	}
	return d.stateAt(ctx, number)
}

// stateAt returns the chain folded at least up to the entry before a number.
func (d *Desk) stateAt(ctx context.Context, number int64) (*proof.State, error) {
	if s := d.state.Load(); s.Next >= number {
		return s, nil
	}
	return d.fold(ctx)
}

// fold catches up with governance entries that another node appended, or that
// were there at start.
func (d *Desk) fold(ctx context.Context) (*proof.State, error) {
	d.folding.Lock()
	defer d.folding.Unlock()
	s := d.state.Load()
	next := s.Clone()
	for {
		entries, err := d.store.Governance(ctx, next.Next, 1000)
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
	d.publish(next)
	return d.state.Load(), nil
}

// publish makes a state the newest, unless a newer one is there.
func (d *Desk) publish(s *proof.State) {
	for {
		old := d.state.Load()
		if old != nil && old.Next >= s.Next || d.state.CompareAndSwap(old, s) {
			return
		}
	}
}

// checkEntries is called by the store before it commits: governance entries are
// folded exactly as every follower will fold them, so that nothing is committed
// which the chain's own rules refuse.
func (d *Desk) checkEntries(entries []ledger.Entry) (committed func(), err error) {
	var next *proof.State
	for _, e := range entries {
		if e.Leaf.Class != ledger.Governance {
			continue
		}
		if next == nil {
			next = d.state.Load().Clone()
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
	return func() { d.publish(next) }, nil
}

// timeNow returns the desk's clock, to the microsecond.
func (d *Desk) timeNow() canonical.Time { return canonical.At(d.now()) }
