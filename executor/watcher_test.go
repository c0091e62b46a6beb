package executor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/executor"
	"countersign.dev/executor/executortest"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/link"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	connector "countersign.dev/platform/plaza"
	"countersign.dev/watch"
	"countersign.dev/workforce"
)

// guarded starts an executor with a president, and a mayor who is protected, a
// baseline of both in the ledger, and standing orders whose signers vouch for it.
func guarded(t *testing.T) *place {
	t.Helper()
	return newPlace(t).guarded()
}

func (p *place) guarded() *place {
	p.t.Helper()
	p.based()
	p.order(actions.Critical, 20, 100)
	p.order(actions.Protected, 20, 100)
	return p
}

const (
	president = "acct/1"
	mayor     = "acct/2"
	nobody    = "acct/3"
)

// based makes the accounts and waits for a baseline in the ledger.
func (p *place) based() {
	p.t.Helper()
	p.played.Account(president, 2_000_000, "head of state")
	p.played.Account(mayor, 200_000, "")
	p.played.Account(nobody, 10, "")
	p.sweeps()
	p.until("a baseline is in the ledger", func() bool {
		w := p.watched()
		return w.Entered && w.Protected+w.Critical >= 2 && w.UnbasedProtected+w.UnbasedCritical == 0
	})
}

// sweeps has the platform swept by a new executor.
func (p *place) sweeps() {
	p.t.Helper()
	p.watches = true
	p.restart()
	p.until("the platform is swept", func() bool { w := p.watched(); return !w.Swept.IsZero() && w.Streaming })
}

func (p *place) watched() linkv1.WatchStatus {
	for _, w := range p.Status().Watches {
		if w.Platform == "plaza" {
			return w
		}
	}
	return linkv1.WatchStatus{}
}

func (p *place) order(t actions.Tier, perSubject, perTier int64) {
	p.t.Helper()
	p.ordered(actions.Order{Op: "place", Platform: "plaza", Tier: t, Until: canonical.At(p.world.Now().Add(100 * 24 * time.Hour)),
		PerSubject: perSubject, PerTier: perTier, Vouched: canonical.At(p.world.Now())})
}

func (p *place) ordered(o actions.Order) {
	p.t.Helper()
	p.world.Change(actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &o})
	p.ready()
}

// told returns the records of a kind that the watch made.
func (p *place) told(kind string) []proof.Execution {
	return slices.DeleteFunc(p.world.Executions(), func(x proof.Execution) bool { return x.Kind != kind || x.Duty != proof.DutyWatch })
}

// breaches waits until the ledger holds so many breaches, and returns them.
func (p *place) breaches(n int) []proof.Execution {
	p.t.Helper()
	p.until(fmt.Sprintf("%d breaches", n), func() bool { return len(p.told(proof.KindBreach)) >= n })
	all := p.told(proof.KindBreach)
	if len(all) != n {
		p.t.Fatalf("%d breaches, expected %d", len(all), n)
	}
	return all
}

// opened returns what opens a record's commitments.
func (p *place) opened(x proof.Execution, name string) string {
	p.t.Helper()
	for _, e := range p.world.Entries() {
		if e.Leaf.Class != ledger.Execution {
			continue
		}
		if have, err := proof.ParseExecution(e.Body); err != nil || have.Execution.Sequence != x.Sequence {
			continue
		}
		for _, o := range e.Openings {
			var text string
			if o.Name == name && json.Unmarshal(o.Value, &text) == nil {
				return text
			}
		}
	}
	return ""
}

func (p *place) upAgain(id string) {
	p.t.Helper()
	p.until(id+" is up", func() bool { return p.played.State(id).Is(platform.Up, "") })
}

// looked waits until the watch has seen the newest event.
func (p *place) looked(id string) {
	p.t.Helper()
	// A look at another subject that changes after it is told after it.
	n := len(p.told(proof.KindForeign))
	if p.played.State(nobody).Status == platform.Up {
		p.played.Set(nobody, platform.Down, "MARKER")
	} else {
		p.played.Set(nobody, platform.Up, "")
	}
	p.until("the watch has looked", func() bool { return len(p.told(proof.KindForeign)) > n })
	_ = id
}

// TestBreach: a takedown around the desk is noticed, entered and lifted, whoever
// did it and by whatever way it is seen.
func TestBreach(t *testing.T) {
	for name, c := range map[string]struct {
		id     string
		mark   platform.Mark
		hidden bool
		why    watch.Reason
	}{
		"critical, by the stream":       {president, "NIGHT-SHIFT-1", false, watch.NoWarrant},
		"critical, by direct reads":     {president, "", true, watch.NoWarrant},
		"protected, by the stream":      {mayor, "BSKY-TAKEDOWN-7", false, watch.NoWarrant},
		"a mark that looks like ours":   {president, "CSGN-req_01jd9x3m8v0q2k4t6w8y1z3b5c", false, watch.OldMark},
		"protected, without any mark":   {mayor, "", false, watch.NoWarrant},
		"critical, hidden, with a mark": {president, "X", true, watch.NoWarrant},
	} {
		t.Run(name, func(t *testing.T) {
			p := guarded(t)
			p.plaza.Hide(c.hidden)
			p.plaza.SetBy("night-shift", c.id, platform.Down, c.mark)
			p.upAgain(c.id)
			b := p.breaches(1)[0]
			s := b.Sight
			if s.Found != (platform.Expect{Status: platform.Down, Mark: c.mark}) || s.Expected.Status != platform.Up || s.Why != string(c.why) || s.Order == "" {
				t.Errorf("told %+v", s)
			}
			if got := p.opened(b, proof.SealedSubject); got != "plaza:"+c.id {
				t.Errorf("the subject opens as %q", got)
			}
			p.until("the restoration is in the ledger", func() bool { return len(p.world.OutcomeOf(b.Request, proof.DutyRestore)) == 2 })
			if got := p.world.OutcomeOf(b.Request, proof.DutyRestore); !slices.Equal(got, []string{"intent", "receipt executed"}) {
				t.Errorf("records %q", got)
			}
			p.until("the breach is over", func() bool { return p.watched().Breaches == 0 })
			if n := len(p.plaza.Effects()); n != 1 {
				t.Errorf("%d calls changed the platform", n)
			}
		})
	}
}

// TestCredential: whose credential it was is told by the breach itself or, where
// it was seen before the stream said so, right after.
func TestCredential(t *testing.T) {
	p := guarded(t)
	p.plaza.SetBy("night-shift", mayor, platform.Down, "X")
	p.upAgain(mayor)
	if got := p.opened(p.breaches(1)[0], proof.SealedCredential); got != "night-shift" {
		t.Errorf("the breach names %q", got)
	}
	p.plaza.Hide(true)
	p.plaza.SetBy("night-shift", president, platform.Down, "X")
	p.upAgain(president)
	second := p.breaches(2)[1]
	if got := p.opened(second, proof.SealedCredential); got != "" {
		t.Errorf("a direct read names %q", got)
	}
	p.plaza.Hide(false)
	p.plaza.Tell(platform.Happening{Subject: platform.Subject{Platform: "plaza", ID: president, Handle: "@1"}, Status: platform.Down, Mark: "X", Marked: true, By: "day-shift"})
	p.until("it is told", func() bool { return len(p.told(proof.KindTold)) == 1 })
	told := p.told(proof.KindTold)[0]
	if told.Request != second.Request || p.opened(told, proof.SealedCredential) != "day-shift" {
		t.Errorf("told %+v", told)
	}
}

