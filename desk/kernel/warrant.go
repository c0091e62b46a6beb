package kernel

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// handOvers is how often a hand-over is tried: without end, until the executor reports an
// outcome, as it does for an expired warrant too. So no approved request is forgotten
// because the executor was away for long.
const jobAttempts = math.MaxInt32

// jobPause is the pause after a failed attempt: half a minute at most, so that an act
// does not wait longer than that once the executor is back.
func jobPause(attempt int) time.Duration {
	return min(time.Second<<min(attempt-1, 5), 30*time.Second)
}

// Assemble puts the warrant of an approved request together: its core, the entries that it
// rests on, and proofs that the ledger holds them. The error is of type "no-warrant" if the
// request has none.
func (k *Kernel) Assemble(ctx context.Context, r store.Request) ([]byte, error) {
	if len(r.Core) == 0 {
		if spec, _ := actions.SpecOf(r.Action.Kind); spec.Desk && r.Status == actions.StatusExecuted {
			return nil, fault.New(fault.NotFound, "no-warrant", "A change of the desk has no warrant: its proof is its entry in the governance chain.")
		}
		return nil, fault.New(fault.NotFound, "no-warrant", "The request is %s; it has no warrant.", r.Status.Word())
	}
	var core proof.Core
	if err := canonical.Unmarshal(r.Core, &core); err != nil {
		return nil, fmt.Errorf("the core of %s in the database: %w", r.ID, err)
	}
	// Entries of the ledger never change, so the reads below agree although they are not
	// made at one moment.
	entry, evidence, err := k.Store.WarrantEntries(ctx, r.Entry, r.Evidence)
	if err != nil {
		return nil, err
	}
	indexes := []int64{entry.Index}
	for _, e := range evidence {
		indexes = append(indexes, e.Index)
	}
	waited, places, err := k.WaitedEntries(ctx, core)
	if err != nil {
		return nil, err
	}
	indexes = append(indexes, places...)
	size, checkpoint, err := k.Store.Covering(ctx, slices.Max(indexes))
	if err != nil {
		return nil, err
	}
	proofs, err := k.Tiles.Inclusions(ctx, size, indexes...)
	if err != nil {
		return nil, err
	}
	var people []proof.Evidence
	for i, e := range evidence {
		people = append(people, proof.Evidence{Entry: e.Body, Salt: e.Salt, Proof: proofs[i+1]})
	}
	for i := range waited {
		waited[i].Proof = proofs[1+len(evidence)+i]
	}
	anchor := proof.Anchor{Checkpoint: string(checkpoint), Entry: entry.Body, Salt: entry.Salt, Proof: proofs[0]}
	return canonical.Marshal(proof.Assemble(core, people, anchor, waited))
}

// WaitedEntries returns the entries from which a wait is counted, still without proofs, and
// their indexes.
func (k *Kernel) WaitedEntries(ctx context.Context, c proof.Core) (entries []proof.Evidence, indexes []int64, err error) {
	if c.Ruling.Need.Wait == 0 {
		return nil, nil, nil
	}
	kind := entry.KindRequest
	for _, signed := range append([]actions.Signed{c.Request}, c.Countersignatures...) {
		e, p, ok, err := k.EntryOf(ctx, kind, signed)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			return nil, nil, fmt.Errorf("the ledger no longer has the entry with the statement of %s on %s, from which the wait is counted", signed.Statement.Signer, signed.Statement.Request)
		}
		entries = append(entries, proof.Evidence{Entry: p.Body, Salt: canonical.Bytes(e.Salt)})
		indexes = append(indexes, e.Index)
		kind = entry.KindCountersign
	}
	return entries, indexes, nil
}
