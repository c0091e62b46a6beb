package desk_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/incidents"
	"countersign.dev/incident"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// breachIn enters that a measure was put on a layer of a critical account around the desk.
func breachIn(to *desktest.World, l platform.Layer) proof.Execution {
	e := to.Breach(president, actions.Critical)
	e.Sight.Layer, e.Sight.Expected, e.Sight.Found = l, platform.Expect{Status: l.Clear()}, platform.Expect{Status: l.Bears(), Mark: "STAFF-1"}
	return to.Enter(e, map[string]string{proof.SealedSubject: president}).Execution
}

// overIn enters that somebody ended a breach around the desk.
func overIn(to *desktest.World, b proof.Execution) {
	e := proof.Execution{Kind: proof.KindOver, Duty: proof.DutyWatch, Request: b.Request}
	sight := *b.Sight
	sight.Expected, sight.Found, sight.Why = b.Sight.Found, platform.Expect{Status: b.Sight.Layer.Clear()}, proof.OverByOthers
	sight.Seen = canonical.At(to.Clock().Now())
	e.Sight = &sight
	to.Enter(e, map[string]string{proof.SealedSubject: president})
}

// texts are the texts of all alarms, the oldest first.
func texts(t *testing.T, w *desktest.World) (all []string) {
	t.Helper()
	as, _, err := w.Alarms(t.Context(), desktest.As("kim"), alarms.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range slices.Backward(as) {
		all = append(all, a.Kind+" "+string(a.Severity)+": "+a.Text)
	}
	return all
}

// TestBreachesOfLayers: a breach says in which layer it is. What is done in another layer
// joins the incident of the subject and is told as loudly as if nothing had been; each layer
// is put right by itself.
func TestBreachesOfLayers(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := staffed(t, o)
		spam := platform.LabelLayer("spam")
		first := breachIn(w, spam)
		for _, l := range []platform.Layer{spam, platform.LimitLayer} {
			w.Clock().Advance(time.Second)
			breachIn(w, l)
		}
		w.Clock().Advance(time.Second)
		overIn(w, breachIn(w, platform.VisibilityLayer))
		got := texts(t, w)
		for i, want := range []string{
			`breach page: On plaza a critical subject is labelled "spam", which no warrant explains. `,
			`duel page: On plaza somebody again did what the executor had undone. This is breach 2 of the same critical subject, in the label spam. `,
			`breach page: On plaza a critical subject is limited, which no warrant explains. `,
			`breach page: On plaza a critical subject is down, which no warrant explains. `,
			`breach.over info: A critical subject of plaza is up again after a breach. `,
		} {
			if i >= len(got) || !strings.HasPrefix(got[i], want) {
				t.Fatalf("alarm %d of %q is not %q", i, got, want)
			}
		}
		is := opened(t, w, incidents.Filter{})
		if len(is) != 1 || is[0].Layer != spam || is[0].Title != `Labelled "spam" around the desk: a critical subject of plaza` {
			t.Fatalf("incidents %+v", is)
		}
		r, err := w.Report(t.Context(), desktest.As("kim"), is[0].ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Down.Equal(first.Sight.Seen.Time) || !r.Up.IsZero() {
			t.Errorf("the label is contested from %s to %s; another layer was put right", r.Down, r.Up)
		}
		if len(r.Exposure) != 1 || r.Exposure[0].Kind != actions.AccountLabel {
			t.Errorf("who could have done it: %+v", r.Exposure)
		}
		if !strings.Contains(r.Attribution.Why, `not labelled "spam" and found it labelled "spam" under the mark "STAFF-1"`) {
			t.Error(r.Attribution.Why)
		}
		var told []string
		for _, m := range r.Timeline {
			if m.Step == incident.StepSeen || m.Step == incident.StepReversed {
				told = append(told, string(m.Step)+" "+m.Layer.String())
			}
		}
		if want := []string{"seen label:spam", "seen label:spam", "seen limit", "seen visibility", "reversed visibility"}; !slices.Equal(told, want) {
			t.Errorf("the timeline tells %q, want %q", told, want)
		}
		seen, _, err := w.Sightings(t.Context(), desktest.As("kim"), incidents.SightingFilter{Kind: proof.KindBreach, Layer: "limit"})
		if err != nil || len(seen) != 1 || seen[0].Sight.Layer != platform.LimitLayer {
			t.Errorf("sightings of the limit: %+v, %v", seen, err)
		}

		// The bundle says the layer, and one that says another is refused.
		raw, v := export(t, w, is[0].ID, true)
		if v.Report.Incident.Layer != spam || !strings.Contains(string(raw), `"layer":"label:spam"`) {
			t.Errorf("the bundle is about %s", v.Report.Incident.Layer)
		}
		claim := func(about string) bool {
			return slices.ContainsFunc(v.Claims, func(c incident.Claim) bool { return c.What == about && c.Proven })
		}
		if !claim("Since when the label spam was not as it should be") {
			t.Errorf("%+v", v.Claims)
		}
		page, err := incident.HTML(v.Report, incident.Options{Personal: true, Names: v.Names, Verified: &v})
		if err != nil || !strings.Contains(string(page), "had not been put right") || !strings.Contains(string(page), "critical; the label spam") {
			t.Errorf("the page says that the label was put right, or not that it is about the label: %v", err)
		}
		if text := string(incident.Markdown(v.Report, incident.Options{Personal: true})); !strings.Contains(text, "critical; the label spam") {
			t.Error(text)
		}
	})
}

