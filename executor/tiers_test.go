package executor_test

import (
	"crypto/ed25519"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/executortest"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
)

// fall lets what rules once read of a subject fall.
func (p *place) fall(id string, from actions.Tier) {
	p.t.Helper()
	p.world.Change(actions.DeskChange, actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{
		Subject: platform.Subject{Platform: "plaza", ID: id}, From: actions.Standard, To: actions.Standard, Fall: from}})
	p.ready()
}

// tier reads a subject for the desk.
func (p *place) tier(id string) linkv1.Reading {
	p.t.Helper()
	r, err := p.Read(p.t.Context(), platform.Subject{Platform: "plaza", ID: id})
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

func (p *place) tierIs(when, id string, want actions.Tier) {
	p.t.Helper()
	if r := p.tier(id); r.Tier != want {
		p.t.Errorf("%s: %s is %s (%v), it should be %s", when, id, r.Tier, r.Why, want)
	}
}

// TestTierStands: what a rule once said of a subject stands when the facts change,
// for the desk and for the executor's own judgement, over a restart, and until
// several people let it fall.
func TestTierStands(t *testing.T) {
	p := newPlace(t)
	star := p.plaza.Account("acct/9", 2_000_000, "")
	p.ready()
	p.tierIs("at first", star.ID, actions.Critical)
	p.plaza.Learn(star.ID, platform.FactFollowers, int64(10))
	p.tierIs("after a purge of followers", star.ID, actions.Critical)
	why := p.tier(star.ID).Why
	if text := why[len(why)-1].Text; !strings.Contains(text, "a million followers or more") || !strings.Contains(text, "until several people sign its fall") {
		t.Errorf("the reason is %q", text)
	}
	post := p.plaza.Post("post/9", star.ID)
	p.tierIs("of its content", post.ID, actions.Critical)
	refused := func(when string, s platform.Subject) {
		t.Helper()
		r := p.takedown(s, actions.Standard)
		if got, err := p.carry(p.world.Warrant(r)); err != nil || got.Outcome != proof.Refused || got.Type != "held" {
			t.Errorf("%s: one person's takedown is %+v, %v", when, got, err)
		}
	}
	refused("after a purge", star)
	refused("of content", post)
	p.restart()
	p.ready()
	p.tierIs("after a restart", star.ID, actions.Critical)
	refused("after a restart", star)

	p.fall(star.ID, actions.Critical)
	p.tierIs("after its fall", star.ID, actions.Standard)
	p.restart()
	p.ready()
	p.tierIs("after its fall and a restart", star.ID, actions.Standard)
	p.executes(p.takedown(star, actions.Standard))

	// What the rules say of today's facts is not lowered, and stands again.
	p.plaza.Learn(star.ID, platform.FactFollowers, int64(200_000))
	p.tierIs("by today's facts", star.ID, actions.Protected)
	p.fall(star.ID, actions.Protected)
	p.tierIs("by today's facts, after a fall", star.ID, actions.Protected)
	p.plaza.Learn(star.ID, platform.FactFollowers, int64(10))
	p.tierIs("after another purge", star.ID, actions.Protected)
}

// TestJudgedByOldFacts: what only the executor's own judgement has read stands as
// well.
func TestJudgedByOldFacts(t *testing.T) {
	p := newPlace(t)
	star := p.plaza.Account("acct/9", 10, "")
	r := p.takedown(star, actions.Standard)
	raw := p.world.Warrant(r)
	p.plaza.Learn(star.ID, platform.FactFollowers, int64(2_000_000))
	if got, err := p.carry(raw); err != nil || got.Type != "held" {
		t.Fatalf("%+v, %v", got, err)
	}
	p.plaza.Learn(star.ID, platform.FactFollowers, int64(10))
	p.tierIs("after a purge", star.ID, actions.Critical)
}

// TestOwnerTierStands: what was read of an account as the owner of content stands for
// both, and the desk is told of it with the content.
func TestOwnerTierStands(t *testing.T) {
	p := newPlace(t)
	star := p.plaza.Account("acct/9", 2_000_000, "")
	post := p.plaza.Post("post/9", star.ID)
	p.ready()
	p.tierIs("at first", post.ID, actions.Critical)
	p.plaza.Learn(star.ID, platform.FactFollowers, int64(10))
	p.tierIs("after a purge", post.ID, actions.Critical)
	if h := p.tier(post.ID).Heights["plaza:acct/9"]; h.Tier != actions.Critical {
		t.Errorf("the desk is told that the owner was %q", h.Tier)
	}
	p.tierIs("its owner, after a purge", star.ID, actions.Critical)
}

// TestMissingFactIsNoHeight: a fact that cannot be read makes a subject critical for
// as long as it cannot be read, and no longer: it says nothing of the subject.
func TestMissingFactIsNoHeight(t *testing.T) {
	p := newPlace(t)
	s := p.plaza.Account("acct/9", 10, "")
	p.ready()
	p.plaza.Learn(s.ID, platform.FactOffice, nil)
	p.tierIs("while a fact is missing", s.ID, actions.Critical)
	p.plaza.Learn(s.ID, platform.FactOffice, "")
	p.tierIs("once it is read", s.ID, actions.Standard)
}

// TestTiersEntered: what rules raise is in the ledger, and whoever takes over from
// the executor learns it there; if it cannot learn all of it, it burdens nobody.
func TestTiersEntered(t *testing.T) {
	p := newPlace(t)
	star := p.plaza.Account("acct/9", 2_000_000, "")
	mayor := p.plaza.Account("acct/8", 200_000, "")
	p.ready()
	p.tier(star.ID)
	p.tier(mayor.ID)
	told := func() (critical, protected int64) {
		for _, x := range p.told(proof.KindTiers) {
			if x.Sight.Tier == actions.Critical {
				critical += x.Sight.Count
			} else {
				protected += x.Sight.Count
			}
		}
		return critical, protected
	}
	p.until("both are told", func() bool { c, n := told(); return c == 1 && n == 1 })
	p.tier(star.ID)
	p.restart()
	p.ready()
	if c, n := told(); c != 1 || n != 1 {
		t.Errorf("told %d critical and %d protected subjects; each is told once", c, n)
	}
	p.plaza.Learn(star.ID, platform.FactFollowers, int64(10))

	p.succeeded("executor-2", nil)
	p.tierIs("to the next executor", star.ID, actions.Critical)
	if s := p.Status().Stopped; s != "" {
		t.Errorf("the next executor is stopped: %s", s)
	}
	p.succeeded("executor-3", func(f *linkv1.Feed) {
		for i := range f.Bodies {
			f.Bodies[i].Sealed = nil
		}
	})
	if s := p.Status().Stopped; !strings.Contains(s, "nobody knows which subjects one person must not touch") {
		t.Errorf("an executor that is not told whom rules protect is stopped because %q", s)
	}
}

// succeeded puts another executor, with a key and a journal of its own, in the place
// of the one that is there. edit changes what the desk gives it.
func (p *place) succeeded(name string, edit func(*linkv1.Feed)) {
	p.t.Helper()
	p.halt()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	trust := p.world.State().Trust
	trust.Executor, trust.ExecutorKey = name, canonical.Bytes(key.Public().(ed25519.PublicKey))
	p.world.Change(actions.DeskChange, actions.Setting{Of: actions.PartTrust, Trust: &trust})
	p.world.ExecutorKey, p.name, p.path = key, name, filepath.Join(p.t.TempDir(), "journal.db")
	p.desk = executortest.NewDesk(p.world)
	p.desk.Lie(edit)
	p.start()
	p.ready()
}

// TestForgedTiers: a batch of tiers that no executor of the desk signed raises nobody.
func TestForgedTiers(t *testing.T) {
	p := newPlace(t)
	s := p.plaza.Account("acct/9", 10, "")
	p.ready()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := ledger.Field(proof.SealedNth(0), s.String())
	if err != nil {
		t.Fatal(err)
	}
	o.Salt = make(canonical.Bytes, 32)
	commitment, err := o.Commitment()
	if err != nil {
		t.Fatal(err)
	}
	at := canonical.At(p.world.Now())
	forged := proof.Execution{V: proof.ExecutionV1, Executor: "executor-0", Kind: proof.KindTiers, Duty: proof.DutyWatch, Request: "brc_1", At: at,
		Sight: &proof.Sight{Platform: "plaza", Tier: actions.Critical, Seen: at, Count: 1, Chain: 1,
			Root: proof.TiersRoot(actions.Critical, []canonical.Digest{commitment})}}.Sign(key)
	forged.Openings = []ledger.Opening{o}
	if err := forged.CheckOpenings(); err != nil {
		t.Fatal(err)
	}
	p.world.Append(forged.Draft())
	p.ready()
	p.tierIs("after a forged record", s.ID, actions.Standard)
}

// TestWatchedTierStands: the watch judges by the tier that stands, and not by
// today's facts, across a restart, and until several people let it fall.
func TestWatchedTierStands(t *testing.T) {
	p := guarded(t)
	p.plaza.Learn(mayor, platform.FactFollowers, int64(10))
	p.sweeps()
	p.plaza.Set(mayor, platform.Down, "TICKET-1")
	if b := p.breaches(1)[0]; b.Sight.Tier != actions.Protected {
		t.Errorf("the breach is of a %s subject", b.Sight.Tier)
	}
	p.upAgain(mayor)

	p.fall(mayor, actions.Protected)
	p.until("the watch knows of the fall", func() bool { return p.watched().Protected == 0 })
	p.plaza.Set(mayor, platform.Down, "TICKET-2")
	p.looked(mayor)
	p.breaches(1)
}

// TestOneRaiseIsNoOrder: a standing order does not shield whom one person has raised:
// what the platform itself took down stays down and pages, until several stand by it.
func TestOneRaiseIsNoOrder(t *testing.T) {
	p := guarded(t)
	subject := platform.Subject{Platform: "plaza", ID: nobody}
	if _, err := p.world.TryChange(actions.DeskChange, actions.Setting{Of: actions.PartTiers,
		Raise: &actions.Raise{Subject: subject, From: actions.Standard, To: actions.Critical}}, "kim"); err != nil {
		t.Fatal(err)
	}
	p.until("the watch knows of the raise", func() bool { w := p.watched(); return w.Critical == 2 && w.Entered && w.UnbasedCritical == 0 })
	p.order(actions.Critical, 20, 100)
	p.plaza.Set(nobody, platform.Down, "CSAM-1")
	b := p.breaches(1)[0]
	if b.Sight.Order != "" || b.Sight.Tier != actions.Critical {
		t.Errorf("the breach is %s, and restored under %q", b.Sight.Tier, b.Sight.Order)
	}
	p.world.Change(actions.DeskChange, actions.Setting{Of: actions.PartTiers,
		Raise: &actions.Raise{Subject: subject, From: actions.Critical, To: actions.Critical, Confirm: true}})
	p.upAgain(nobody)
}

// TestMarksNeverLifted: a mark that the order names is not lifted.
func TestMarksNeverLifted(t *testing.T) {
	p := newPlace(t)
	p.based()
	p.ordered(actions.Order{Op: "place", Platform: "plaza", Tier: actions.Critical, Until: canonical.At(p.world.Now().AddDate(0, 1, 0)),
		PerSubject: 20, PerTier: 100, Vouched: canonical.At(p.world.Now()), Never: []string{"CSAM-*", "LEGAL-1"}})
	p.plaza.Set(president, platform.Down, "CSAM-1")
	if b := p.breaches(1)[0]; b.Sight.Order != "" {
		t.Errorf("restored under %q", b.Sight.Order)
	}
	p.plaza.Set(president, platform.Down, "LEGAL-1")
	if b := p.breaches(2)[1]; b.Sight.Order != "" {
		t.Errorf("restored under %q", b.Sight.Order)
	}
	p.plaza.Set(president, platform.Down, "LEGAL-12")
	p.upAgain(president)
}

// TestAdoptedAfterAFall: what was read after a fall stands for the executor that
// takes over as it does for the one that read it.
func TestAdoptedAfterAFall(t *testing.T) {
	p := newPlace(t)
	star := p.plaza.Account("acct/9", 2_000_000, "")
	p.ready()
	p.tierIs("at first", star.ID, actions.Critical)
	p.until("it is told", func() bool { return len(p.told(proof.KindTiers)) == 1 })
	p.plaza.Learn(star.ID, platform.FactFollowers, int64(10))
	p.fall(star.ID, actions.Critical)
	p.tierIs("after its fall", star.ID, actions.Standard)
	p.plaza.Learn(star.ID, platform.FactFollowers, int64(200_000))
	p.tierIs("by today's facts", star.ID, actions.Protected)
	p.until("it is told again", func() bool { return len(p.told(proof.KindTiers)) == 2 })
	p.plaza.Learn(star.ID, platform.FactFollowers, int64(10))
	p.tierIs("after a purge", star.ID, actions.Protected)
	p.succeeded("executor-2", nil)
	p.tierIs("to the next executor", star.ID, actions.Protected)
}

// TestFallOfALowerTier: who signs that protected falls does not let critical fall.
func TestFallOfALowerTier(t *testing.T) {
	p := newPlace(t)
	star := p.plaza.Account("acct/9", 2_000_000, "")
	p.ready()
	p.tierIs("at first", star.ID, actions.Critical)
	p.plaza.Learn(star.ID, platform.FactFollowers, int64(10))
	p.fall(star.ID, actions.Protected)
	p.tierIs("after several signed the fall of protected", star.ID, actions.Critical)
}
