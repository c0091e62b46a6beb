package executor_test

import (
	"errors"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/journal"
	"countersign.dev/ledger"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/workforce"
)

// forkedPlace is an executor, stopped, that has followed a ledger of which the desk then has
// an older copy, with other entries after it, all signed by people of the desk.
// If died, the executor has died after it had journalled the newest governance entry,
// and before it journalled the ledger's head.
func forkedPlace(t *testing.T, died bool) (p *place, burdening, undo []byte, fork linkv1.Feed) {
	p = newPlace(t)
	burdening, undo = p.prepare()
	fork = p.world.Feed(0)
	state := p.world.State()
	var bodies []ledger.Body
	for _, who := range []workforce.WorkerID{"lee", "kim"} {
		a, err := p.world.Authority(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: who}, p.world.Officers[0])
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, ledger.Body{Class: ledger.Governance, Kind: string(actions.DeskEngagement), Data: canonical.MustMarshal(a)})
	}
	if died {
		p.halt()
	}
	end := p.world.End("abe")
	head := state.Head
	for i, b := range bodies {
		b.V, b.Time, b.Sealed, b.Number, b.Prev = end.Body.V, end.Body.Time, end.Body.Sealed, state.Next+int64(i), head
		add(&fork, b)
		leaf, err := ledger.ParseLeaf([]byte(fork.Leaves[len(fork.Leaves)-1]))
		if err != nil {
			t.Fatal(err)
		}
		head = leaf.Digest()
	}
	sign(p.world, &fork)
	if died {
		j, err := journal.Open(t.Context(), p.path)
		if err == nil {
			_, err = j.Claim(t.Context(), journal.Owner{Executor: p.name, Root: p.world.Root})
		}
		if err == nil {
			err = errors.Join(j.Keep(t.Context(), []journal.ChainEntry{{Leaf: end.Leaf, Body: end.BodyBytes, Salt: end.Salt}}), j.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		return p, burdening, undo, fork
	}
	p.ready()
	size, _ := p.world.Size()
	p.until("the head is journalled", func() bool {
		h, err := p.journal.Seen(t.Context())
		return err == nil && h.Size >= size
	})
	p.halt()
	return p, burdening, undo, fork
}

// TestForkStands: a ledger that is another than the one that this executor saw stops
// burdening acts however often somebody starts the executor again, and the executor
// starts, undoes and lifts.
func TestForkStands(t *testing.T) {
	for name, died := range map[string]bool{"stopped": false, "died": true} {
		t.Run(name, func(t *testing.T) { forkStands(t, died) })
	}
}

func forkStands(t *testing.T, died bool) {
	p, burdening, undo, fork := forkedPlace(t, died)
	p.desk.Lie(func(f *linkv1.Feed) { serve(f, fork) })
	for range 3 {
		p.start()
		p.refusesBurdening("not the ones that this executor saw", burdening, nil)
		p.halt()
	}
	// What relieves goes on, and what it journals does not make the fork the ledger.
	p.start()
	p.refusesBurdening("not the ones that this executor saw", burdening, undo)
	p.restart()
	p.refusesBurdening("not the ones that this executor saw", burdening, nil)
	// The true ledger is believed again.
	p.halt()
	p.desk.Lie(nil)
	p.start()
	p.until("the true ledger is believed", func() bool { return p.Status().Stopped == "" })
}

// TestShorterFork: a shorter ledger that is not the beginning of the one that was
// followed is a fork, and not only an old copy.
func TestShorterFork(t *testing.T) {
	p := newPlace(t)
	burdening, undo := p.prepare()
	p.desk.Lie(func(f *linkv1.Feed) {
		signed, err := ledger.Checkpoint{Origin: p.world.Origin, Size: p.world.Head().Size - 1, Root: [32]byte{1}}.Sign(p.world.LogKey())
		if err != nil {
			p.t.Error(err)
		}
		*f = linkv1.Feed{From: f.From, Checkpoint: string(signed)}
	})
	p.refusesBurdening("is forked", burdening, nil)
	p.desk.Lie(nil)
	p.refusesBurdening("is forked", burdening, undo)
}