// TestLiftOfABreachInALayer: one person lifts what a breach left in its layer. The same mark
// in another layer, or under another label, was left by no breach.
func TestLiftOfABreachInALayer(t *testing.T) {
	to := newLayered(t, desktest.Options{})
	to.StopExecutor()
	spam, graphic := platform.LabelLayer("spam"), platform.LabelLayer("graphic")
	breachIn(to.World, spam)
	breachIn(to.World, platform.VisibilityLayer)
	mark := platform.Expect{Status: platform.IsSet, Mark: "STAFF-1"}
	for _, l := range []platform.Layer{spam, graphic} {
		to.platform.SetLayer("", "acct/1", l, mark)
	}
	to.StartExecutor()
	shown, err := to.Desk.Subject(t.Context(), desktest.As("kim"), president)
	if err != nil {
		t.Fatal(err)
	}
	// The takedown did not happen on the platform, and nobody saw a breach of the other label.
	if i := opened(t, to.World, incidents.Filter{})[0].ID; len(shown.Breaches) != 1 || shown.Breaches[spam] != i {
		t.Errorf("breaches %v, not of %s alone", shown.Breaches, spam)
	}
	for value, want := range map[string]string{"spam": "lift-breach", "graphic": "lift-needs-one"} {
		d, err := to.draft(t, acts.Wish{Kind: actions.AccountUnlabel, Subject: president, Value: value})
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Reasons) == 0 || !slices.ContainsFunc(d.Reasons, func(r proof.Reason) bool { return r.Policy == want }) {
			t.Errorf("the label %s: %+v", value, d.Reasons)
		}
	}
}

// TestIncidentOfALayerInJSON: an incident about the visibility is written as it was before
// there were layers.
func TestIncidentOfALayerInJSON(t *testing.T) {
	for l, want := range map[platform.Layer]bool{platform.VisibilityLayer: false, platform.LimitLayer: true} {
		raw, err := json.Marshal(incident.Moment{Layer: l})
		if err != nil || strings.Contains(string(raw), "layer") != want {
			t.Errorf("%s: %s, %v", l, raw, err)
		}
	}
}

// TestBreachThatNoOrderCovers: the alarm of a breach that the executor leaves to people says
// why it does, and where the command stands that lifts what the breach left.
func TestBreachThatNoOrderCovers(t *testing.T) {
	to := newLayered(t, desktest.Options{})
	order := func(layers ...actions.OrderLayer) {
		to.Change(actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "place", Platform: "plaza", Tier: actions.Critical,
			Until: canonical.At(to.Clock().Now().Add(time.Hour)), PerSubject: 20, PerTier: 200, Layers: layers, Never: []string{"LEGAL-*"}}})
	}
	inForce := func() string {
		s, err := to.World.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s.Orders[actions.PlaceKey("plaza", actions.Critical)].Request
	}
	to.StopExecutor()
	last := func() string {
		all := texts(t, to.World)
		return all[len(all)-1]
	}
	says := func(reason string, alone bool) {
		t.Helper()
		i := opened(t, to.World, incidents.Filter{})[0].ID
		want := " has to restore the subject. The command for it: countersign incident show " + i
		if got := last(); !strings.Contains(got, reason) || !strings.HasSuffix(got, want) || alone != strings.Contains(got, "Somebody on call, who may do it alone, has") {
			t.Errorf("%q does not say %q and %q", got, reason, want)
		}
	}
	breachIn(to.World, platform.LabelLayer("spam"))
	says("No standing order is in force. ", true)
	order()
	o := inForce()
	for l, many := range map[platform.Layer]string{platform.LabelLayer("graphic"): "labels", platform.LimitLayer: "limits"} {
		to.Clock().Advance(time.Second)
		breachIn(to.World, l)
		says("The standing order "+o+" does not cover "+many+". ", true)
	}
	to.Clock().Advance(time.Second)
	breachIn(to.World, platform.VisibilityLayer)
	says("The standing order "+o+" does not let the executor restore this subject: nobody has vouched", true)
	order(actions.OrderLabels)
	o = inForce()
	to.Clock().Advance(time.Second)
	breachIn(to.World, platform.VisibilityLayer)
	says("The standing order "+o+" does not cover the visibility. ", true)
	e := to.Breach(president, actions.Critical)
	e.Sight.Layer, e.Sight.Expected, e.Sight.Found = platform.LabelLayer("rude"), platform.Expect{Status: platform.Unset}, platform.Expect{Status: platform.IsSet, Mark: "LEGAL-1"}
	to.Enter(e, map[string]string{proof.SealedSubject: president})
	says("The standing order "+o+" says that this mark is never lifted by the executor. ", false)
	ms, err := to.Matters(t.Context(), desktest.As("kim"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(ms, func(m alarms.Matter) bool {
		return m.Section == "incidents" && strings.HasSuffix(m.Do, "shows it, and the command that lifts what the breach left. Its review closes it.")
	}) {
		t.Errorf("%+v", ms)
	}
}