// TestToldMeanwhile: the stream may name a credential while a direct read has seen
// what it did and the breach is not written down yet.
func TestToldMeanwhile(t *testing.T) {
	p := newPlace(t)
	var once sync.Once
	p.step = func(step string) {
		if step != executor.StepSeen {
			return
		}
		once.Do(func() {
			p.plaza.Hide(false)
			p.plaza.Tell(platform.Happening{Subject: platform.Subject{Platform: "plaza", ID: president, Handle: "@1"}, Status: platform.Down, Mark: "X", Marked: true, By: "night-shift"})
			p.looked(nobody) // the stream is past it
		})
	}
	p.based()
	p.order(actions.Critical, 20, 100)
	p.plaza.Hide(true)
	p.plaza.SetBy("night-shift", president, platform.Down, "X")
	b := p.breaches(1)[0]
	if got := p.opened(b, proof.SealedCredential); got != "" {
		t.Fatalf("the breach names %q: it was not seen by a direct read", got)
	}
	p.until("it is told", func() bool { return len(p.told(proof.KindTold)) == 1 })
	if told := p.told(proof.KindTold)[0]; told.Request != b.Request || p.opened(told, proof.SealedCredential) != "night-shift" {
		t.Errorf("told %+v", told)
	}
}

// TestOthersEvents: an event about another change of a subject names nobody for
// this one, whether it is told before or after.
func TestOthersEvents(t *testing.T) {
	p := guarded(t)
	subject := platform.Subject{Platform: "plaza", ID: mayor, Handle: "@2"}
	tell := func(by string, at time.Duration, h platform.Happening) {
		h.Subject, h.By, h.At = subject, by, canonical.At(p.clock.Now().Add(at))
		p.plaza.Tell(h)
	}
	p.plaza.Hide(true)
	p.plaza.SetBy("night-shift", mayor, platform.Down, "X")
	p.plaza.Hide(false)
	tell("day-shift", -time.Minute, platform.Happening{Status: platform.Up, Marked: true}) // this is why it is looked at
	p.upAgain(mayor)
	b := p.breaches(1)[0]
	if got := p.opened(b, proof.SealedCredential); got != "" || !b.Sight.Changed.IsZero() {
		t.Errorf("the breach names %q, at %s", got, b.Sight.Changed)
	}
	tell("evening-shift", -time.Second, platform.Happening{Status: platform.Down, Mark: "Y", Marked: true})
	tell("owner", 0, platform.Happening{Locks: true})
	tell("night-shift", -time.Second, platform.Happening{Status: platform.Down, Mark: "X", Marked: true})
	p.until("it is told", func() bool { return len(p.told(proof.KindTold)) > 0 })
	tell("another", 0, platform.Happening{Status: platform.Down, Mark: "X", Marked: true})
	p.looked(mayor)
	told := p.told(proof.KindTold)
	if len(told) != 1 || told[0].Request != b.Request || p.opened(told[0], proof.SealedCredential) != "night-shift" {
		t.Errorf("told %+v", told)
	}
}

// TestExplained: what our own warrants do is no breach: seen before the receipt,
// right after it, and again long after.
func TestExplained(t *testing.T) {
	p := guarded(t)
	inflight, calls := make(chan struct{}), make(chan struct{})
	var once sync.Once
	p.plaza.Before(func(platform.Command) { once.Do(func() { close(inflight); <-calls }) })
	r := p.takedown(p.plaza.Account(president, 2_000_000, "head of state"), actions.Critical)
	raw := p.world.Warrant(r)
	ended := make(chan error, 1)
	go func() {
		_, err := p.Carry(context.WithoutCancel(t.Context()), raw, patience)
		ended <- err
	}()
	<-inflight
	subject := r.Action.Subject
	p.plaza.Tell(platform.Happening{Subject: subject, By: "executor"})
	close(calls)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for range 3 {
		p.plaza.Tell(platform.Happening{Subject: subject, By: "executor"})
		p.looked(president)
	}
	p.sweeps()
	p.looked(president)
	if n := len(p.told(proof.KindBreach)); n != 0 {
		t.Errorf("%d breaches", n)
	}
	if !p.plaza.State(president).Is(platform.Down, platform.MarkOf(r.ID)) {
		t.Error("our own takedown was lifted")
	}
	// The undo is explained as well, and afterwards the old mark is not.
	p.entered(r, proof.DutyAct, "intent", "receipt executed")
	p.executes(p.world.Undo("ann", r))
	p.looked(president)
	if n := len(p.told(proof.KindBreach)); n != 0 {
		t.Errorf("%d breaches after the undo", n)
	}
	p.plaza.SetBy("insider", president, platform.Down, platform.MarkOf(r.ID))
	p.upAgain(president)
	if b := p.breaches(1)[0]; b.Sight.Why != string(watch.OldMark) {
		t.Errorf("told %+v", b.Sight)
	}
}

// TestLiftedByOthers: a measure of ours that somebody lifts is over. Who puts it on
// again, mark and all, does that without a warrant.
func TestLiftedByOthers(t *testing.T) {
	p := guarded(t)
	r := p.takedown(p.plaza.Account(president, 2_000_000, "head of state"), actions.Critical)
	p.executes(r)
	p.entered(r, proof.DutyAct, "intent", "receipt executed")
	again := func(by string, n int) {
		p.plaza.SetBy(by, president, platform.Down, platform.MarkOf(r.ID))
		if b := p.breaches(n)[n-1]; b.Sight.Why != string(watch.OldMark) || b.Sight.Warrant != r.ID {
			t.Errorf("told %+v", b.Sight)
		}
		p.plaza.SetBy(by, president, platform.Up, "") // what is up for less than a day nobody restores
		p.until("the breach is over", func() bool { return p.watched().Breaches == 0 })
	}
	p.plaza.SetBy("day-shift", president, platform.Up, "")
	p.until("the lift is told", func() bool { return len(p.told(proof.KindForeign)) == 1 })
	again("night-shift", 1)
	p.sweeps() // by an executor that was started again
	again("night-shift", 2)
	// Another warrant explains what it does.
	second := p.takedown(p.plaza.Account(president, 2_000_000, "head of state"), actions.Critical)
	p.executes(second)
	p.looked(president)
	p.breaches(2)
	if !p.plaza.State(president).Is(platform.Down, platform.MarkOf(second.ID)) {
		t.Error("our second takedown does not stand")
	}
}

// TestUpStaysTrusted: what is right to be up is right still after the owner was away
// for a time. Else whoever deactivates an account and brings it back could take it
// down next, and nobody would restore it.
func TestUpStaysTrusted(t *testing.T) {
	for name, restoredBefore := range map[string]int{"as a baseline holds it": 0, "as a restoration left it": 1} {
		t.Run(name, func(t *testing.T) {
			p := guarded(t)
			if restoredBefore > 0 {
				p.plaza.SetBy("night-shift", mayor, platform.Down, "X")
				p.upAgain(mayor)
				p.until("the restoration is told", func() bool { return len(p.world.OutcomeOf(p.breaches(1)[0].Request, proof.DutyRestore)) == 2 })
				p.advance(61 * time.Minute) // no duel any more
			}
			p.plaza.SetBy("", mayor, platform.Deactivated, "")
			p.until("that it was switched off is told", func() bool { return len(p.told(proof.KindForeign)) == 1 })
			p.plaza.SetBy("night-shift", mayor, platform.Up, "")
			p.looked(mayor)
			p.plaza.SetBy("night-shift", mayor, platform.Down, "Y")
			p.upAgain(mayor)
			if b := p.breaches(restoredBefore + 1)[restoredBefore]; b.Sight.Order == "" {
				t.Error("no standing order covers it")
			}
		})
	}
}

