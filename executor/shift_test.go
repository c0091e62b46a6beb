package executor_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
)

// suspendUnder suspends a standard account for an hour, under a session.
func (p *place) suspendUnder(s *prooftest.Session, id string) *prooftest.Request {
	p.t.Helper()
	r := p.world.Under(s, p.world.Request("ann", actions.AccountSuspend, p.plaza.Account(id, 1, ""), actions.Standard, p.lossy,
		func(a *actions.Action) { a.Until = canonical.At(p.world.Now().Add(time.Hour)) }))
	p.executes(r)
	return r
}

// taken takes an account down under a session.
func (p *place) taken(s *prooftest.Session, id string) *prooftest.Request {
	p.t.Helper()
	r := p.world.Under(s, small(p, id))
	p.executes(r)
	p.world.Executed(r)
	return r
}

// comesTo hands a warrant over and compares the outcome, "executed " or "refused TYPE".
func (p *place) comesTo(what string, raw []byte, want string) {
	p.t.Helper()
	got, err := p.judged(raw)
	if is := string(got.Outcome) + " " + got.Type; err != nil || is != want {
		p.t.Errorf("%s: %s (%s), %v; want %s", what, is, got.Text, err, want)
	}
}

// TestVoidStraightToTheExecutor: while executor and desk cannot talk, somebody on call hands
// the end of a worker's sessions to the executor. What they had signed before, and what the
// ledger had before, is not carried out, undos included; the worker's own key signs on.
func TestVoidStraightToTheExecutor(t *testing.T) {
	p := newPlace(t)
	s := own(p)
	first, second := p.taken(s, "acct/7"), p.taken(s, "acct/8")
	early := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", first)))
	undo := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", second)))
	burdening := p.world.Warrant(p.world.Under(s, small(p, "acct/9")))
	p.ready()
	p.desk.Down(true)
	p.comesTo("an undo before", early, "executed ")
	p.advance(time.Second)
	void := p.takes(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(p.clock.Now())}}, "ole")
	changes := len(p.plaza.Effects())
	p.comesTo("an undo", undo, "refused session-void")
	p.comesTo("a takedown", burdening, "refused session-void")
	if n := len(p.plaza.Effects()); n != changes {
		t.Errorf("the platform changed %d times", n-changes)
	}
	p.restart()
	p.desk.Down(false)
	p.until("the chain has it", func() bool { return p.world.State().Spent(void.Request.Statement.Request) })
	p.ready()
	p.refuses(p.world.Under(s, small(p, "acct/10")), "session-void")
	p.executes(p.world.Undo("ann", second))
	p.executes(p.world.Under(own(p), small(p, "acct/11")))
}

// TestVoidTakenWithoutEffect: ole ends ann's sessions straight at the executor, and the chain
// gets that without effect: since ole has meanwhile ended as many sessions through the desk as
// may be ended in an hour, or since ole's key was revoked with an earlier date. The stolen
// session stays void, also over a restart. One that ann starts when the chain has it is good.
func TestVoidTakenWithoutEffect(t *testing.T) {
	void := func(p *place, of string) actions.Void {
		return actions.Void{Scope: actions.ScopeWorker, Of: of, Before: canonical.At(p.world.Now())}
	}
	for name, take := range map[string]func(p *place){
		"over the limit": func(p *place) {
			p.ready()
			p.desk.Hide(true)
			p.advance(time.Second)
			v := void(p, "ann")
			p.takes(actions.DeskKey, actions.Keys{Void: &v}, "ole")
			for range p.world.State().Trust.EndingsPerHour {
				p.advance(time.Second)
				p.world.Void("ole", void(p, "bob"))
			}
		},
		"by a key that was revoked first": func(p *place) {
			v := void(p, "ann")
			v.Before = canonical.At(v.Before.Add(time.Minute)) // when the executor takes it
			p.takesBefore(actions.DeskKey, actions.Keys{Void: &v}, "ole")
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			stolen := own(p)
			measure := p.taken(stolen, "acct/7")
			take(p)
			p.refuses(p.world.Under(stolen, small(p, "acct/8")), "session-void")
			between := own(p)
			p.takenOver()
			p.refuses(p.world.Under(stolen, small(p, "acct/9")), "session-void")
			p.refuses(p.world.Under(stolen, p.world.Undo("ann", measure)), "session-void")
			p.refuses(p.world.Under(between, small(p, "acct/10")), "session-void")
			p.restart()
			p.ready()
			p.refuses(p.world.Under(stolen, small(p, "acct/11")), "session-void")
			p.advance(time.Second)
			p.executes(p.world.Under(own(p), small(p, "acct/12")))
		})
	}
}

