package executor_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

func freeze(scope, of string) actions.Freeze {
	return actions.Freeze{Op: "freeze", Scope: scope, Of: of}
}

// takes hands a change that one person signs straight to the executor.
func (p *place) takes(k actions.Kind, c actions.Change, by workforce.WorkerID) proof.Authority {
	p.t.Helper()
	a := p.world.Claim(k, c, by)
	got, err := p.Take(p.t.Context(), a)
	if err != nil || got.Request != a.Request.Statement.Request || !got.At.Equal(p.clock.Now()) {
		p.t.Fatalf("take: %+v, %v", got, err)
	}
	return a
}

// refuses hands a request's warrant over, which must be refused for a reason.
func (p *place) refuses(r *prooftest.Request, typ string) {
	p.t.Helper()
	changes := p.changes(r)
	got, err := p.judged(p.world.Forge(r))
	if err != nil || got.Outcome != proof.Refused || got.Type != typ {
		p.t.Errorf("%s by %s: %+v, %v; want it refused as %s", r.Action.Kind, r.By, got, err, typ)
	}
	if p.changes(r) != changes {
		p.t.Errorf("the platform was changed")
	}
}

// changes returns a text that differs after each change on the platform.
func (p *place) changes(r *prooftest.Request) string {
	p.t.Helper()
	if p.plaza != nil {
		return fmt.Sprint(len(p.plaza.Effects()))
	}
	now := p.played.State(r.Action.Subject.ID)
	return platform.Describe(now.Status, now.Mark) + now.Rev
}

// TestTake: a freeze that is handed straight to the executor is in force for the
// next act, whatever the desk says, over restarts, until the chain has it and
// thaws it.
func TestTake(t *testing.T) {
	p := newPlace(t)
	measure := p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard)
	p.executes(measure)
	p.ready()
	p.desk.Hide(true)
	account := 10
	takedown := func(by workforce.WorkerID) *prooftest.Request {
		account++
		return p.world.Request(by, actions.AccountTakedown, p.plaza.Account("acct/"+string(rune('a'+account)), 1, ""), actions.Standard)
	}
	began := time.Now()
	a := p.takes(actions.DeskFreeze, freeze(actions.ScopeWorker, "ann"), "ole")
	t.Logf("taken after %s", time.Since(began))
	p.refuses(takedown("ann"), "frozen")
	p.takes(actions.DeskFreeze, freeze(actions.ScopeWorker, "abe"), "ole")
	p.refuses(takedown("abe"), "frozen")
	p.executes(takedown("bob"))
	p.executes(p.world.Undo("ann", measure))
	var told []proof.Execution
	p.until("the record is in the ledger", func() bool {
		told = told[:0]
		for _, x := range p.world.Executions() {
			if x.Kind == proof.KindTaken {
				told = append(told, x)
			}
		}
		return len(told) > 0
	})
	if x := told[0]; x.Request != a.Request.Statement.Request || canonical.DigestOf(*x.Taken) != canonical.DigestOf(a) || x.Check() != nil {
		t.Errorf("the record says %+v", x)
	}
	p.restart()
	p.ready()
	p.refuses(takedown("ann"), "frozen")
	if p.world.State().Freezes != nil && len(p.world.State().Freezes) != 0 {
		t.Fatal("the desk hides nothing")
	}
	// The chain takes it over, and thaws.
	r, ok, err := p.journal.Record(t.Context(), told[0].Sequence)
	if err != nil || !ok {
		t.Fatal(err)
	}
	if err := p.world.TakeOver(r); err != nil {
		t.Fatal(err)
	}
	p.ready()
	p.refuses(takedown("ann"), "frozen")
	p.world.Change(actions.DeskFreeze, actions.Freeze{Op: "thaw", Scope: actions.ScopeWorker, Of: "ann"})
	p.executes(takedown("ann"))
	p.restart()
	p.ready()
	p.executes(takedown("ann"))
}

