package executor_test

import (
	"fmt"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
)

// Here a desk lies about when something was signed or entered.

// refusedAs hands a warrant over, which must be refused for a reason.
func (p *place) refusedAs(raw []byte, subject, want string) {
	p.t.Helper()
	got, err := p.judged(raw)
	if err != nil {
		p.t.Fatal(err)
	}
	if is := fmt.Sprintf("%s %s", got.Outcome, got.Type); is != want {
		p.t.Errorf("got %q (%s), want %q", is, got.Text, want)
	}
	if st := p.plaza.State(subject); subject != "" && st.Status != platform.Up {
		p.t.Errorf("the account is %s", st.Status)
	}
}

// TestSessionOfTheEvening: one touch of a key that was left plugged in certifies a
// session that begins in nine hours. The theft is found within the hour, and all sessions of
// ann end. The session of the evening is signed already, and nobody can end it.
func TestSessionOfTheEvening(t *testing.T) {
	p := newPlace(t)
	evening := own(p, func(c *actions.Session) {
		c.NotBefore = canonical.At(c.NotBefore.Add(9 * time.Hour))
		c.Expires = canonical.At(c.NotBefore.Add(actions.SessionLife))
	})
	p.advance(time.Hour)
	p.world.Void("ann", actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(p.world.Now())})
	p.world.Advance(time.Second)
	p.world.Void("ole", actions.Void{Scope: actions.ScopeAll, Before: canonical.At(p.world.Now().Add(time.Minute))})
	p.ready()
	p.advance(8 * time.Hour)
	p.refusedAs(p.world.Forge(p.world.Under(evening, small(p, "acct/9"))), "acct/9", "refused session-void")
}

// TestVoidEnteredLate: one touch of a key that was left plugged in certifies a session that
// begins in two hours. The theft is found within the hour, and ann ends all her sessions. The
// desk enters that two hours later only, when the other session has begun. That one is void too.
func TestVoidEnteredLate(t *testing.T) {
	p := newPlace(t)
	evening := own(p, func(c *actions.Session) {
		c.NotBefore = canonical.At(c.NotBefore.Add(2 * time.Hour))
		c.Expires = canonical.At(c.NotBefore.Add(actions.SessionLife))
	})
	p.advance(time.Hour)
	void := p.world.RequestChange(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(p.world.Now())}}, "ann")
	p.advance(2 * time.Hour)
	if _, err := p.world.ApplyChange(void); err != nil {
		t.Fatal(err)
	}
	fresh := own(p)
	p.advance(time.Hour)
	p.ready()
	p.refusedAs(p.world.Forge(p.world.Under(evening, small(p, "acct/9"))), "acct/9", "refused session-void")
	p.executes(p.world.Under(fresh, small(p, "acct/10")))
}

// TestUndoEnteredAfterTheEnd: ann's engagement has ended and the executor has read
// that. She signs an undo, and a desk that lies enters it after her end and dates the entry
// before it. The executor has both leaves in their order.
func TestUndoEnteredAfterTheEnd(t *testing.T) {
	p := newPlace(t)
	begun := p.world.Now()
	s := own(p)
	r := p.world.Under(s, small(p, "acct/9"))
	p.executes(r)
	p.world.Executed(r)
	p.advance(time.Hour)
	p.world.End("ann")
	p.ready()
	p.advance(time.Hour)
	p.world.Rewind(begun.Add(time.Minute))
	undo := p.world.Under(s, p.world.Undo("ann", r))
	p.refusedAs(p.world.Forge(undo), "", "refused engagement-ended")
	if st := p.plaza.State(r.Action.Subject.ID); st.Status != platform.Down {
		t.Errorf("the account is %s", st.Status)
	}
}

// TestSessionOverAtAQuietDesk: a session that is over, at a desk whose clock stands
// still and at which nothing happened since: the executor has no mark of its own.
func TestSessionOverAtAQuietDesk(t *testing.T) {
	p := newPlace(t)
	p.ready()
	s := own(p)
	p.clock.Set(p.clock.Now().Add(9 * time.Hour)) // the session lasted for 8
	p.refusedAs(p.world.Forge(p.world.Under(s, small(p, "acct/9"))), "acct/9", "refused outside-session")
}

// TestOlderVoidTakesNothingBack: ole ends ann's sessions straight at the executor, and the
// desk is slow to enter that. Then the chain ends those of up to an hour later. What the
// executor took is laid over the chain and takes back the newer end.
func TestOlderVoidTakesNothingBack(t *testing.T) {
	p := newPlace(t)
	p.ready()
	p.desk.Hide(true)
	p.takes(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(p.world.Now())}}, "ole")
	p.advance(time.Hour)
	stolen := own(p)
	p.advance(time.Minute)
	p.world.Void("ole", actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(p.world.Now())})
	p.ready()
	p.refusedAs(p.world.Forge(p.world.Under(stolen, small(p, "acct/9"))), "acct/9", "refused session-void")
}

