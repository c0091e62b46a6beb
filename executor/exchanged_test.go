package executor_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/watch"
)

// suspended suspends a subject of a tier for an hour.
func (p *place) suspended(id string, tier actions.Tier) *prooftest.Request {
	p.t.Helper()
	r := p.world.Request("ann", actions.AccountSuspend, prooftest.Account(id), tier, func(a *actions.Action) { a.Until = canonical.At(p.world.Now().Add(time.Hour)) })
	switch tier {
	case actions.Protected:
		p.world.Countersign(r, "lee")
	case actions.Critical:
		p.world.Countersign(r, "kim", "lee")
	}
	p.executes(r)
	p.entered(r, proof.DutyAct, "intent", "receipt executed")
	return r
}

// over moves the clocks to the end of a timed measure.
func (p *place) over(r *prooftest.Request) {
	p.t.Helper()
	p.advance(r.Action.Until.Sub(p.clock.Now()))
}

// TestMarkExchanged: somebody exchanges the mark of our suspension. That is a breach at
// once; past the end of the measure, what was there before it is right again, and under
// a standing order the account comes up, on a real plaza, also after a restart.
func TestMarkExchanged(t *testing.T) {
	for name, c := range map[string]struct{ restart, unwatched bool }{"while the executor runs": {}, "while it does not": {restart: true},
		"while the watch does not": {restart: true, unwatched: true}} {
		restart := c.restart
		t.Run(name, func(t *testing.T) {
			p := newSquare(t).guarded()
			r := p.suspended(president, actions.Critical)
			p.square.SetBy("night-shift", president, platform.Down, "THEIRS")
			if b := p.breaches(1)[0]; b.Sight.Order != "" || b.Sight.Why != string(watch.AnotherMark) {
				t.Errorf("told %+v", b.Sight)
			}
			p.looked(president)
			if !p.square.State(president).Is(platform.Down, "THEIRS") {
				t.Fatal("before its end nothing is lifted")
			}
			if restart {
				p.halt()
			}
			p.over(r)
			if p.watches = !c.unwatched; restart {
				p.start()
			}
			p.entered(r, proof.DutyLift, "refusal failed mark-exchanged")
			if c.unwatched {
				p.watches = true
				p.restart()
			}
			p.upAgain(president)
			b := p.breaches(2)[1]
			if b.Sight.Why != proof.WhyEnded || b.Sight.Order == "" || b.Sight.Expected.Status != platform.Up {
				t.Errorf("told %+v", b.Sight)
			}
			p.until("the restoration is told", func() bool { return len(p.world.OutcomeOf(b.Request, proof.DutyRestore)) == 2 })
		})
	}
}

// TestMarkExchangedNoOrder: without a standing order the breach after the end pages, and
// of a standard subject, which no order covers, the failed lift says it. Our own mark,
// put on once more when its time is over, explains nothing.
func TestMarkExchangedNoOrder(t *testing.T) {
	p := newSquare(t)
	p.based()
	r := p.suspended(president, actions.Critical)
	s := p.suspended(nobody, actions.Standard)
	p.square.SetBy("night-shift", president, platform.Down, "THEIRS")
	p.square.SetBy("night-shift", nobody, platform.Down, "THEIRS")
	p.breaches(1)
	p.over(r)
	p.entered(r, proof.DutyLift, "refusal failed mark-exchanged")
	p.entered(s, proof.DutyLift, "refusal failed mark-exchanged")
	if b := p.breaches(2)[1]; b.Sight.Why != proof.WhyEnded || b.Sight.Order != "" || b.Sight.Expected.Status != platform.Up {
		t.Errorf("told %+v", b.Sight)
	}
	p.square.SetBy("night-shift", president, platform.Up, "")
	p.square.SetBy("night-shift", president, platform.Down, platform.MarkOf(r.ID))
	if b := p.breaches(3)[2]; b.Sight.Why != proof.WhyEnded {
		t.Errorf("told %+v", b.Sight)
	}
}

// TestMarkExchangedAtCall: the mark is exchanged after the lift has read it and before
// its call.
func TestMarkExchangedAtCall(t *testing.T) {
	p := guarded(t)
	r := p.suspended(president, actions.Critical)
	p.plaza.Before(func(c platform.Command) {
		if c.Verb == platform.Restore && c.Expect.Mark == platform.MarkOf(r.ID) {
			p.plaza.SetBy("night-shift", president, platform.Down, "THEIRS")
		}
	})
	p.over(r)
	p.entered(r, proof.DutyLift, "intent", "receipt failed mark-exchanged")
	p.upAgain(president)
	if b := p.breaches(1)[0]; b.Sight.Why != proof.WhyEnded {
		t.Errorf("told %+v", b.Sight)
	}
}