// TestTakenKilled: the executor dies after it has taken a change and before anybody has an
// answer. The change is in force when it is back, is told to the desk once, and whoever hands it
// over again gets the answer.
func TestTakenKilled(t *testing.T) {
	p := newPlace(t)
	p.ready()
	p.halt()
	died := make(chan struct{})
	var once sync.Once
	p.step = func(name string) {
		if name == executor.StepTaken {
			once.Do(func() {
				close(died)
				runtime.Goexit() // whoever handed it over gets no answer
			})
		}
	}
	p.start()
	p.ready()
	p.desk.Hide(true)
	a := p.world.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "ann"), "ole")
	go func() { _, _ = p.Take(t.Context(), a) }()
	<-died
	p.restart()
	p.ready()
	p.refuses(p.world.Request("ann", actions.AccountTakedown, p.plaza.Account("acct/9", 1, ""), actions.Standard), "frozen")
	if got, err := p.Take(t.Context(), a); err != nil || got.Request != a.Request.Statement.Request {
		t.Errorf("handed over again: %+v, %v", got, err)
	}
	told := func() (n int) {
		for _, x := range p.world.Executions() {
			if x.Kind == proof.KindTaken {
				n++
			}
		}
		return n
	}
	p.until("the record is in the ledger", func() bool { return told() > 0 })
	p.restart()
	p.ready()
	if n := told(); n != 1 {
		t.Errorf("the ledger has %d records of it", n)
	}
}

// takenOver has the desk enter in the chain the first change that the executor took, where it
// must be without effect.
func (p *place) takenOver() {
	p.t.Helper()
	for sequence := int64(0); ; sequence++ {
		r, ok, err := p.journal.Record(p.t.Context(), sequence)
		if err != nil || !ok {
			p.t.Fatalf("nothing was taken: %v", err)
		}
		if r.Execution.Kind != proof.KindTaken {
			continue
		}
		if err := p.world.TakeOver(r); err != nil {
			p.t.Fatal(err)
		}
		p.ready()
		return
	}
}

// takesBefore hands a person's change straight to the executor, whose clock is a second ahead
// of the desk's. That person's key is then revoked through the desk, which dates that a second
// before the change was taken.
func (p *place) takesBefore(k actions.Kind, c actions.Change, by workforce.WorkerID) {
	p.t.Helper()
	p.ready()
	p.desk.Hide(true)
	p.advance(time.Minute)
	p.clock.Set(p.clock.Now().Add(time.Second))
	if _, err := p.Take(p.t.Context(), p.world.Claim(k, c, by)); err != nil {
		p.t.Fatal(err)
	}
	p.world.Revoke(by)
	p.advance(2 * time.Second)
}

// TestTakenWithoutEffect: what the executor took is in the chain without effect, since the
// signer's key was revoked through the desk, with a date a moment earlier. It stays
// in force at the executor, also over a restart, until the chain ends it.
func TestTakenWithoutEffect(t *testing.T) {
	for name, c := range map[string]struct {
		kind   actions.Kind
		by     workforce.WorkerID
		change func(p *place) actions.Change
		want   string
		ends   func(p *place) // nil: nothing does
	}{
		"freeze": {actions.DeskFreeze, "ole", func(*place) actions.Change { return freeze(actions.ScopeWorker, "ann") }, "frozen", func(p *place) {
			p.world.Change(actions.DeskFreeze, freeze(actions.ScopeWorker, "ann"))
			p.refuses(small(p, "acct/7"), "frozen")
			p.world.Change(actions.DeskFreeze, actions.Freeze{Op: "thaw", Scope: actions.ScopeWorker, Of: "ann"})
		}},
		"end": {actions.DeskEngagement, "gus", func(*place) actions.Change { return actions.Engagement{Op: "end", Worker: "ann"} }, "engagement-ended", func(p *place) {
			p.world.End("ann")
			p.refuses(small(p, "acct/7"), "engagement-ended")
			p.world.Change(actions.DeskEngagement, actions.Engagement{Op: "reinstate", Worker: "ann"})
		}},
		"revocation": {actions.DeskKey, "gus", func(p *place) actions.Change {
			return actions.Keys{Revoke: []workforce.KeyID{p.world.PublicKey("ann").ID()}}
		}, "revoked-key", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.world.Admit(workforce.Record{Worker: "gus", Vendor: "acme", Roles: []workforce.Role{workforce.Lead}, Manager: "hal", Start: canonical.At(p.world.Now().AddDate(-1, 0, 0)), Last: canonical.At(p.world.Now().AddDate(1, 0, 0))})
			p.world.Enrol("gus")           // the manager of ann
			p.advance(60 * 24 * time.Hour) // and no newcomer any more
			p.takesBefore(c.kind, c.change(p), c.by)
			p.refuses(small(p, "acct/8"), c.want)
			p.takenOver()
			p.refuses(small(p, "acct/9"), c.want)
			p.restart()
			p.ready()
			p.refuses(small(p, "acct/10"), c.want)
			if c.ends == nil {
				return
			}
			c.ends(p)
			p.executes(small(p, "acct/11"))
			p.restart()
			p.ready()
			p.executes(small(p, "acct/12"))
		})
	}
}

