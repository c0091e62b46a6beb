package executor_test

import (
	"fmt"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
)

// Here an executor finds out by itself when the ledger got a request and when an act was
// ruled ready.

// another enters a request that nothing comes of, and has the executor read it.
func (p *place) another() {
	p.t.Helper()
	p.world.Enters(p.world.Request("bob", actions.AccountTakedown, prooftest.Account("acct/7"), actions.Standard))
	p.ready()
}

// short is a session of ann's for two minutes.
func short(p *place) *prooftest.Session {
	return own(p, func(c *actions.Session) { c.Expires = canonical.At(c.NotBefore.Add(2 * time.Minute)) })
}

// TestRequestSeenInTime: a session is over. What the executor saw of it in time is carried
// out, whether it remembers that closely, or from its journal after a restart.
func TestRequestSeenInTime(t *testing.T) {
	t.Run("lately", func(t *testing.T) {
		p := newPlace(t)
		p.ready()
		s := short(p)
		p.advance(time.Minute)
		r := p.world.Enters(p.world.Under(s, small(p, "acct/9")))
		p.ready()
		p.advance(5 * time.Minute)
		p.executes(r)
	})
	t.Run("before a restart", func(t *testing.T) {
		p := newPlace(t)
		s := own(p)
		r := p.world.Enters(p.world.Under(s, small(p, "acct/9")))
		p.ready()
		p.advance(11 * time.Minute)
		p.another()
		p.halt()
		p.advance(9 * time.Hour)
		p.start()
		p.ready()
		p.executes(r)
	})
	t.Run("too late", func(t *testing.T) {
		p := newPlace(t)
		s := own(p)
		p.ready()
		p.halt()
		r := p.world.Enters(p.world.Under(s, small(p, "acct/9")))
		p.advance(9 * time.Hour)
		p.start()
		p.another()
		p.comesTo("the takedown", p.world.Forge(r), "refused outside-session")
	})
}

// TestUndoReadLate: an undo was asked for in its session, and the executor reads that hours
// after the session. Neither the time at which it read the entry, nor that of the next
// entry, by which the signer leaves, is that of the request.
func TestUndoReadLate(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		t.Run(fmt.Sprintf("its signer leaves %v", leaves), func(t *testing.T) {
			p := newPlace(t)
			s := own(p)
			undo := p.world.Under(s, p.world.Undo("ann", p.taken(s, "acct/9")))
			p.ready()
			p.halt()
			p.world.Enters(undo)
			if leaves {
				p.advance(time.Second)
				p.world.End("ann")
			}
			p.advance(9 * time.Hour)
			p.start()
			p.ready()
			p.executes(undo)
		})
	}
}

// TestUndoDatedBack: a desk that lies enters an undo after the end of its session, or of its
// signer's engagement, and dates the entry back. Each of the things by which the executor
// knows better suffices.
func TestUndoDatedBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		late  func(p *place) // what comes before the entry
		start bool           // the executor starts only afterwards
		want  string
	}{
		{"by what it saw lately", func(p *place) { p.advance(5 * time.Minute); p.another() }, false, "refused outside-session"},
		{"by its journal", func(p *place) { p.advance(time.Hour); p.another(); p.halt() }, true, "refused outside-session"},
		{"by the chain", func(p *place) { p.halt(); p.advance(time.Hour); p.world.End("ann") }, true, "refused engagement-ended"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			s := short(p)
			begun := p.world.Now()
			r := p.taken(s, "acct/9")
			p.ready()
			c.late(p)
			p.world.Rewind(begun.Add(time.Minute))
			raw := p.world.Forge(p.world.Under(s, p.world.Undo("ann", r)))
			if c.start {
				p.start()
			}
			p.comesTo("the undo", raw, c.want)
		})
	}
}

// TestClocksOfTheSameMinute: the executor's clock is up to a minute ahead of the desk's, and
// the executor sees by its own clock that the request was not there when the session was
// over. It is carried out all the same.
func TestClocksOfTheSameMinute(t *testing.T) {
	for ahead, want := range map[time.Duration]string{tolerance - time.Microsecond: "executed ", tolerance: "refused outside-session"} {
		t.Run(ahead.String(), func(t *testing.T) {
			p := newPlace(t)
			s := own(p)
			p.ready()
			p.advance(s.Session.Expires.Sub(p.world.Now()) - time.Microsecond)
			p.clock.Set(s.Session.Expires.Add(ahead))
			p.another()
			p.comesTo("the takedown", p.world.Warrant(p.world.Under(s, small(p, "acct/9"))), want)
		})
	}
}

// lift is a lift by ann of what she did not do, which kim and lee countersign.
func (p *place) lift() *prooftest.Request {
	p.t.Helper()
	president := p.president()
	p.plaza.Set(president.ID, platform.Down, "LEGAL-1")
	return p.world.Enters(p.world.Request("ann", actions.AccountRestore, president, actions.Critical,
		func(a *actions.Action) { a.Command.Expect.Mark = "LEGAL-1" }))
}

// ruledAt enters the warrant of a request as if the desk had ruled at an instant.
func (p *place) ruledAt(r *prooftest.Request, at time.Time) []byte {
	p.t.Helper()
	s, ask := p.world.State(), p.world.Ask(r)
	ask.Ruled = at
	j, err := s.Judge(ask)
	if err != nil || !j.Ready {
		p.t.Fatalf("%v: %s", err, j.Missing)
	}
	return p.world.Enter(proof.Core{V: proof.WarrantVersion(r.Action.Formats()), Decision: r.Decision, Sessions: r.Sessions, Action: r.Action, Request: r.Signed,
		Countersignatures: r.Countersignatures, Ruling: proof.Ruling{Policy: s.Policy.Digest(), At: canonical.At(at), Need: j.Need,
			Facts: proof.Facts{Engaged: true, Tier: r.Action.Tier, Lifts: ask.Lifts, Word: []string{"case", "lifts", "tier"}}}}, s, j)
}

// TestRuledBeforeSomebodyLeft: a lift was countersigned by somebody who has left since. It
// counts if the desk ruled before that; a desk that only says so is not believed further
// than a minute.
func TestRuledBeforeSomebodyLeft(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(p *place, r *prooftest.Request) []byte
		want string
	}{
		{"it did", func(p *place, r *prooftest.Request) []byte {
			p.world.Countersign(r, "kim", "lee")
			ruled := p.world.Now()
			p.advance(10 * time.Second)
			p.world.End("lee")
			p.advance(20 * time.Second)
			p.another()
			return p.ruledAt(r, ruled)
		}, "executed "},
		{"it entered the warrant hours later", func(p *place, r *prooftest.Request) []byte {
			p.halt()
			p.world.Countersign(r, "kim", "lee")
			ruled := p.world.Now()
			p.advance(time.Hour)
			p.world.End("lee")
			p.advance(time.Hour)
			raw := p.ruledAt(r, ruled)
			p.start()
			p.ready() // an undo does not wait for the ledger for longer than a second
			return raw
		}, "refused engagement-ended"},
		{"it dates the warrant's entry back too", func(p *place, r *prooftest.Request) []byte {
			ruled := p.world.Now()
			p.advance(time.Hour)
			p.world.End("lee")
			p.advance(time.Hour)
			p.another()
			p.world.Rewind(ruled)
			return p.ruledAt(p.world.Countersign(r, "kim", "lee"), ruled)
		}, "refused engagement-ended"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			r := p.lift()
			p.ready()
			p.comesTo("the lift", c.make(p, r), c.want)
		})
	}
}
