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
