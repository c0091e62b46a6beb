package executor_test

import (
	"fmt"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/executor/executortest"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
)

// TestChangeOfFormats: a warrant of version 1 whose own entry stands before the change of
// formats is carried out after it, also by an executor that has started anew. One whose
// entry stands after it is refused. What version 1 did is undone in version 2, and the
// records are of version 2 from then on.
func TestChangeOfFormats(t *testing.T) {
	t.Parallel()
	w := prooftest.Found(t, prooftest.Options{Formats: actions.FirstFormats})
	w.Staff()
	p := placeOf(t, w)
	one := func(id string) *prooftest.Request {
		return w.Request("ann", actions.AccountTakedown, p.plaza.Account(id, 1, ""), actions.Standard)
	}
	done, waiting, late := one("acct/5"), one("acct/6"), one("acct/7")
	p.executes(done)
	w.Executed(done)
	raw := w.Warrant(waiting)
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartFormats, Formats: actions.NewestFormats})
	p.ready()
	p.restart()
	p.ready()
	for _, c := range []struct {
		raw  []byte
		want string
	}{{raw, "executed "}, {w.Forge(late), "refused other-formats"}} {
		got, err := p.carry(c.raw)
		if is := fmt.Sprintf("%s %s", got.Outcome, got.Type); err != nil || is != c.want {
			t.Errorf("%s (%s), %v; want %s", is, got.Text, err, c.want)
		}
	}
	undo := w.Undo("ann", done)
	if undo.Action.V != actions.ActionV2 {
		t.Errorf("the undo is of version %s", undo.Action.V)
	}
	if _, err := proof.Verify(p.executes(undo), proof.Trust{Root: w.Root}); err != nil {
		t.Error(err)
	}
	p.entered(undo, proof.DutyAct, "intent", "receipt executed")
	versions := map[string]bool{}
	for _, e := range w.Entries() {
		if x, err := proof.ParseExecution(e.Body); err == nil && (x.Execution.Request == undo.ID || x.Execution.Request == waiting.ID) {
			versions[x.Execution.V] = true
		}
	}
	if len(versions) != 1 || !versions[proof.ExecutionV2] {
		t.Errorf("the records are of the versions %v", versions)
	}
	for id, want := range map[string]platform.Status{"acct/5": platform.Up, "acct/6": platform.Down, "acct/7": platform.Up} {
		if st := p.plaza.State(id); st.Status != want {
			t.Errorf("%s is %s, want %s", id, st.Status, want)
		}
	}
}

// TestWindowOfEightLeaves: an executor that remembers eight leaves finds request, waited
// entry and warrant under the warrant's own checkpoint, for an undo as well. A warrant whose
// checkpoint is forgotten spends nothing: the desk assembles it anew.
func TestWindowOfEightLeaves(t *testing.T) {
	t.Parallel()
	w := prooftest.Staffed(t)
	p := emptyPlace(t, w)
	p.plaza = executortest.NewPlatform(p.clock.Now)
	p.played, p.limits.Leaves = p.plaza, 8
	p.begun()
	measure := p.takedown(p.president(), actions.Critical)
	crowd := func() {
		for range 12 {
			w.Enters(w.Request("bob", actions.AccountTakedown, prooftest.Account("acct/77"), actions.Standard))
		}
		p.ready()
	}
	w.Enters(measure)
	crowd()
	raw := w.Warrant(measure)
	crowd()
	got, err := p.carry(raw)
	if !fault.Is(err, "checkpoint-forgotten") {
		t.Fatalf("a checkpoint that is forgotten: %+v, %v", got, err)
	}
	raw = w.Again(raw)
	if got, err := p.carry(raw); err != nil || got.Outcome != proof.Executed {
		t.Fatalf("assembled anew: %+v, %v", got, err)
	}
	w.Executed(measure)
	undo := w.Enters(w.Undo("ann", measure))
	crowd()
	raw = w.Warrant(undo)
	crowd()
	if got, err := p.carry(w.Again(raw)); err != nil || got.Outcome != proof.Executed {
		t.Fatalf("the undo: %+v, %v", got, err)
	}
	if st := p.plaza.State(measure.Action.Subject.ID); st.Status != platform.Up {
		t.Errorf("the account is %s", st.Status)
	}
}

