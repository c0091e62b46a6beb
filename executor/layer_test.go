package executor_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/executortest"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/watch"
)

var (
	spam  = platform.LabelLayer(prooftest.Label)
	every = []actions.OrderLayer{actions.OrderLabels, actions.OrderLimit, actions.OrderVisibility}
)

// weakLayers are the layers beside the visibility, with the kinds that act in them.
var weakLayers = map[platform.Layer]struct{ account, content actions.Kind }{
	spam:                {actions.AccountLabel, actions.ContentLabel},
	platform.LimitLayer: {actions.AccountLimit, actions.ContentLimit},
}

// measure is a request for a measure, with the signatures that its tier needs.
func (p *place) measure(k actions.Kind, s platform.Subject, tier actions.Tier, edit ...func(*actions.Action)) *prooftest.Request {
	p.t.Helper()
	r := p.world.Request("ann", k, s, tier, edit...)
	switch tier {
	case actions.Protected:
		p.world.Countersign(r, "lee")
	case actions.Critical:
		p.world.Countersign(r, "kim", "lee")
	}
	return r
}

// at returns the state of a layer on the platform.
func (p *place) at(id string, l platform.Layer) platform.Expect { return p.played.State(id).At(l) }

// becomes waits until a layer has a value.
func (p *place) becomes(id string, l platform.Layer, s platform.Status) {
	p.t.Helper()
	p.until(fmt.Sprintf("%s of %s is %s", l, id, s), func() bool { return p.at(id, l).Status == s })
}

// refusedWith hands a warrant over, which must be refused or fail with a type.
func (p *place) refusedWith(r *prooftest.Request, typ string) {
	p.t.Helper()
	got, err := p.judged(p.world.Forge(p.world.Enters(r)))
	if err != nil || got.Type != typ {
		p.t.Errorf("%s of %s: %+v, %v; expected %s", r.Action.Kind, r.Action.Subject, got, err, typ)
	}
}

// bears is a measure of others in a layer.
func bears(l platform.Layer, m platform.Mark) platform.Expect {
	return platform.Expect{Status: l.Bears(), Mark: m}
}

// watching starts an executor with a president, a mayor who is protected, and standing
// orders that cover every layer.
func watching(t *testing.T) *place {
	t.Helper()
	p := newPlace(t)
	p.based()
	p.orderIn(actions.Critical, 20, every...)
	p.orderIn(actions.Protected, 20, every...)
	return p
}

func (p *place) orderIn(t actions.Tier, perSubject int64, in ...actions.OrderLayer) {
	p.t.Helper()
	p.ordered(actions.Order{Op: "place", Platform: "plaza", Tier: t, Until: canonical.At(p.world.Now().Add(100 * 24 * time.Hour)),
		PerSubject: perSubject, PerTier: 100, Vouched: canonical.At(p.world.Now()), Layers: in})
}

// TestLayersApart: each act changes its own layer, reads it back and records it by name; a
// takedown and its undo leave label and limit as they were, and the other way round.
func TestLayersApart(t *testing.T) {
	p := newPlace(t)
	for _, s := range []platform.Subject{p.plaza.Account("acct/7", 10, ""), p.plaza.Post("post/7", "acct/7")} {
		var done []*prooftest.Request
		kinds := []actions.Kind{actions.AccountLabel, actions.AccountLimit, actions.AccountTakedown}
		if s.Handle == "" {
			kinds = []actions.Kind{actions.ContentLabel, actions.ContentLimit, actions.ContentRemove}
		}
		for _, k := range kinds {
			r := p.measure(k, s, actions.Standard)
			p.executes(r)
			p.entered(r, proof.DutyAct, "intent", "receipt executed")
			done = append(done, r)
		}
		for _, r := range done {
			if c := r.Action.Command; p.at(s.ID, c.Layer) != c.After() {
				t.Errorf("%s of %s is %+v after all, expected %+v", c.Layer, s, p.at(s.ID, c.Layer), c.After())
			}
		}
		// Each undo lifts its own, in another order than they came.
		for _, i := range []int{2, 0, 1} {
			before := p.plaza.State(s.ID)
			layer := done[i].Action.Command.Layer
			p.executes(p.world.Undo("bob", done[i]))
			after := p.plaza.State(s.ID)
			if after.At(layer) != (platform.Expect{Status: layer.Clear()}) {
				t.Errorf("%s of %s is %+v after its undo", layer, s, after.At(layer))
			}
			for _, r := range done {
				if l := r.Action.Command.Layer; l != layer && before.At(l) != after.At(l) {
					t.Errorf("the undo of %s changed %s of %s", layer, l, s)
				}
			}
		}
		for _, r := range done {
			p.entered(r, proof.DutyAct, "intent", "receipt executed")
			for _, x := range p.world.Executions() {
				if x.Request == r.ID && x.Kind == proof.KindReceipt && (x.Layer != r.Action.Command.Layer || x.Before != r.Action.Command.Expect || x.After != r.Action.Command.After()) {
					t.Errorf("the receipt of %s tells %s from %+v to %+v", r.Action.Kind, x.Layer, x.Before, x.After)
				}
			}
		}
	}
}

