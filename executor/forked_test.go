package executor_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
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

// onAFork proves a warrant in another ledger, which the log's key signs as well: the entry of
// its request stands there at an index, dated at an instant, in place of the entry that the
// desk's ledger has there.
func (p *place) onAFork(raw []byte, index int64, at time.Time) []byte {
	p.t.Helper()
	w, err := proof.ParseWarrant(raw)
	if err != nil {
		p.t.Fatal(err)
	}
	w.Requested.Entry.Time, w.Requested.Proof.Index = canonical.At(at), index
	leaf, err := w.Requested.Leaf()
	if err != nil {
		p.t.Fatal(err)
	}
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (all []tlog.Hash, err error) {
		for _, i := range indexes {
			all = append(all, stored[i])
		}
		return all, nil
	})
	size := int64(0)
	for _, e := range p.world.Entries() {
		h := e.Leaf.Hash()
		if e.Index == index {
			h = leaf.Hash()
		}
		more, err := tlog.StoredHashesForRecordHash(e.Index, h, reader)
		if err != nil {
			p.t.Fatal(err)
		}
		stored, size = append(stored, more...), size+1
	}
	again := func(i *ledger.Inclusion) {
		if *i, err = ledger.ProveInclusion(size, i.Index, reader); err != nil {
			p.t.Fatal(err)
		}
	}
	again(&w.Ledger.Proof)
	again(&w.Requested.Proof)
	for i := range w.People {
		again(&w.People[i].Proof)
	}
	root, err := tlog.TreeHash(size, reader)
	if err != nil {
		p.t.Fatal(err)
	}
	signed, err := ledger.Checkpoint{Origin: p.world.Origin, Size: size, Root: root}.Sign(p.world.LogKey())
	if err != nil {
		p.t.Fatal(err)
	}
	w.Ledger.Checkpoint = string(signed)
	return canonical.MustMarshal(w)
}

// firstOfTheDesk returns the index of the first entry of the desk's own class.
func (p *place) firstOfTheDesk() int64 {
	return p.world.Entries()[slices.IndexFunc(p.world.Entries(), func(e ledger.Entry) bool { return e.Leaf.Class == ledger.Desk })].Index
}

// notInLedger hands a warrant over, whose entries are in another ledger. Nothing is done.
func (p *place) notInLedger(raw []byte, subject string) {
	p.t.Helper()
	if got, err := p.carry(raw); !fault.Is(err, "not-in-ledger") {
		p.t.Errorf("%+v, %v", got, err)
	}
	if st := p.plaza.State(subject); st.Status != platform.Down {
		p.t.Errorf("the account is %s", st.Status)
	}
}

// TestUndoCarriesWhatIsNotInTheLedger: while the desk is dead, each entry that an undo
// carries must be in the ledger of its checkpoint, those about people too.
func TestUndoCarriesWhatIsNotInTheLedger(t *testing.T) {
	p := newPlace(t)
	r := p.taken(own(p), "acct/9")
	p.ready()
	p.desk.Down(true)
	raw := p.world.Warrant(p.world.Undo("ann", r))
	w, err := proof.ParseWarrant(raw)
	if err != nil {
		t.Fatal(err)
	}
	last := &w.People[len(w.People)-1].Entry
	last.Time = canonical.At(last.Time.Add(time.Second))
	if got, err := p.carry(canonical.MustMarshal(w)); !fault.Is(err, "proof-wrong") {
		t.Errorf("%+v, %v", got, err)
	}
	p.comesTo("the undo", raw, "executed ")
}

// TestUndoOfAnEndedSessionOnAFork: the session is over by the executor's clock. A desk that
// lies lets the executor read nothing more. It hands over an undo which was signed after the
// end, under a checkpoint of another ledger: there the request stands at a place that the
// executor has read, and where it knows another leaf.
func TestUndoOfAnEndedSessionOnAFork(t *testing.T) {
	p := newPlace(t)
	begun := p.world.Now()
	s := own(p)
	r := p.taken(s, "acct/9")
	p.ready()
	p.desk.Down(true)
	p.clock.Set(p.clock.Now().Add(9 * time.Hour))
	p.notInLedger(p.onAFork(p.world.Forge(p.world.Under(s, p.world.Undo("ann", r))), p.firstOfTheDesk(), begun), "acct/9")
}

// TestLeaverUndoesOnAFork: ann's engagement has ended, and the executor has read that. The
// same for an undo that ann signed afterwards, with her own key or under her session, also when
// the executor has started again since and the desk gives it nothing.
func TestLeaverUndoesOnAFork(t *testing.T) {
	for name, c := range map[string]struct {
		session, restarts bool
	}{
		"own key":                  {false, false},
		"session":                  {true, false},
		"own key, after a restart": {false, true},
		"session, after a restart": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			begun := p.world.Now()
			s := own(p)
			r := p.taken(s, "acct/9")
			p.advance(time.Hour)
			p.world.End("ann")
			p.ready()
			p.desk.Down(true)
			if c.restarts {
				p.restart()
			}
			p.advance(time.Hour)
			undo := p.world.Undo("ann", r)
			if c.session {
				undo = p.world.Under(s, undo)
			}
			p.notInLedger(p.onAFork(p.world.Forge(undo), p.firstOfTheDesk(), begun.Add(time.Minute)), "acct/9")
		})
	}
}
