package executor

import (
	"context"
	"sync"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
)

// outbox knows every signed record, and hands over those that the verified ledger does
// not hold. That the ledger holds them is the only acknowledgement that counts.
type outbox struct {
	e    *Executor
	wake chan struct{}

	mu      sync.Mutex
	digests []canonical.Digest              // of every record, by sequence
	index   []int64                         // where the ledger holds it, by sequence; -1: not seen
	first   int64                           // every record below is in the ledger
	given   int64                           // every record below was handed over since the start, or is in the ledger
	fresh   map[int64]proof.SignedExecution // signed by this process and not handed over yet
}

func newOutbox(e *Executor, digests []canonical.Digest, entered int64) *outbox {
	o := &outbox{e: e, wake: make(chan struct{}, 1), digests: digests, index: make([]int64, len(digests)), first: min(entered, int64(len(digests))),
		fresh: map[int64]proof.SignedExecution{}}
	for i := range o.index {
		o.index[i] = -1
	}
	o.given = o.first
	return o
}

// add takes a record that was just journalled.
func (o *outbox) add(r proof.SignedExecution) {
	o.mu.Lock()
	o.learn(r.Execution.Sequence, canonical.DigestOf(r))
	o.fresh[r.Execution.Sequence] = r
	o.mu.Unlock()
	o.nudge()
}

func (o *outbox) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// learn notes the digest of a record. It is called with the lock held. Records may be
// learnt out of order, since several acts are journalled at once.
func (o *outbox) learn(sequence int64, d canonical.Digest) {
	for int64(len(o.digests)) <= sequence {
		o.digests, o.index = append(o.digests, canonical.Digest{}), append(o.index, -1)
	}
	o.digests[sequence] = d
}

// compare looks at an entry of the class execution, and says whether our journal holds
// it. An entry in our name must be a record of ours, and must come once. If it does not,
// somebody has our key, or our journal is an old copy, and acts may have been carried out
// that we do not know of.
func (o *outbox) compare(n followedEntry) (ours bool, err error) {
	given, err := proof.ParseExecution(*n.body)
	if err != nil {
		return false, err
	}
	x := given.Execution
	if x.Executor != o.e.id {
		return false, nil
	}
	want, err := o.digest(x.Sequence)
	if err != nil {
		return false, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if want.IsZero() || canonical.DigestOf(given) != want {
		return false, fault.New(fault.Conflict, "foreign-record",
			"The ledger holds the %s %d of this executor (entry %d), which its journal lacks: the journal is an old one, or somebody else has its key.", x.Kind, x.Sequence, n.index)
	}
	if o.index[x.Sequence] >= 0 {
		return true, fault.New(fault.Conflict, "doubled-record", "The ledger holds the %s %d of this executor twice, as entries %d and %d.", x.Kind, x.Sequence, o.index[x.Sequence], n.index)
	}
	o.index[x.Sequence] = n.index
	for o.first < int64(len(o.index)) && o.index[o.first] >= 0 {
		o.first++
	}
	delete(o.fresh, x.Sequence)
	return true, nil
}

// digest returns the journal's digest of a record. It asks the journal if the outbox does
// not know it yet: the record may have come back faster than it was added.
func (o *outbox) digest(sequence int64) (canonical.Digest, error) {
	o.mu.Lock()
	if sequence >= 0 && sequence < int64(len(o.digests)) && !o.digests[sequence].IsZero() {
		defer o.mu.Unlock()
		return o.digests[sequence], nil
	}
	o.mu.Unlock()
	r, ok, err := o.e.journal.Record(context.Background(), sequence)
	if err != nil || !ok {
		return canonical.Digest{}, err
	}
	d := canonical.DigestOf(r)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.learn(sequence, d)
	return d, nil
}

// holds reports whether the ledger of a view holds a record. A judgement by the same view
// then goes by all entries from before the record.
func (o *outbox) holds(v *view, sequence int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return sequence < int64(len(o.index)) && o.index[sequence] >= 0 && o.index[sequence] < v.size
}

// handed waits until the desk has taken a record, and reports whether it did before
// ctx ended.
func (o *outbox) handed(ctx context.Context, sequence int64) bool {
	return o.e.ledger.await(ctx, func(v *view) bool { return o.holds(v, sequence) })
}

// entered returns a sequence number: every record below it is in the ledger.
func (o *outbox) entered() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.first
}

// handOver gives the desk the records that it lacks, in the order of their sequence. The
// desk enters a record once, however often it is given.
func (o *outbox) handOver(ctx context.Context) error {
	p := o.e.pause()
	for ctx.Err() == nil {
		sequence, ok := o.next()
		if !ok {
			o.idle(ctx)
			continue
		}
		r, ok, err := o.execution(ctx, sequence)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if ok {
			err = o.e.desk.Record(ctx, r)
		}
		// If we die here the desk may or may not have the record; it is given again.
		if !ok || err != nil {
			// The desk lacks an earlier record, which it accepted and did not keep, and so refuses
			// this one: begin with the first that it lacks.
			o.again()
			if p.wait(ctx) != nil {
				return nil
			}
			continue
		}
		p = o.e.pause()
		o.mu.Lock()
		if o.given == sequence { // otherwise all records are to be given again
			o.given++
		}
		o.mu.Unlock()
		o.e.step(StepHandedOver)
	}
	return nil
}

// idle waits for a record to give. Records that the desk accepted and that do not turn up
// in the ledger are given again.
func (o *outbox) idle(ctx context.Context) {
	timer := time.NewTimer(o.e.limits.Entry)
	defer timer.Stop()
	select {
	case <-o.wake:
	case <-ctx.Done():
	case <-timer.C:
		o.again()
	}
}

// next returns the first record to give.
func (o *outbox) next() (sequence int64, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.given = max(o.given, o.first); o.given < int64(len(o.index)); o.given++ {
		if o.index[o.given] < 0 {
			return o.given, true
		}
	}
	return 0, false
}

// execution returns a record; ok is false while a change that numbered it is under way.
func (o *outbox) execution(ctx context.Context, sequence int64) (proof.SignedExecution, bool, error) {
	o.mu.Lock()
	r, ok := o.fresh[sequence]
	o.mu.Unlock()
	if ok {
		return r, true, nil
	}
	return o.e.journal.Record(ctx, sequence)
}

// again has all records given once more that the ledger does not hold: the desk accepted
// them and did not enter them.
func (o *outbox) again() {
	o.mu.Lock()
	o.given = o.first
	o.mu.Unlock()
	o.nudge()
}