// TestSwitchOfFormatsThaws: somebody on call freezes ann's acts straight at the
// executor of a desk of version 1, and the desk does not enter that. The officers switch to
// version 2. Then the desk enters the freeze: it is spent without effect, and ann acts again.
func TestSwitchOfFormatsThaws(t *testing.T) {
	t.Parallel()
	w := prooftest.Found(t, prooftest.Options{Formats: actions.FirstFormats})
	w.Staff()
	p := placeOf(t, w)
	p.ready()
	p.desk.Hide(true)
	p.takes(actions.DeskFreeze, freeze(actions.ScopeWorker, "ann"), "ole")
	p.refuses(small(p, "acct/8"), "frozen")
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartFormats, Formats: actions.NewestFormats})
	for _, e := range w.Entries() {
		if x, err := proof.ParseExecution(e.Body); err == nil && x.Execution.Kind == proof.KindTaken {
			if err := w.TakeOver(x); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.ready()
	p.refuses(small(p, "acct/9"), "frozen")
}

// TestUndoOfVersion1WithoutTheDesk: an undo of version 1 whose warrant stands before
// the switch, and the desk dies. The executor has the whole chain in its journal, but after a
// restart it does not know where the switch stood, and carries the undo out no more (law 5).
func TestUndoOfVersion1WithoutTheDesk(t *testing.T) {
	t.Parallel()
	w := prooftest.Found(t, prooftest.Options{Formats: actions.FirstFormats})
	w.Staff()
	p := placeOf(t, w)
	r := w.Request("ann", actions.AccountTakedown, p.plaza.Account("acct/5", 1, ""), actions.Standard)
	p.executes(r)
	w.Executed(r)
	raw := w.Warrant(w.Undo("ann", r))
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartFormats, Formats: actions.NewestFormats})
	p.ready()
	p.halt()
	p.desk.Down(true)
	p.start()
	if got, err := p.carry(raw); err != nil || got.Outcome != proof.Executed {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestUndoOfVersion2WithoutTheDesk is the same without a switch, which holds.
func TestUndoOfVersion2WithoutTheDesk(t *testing.T) {
	p := newPlace(t)
	r := p.world.Request("ann", actions.AccountTakedown, p.plaza.Account("acct/5", 1, ""), actions.Standard)
	p.executes(r)
	p.world.Executed(r)
	raw := p.world.Warrant(p.world.Undo("ann", r))
	p.ready()
	p.halt()
	p.desk.Down(true)
	p.start()
	if got, err := p.carry(raw); err != nil || got.Outcome != proof.Executed {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestUndoOfNewerGovernance: an undo rests on a governance entry that an executor without its
// desk has not read: the switch of formats, a new key, a platform that is not only observed any
// more. It is not refused for good, and is carried out once the entry was read.
func TestUndoOfNewerGovernance(t *testing.T) {
	mode := func(m string) actions.Setting {
		return actions.Setting{Of: actions.PartModes, Mode: &actions.Mode{Platform: "plaza", Tier: actions.Standard, Mode: m}}
	}
	for name, c := range map[string]struct {
		before, change func(w *prooftest.World)
	}{
		"formats": {func(*prooftest.World) {}, func(w *prooftest.World) {
			w.Change(actions.DeskChange, actions.Setting{Of: actions.PartFormats, Formats: actions.NewestFormats})
		}},
		"key": {func(*prooftest.World) {}, func(w *prooftest.World) { w.Enrol("bob") }},
		"mode": {func(w *prooftest.World) { w.Change(actions.DeskChange, mode(actions.Observe)) },
			func(w *prooftest.World) { w.Change(actions.DeskChange, mode(actions.Enforce)) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := prooftest.Found(t, prooftest.Options{Formats: actions.FirstFormats})
			w.Staff()
			p := placeOf(t, w)
			r := small(p, "acct/9")
			p.executes(r)
			w.Executed(r)
			c.before(w)
			p.ready()
			p.desk.Down(true)
			c.change(w)
			raw := w.Warrant(w.Undo("bob", r))
			if got, err := p.carry(raw); !fault.Is(err, "not-followed") {
				t.Errorf("%+v, %v", got, err)
			}
			p.desk.Down(false)
			p.ready()
			p.comesTo("the undo", w.Again(raw), "executed ")
		})
	}
}

// TestUndoThatExpires: an undo that rests on a newer governance entry and has expired is
// refused as that: no entry makes it good again.
func TestUndoThatExpires(t *testing.T) {
	p := newPlace(t)
	r := p.taken(own(p), "acct/9")
	p.ready()
	p.desk.Down(true)
	p.world.Enrol("bob")
	raw := p.world.Warrant(p.world.Undo("bob", r))
	p.advance(25 * time.Hour)
	p.comesTo("the undo", raw, "refused expired")
}
