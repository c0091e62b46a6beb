package kernel

import (
	"context"
	"sync"
	"time"

	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// refusalsPerMinute is how many refusals of one person get an entry each; the
// rest of the minute is counted in one, so that nobody can fill the ledger by asking.
const refusalsPerMinute = 10

type refusals struct {
	mu  sync.Mutex
	by  map[workforce.WorkerID]*refusalCount
	now func() time.Time

	// Of those who are not known there is one count for all, by the type of what
	// they were told: they cannot grow it, since the types are ours.
	minute  time.Time
	unknown map[string]int64
	earlier map[string]int64 // of minutes that are over
}

type refusalCount struct {
	minute time.Time
	seen   int64
	over   int64 // not entered one by one
}

// count decides what to enter for one more refusal: itself, and perhaps the sum
// of an earlier minute.
func (r *refusals) count(w workforce.WorkerID) (enter bool, earlier int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[workforce.WorkerID]*refusalCount{}
	}
	minute := r.now().Truncate(time.Minute)
	c := r.by[w]
	if c == nil {
		c = &refusalCount{minute: minute}
		r.by[w] = c
	}
	if !c.minute.Equal(minute) {
		earlier = c.over
		*c = refusalCount{minute: minute}
	}
	c.seen++
	if c.seen > refusalsPerMinute {
		c.over++
		return false, earlier
	}
	return true, earlier
}

// countUnknown counts a refusal of somebody who is not known.
func (r *refusals) countUnknown(typ string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	if r.unknown == nil {
		r.unknown = map[string]int64{}
	}
	r.unknown[typ]++
}

// turn sets the count of a minute that is over aside. r.mu is held.
func (r *refusals) turn() {
	minute := r.now().Truncate(time.Minute)
	if minute.Equal(r.minute) {
		return
	}
	r.minute = minute
	if r.earlier == nil {
		r.earlier = map[string]int64{}
	}
	for typ, n := range r.unknown {
		r.earlier[typ] += n
	}
	clear(r.unknown)
}

// overdueUnknown takes the counts of minutes that are over, by type.
func (r *refusals) overdueUnknown() map[string]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	sums := r.earlier
	r.earlier = nil
	return sums
}

// Strange counts a refusal of somebody who is not known yet, and returns it. What
// they sent is entered nowhere: not even whom they claim to be.
func (k *Kernel) Strange(err error) error {
	if kind := fault.KindOf(err); err != nil && kind != fault.Internal && kind != fault.Unavailable {
		k.refused.countUnknown(fault.TypeOf(err))
	}
	return err
}

// overdue takes the sums of minutes that are over.
func (r *refusals) overdue() map[workforce.WorkerID]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	minute := r.now().Truncate(time.Minute)
	sums := map[workforce.WorkerID]int64{}
	for w, c := range r.by {
		if c.minute.Before(minute) {
			if c.over > 0 {
				sums[w] = c.over
			}
			delete(r.by, w)
		}
	}
	return sums
}

func (k *Kernel) enterRefusal(ctx context.Context, by Caller, what string, cause error) error {
	enter, earlier := k.refused.count(by.Worker)
	if !enter && earlier == 0 {
		return nil
	}
	return k.Store.Write(context.WithoutCancel(ctx), func(stx *store.Tx) error {
		if earlier > 0 {
			appendRefusal(stx, several(by.Worker, earlier))
		}
		if enter {
			appendRefusal(stx, entry.Refusal{Count: 1, Ruled: proof.RuledBy(cause), Type: fault.TypeOf(cause), What: what, Worker: by.Worker})
		}
		return nil
	})
}

// EnterRefusalSums enters what was counted of refusals in minutes that are over.
func (k *Kernel) EnterRefusalSums(ctx context.Context) error {
	sums, unknown := k.refused.overdue(), k.refused.overdueUnknown()
	if len(sums) == 0 && len(unknown) == 0 {
		return nil
	}
	return k.Store.Write(ctx, func(stx *store.Tx) error {
		for w, n := range sums {
			appendRefusal(stx, several(w, n))
		}
		if len(unknown) > 0 {
			appendRefusal(stx, unknowns(unknown))
		}
		return nil
	})
}

// unknowns is what is entered of those who were not known.
func unknowns(by map[string]int64) entry.Refusal {
	r := entry.Refusal{Type: "unknown", What: "unknown", Types: by}
	for _, n := range by {
		r.Count += n
	}
	return r
}

// several is what is entered of refusals that were only counted.
func several(w workforce.WorkerID, n int64) entry.Refusal {
	return entry.Refusal{Count: n, Type: "several", What: "several", Worker: w}
}

func appendRefusal(stx *store.Tx, r entry.Refusal) {
	stx.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindRefused, Data: r, Expect: ledger.AnyNumber})
}