// TestUpIsNotTrustedOverUs: who brings back what our own warrant switched off has not
// made it right to be up, however long the ledger held that it was off.
func TestUpIsNotTrustedOverUs(t *testing.T) {
	p := guarded(t)
	r := p.world.Countersign(p.world.Request("ann", actions.AccountDeactivate, p.plaza.Account(mayor, 200_000, ""), actions.Protected), "lee")
	p.executes(r)
	p.sweeps()
	p.until("a baseline holds it", func() bool { w := p.watched(); return w.Entered && w.UnbasedProtected == 0 })
	p.advance(25 * time.Hour)
	p.plaza.SetBy("night-shift", mayor, platform.Up, "")
	p.until("that it was brought back is told", func() bool { return len(p.told(proof.KindForeign)) == 1 })
	p.plaza.SetBy("night-shift", mayor, platform.Down, "Y")
	if b := p.breaches(1)[0]; b.Sight.Order != "" {
		t.Errorf("it is restored under %s", b.Sight.Order)
	}
}

// TestLateAfterOthers: a call of ours whose outcome is not known may take effect
// when something else has come and gone. Its warrant explains it still.
func TestLateAfterOthers(t *testing.T) {
	p := guarded(t)
	r := p.takedown(p.plaza.Account(president, 2_000_000, "head of state"), actions.Critical)
	raw := p.world.Warrant(r)
	p.plaza.Fail(executortest.Late)
	p.plaza.Mute(true)
	if got, err := p.carry(raw); err != nil || got.Outcome != proof.Unknown {
		t.Fatalf("%+v, %v", got, err)
	}
	p.plaza.Mute(false)
	for i, s := range []platform.Status{platform.Deactivated, platform.Up} {
		p.plaza.SetBy("@1", president, s, "")
		p.until("the owner's change is told", func() bool { return len(p.told(proof.KindForeign)) == i+1 })
	}
	p.plaza.Deliver()
	p.until("the takedown has come", func() bool { return p.plaza.State(president).Is(platform.Down, platform.MarkOf(r.ID)) })
	p.looked(president)
	if n := len(p.told(proof.KindBreach)); n != 0 || p.plaza.State(president).Status != platform.Down {
		t.Errorf("%d breaches; it is %s", n, p.plaza.State(president).Status)
	}
}

// TestMarkInPlaceOfOurs: somebody who puts another mark in the place of ours
// burdens no more than we did; it is told, and nothing is lifted.
func TestMarkInPlaceOfOurs(t *testing.T) {
	p := guarded(t)
	r := p.takedown(p.plaza.Account(president, 2_000_000, "head of state"), actions.Critical)
	p.executes(r)
	p.plaza.SetBy("ozone", president, platform.Down, "BSKY-TAKEDOWN-9")
	b := p.breaches(1)[0]
	if b.Sight.Order != "" || b.Sight.Why != string(watch.AnotherMark) || b.Sight.Warrant != r.ID {
		t.Errorf("told %+v", b.Sight)
	}
	p.looked(president)
	if !p.plaza.State(president).Is(platform.Down, "BSKY-TAKEDOWN-9") {
		t.Error("a measure was lifted that only took the place of another")
	}
}

// TestNoOrder: without a standing order in force, or with one whose signers do not
// vouch for a state that is younger than a day, a breach is told and not lifted;
// with one, whoever of its signers has left, it is.
func TestNoOrder(t *testing.T) {
	p := newSquare(t)
	p.based()
	p.square.Set(president, platform.Down, "X")
	if b := p.breaches(1)[0]; b.Sight.Order != "" {
		t.Errorf("without an order it told %+v", b.Sight)
	}
	unvouched := actions.Order{Op: "place", Platform: "plaza", Tier: actions.Critical, Until: canonical.At(p.world.Now().Add(100 * 24 * time.Hour)), PerSubject: 9, PerTier: 9}
	p.ordered(unvouched)
	p.looked(president)
	if p.square.State(president).Status != platform.Down {
		t.Fatal("a state was restored that had stood for minutes and that nobody vouches for")
	}
	p.advance(watch.Rest + time.Hour)
	p.upAgain(president) // the order is in force, and the baseline is a day old
	p.world.Admit(workforce.Record{Worker: "dee", Roles: []workforce.Role{workforce.Officer}, Team: "trust", Manager: "zoe", Site: "site",
		Zone: "Europe/Lisbon", Start: canonical.At(p.world.Now())})
	p.world.Enrol("dee")
	p.advance(31 * 24 * time.Hour)
	p.world.End("ada") // who placed the order
	p.ready()
	p.square.Set(president, platform.Down, "Y")
	p.upAgain(president)
	p.breaches(2)
	if _, err := p.world.TryChange(actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "revoke", Platform: "plaza",
		Tier: actions.Critical}}, "bea", "cem", "dee"); err != nil {
		t.Fatal(err)
	}
	p.ready()
	p.square.Set(president, platform.Down, "Z")
	if b := p.breaches(3)[2]; b.Sight.Order != "" {
		t.Errorf("under a revoked order it told %+v", b.Sight)
	}
	p.looked(president)
	if p.square.State(president).Status != platform.Down {
		t.Error("a revoked order restores")
	}
}

// TestOrderEnds: an order whose end has come restores nothing.
func TestOrderEnds(t *testing.T) {
	p := guarded(t)
	p.advance(101 * 24 * time.Hour)
	p.plaza.Set(mayor, platform.Down, "X")
	p.breaches(1)
	p.looked(mayor)
	if p.plaza.State(mayor).Status != platform.Down {
		t.Error("an order that has ended restores")
	}
}

// TestDuel: somebody takes a protected account on a real plaza down fifty times. The
// pace falls, it is never given up, each takedown is lifted exactly once, and no call
// is made when nothing is to change.
func TestDuel(t *testing.T) {
	p := newSquare(t).guarded()
	p.order(actions.Protected, 100, 1000)
	p.duel(mayor, func(round int) time.Duration {
		if round < 3 {
			return []time.Duration{0, time.Second, 10 * time.Second}[round]
		}
		return time.Minute
	})
}

// TestDuelOverCritical: what somebody does fifty times to a critical account is
// lifted fifty times at once, with the order's numbers long gone beyond.
func TestDuelOverCritical(t *testing.T) {
	p := newSquare(t).guarded()
	p.order(actions.Critical, 1, 1)
	p.duel(president, func(int) time.Duration { return 0 })
	var passed []string
	for i, b := range p.told(proof.KindBreach) {
		if b.Type != "" {
			passed = append(passed, fmt.Sprintf("%d %s", i, b.Type))
		}
	}
	if want := []string{"1 budget-passed", "2 budget-passed"}; !slices.Equal(passed, want) {
		t.Errorf("people are paged at %q, expected once for the subject and once for the tier: %q", passed, want)
	}
}

