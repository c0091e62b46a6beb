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

// refusalsPerMinute is the largest number of refusals of one person that get an entry each
// in a minute. One more entry counts the others, so that nobody can fill the ledger by
// asking.
const refusalsPerMinute = 10

type refusals struct {
	mu  sync.Mutex
	by  map[refusedOne]*refusalCount
	now func() time.Time

	// Refusals of unknown callers are counted together, by the type of the fault. Callers
	// cannot make the maps grow, since the types are ours.
	minute  time.Time
	unknown map[string]int64
	earlier map[string]int64 // the counts of minutes that are over
}

// refusedOne is who was refused: a worker or a program.
type refusedOne struct {
	worker  workforce.WorkerID
	program string
}

type refusalCount struct {
	minute time.Time
	seen   int64
	over   int64 // those of seen that were not entered one by one
}

// count counts one more refusal. enter says whether the refusal gets an entry of its own;
// earlier is the number of refusals of an earlier minute that are to be entered as a sum,
// if any.
func (r *refusals) count(w refusedOne) (enter bool, earlier int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[refusedOne]*refusalCount{}
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

// countUnknown counts a refusal of an unknown caller.
func (r *refusals) countUnknown(typ string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	if r.unknown == nil {
		r.unknown = map[string]int64{}
	}
	r.unknown[typ]++
}

// turn adds the counts of a minute that is over to the earlier ones. r.mu is held.
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

// pastUnknown returns the counts of minutes that are over, by type, and clears them.
func (r *refusals) pastUnknown() map[string]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn()
	sums := r.earlier
	r.earlier = nil
	return sums
}

// Strange counts a refusal of an unknown caller, and returns it. Nothing that the caller
// sent is entered in the ledger, not even the name that the caller claims.
func (k *Kernel) Strange(err error) error {
	if kind := fault.KindOf(err); err != nil && kind != fault.Internal && kind != fault.Unavailable {
		k.refused.countUnknown(fault.TypeOf(err))
	}
	return err
}

// pastSums returns the sums of minutes that are over, by who was refused, and clears them.
func (r *refusals) pastSums() map[refusedOne]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	minute := r.now().Truncate(time.Minute)
	sums := map[refusedOne]int64{}
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
	who := refusedOne{by.Worker, by.Program}
	enter, earlier := k.refused.count(who)
	if !enter && earlier == 0 {
		return nil
	}
	return k.Store.Write(context.WithoutCancel(ctx), func(stx *store.Tx) error {
		if earlier > 0 {
			appendRefusal(stx, several(who, earlier))
		}
		if enter {
			appendRefusal(stx, entry.Refusal{Count: 1, Ruled: proof.RuledBy(cause), Type: fault.TypeOf(cause), What: what, Worker: by.Worker, Program: by.Program})
		}
		return nil
	})
}

// EnterRefusalSums enters the counts of refusals in minutes that are over.
func (k *Kernel) EnterRefusalSums(ctx context.Context) error {
	sums, unknown := k.refused.pastSums(), k.refused.pastUnknown()
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

// unknowns returns the entry that counts refusals of unknown callers.
func unknowns(by map[string]int64) entry.Refusal {
	r := entry.Refusal{Type: "unknown", What: "unknown", Types: by}
	for _, n := range by {
		r.Count += n
	}
	return r
}

// several returns the entry that counts refusals of one worker or program.
func several(who refusedOne, n int64) entry.Refusal {
	return entry.Refusal{Count: n, Type: "several", What: "several", Worker: who.worker, Program: who.program}
}

func appendRefusal(stx *store.Tx, r entry.Refusal) {
	stx.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindRefused, Data: r, Expect: ledger.AnyNumber})
}
