package inquiry

import (
	"context"
	"runtime"
	"sync"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// MaxBacktest is the largest number of ledger entries that a backtest goes through. That is
// well under a minute's work, which the surfaces' time-outs allow.
const MaxBacktest = 1_000_000

// MaxChanges is the longest list of changes that a backtest gives.
const MaxChanges = 1000

// Backtested is the result of a backtest, with the time and the size of the ledger that it
// covers.
type Backtested struct {
	Since, Until canonical.Time
	Size         int64 // of the ledger that was read
	proof.Replayed
}

// replayStep is how many entries are read at a time: enough that reading and
// opening go on side by side.
const replayStep = 2048

// Backtest replays what was asked from since on and before until (the zero time: now)
// against a proposed set, facts as then. It lists at most limit of the rulings that change
// and counts them all. Nothing is stored. The policy set is compiled as for being put in
// force; the error is that of policy.Compile if it could not be.
func (d *Room) Backtest(ctx context.Context, by kernel.Caller, files map[string]string, since, until canonical.Time, limit int) (Backtested, error) {
	out := Backtested{Since: since, Until: until}
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return out, err
	}
	if !mayProposePolicy(s, st) {
		if err := kernel.Evidence(s, st, "Past rulings, if you may not propose a policy,"); err != nil {
			return out, err
		}
	}
	if until.IsZero() {
		out.Until = d.desk.TimeNow()
	}
	if !since.Before(out.Until.Time) {
		return out, fault.New(fault.Invalid, "bad-window", "A backtest must begin before it ends; since is %s and until is %s.", since, out.Until)
	}
	proposed, err := policy.Compile(files)
	if err != nil {
		return out, err
	}
	if limit < 0 || limit > MaxChanges {
		limit = MaxChanges
	}
	out.Replayed, out.Size, err = d.replay(ctx, proposed, out.Since, out.Until, limit)
	return out, err
}

// mayProposePolicy asks the policy in force whether a worker may request another.
func mayProposePolicy(s *proof.State, st workforce.Standing) bool {
	a := actions.Action{Kind: actions.DeskChange, Direction: actions.Burdening, Effect: actions.Reversible, Tier: actions.Critical,
		Subject: platform.Subject{Platform: actions.DeskPlatform, ID: actions.PartPolicy}}
	return s.Policy.Rule(proof.FactsOf(a, st, actions.Critical, "")).Verdict != policy.Forbidden
}

// replay reads the ledger in steps: while one is ruled on, the next is opened and the one
// after it is read.
func (d *Room) replay(ctx context.Context, proposed *policy.Set, since, until canonical.Time, limit int) (out proof.Replayed, size int64, err error) {
	var first, end int64
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		if first, err = stx.IndexAt(since); err != nil {
			return err
		}
		if end, err = stx.IndexAt(until); err != nil {
			return err
		}
		size, _, err = stx.Newest()
		return err
	})
	if err != nil {
		return out, size, err
	}
	if end-first > MaxBacktest {
		return out, size, fault.New(fault.TooLarge, "window-too-large", "There are %d ledger entries in that time; a backtest reads at most %d. Ask for a shorter time.", end-first, int64(MaxBacktest))
	}
	then, err := d.desk.StateBefore(ctx, first)
	if err != nil {
		return out, size, err
	}
	r := proof.NewReplay(then, proposed, since.Time, until.Time, limit)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for step := range d.past(ctx, first, size) {
		if step.err != nil {
			return out, size, step.err
		}
		for _, p := range step.entries {
			if p.Index >= end && !r.Waiting(p.Body.Time.Time) {
				return r.Result(), size, nil
			}
			if err := r.Next(p); err != nil {
				return out, size, err
			}
		}
	}
	return r.Result(), size, ctx.Err()
}

// pastStep is a stretch of opened entries.
type pastStep struct {
	entries []proof.Past
	err     error
}

// past reads the entries that a replay needs and opens them, one stretch ahead of its
// receiver. It ends when ctx does.
func (d *Room) past(ctx context.Context, from, to int64) <-chan pastStep {
	read, opened := make(chan []store.RawEntry, 1), make(chan pastStep, 1)
	failed := make(chan error, 1)
	go func() {
		defer close(read)
		for from < to {
			var raw []store.RawEntry
			err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
				raw, err = stx.RawEntries(from, to, replayStep, entry.KindRequest, entry.KindCountersign, entry.KindDecline, entry.KindRefused)
				return err
			})
			if err != nil {
				failed <- err
				return
			}
			if len(raw) == 0 {
				return
			}
			from = raw[len(raw)-1].Index + 1
			select {
			case read <- raw:
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		defer close(opened)
		send := func(s pastStep) bool {
			select {
			case opened <- s:
				return true
			case <-ctx.Done():
				return false
			}
		}
		for raw := range read {
			if !send(pastStep{entries: openAll(raw)}) {
				return
			}
		}
		select {
		case err := <-failed:
			send(pastStep{err: err})
		default:
		}
	}()
	return opened
}

// openAll opens entries, a share on each processor.
func openAll(raw []store.RawEntry) []proof.Past {
	out := make([]proof.Past, len(raw))
	var all sync.WaitGroup
	n := runtime.GOMAXPROCS(0)
	for i := range n {
		all.Go(func() {
			for k := i * len(raw) / n; k < (i+1)*len(raw)/n; k++ {
				e := raw[k]
				out[k] = proof.OpenPast(e.Index, e.Kind, e.Time, e.Leaf, e.Body, e.Salt)
			}
		})
	}
	all.Wait()
	return out
}

// RequestThen returns the recorded entry of a request, and the chain as it was when the
// request was ruled on. proof.State.WouldRule takes both, to say how that time's, today's
// or a proposed set rules on it. If the ledger no longer holds the entry as it was made,
// the error is a fault of type "not-recorded". The caller checks who may read the result.
func (d *Room) RequestThen(ctx context.Context, request string) (entry.Request, *proof.State, error) {
	var rec entry.Request
	r, err := d.desk.Load(ctx, request)
	if err != nil {
		return rec, nil, err
	}
	_, p, ok, err := d.desk.EntryOf(ctx, entry.KindRequest, r.Signed)
	if err != nil {
		return rec, nil, err
	}
	if ok {
		then, err := d.desk.StateBefore(ctx, p.Index)
		return *p.Request, then, err
	}
	return rec, nil, fault.New(fault.NotFound, "not-recorded", "The ledger no longer holds what the request %s was ruled by.", request)
}