// TestUndoInAnotherLayer: a mark is good in its own layer alone. The mark of a label that
// somebody copied onto a legal takedown does not let one person lift that, nor does it let
// the undo of one label lift another.
func TestUndoInAnotherLayer(t *testing.T) {
	p := newPlace(t)
	account := p.plaza.Account("acct/7", 10, "")
	label := p.measure(actions.AccountLabel, account, actions.Standard)
	p.executes(label)
	mark := platform.MarkOf(label.ID)
	for name, layer := range map[string]platform.Layer{"a takedown": platform.VisibilityLayer, "a limit": platform.LimitLayer, "another label": platform.LabelLayer("graphic")} {
		p.plaza.SetLayer("legal", "acct/7", layer, bears(layer, mark))
		verb, _ := watch.Lift(bears(layer, mark), platform.Expect{Status: layer.Clear()})
		kind, _ := actions.LiftingKind(verb, platform.Account)
		inverse, _ := actions.SpecOf(kind)
		undo := p.world.Undo("bob", label, func(a *actions.Action) {
			a.Kind, a.Inverse = kind, actions.Inverse{Kind: inverse.Inverse, Direction: inverse.InverseDirection}
			a.Command.Verb, a.Command.Layer, a.Command.Expect = verb, layer, bears(layer, mark)
		})
		p.refusedWith(undo, "held")
		if p.at("acct/7", layer) != bears(layer, mark) {
			t.Errorf("%s under the mark of a label was lifted by one person", name)
		}
	}
}

// TestWeakTiers: a limit and a label on a critical account are critical acts.
func TestWeakTiers(t *testing.T) {
	p := newPlace(t)
	s := p.president()
	for _, k := range []actions.Kind{actions.AccountLabel, actions.AccountLimit} {
		p.refusedWith(p.world.Request("ann", k, s, actions.Standard), "held")
		p.refusedWith(p.world.Countersign(p.world.Request("ann", k, s, actions.Critical), "lee"), "held")
		p.executes(p.measure(k, s, actions.Critical))
	}
}

// TestWeakRefusals: the executor refuses by itself whatever a desk that checks nothing hands
// over.
func TestWeakRefusals(t *testing.T) {
	p := newPlace(t)
	s := p.plaza.Account("acct/7", 10, "")
	value := func(v string) func(*actions.Action) {
		return func(a *actions.Action) { a.Command.Layer = platform.LabelLayer(v) }
	}
	p.refusedWith(p.measure(actions.AccountLabel, s, actions.Standard, value("scam")), "label-not-listed")
	p.plaza.Alter(func(c *platform.Capabilities) { c.Labels = []string{"graphic"} })
	p.refusedWith(p.measure(actions.AccountLabel, s, actions.Standard), "not-able")
	for i := range platform.MostLabels {
		p.plaza.SetLayer("", "acct/7", platform.LabelLayer(fmt.Sprintf("other-%d", i)), platform.Expect{Status: platform.IsSet, Mark: "X"})
	}
	p.refusedWith(p.measure(actions.AccountLabel, s, actions.Standard, value("graphic")), "too-many-labels")
	// What stands is taken away, listed or not.
	unlisted := p.world.Request("ann", actions.AccountUnlabel, s, actions.Standard, value("other-3"), func(a *actions.Action) { a.Command.Expect.Mark = "X" })
	p.world.Countersign(unlisted, "lee")
	p.executes(unlisted)
	p.plaza.Plain()
	p.refusedWith(p.measure(actions.AccountLimit, s, actions.Standard), "not-able")
	p.refusedWith(p.measure(actions.AccountWarn, s, actions.Standard), "not-able")
}