// duel has an account of a real plaza taken down fifty times, and expects each to be
// lifted once, after a time by the executor's clock.
func (p *place) duel(id string, pace func(round int) time.Duration) {
	p.t.Helper()
	var want []desktest.Change
	for round := range 50 {
		pace := pace(round)
		mark := platform.Mark(fmt.Sprintf("ROUND-%d", round))
		p.square.SetBy("night-shift", id, platform.Down, mark)
		b := p.breaches(round + 1)[round]
		if pace > 0 {
			p.advance(pace - time.Millisecond)
			p.looked(id) // whatever was due then was tried
			if !p.square.State(id).Is(platform.Down, mark) {
				p.t.Errorf("round %d: it was up before %s", round, pace)
			}
			p.advance(time.Millisecond)
		}
		p.upAgain(id)
		p.until("the restoration is told", func() bool { return len(p.world.OutcomeOf(b.Request, proof.DutyRestore)) == 2 })
		for _, x := range p.world.Acted() {
			if x.Request == b.Request && x.Kind == proof.KindIntent && x.At.Sub(b.Sight.Seen.Time) != pace {
				p.t.Errorf("round %d: it was lifted after %s, expected %s", round, x.At.Sub(b.Sight.Seen.Time), pace)
			}
		}
		want = append(want, desktest.Change{Status: platform.Down, Mark: mark}, desktest.Change{Status: platform.Up})
	}
	if diff := cmp.Diff(want, p.square.Changes(id)); diff != "" {
		p.t.Errorf("what changed the account: %s", diff)
	}
	p.commanded(50)
}

// TestRestorationBudget: throw-away accounts that are taken down spend nothing that
// the mayor's restoration needs, though the tier's number is gone beyond; what one
// protected subject has spent stops that one, until the window has passed.
func TestRestorationBudget(t *testing.T) {
	p := newPlace(t)
	p.based()
	var throwaway []string
	for i := range 5 {
		throwaway = append(throwaway, fmt.Sprintf("acct/2%d", i))
		p.plaza.Account(throwaway[i], 200_000, "")
	}
	p.sweeps()
	p.until("all are in a baseline", func() bool {
		w := p.watched()
		return w.Protected == 6 && w.Critical == 1 && w.Entered && w.UnbasedProtected == 0
	})
	p.order(actions.Protected, 1, 2)
	for _, id := range append(throwaway, mayor) {
		p.plaza.Set(id, platform.Down, "X")
		p.upAgain(id)
	}
	passed := slices.DeleteFunc(p.told(proof.KindBreach), func(x proof.Execution) bool { return x.Type == "" })
	if len(passed) != 1 || passed[0].Type != "budget-passed" {
		t.Errorf("that the tier's number was gone beyond is told %d times: %+v", len(passed), passed)
	}
	p.plaza.Set(mayor, platform.Down, "Y")
	p.breaches(7)
	p.advance(watch.Pace(1))
	p.looked(mayor)
	p.until("it waits for its window", func() bool { return p.watched().Breaches == 1 })
	if p.plaza.State(mayor).Status != platform.Down {
		t.Error("one protected subject is restored more often than its order says")
	}
	p.plaza.Set(throwaway[0], platform.Up, "") // nothing; the others are as they were
	p.advance(time.Hour + time.Minute)         // the window has passed
	p.upAgain(mayor)
}

// TestOwnerLock: the act of 2017. With the owner's lock a deactivation is a breach
// and is taken back; without it, it is the owner's affair; a lock that was taken
// back holds for 72 hours, and the owner is told.
func TestOwnerLock(t *testing.T) {
	p := guarded(t)
	p.plaza.SetBy("@2", mayor, platform.Deactivated, "")
	p.until("it is told", func() bool { return len(p.told(proof.KindForeign)) == 1 })
	if f := p.told(proof.KindForeign)[0]; f.Sight.Why != string(watch.Owner) || f.Sight.Tier != actions.Protected {
		t.Errorf("told %+v", f.Sight)
	}
	p.plaza.SetLock(president, platform.Lock{Set: true, Since: canonical.At(p.clock.Now())})
	p.until("the lock is told", func() bool { return len(p.told(proof.KindLock)) == 1 })
	p.until("the owner is told that it was set", func() bool { return len(p.plaza.Notices()) == 1 })
	p.plaza.SetBy("night-shift", president, platform.Deactivated, "")
	p.upAgain(president)
	if b := p.breaches(1)[0]; b.Sight.Why != string(watch.AgainstLock) {
		t.Errorf("told %+v", b.Sight)
	}
	p.plaza.SetLock(president, platform.Lock{})
	p.until("the clearing is told", func() bool { return len(p.told(proof.KindLock)) == 2 })
	p.until("the owner is told", func() bool { return len(p.plaza.Notices()) == 2 })
	p.advance(platform.ClearingTime - time.Minute)
	p.plaza.Set(president, platform.Deactivated, "")
	p.upAgain(president)
	p.breaches(2)
	p.advance(2 * time.Minute)
	p.plaza.Set(president, platform.Deactivated, "")
	p.until("it is the owner's affair", func() bool { return len(p.told(proof.KindForeign)) == 2 })
	if p.plaza.State(president).Status != platform.Deactivated {
		t.Error("a lock that was cleared three days ago still holds")
	}
}

// TestDeskClearsLock: the desk takes an owner's lock out of effect by a change
// that several sign; a lock set after it holds again.
func TestDeskClearsLock(t *testing.T) {
	p := guarded(t)
	p.plaza.SetLock(president, platform.Lock{Set: true})
	p.until("the lock is told", func() bool { return len(p.told(proof.KindLock)) == 1 })
	p.advance(time.Minute)
	p.world.Change(actions.DeskChange, actions.Setting{Of: actions.PartLocks, Unlock: &actions.Unlock{Subject: prooftest.Account(president)}})
	p.ready()
	p.plaza.Set(president, platform.Deactivated, "")
	p.until("it is the owner's affair", func() bool { return len(p.told(proof.KindForeign)) == 1 })
}

// TestForeign: on standard subjects others' measures are recorded and left; what
// others lift is told and never put back.
func TestForeign(t *testing.T) {
	p := guarded(t)
	p.plaza.Set(nobody, platform.Down, "BSKY-TAKEDOWN-1")
	p.until("it is counted", func() bool { return len(p.told(proof.KindForeign)) == 1 })
	if s := p.told(proof.KindForeign)[0].Sight; s.Count != 1 || !s.Subject.IsZero() || s.Root.IsZero() {
		t.Errorf("told %+v", s)
	}
	r := p.takedown(p.plaza.Account(mayor, 200_000, ""), actions.Protected)
	p.executes(r)
	p.plaza.Set(mayor, platform.Up, "")
	p.until("it is told", func() bool { return len(p.told(proof.KindForeign)) == 2 })
	if s := p.told(proof.KindForeign)[1].Sight; s.Why != string(watch.Relieved) || s.Expected.Mark != platform.MarkOf(r.ID) {
		t.Errorf("told %+v", s)
	}
	if n := len(p.plaza.Effects()); n != 1 {
		t.Errorf("%d calls changed the platform", n)
	}
	if n := len(p.told(proof.KindBreach)); n != 0 {
		t.Errorf("%d breaches", n)
	}
}

// TestObserve: a tier that is only observed is told of and left.
func TestObserve(t *testing.T) {
	p := guarded(t)
	p.world.Change(actions.DeskChange, actions.Setting{Of: actions.PartModes, Mode: &actions.Mode{Platform: "plaza", Tier: actions.Critical, Mode: actions.Observe}})
	p.ready()
	p.plaza.Set(president, platform.Down, "X")
	p.until("it is told", func() bool { return len(p.told(proof.KindObserved)) == 1 })
	if s := p.told(proof.KindObserved)[0].Sight; s.Order == "" {
		t.Errorf("it does not say that it would have been restored: %+v", s)
	}
	p.plaza.Set(mayor, platform.Down, "X")
	p.upAgain(mayor) // protected is enforced still
	if p.plaza.State(president).Status != platform.Down || len(p.told(proof.KindObserved)) != 1 {
		t.Error("what is only observed was changed, or told twice")
	}
}