// TestTakeHonestDesk: the desk enters the change in the chain by itself, once.
func TestTakeHonestDesk(t *testing.T) {
	p := newPlace(t)
	p.ready()
	a := p.takes(actions.DeskFreeze, freeze(actions.ScopeAll, ""), "ole")
	p.until("the chain has it", func() bool { return p.world.State().Spent(a.Request.Statement.Request) })
	p.ready()
	_, err := p.Take(t.Context(), a)
	p.until("the executor has read that", func() bool { _, err = p.Take(t.Context(), a); return err != nil })
	if !fault.Is(err, "spent") {
		t.Errorf("taken again: %v", err)
	}
}

// TestTakeBetweenIntentAndCall: what is frozen between its intent and its call is
// not called.
func TestTakeBetweenIntentAndCall(t *testing.T) {
	for name, c := range map[string]struct {
		kind   actions.Kind
		change func(*prooftest.World) actions.Change
		typ    string
	}{
		"freeze": {actions.DeskFreeze, func(*prooftest.World) actions.Change { return freeze(actions.ScopePlatform, "plaza") }, "frozen"},
		"end":    {actions.DeskEngagement, func(*prooftest.World) actions.Change { return actions.Engagement{Op: "end", Worker: "ann"} }, "engagement-ended"},
		"revocation": {actions.DeskKey, func(w *prooftest.World) actions.Change {
			return actions.Keys{Revoke: []workforce.KeyID{w.PublicKey("ann").ID()}}
		}, "revoked-key"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.ready()
			p.desk.Hide(true)
			r := p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard)
			raw := p.world.Warrant(r)
			var once sync.Once
			p.desk.Before(func(x proof.Execution) {
				if x.Kind == proof.KindIntent {
					once.Do(func() { p.takes(c.kind, c.change(p.world), "ada") })
				}
			})
			got, err := p.carry(raw)
			if err != nil || got.Outcome != proof.Refused || got.Type != c.typ || len(p.plaza.Effects()) != 0 {
				t.Errorf("%+v, %v, and the platform changed %d times", got, err, len(p.plaza.Effects()))
			}
		})
	}
}

// TestTakeWithoutDesk: it needs neither the desk, nor an executor that was in
// touch with it since its start, nor an admission whose rows are all there.
func TestTakeWithoutDesk(t *testing.T) {
	p := newPlace(t)
	n := p.world.State().Next
	p.ready()
	p.desk.Lie(withhold(func(l ledger.Leaf) bool { return l.Class == ledger.Governance && l.Number > n }))
	p.world.Admit(workforce.Record{Worker: "new", Roles: []workforce.Role{workforce.Lead}, Start: canonical.At(p.world.Now())})
	p.until("the row is missed", func() bool { return p.Status().Stopped != "" })
	p.takes(actions.DeskFreeze, freeze(actions.ScopeWorker, "ann"), "ole")
	p.until("the chain is journalled", func() bool {
		chain, err := p.journal.Chain(t.Context())
		return err == nil && int64(len(chain)) >= n
	})
	p.halt()
	p.desk.Lie(nil)
	p.desk.Down(true)
	p.start()
	p.takes(actions.DeskFreeze, freeze(actions.ScopeWorker, "bob"), "ole")
	p.desk.Down(false)
	p.ready()
	for _, by := range []workforce.WorkerID{"ann", "bob"} {
		p.refuses(p.world.Request(by, actions.AccountTakedown, p.plaza.Account("acct/"+string(by), 1, ""), actions.Standard), "frozen")
	}
	p.until("the chain has both", func() bool { return len(p.world.State().Freezes) == 2 })
	handed := p.desk.Handed()
	if !slices.IsSorted(handed) {
		t.Errorf("handed over in the order %v", handed)
	}
}