// TestTimedLimit: the executor lifts a limit at its end, that layer alone, and without the
// desk.
func TestTimedLimit(t *testing.T) {
	p := newPlace(t)
	s := p.plaza.Account("acct/7", 10, "")
	limit := p.measure(actions.AccountLimit, s, actions.Standard, func(a *actions.Action) { a.Until = canonical.At(p.world.Now().Add(time.Hour)) })
	p.executes(limit)
	p.executes(p.takedown(s, actions.Standard))
	p.ready()
	p.desk.Down(true)
	p.advance(61 * time.Minute)
	p.becomes("acct/7", platform.LimitLayer, platform.NoLimit)
	if p.at("acct/7", platform.VisibilityLayer).Status != platform.Down {
		t.Error("the end of a limit lifted a takedown")
	}
	p.desk.Down(false)
	p.entered(limit, proof.DutyLift, "intent", "receipt executed")
}

// TestLongerLimit: a limit that ends later, or never, takes the place of a timed one; the
// undo of the second lifts both.
func TestLongerLimit(t *testing.T) {
	p := newPlace(t)
	s := p.plaza.Account("acct/7", 10, "")
	until := func(d time.Duration) func(*actions.Action) {
		return func(a *actions.Action) { a.Until = canonical.At(p.world.Now().Add(d)) }
	}
	over := func(r *prooftest.Request) func(*actions.Action) {
		return func(a *actions.Action) { a.Command.Expect = bears(platform.LimitLayer, platform.MarkOf(r.ID)) }
	}
	first := p.measure(actions.AccountLimit, s, actions.Standard, until(time.Hour))
	p.executes(first)
	p.refusedWith(p.measure(actions.AccountLimit, s, actions.Standard, over(first), until(30*time.Minute)), "no-such-emergency")
	second := p.measure(actions.AccountLimit, s, actions.Standard, over(first))
	p.executes(second)
	p.executes(p.takedown(s, actions.Standard)) // a newer act, in another layer
	p.ready()
	p.advance(2 * time.Hour)
	p.entered(first, proof.DutyLift, "refusal failed replaced")
	if got := p.at("acct/7", platform.LimitLayer); got != bears(platform.LimitLayer, platform.MarkOf(second.ID)) {
		t.Errorf("after the end of the first the limit is %+v", got)
	}
	p.executes(p.world.Undo("bob", second))
	p.becomes("acct/7", platform.LimitLayer, platform.NoLimit)
}

// TestWarning: a warning is sent once with its reason, changes no layer, and is not what
// the watch explains a state by.
func TestWarning(t *testing.T) {
	p := watching(t)
	s := p.plaza.Account("acct/7", 10, "")
	warning := p.measure(actions.AccountWarn, s, actions.Standard)
	raw := p.executes(warning)
	if got, err := p.carry(raw); err != nil || got.Outcome != proof.Executed {
		t.Errorf("handed over again: %+v, %v", got, err)
	}
	sent := p.plaza.Notices()
	if len(sent) != 1 || sent[0].Text != warning.Action.Reason || sent[0].Subject.ID != "acct/7" {
		t.Errorf("sent %+v", sent)
	}
	p.entered(warning, proof.DutyAct, "intent", "receipt executed")
	for _, x := range p.world.Executions() {
		if x.Request == warning.ID && (x.Before != platform.Expect{} || x.After != platform.Expect{}) {
			t.Errorf("the record of a warning tells a state: %+v to %+v", x.Before, x.After)
		}
	}
	critical := p.measure(actions.AccountWarn, platform.Subject{Platform: "plaza", ID: president, Handle: "@1"}, actions.Critical)
	p.executes(critical)
	p.plaza.SetBy("night-shift", president, platform.Down, platform.MarkOf(critical.ID))
	p.upAgain(president)
	if b := p.breaches(1)[0]; b.Sight.Warrant != "" {
		t.Errorf("a warning is the newest warrant of a breach: %+v", b.Sight)
	}
}

