package executor_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/desk/desktest"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/plaza"
	"countersign.dev/sqldb"
	"countersign.dev/watch"
)

// TestStaffDeactivates: the act of 2017, without an owner's lock. On a real plaza a
// deactivation by a staff credential is a breach, with a mark or without, and is
// taken back; the owner's own is told, and left.
func TestStaffDeactivates(t *testing.T) {
	p := newSquare(t).guarded()
	for i, c := range []struct {
		id   string
		mark platform.Mark
	}{{president, ""}, {mayor, "TICKET-1"}, {mayor, ""}} {
		p.square.SetBy("night-shift", c.id, platform.Deactivated, c.mark)
		p.upAgain(c.id)
		b := p.breaches(i + 1)[i]
		if b.Sight.Why != string(watch.NotOwner) || b.Sight.Order == "" {
			t.Errorf("told %+v", b.Sight)
		}
		p.until("the restoration is told", func() bool { return len(p.world.OutcomeOf(b.Request, proof.DutyRestore)) == 2 })
		p.advance(61 * time.Minute) // no duel
	}
	own := p.square.Owner(president)
	own.Does("POST", "deactivate")
	p.until("it is told", func() bool { return len(p.told(proof.KindForeign)) == 1 })
	if f := p.told(proof.KindForeign)[0]; f.Sight.Why != proof.WhyOwner || f.Sight.Tier != actions.Critical {
		t.Errorf("told %+v", f.Sight)
	}
	p.looked(president)
	p.breaches(3)
	if p.square.State(president).Status != platform.Deactivated {
		t.Error("the owner's own deactivation was taken back")
	}
}

// TestPerhapsOwner: where the platform does not say whose a deactivation was, somebody
// is asked at once, and nothing is taken back. A mark says that it was not the owner.
func TestPerhapsOwner(t *testing.T) {
	p := guarded(t)
	p.plaza.SetBy("", president, platform.Deactivated, "")
	p.until("it is told", func() bool { return len(p.told(proof.KindForeign)) == 1 })
	if f := p.told(proof.KindForeign)[0]; f.Sight.Why != proof.WhyAsked || f.Sight.Tier != actions.Critical {
		t.Errorf("told %+v", f.Sight)
	}
	p.plaza.SetBy("", nobody, platform.Deactivated, "")
	p.until("the standard one is counted", func() bool { return len(p.told(proof.KindForeign)) == 2 })
	if f := p.told(proof.KindForeign)[1]; f.Sight.Why != string(watch.Foreign) || f.Sight.Tier != "" {
		t.Errorf("of a standard subject it told %+v", f.Sight)
	}
	p.plaza.SetBy("", mayor, platform.Deactivated, "TICKET-1")
	p.upAgain(mayor)
	p.breaches(1)
	if p.plaza.State(president).Status != platform.Deactivated {
		t.Error("what the owner may have done was taken back")
	}
}

// TestSaidLater: the platform says whose it was, and a direct read sees it first. Nobody
// is paged before the stream has had time to say it; one that says it later still, that
// it was staff, makes it a breach.
func TestSaidLater(t *testing.T) {
	deactivate := func(p *place) {
		p.plaza.Names(true)
		p.guarded()
		p.plaza.Hide(true)
		p.plaza.SetBy("night-shift", president, platform.Deactivated, "")
		seen := p.plaza.Peeks()
		p.until("it is read again and again", func() bool { return p.plaza.Peeks() > seen+20 })
		p.plaza.Hide(false)
		if n := len(p.told(proof.KindForeign)) + len(p.told(proof.KindBreach)); n != 0 {
			t.Fatalf("%d records before the stream could say anything", n)
		}
	}
	say := func(p *place, by string) {
		p.plaza.Tell(platform.Happening{Subject: platform.Subject{Platform: "plaza", ID: president, Handle: "@1"}, Status: platform.Deactivated, Marked: true, By: by})
	}
	asked := func(p *place) {
		p.advance(2 * time.Second)
		p.until("somebody is asked", func() bool { return len(p.told(proof.KindForeign)) == 1 })
		if f := p.told(proof.KindForeign)[0]; f.Sight.Why != proof.WhyAsked {
			t.Errorf("told %+v", f.Sight)
		}
	}
	t.Run("the owner, in time", func(t *testing.T) {
		p := newPlace(t)
		deactivate(p)
		say(p, "@1")
		p.until("it is told", func() bool { return len(p.told(proof.KindForeign)) == 1 })
		p.advance(time.Minute)
		p.looked(president)
		if f := p.told(proof.KindForeign); f[0].Sight.Why != proof.WhyOwner || len(f) != 2 {
			t.Errorf("told %+v", f)
		}
	})
	t.Run("staff, in time", func(t *testing.T) {
		p := newPlace(t)
		deactivate(p)
		say(p, "night-shift")
		p.upAgain(president)
		p.breaches(1)
	})
	t.Run("staff, too late", func(t *testing.T) {
		p := newPlace(t)
		deactivate(p)
		asked(p)
		say(p, "night-shift")
		p.upAgain(president)
		if b := p.breaches(1)[0]; b.Sight.Order == "" || b.Sight.Why != string(watch.NotOwner) || b.Sight.Expected.Status != platform.Up {
			t.Errorf("told %+v", b.Sight)
		}
	})
	t.Run("the owner, too late", func(t *testing.T) {
		p := newPlace(t)
		deactivate(p)
		asked(p)
		say(p, "@1")
		p.looked(president)
		if n := len(p.told(proof.KindBreach)); n != 0 || p.plaza.State(president).Status != platform.Deactivated {
			t.Errorf("%d breaches", n)
		}
	})
}

// TestLockAgainstOwner: whoever has an owner's token sets the lock. The owner is told,
// and takes it back in a session older than the lock, which is believed at once; one
// that is younger is not, also if it set the lock again in between.
func TestLockAgainstOwner(t *testing.T) {
	t.Parallel()
	p := emptyPlace(t, prooftest.Staffed(t))
	p.square = squareOf(t, p.clock, desktest.OpenSquareWith(t, plaza.Config{Now: p.clock.Now}))
	p.played = p.square
	p.begun().guarded()
	notices := func() (n int) {
		if err := p.square.DB.Read(t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow("select count(*) from notice").Scan(&n) }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	told := 0
	locks := func(who desktest.Owner, method, why string) {
		t.Helper()
		p.advance(time.Minute)
		who.Does(method, "lock")
		told++
		p.until("it is told: "+why, func() bool { return len(p.told(proof.KindLock)) == told })
		if got := p.told(proof.KindLock)[told-1].Sight.Why; got != why {
			t.Errorf("told %q, want %q", got, why)
		}
		p.until("the owner is told", func() bool { return notices() == told })
	}
	own := p.square.Owner(president)
	p.advance(time.Minute)
	thief := p.square.Owner(president)
	locks(thief, "PUT", "set")
	p.advance(time.Minute)
	late := p.square.Owner(president)
	locks(late, "DELETE", "cleared")
	locks(late, "PUT", "set") // which makes the lock no younger
	locks(late, "DELETE", "cleared")
	locks(own, "DELETE", "cleared-at-once")
	own.Does("POST", "deactivate")
	p.until("it is the owner's affair", func() bool { return len(p.told(proof.KindForeign)) == 1 })
	if n := len(p.told(proof.KindBreach)); n != 0 {
		t.Errorf("%d breaches", n)
	}
}
