package executor_test

import (
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

func (p *place) contain(by workforce.WorkerID, s platform.Subject, tier actions.Tier) *prooftest.Request {
	return p.world.Request(by, actions.AccountContain, s, tier)
}

// confirm is a takedown that takes the place of an emergency act.
func (p *place) confirm(of *prooftest.Request) *prooftest.Request {
	return p.world.Request("ann", actions.AccountTakedown, of.Action.Subject, actions.Standard, func(a *actions.Action) {
		a.Command.Expect = platform.Expect{Status: platform.Down, Mark: platform.MarkOf(of.ID)}
	})
}

// review closes the review of an emergency act by the three officers.
func (p *place) review(of *prooftest.Request, involved ...workforce.WorkerID) {
	p.t.Helper()
	p.world.Change(actions.DeskReview, actions.Review{Of: actions.ReviewEmergency, ID: of.ID, Involved: involved, Findings: canonical.Sum([]byte("findings"))})
	p.ready()
}

// onCall is a place with another on-call worker, oli, and a lead on call, ida.
func onCall(t *testing.T) *place {
	t.Helper()
	w := prooftest.Staffed(t)
	start := canonical.At(w.Now().AddDate(-1, 0, 0))
	w.Admit(workforce.Record{Worker: "oli", Roles: []workforce.Role{workforce.OnCall}, Manager: "pam", Start: start},
		workforce.Record{Worker: "ida", Roles: []workforce.Role{workforce.Lead, workforce.OnCall}, Manager: "pim", Start: start})
	w.Enrol("oli", "ida")
	w.Advance(31 * 24 * time.Hour)
	t.Parallel()
	p := placeOf(t, w)
	p.ready()
	return p
}

// TestEmergencyReverts: an emergency act takes effect at once by one person and
// comes back at its deadline by itself, though the desk is gone and the executor
// was restarted since.
func TestEmergencyReverts(t *testing.T) {
	p := onCall(t)
	s := p.plaza.Account("acct/9", 1, "")
	r := p.contain("ole", s, actions.Standard)
	p.executes(r)
	if !p.plaza.State(s.ID).Is(platform.Down, platform.MarkOf(r.ID)) {
		t.Fatalf("it is %+v", p.plaza.State(s.ID))
	}
	p.entered(r, proof.DutyAct, "intent", "receipt executed")
	p.desk.Down(true)
	p.world.End("ole")
	p.clock.Set(r.Action.Until.Add(-time.Microsecond))
	p.restart()
	if !p.plaza.State(s.ID).Is(platform.Down, platform.MarkOf(r.ID)) {
		t.Error("reverted too early")
	}
	p.clock.Set(r.Action.Until.Time)
	p.until("it is reverted", p.isUp(s))
	p.desk.Down(false)
	p.entered(r, proof.DutyLift, "intent", "receipt executed")
}

// TestEmergencyOnCritical: two people at once.
func TestEmergencyOnCritical(t *testing.T) {
	p := onCall(t)
	s := p.president()
	p.refuses(p.contain("ole", s, actions.Critical), "held")
	// The requester calls it standard, and it is critical all the same.
	p.refuses(p.contain("ole", s, actions.Standard), "held")
	p.executes(p.world.Countersign(p.contain("ole", s, actions.Critical), "kim"))
}

// TestEmergencyLocks: whoever signed an emergency act, and its subject, are locked
// for more until people who had no part in it have closed the review.
func TestEmergencyLocks(t *testing.T) {
	p := onCall(t)
	president, other := p.president(), p.plaza.Account("acct/2", 2_000_000, "head of state")
	small := p.plaza.Account("acct/9", 1, "")
	first := p.world.Countersign(p.contain("ole", president, actions.Critical), "ida")
	p.executes(first)
	p.refuses(p.contain("ole", small, actions.Standard), "not-reviewed")
	p.refuses(p.contain("ida", small, actions.Standard), "not-reviewed")
	p.refuses(p.world.Countersign(p.contain("oli", other, actions.Critical), "ida"), "not-reviewed")
	// Reverted, it is not reviewed.
	p.executes(p.world.Undo("bob", first))
	p.refuses(p.world.Countersign(p.contain("oli", president, actions.Critical), "kim"), "not-reviewed")
	p.restart()
	p.refuses(p.world.Countersign(p.contain("oli", president, actions.Critical), "kim"), "not-reviewed")
	// A review that leaves out somebody who signed closes nothing.
	p.review(first, "ole")
	p.refuses(p.contain("ida", small, actions.Standard), "not-reviewed")
	p.review(first, "ida", "ole")
	second := p.contain("ida", small, actions.Standard)
	p.executes(second)
	p.executes(p.world.Countersign(p.contain("oli", president, actions.Critical), "kim"))
	// Ordinary acts go on.
	p.executes(p.takedown(p.plaza.Account("acct/10", 1, ""), actions.Standard))
}

// TestEmergencyReviewedBefore: a review that was closed before there was anything
// to review closes nothing.
func TestEmergencyReviewedBefore(t *testing.T) {
	p := onCall(t)
	r := p.contain("ole", p.plaza.Account("acct/9", 1, ""), actions.Standard)
	p.review(r, "ole")
	p.advance(time.Second)
	p.executes(r)
	p.refuses(p.contain("ole", p.plaza.Account("acct/10", 1, ""), actions.Standard), "not-reviewed")
}

// TestEmergencyAtOnce: of many emergency acts by one person at the same time one
// is taken on.
func TestEmergencyAtOnce(t *testing.T) {
	p := onCall(t)
	var raws [][]byte
	for i := range 8 {
		raws = append(raws, p.world.Warrant(p.contain("ole", p.plaza.Account("acct/9"+string(rune('0'+i)), 1, ""), actions.Standard)))
	}
	p.ready()
	var all sync.WaitGroup
	got := make([]linkv1.CarryResult, len(raws))
	for i, raw := range raws {
		all.Go(func() {
			var err error
			if got[i], err = p.carry(raw); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	executed := 0
	for _, g := range got {
		if g.Outcome == proof.Executed {
			executed++
		} else if g.Type != "not-reviewed" {
			t.Errorf("%+v", g)
		}
	}
	if executed != 1 || len(p.plaza.Effects()) != 1 {
		t.Errorf("%d were carried out, the platform changed %d times", executed, len(p.plaza.Effects()))
	}
}

// TestEmergencyOneAtATime: while one is judged and not yet taken on, another by the
// same person is not judged without it.
func TestEmergencyOneAtATime(t *testing.T) {
	p := onCall(t)
	first, second := p.world.Warrant(p.contain("ole", p.plaza.Account("acct/8", 1, ""), actions.Standard)), p.world.Warrant(p.contain("ole", p.plaza.Account("acct/9", 1, ""), actions.Standard))
	p.halt()
	judged := make(chan struct{}, 2)
	var other sync.WaitGroup
	var once sync.Once
	p.step = func(name string) {
		if name != executor.StepJudged {
			return
		}
		judged <- struct{}{}
		once.Do(func() {
			<-judged
			other.Go(func() {
				if got, err := p.carry(second); err != nil || got.Type != "not-reviewed" {
					t.Errorf("the second: %+v, %v", got, err)
				}
			})
			select {
			case <-judged:
			case <-time.After(200 * time.Millisecond): // it waits for this one
			}
		})
	}
	p.start()
	p.ready()
	if got, err := p.carry(first); err != nil || got.Outcome != proof.Executed {
		t.Errorf("the first: %+v, %v", got, err)
	}
	other.Wait()
}

// TestEmergencyConfirmed: a takedown with all that it needs takes the place of an
// emergency act, without the account having been up; the deadline finds another
// mark and does nothing, and its own undo brings the account back.
func TestEmergencyConfirmed(t *testing.T) {
	p := onCall(t)
	s := p.plaza.Account("acct/9", 1, "")
	r := p.contain("ole", s, actions.Standard)
	p.executes(r)
	takedown := p.confirm(r)
	p.executes(takedown)
	if !p.plaza.State(s.ID).Is(platform.Down, platform.MarkOf(takedown.ID)) || len(p.plaza.Effects()) != 2 {
		t.Fatalf("it is %+v after %d changes", p.plaza.State(s.ID), len(p.plaza.Effects()))
	}
	p.clock.Set(r.Action.Until.Time)
	p.entered(r, proof.DutyLift, "refusal failed replaced")
	if !p.plaza.State(s.ID).Is(platform.Down, platform.MarkOf(takedown.ID)) {
		t.Errorf("after the deadline it is %+v", p.plaza.State(s.ID))
	}
	p.executes(p.world.Undo("bob", takedown))
	if !p.isUp(s)() {
		t.Errorf("undone, it is %+v", p.plaza.State(s.ID))
	}
}

// TestConfirmsOnlyEmergencies: no other measure's place is taken.
func TestConfirmsOnlyEmergencies(t *testing.T) {
	for name, set := range map[string]func(p *place, s platform.Subject) *prooftest.Request{
		"a takedown of ours": func(p *place, s platform.Subject) *prooftest.Request {
			r := p.takedown(s, actions.Standard)
			p.executes(r)
			return r
		},
		"a mark of a request that nobody made": func(p *place, s platform.Subject) *prooftest.Request {
			r := p.contain("ole", s, actions.Standard)
			p.plaza.Set(s.ID, platform.Down, platform.MarkOf(r.ID))
			return r
		},
		"an emergency act that was reverted, whose mark somebody copied": func(p *place, s platform.Subject) *prooftest.Request {
			r := p.contain("ole", s, actions.Standard)
			p.executes(r)
			p.clock.Set(r.Action.Until.Time)
			p.until("it is reverted", p.isUp(s))
			p.entered(r, proof.DutyLift, "intent", "receipt executed")
			p.plaza.Set(s.ID, platform.Down, platform.MarkOf(r.ID))
			return r
		},
		"an emergency act on another subject": func(p *place, s platform.Subject) *prooftest.Request {
			other := p.plaza.Account("acct/8", 1, "")
			r := p.contain("ole", other, actions.Standard)
			p.executes(r)
			p.plaza.Set(s.ID, platform.Down, platform.MarkOf(r.ID))
			elsewhere := *r // the desk still reads its own when the receipt comes
			elsewhere.Action.Subject = s
			return &elsewhere
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := onCall(t)
			s := p.plaza.Account("acct/9", 1, "")
			p.refuses(p.confirm(set(p, s)), "no-such-emergency")
		})
	}
}

// TestObservedTierIsLeftAlone: where a tier is only observed, nothing is done, neither what burdens
// nor what relieves; what was owed before is.
func TestObservedTierIsLeftAlone(t *testing.T) {
	p := newPlace(t)
	s := p.plaza.Account("acct/9", 1, "")
	suspended := p.suspend(s)
	measure := p.takedown(p.plaza.Account("acct/10", 1, ""), actions.Standard)
	p.executes(measure)
	mode := func(m string) {
		t.Helper()
		p.world.Change(actions.DeskChange, actions.Setting{Of: actions.PartModes, Mode: &actions.Mode{Platform: "plaza", Tier: actions.Standard, Mode: m}})
		p.ready()
	}
	mode(actions.Observe)
	p.refuses(p.takedown(p.plaza.Account("acct/11", 1, ""), actions.Standard), "observing")
	p.refuses(p.world.Undo("bob", measure), "observing")
	p.executes(p.takedown(p.president(), actions.Critical)) // another tier
	p.clock.Set(suspended.Action.Until.Time)
	p.until("the suspension ends", p.isUp(s))
	mode(actions.Enforce)
	p.executes(p.world.Undo("bob", measure))
}