// TestVoidBetweenIntentAndCall: sessions end, straight at the executor, after it journalled
// its intent and before its call. The call is not made.
func TestVoidBetweenIntentAndCall(t *testing.T) {
	p := newPlace(t)
	raw := p.world.Warrant(p.world.Under(own(p), small(p, "acct/9")))
	var once sync.Once
	p.desk.Before(func(x proof.Execution) {
		if x.Kind == proof.KindIntent {
			once.Do(func() {
				p.advance(time.Second)
				p.takes(actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(p.clock.Now())}}, "ole")
			})
		}
	})
	p.comesTo("the takedown", raw, "refused session-void")
	if n := len(p.plaza.Effects()); n != 0 {
		t.Errorf("the platform changed %d times", n)
	}
}

// TestTwoSessionsOfOneKey: a desk that uses two sessions of one key side by side gets
// nothing from the older one once the newer one was seen, also over a restart. What the
// ledger had before the newer one began goes on.
func TestTwoSessionsOfOneKey(t *testing.T) {
	p := newPlace(t)
	old := own(p)
	before := p.world.Enters(p.world.Under(old, small(p, "acct/7")))
	p.advance(time.Minute)
	young := own(p)
	unseen := p.world.Under(old, small(p, "acct/8"))
	p.executes(unseen) // the executor has not seen the newer one yet
	p.executes(p.world.Under(young, small(p, "acct/9")))
	p.refuses(p.world.Under(old, small(p, "acct/10")), "session-replaced")
	p.world.Executed(unseen)
	p.refuses(p.world.Under(old, p.world.Undo("ann", unseen)), "session-replaced")
	p.restart()
	p.ready()
	p.refuses(p.world.Under(old, small(p, "acct/11")), "session-replaced")
	p.executes(p.world.Under(young, small(p, "acct/12")))
	p.executes(before)
	p.refuses(p.world.Under(old, small(p, "acct/13")), "session-replaced")
	p.executes(p.world.Under(young, small(p, "acct/14")))
}

// TestThirdSessionRevivesNone: the executor has carried out an act under ann's second
// session, and refuses her first one, which was stolen. A desk that lies enters requests under
// the first all the same, and keeps their warrants until ann has a third session. The second
// one counts as before, also over a restart.
func TestThirdSessionRevivesNone(t *testing.T) {
	p := newPlace(t)
	first := own(p)
	measure := p.taken(first, "acct/6")
	p.advance(time.Minute)
	p.executes(p.world.Under(own(p), small(p, "acct/7")))
	p.advance(time.Minute)
	p.refuses(p.world.Under(first, small(p, "acct/8")), "session-replaced")
	kept, undo, restarted := p.world.Enters(p.world.Under(first, small(p, "acct/9"))), p.world.Enters(p.world.Under(first, p.world.Undo("ann", measure))), p.world.Enters(p.world.Under(first, small(p, "acct/11")))
	p.ready()
	p.advance(time.Hour)
	p.executes(p.world.Under(own(p), small(p, "acct/10")))
	p.refusedAs(p.world.Forge(kept), "acct/9", "refused session-replaced")
	p.refusedAs(p.world.Forge(undo), "", "refused session-replaced")
	p.restart()
	p.ready()
	p.refusedAs(p.world.Forge(restarted), "acct/11", "refused session-replaced")
}

