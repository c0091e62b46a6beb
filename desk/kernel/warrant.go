package kernel

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
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
	return k.assemble(ctx, r, func(proof.Core) ([]int64, error) { return nil, nil })
}

// Complete is Assemble with the governance entries that authorise those on which the warrant
// rests, down to entry 0. The error is of type "needs-ledger" if the warrant has no place for
// them, or if they do not show it by themselves; it is of type "too-large" if there would be
// more than most bytes.
func (k *Kernel) Complete(ctx context.Context, r store.Request, most int) ([]byte, error) {
	const instead = "Verify it with the whole chain instead: `countersign warrant verify FILE --trust FOLDER --ledger ADDRESS`."
	root := k.Newest().Root
	raw, err := k.assemble(ctx, r, func(c proof.Core) ([]int64, error) {
		if c.V == proof.WarrantV1 {
			return nil, fault.New(fault.Unsupported, "needs-ledger", "A warrant of version 1 does not carry who authorised its people and keys. %s", instead)
		}
		var grounds proof.Grounds
		var wrong error
		s := proof.NewState(root)
		err := k.advance(ctx, s, func(i int64, body ledger.Body) bool {
			if i < r.Entry {
				wrong = grounds.Follow(s, body)
			}
			return i >= r.Entry || wrong != nil
		})
		return grounds.Of(r.Evidence), cmp.Or(err, wrong)
	})
	if err != nil {
		return nil, err
	}
	if len(raw) > most {
		return nil, fault.New(fault.TooLarge, "too-large", "The complete warrant would have %d bytes, and it has at most %d. %s", len(raw), most, instead)
	}
	// What is handed out is checked as its reader will check it. A recovery is not shown by
	// few entries: who was left at the desk then, the whole chain says.
	if _, err := proof.NewVerifier(proof.Trust{Root: root}).Complete(raw); err != nil {
		return nil, fault.New(fault.Unsupported, "needs-ledger", "By a few entries it does not show who authorised the people and keys of this warrant: %s %s", fault.TextOf(err), instead).Because(err)
	}
	return raw, nil
}

// assemble is Assemble with the governance entries whose numbers authority gives for a core.
func (k *Kernel) assemble(ctx context.Context, r store.Request, authority func(proof.Core) ([]int64, error)) ([]byte, error) {
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
	numbers, err := authority(core)
	if err != nil {
		return nil, err
	}
	// Entries of the ledger never change, so the reads below agree although they are not
	// made at one moment.
	entry, evidence, err := k.Store.WarrantEntries(ctx, r.Entry, slices.Concat(r.Evidence, numbers))
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
	if core.V != proof.WarrantV1 && len(waited) == 0 {
		// The request of an act that waited for nobody is the entry before its warrant's.
		requested, known := k.Store.Remembered(r.Entry - 1)
		if _, is := requestIn(requested, core.Request); !known || !is {
			if requested, _, err = k.requestEntry(ctx, core.Request); err != nil {
				return nil, err
			}
		}
		waited, places = []proof.Evidence{{Entry: requested.Body, Salt: requested.Salt}}, []int64{requested.Index}
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
	out := proof.Proofs{People: people[:len(r.Evidence)], Authority: people[len(r.Evidence):], Anchor: anchor, Waited: waited}
	if core.V != proof.WarrantV1 {
		out.Requested, out.Waited = waited[0], waited[1:]
	}
	return canonical.Marshal(proof.Assemble(core, out))
}

// SealedDecision is the name of the field, in the entry of a request, that seals the
// decision that its action is a measure of.
const SealedDecision = "decision"

// RequestEntry returns what the ledger's entry of a request says, the decision that is
// sealed in it, if there is one, and the entry's time.
func (k *Kernel) RequestEntry(ctx context.Context, signed actions.Signed) (r entry.Request, d *actions.SignedDecision, at canonical.Time, err error) {
	e, r, err := k.requestEntry(ctx, signed)
	if err != nil || r.Decided == nil {
		return r, nil, e.Body.Time, err
	}
	d = &actions.SignedDecision{Signed: *r.Decided}
	i := slices.IndexFunc(e.Openings, func(o ledger.Opening) bool { return o.Name == SealedDecision })
	if i < 0 || canonical.UnmarshalExact(canonical.Raw(e.Openings[i].Value), &d.Decision) != nil || d.Decision.Digest() != r.Decided.Statement.Document {
		return r, nil, e.Body.Time, fmt.Errorf("the ledger's entry %d no longer opens the decision of the request %s", e.Index, signed.Statement.Request)
	}
	return r, d, e.Body.Time, nil
}

// requestEntry returns the ledger's entry of a request.
func (k *Kernel) requestEntry(ctx context.Context, signed actions.Signed) (e ledger.Entry, r entry.Request, err error) {
	err = k.Store.Read(ctx, func(stx *store.Tx) error {
		about, err := stx.EntriesAbout(signed.Statement.Request, canonical.Time{}, 1)
		if err != nil {
			return err
		}
		is := false
		if len(about) == 1 {
			r, is = requestIn(about[0], signed)
		}
		if !is {
			return fmt.Errorf("the ledger no longer has the entry of the request %s", signed.Statement.Request)
		}
		e = about[0]
		return nil
	})
	return e, r, err
}

// requestIn reads the entry of a request. It reports whether it is that of the one signed.
func requestIn(e ledger.Entry, signed actions.Signed) (r entry.Request, is bool) {
	if e.Body.Kind != entry.KindRequest || canonical.UnmarshalExact(e.Body.Data, &r) != nil {
		return r, false
	}
	return r, canonical.DigestOf(r.Signed) == canonical.DigestOf(signed)
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