// TestWarningIsNotSentTwice: whatever becomes of the call, nothing is sent a second time. If
// nobody knows whether it was sent, a person has to look.
func TestWarningIsNotSentTwice(t *testing.T) {
	for name, c := range map[string]struct {
		fail    executortest.Failure
		mute    bool
		sent    int
		outcome proof.Outcome
		typ     string
	}{
		"lost before":                     {executortest.LostBefore, false, 0, proof.Failed, "not-sent"},
		"lost after":                      {executortest.LostAfter, false, 1, proof.Executed, ""},
		"lost after, and nobody knows it": {executortest.LostAfter, true, 1, proof.Unknown, "outcome-unknown"},
		"lost, and nobody knows it":       {executortest.LostBefore, true, 0, proof.Unknown, "outcome-unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			s := p.plaza.Account("acct/7", 10, "")
			p.plaza.Fail(c.fail)
			p.plaza.Mute(c.mute)
			got, err := p.judged(p.world.Warrant(p.measure(actions.AccountWarn, s, actions.Standard)))
			if err != nil || got.Outcome != c.outcome || got.Type != c.typ {
				t.Errorf("%+v, %v", got, err)
			}
			if n := len(p.plaza.Notices()); n != c.sent {
				t.Errorf("%d messages were sent, expected %d", n, c.sent)
			}
		})
	}
}

// TestBreachInALayer: a label or a limit around the desk is a breach of its layer, and a
// standing order that covers the layer reverses it.
func TestBreachInALayer(t *testing.T) {
	for layer := range weakLayers {
		for name, c := range map[string]struct {
			id     string
			mark   platform.Mark
			hidden bool
			why    watch.Reason
		}{
			"critical, by the stream":     {president, "NIGHT-SHIFT-1", false, watch.NoWarrant},
			"critical, by direct reads":   {president, "X", true, watch.NoWarrant},
			"protected, by the stream":    {mayor, "", false, watch.NoWarrant},
			"a mark that looks like ours": {mayor, "CSGN-req_01jd9x3m8v0q2k4t6w8y1z3b5c", false, watch.OldMark},
		} {
			t.Run(layer.String()+", "+name, func(t *testing.T) {
				p := watching(t)
				p.plaza.Hide(c.hidden)
				p.plaza.SetLayer("night-shift", c.id, layer, bears(layer, c.mark))
				p.becomes(c.id, layer, layer.Clear())
				b := p.breaches(1)[0]
				if s := b.Sight; s.Layer != layer || s.Found != bears(layer, c.mark) || s.Expected.Status != layer.Clear() || s.Why != string(c.why) || s.Order == "" {
					t.Errorf("told %+v", s)
				}
				p.until("the restoration is in the ledger", func() bool { return len(p.world.OutcomeOf(b.Request, proof.DutyRestore)) == 2 })
				if got := p.world.OutcomeOf(b.Request, proof.DutyRestore); !slices.Equal(got, []string{"intent", "receipt executed"}) {
					t.Errorf("records %q", got)
				}
				p.until("the breach is over", func() bool { return p.watched().Breaches == 0 })
				if st := p.plaza.State(c.id); st.Status != platform.Up || len(st.Layers) != 0 {
					t.Errorf("the subject is %+v", st)
				}
			})
		}
	}
}

// TestOrderOfBefore: an order that names no layers covers the visibility. A label around the
// desk is a breach that pages, and stays.
func TestOrderOfBefore(t *testing.T) {
	p := guarded(t)
	p.plaza.SetLayer("night-shift", president, spam, bears(spam, "X"))
	b := p.breaches(1)[0]
	if b.Sight.Layer != spam || b.Sight.Order != "" {
		t.Errorf("told %+v", b.Sight)
	}
	p.plaza.SetBy("night-shift", president, platform.Down, "X")
	p.upAgain(president)
	if p.at(president, spam) != bears(spam, "X") {
		t.Error("an order placed before there were layers takes a label away")
	}
}

