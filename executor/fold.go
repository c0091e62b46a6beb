package executor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
)

// fold applies the bodies that were received, each class in its order.
func (f *follower) fold() {
	var missing []string
	own := f.e.now()
	for len(f.executions) > 0 && f.executions[0].body != nil {
		n := f.executions[0]
		f.executions = f.executions[1:]
		f.dated(n.body.Time, own)
		ours, err := f.e.outbox.compare(n)
		if err != nil {
			f.stops[stopForeign] = fault.TextOf(err)
		}
		if !ours && n.body.Kind == proof.KindTiers {
			f.tiers = append(f.tiers, n)
		}
	}
	if len(f.executions) > 0 {
		missing = append(missing, describe(f.executions[0]))
	}
	f.foldGovernance(own)
	switch {
	case f.unheard != (stretch{}): // stopUnheard, below, says so
	case len(f.governance) > 0:
		missing = append(missing, describe(f.governance[0]))
	default:
		if err := f.adopt(); err != nil {
			f.stops[stopTiers] = fault.TextOf(err)
		}
	}
	delete(f.stops, stopUnheard)
	if s := f.unheard; s != (stretch{}) {
		f.stops[stopUnheard] = fmt.Sprintf("The desk has not given the ledger's entries from %d on yet. One of them may be somebody's refusal of the change of the desk in %s, so the change does not count until they are read.",
			s.from, describe(f.governance[0]))
		if !f.remembers(s.from) {
			f.stops[stopUnheard] += " This executor no longer remembers their leaves: find out why the desk kept the entries back, and start the executor again."
		}
	}
	if len(missing) == 0 {
		delete(f.stops, stopWithheld)
		return
	}
	f.stops[stopWithheld] = "The desk does not give the body of " + strings.Join(missing, " and of ") +
		", or gives another than its leaf commits to; without it nobody knows who may do what."
}

// adopt takes over the tiers that were entered by other executors of this desk, or by
// this one before its journal was lost. It must wait until the chain is folded far enough
// to know the executors' keys.
func (f *follower) adopt() error {
	for ; len(f.tiers) > 0; f.tiers = f.tiers[1:] {
		n := f.tiers[0]
		record, err := proof.ParseExecution(*n.body)
		if err != nil {
			return err
		}
		if err := record.VerifyBy(f.state); err != nil {
			continue // the chain knows no such executor, so the entry says nothing
		}
		found, hidden, err := proof.TiersOf(*n.body, n.seals)
		if err != nil {
			return err
		}
		if err := f.e.adopt(context.Background(), f.state, found, record.Execution); err != nil {
			return err
		}
		if hidden > 0 {
			f.stops[stopTiers] = fmt.Sprintf("The ledger says in %s that %d subjects of %s are %s, and the desk does not say which: nobody knows which subjects one person must not touch alone. "+
				"Give this executor the journal of the one before.", describe(n), hidden, record.Execution.Sight.Platform, record.Execution.Sight.Tier)
		}
	}
	return nil
}

// keep queues verified entries of the governance chain for the journal. It keeps none of
// a ledger that is not the journal's: with the entries of two chains the journal could
// not be read at the next start, and nothing would be lifted any more.
func (f *follower) keep(verified []followedEntry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range verified {
		if n.leaf.Number == int64(len(f.chain)) && !f.foreign {
			f.unkept = append(f.unkept, journal.ChainEntry{Place: n.index, Leaf: n.leaf, Body: n.raw, Salt: n.salt})
			f.chain = append(f.chain, n.leaf.Digest())
		}
	}
}

// refold folds a chain that the journal kept, as far as it is settled.
func refold(root canonical.Digest, chain []journal.ChainEntry) (*proof.State, error) {
	settled := 0
	apply := func(n int) (*proof.State, error) {
		s := proof.NewState(root)
		for i, c := range chain[:n] {
			b, err := ledger.Verify(c.Leaf, c.Body, c.Salt)
			if err == nil {
				err = s.Apply(c.Leaf, b)
			}
			if err != nil {
				return nil, fmt.Errorf("governance entry %d in the journal: %w", c.Leaf.Number, err)
			}
			if s.Settled() {
				settled = i + 1
			}
		}
		return s, nil
	}
	s, err := apply(len(chain))
	if err != nil || s.Settled() {
		return s, err
	}
	return apply(settled)
}

// avoid queues a revived change for the journal as void. The change stays void even after
// the leaves are forgotten that prove the refusal.
func (f *follower) avoid(n followedEntry, because error) {
	leaf := n.leaf.Digest()
	if f.void[leaf] != "" {
		return
	}
	f.void[leaf] = fault.TextOf(because)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.voided = append(f.voided, journal.Void{Leaf: leaf, Why: f.void[leaf]})
}

func describe(n followedEntry) string {
	return fmt.Sprintf("the %s entry %d (entry %d of the ledger)", n.leaf.Class, n.leaf.Number, n.index)
}

// foldGovernance applies the governance entries that verify. An entry that fails may
// leave a state half changed, so that state is thrown away and built again.
func (f *follower) foldGovernance(own time.Time) {
	ready := 0
	f.unheard = stretch{}
	for ready < len(f.governance) && f.governance[ready].body != nil {
		if s, ok := f.heardChange(f.governance[ready]); ok {
			f.unheard = s
			break
		}
		ready++
	}
	if ready == 0 {
		return
	}
	settled, renewed := 0, int64(-1)
	apply := func(n int) (*proof.State, int, error) {
		s := f.state.Clone()
		for i := range n {
			formats := s.Formats
			if err := f.revived(f.governance[i]); err != nil {
				f.avoid(f.governance[i], err)
				return nil, i, err
			}
			if err := s.Apply(f.governance[i].leaf, *f.governance[i].body); err != nil {
				return nil, i, err
			}
			if s.Settled() {
				settled = i + 1
			}
			if formats < 2 && s.Formats >= 2 {
				renewed = f.governance[i].index
			}
		}
		return s, n, nil
	}
	s, good, err := apply(ready)
	if err != nil {
		f.broken = true
		f.stops[stopBroken] = fmt.Sprintf("The governance entry %d does not verify: %s Burdening acts are refused from now on.",
			f.governance[good].leaf.Number, fault.TextOf(err))
		if s, _, err = apply(good); err != nil {
			s, good = f.state, 0
		}
	}
	switch {
	case s.Settled():
		f.settled = s
	case settled > 0:
		if f.settled, _, err = apply(settled); err != nil {
			f.settled = f.state
		}
	}
	f.keep(f.governance[:good])
	for _, n := range f.governance[:good] {
		f.dated(n.body.Time, own)
	}
	f.mu.Lock()
	for _, n := range f.governance[:good] {
		f.nos.times = append(f.nos.times, stamp{n.index, n.body.Time})
	}
	f.mu.Unlock()
	f.state, f.governance = s, f.governance[good:]
	f.mu.Lock()
	f.nos.folded = s.Time
	if s.Formats >= 2 && f.renewed < 0 {
		f.renewed = renewed
	}
	f.mu.Unlock()
	if f.broken { // once the chain is broken nothing is folded, so nothing has to be read first
		f.governance, f.unheard = nil, stretch{}
	}
}
