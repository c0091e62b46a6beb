package kernel

import (
	"context"
	"fmt"
	"time"

	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
)

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

// fold applies the governance entries that the state lacks: those that another node
// appended, and at start all.
func (k *Kernel) fold(ctx context.Context) (*proof.State, error) {
	k.folding.Lock()
	defer k.folding.Unlock()
	s := k.state.Load()
	next := s.Clone()
	if err := k.advance(ctx, next, func(int64, ledger.Body) bool { return false }); err != nil {
		return nil, err
	}
	k.publish(next)
	return k.state.Load(), nil
}

// advance applies to s the governance entries that it lacks, each checked against its leaf,
// up to the first that later reports.
func (k *Kernel) advance(ctx context.Context, s *proof.State, later func(index int64, body ledger.Body) bool) error {
	for {
		entries, err := k.Store.Governance(ctx, s.Next, governancePage)
		if err != nil {
			return err
		}
		for _, e := range entries {
			body, err := ledger.Verify(e.Leaf, e.BodyBytes, e.Salt)
			if err != nil {
				return fmt.Errorf("governance entry %d in the database: %w", e.Leaf.Number, err)
			}
			if later(e.Index, body) {
				return nil
			}
			if err := s.Apply(e.Leaf, body); err != nil {
				return err
			}
		}
		if len(entries) < governancePage {
			return nil
		}
	}
}

// governancePage is the number of entries that one read of the governance chain asks for.
const governancePage = 1000

// PastState returns the governance chain folded up to the last entry that is not dated
// later than an instant. An admission that was begun by then is folded as a whole.
func (k *Kernel) PastState(ctx context.Context, at time.Time) (*proof.State, error) {
	if s := k.Newest(); !at.Before(s.Time.Time) {
		return s, nil
	}
	s := proof.NewState(k.Newest().Root)
	return s, k.advance(ctx, s, func(_ int64, body ledger.Body) bool { return body.Time.After(at) && s.Settled() })
}

// StateBefore returns the governance chain folded up to the last entry before an index of
// the ledger.
func (k *Kernel) StateBefore(ctx context.Context, index int64) (*proof.State, error) {
	s := proof.NewState(k.Newest().Root)
	return s, k.advance(ctx, s, func(i int64, _ ledger.Body) bool { return i >= index })
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

// checkEntries folds governance entries as every follower will fold them. The store calls
// it before it commits, so that no entry is committed that the chain's own rules refuse.
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
