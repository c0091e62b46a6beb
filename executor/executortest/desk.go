// Package executortest is for tests of the executor and of its callers. It has a desk
// that is a real ledger and can lie; and a platform in memory that compares and sets, and
// can be late, lose answers, or be away.
package executortest

import (
	"context"
	"math"
	"sync"
	"time"

	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	linkv1 "countersign.dev/link/v1"
)

// Desk is an executor.Desk over a World.
type Desk struct {
	World *prooftest.World

	mu    sync.Mutex
	edit  func(*linkv1.Feed)
	mute  func(from int64, wait time.Duration) bool
	down  bool
	deaf  bool
	hide  bool
	hook  func(proof.Execution)
	news  chan struct{}
	got   []int64
	asked int
	next  int64 // sequence number of the first record that it lacks
}

// NewDesk returns the honest desk of a world.
func NewDesk(w *prooftest.World) *Desk { return &Desk{World: w, news: make(chan struct{})} }

// Lie changes every feed before it is given, and the answers of Bodies in the same way,
// as feeds of the same stretch; nil ends it.
func (d *Desk) Lie(edit func(*linkv1.Feed)) { d.set(func() { d.edit = edit }) }

// Mute lets the questions for a feed for which f is true wait until they end, or until
// something else is set; nil ends it.
func (d *Desk) Mute(f func(from int64, wait time.Duration) bool) { d.set(func() { d.mute = f }) }

// Down makes the desk unreachable.
func (d *Desk) Down(down bool) { d.set(func() { d.down = down }) }

// Deaf makes the desk accept records without entering them.
func (d *Desk) Deaf(deaf bool) { d.set(func() { d.deaf = deaf }) }

// Hide keeps what the executor takes directly out of the governance chain.
func (d *Desk) Hide(hide bool) { d.set(func() { d.hide = hide }) }

// Before has f called with each record before it is entered; nil ends it.
func (d *Desk) Before(f func(proof.Execution)) { d.set(func() { d.hook = f }) }

func (d *Desk) set(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
	close(d.news) // callers that wait for the ledger get an answer at once
	d.news = make(chan struct{})
}

// Handed returns the sequence numbers of the records in the order in which they
// were handed over, repetitions included.
func (d *Desk) Handed() []int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]int64(nil), d.got...)
}

var away = fault.New(fault.Unavailable, "desk-away", "The desk does not answer.")

// Feed implements executor.Desk.
func (d *Desk) Feed(ctx context.Context, from int64, wait time.Duration) (linkv1.Feed, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for waited := false; ; waited = true {
		size, grown := d.World.Size()
		d.mu.Lock()
		down, mute, news := d.down, d.mute, d.news
		d.mu.Unlock()
		if down {
			return linkv1.Feed{}, away
		}
		if mute != nil && mute(from, wait) {
			select {
			case <-news:
				continue
			case <-ctx.Done():
				return linkv1.Feed{}, ctx.Err()
			}
		}
		if size > from || waited || wait <= 0 {
			return d.feed(from, math.MaxInt64), nil
		}
		select {
		case <-grown:
		case <-news:
		case <-timer.C:
		case <-ctx.Done():
			return linkv1.Feed{}, ctx.Err()
		}
	}
}

// feed is what the desk gives of a ledger, with so many bodies. It is read under the lock: once Lie has returned,
// nobody is given what the ledger gets later without the lie.
func (d *Desk) feed(from, bodies int64) linkv1.Feed {
	d.mu.Lock()
	f, edit := d.World.Feed(from), d.edit
	d.mu.Unlock()
	f.Bodies = f.Bodies[:min(bodies, int64(len(f.Bodies)))]
	if edit != nil {
		edit(&f)
	}
	return f
}

// Bodies implements executor.Desk. It gives few at a time.
func (d *Desk) Bodies(_ context.Context, from, to int64) ([]proof.ServedBody, error) {
	d.mu.Lock()
	down := d.down
	d.asked++
	d.mu.Unlock()
	if down {
		return nil, away
	}
	return d.feed(from, min(to-from, BodiesAtOnce)).Bodies, nil
}

// BodiesAtOnce is how many Bodies gives at most.
const BodiesAtOnce = 7

// Asked returns how often Bodies was called.
func (d *Desk) Asked() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

// Record implements executor.Desk.
func (d *Desk) Record(_ context.Context, r proof.SignedExecution) error {
	d.mu.Lock()
	down, deaf, hook := d.down, d.deaf, d.hook
	if !down {
		d.got = append(d.got, r.Execution.Sequence)
	}
	d.mu.Unlock()
	if down {
		return away
	}
	if deaf {
		return nil
	}
	if hook != nil {
		hook(r.Execution)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Execution.Sequence > d.next {
		return fault.New(fault.Conflict, "sequence-gap", "Record %d came where %d was expected.", r.Execution.Sequence, d.next)
	}
	if err := d.World.Record(r); err != nil {
		return err
	}
	d.next = max(d.next, r.Execution.Sequence+1)
	if r.Execution.Kind == proof.KindTaken && !d.hide {
		return d.World.TakeOver(r)
	}
	return nil
}