// TestExplainedInALayer: what our own warrants leave in each layer is explained; once it is
// lifted, the same mark explains nothing.
func TestExplainedInALayer(t *testing.T) {
	for layer, kinds := range weakLayers {
		t.Run(layer.String(), func(t *testing.T) {
			p := watching(t)
			r := p.measure(kinds.account, platform.Subject{Platform: "plaza", ID: president, Handle: "@1"}, actions.Critical)
			p.executes(r)
			p.entered(r, proof.DutyAct, "intent", "receipt executed")
			p.sweeps()
			if n := len(p.told(proof.KindBreach)); n != 0 {
				t.Fatalf("%d breaches by our own act", n)
			}
			p.executes(p.world.Undo("bob", r))
			for _, id := range []string{president, mayor} {
				p.plaza.SetLayer("night-shift", id, layer, bears(layer, platform.MarkOf(r.ID)))
				p.becomes(id, layer, layer.Clear())
			}
			for _, b := range p.breaches(2) {
				if b.Sight.Layer != layer || b.Sight.Why != string(watch.OldMark) {
					t.Errorf("told %+v", b.Sight)
				}
			}
		})
	}
}

// TestTakedownAfterToggling: a person who sets a label again and again until its budget is
// spent, and then takes the account down, meets a restoration as if nothing had been.
func TestTakedownAfterToggling(t *testing.T) {
	for _, id := range []string{president, mayor} {
		t.Run(id, func(t *testing.T) {
			p := newPlace(t)
			p.based()
			p.orderIn(actions.Critical, 2, every...)
			p.orderIn(actions.Protected, 2, every...)
			for i := range 3 {
				p.plaza.SetLayer("night-shift", id, spam, bears(spam, "X"))
				p.until("the label is seen", func() bool { return len(p.told(proof.KindBreach)) > i })
				if id == mayor {
					p.advance(time.Minute) // the pace of a duel, in the label's layer
				}
				if id == president || i < 2 {
					p.becomes(id, spam, platform.Unset)
				}
			}
			p.plaza.SetBy("night-shift", id, platform.Down, "X")
			p.upAgain(id)
			for _, b := range p.told(proof.KindBreach) {
				if b.Sight.Layer == platform.VisibilityLayer && (b.Type != "" || b.Sight.Order == "") {
					t.Errorf("the takedown is told as %s %q", b.Type, b.Sight.Order)
				}
			}
		})
	}
}

// TestLayersOfTheDeleted: five labels and a limit that are gone while their subject is
// deleted or deactivated are no breach and no relief; once it is back, what was expected
// before is right again.
func TestLayersOfTheDeleted(t *testing.T) {
	for name, away := range map[string]func(*place, bool){
		"deleted": func(p *place, away bool) { p.plaza.Gone(president, away) },
		"deactivated, and hidden by the platform": func(p *place, away bool) {
			p.plaza.Bare(president, away)
			p.plaza.SetBy("@1", president, map[bool]platform.Status{true: platform.Deactivated, false: platform.Up}[away], "")
		},
		"deactivated, and shown": func(p *place, away bool) {
			p.plaza.SetBy("@1", president, map[bool]platform.Status{true: platform.Deactivated, false: platform.Up}[away], "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := watching(t)
			five := []string{"graphic", "impersonation", "misleading", "sensitive", "spam"}
			p.plaza.Alter(func(c *platform.Capabilities) { c.Labels = append(five, "violent") })
			p.world.Change(actions.DeskChange, actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "plaza", Connector: "plaza", Facts: platform.Facts, Labels: five}})
			p.plenty()
			s := platform.Subject{Platform: "plaza", ID: president, Handle: "@1"}
			p.executes(p.measure(actions.AccountLimit, s, actions.Critical))
			for _, value := range five {
				p.executes(p.measure(actions.AccountLabel, s, actions.Critical, func(a *actions.Action) { a.Command.Layer = platform.LabelLayer(value) }))
			}
			kept := p.plaza.State(president)
			away(p, true)
			p.sweeps()
			if seen := p.plaza.Bared(); seen > 0 {
				p.until("the subject was read many times without its layers", func() bool { return p.plaza.Bared() > seen+100 })
			}
			away(p, false)
			p.sweeps()
			// The right ones are still right: another label is a breach, and these are not.
			p.plaza.SetLayer("night-shift", president, platform.LabelLayer("violent"), bears(platform.LabelLayer("violent"), "X"))
			p.becomes(president, platform.LabelLayer("violent"), platform.Unset)
			p.until("the breach of the sixth label is told", func() bool {
				return slices.ContainsFunc(p.told(proof.KindBreach), func(b proof.Execution) bool { return b.Sight.Layer == platform.LabelLayer("violent") })
			})
			for _, b := range p.told(proof.KindBreach) {
				if l := b.Sight.Layer; l != platform.VisibilityLayer && l != platform.LabelLayer("violent") {
					t.Errorf("a breach of %s is told", l)
				}
			}
			for _, x := range p.told(proof.KindForeign) {
				if x.Sight.Layer != platform.VisibilityLayer {
					t.Errorf("%s is told as lifted by others", x.Sight.Layer)
				}
			}
			for l := range kept.Layers {
				if p.at(president, l) != kept.At(l) {
					t.Errorf("%s is %+v, expected %+v", l, p.at(president, l), kept.At(l))
				}
			}
			if len(kept.Layers) != 6 {
				t.Errorf("%d layers stood", len(kept.Layers))
			}
		})
	}
}

