// Package rolls is the desk's room for documents: it puts what the other rooms recorded
// into rolls, and shows a document with all that proves it.
//
// A roll is one entry over the documents that waited for it, made in one transaction with
// the mark of its sort. If a desk dies before the commit, the documents wait for the next
// roll, which this desk or another node makes.
package rolls

import (
	"context"
	"errors"
	"slices"
	"time"

	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// Room is this room of the desk. It is safe for concurrent use.
type Room struct {
	desk     *kernel.Kernel
	every    time.Duration
	withheld []string
}

// New opens the room. every is the longest time for which a document waits for its roll. What
// opens the sealed fields with the withheld names is shown to nobody here: other rules than
// those for evidence say who reads them.
func New(k *kernel.Kernel, every time.Duration, withheld ...string) *Room {
	return &Room{desk: k, every: every, withheld: withheld}
}

// shownOf returns the openings without the withheld ones.
func (r *Room) shownOf(openings []ledger.Opening) []ledger.Opening {
	shown := []ledger.Opening{}
	for _, o := range openings {
		if !slices.Contains(r.withheld, o.Name) {
			shown = append(shown, o)
		}
	}
	return shown
}

// DefaultEvery is the time between two rolls.
const DefaultEvery = time.Second

// rollAt is the number of waiting documents of this node that are rolled at once.
const rollAt = 1000

// Run rolls what waits: once in a while, and as soon as many documents wait. Documents that an
// earlier process recorded and did not roll are rolled first.
func (r *Room) Run(ctx context.Context) {
	woken, stop := r.desk.Store.DB().Listen(store.RollSignal)
	defer stop()
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	told := ""
	for {
		begun := r.desk.Store.RecordedCount()
		_, err := r.RollWaiting(ctx)
		if ctx.Err() != nil {
			return
		}
		// The same trouble each second is told once.
		if text := fault.TextOf(err); err != nil && text != told {
			r.desk.Logger.ErrorContext(ctx, "documents not rolled", "error", err)
			told = text
		} else if err == nil {
			told = ""
		}
		for waiting := true; waiting; {
			select {
			case <-woken:
				waiting = err != nil || r.desk.Store.RecordedCount()-begun < rollAt
			case <-tick.C:
				waiting = false
			case <-ctx.Done():
				return
			}
		}
	}
}

// RollWaiting rolls all documents that wait, and returns how many it has rolled.
func (r *Room) RollWaiting(ctx context.Context) (rolled int, err error) {
	var heads []store.RollHead
	err = r.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		heads, err = stx.RollHeads()
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, h := range heads {
		for n := 0; h.Rolled < h.Next; h.Rolled += int64(n) {
			if n, err = r.roll(ctx, h.Sort); err != nil {
				return rolled, err
			}
			if n == 0 {
				break
			}
			rolled += n
		}
	}
	return rolled, nil
}

// errMoved stops a roll whose documents somebody else has rolled, or cannot be rolled yet.
var errMoved = errors.New("the documents are not to be rolled")

// roll makes one roll over the oldest waiting documents of a sort, and returns how many
// those were: none if another node was faster, or if their rows are gone.
func (r *Room) roll(ctx context.Context, sort ledger.DocumentSort) (int, error) {
	var head store.RollHead
	var leaves []ledger.DocumentLeaf
	err := r.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
		if head, err = stx.RollHead(sort); err != nil {
			return err
		}
		leaves, err = stx.DocumentLeaves(sort, head.Rolled, head.Next, ledger.MaxRoll)
		return err
	})
	if err != nil {
		return 0, err
	}
	// A missing row must not keep those after it from their roll: the gap stays visible
	// between this roll and the one before, and the desk's health check raises an alarm.
	n := 0
	for n < len(leaves) && leaves[n].Number == leaves[0].Number+int64(n) {
		n++
	}
	if n == 0 {
		return 0, nil
	}
	roll, err := ledger.NewRoll(leaves[:n])
	if err != nil {
		return 0, err
	}
	err = r.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
		if !s.Founded() {
			return nil, errMoved // entry 0 is the founding
		}
		return func(t *kernel.Tx) error {
			now, err := t.RollHead(sort)
			if err != nil {
				return err
			}
			if now.Rolled != head.Rolled {
				return errMoved
			}
			t.Roll(roll, head.Rolled)
			return nil
		}, nil
	})
	if errors.Is(err, errMoved) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	// If we die here, the roll is there, and nobody waits for its answer.
	r.desk.Step(kernel.StepRolled)
	return n, nil
}