// TestReplacedSessionDatedBack: the executor has carried out an act under ann's newer
// session. A desk that lies enters an undo under her older session, which was stolen, and
// dates the entry before the newer one began.
func TestReplacedSessionDatedBack(t *testing.T) {
	p := newPlace(t)
	begun := p.world.Now()
	old := own(p)
	first := p.world.Under(old, small(p, "acct/8"))
	p.executes(first)
	p.world.Executed(first)
	p.advance(time.Hour)
	p.executes(p.world.Under(own(p), small(p, "acct/9")))
	p.world.Rewind(begun.Add(time.Minute))
	p.refusedAs(p.world.Forge(p.world.Under(old, p.world.Undo("ann", first))), "", "refused session-replaced")
	if st := p.plaza.State(first.Action.Subject.ID); st.Status != platform.Down {
		t.Errorf("the account is %s", st.Status)
	}
}

// TestTwoSessionsInOneWarrant: the decision is signed under a session that was replaced, the
// request under the newer one, and both come in one warrant.
func TestTwoSessionsInOneWarrant(t *testing.T) {
	p := newPlace(t)
	old := own(p)
	p.advance(time.Minute)
	r := p.world.Under(old, small(p, "acct/9"))
	decision := *r.Decision
	newer := own(p)
	p.advance(time.Minute)
	r = p.world.Under(newer, r)
	decision.Signed.Statement.NotBefore, decision.Signed.Statement.Expires = canonical.At(p.world.Now()), canonical.At(p.world.Now().Add(5*time.Minute))
	decision.Signed.Signature = old.Sign(decision.Signed.Statement.Challenge())
	r.Decision = &decision
	p.refusedAs(p.world.Forge(r.With(old)), "acct/9", "refused bad-decision")
}

// TestShortLedgerDatesNothing: for a moment after a restart a desk gives an older ledger, which
// is too short for the request of an undo that the executor had read before, and then the true
// one. The journal knows of a longer ledger, so the short one shows nothing about when the
// request was made.
func TestShortLedgerDatesNothing(t *testing.T) {
	for _, lies := range []bool{false, true} {
		t.Run(fmt.Sprintf("lies: %t", lies), func(t *testing.T) {
			p := newPlace(t)
			s := own(p)
			r := p.taken(s, "acct/9")
			p.ready()
			old := p.stale()
			raw := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", r)))
			p.ready()
			p.halt()
			p.advance(9 * time.Hour)
			if lies {
				p.desk.Lie(old)
			}
			p.start()
			if lies {
				p.hearsNothing(old)
			}
			p.desk.Lie(nil)
			p.ready()
			p.comesTo("the undo", raw, "executed ")
			p.until("the account is up", p.isUp(r.Action.Subject))
		})
	}
}

// TestUndoKeptBackUntilTheEnd: the ledger has an undo in time, but the desk tells the
// executor that nothing is new until the session is over. Then nothing proves any more that the
// undo was asked for in time, and it is refused. The same undo goes through with the own key.
func TestUndoKeptBackUntilTheEnd(t *testing.T) {
	p := newPlace(t)
	s := own(p)
	r := p.taken(s, "acct/9")
	p.ready()
	old := p.stale()
	p.desk.Lie(old)
	raw := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", r)))
	p.advance(9 * time.Hour)
	p.hearsNothing(old)
	p.desk.Lie(nil)
	p.ready()
	p.comesTo("the undo", raw, "refused outside-session")
	p.executes(p.world.Undo("ann", r))
}

// TestLeaverUndoesAfterARestart: ann's engagement has ended, the executor has read that, and
// starts again. A desk that lies gives it nothing to read, and hands over an undo that ann
// signed after her end, with an entry that stands after the end and is dated before it.
func TestLeaverUndoesAfterARestart(t *testing.T) {
	p := newPlace(t)
	begun := p.world.Now()
	s := own(p)
	r := p.taken(s, "acct/9")
	p.advance(time.Hour)
	p.world.End("ann")
	p.ready()
	p.advance(time.Hour)
	p.halt()
	p.world.Rewind(begun.Add(59*time.Minute + 30*time.Second))
	undo := p.world.Forge(p.world.Under(s, p.world.Undo("ann", r)))
	p.desk.Down(true)
	p.start()
	p.comesTo("the undo", undo, "refused engagement-ended")
	if st := p.plaza.State("acct/9"); st.Status != platform.Down {
		t.Errorf("the account is %s", st.Status)
	}
}

