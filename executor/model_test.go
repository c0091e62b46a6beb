package executor_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
)

// history plays a random history in three layers of three subjects and keeps a model of it:
// the state that each layer must have once nothing is under way.
type history struct {
	*place
	rand     *rand.Rand
	layers   []platform.Layer
	model    map[string]map[platform.Layer]*modelled
	measures []*prooftest.Request // those of ours that were not undone
	owed     []*prooftest.Request // those that have an end which is still to come
	passed   time.Duration
	breaches map[string]int // by subject and layer: burdens around the desk on subjects that matter
	foreign  int
	log      []string
	// left is how many steps the executor has left before it is stopped; below 0: all that
	// it likes.
	left    atomic.Int64
	cancels atomic.Pointer[context.CancelFunc]
	stopped atomic.Bool
}

// modelled is a layer of a subject in the model.
type modelled struct {
	now   platform.Expect // on the platform
	right platform.Expect // last explained or accepted
	// trusted says that what is right may be restored: an act of ours left it so, or a
	// baseline from the start holds it. What was only seen is not trusted within a day.
	trusted bool
}

// left notes that an act of ours left the layer so.
func (s *modelled) left(e platform.Expect) { *s = modelled{e, e, true} }

// TestLayersAgainstAModel plays random histories: acts by several people, foreign changes,
// undos, ends of timed measures, restorations, and stops between any two steps, after which
// another executor goes on. After each event the state of every layer of every subject is
// the model's: so no act in one layer has changed another, no undo has lifted a mark that is
// not its own, and each change is explained or a breach.
func TestLayersAgainstAModel(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			p := newPlace(t)
			h := &history{place: p, rand: rand.New(rand.NewPCG(seed, 13)), layers: []platform.Layer{platform.VisibilityLayer, platform.LimitLayer, spam},
				model: map[string]map[platform.Layer]*modelled{}, breaches: map[string]int{}}
			h.left.Store(-1)
			p.step = func(string) {
				if h.left.Add(-1) == 0 {
					h.stopped.Store(true)
					(*h.cancels.Load())()
				}
			}
			p.based()
			p.plenty()
			p.orderIn(actions.Critical, 1000, every...)
			p.orderIn(actions.Protected, 1000, every...)
			for _, id := range []string{president, mayor, nobody} {
				h.model[id] = map[platform.Layer]*modelled{}
				for _, l := range h.layers {
					h.model[id][l] = new(modelled)
					h.model[id][l].left(platform.Expect{Status: l.Clear()})
				}
			}
			for range 20 {
				h.step()
				h.agrees()
			}
			h.told()
		})
	}
}

func (h *history) step() {
	id := []string{president, mayor, nobody}[h.rand.IntN(3)]
	layer := h.layers[h.rand.IntN(3)]
	switch h.rand.IntN(6) {
	case 0, 1:
		h.measureOn(id, layer)
	case 2, 3:
		h.around(id, layer)
	case 4:
		h.undo()
	case 5:
		if h.passed < 20*time.Hour { // after a day what was only seen is trusted
			h.say("two hours later")
			h.ready()
			h.passes(2 * time.Hour)
		}
	}
}

// passes moves the clocks. What ends meanwhile is lifted. If somebody put another mark in the
// place of ours, the state from before the measure is right from then on.
func (h *history) passes(d time.Duration) {
	h.advance(d)
	h.passed += d
	owed := h.owed
	h.owed = nil
	for _, r := range owed {
		if r.Action.Until.After(h.world.Now()) {
			h.owed = append(h.owed, r)
			continue
		}
		h.say("the end of %s", r.ID)
		h.wait("the lift is told", func() bool {
			told := h.world.OutcomeOf(r.ID, proof.DutyLift)
			return len(told) > 0 && told[len(told)-1] != "intent"
		})
		id, l := r.Action.Subject.ID, r.Action.Command.Layer
		s, clear := h.model[id][l], platform.Expect{Status: r.Action.Command.Layer.Clear()}
		ours := slices.ContainsFunc(h.measures, func(m *prooftest.Request) bool {
			return m != r && m.Action.Subject.ID == id && m.Action.Command.After() == s.now
		})
		switch {
		case s.now == r.Action.Command.After():
			s.left(clear)
		case s.now == clear, ours, tierOf(id) == actions.Standard:
		default: // if a breach was open, another one takes its place
			s.left(clear)
			h.breach(id, l)
		}
	}
	h.measures = slices.DeleteFunc(h.measures, func(r *prooftest.Request) bool {
		return !r.Action.Until.IsZero() && !r.Action.Until.After(h.world.Now())
	})
}

