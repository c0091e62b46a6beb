package acts

import (
	"context"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// waitJob judges a held request again when its wait may be over. If it has all its
// signatures, it is approved then without any further act of a person.
type waitJob struct {
	Request string `json:"request"`
}

func (waitJob) Kind() string { return "desk.wait" }

// entered returns when the ledger got each signature on a request.
func (d *Room) entered(ctx context.Context, r store.Request) (proof.Entered, error) {
	out := proof.Entered{}
	kind := entry.KindRequest
	for _, signed := range append([]actions.Signed{r.Signed}, r.Signers...) {
		_, p, ok, err := d.desk.EntryOf(ctx, kind, signed)
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

// waitedChange returns the proof of when the ledger got the signatures of a change of the
// desk that is ready after a wait. It is empty if there was no wait.
func (d *Room) waitedChange(ctx context.Context, s *proof.State, ask proof.Ask, j proof.Judgement) (out proof.Waited, err error) {
	if spec, _ := actions.SpecOf(ask.Action.Kind); !spec.Desk || !j.Ready || j.Need.Wait == 0 {
		return out, nil
	}
	core, err := s.Seal(ask, j)
	if err != nil {
		return out, err
	}
	entries, indexes, err := d.desk.WaitedEntries(ctx, core)
	if err != nil {
		return out, err
	}
	size, checkpoint, err := d.desk.Store.Covering(ctx, slices.Max(indexes))
	if err != nil {
		return out, err
	}
	proofs, err := d.desk.Tiles.Inclusions(ctx, size, indexes...)
	if err != nil {
		return out, err
	}
	for i := range entries {
		entries[i].Proof = proofs[i]
	}
	return proof.Waited{Checkpoint: string(checkpoint), Entries: entries}, nil
}

// wait approves a held request whose wait is over. If the wait is not over, it enqueues the
// job again for the time when it may be. If signatures are missing, the next signature
// enqueues the job.
func (d *Room) wait(ctx context.Context, request string) error {
	var out store.Request
	var warrant *store.Appended
	err := d.desk.Change(ctx, kernel.Caller{}, "wait", func(s *proof.State) (func(*kernel.Tx) error, error) {
		out, warrant = store.Request{}, nil
		r, err := d.desk.Load(ctx, request)
		if err != nil {
			return nil, err
		}
		if !r.Open() {
			return func(*kernel.Tx) error { return nil }, nil
		}
		ask, err := d.askAgain(ctx, s, r)
		if err != nil {
			return nil, err
		}
		j, ask, err := d.judgeSigned(s, ask, r.Signers)
		switch kind := fault.KindOf(err); {
		case err != nil && (kind == fault.Internal || kind == fault.Unavailable):
			return nil, err
		case err != nil: // the request is forbidden by now, and will expire
			return func(*kernel.Tx) error { return nil }, nil
		case !j.Ready:
			return func(t *kernel.Tx) error { return d.waitAgain(t, r.ID, ask, j) }, nil
		}
		next, err := r.Waited(canonical.At(ask.At))
		if err != nil {
			return nil, err
		}
		v, err := d.concludeOpen(ctx, s, r, ask, j)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) (err error) {
			out = with(r, next)
			warrant, err = d.store(t, &out, v, false)
			return err
		}, nil
	})
	if fault.Is(err, "not-open") {
		return nil // by the ledger it has ended; stillAsked has logged that
	}
	if err != nil {
		return err
	}
	// If we die here, this job runs again and finds nothing to do. The job that was
	// committed with the approval hands the warrant over.
	if out.ID != "" {
		d.hurry(out, warrant)
	}
	return nil
}

// waitAgain enqueues the job for the end of the next signature's wait, if there is one.
func (d *Room) waitAgain(t *kernel.Tx, request string, ask proof.Ask, j proof.Judgement) error {
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