// TestRefusedActShowsItsSession: an act under ann's newer session comes to nothing, for
// whatever reason. The executor has seen the newer session, and refuses what the older one
// signs afterwards. It has seen nothing if the session is not genuine, or if it did not follow
// the ledger as far as the request.
func TestRefusedActShowsItsSession(t *testing.T) {
	for name, c := range map[string]struct {
		fails func(p *place, measure *prooftest.Request)
		want  string // of the older one's act
	}{
		"the account was down already": {func(p *place, _ *prooftest.Request) {
			r := p.world.Under(own(p), small(p, "acct/8"))
			p.plaza.Set("acct/8", platform.Down, "OTHER-1")
			p.comesTo("the newer one", p.world.Warrant(r), "failed wrong-state")
		}, "refused session-replaced"},
		"no session signs it": {func(p *place, _ *prooftest.Request) {
			r := p.world.Request("ann", actions.AccountTakedown, p.plaza.Account("acct/8", 200_000, ""), actions.Protected)
			p.comesTo("the newer one", p.world.Forge(p.world.Countersign(p.world.Under(own(p), r), "lee")), "refused own-key-needed")
		}, "refused session-replaced"},
		"an undo that is in place already": {func(p *place, measure *prooftest.Request) {
			raw := p.world.Warrant(p.world.Under(own(p), p.world.Undo("ann", measure)))
			p.plaza.Set("acct/7", platform.Up, "")
			p.ready()
			p.comesTo("the newer one", raw, "failed wrong-state")
		}, "refused session-replaced"},
		"the desk alone says where it stands": {func(p *place, measure *prooftest.Request) {
			p.ready()
			p.desk.Down(true)
			raw := p.world.Warrant(p.world.Under(own(p), p.world.Undo("ann", measure)))
			p.plaza.Set("acct/7", platform.Up, "")
			p.comesTo("the newer one", raw, "failed wrong-state")
			p.desk.Down(false)
			p.ready()
		}, "executed "},
		"the platform is away": {func(p *place, _ *prooftest.Request) {
			r := p.world.Under(own(p), small(p, "acct/8"))
			p.plaza.Away(true)
			if got, err := p.carry(p.world.Warrant(r)); err == nil {
				p.t.Errorf("%+v", got)
			}
			p.plaza.Away(false)
		}, "refused session-replaced"},
		"somebody else certified it": {func(p *place, _ *prooftest.Request) {
			s := p.world.StartSession("bob", actions.SessionEd25519, func(c *actions.Session) { c.Worker, c.Key = "ann", p.world.PublicKey("ann").ID() })
			p.comesTo("the newer one", p.world.Forge(p.world.Under(s, small(p, "acct/8"))), "refused bad-signature")
		}, "executed "},
		"another session's key signed it": {func(p *place, _ *prooftest.Request) {
			r := small(p, "acct/8")
			r.Decision, r.Action.Case, r.Signed.Statement.Decision = nil, "", canonical.Digest{}
			r = p.world.Under(own(p), r)
			r.Signed.Signature = own(p).Sign(r.Signed.Statement.Challenge())
			p.comesTo("the newer one", p.world.Forge(r), "refused bad-signature")
		}, "executed "},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			old := own(p)
			measure := p.taken(old, "acct/7")
			p.advance(time.Minute)
			c.fails(p, measure)
			p.advance(time.Minute)
			p.comesTo("the older one", p.world.Forge(p.world.Under(old, small(p, "acct/9"))), c.want)
		})
	}
}

// TestUndoOfSomebodyWhoKnowsMore: the executor has lost the desk and lacks the newest entries
// of the governance chain. An undo that may be good by one of them is not spent meanwhile: that
// of a session which names an entry after the end of ann's sessions, and that of a key which
// was enrolled since. The same holds where the desk says that it ruled before those entries.
func TestUndoOfSomebodyWhoKnowsMore(t *testing.T) {
	for name, undo := range map[string]func(p *place, measure *prooftest.Request) []byte{
		"a session that knows of the end": func(p *place, measure *prooftest.Request) []byte {
			p.world.Revoke("bob") // any change of the desk
			return p.world.Warrant(p.world.Under(own(p), p.world.Undo("ann", measure)))
		},
		"a session, and a ruling that knows less": func(p *place, measure *prooftest.Request) []byte {
			before := p.world.State()
			p.world.Revoke("bob")
			r := p.world.Enters(p.world.Under(own(p), p.world.Undo("ann", measure)))
			ask := p.world.Ask(r)
			ruled, err := p.world.State().Judge(ask)
			if err != nil {
				p.t.Fatal(err)
			}
			core, err := p.world.State().Seal(ask, ruled)
			if err != nil {
				p.t.Fatal(err)
			}
			return p.world.Enter(core, before, ruled)
		},
		"a new key": func(p *place, measure *prooftest.Request) []byte {
			p.world.Enrol("ann")
			return p.world.Warrant(p.world.Undo("ann", measure))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			measure := p.taken(own(p), "acct/9")
			p.advance(time.Minute)
			p.world.Void("ole", actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(p.world.Now())})
			p.ready()
			p.desk.Down(true)
			p.advance(time.Second)
			raw := undo(p, measure)
			if got, err := p.carry(raw); !fault.Is(err, "not-followed") {
				t.Errorf("%+v, %v", got, err)
			}
			p.desk.Down(false)
			p.ready()
			p.comesTo("the undo", p.world.Again(raw), "executed ")
		})
	}
}