// TestMarkFromTheFuture: the executor's clock was a day ahead for a moment, and was set
// right. From then on every act under a session is refused and spent, undos too, for a day,
// over restarts.
func TestMarkFromTheFuture(t *testing.T) {
	p := newPlace(t)
	s := own(p)
	r := p.world.Under(s, small(p, "acct/9"))
	p.executes(r)
	p.world.Executed(r)
	night := p.taken(s, "acct/8")
	p.ready()
	right := p.clock.Now()
	p.clock.Set(right.Add(24 * time.Hour))
	p.world.Enters(p.world.Request("bob", actions.AccountTakedown, prooftest.Account("acct/7"), actions.Standard))
	p.ready()
	p.clock.Set(right)
	p.advance(time.Minute)
	got, err := p.carry(p.world.Warrant(p.world.Under(s, p.world.Undo("ann", r))))
	if err != nil || got.Outcome != proof.Executed {
		t.Errorf("%+v, %v", got, err)
	}
	if st := p.plaza.State(r.Action.Subject.ID); st.Status != platform.Up {
		t.Errorf("the account is %s", st.Status)
	}
	raw := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", night)))
	p.ready()
	p.advance(9 * time.Hour) // the session is over, and the mark is still to come
	p.comesTo("an undo when the session is over", raw, "executed ")
}

// TestSessionDatedBackSpendsUndos: ann has signed an undo under her session, which the
// ledger got at ten, and the platform is away. At four somebody who finds her key plugged in
// starts a session that says it began a moment after hers, and acts once. Her undo was entered
// six hours before that session was there, and is refused and spent.
func TestSessionDatedBackSpendsUndos(t *testing.T) {
	p := newPlace(t)
	s := own(p)
	r := p.world.Under(s, small(p, "acct/9"))
	p.executes(r)
	p.world.Executed(r)
	p.advance(time.Hour)
	raw := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", r)))
	p.advance(6 * time.Hour)
	thief := own(p, func(c *actions.Session) {
		c.NotBefore = canonical.At(s.Session.NotBefore.Add(time.Microsecond))
		c.Expires = canonical.At(c.NotBefore.Add(8 * time.Hour))
	})
	p.executes(p.world.Under(thief, small(p, "acct/8")))
	got, err := p.carry(p.world.Again(raw))
	if err != nil || got.Outcome != proof.Executed {
		t.Errorf("%+v, %v", got, err)
	}
	if st := p.plaza.State(r.Action.Subject.ID); st.Status != platform.Up {
		t.Errorf("the account is %s", st.Status)
	}
}

// TestTwoSessionsOfOneInstant: a key has one session at a time. Two that begin at the same
// microsecond are not both good: the one that acted first is.
func TestTwoSessionsOfOneInstant(t *testing.T) {
	p := newPlace(t)
	hers := own(p)
	p.advance(time.Hour)
	thief := own(p, func(c *actions.Session) {
		c.NotBefore = hers.Session.NotBefore
		c.Expires = canonical.At(c.NotBefore.Add(8 * time.Hour))
	})
	p.executes(p.world.Under(hers, small(p, "acct/7")))
	p.refusedAs(p.world.Forge(p.world.Under(thief, small(p, "acct/8"))), "acct/8", "refused session-replaced")
	p.executes(p.world.Under(hers, small(p, "acct/9")))
}

// TestUndoOfAnEndedSessionWhileTheLedgerIsWithheld: the session is over by the
// executor's clock. A desk that lies lets the executor read nothing more, and hands over an
// undo which was signed after the end, with an entry that is dated in the session's time and
// in no ledger that the executor followed.
func TestUndoOfAnEndedSessionWhileTheLedgerIsWithheld(t *testing.T) {
	p := newPlace(t)
	s := own(p)
	r := p.takedown(p.plaza.Account("acct/9", 1, ""), "standard")
	p.executes(r)
	p.world.Executed(r)
	p.ready()
	p.desk.Down(true)
	p.clock.Set(p.clock.Now().Add(9 * time.Hour))
	if got, err := p.carry(p.world.Forge(p.world.Under(s, p.world.Undo("ann", r)))); !fault.Is(err, "not-followed") {
		t.Errorf("%+v, %v", got, err)
	}
	if st := p.plaza.State(r.Action.Subject.ID); st.Status != platform.Down {
		t.Errorf("the account is %s", st.Status)
	}
}

// TestSessionOverForAMoment: the executor's clock is less than a minute ahead of the desk's.
// By that clock a session is over in which the ledger got a request. The request goes on for
// that minute, although the executor had not seen it before.
func TestSessionOverForAMoment(t *testing.T) {
	for ahead, want := range map[time.Duration]string{tolerance: "executed ", tolerance + time.Microsecond: "refused outside-session"} {
		t.Run(ahead.String(), func(t *testing.T) {
			p := newPlace(t)
			s := own(p)
			p.ready()
			p.advance(s.Session.Expires.Sub(p.world.Now()) - time.Microsecond)
			p.clock.Set(s.Session.Expires.Add(ahead))
			p.comesTo("the takedown", p.world.Warrant(p.world.Under(s, small(p, "acct/9"))), want)
		})
	}
}

// tolerance is how far the clocks of desk and executor may differ.
const tolerance = time.Minute
