package executor_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
)

// own is a session of ann's with an Ed25519 key.
func own(p *place, edit ...func(*actions.Session)) *prooftest.Session {
	return p.world.StartSession("ann", actions.SessionEd25519, edit...)
}

// small is a request of ann's about an account of the tier standard.
func small(p *place, id string) *prooftest.Request {
	return p.world.Request("ann", actions.AccountTakedown, p.plaza.Account(id, 1, ""), actions.Standard)
}

// TestSessionCarriesADay: with either algorithm a session signs takedowns, removals and
// their undos on standard subjects; the executor carries them out.
func TestSessionCarriesADay(t *testing.T) {
	for _, algorithm := range []actions.SessionAlgorithm{actions.SessionEd25519, actions.SessionP256} {
		t.Run(string(algorithm), func(t *testing.T) {
			p := newPlace(t)
			s := p.world.StartSession("ann", algorithm)
			for i := range 3 {
				r := p.world.Under(s, small(p, fmt.Sprintf("acct/%d", 20+i)))
				raw := p.executes(r)
				if _, err := proof.Verify(raw, proof.Trust{Root: p.world.Root}); err != nil {
					t.Error(err)
				}
				p.entered(r, proof.DutyAct, "intent", "receipt executed")
				p.world.Executed(r)
				p.executes(p.world.Under(s, p.world.Undo("ann", r)))
				p.world.Advance(time.Hour)
				p.clock.Set(p.world.Now())
			}
		})
	}
}