// TestStream: a stream that is cut, silent or has a gap is told of if it lasts,
// and what happened meanwhile is found.
func TestStream(t *testing.T) {
	t.Run("cut for a moment", func(t *testing.T) {
		p := guarded(t)
		p.plaza.Cut()
		p.plaza.Set(mayor, platform.Down, "X")
		p.upAgain(mayor)
		if n := len(p.told(proof.KindBlind)); n != 0 {
			t.Errorf("blind %d times", n)
		}
	})
	t.Run("silent", func(t *testing.T) {
		p := guarded(t)
		p.plaza.Silence()
		p.until("it is told", func() bool { return len(p.told(proof.KindBlind)) == 1 })
		if x := p.told(proof.KindBlind)[0]; x.Type != "stream-silent" || x.Sight.Platform != "plaza" {
			t.Errorf("told %+v", x)
		}
		p.until("it sees again", func() bool { return len(p.told(proof.KindSighted)) == 1 })
	})
	t.Run("contradicts itself", func(t *testing.T) {
		p := guarded(t)
		p.plaza.Hide(true) // its event came too late for where the stream goes on
		p.plaza.Set(mayor, platform.Down, "X")
		p.plaza.Contradict()
		p.upAgain(mayor)
		if b := p.breaches(1)[0]; b.Sight.Via != "sweep" {
			t.Errorf("seen by %s", b.Sight.Via)
		}
	})
	t.Run("a gap", func(t *testing.T) {
		p := guarded(t)
		p.looked(mayor)
		p.until("the place in the stream is noted", func() bool {
			place, err := p.journal.Place(t.Context(), "plaza")
			return err == nil && place.Cursor != ""
		})
		p.halt()
		p.plaza.Set(mayor, platform.Down, "X")
		p.plaza.Forget()
		p.start()
		p.upAgain(mayor)
		if b := p.breaches(1)[0]; b.Sight.Via != "sweep" {
			t.Errorf("seen by %s", b.Sight.Via)
		}
		p.until("it sees again", func() bool { return len(p.told(proof.KindSighted)) == 1 })
		if x := p.told(proof.KindBlind); len(x) != 1 || x[0].Type != "cursor-gone" {
			t.Errorf("told %+v", x)
		}
	})
	t.Run("while nobody looked", func(t *testing.T) {
		p := guarded(t)
		p.halt()
		p.plaza.Set(president, platform.Down, "X")
		p.start()
		p.upAgain(president)
		p.breaches(1)
	})
	t.Run("out of order and doubled", func(t *testing.T) {
		p := guarded(t)
		s := prooftest.Account(mayor)
		p.plaza.Set(mayor, platform.Down, "X")
		for range 20 {
			p.plaza.Tell(platform.Happening{Subject: s, By: "night-shift", At: canonical.At(p.clock.Now().Add(-time.Hour))})
		}
		p.upAgain(mayor)
		p.looked(mayor)
		p.breaches(1)
		if n := len(p.plaza.Effects()); n != 1 {
			t.Errorf("%d calls changed the platform", n)
		}
	})
}

// TestDeadDesk: with the desk dead a breach is restored all the same, and the one
// address that the executor knows is told; what happened is entered when the
// desk is back.
func TestDeadDesk(t *testing.T) {
	p := newPlace(t)
	var mu sync.Mutex
	var sent []string
	p.alarm = func(_ context.Context, r proof.SignedExecution) error {
		mu.Lock()
		defer mu.Unlock()
		if sent = append(sent, r.Execution.Request); len(sent) == 1 {
			return context.DeadlineExceeded // sent again
		}
		return nil
	}
	p.based()
	p.order(actions.Critical, 20, 100)
	p.desk.Down(true)
	p.plaza.Set(president, platform.Down, "X")
	p.upAgain(president)
	p.until("the address was told", func() bool { mu.Lock(); defer mu.Unlock(); return len(sent) == 2 })
	if n := len(p.told(proof.KindBreach)); n != 0 {
		t.Fatal("the desk is not dead")
	}
	p.desk.Down(false)
	b := p.breaches(1)[0]
	if sent[0] != b.Request || sent[1] != b.Request {
		t.Errorf("sent %q of %s", sent, b.Request)
	}
	p.until("the restoration is in the ledger", func() bool { return len(p.world.OutcomeOf(b.Request, proof.DutyRestore)) == 2 })
}

// TestTroubledRestoration: an answer that is lost, late or doubled makes no
// second measure and no second call, and the account is up at the end.
func TestTroubledRestoration(t *testing.T) {
	for name, f := range map[string]executortest.Failure{"500 after success": executortest.LostAfter, "500 before": executortest.LostBefore,
		"late": executortest.Late} {
		t.Run(name, func(t *testing.T) {
			p := guarded(t)
			p.plaza.Fail(f)
			p.plaza.Set(president, platform.Down, "X")
			p.upAgain(president)
			p.plaza.Deliver()
			p.looked(president)
			p.breaches(1)
			if n := len(p.plaza.Effects()); n != 1 {
				t.Errorf("%d calls changed the platform", n)
			}
		})
	}
}

// TestClockJumps: a clock that jumps ahead or back hides no breach, and makes no breach
// of an explained state.
func TestClockJumps(t *testing.T) {
	p := newSquare(t).guarded()
	r := p.takedown(prooftest.Account(president), actions.Critical)
	p.executes(r)
	p.entered(r, proof.DutyAct, "intent", "receipt executed")
	p.executes(p.world.Undo("ann", r))
	for i, d := range []time.Duration{-30 * time.Second, 50 * time.Second, -20 * time.Second} {
		p.clock.Set(p.clock.Now().Add(d))
		p.square.Set(president, platform.Down, platform.MarkOf(r.ID))
		b := p.breaches(i + 1)[i]
		if b.Sight.Why != string(watch.OldMark) {
			t.Errorf("told %+v", b.Sight)
		}
		p.until("it is up", func() bool {
			if p.square.State(president).Status == platform.Up {
				return true
			}
			p.advance(100 * time.Millisecond)
			return false
		})
		p.until("it is told", func() bool { return len(p.world.OutcomeOf(b.Request, proof.DutyRestore)) == 2 })
	}
	p.commanded(2 + 3) // the measure and its undo, and a restoration after each jump
}

