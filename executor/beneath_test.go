package executor_test

import (
	"cmp"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/watch"
	"countersign.dev/workforce"
)

// putOver puts a measure on a critical subject that is in a status.
func (p *place) putOver(kind actions.Kind, id string, before platform.Status) *prooftest.Request {
	p.t.Helper()
	by := map[actions.Kind]workforce.WorkerID{actions.AccountContain: "ole"}[kind]
	r := p.world.Request(cmp.Or(by, "ann"), kind, prooftest.Account(id), actions.Critical, func(a *actions.Action) {
		a.Command.Expect.Status = before
		if kind != actions.AccountTakedown {
			a.Until = canonical.At(p.world.Now().Add(20 * time.Minute))
		}
	})
	if p.world.Countersign(r, "kim"); by == "" {
		p.world.Countersign(r, "lee")
	}
	p.executes(r)
	p.entered(r, proof.DutyAct, "intent", "receipt executed")
	return r
}

// lifted lifts a measure, by its end or by its undo.
func (p *place) lifted(r *prooftest.Request) {
	p.t.Helper()
	if r.Action.Until.IsZero() {
		p.executes(p.world.Undo("ann", r))
		return
	}
	p.over(r)
	p.entered(r, proof.DutyLift, "intent", "receipt executed")
}

// TestOwnerAwayFirst: on a real plaza, a takedown, a suspension and an emergency act of
// an account that its owner has deactivated are carried out. Lifting them leaves what the
// owner chose, also what was chosen meanwhile, and is no news.
func TestOwnerAwayFirst(t *testing.T) {
	for _, kind := range []actions.Kind{actions.AccountTakedown, actions.AccountSuspend, actions.AccountContain} {
		for _, back := range []bool{false, true} {
			name := string(kind) + ", and stays away"
			if back {
				name = string(kind) + ", and comes back meanwhile"
			}
			t.Run(name, func(t *testing.T) {
				p := newSquare(t).guarded()
				own := p.square.Owner(president)
				own.Does("POST", "deactivate")
				p.until("it is told", func() bool { return len(p.told(proof.KindForeign)) == 1 })
				r := p.putOver(kind, president, platform.Deactivated)
				want := platform.Deactivated
				if back {
					own.Does("POST", "reactivate")
					want = platform.Up
				}
				p.lifted(r)
				if now := p.square.State(president); !now.Is(want, "") {
					t.Fatalf("it is %s", platform.Describe(now.Status, now.Mark))
				}
				p.looked(president)
				if f, b := p.told(proof.KindForeign), p.told(proof.KindBreach); len(f) != 2 || len(b) != 0 {
					t.Errorf("told %+v and %+v", f, b)
				}
				if !back {
					own.Does("POST", "reactivate")
					p.upAgain(president)
				}
			})
		}
	}
}

// TestOwnerGoesAwayBeneath: an account that was up is deactivated while it is down. The
// lift is carried out, and the watch judges what shows by its usual rule: the owner's own
// is told, and with the owner's lock it is a breach that is taken back.
func TestOwnerGoesAwayBeneath(t *testing.T) {
	for name, restart := range map[string]bool{"while the executor runs": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			p := newSquare(t).guarded()
			own := p.square.Owner(president)
			r := p.putOver(actions.AccountSuspend, president, platform.Up)
			own.Does("POST", "deactivate")
			if restart {
				p.restart()
			}
			p.lifted(r)
			p.until("it is told", func() bool { return len(p.told(proof.KindForeign)) == 1 })
			if f := p.told(proof.KindForeign)[0]; f.Sight.Why != proof.WhyOwner || f.Sight.Expected.Status != platform.Up {
				t.Errorf("told %+v", f.Sight)
			}
			if now := p.square.State(president); !now.Is(platform.Deactivated, "") {
				t.Errorf("it is %s", platform.Describe(now.Status, now.Mark))
			}
		})
	}
}

// TestLockBeneath: the owner's lock says that the owner never deactivates without telling
// us, also not beneath a takedown.
func TestLockBeneath(t *testing.T) {
	p := newSquare(t).guarded()
	own := p.square.Owner(president)
	own.Does("PUT", "lock")
	p.until("the lock is known", func() bool { return len(p.told(proof.KindLock)) == 1 })
	r := p.putOver(actions.AccountSuspend, president, platform.Up)
	own.Does("POST", "deactivate")
	p.lifted(r)
	p.upAgain(president)
	if b := p.breaches(1)[0]; b.Sight.Why != string(watch.AgainstLock) || b.Sight.Order == "" {
		t.Errorf("told %+v", b.Sight)
	}
}