// TestUndoThatNamesNoEntry: the session of an undo names an entry that is in no chain, and is
// refused once the ledger was followed as far as the undo.
func TestUndoThatNamesNoEntry(t *testing.T) {
	p := newPlace(t)
	measure := p.taken(own(p), "acct/9")
	p.advance(time.Minute)
	p.world.Void("ole", actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(p.world.Now())})
	p.advance(time.Minute)
	p.ready()
	s := own(p, func(c *actions.Session) { c.After = canonical.Sum([]byte("nothing")) })
	p.refuses(p.world.Under(s, p.world.Undo("ann", measure)), "session-void")
}

// TestLeaverInMidSession: a second after somebody's engagement has ended nothing burdening is
// carried out that they had signed, and no undo that was entered afterwards. An undo that was
// entered before, and the end of a suspension that the executor owes, go on.
func TestLeaverInMidSession(t *testing.T) {
	p := newPlace(t)
	s := own(p)
	first, second := p.taken(s, "acct/5"), p.taken(s, "acct/6")
	suspended := p.suspendUnder(s, "acct/7")
	burdening := p.world.Warrant(p.world.Under(s, small(p, "acct/8")))
	early := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", first)))
	p.advance(time.Second)
	p.world.End("ann")
	p.advance(time.Second)
	p.ready()
	changes := len(p.plaza.Effects())
	p.comesTo("what burdens", burdening, "refused engagement-ended")
	p.refuses(p.world.Under(s, p.world.Undo("ann", second)), "engagement-ended")
	p.refuses(p.world.Under(s, small(p, "acct/9")), "engagement-ended")
	if n := len(p.plaza.Effects()); n != changes {
		t.Errorf("the platform changed %d times", n-changes)
	}
	p.comesTo("the undo entered before", early, "executed ")
	p.advance(suspended.Action.Until.Sub(p.clock.Now()))
	p.until("the suspension is over", p.isUp(suspended.Action.Subject))
	for id, want := range map[string]platform.Status{"acct/5": platform.Up, "acct/6": platform.Down, "acct/7": platform.Up, "acct/8": platform.Up} {
		if st := p.plaza.State(id).Status; st != want {
			t.Errorf("%s is %s, want %s", id, st, want)
		}
	}
}

// TestNightWithoutThePlatform: the undo of a shift whose platform was down all night is
// carried out in the morning, although the session is over and a newer one was seen.
func TestNightWithoutThePlatform(t *testing.T) {
	p := newPlace(t)
	s := own(p)
	r := p.taken(s, "acct/9")
	p.plaza.Away(true)
	raw := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", r)))
	night := func(what string) {
		if got, err := p.Carry(t.Context(), raw, 0); got.Outcome != "" {
			t.Fatalf("%s: %+v, %v", what, got, err)
		}
	}
	night("in the evening")
	for range 16 {
		p.advance(time.Hour)
		night("in the night")
	}
	p.plaza.Away(false)
	p.executes(p.world.Under(own(p), small(p, "acct/8")))
	p.comesTo("in the morning", raw, "executed ")
	p.until("the account is up", p.isUp(r.Action.Subject))
}

// lostUndo has an undo of a measure taken on, whose call does not reach the platform, and
// stops the executor there. It returns the undo's warrant.
func (p *place) lostUndo(s *prooftest.Session, measure *prooftest.Request) []byte {
	p.t.Helper()
	p.ready()
	return p.lost(p.world.Warrant(p.world.Under(s, p.world.Undo("ann", measure))))
}

// lost is lostUndo for a warrant; the desk may be dead.
func (p *place) lost(raw []byte) []byte {
	p.t.Helper()
	intended := p.stopsBeforeCall(raw)
	<-intended
	p.halt()
	p.step = nil
	p.plaza.Away(false)
	return raw
}