// TestStuckLabelHoldsNoTakedown: the platform does not know what became of a label. Meanwhile
// the undo of a takedown of the same account is carried out, and a takedown around the desk is
// lifted.
func TestStuckLabelHoldsNoTakedown(t *testing.T) {
	p := watching(t)
	s := platform.Subject{Platform: "plaza", ID: president, Handle: "@1"}
	down := p.measure(actions.AccountTakedown, s, actions.Critical)
	p.executes(down)
	p.entered(down, proof.DutyAct, "intent", "receipt executed")
	p.plaza.Alter(func(c *platform.Capabilities) { c.RequestLife = 3600 })
	p.plaza.Mute(true)
	label := p.measure(actions.AccountLabel, s, actions.Critical)
	p.plaza.Fail(executortest.LostAfter)
	if got, err := p.Carry(t.Context(), p.world.Warrant(label), 0); err != nil || got.Outcome != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	p.becomes(president, spam, platform.IsSet)
	p.executes(p.world.Undo("bob", down))
	p.plaza.SetBy("night-shift", president, platform.Down, "X")
	p.upAgain(president)
}

// TestOneLiftsABreachInItsLayer: without an order one person lifts what a breach has left, in
// the layer of the breach.
func TestOneLiftsABreachInItsLayer(t *testing.T) {
	p := newPlace(t)
	p.based()
	p.plaza.SetLayer("night-shift", president, spam, bears(spam, "X"))
	p.breaches(1)
	p.advance(time.Second)
	r := p.world.Request("ann", actions.AccountUnlabel, prooftest.Account(president), actions.Critical, func(a *actions.Action) { a.Command.Expect.Mark = "X" })
	ask, state := p.world.Ask(r), p.world.State()
	ask.Lifts = actions.LiftsBreach
	j, err := state.Judge(ask)
	if err != nil {
		t.Fatal(err)
	}
	core, err := state.Seal(ask, j)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.judged(p.world.Enter(core, state, j)); err != nil || got.Outcome != proof.Executed {
		t.Errorf("one person lifts the label of a breach: %+v, %v", got, err)
	}
}

// plenty gives everybody budgets that no test spends.
func (p *place) plenty() {
	p.t.Helper()
	budgets := actions.DefaultBudgets()
	for i := range budgets {
		budgets[i].Limit = 10_000
	}
	p.world.Change(actions.DeskChange, actions.Setting{Of: actions.PartBudgets, Budgets: budgets})
}