// TestBeneathUnheard: the stream is silent and nobody reads the subject by itself. That a
// lift has shown what was not there before is looked at all the same.
func TestBeneathUnheard(t *testing.T) {
	p := guarded(t)
	r := p.suspended(mayor, actions.Protected)
	p.plaza.Hide(true)
	p.plaza.Beneath(mayor)
	p.over(r)
	p.entered(r, proof.DutyLift, "intent", "receipt executed")
	p.until("somebody is asked", func() bool {
		f := p.told(proof.KindForeign)
		return len(f) == 1 && f[0].Sight.Why == proof.WhyAsked
	})
}

// TestNotLaundered: what staff deactivated stays a breach beneath a takedown of ours: once
// that is lifted it is one again, also after a restart, and is taken back under an order.
func TestNotLaundered(t *testing.T) {
	for name, c := range map[string]struct{ restart, unwatched bool }{"while the executor runs": {}, "after a restart": {restart: true},
		"while the watch does not run": {restart: true, unwatched: true}} {
		t.Run(name, func(t *testing.T) {
			p := newSquare(t)
			p.based()
			p.square.SetBy("night-shift", president, platform.Deactivated, "")
			if b := p.breaches(1)[0]; b.Sight.Why != string(watch.NotOwner) || b.Sight.Order != "" {
				t.Errorf("told %+v", b.Sight)
			}
			r := p.putOver(actions.AccountTakedown, president, platform.Deactivated)
			// The takedown ends the breach. If the executor stops before it has journaled that,
			// the breach is still open after the restart, and its own restoration brings the
			// account back: that is right too, and not what is tried here.
			p.until("the breach is over", func() bool { return len(p.told(proof.KindOver)) == 1 })
			if p.watches = !c.unwatched; c.restart {
				p.restart()
			}
			p.order(actions.Critical, 20, 100)
			p.lifted(r)
			if c.unwatched {
				p.watches = true
				p.restart()
			}
			p.upAgain(president)
			if b := p.breaches(2)[1]; b.Sight.Why != string(watch.NotOwner) || b.Sight.Order == "" || b.Sight.Expected.Status != platform.Up {
				t.Errorf("told %+v", b.Sight)
			}
		})
	}
}

// TestForeignOverOwners: somebody takes down what its owner has deactivated. Under the
// standing order that is lifted, and the owner finds what the owner chose.
func TestForeignOverOwners(t *testing.T) {
	p := newSquare(t).guarded()
	own := p.square.Owner(president)
	own.Does("POST", "deactivate")
	p.until("it is told", func() bool { return len(p.told(proof.KindForeign)) == 1 })
	p.square.SetBy("night-shift", president, platform.Down, "X")
	b := p.breaches(1)[0]
	p.until("it is restored", func() bool { return len(p.world.OutcomeOf(b.Request, proof.DutyRestore)) == 2 })
	if now := p.square.State(president); !now.Is(platform.Deactivated, "") || b.Sight.Expected.Status != platform.Deactivated {
		t.Errorf("it is %s; told %+v", platform.Describe(now.Status, now.Mark), b.Sight)
	}
	// The owner comes back while somebody has it down once more.
	p.advance(61 * time.Minute)
	p.halt()
	p.square.SetBy("night-shift", president, platform.Down, "Y")
	own.Does("POST", "reactivate")
	p.start()
	p.upAgain(president)
	p.breaches(2)
}

// TestExchangedOverOwners: somebody exchanges the mark of our suspension of an account
// that its owner had deactivated. Past the end that is right again, and not up.
func TestExchangedOverOwners(t *testing.T) {
	p := newSquare(t).guarded()
	p.square.Owner(president).Does("POST", "deactivate")
	p.until("it is told", func() bool { return len(p.told(proof.KindForeign)) == 1 })
	r := p.putOver(actions.AccountSuspend, president, platform.Deactivated)
	p.square.SetBy("night-shift", president, platform.Down, "THEIRS")
	p.breaches(1)
	p.over(r)
	p.entered(r, proof.DutyLift, "refusal failed mark-exchanged")
	b := p.breaches(2)[1]
	if b.Sight.Why != proof.WhyEnded || b.Sight.Expected.Status != platform.Deactivated {
		t.Errorf("told %+v", b.Sight)
	}
	p.until("it is restored", func() bool { return len(p.world.OutcomeOf(b.Request, proof.DutyRestore)) == 2 })
	if now := p.square.State(president); !now.Is(platform.Deactivated, "") {
		t.Errorf("it is %s", platform.Describe(now.Status, now.Mark))
	}
}

// TestStopsBeforeAnyPlace: an executor that stops before it has journaled how far it
// read goes on from where its first stream began, and is told whose a deactivation was.
func TestStopsBeforeAnyPlace(t *testing.T) {
	p := newSquare(t)
	p.limits.Tick = time.Hour // which is what journals that
	p.based()
	p.halt()
	p.square.SetBy("night-shift", president, platform.Deactivated, "")
	p.start()
	if b := p.breaches(1)[0]; b.Sight.Why != string(watch.NotOwner) {
		t.Errorf("told %+v", b.Sight)
	}
}