// TestSessionRefusals: each check of a session, with a warrant in which only that is wrong
// and whose entry is in the ledger: the desk made none of its checks. Nothing is called.
func TestSessionRefusals(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(p *place) (*prooftest.Request, []byte)
		want string // outcome and type
	}{
		{"certified by a key that is revoked", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Under(own(p), small(p, "acct/9"))
			p.world.Revoke("ann")
			return r, p.world.Forge(r)
		}, "refused revoked-key"},
		{"certified by somebody else's key", func(p *place) (*prooftest.Request, []byte) {
			s := p.world.StartSession("bob", actions.SessionEd25519, func(c *actions.Session) { c.Worker, c.Key = "ann", p.world.PublicKey("ann").ID() })
			r := p.world.Under(s, small(p, "acct/9"))
			return r, p.world.Forge(r)
		}, "refused bad-signature"},
		{"of another worker", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Under(p.world.StartSession("bob", actions.SessionEd25519), small(p, "acct/9"))
			return r, p.world.Forge(r)
		}, "refused unknown-key"},
		{"of another worker, for a statement with the signer's own key", func(p *place) (*prooftest.Request, []byte) {
			r, bob := small(p, "acct/9"), p.world.StartSession("bob", actions.SessionEd25519)
			r.Signed = p.world.Statement(r, "ann", actions.VerdictRequest, func(st *actions.Statement) { st.Session = bob.Session.Digest() })
			r.Signed.Signature = bob.Sign(r.Signed.Statement.Challenge())
			r.Sessions = []actions.SignedSession{bob.SignedSession}
			return r, p.world.Forge(r)
		}, "refused foreign-session"},
		{"of another log", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Under(own(p, func(c *actions.Session) { c.Log = "other.example.com/ledger" }), small(p, "acct/9"))
			return r, p.world.Forge(r)
		}, "refused bad-session"},
		{"of another founding", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Under(own(p, func(c *actions.Session) { c.Founding = canonical.Sum([]byte("rehearsal")) }), small(p, "acct/9"))
			return r, p.world.Forge(r)
		}, "refused bad-session"},
		{"for more than ten hours", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Under(own(p, func(c *actions.Session) {
				c.Expires = canonical.At(c.NotBefore.Add(actions.SessionLife + time.Microsecond))
			}), small(p, "acct/9"))
			return r, p.world.Forge(r)
		}, "refused bad-session"},
		{"begun before the session", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Under(own(p), small(p, "acct/9"), prooftest.Dated(p.world.Now().Add(-time.Microsecond)))
			return r, p.world.Forge(r)
		}, "refused outside-session"},
		{"entered after the session", func(p *place) (*prooftest.Request, []byte) {
			r := small(p, "acct/9")
			r.Decision, r.Action.Case = nil, ""
			r.Signed.Statement.Decision = canonical.Digest{}
			r = p.world.Under(own(p, func(c *actions.Session) { c.Expires = canonical.At(c.NotBefore.Add(time.Minute)) }), r)
			p.world.Advance(time.Minute)
			p.clock.Set(p.world.Now())
			return r, p.world.Forge(r)
		}, "refused outside-session"},
		{"of a kind that no session signs", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Under(p.world.StartSession("ole", actions.SessionEd25519),
				p.world.Request("ole", actions.AccountContain, p.plaza.Account("acct/9", 1, ""), actions.Standard))
			return r, p.world.Forge(r)
		}, "refused own-key-needed"},
		{"of a subject that ranks higher", func(p *place) (*prooftest.Request, []byte) {
			s := p.plaza.Account("acct/9", 200_000, "")
			r := p.world.Under(own(p), p.world.Request("ann", actions.AccountTakedown, s, actions.Standard))
			p.world.Countersign(r, "lee")
			return r, p.world.Forge(r)
		}, "refused own-key-needed"},
		{"of a subject that ranks higher by its own words", func(p *place) (*prooftest.Request, []byte) {
			s := p.plaza.Account("acct/9", 200_000, "")
			r := p.world.Countersign(p.world.Under(own(p), p.world.Request("ann", actions.AccountTakedown, s, actions.Protected)), "lee")
			return r, p.world.Forge(r)
		}, "refused own-key-needed"},
		{"of somebody who has left", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Under(own(p), small(p, "acct/9"))
			p.world.End("ann")
			return r, p.world.Forge(r)
		}, "refused engagement-ended"},
		{"void by its worker", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Under(own(p), small(p, "acct/9"))
			p.world.Advance(time.Second)
			p.world.Void("ann", actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(p.world.Now())})
			return r, p.world.Forge(r)
		}, "refused session-void"},
		{"void by its key", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Under(own(p), small(p, "acct/9"))
			p.world.Advance(time.Second)
			p.world.Void("ann", actions.Void{Scope: actions.ScopeKey, Of: string(p.world.PublicKey("ann").ID()), Before: canonical.At(p.world.Now())})
			return r, p.world.Forge(r)
		}, "refused session-void"},
		{"signed by another session's key", func(p *place) (*prooftest.Request, []byte) {
			s := own(p)
			r := p.world.Under(s, small(p, "acct/9"))
			r.Signed.Signature = own(p).Sign(r.Signed.Statement.Challenge())
			return r, p.world.Forge(r)
		}, "refused bad-signature"},
		{"without its session", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Under(own(p), small(p, "acct/9"))
			r.Sessions = nil
			return r, p.world.Forge(r)
		}, "refused no-session"},
		{"with a session that nothing names", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Under(own(p), small(p, "acct/9")).With(own(p))
			return r, p.world.Forge(r)
		}, "refused surplus-session"},
		{"countersigned under a session", func(p *place) (*prooftest.Request, []byte) {
			s := p.plaza.Account("acct/9", 200_000, "")
			lee := p.world.StartSession("lee", actions.SessionEd25519)
			r := p.world.Request("ann", actions.AccountTakedown, s, actions.Protected)
			c := p.world.Statement(r, "lee", actions.VerdictCountersign, func(st *actions.Statement) { st.Session = lee.Session.Digest() })
			c.Signature = lee.Sign(c.Statement.Challenge())
			r.Countersignatures, r.Sessions = []actions.Signed{c}, []actions.SignedSession{lee.SignedSession}
			return r, p.world.Forge(r)
		}, "refused surplus-session"},
		{"older than one that the executor has seen", func(p *place) (*prooftest.Request, []byte) {
			old := own(p)
			p.world.Advance(time.Minute)
			p.clock.Set(p.world.Now())
			p.executes(p.world.Under(own(p), small(p, "acct/8")))
			r := p.world.Under(old, small(p, "acct/9"))
			return r, p.world.Forge(r)
		}, "refused session-replaced"},
		{"that begins more than a minute ahead of the executor's clock", func(p *place) (*prooftest.Request, []byte) {
			ahead := p.world.Now().Add(61 * time.Second)
			r := p.world.Under(own(p, func(c *actions.Session) { c.NotBefore = canonical.At(ahead) }), small(p, "acct/9"), prooftest.Dated(ahead))
			return r, p.world.Forge(r)
		}, "refused bad-statement"},
		{"of a session that is over, at a desk whose clock stands still", func(p *place) (*prooftest.Request, []byte) {
			s := own(p)
			p.clock.Set(p.clock.Now().Add(9 * time.Hour))
			p.world.Enters(p.world.Request("bob", actions.AccountTakedown, prooftest.Account("acct/7"), actions.Standard))
			p.ready()
			r := p.world.Under(s, small(p, "acct/9"))
			return r, p.world.Forge(r)
		}, "refused outside-session"},
		{"not listed by its decision", func(p *place) (*prooftest.Request, []byte) {
			r := small(p, "acct/9")
			p.world.Decide(r, func(d *actions.Decision) { d.Measures = []canonical.Digest{canonical.Sum([]byte("another"))} })
			r = p.world.Under(own(p), r)
			return r, p.world.Forge(r)
		}, "refused bad-decision"},
		{"of a decision that somebody else signed", func(p *place) (*prooftest.Request, []byte) {
			r := small(p, "acct/9")
			st := p.world.Document("bob", r.Decision.Decision.Digest(), actions.VerdictDecide)
			r.Decision = &actions.SignedDecision{Decision: r.Decision.Decision, Signed: p.world.Signed("bob", st)}
			return r, p.world.Forge(r)
		}, "refused bad-entry"},
		{"of a decision about another subject", func(p *place) (*prooftest.Request, []byte) {
			r := small(p, "acct/9")
			p.world.Decide(r, func(d *actions.Decision) { d.Subject = p.plaza.Account("acct/8", 1, "") })
			r.Signed = p.world.Statement(r, "ann", actions.VerdictRequest)
			return r, p.world.Forge(r)
		}, "refused bad-decision"},
		{"with a case and no decision", func(p *place) (*prooftest.Request, []byte) {
			r := small(p, "acct/9")
			r.Decision = nil
			r.Signed = p.world.Statement(r, "ann", actions.VerdictRequest)
			return r, p.world.Forge(r)
		}, "refused no-decision"},
		{"of a second decision on a case and version", func(p *place) (*prooftest.Request, []byte) {
			first := small(p, "acct/8")
			p.executes(first)
			r := small(p, "acct/9")
			p.world.Decide(r, func(d *actions.Decision) { d.Version = first.Decision.Decision.Version })
			r.Signed = p.world.Statement(r, "ann", actions.VerdictRequest)
			return r, p.world.Forge(r)
		}, "refused second-decision"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			r, raw := c.make(p)
			got, err := p.carry(raw)
			if err != nil {
				t.Fatal(err)
			}
			if is := fmt.Sprintf("%s %s", got.Outcome, got.Type); is != c.want {
				t.Errorf("got %s (%s), want %s", is, got.Text, c.want)
			}
			if st := p.plaza.State("acct/9"); st.Status != platform.Up {
				t.Errorf("the account is %s", st.Status)
			}
			p.until("the refusal is in the ledger", func() bool { return len(p.world.OutcomeOf(r.ID, proof.DutyAct)) > 0 })
			if diff := cmp.Diff([]string{"refusal " + c.want}, p.world.OutcomeOf(r.ID, proof.DutyAct)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestUndoOfAShiftThatIsOver: a lift that was signed and entered in the session is carried
// out although the session is long over, and a newer one of the same key was seen.
func TestUndoOfAShiftThatIsOver(t *testing.T) {
	p := newPlace(t)
	s := own(p)
	r := p.world.Under(s, small(p, "acct/9"))
	p.executes(r)
	p.world.Executed(r)
	undo := p.world.Under(s, p.world.Undo("ann", r))
	raw := p.world.Warrant(undo) // and the platform is away until the next morning
	p.world.Advance(16 * time.Hour)
	p.clock.Set(p.world.Now())
	p.executes(p.world.Under(own(p), small(p, "acct/8")))
	got, err := p.carry(raw)
	if err != nil || got.Outcome != proof.Executed {
		t.Fatalf("%+v, %v", got, err)
	}
	if st := p.plaza.State(r.Action.Subject.ID); st.Status != platform.Up {
		t.Errorf("the account is %s", st.Status)
	}
}