// breach waits until the ledger holds another breach of a layer.
func (h *history) breach(id string, l platform.Layer) {
	key := id + " " + l.String()
	h.breaches[key]++
	h.wait("the breach is told", func() bool { return h.toldOf(id, l) >= h.breaches[key] })
	if tierOf(id) == actions.Protected {
		h.passes(2 * time.Minute) // the pace of a duel
	}
}

func (h *history) say(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf(format, args...))
}

// tierOf is the tier of a subject.
func tierOf(id string) actions.Tier {
	return map[string]actions.Tier{president: actions.Critical, mayor: actions.Protected, nobody: actions.Standard}[id]
}

// measureOn asks for a measure in a layer that is clear, half of the limits with an end; the
// executor may be stopped between any two steps.
func (h *history) measureOn(id string, l platform.Layer) {
	if h.model[id][l].now.Status != l.Clear() {
		return
	}
	kind := map[platform.Layer]actions.Kind{platform.VisibilityLayer: actions.AccountTakedown, platform.LimitLayer: actions.AccountLimit, spam: actions.AccountLabel}[l]
	ends := l == platform.LimitLayer && h.rand.IntN(2) == 0
	r := h.measure(kind, prooftest.Account(id), tierOf(id), func(a *actions.Action) {
		if ends {
			a.Until = canonical.At(h.world.Now().Add(time.Hour))
		}
	})
	h.say("%s of %s by %s", kind, id, r.ID)
	h.carried(r, proof.Executed)
	h.wait("the receipt is in the ledger", func() bool { return len(h.world.OutcomeOf(r.ID, proof.DutyAct)) == 2 })
	h.model[id][l].left(r.Action.Command.After())
	h.measures = append(h.measures, r)
	if ends {
		h.owed = append(h.owed, r)
	}
}

// around changes a layer around the desk: a burden under a foreign mark, or under one of
// ours that somebody copied from another layer; or the lift of what stands there.
func (h *history) around(id string, l platform.Layer) {
	s := h.model[id][l]
	now := s.now
	next := platform.Expect{Status: l.Clear()}
	if now.Status == l.Clear() || h.rand.IntN(2) == 0 {
		h.foreign++
		next = bears(l, platform.Mark(fmt.Sprintf("NIGHT-%d", h.foreign)))
		if n := len(h.measures); n > 0 && h.rand.IntN(3) == 0 {
			if r := h.measures[h.rand.IntN(n)]; r.Action.Command.Layer != l || r.Action.Subject.ID != id {
				next.Mark = platform.MarkOf(r.ID)
			}
		}
	}
	if next == now {
		return
	}
	h.say("around the desk %s of %s is %s %s", l, id, next.Status, next.Mark)
	h.plaza.SetLayer("night-shift", id, l, next)
	s.now = next
	if tierOf(id) == actions.Standard || next.Status == l.Clear() {
		if next != s.right {
			s.right, s.trusted = next, false
		}
		h.wait("the watch has seen it", func() bool { return h.seen(id, l, next) })
		return
	}
	// A burden that nothing explains. What was right before is right again, if it is trusted
	// and lifting gets there: a mark in the place of our own is told, and is not lifted.
	if s.trusted && s.right.Status == l.Clear() {
		s.now = s.right
	}
	h.breach(id, l)
}