// TestManyRightful: a sweep of a real plaza over ten thousand takedowns by warrant
// finds nothing.
func TestManyRightful(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of durable commits")
	}
	p := newSquare(t)
	p.order(actions.Protected, 5, 2*many) // what was taken for a breach would be lifted
	p.halt()
	p.watches = true
	subjects := p.crowd(1)
	j, err := journal.Open(t.Context(), p.path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Claim(t.Context(), journal.Owner{Executor: prooftest.ExecutorID, Root: p.world.Root}); err != nil {
		t.Fatal(err)
	}
	sideBySide(t, many, func(i int) error {
		request := fmt.Sprintf("req_%026d", i)
		s := subjects[i]
		command := platform.Command{Verb: platform.Takedown, Subject: s, Expect: platform.Expect{Status: platform.Up}, Mark: platform.MarkOf(request)}
		if _, err := p.square.Apply(t.Context(), request, command); err != nil {
			return err
		}
		a := journal.Act{Key: journal.Key{Request: request, Duty: proof.DutyAct}, Warrant: canonical.Sum([]byte(request)), Subject: s,
			Kind: actions.AccountTakedown, Command: command,
			Tier: actions.Protected, Direction: actions.Burdening, Nonce: make([]byte, 32), Attempt: 1}
		sign := func(sequence int64) proof.SignedExecution {
			return proof.Execution{V: proof.ExecutionV1, Executor: prooftest.ExecutorID, Sequence: sequence, Kind: proof.KindIntent, Duty: proof.DutyAct,
				Request: request, Nonce: a.Nonce, At: canonical.At(p.clock.Now())}.Sign(p.world.ExecutorKey)
		}
		if _, err := j.Intend(t.Context(), a, journal.Grounds{}, journal.Head{}, nil, sign); err != nil {
			return err
		}
		receipt := func(sequence int64) proof.SignedExecution {
			return proof.Execution{V: proof.ExecutionV1, Executor: prooftest.ExecutorID, Sequence: sequence, Kind: proof.KindReceipt, Duty: proof.DutyAct,
				Request: request, Nonce: a.Nonce, Outcome: proof.Executed, At: canonical.At(p.clock.Now())}.Sign(p.world.ExecutorKey)
		}
		// Every other one has no receipt noted in what was watched, as a journal
		// from before the watch has it.
		var after *platform.Expect
		if i%2 == 0 {
			after = &platform.Expect{Status: platform.Down, Mark: platform.MarkOf(request)}
		}
		_, err := j.End(t.Context(), a.Key, journal.Result{Outcome: proof.Executed}, canonical.At(p.clock.Now()), journal.Head{}, nil, after, receipt)
		return err
	})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.until("the platform is swept", func() bool { w := p.watched(); return !w.Swept.IsZero() || w.Breaches > 0 })
	if w := p.watched(); w.Protected != many || w.Breaches != 0 {
		t.Errorf("watched %+v", w)
	}
	p.commanded(many) // the takedowns
}

// TestInsiderChangesMany: an insider takes ten thousand protected accounts of a real
// plaza down at once, and a critical one last. The critical one does not wait for the
// others, and all come back, each lifted exactly once.
func TestInsiderChangesMany(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of durable commits")
	}
	p := newSquare(t)
	p.based()
	subjects := p.crowd(4)
	// The critical account is seen in the stream: read directly, it would come first
	// whatever else is to be looked at.
	p.limits.Direct = time.Hour
	// Ten thousand calls take seconds. Nothing is lifted before the last of them is
	// answered, so that everything is to be done at once.
	all := make(chan struct{})
	p.step = func(step string) {
		if step == executor.StepSeen {
			<-all
		}
	}
	over := sync.OnceFunc(func() { close(all) })
	t.Cleanup(over)
	p.restart()
	p.until("all are in a baseline", func() bool {
		w := p.watched()
		return w.Protected == many+1 && w.Entered && w.Streaming && w.UnbasedProtected == 0
	})
	p.order(actions.Protected, 5, 2*many)
	p.order(actions.Critical, 5, 5)
	sideBySide(t, many, func(i int) error { return p.square.setBy("night-shift", subjects[i].ID, platform.Down, "X") })
	p.square.SetBy("night-shift", president, platform.Down, "X")
	// How long the stream lags behind is the machine's affair.
	p.until("the stream has told of the critical one", func() bool { return p.square.toldDown(president) })
	over()
	restored := p.square.restorations(many + 1)
	before := slices.IndexFunc(restored, func(e connector.Event) bool { return e.Subject.ID == president })
	if before > many/10 {
		t.Errorf("the critical account waited for %d others", before)
	}
	lifted := map[string]int{}
	for _, e := range restored {
		lifted[e.Subject.ID]++
	}
	if len(lifted) != many+1 {
		t.Errorf("%d accounts were lifted %d times", len(lifted), len(restored))
	}
	told := map[string]bool{}
	p.until("all restorations are in the ledger", func() bool {
		for _, x := range p.world.Acted() {
			if x.Duty == proof.DutyRestore && x.Outcome == proof.Executed {
				told[x.Request] = true
			}
		}
		return len(told) == many+1
	})
	for _, b := range p.breaches(many + 1) {
		if !told[b.Request] {
			t.Errorf("the breach %s is not told to be restored", b.Request)
		}
	}
	p.commanded(many + 1)
}

// crowd makes many protected accounts, numbered from first.
func (p *place) crowd(first int) []platform.Subject {
	p.t.Helper()
	ids := make([]string, many)
	for i := range ids {
		ids[i] = fmt.Sprintf("acct/%d", first+i)
	}
	return p.square.accounts(ids, 200_000, "")
}

// TestKilledWatching kills the executor between every two steps of a breach and
// its restoration. Started again, it notices what it had not journalled, settles
// what it had, and calls once.
func TestKilledWatching(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	w := prooftest.Staffed(t)
	p := placeOf(t, w)
	p.based()
	p.order(actions.Critical, 1000, 1000)
	p.halt()
	folder := t.TempDir()
	x := errand{Desk: listen(t, folder, "desk", link.Desk(p.desk, "token")), Plaza: listen(t, folder, "plaza", servePlaza(p.plaza)),
		Journal: p.path, Key: w.ExecutorKey, Root: w.Root, Restored: president}
	died := 0
	for at := 1; ; at++ {
		w.Advance(2 * time.Hour) // a duel's pace is another test's
		p.plaza.Set(president, platform.Down, platform.Mark(fmt.Sprintf("ROUND-%d", at)))
		before, breaches := len(p.plaza.Effects()), len(p.told(proof.KindBreach))
		x.KillAt = at
		killed, log := x.do(t, w, nil, 0)
		if killed {
			died++
			x.KillAt = 0
			_, again := x.do(t, w, nil, 0)
			log = append(append(log, "killed"), again...)
		}
		if !p.plaza.State(president).Is(platform.Up, "") {
			t.Fatalf("killed at step %d: %+v\n%s", at, p.plaza.State(president), strings.Join(log, "\n"))
		}
		if n := len(p.plaza.Effects()) - before; n != 1 {
			t.Errorf("killed at step %d: %d calls changed the platform\n%s", at, n, strings.Join(log, "\n"))
		}
		if n := len(p.told(proof.KindBreach)) - breaches; n != 1 {
			t.Errorf("killed at step %d: %d breaches are told\n%s", at, n, strings.Join(log, "\n"))
		}
		if !killed {
			break
		}
	}
	if died < 4 {
		t.Errorf("killed only %d times", died)
	}
	t.Logf("killed at each of %d steps", died)
}

// TestRaisedIsInABaseline: a person who raises an account can vouch for its state before
// the next sweep, and with that it is restored.
func TestRaisedIsInABaseline(t *testing.T) {
	p := guarded(t)
	before := len(p.told(proof.KindBaseline))
	p.world.Change(actions.DeskChange, actions.Setting{Of: actions.PartTiers,
		Raise: &actions.Raise{Subject: platform.Subject{Platform: "plaza", ID: nobody}, From: actions.Standard, To: actions.Critical, Confirm: true}})
	p.until("another baseline, of one account more", func() bool {
		all := p.told(proof.KindBaseline)
		return len(all) > before && all[len(all)-1].Sight.Count == 3
	})
	p.order(actions.Critical, 20, 100)
	p.until("the baseline is known to be entered", func() bool { return p.watched().Entered })
	p.plaza.Set(nobody, platform.Down, "TICKET-1")
	p.until("it is up again", func() bool { return p.plaza.State(nobody).Status == platform.Up })
}

