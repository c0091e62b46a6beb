package executor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/executortest"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// suspend suspends a standard account for an hour.
func (p *place) suspend(s platform.Subject) *prooftest.Request {
	p.t.Helper()
	r := p.world.Request("ann", actions.AccountSuspend, s, actions.Standard, p.lossy, func(a *actions.Action) { a.Until = canonical.At(p.world.Now().Add(time.Hour)) })
	p.executes(r)
	p.entered(r, proof.DutyAct, "intent", "receipt executed")
	return r
}

func (p *place) isUp(s platform.Subject) func() bool {
	return func() bool { return p.plaza.State(s.ID).Is(platform.Up, "") }
}

// TestLift: a suspension ends by itself, not before its time.
func TestLift(t *testing.T) {
	p := newPlace(t)
	s := p.plaza.Account("acct/9", 1, "")
	r := p.suspend(s)
	if x := p.world.Acted()[1]; !x.LiftAt.Equal(r.Action.Until.Time) {
		t.Errorf("the receipt says that it is lifted at %s", x.LiftAt)
	}
	p.advance(r.Action.Until.Add(-time.Microsecond).Sub(p.clock.Now()))
	p.executes(p.takedown(p.plaza.Account("acct/10", 1, ""), actions.Standard)) // many ticks go by
	if p.isUp(s)() {
		t.Error("lifted too early")
	}
	p.clock.Set(r.Action.Until.Time)
	p.until("it is lifted", p.isUp(s))
	p.entered(r, proof.DutyLift, "intent", "receipt executed")
	if n := len(p.plaza.Effects()); n != 3 {
		t.Errorf("the platform changed %d times", n)
	}
}

// TestLiftAlone: the lift needs neither the desk, nor a requester still engaged,
// nor the same process, nor a state of the chain; it is entered when the desk answers.
func TestLiftAlone(t *testing.T) {
	p := newPlace(t)
	s := p.plaza.Account("acct/9", 1, "")
	r := p.suspend(s)
	p.world.End("ann")
	p.ready()
	p.halt()
	p.desk.Down(true)
	p.clock.Set(r.Action.Until.Add(time.Hour))
	p.start()
	p.until("it is lifted", p.isUp(s))
	if got := p.world.OutcomeOf(r.ID, proof.DutyLift); len(got) != 0 {
		t.Errorf("the desk is down and has %v", got)
	}
	p.desk.Down(false)
	p.entered(r, proof.DutyLift, "intent", "receipt executed")
}

// TestLiftNotNeeded: a lift takes away its own mark and no other.
func TestLiftNotNeeded(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(p *place, r *prooftest.Request)
		left      platform.Expect
		why       string
	}{
		"undone": {func(p *place, r *prooftest.Request) { p.executes(p.world.Undo("bob", r)) }, platform.Expect{Status: platform.Up}, "wrong-state"},
		"a foreign mark": {func(p *place, r *prooftest.Request) { p.plaza.Set(r.Action.Subject.ID, platform.Down, "LEGAL-1") },
			platform.Expect{Status: platform.Down, Mark: "LEGAL-1"}, "mark-exchanged"},
		"its owner switched it off": {func(p *place, r *prooftest.Request) { p.plaza.Set(r.Action.Subject.ID, platform.Deactivated, "") },
			platform.Expect{Status: platform.Deactivated}, "wrong-state"},
		"gone": {func(p *place, r *prooftest.Request) { p.plaza.Set(r.Action.Subject.ID, platform.Deleted, "") }, platform.Expect{Status: platform.Deleted}, "wrong-state"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			s := p.plaza.Account("acct/9", 1, "")
			r := p.suspend(s)
			c.meanwhile(p, r)
			p.clock.Set(r.Action.Until.Time)
			p.entered(r, proof.DutyLift, "refusal failed "+c.why)
			if st := p.plaza.State(s.ID); !st.Is(c.left.Status, c.left.Mark) {
				t.Errorf("it is %s under %q", st.Status, st.Mark)
			}
		})
	}
}

// TestLiftTroubles: a lift is done once, whatever the platform does to the call.
func TestLiftTroubles(t *testing.T) {
	for name, c := range map[string]struct {
		fail []executortest.Failure
		mute bool
	}{
		"answer lost":          {[]executortest.Failure{executortest.LostAfter}, false},
		"call lost":            {[]executortest.Failure{executortest.LostBefore, executortest.LostBefore}, false},
		"late":                 {[]executortest.Failure{executortest.Late}, false},
		"lost, and cannot say": {[]executortest.Failure{executortest.LostBefore}, true},
		"done, and cannot say": {[]executortest.Failure{executortest.LostAfter}, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			s := p.plaza.Account("acct/9", 1, "")
			r := p.suspend(s)
			p.plaza.Fail(c.fail...)
			p.plaza.Mute(c.mute)
			p.clock.Set(r.Action.Until.Time)
			p.entered(r, proof.DutyLift, "intent", "receipt executed")
			p.plaza.Deliver()
			if !p.isUp(s)() || len(p.plaza.Effects()) != 2 {
				t.Errorf("%+v after %d changes", p.plaza.State(s.ID), len(p.plaza.Effects()))
			}
		})
	}
}

// TestUnknownSuspensionIsLifted: it may be in force, so that its lift is owed.
func TestUnknownSuspensionIsLifted(t *testing.T) {
	p := newPlace(t)
	s := p.plaza.Account("acct/9", 1, "")
	r := p.world.Request("ann", actions.AccountSuspend, s, actions.Standard, func(a *actions.Action) { a.Until = canonical.At(p.world.Now().Add(time.Hour)) })
	raw := p.world.Warrant(r)
	p.plaza.Fail(executortest.LostAfter)
	p.plaza.Mute(true)
	if got, err := p.carry(raw); err != nil || got.Outcome != proof.Unknown {
		t.Fatalf("%+v, %v", got, err)
	}
	p.plaza.Mute(false)
	p.clock.Set(r.Action.Until.Time)
	p.until("it is lifted", p.isUp(s))
}

