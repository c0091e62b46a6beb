package executor_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

func (p *place) cutOrder(t actions.Tier, after int64) {
	p.t.Helper()
	p.ordered(actions.Order{Op: "place", Platform: "plaza", Tier: t, Until: canonical.At(p.world.Now().Add(100 * 24 * time.Hour)), PerSubject: 20, PerTier: 100,
		Vouched: canonical.At(p.world.Now()), Cut: &actions.Cut{Breaches: after, Within: 600}})
}

// cuts returns what the ledger tells of credentials that were to be cut off.
func (p *place) cuts() []proof.Execution {
	return slices.DeleteFunc(p.world.Executions(), func(x proof.Execution) bool { return x.Duty != proof.DutyCut })
}

// attack has a subject taken down around the desk and waits until it is up again.
func (p *place) attack(round int, set func(mark platform.Mark), id string) {
	p.t.Helper()
	set(platform.Mark(fmt.Sprintf("ROUND-%d", round)))
	p.breaches(round)
	p.upAgain(id)
}

// TestCut: on a real plaza the credential that its events name is cut off at the
// third breach, once, and it is entered; the executor's own and all others still open.
func TestCut(t *testing.T) {
	p := newSquare(t).guarded()
	p.cutOrder(actions.Critical, 3)
	p.square.as("day-shift") // who does nothing
	night := p.square.as("night-shift")
	for round := 1; round <= 3; round++ {
		p.attack(round, func(m platform.Mark) { p.square.SetBy("night-shift", president, platform.Down, m) }, president)
	}
	p.until("it is cut off", func() bool { return len(p.cuts()) == 2 })
	cuts := p.cuts()
	if cuts[0].Kind != proof.KindIntent || cuts[1].Kind != proof.KindReceipt || cuts[1].Outcome != proof.Executed || cuts[0].Sight.Count != 3 ||
		!slices.ContainsFunc(p.breaches(3), func(b proof.Execution) bool { return b.Request == cuts[0].Request }) || p.opened(cuts[0], proof.SealedCredential) != "night-shift" {
		t.Errorf("told %+v", cuts)
	}
	if _, err := night.Read(t.Context(), platform.Subject{Platform: "plaza", ID: president}); !fault.Is(err, "bad-token") {
		t.Errorf("its credential still opens: %v", err)
	}
	for _, holder := range []string{"day-shift"} {
		if _, err := p.square.as(holder).Read(t.Context(), platform.Subject{Platform: "plaza", ID: president}); err != nil {
			t.Errorf("%s: %v", holder, err)
		}
	}
	p.square.SetBy("day-shift", president, platform.Down, "ROUND-4")
	p.breaches(4)
	p.upAgain(president) // by the executor's own, which still opens
	p.restart()
	p.square.SetBy("day-shift", mayor, platform.Down, "ROUND-5")
	p.breaches(5)
	p.upAgain(mayor)
	if n := len(p.cuts()); n != 2 {
		t.Errorf("%d records of cuts", n)
	}
}

// TestCannotCut: where a platform cannot cut credentials off, the ledger says so at
// the third breach and what to do, and not again at each one.
func TestCannotCut(t *testing.T) {
	p := guarded(t)
	p.cutOrder(actions.Critical, 3)
	for round := 1; round <= 9; round++ {
		p.attack(round, func(m platform.Mark) { p.plaza.SetBy("", president, platform.Down, m) }, president)
	}
	p.until("it is told", func() bool { return len(p.cuts()) > 0 })
	p.looked(president)
	if cuts := p.cuts(); len(cuts) != 1 || cuts[0].Kind != proof.KindRefusal || cuts[0].Type != "cannot-cut" {
		t.Errorf("told %+v", cuts)
	}
}

// TestNoCut: without the words in the order, before the number is reached, and when the
// breaches are too far apart, nothing is cut off.
func TestNoCut(t *testing.T) {
	p := newSquare(t).guarded()
	for round := 1; round <= 4; round++ {
		p.attack(round, func(m platform.Mark) { p.square.SetBy("night-shift", president, platform.Down, m) }, president)
	}
	p.advance(time.Minute) // what was before the order counts for nothing
	p.cutOrder(actions.Critical, 3)
	for round := 5; round <= 8; round++ {
		p.advance(6 * time.Minute) // never three in ten minutes
		p.attack(round, func(m platform.Mark) { p.square.SetBy("night-shift", president, platform.Down, m) }, president)
	}
	p.looked(president)
	if cuts := p.cuts(); len(cuts) != 0 {
		t.Errorf("told %+v", cuts)
	}
}