// TestLabelFromBefore: nobody knows whether a label is right that stood when the watch first
// read the layers. It pages and is never taken away under an order.
func TestLabelFromBefore(t *testing.T) {
	p := newPlace(t)
	p.played.Account(president, 2_000_000, "head of state")
	p.played.Account(mayor, 200_000, "")
	p.played.Account(nobody, 10, "")
	p.plaza.SetLayer("", president, spam, bears(spam, "OLD"))
	p.sweeps()
	p.until("a baseline is in the ledger", func() bool { w := p.watched(); return w.Entered && w.Protected+w.Critical >= 2 })
	p.orderIn(actions.Critical, 20, every...)
	b := p.breaches(1)[0]
	if b.Sight.Layer != spam || b.Sight.Expected != (platform.Expect{}) || b.Sight.Order != "" {
		t.Errorf("told %+v", b.Sight)
	}
	p.sweeps()
	p.plaza.SetLayer("night-shift", president, platform.LimitLayer, bears(platform.LimitLayer, "X"))
	p.becomes(president, platform.LimitLayer, platform.NoLimit)
	if p.at(president, spam) != bears(spam, "OLD") {
		t.Error("a label from before was taken away")
	}
}

// TestMarkOfAWarning: a warning leaves no mark, so its request names no measure. Somebody who
// puts the mark that it would have had beside a legal takedown makes that nobody's to lift
// alone.
func TestMarkOfAWarning(t *testing.T) {
	p := newPlace(t)
	account := p.plaza.Account("acct/7", 10, "")
	warning := p.measure(actions.AccountWarn, account, actions.Standard)
	p.executes(warning)
	mark := platform.MarkOf(warning.ID)
	p.plaza.SetBy("legal", "acct/7", platform.Down, mark)
	p.refusedWith(p.world.Request("bob", actions.AccountRestore, account, actions.Standard, func(a *actions.Action) {
		a.Command.Expect.Mark, a.Reverses, a.Case = mark, warning.ID, ""
	}), "no-such-measure")
	if got := p.at("acct/7", platform.VisibilityLayer); got != bears(platform.VisibilityLayer, mark) {
		t.Errorf("a takedown under the mark of a warning is %+v: one person has lifted it", got)
	}
}

// TestLayersBeforeTheFormats: a desk that still signs in version 1 has a platform with
// layers. Its records tell of the visibility alone, so a label around the desk does not keep
// any record from the desk; it is told once the formats have changed.
func TestLayersBeforeTheFormats(t *testing.T) {
	t.Parallel()
	w := prooftest.Found(t, prooftest.Options{Formats: actions.FirstFormats})
	w.Staff()
	p := placeOf(t, w)
	p.guarded()
	p.plaza.SetLayer("night-shift", president, spam, bears(spam, "X"))
	p.plaza.SetLayer("night-shift", nobody, spam, bears(spam, "X"))
	p.plaza.SetBy("night-shift", president, platform.Down, "X")
	p.upAgain(president)
	if b := p.breaches(1)[0]; b.Sight.Layer != platform.VisibilityLayer {
		t.Errorf("told %+v", b.Sight)
	}
	p.executes(p.takedown(p.plaza.Account("acct/7", 10, ""), actions.Standard))
	// The formats change, and the layers are read.
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartFormats, Formats: actions.NewestFormats})
	p.until("the label is told", func() bool {
		return slices.ContainsFunc(p.told(proof.KindBreach), func(x proof.Execution) bool { return x.Sight.Layer == spam })
	})
}

// TestEndOfALimitThatIsHidden: a limit ends while its account is deactivated and the platform
// does not show it. It is lifted once it can be seen.
func TestEndOfALimitThatIsHidden(t *testing.T) {
	p := newPlace(t)
	s := p.plaza.Account("acct/7", 10, "")
	limit := p.measure(actions.AccountLimit, s, actions.Standard, func(a *actions.Action) { a.Until = canonical.At(p.world.Now().Add(time.Hour)) })
	p.executes(limit)
	p.ready()
	p.plaza.SetBy("@7", "acct/7", platform.Deactivated, "")
	p.plaza.Bare("acct/7", true)
	p.advance(61 * time.Minute)
	p.until("the limit is looked for", func() bool { return p.plaza.Bared() > 0 })
	p.plaza.Bare("acct/7", false)
	p.plaza.SetBy("@7", "acct/7", platform.Up, "")
	p.becomes("acct/7", platform.LimitLayer, platform.NoLimit)
	p.entered(limit, proof.DutyLift, "intent", "receipt executed")
}