// stopsBeforeCall starts the executor anew and hands a warrant over. Just before the call the
// platform goes away, and the channel is closed.
func (p *place) stopsBeforeCall(raw []byte) chan struct{} {
	p.t.Helper()
	p.halt()
	intended := make(chan struct{})
	var once sync.Once
	p.step = func(name string) {
		if name == executor.StepAgain {
			once.Do(func() {
				p.plaza.Away(true)
				close(intended)
			})
		}
	}
	p.start()
	p.until("the chain is known", func() bool { return p.Status().Governance > 0 })
	if got, err := p.Carry(p.t.Context(), raw, 0); err != nil || got.Outcome != "" {
		p.t.Fatalf("%+v, %v", got, err)
	}
	return intended
}

// TestIntendedUndoNeedsNoDesk: an undo was taken on, and its call was lost. Hours later, when
// its session may be over, the executor starts again. It carries the undo out, whether the desk
// is dead or says for hours that the ledger is as it was before the undo.
func TestIntendedUndoNeedsNoDesk(t *testing.T) {
	for _, hours := range []time.Duration{1, 9} { // the session lasts for 8
		for _, lies := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d hours later, the desk lies: %t", hours, lies), func(t *testing.T) {
				p := newPlace(t)
				s := own(p)
				r := p.taken(s, "acct/9")
				p.ready()
				old := p.stale()
				raw := p.lostUndo(s, r)
				p.desk.Lie(old)
				p.desk.Down(!lies)
				p.advance(hours * time.Hour)
				p.start()
				p.comesTo("the undo", raw, "executed ")
				p.until("the account is up", p.isUp(r.Action.Subject))
			})
		}
	}
}

// TestIntendedActAfterTheNight: a takedown under a session was taken on, and its call was lost.
// The executor had seen the request in time, but its journal does not say so. It starts again
// when the session is over, and carries the takedown out.
func TestIntendedActAfterTheNight(t *testing.T) {
	p := newPlace(t)
	r := p.world.Under(own(p), small(p, "acct/9"))
	raw := p.world.Warrant(r)
	p.ready()
	p.lost(raw)
	p.advance(9 * time.Hour)
	p.start()
	p.comesTo("the takedown", raw, "executed ")
}

// TestIntendedUndoFromTheFuture: a desk dates the request of an undo half a day ahead. The undo
// is taken on, since no date is believed beyond the judgement, and its call is lost. The date
// does not move on with the judgement, past the end of the session.
func TestIntendedUndoFromTheFuture(t *testing.T) {
	p := newPlace(t)
	s := own(p)
	r := p.taken(s, "acct/9")
	now := p.world.Now()
	p.world.Advance(12 * time.Hour)
	undo := p.world.Under(s, p.world.Undo("ann", r), prooftest.Dated(now))
	p.ready()
	raw := p.lost(p.world.Forge(undo))
	p.advance(9 * time.Hour)
	p.start()
	p.comesTo("the undo", raw, "executed ")
}

// stale has the desk give the ledger as it is now, whatever is entered later.
func (p *place) stale() func(*linkv1.Feed) {
	old := p.world.Feed(0)
	return func(f *linkv1.Feed) {
		if f.From == 0 {
			*f = old
			return
		}
		*f = linkv1.Feed{From: f.From, Checkpoint: old.Checkpoint}
	}
}

// TestUndoThroughTheNightWithADeadDesk: the desk dies before the executor has read the
// request of an undo, which is taken on by the checkpoint in its warrant. Then the platform is
// away all night. In the morning the session is over, and the desk is still dead or says that
// nothing was entered since.
func TestUndoThroughTheNightWithADeadDesk(t *testing.T) {
	for _, lies := range []bool{false, true} {
		t.Run(fmt.Sprintf("the desk lies: %t", lies), func(t *testing.T) {
			p := newPlace(t)
			s := own(p)
			r := p.taken(s, "acct/9")
			p.ready()
			old := p.stale()
			p.desk.Lie(old)
			p.desk.Down(!lies)
			raw := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", r)))
			<-p.stopsBeforeCall(raw)
			p.advance(9 * time.Hour)
			if lies {
				p.hearsNothing(old)
			}
			p.plaza.Away(false)
			p.comesTo("the undo", raw, "executed ")
			p.until("the account is up", p.isUp(r.Action.Subject))
		})
	}
}

// hearsNothing waits until the executor has heard from a desk that lies that nothing is new.
func (p *place) hearsNothing(lie func(*linkv1.Feed)) {
	p.t.Helper()
	var heard atomic.Int64
	p.desk.Lie(func(f *linkv1.Feed) {
		lie(f)
		heard.Add(1)
	})
	p.until("the executor hears that nothing is new", func() bool { return heard.Load() >= 2 })
}

