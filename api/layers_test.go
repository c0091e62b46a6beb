package api_test

import (
	"slices"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/executor/executortest"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// TestLayersOverTheWire: a wish takes the value of a label; readings list what stands,
// requests and sightings name their layer, and orders list those that they cover.
func TestLayersOverTheWire(t *testing.T) {
	p := executortest.NewPlatform(time.Now)
	p.Account("acct/1", 40_000_000, "head of state")
	p.Account("acct/3", 12, "")
	s := serve(t, desktest.Options{Platform: p})
	ann, kim := s.as("ann"), s.as("kim")
	spam := platform.LabelLayer("spam")
	wish := v1.Wish{Kind: actions.AccountLabel, Subject: "plaza:acct/3", Value: "spam", Case: "case-1", Reason: "spam", Key: s.PublicKey("ann").ID()}
	d := must[v1.Draft](t)(ann.Draft(t.Context(), wish))
	if d.Action.Command.Layer != spam || d.Action.Command.Verb != platform.Label {
		t.Errorf("the draft is %+v", d.Action.Command)
	}
	r := must[v1.Request](t)(ann.Submit(t.Context(), d.Sign(func(c [32]byte) actions.Signature { return s.Sign("ann", c) }), 0))
	if r.Layer != "label:spam" || r.Value != "spam" {
		t.Errorf("the request says %q %q", r.Layer, r.Value)
	}
	warning := must[v1.Draft](t)(ann.Draft(t.Context(), v1.Wish{Kind: actions.AccountWarn, Subject: "plaza:acct/3", Case: "case-2", Reason: "Please stop.", Key: s.PublicKey("ann").ID()}))
	if w := must[v1.Request](t)(ann.Submit(t.Context(), warning.Sign(func(c [32]byte) actions.Signature { return s.Sign("ann", c) }), 0)); w.Layer != "" || w.Value != "" {
		t.Errorf("a warning says %q %q", w.Layer, w.Value)
	}

	p.SetLayer("", "acct/3", platform.LimitLayer, platform.Expect{Status: platform.Limited, Mark: "STAFF-1"})
	shown := must[v1.Subject](t)(kim.Subject(t.Context(), "plaza:acct/3"))
	at := slices.IndexFunc(shown.State.Layers, func(l v1.Layer) bool { return l.Layer == platform.LimitLayer })
	if at < 0 || shown.State.Layers[at].Status != platform.Limited || shown.State.Layers[at].Mark != "STAFF-1" || !slices.Equal(shown.Capabilities.Labels, executortest.Labels) {
		t.Errorf("the reading says %+v, %v", shown.State, shown.Capabilities.Labels)
	}

	s.StopExecutor()
	e := s.Breach("plaza:acct/1", actions.Critical)
	e.Sight.Layer, e.Sight.Expected, e.Sight.Found = spam, platform.Expect{Status: platform.Unset}, platform.Expect{Status: platform.IsSet, Mark: "STAFF-1"}
	s.Enter(e, map[string]string{proof.SealedSubject: "plaza:acct/1"})
	seen := must[v1.Page[v1.Sighting]](t)(kim.Sightings(t.Context(), v1.SightingFilter{Kind: proof.KindBreach}))
	if len(seen.Items) != 1 || seen.Items[0].Layer != "label:spam" || seen.Items[0].Found.Status != platform.IsSet {
		t.Errorf("sightings %+v", seen.Items)
	}
	is := must[v1.Page[v1.Incident]](t)(kim.Incidents(t.Context(), v1.IncidentFilter{}))
	if len(is.Items) != 1 || is.Items[0].Layer != "label:spam" {
		t.Errorf("incidents %+v", is.Items)
	}

	until := canonical.At(time.Now().Add(30 * 24 * time.Hour).Truncate(time.Second))
	for tier, layers := range map[actions.Tier][]actions.OrderLayer{actions.Protected: nil, actions.Critical: actions.OrderLayers} {
		s.Change(actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "place", Platform: "plaza", Tier: tier, Until: until, PerSubject: 1, PerTier: 1, Layers: layers}})
	}
	for _, o := range must[v1.Desk](t)(kim.Desk(t.Context())).Orders {
		want := []actions.OrderLayer{actions.OrderVisibility}
		if o.Tier == actions.Critical {
			want = actions.OrderLayers
		}
		if !slices.Equal(o.Layers, want) {
			t.Errorf("the order for %s covers %v", o.Tier, o.Layers)
		}
	}
}