// TestEndOfALimitOnTheDeleted: a limit ends while its account is deleted. Once the account is
// back, the limit is past its end and no longer right.
func TestEndOfALimitOnTheDeleted(t *testing.T) {
	p := watching(t)
	limit := p.measure(actions.AccountLimit, platform.Subject{Platform: "plaza", ID: president, Handle: "@1"}, actions.Critical,
		func(a *actions.Action) { a.Until = canonical.At(p.world.Now().Add(time.Hour)) })
	p.executes(limit)
	p.ready()
	p.plaza.Gone(president, true)
	p.advance(61 * time.Minute)
	p.until("the limit has ended", func() bool { return len(p.world.OutcomeOf(limit.ID, proof.DutyLift)) > 0 })
	p.plaza.Gone(president, false)
	p.becomes(president, platform.LimitLayer, platform.NoLimit)
}

// TestStuckLabelsHoldNoOther: the platform does not know what became of some labels, so that
// the executor asks for as long as such a call may live. Meanwhile a label around the desk on
// another account is taken away.
func TestStuckLabelsHoldNoOther(t *testing.T) {
	p := watching(t)
	p.plaza.Alter(func(c *platform.Capabilities) { c.RequestLife = 3600 })
	p.plaza.Mute(true)
	for i := range 8 {
		r := p.measure(actions.AccountLabel, p.plaza.Account(fmt.Sprint("acct/", 11+i), 10, ""), actions.Standard)
		p.plaza.Fail(executortest.LostAfter)
		if got, err := p.Carry(t.Context(), p.world.Warrant(r), 0); err != nil || got.Outcome != "" {
			t.Fatalf("%+v, %v", got, err)
		}
		p.becomes(r.Action.Subject.ID, spam, platform.IsSet)
	}
	p.plaza.SetLayer("night-shift", president, platform.LimitLayer, bears(platform.LimitLayer, "X"))
	p.becomes(president, platform.LimitLayer, platform.NoLimit)
}

// TestLabelThatCannotBeLifted: a platform shows labels that it does not let the executor take
// away. A label around the desk is one breach, about which people decide, and not one after
// the other.
func TestLabelThatCannotBeLifted(t *testing.T) {
	p := watching(t)
	p.plaza.Plain()
	p.plaza.SetLayer("night-shift", president, spam, bears(spam, "X"))
	if b := p.breaches(1)[0]; b.Sight.Order != "" {
		t.Errorf("told that an order lifts it: %+v", b.Sight)
	}
	p.plaza.SetBy("night-shift", president, platform.Down, "X")
	p.upAgain(president)
	p.sweeps()
	p.breaches(2)
}

// TestListedLayersAreNotReadAgain: a sweep that lists the label of an account that does not
// matter does not read the account for it each time.
func TestListedLayersAreNotReadAgain(t *testing.T) {
	p := newPlace(t)
	p.limits.Sweep = time.Millisecond
	p.based()
	swept := func() {
		t.Helper()
		p.advance(time.Second)
		since := canonical.At(p.clock.Now())
		p.until("the platform is swept again", func() bool { return !p.watched().Swept.Before(since.Time) })
	}
	p.plaza.Hide(true) // the list alone tells of it
	p.plaza.SetLayer("night-shift", nobody, spam, bears(spam, "X"))
	for range 2 { // the first sweep may have listed the account before
		swept()
	}
	p.plaza.Silent(nobody, true)
	for range 2 {
		swept()
	}
	if n := p.plaza.Unanswered(); n != 0 {
		t.Errorf("the account was read %d times more", n)
	}
}

// TestRefusedRestoration: a platform that refuses a restoration is not asked again at once,
// so that the ledger does not fill with breaches of one burden.
func TestRefusedRestoration(t *testing.T) {
	for _, layer := range []platform.Layer{platform.VisibilityLayer, platform.LimitLayer} {
		t.Run(layer.String(), func(t *testing.T) {
			p := watching(t)
			p.plaza.Refuse(true)
			p.plaza.SetLayer("night-shift", president, layer, bears(layer, "X"))
			b := p.breaches(1)[0]
			p.entered(&prooftest.Request{ID: b.Request}, proof.DutyRestore, "intent", "receipt failed wrong-scope")
			p.looked(nobody)
			p.breaches(1)
			p.plaza.Refuse(false)
			p.advance(time.Minute)
			p.becomes(president, layer, layer.Clear())
			p.breaches(2)
		})
	}
}