// TestNamedAfterNotCut: of breaches of which people were told that no credential is
// named, the stream names one later: the watch goes on.
func TestNamedAfterNotCut(t *testing.T) {
	p := guarded(t)
	p.cutOrder(actions.Critical, 1)
	p.plaza.Hide(true)
	p.plaza.SetBy("night-shift", president, platform.Down, "X")
	p.breaches(1)
	p.upAgain(president)
	p.until("it is told that nothing is cut off", func() bool { return len(p.cuts()) == 1 })
	p.plaza.Hide(false)
	p.plaza.Tell(platform.Happening{Subject: platform.Subject{Platform: "plaza", ID: president, Handle: "@1"}, Status: platform.Down, Mark: "X", Marked: true, By: "night-shift"})
	p.until("it is told whose it was", func() bool { return len(p.told(proof.KindTold)) == 1 })
	p.plaza.SetBy("day-shift", president, platform.Down, "Y")
	p.upAgain(president)
}

// only waits until the credential of somebody is cut off, and demands that it is the
// only one.
func (p *place) only(credential string) {
	p.t.Helper()
	done := func() []proof.Execution {
		return slices.DeleteFunc(p.cuts(), func(x proof.Execution) bool { return x.Kind != proof.KindReceipt })
	}
	p.until("a credential is cut off", func() bool { return len(done()) > 0 })
	for _, x := range p.cuts() {
		if x.Kind == proof.KindIntent && p.opened(x, proof.SealedCredential) != credential {
			p.t.Errorf("the credential %s is cut off", p.opened(x, proof.SealedCredential))
		}
	}
}

// TestSparedIsNotCutOff: whoever takes down with marks that the order never lifts, such
// as the platform's own people for child safety, keeps the credential.
func TestSparedIsNotCutOff(t *testing.T) {
	p := newSquare(t).guarded()
	p.ordered(actions.Order{Op: "place", Platform: "plaza", Tier: actions.Critical, Until: canonical.At(p.world.Now().Add(100 * 24 * time.Hour)), PerSubject: 20, PerTier: 100,
		Vouched: canonical.At(p.world.Now()), Never: []string{"CSAM-*"}, Cut: &actions.Cut{Breaches: 2, Within: 600}})
	p.square.as("child-safety")
	p.square.as("night-shift")
	p.square.SetBy("child-safety", president, platform.Down, "CSAM-1")
	p.breaches(1)
	p.square.SetBy("child-safety", president, platform.Up, "")
	p.square.SetBy("child-safety", president, platform.Down, "CSAM-2")
	p.breaches(2)
	p.square.SetBy("child-safety", president, platform.Up, "")
	for round := range 2 {
		p.square.SetBy("night-shift", president, platform.Down, platform.Mark(fmt.Sprintf("ROUND-%d", round)))
		p.breaches(3 + round)
		p.upAgain(president)
	}
	p.only("night-shift")
}

// TestOneRaiseCutsNobody: one person raises a nobody; the platform's own takedown of it
// has no credential cut off, as it has none restored.
func TestOneRaiseCutsNobody(t *testing.T) {
	p := newSquare(t).guarded()
	subject := platform.Subject{Platform: "plaza", ID: nobody}
	if _, err := p.world.TryChange(actions.DeskChange, actions.Setting{Of: actions.PartTiers,
		Raise: &actions.Raise{Subject: subject, From: actions.Standard, To: actions.Critical}}, "kim"); err != nil {
		t.Fatal(err)
	}
	p.until("the watch knows of the raise", func() bool { w := p.watched(); return w.Critical == 2 && w.Entered && w.UnbasedCritical == 0 })
	p.cutOrder(actions.Critical, 1)
	p.square.as("moderation")
	p.square.as("night-shift")
	p.square.SetBy("moderation", nobody, platform.Down, "SPAM-1")
	if b := p.breaches(1)[0]; b.Sight.Order != "" {
		t.Fatalf("restored under %q", b.Sight.Order)
	}
	p.square.SetBy("night-shift", president, platform.Down, "X")
	p.breaches(2)
	p.upAgain(president)
	p.only("night-shift")
}