// TestUnbased: a person who is about to vouch for the state of a tier learns for how many
// subjects that does not hold, from the entry that raises one until the ledger holds the
// baseline with it.
func TestUnbased(t *testing.T) {
	p := guarded(t)
	count := func(protected, critical int64) func() bool {
		return func() bool {
			w := p.watched()
			return w.UnbasedProtected == protected && w.UnbasedCritical == critical
		}
	}
	p.until("everybody is in a baseline", count(0, 0))
	raise := func(id string, to actions.Tier) {
		p.world.Change(actions.DeskChange, actions.Setting{Of: actions.PartTiers,
			Raise: &actions.Raise{Subject: platform.Subject{Platform: "plaza", ID: id}, From: actions.Standard, To: to}})
	}
	p.plaza.Set(nobody, platform.Down, "TICKET-1")
	p.until("it is known as a standard one", func() bool { return len(p.told(proof.KindForeign)) > 0 })
	p.plaza.Set(nobody, platform.Up, "")
	p.plaza.Away(true)
	raise(nobody, actions.Critical)
	p.until("one that was not read yet counts", count(0, 1))
	p.desk.Down(true)
	before := p.watched().Baseline
	p.plaza.Away(false)
	p.until("there is a baseline that holds it", func() bool { return p.watched().Baseline > before })
	if w := p.watched(); !count(0, 1)() || w.Critical != 2 {
		t.Errorf("a baseline that the ledger does not hold counts: %+v", w)
	}
	p.desk.Down(false)
	p.until("the ledger holds that baseline", count(0, 0))

	// One that a baseline holds is vouched for in any tier, and one that is not there
	// does not count.
	before = p.watched().Baseline
	p.plaza.Away(true)
	raise(mayor, actions.Critical)
	raise("acct/404", actions.Protected)
	p.until("what was not read yet counts, and what is in a baseline does not", count(1, 0))
	p.plaza.Away(false)
	p.until("what is not there does not count", func() bool { return count(0, 0)() && p.watched().Baseline > before })

	// What a warrant has left is restored without a baseline.
	p.executes(p.takedown(platform.Subject{Platform: "plaza", ID: nobody, Handle: "@3"}, actions.Critical))
	if w := p.watched(); !count(0, 0)() {
		t.Errorf("what a warrant has left counts: %+v", w)
	}
}

// TestUnreadableEvent: an event that no stream gets past is a gap at its second
// coming: the stream goes on from now, a sweep finds what happened, and it is said
// once. Both connectors' errors are tried.
func TestUnreadableEvent(t *testing.T) {
	for name, err := range map[string]error{
		"as the connector to a PDS says it": fault.New(fault.Unavailable, "stream-unreadable", "The PDS sent a frame that cannot be read."),
		"as the connector to plaza says it": fault.New(fault.Unavailable, "platform-unclear", "plaza sent an event that cannot be read."),
	} {
		t.Run(name, func(t *testing.T) {
			p := guarded(t)
			p.plaza.Stay(time.Hour) // a stream is believed only when it has told something
			p.plaza.Garble(err)
			p.plaza.Tell(platform.Happening{Subject: prooftest.Account(nobody)})
			p.plaza.Garble(nil)
			p.until("it is told", func() bool { return len(p.told(proof.KindBlind)) == 1 })
			if x := p.told(proof.KindBlind)[0]; x.Type != fault.TypeOf(err) || x.Text != fault.TextOf(err) {
				t.Errorf("told %+v", x)
			}
			p.plaza.Set(mayor, platform.Down, "X")
			p.upAgain(mayor)
			p.until("it sees again", func() bool {
				// The stream may have been opened after all that happened so far.
				p.plaza.Tell(platform.Happening{Subject: prooftest.Account(nobody)})
				return len(p.told(proof.KindSighted)) == 1
			})
			p.looked(nobody) // by the stream that was opened after
			if blind, sighted := len(p.told(proof.KindBlind)), len(p.told(proof.KindSighted)); blind != 1 || sighted != 1 {
				t.Errorf("told blind %d times and sighted %d times", blind, sighted)
			}
		})
	}
	t.Run("every one", func(t *testing.T) {
		p := guarded(t)
		p.plaza.Stay(time.Hour)
		p.plaza.Garble(fault.New(fault.Unavailable, "stream-unreadable", "The PDS sent a frame that cannot be read."))
		before := p.plaza.Opened()
		for n := 1; n <= 100; n++ {
			p.plaza.Tell(platform.Happening{Subject: prooftest.Account(nobody)})
			p.until("another stream is opened", func() bool { return p.plaza.Opened() >= before+n })
		}
		if blind, sighted := len(p.told(proof.KindBlind)), len(p.told(proof.KindSighted)); blind > 1 || sighted > 0 {
			t.Errorf("told blind %d times and sighted %d times", blind, sighted)
		}
		p.plaza.Set(mayor, platform.Down, "X")
		p.upAgain(mayor)
		if s := p.breaches(1)[0].Sight; s.Via != "sweep" {
			t.Errorf("seen by %s", s.Via)
		}
	})
	t.Run("every other", func(t *testing.T) {
		p := guarded(t)
		before := p.plaza.Opened()
		for n := 1; n <= 100; n++ {
			p.plaza.Garble(nil)
			p.looked(nobody)
			p.plaza.Garble(fault.New(fault.Unavailable, "stream-unreadable", "The PDS sent a frame that cannot be read."))
			p.plaza.Tell(platform.Happening{Subject: prooftest.Account(nobody)})
			p.until("another stream is opened", func() bool { return p.plaza.Opened() > before+n })
		}
		// Each time it has to be right for twice as long as the time before: 5 s, 10 s, …
		if blind, sighted := len(p.told(proof.KindBlind)), len(p.told(proof.KindSighted)); blind > 6 || sighted > 6 {
			t.Errorf("told blind %d times and sighted %d times", blind, sighted)
		}
	})
}

// TestOldCursor: a cursor that the connector does not take, as after the platform
// was given another connector, is a gap as well.
func TestOldCursor(t *testing.T) {
	p := guarded(t)
	p.until("the place in the stream is noted", func() bool {
		place, err := p.journal.Place(t.Context(), "plaza")
		return err == nil && place.Cursor != ""
	})
	p.halt()
	j, err := journal.Open(t.Context(), p.path)
	if err == nil {
		_, err = j.Claim(t.Context(), journal.Owner{Executor: prooftest.ExecutorID, Root: p.world.Root})
	}
	if err == nil {
		err = j.Follow(t.Context(), "plaza", journal.StreamPlace{Cursor: "seq-17"})
	}
	if err := errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.until("it is told", func() bool { return len(p.told(proof.KindBlind)) == 1 })
	p.until("it sees again", func() bool { return len(p.told(proof.KindSighted)) == 1 })
	p.plaza.Set(mayor, platform.Down, "X")
	p.upAgain(mayor)
}