// TestTakeStopsUndoByARevokedKey: a taken change counts for relieving acts as well.
func TestTakeStopsUndoByARevokedKey(t *testing.T) {
	p := newPlace(t)
	measure := p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard)
	p.executes(measure)
	p.ready()
	p.desk.Hide(true)
	p.takes(actions.DeskKey, actions.Keys{Revoke: []workforce.KeyID{p.world.PublicKey("bob").ID()}}, "ada")
	p.refuses(p.world.Undo("bob", measure), "revoked-key")
	p.executes(p.world.Undo("abe", measure))
}

// TestTakeRefuses: a change is judged by the rules of the chain, counting the changes
// that were taken before.
func TestTakeRefuses(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{Trust: func(tr *actions.Trust) { tr.EndingsPerHour = 2 }})
	w.Staff()
	t.Parallel()
	p := placeOf(t, w)
	p.ready()
	p.desk.Hide(true)
	refuses := func(a proof.Authority, typ string) {
		t.Helper()
		if got, err := p.Take(t.Context(), a); !fault.Is(err, typ) {
			t.Errorf("%+v, %v; want %s", got, err, typ)
		}
	}
	refuses(w.Claim(actions.DeskFreeze, freeze(actions.ScopeAll, ""), "ann"), "forbidden-by-policy")
	refuses(w.Claim(actions.DeskFreeze, freeze(actions.ScopeVendor, ""), "ole"), "not-alone")
	refuses(w.Claim(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "bob"}, "ole"), "not-yours-to-end")
	refuses(w.Claim(actions.DeskFreeze, actions.Freeze{Op: "thaw", Scope: actions.ScopeAll}, "ada", "bea", "cem"), "not-relieving")
	forged := w.Claim(actions.DeskFreeze, freeze(actions.ScopeAll, ""), "ole")
	forged.Request.Signature = w.Key("ann").Sign(forged.Request.Statement.Challenge())
	refuses(forged, "bad-signature")
	a := p.takes(actions.DeskFreeze, freeze(actions.ScopeWorker, "ann"), "ada")
	if got, err := p.Take(t.Context(), a); err != nil || got.Request != a.Request.Statement.Request {
		t.Errorf("handed over again: %+v, %v", got, err)
	}
	other := w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "bob"), "ada")
	other.Request.Statement.Request = a.Request.Statement.Request
	refuses(other, "spent")
	p.takes(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "bob"}, "ada")
	p.restart()
	p.ready()
	refuses(w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "sue"), "ada"), "budget-spent")
	if n := len(w.State().Freezes); n != 0 {
		t.Errorf("the chain has %d freezes", n)
	}
	told := 0
	p.until("what was taken is in the ledger", func() bool {
		told = 0
		for _, x := range w.Executions() {
			if x.Kind == proof.KindTaken {
				told++
			}
		}
		return told >= 2
	})
	if told != 2 {
		t.Errorf("%d records of what was taken", told)
	}
}

// TestTakeAlarms: nobody learns of a freeze by a dead desk, so the fixed address is told.
func TestTakeAlarms(t *testing.T) {
	p := newPlace(t)
	p.ready()
	p.halt()
	alarmed := make(chan proof.SignedExecution, 8)
	p.alarm = func(_ context.Context, r proof.SignedExecution) error { alarmed <- r; return nil }
	p.limits.Answer = 10 * time.Millisecond
	p.start()
	p.ready()
	p.desk.Down(true)
	p.takes(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "bob"}, "ada") // no freeze
	want := map[string]bool{}
	for _, c := range []actions.Freeze{freeze(actions.ScopeAll, ""), freeze(actions.ScopePlatform, "plaza"), freeze(actions.ScopeWorker, "ann")} {
		want[p.takes(actions.DeskFreeze, c, "ole").Request.Statement.Request] = true
	}
	for range 3 {
		select {
		case r := <-alarmed:
			if !want[r.Execution.Request] {
				t.Errorf("alarmed about %+v", r.Execution)
			}
		case <-time.After(patience):
			t.Fatal("nobody was alarmed")
		}
	}
}

// TestFacts: what a change needs to be signed without the desk.
func TestFacts(t *testing.T) {
	p := newPlace(t)
	p.ready()
	f, err := p.Facts()
	s := p.world.State()
	if err != nil || f.Log != s.LogName() || f.Policy != s.Policy.Digest() || f.Root != p.world.Root || !f.Clock.Equal(p.clock.Now()) {
		t.Errorf("%+v, %v", f, err)
	}
}