// TestUnknownLiftOverOwners: a platform that cannot say what came of a lift shows that the
// account is as its owner had left it, and not down. That is all that is owed.
func TestUnknownLiftOverOwners(t *testing.T) {
	p := newPlace(t)
	s := p.plaza.Account("acct/9", 1, "")
	p.plaza.Set(s.ID, platform.Deactivated, "")
	r := p.world.Request("ann", actions.AccountSuspend, s, actions.Standard, func(a *actions.Action) {
		a.Until, a.Command.Expect.Status = canonical.At(p.world.Now().Add(time.Hour)), platform.Deactivated
	})
	p.executes(r)
	p.plaza.Fail(executortest.LostAfter)
	p.plaza.Mute(true)
	p.clock.Set(r.Action.Until.Time)
	p.entered(r, proof.DutyLift, "intent", "receipt executed")
	if now := p.plaza.State(s.ID); !now.Is(platform.Deactivated, "") {
		t.Errorf("it is %+v", now)
	}
}

// TestUndoWithoutDesk: an undo waits a moment for the ledger and is then done;
// its records are handed over in order when the desk answers, each once.
func TestUndoWithoutDesk(t *testing.T) {
	p := newPlace(t)
	measure := p.takedown(p.president(), actions.Critical)
	p.executes(measure)
	p.entered(measure, proof.DutyAct, "intent", "receipt executed")
	undo := p.world.Undo("bob", measure)
	p.ready()
	p.desk.Down(true)
	raw := p.world.Warrant(undo) // an entry that the executor cannot see
	if got, err := p.carry(raw); err != nil || got.Outcome != proof.Executed {
		t.Fatalf("%+v, %v", got, err)
	}
	burdening := p.world.Warrant(p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard))
	if got, err := p.Carry(t.Context(), burdening, 0); err != nil || got.Outcome != "" {
		t.Errorf("burdening without the desk: %+v, %v", got, err)
	}
	p.desk.Down(false)
	p.entered(undo, proof.DutyAct, "intent", "receipt executed")
	handed := p.desk.Handed()
	if !slices.IsSorted(handed) {
		t.Errorf("handed over in the order %v", handed)
	}
	sequences := map[int64]int{}
	for _, x := range p.world.Acted() {
		sequences[x.Sequence]++
	}
	for s, n := range sequences {
		if n != 1 {
			t.Errorf("record %d was entered %d times", s, n)
		}
	}
}

// TestUndoByAnotherAnchor: without the desk a warrant's own proof is checked.
func TestUndoByAnotherAnchor(t *testing.T) {
	p := newPlace(t)
	measure := p.takedown(p.president(), actions.Critical)
	p.executes(measure)
	p.entered(measure, proof.DutyAct, "intent", "receipt executed")
	undo := p.world.Undo("bob", measure)
	p.ready()
	p.desk.Down(true)
	w, err := proof.ParseWarrant(p.world.Warrant(undo))
	if err != nil {
		t.Fatal(err)
	}
	w.Ledger.Proof.Hashes[0][0]++
	if got, err := p.carry(canonical.MustMarshal(w)); err == nil {
		t.Errorf("a wrong proof: %+v", got)
	}
}

// TestUndoAfterRestartWithoutDesk: who may undo is known from the journal, and
// what burdens waits for the ledger.
func TestUndoAfterRestartWithoutDesk(t *testing.T) {
	p := newPlace(t)
	measure := p.takedown(p.president(), actions.Critical)
	p.executes(measure)
	p.entered(measure, proof.DutyAct, "intent", "receipt executed")
	undo := p.world.Warrant(p.world.Undo("bob", measure))
	burdening := p.world.Warrant(p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard))
	p.ready()
	p.until("the chain is journalled", func() bool {
		chain, err := p.journal.Chain(t.Context())
		return err == nil && int64(len(chain)) == p.world.State().Next
	})
	p.halt()
	p.desk.Down(true)
	p.limits.Entry = 50 * time.Millisecond
	p.start()
	if got, err := p.carry(undo); err != nil || got.Outcome != proof.Executed {
		t.Errorf("undo: %+v, %v", got, err)
	}
	if got, err := p.carry(burdening); !fault.Is(err, "executor-stopped") {
		t.Errorf("burdening: %+v, %v", got, err)
	}
	p.halt()
	p.desk.Down(false)
	p.limits.Entry = patience
	p.start()
	p.ready()
	if got, err := p.carry(burdening); err != nil || got.Outcome != proof.Executed {
		t.Errorf("burdening, with the desk: %+v, %v", got, err)
	}
}

// TestHalfAnAdmission: rows that are withheld stop burdening acts, and no undo,
// after a restart too.
func TestHalfAnAdmission(t *testing.T) {
	p := newPlace(t)
	burdening, undo := p.prepare()
	n := p.world.State().Next
	p.desk.Lie(withhold(func(l ledger.Leaf) bool { return l.Class == ledger.Governance && l.Number > n }))
	p.world.Admit(workforce.Record{Worker: "new", Roles: []workforce.Role{workforce.Lead}, Start: canonical.At(p.world.Now())})
	p.until("the row is missed", func() bool { return strings.Contains(p.Status().Stopped, "governance entry") })
	p.restart()
	p.refusesBurdening("governance entry", burdening, undo)
	p.desk.Lie(nil)
	p.until("the row is there", func() bool { return p.Status().Stopped == "" })
	if got, err := p.carry(burdening); err != nil || got.Outcome != proof.Executed {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
}