// TestStreamsThatEndAtOnce: streams that open and end without a word are none.
func TestStreamsThatEndAtOnce(t *testing.T) {
	p := newPlace(t)
	p.limits.Blind = 20 * time.Millisecond
	p.guarded()
	p.plaza.Stay(time.Hour)
	p.plaza.Garble(fault.New(fault.Unavailable, "stream-ended", "The event stream of plaza ended."))
	p.plaza.Tell(platform.Happening{Subject: prooftest.Account(nobody)})
	p.until("it is told", func() bool { return len(p.told(proof.KindBlind)) == 1 })
	if x := p.told(proof.KindBlind)[0]; x.Type != "stream-ended" {
		t.Errorf("told %+v", x)
	}
}

// TestBreachIsOver: however a breach ends that no order restores, the ledger holds that
// it did, how, and by whose act, exactly once.
func TestBreachIsOver(t *testing.T) {
	p := newPlace(t)
	p.based()
	over := func(n int) proof.Execution {
		t.Helper()
		p.until(fmt.Sprintf("%d breaches have ended", n), func() bool { return len(p.told(proof.KindOver)) == n && p.watched().Breaches == 0 })
		return p.told(proof.KindOver)[n-1]
	}
	check := func(n int, why, warrant string, found platform.Status) proof.Execution {
		t.Helper()
		b, x := p.breaches(n)[n-1], over(n)
		if x.Request != b.Request || x.Sight.Why != why || x.Sight.Warrant != warrant || x.Sight.Found.Status != found || x.Sight.Expected != b.Sight.Found ||
			x.Sight.Seen.Before(b.Sight.Seen.Time) || p.opened(x, proof.SealedSubject) != p.opened(b, proof.SealedSubject) {
			t.Errorf("of the breach %+v it is told %+v", b.Sight, x.Sight)
		}
		return x
	}
	// By a warrant that a person asked for.
	p.plaza.SetBy("night-shift", president, platform.Down, "X")
	p.breaches(1)
	p.advance(time.Second) // else the warrant could be from before the breach
	r := p.world.Request("ann", actions.AccountRestore, prooftest.Account(president), actions.Critical, func(a *actions.Action) { a.Command.Expect.Mark = "X" })
	ask, state := p.world.Ask(r), p.world.State()
	ask.Lifts = actions.LiftsBreach // as the desk knows
	j, err := state.Judge(ask)
	if err != nil {
		t.Fatal(err)
	}
	core, err := state.Seal(ask, j)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.carry(p.world.Enter(core, state, j)); err != nil || got.Outcome != proof.Executed {
		t.Fatalf("%+v, %v", got, err)
	}
	check(1, proof.OverByWarrant, r.ID, platform.Up)
	// By somebody else, around the desk.
	p.plaza.SetBy("night-shift", president, platform.Down, "Y")
	p.breaches(2)
	p.plaza.SetBy("day-shift", president, platform.Up, "")
	if by := p.opened(check(2, proof.OverByOthers, "", platform.Up), proof.SealedCredential); by != "" && by != "day-shift" {
		t.Errorf("it is told that %s lifted it", by)
	}
	// By the owner.
	p.plaza.SetLock(mayor, platform.Lock{Set: true, Since: canonical.At(p.clock.Now())})
	p.until("the lock is told", func() bool { return len(p.told(proof.KindLock)) == 1 })
	p.plaza.Set(mayor, platform.Deactivated, "")
	p.breaches(3)
	p.plaza.Set(mayor, platform.Up, "")
	check(3, proof.OverReactivated, "", platform.Up)
	// While the executor was not there.
	p.plaza.SetBy("night-shift", president, platform.Down, "Z")
	p.breaches(4)
	p.halt()
	p.plaza.SetBy("day-shift", president, platform.Up, "")
	p.start()
	check(4, proof.OverByOthers, "", platform.Up)
	p.restart()
	p.sweeps()
	if n := len(p.told(proof.KindOver)); n != 4 {
		t.Errorf("told %d times", n)
	}
	// Where an order restores it, the receipt tells.
	p.order(actions.Critical, 20, 100)
	p.plaza.SetBy("night-shift", president, platform.Down, "W")
	p.upAgain(president)
	p.breaches(5)
	p.until("the breach has ended", func() bool { return p.watched().Breaches == 0 })
	p.looked(president)
	if n := len(p.told(proof.KindOver)); n != 4 {
		t.Errorf("a restoration is told twice: %d", n)
	}
}

// TestOvertaken: on a platform that cannot be asked about a command, somebody takes the
// account down again before each of five restorations is read back. None of them is waited
// for: each is another breach, lifted at once.
func TestOvertaken(t *testing.T) {
	p := guarded(t)
	p.plaza.Mute(true) // who asks is told nothing, and waits for as long as a request may live
	p.plaza.Fail(executortest.Overtaken, executortest.Overtaken, executortest.Overtaken, executortest.Overtaken, executortest.Overtaken)
	p.plaza.SetBy("night-shift", president, platform.Down, "X")
	p.breaches(6)
	p.upAgain(president)
	if n := len(p.plaza.Effects()); n != 6 {
		t.Errorf("%d calls changed the platform", n)
	}
}

// TestOneLiftsWhatNobodyLifts: a mark that the order never lifts, such as the
// platform's own for child safety, is not lifted by one person either.
func TestOneLiftsWhatNobodyLifts(t *testing.T) {
	p := newPlace(t)
	p.based()
	p.ordered(actions.Order{Op: "place", Platform: "plaza", Tier: actions.Critical, Until: canonical.At(p.world.Now().AddDate(0, 1, 0)),
		PerSubject: 20, PerTier: 100, Vouched: canonical.At(p.world.Now()), Never: []string{"CSAM-*"}})
	p.plaza.Set(president, platform.Down, "CSAM-1")
	p.breaches(1)
	p.advance(time.Second)
	r := p.world.Request("ann", actions.AccountRestore, prooftest.Account(president), actions.Critical, func(a *actions.Action) { a.Command.Expect.Mark = "CSAM-1" })
	ask, state := p.world.Ask(r), p.world.State()
	ask.Lifts = actions.LiftsBreach
	j, err := state.Judge(ask)
	if err != nil {
		t.Fatal(err)
	}
	core, err := state.Seal(ask, j)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.carry(p.world.Enter(core, state, j)); err != nil || got.Outcome == proof.Executed {
		t.Errorf("one agent alone lifted CSAM-1: %+v, %v", got, err)
	}
}

// TestToldOfLongBefore: what the stream tells again of long before a breach names nobody
// for it, though the mark is the same: somebody reuses a colleague's. What it tells of
// the breach itself does.
func TestToldOfLongBefore(t *testing.T) {
	p := guarded(t)
	p.cutOrder(actions.Critical, 3)
	p.plaza.Hide(true)
	p.plaza.SetBy("night-shift", president, platform.Down, "TICKET-7")
	p.breaches(1)
	p.upAgain(president)
	p.plaza.Hide(false)
	down := platform.Happening{Subject: platform.Subject{Platform: "plaza", ID: president, Handle: "@1"}, Status: platform.Down, Mark: "TICKET-7", Marked: true}
	before, now := down, down
	before.By, before.At = "day-shift", canonical.At(p.clock.Now().Add(-30*24*time.Hour))
	now.By, now.At = "night-shift", canonical.At(p.clock.Now())
	p.plaza.Tell(before)
	p.looked(president)
	p.plaza.Tell(now)
	p.until("it is told whose it was", func() bool { return len(p.told(proof.KindTold)) > 0 })
	if told := p.told(proof.KindTold); len(told) != 1 || p.opened(told[0], proof.SealedCredential) != "night-shift" {
		t.Errorf("told %d times, first that it was %s", len(told), p.opened(told[0], proof.SealedCredential))
	}
}