// seen reports whether the watch's journal has a state of a layer, or the ledger a count of
// changes on standard subjects since.
func (h *history) seen(id string, l platform.Layer, e platform.Expect) bool {
	k, ok, err := h.journal.WatchedOf(h.t.Context(), platform.Subject{Platform: "plaza", ID: id}, l)
	return err == nil && (ok && k.State == e || !ok && e.Status == l.Clear())
}

func (h *history) toldOf(id string, l platform.Layer) (n int) {
	for _, b := range h.place.told(proof.KindBreach) {
		if b.Sight.Layer == l && h.opened(b, proof.SealedSubject) == "plaza:"+id {
			n++
		}
	}
	return n
}

// undo lifts a measure of ours by one person. It fails if the measure does not stand any
// more under its own mark, whatever stands there or in another layer.
func (h *history) undo() {
	if len(h.measures) == 0 {
		return
	}
	i := h.rand.IntN(len(h.measures))
	r := h.measures[i]
	h.measures = append(h.measures[:i:i], h.measures[i+1:]...)
	c := r.Action.Command
	h.say("undo of %s", r.ID)
	undo := h.world.Undo("bob", r)
	s := h.model[c.Subject.ID][c.Layer]
	if s.now != c.After() {
		h.carried(undo, proof.Failed)
		return
	}
	h.carried(undo, proof.Executed)
	s.left(platform.Expect{Status: c.Layer.Clear()})
}

// carried hands a warrant over until it has an outcome. The executor may be stopped at some
// step on the way; then another one goes on with the same journal.
func (h *history) carried(r *prooftest.Request, want proof.Outcome) {
	h.t.Helper()
	raw := h.world.Warrant(r)
	if h.rand.IntN(3) == 0 {
		h.cancels.Store(&h.cancel)
		h.left.Store(1 + h.rand.Int64N(12))
	}
	defer func() {
		h.left.Store(-1)
		h.goesOn()
	}()
	for {
		got, err := h.judged(raw)
		if err == nil && got.Outcome != "" {
			if got.Outcome != want {
				h.t.Fatalf("%s of %s: %+v, expected %s\n%s", r.Action.Kind, r.Action.Subject, got, want, strings.Join(h.log, "\n"))
			}
			return
		}
		h.left.Store(-1)
		h.goesOn()
	}
}

// goesOn starts another executor if this one was stopped.
func (h *history) goesOn() {
	if h.stopped.Swap(false) {
		h.say("stopped, and another one goes on")
		h.restart()
	}
}

// agrees waits until nothing is under way, and compares every layer with the model.
func (h *history) agrees() {
	h.t.Helper()
	last := ""
	h.wait("the platform is as the model", func() bool {
		differs := ""
		for id, layers := range h.model {
			for l, want := range layers {
				if got := h.at(id, l); got != want.now {
					differs += fmt.Sprintf("%s of %s is %+v, expected %+v\n", l, id, got, want.now)
				}
			}
		}
		if differs != last {
			h.say("not as the model yet: %s", differs)
		}
		last = differs
		return differs == ""
	})
}

// wait is until with the history where it waits in vain.
func (h *history) wait(what string, holds func() bool) {
	h.t.Helper()
	done := false
	defer func() {
		if !done {
			h.t.Logf("the history was:\n%s", strings.Join(h.log, "\n"))
		}
	}()
	h.until(what, holds)
	done = true
}

// told compares the breaches in the ledger with those that the model counts.
func (h *history) told() {
	h.t.Helper()
	for _, id := range []string{president, mayor, nobody} {
		for _, l := range h.layers {
			if got, want := h.toldOf(id, l), h.breaches[id+" "+l.String()]; got != want {
				h.t.Errorf("%d breaches of %s of %s are told, expected %d\n%s", got, l, id, want, strings.Join(h.log, "\n"))
			}
		}
	}
}