// aboutPost makes an undo a measure of a decision about a post of the subject's. The executor
// reads the post on the platform, to know whose it is.
func (p *place) aboutPost(undo *prooftest.Request, post string) *prooftest.Request {
	p.t.Helper()
	s := p.plaza.Post(post, undo.Action.Subject.ID)
	p.world.Decide(undo, func(d *actions.Decision) { d.Subject = s })
	undo.Signed = p.world.Statement(undo, undo.By, undo.Signed.Statement.Verdict)
	return undo
}

func withCase(a *actions.Action) { a.Case = "case-2" }

// TestUndoWaitsForWhatCannotBeRead: an undo was taken on, and just before its call it is not
// known whose a post is. The undo waits until that is known; it is not dropped.
func TestUndoWaitsForWhatCannotBeRead(t *testing.T) {
	p := newPlace(t)
	r := p.taken(own(p), "acct/9")
	p.ready()
	raw := p.world.Forge(p.aboutPost(p.world.Undo("ann", r, withCase), "post/1"))
	p.halt()
	p.step = func(name string) {
		if name == executor.StepIntended {
			p.plaza.Silent("post/1", true)
		}
	}
	p.start()
	p.ready()
	if got, err := p.Carry(t.Context(), raw, 0); err != nil || got.Outcome != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	p.until("it was judged again in vain", func() bool { return p.plaza.Unanswered() > 0 })
	p.plaza.Silent("post/1", false)
	p.comesTo("the undo", raw, "executed ")
}

// TestWaitingUndoLeavesTheSubject: an undo was taken on and waits for what cannot be read.
// Meanwhile another undo of the same measure goes through, and the end of a suspension that the
// executor owes: neither waits for the first one (law 5). The first one then ends without a
// call.
func TestWaitingUndoLeavesTheSubject(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		// waiting has an undo of r that waits.
		waiting := func(p *place, r *prooftest.Request) (raw []byte) {
			raw = p.world.Forge(p.aboutPost(p.world.Undo("ann", r, withCase), "post/1"))
			p.ready()
			<-p.stopsBeforeCall(raw)
			p.plaza.Silent("post/1", true)
			if restarts {
				p.halt()
				p.step = nil
				p.start()
				p.ready()
			}
			p.plaza.Away(false)
			p.until("it waits", func() bool { return p.plaza.Unanswered() > 0 })
			return raw
		}
		ends := func(p *place, raw []byte) {
			p.plaza.Silent("post/1", false)
			p.comesTo("the first undo", raw, "failed wrong-state")
		}
		t.Run(fmt.Sprintf("another undo, restarts: %t", restarts), func(t *testing.T) {
			p := newPlace(t)
			r := p.taken(own(p), "acct/9")
			raw := waiting(p, r)
			p.executes(p.world.Undo("bob", r))
			ends(p, raw)
		})
		t.Run(fmt.Sprintf("the end of a suspension, restarts: %t", restarts), func(t *testing.T) {
			p := newPlace(t)
			r := p.suspend(p.plaza.Account("acct/9", 1, ""))
			p.world.Executed(r)
			raw := waiting(p, r)
			p.advance(2 * time.Hour)
			p.until("the suspension is over", p.isUp(r.Action.Subject))
			ends(p, raw)
		})
	}
}

// TestWaitingUndoExplainsNothing: while an undo waits and no call of it is under way, somebody
// else lifts the measure. The watch tells that; it does not take it for the undo.
func TestWaitingUndoExplainsNothing(t *testing.T) {
	p := newPlace(t)
	p.watches = true
	p.restart()
	p.ready()
	r := p.taken(own(p), "acct/9")
	raw := p.world.Forge(p.aboutPost(p.world.Undo("ann", r, withCase), "post/1"))
	p.ready()
	<-p.stopsBeforeCall(raw)
	p.plaza.Silent("post/1", true)
	p.plaza.Away(false)
	p.until("it waits", func() bool { return p.plaza.Unanswered() > 0 })
	p.plaza.Set("acct/9", platform.Up, "")
	p.until("the watch tells that it was lifted", func() bool { return len(p.told(proof.KindForeign)) == 1 })
	p.plaza.Silent("post/1", false)
	p.comesTo("the undo", raw, "failed wrong-state")
}
