package desk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// waitJob looks at a held request again when a wait may be over. With all its
// signatures it is approved then, by nobody's further act.
type waitJob struct {
	Request string `json:"request"`
}

func (waitJob) Kind() string { return "desk.wait" }

// recordOf returns the ledger's entry of kind request or countersign that holds a
// signed statement; ok is false if there is none yet. It stands within the time
// in which the statement could be handed in.
func (d *Desk) recordOf(ctx context.Context, kind string, signed actions.Signed) (entry store.RawEntry, record proof.Past, ok bool, err error) {
	var raw []store.RawEntry
	err = d.store.Read(ctx, func(stx *store.Tx) error {
		from, err := stx.IndexAt(canonical.At(signed.Statement.NotBefore.Add(-maxSkew)))
		if err != nil {
			return err
		}
		to, err := stx.IndexAt(canonical.At(signed.Statement.NotBefore.Add(draftLife + maxSkew)))
		if err != nil {
			return err
		}
		raw, err = stx.RawEntries(from, to, int(to-from), kind)
		return err
	})
	if err != nil {
		return entry, record, false, err
	}
	want := canonical.DigestOf(signed)
	for _, e := range raw {
		if e.Kind != kind {
			continue
		}
		p := proof.OpenPast(e.Index, e.Kind, e.Time, e.Leaf, e.Body, e.Salt)
		if p.Request != nil && canonical.DigestOf(p.Request.Signed) == want || p.Verdict != nil && canonical.DigestOf(p.Verdict.Signed) == want {
			return e, p, true, nil
		}
	}
	return entry, record, false, nil
}

// entered says since when the ledger has had the signatures on a request.
func (d *Desk) entered(ctx context.Context, r store.Request) (proof.Entered, error) {
	out := proof.Entered{}
	kind := entry.KindRequest
	for _, signed := range append([]actions.Signed{r.Signed}, r.Signers...) {
		_, p, ok, err := d.recordOf(ctx, kind, signed)
		if err != nil {
			return nil, err
		}
		if ok {
			out[signed.Statement.Signer] = p.Body.Time.Time
		}
		kind = entry.KindCountersign
	}
	return out, nil
}

// waitedEntries returns the entries that a wait is counted from, with their
// places, still without proofs.
func (d *Desk) waitedEntries(ctx context.Context, c proof.Core) (entries []proof.Evidence, indexes []int64, err error) {
	if c.Ruling.Need.Wait == 0 {
		return nil, nil, nil
	}
	kind := entry.KindRequest
	for _, signed := range append([]actions.Signed{c.Request}, c.Countersignatures...) {
		e, p, ok, err := d.recordOf(ctx, kind, signed)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			return nil, nil, fmt.Errorf("the ledger no longer has the entry of the statement of %s on %s, from which a wait was counted", signed.Statement.Signer, signed.Statement.Request)
		}
		entries = append(entries, proof.Evidence{Entry: p.Body, Salt: canonical.Bytes(e.Salt)})
		indexes = append(indexes, e.Index)
		kind = entry.KindCountersign
	}
	return entries, indexes, nil
}

// waitedChange proves, for a change of the desk that is ready after a wait, since
// when the ledger has had its signatures; it is empty if there was none.
func (d *Desk) waitedChange(ctx context.Context, s *proof.State, ask proof.Ask, j proof.Judgement) (out proof.Waited, err error) {
	if spec, _ := actions.SpecOf(ask.Action.Kind); !spec.Desk || !j.Ready || j.Need.Wait == 0 {
		return out, nil
	}
	core, err := s.Seal(ask, j)
	if err != nil {
		return out, err
	}
	entries, indexes, err := d.waitedEntries(ctx, core)
	if err != nil {
		return out, err
	}
	size, checkpoint, err := d.store.Covering(ctx, slices.Max(indexes))
	if err != nil {
		return out, err
	}
	proofs, err := d.tiles.Inclusions(ctx, size, indexes...)
	if err != nil {
		return out, err
	}
	for i := range entries {
		entries[i].Proof = proofs[i]
	}
	return proof.Waited{Checkpoint: string(checkpoint), Entries: entries}, nil
}

// wait approves a held request whose wait is over. If it is not, it comes again
// when that may be; if the signatures do not suffice, the next one brings it up.
func (d *Desk) wait(ctx context.Context, request string) error {
	var out store.Request
	var warrant *store.Recorded
	err := d.change(ctx, Caller{}, "wait", func(s *proof.State) (func(*tx) error, error) {
		out, warrant = store.Request{}, nil
		r, err := d.load(ctx, request)
		if err != nil {
			return nil, err
		}
		if !r.Open() {
			return func(*tx) error { return nil }, nil
		}
		ask, err := d.askAgain(ctx, s, r)
		if err != nil {
			return nil, err
		}
		j, ask, err := d.judgeSigned(s, ask, r.Signers)
		switch kind := fault.KindOf(err); {
		case err != nil && (kind == fault.Internal || kind == fault.Unavailable):
			return nil, err
		case err != nil: // by now it is forbidden; it is asked in vain and ends by itself
			return func(*tx) error { return nil }, nil
		case !j.Ready:
			return func(t *tx) error { return t.waitAgain(r.ID, ask, j) }, nil
		}
		next, err := r.Waited(canonical.At(ask.At))
		if err != nil {
			return nil, err
		}
		v, err := d.concludeOpen(ctx, s, r, ask, j)
		if err != nil {
			return nil, err
		}
		return func(t *tx) (err error) {
			out = with(r, next)
			warrant, err = t.approve(&out, v, false)
			return err
		}, nil
	})
	if fault.Is(err, "not-open") {
		return nil // it came to its end in the ledger, which is logged
	}
	if err != nil {
		return err
	}
	// If we die here, the job is due again, finds nothing to do, and the job that
	// was committed with the approval carries it.
	if out.ID != "" {
		d.hurry(out, warrant)
	}
	return nil
}

// waitAgain leaves the job for when the next wait ends, if there is one to come.
func (t *tx) waitAgain(request string, ask proof.Ask, j proof.Judgement) error {
	wait := time.Duration(j.Need.Wait) * time.Second
	var next time.Time
	for _, since := range ask.Entered {
		if over := since.Add(wait); over.After(ask.At) && (next.IsZero() || over.Before(next)) {
			next = over
		}
	}
	if next.IsZero() {
		return nil
	}
	return jobs.Enqueue(t.Tx.Tx, waitJob{request}, canonical.At(next), request)
}
