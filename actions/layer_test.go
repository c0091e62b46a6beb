package actions

import (
	"strings"
	"testing"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// weak is a well-formed act of a kind of the weaker measures, in version 2.
func weak(k Kind, value string) Action {
	spec, _ := SpecOf(k)
	subject := platform.Subject{Platform: "plaza", ID: "post/93"}
	if spec.Sort == platform.Account {
		subject = platform.Subject{Platform: "plaza", ID: "acct/17", Handle: "@ada"}
	}
	layer, err := spec.Layer(value)
	if err != nil {
		panic(err)
	}
	a := Action{V: ActionV2, Kind: k, Subject: subject, Tier: Standard, Direction: spec.Direction, Effect: spec.Effect,
		Inverse: Inverse{Kind: spec.Inverse, Direction: spec.InverseDirection}, Change: canonical.Raw("{}"), Reason: "Sells followers.",
		Command: platform.Command{Verb: spec.VerbFor(""), Subject: subject, Layer: layer}, Nonce: []byte("0123456789abcdef")}
	switch {
	case spec.Says():
	case spec.Direction == Burdening:
		a.Command.Expect, a.Command.Mark = platform.Expect{Status: layer.Clear()}, platform.MarkOf("req_1")
	default:
		a.Command.Expect, a.Reverses = platform.Expect{Status: layer.Bears(), Mark: platform.MarkOf("req_1")}, "req_1"
	}
	return a
}

var weakKinds = map[Kind]string{AccountLimit: "", AccountUnlimit: "", AccountLabel: "spam", AccountUnlabel: "spam",
	ContentLimit: "", ContentUnlimit: "", ContentLabel: "spam", ContentUnlabel: "spam", AccountWarn: ""}

// TestWeakerMeasures: each kind is well formed in version 2, reads back as it was written,
// names its layer, and is not of version 1.
func TestWeakerMeasures(t *testing.T) {
	for k, value := range weakKinds {
		a := weak(k, value)
		if err := a.Check(); err != nil {
			t.Errorf("%s: %v", k, err)
			continue
		}
		var back Action
		raw := canonical.MustMarshal(a)
		if err := canonical.UnmarshalExact(raw, &back); err != nil || back.Command != a.Command || back.Digest() != a.Digest() {
			t.Errorf("%s reads back as %+v, %v", k, back.Command, err)
		}
		layer := `"layer":"` + a.Command.Layer.String() + `"`
		if k == AccountWarn {
			layer = `"layer":""`
		}
		if !strings.Contains(string(raw), layer) {
			t.Errorf("%s does not write %s: %s", k, layer, raw)
		}
		if a.V = ActionV1; !fault.Is(a.Check(), "bad-action") {
			t.Errorf("%s is of version 1", k)
		}
	}
}

// TestWeakerMeasuresNotAccepted: from a well-formed act each case changes one thing.
func TestWeakerMeasuresNotAccepted(t *testing.T) {
	for name, c := range map[string]struct {
		k    Kind
		by   func(*Action)
		text string
	}{
		"label in the visibility":     {ContentLabel, func(a *Action) { a.Command.Layer = platform.VisibilityLayer }, "does not change the layer"},
		"label in the limit":          {ContentLabel, func(a *Action) { a.Command.Layer = platform.LimitLayer }, "does not change the layer"},
		"label without a value":       {ContentLabel, func(a *Action) { a.Command.Layer = "label:" }, "does not change the layer"},
		"label of control characters": {ContentLabel, func(a *Action) { a.Command.Layer = "label:a\x1b[2J" }, "does not change the layer"},
		"label in capitals":           {ContentLabel, func(a *Action) { a.Command.Layer = "label:Spam" }, "does not change the layer"},
		"label of 65":                 {ContentLabel, func(a *Action) { a.Command.Layer = platform.LabelLayer(strings.Repeat("a", 65)) }, "does not change the layer"},
		"takedown in a label":         {AccountLabel, func(a *Action) { a.Kind, a.Command.Verb = AccountTakedown, platform.Takedown }, "inverse"},
		"label that is set":           {ContentLabel, func(a *Action) { a.Command.Expect = platform.Expect{Status: platform.IsSet, Mark: "CSGN-req_0"} }, "another state"},
		"label over a mark":           {ContentLabel, func(a *Action) { a.Command.Expect.Mark = "OZONE-1" }, "another state"},
		"label of what is up":         {ContentLabel, func(a *Action) { a.Command.Expect.Status = platform.Up }, "another state"},
		"label without a mark":        {ContentLabel, func(a *Action) { a.Command.Mark = "" }, "leaves a mark"},
		"label with an end":           {ContentLabel, func(a *Action) { a.Until = noon }, "has no end"},
		"unlabel that leaves a mark":  {ContentUnlabel, func(a *Action) { a.Command.Mark = "CSGN-req_2" }, "no mark"},
		"unlabel of another's mark":   {ContentUnlabel, func(a *Action) { a.Command.Expect.Mark = "CSGN-req_2" }, "no other"},
		"limit over a foreign limit":  {AccountLimit, func(a *Action) { a.Command.Expect = platform.Expect{Status: platform.Limited, Mark: "OZONE-1"} }, "another state"},
		"unlimit of no limit":         {AccountUnlimit, func(a *Action) { a.Command.Expect.Status = platform.NoLimit }, "another state"},
		"unlimit with an end":         {AccountUnlimit, func(a *Action) { a.Until = noon }, "has no end"},
		"warning that is reversible":  {AccountWarn, func(a *Action) { a.Effect = Reversible }, "does not fit"},
		"warning with a mark":         {AccountWarn, func(a *Action) { a.Command.Mark = "CSGN-req_1" }, "expects and leaves nothing"},
		"warning that expects":        {AccountWarn, func(a *Action) { a.Command.Expect.Status = platform.Up }, "expects and leaves nothing"},
		"warning in a layer":          {AccountWarn, func(a *Action) { a.Command.Layer = platform.LimitLayer }, "does not change the layer"},
		"warning with an end":         {AccountWarn, func(a *Action) { a.Until = noon }, "has no end"},
		"takedown that only says":     {AccountLimit, func(a *Action) { a.Effect = Said }, "does not fit"},
	} {
		a := weak(c.k, weakKinds[c.k])
		c.by(&a)
		if err := a.Check(); !fault.Is(err, "bad-action") || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, expected %q", name, err, c.text)
		}
	}
	timed := weak(AccountLimit, "")
	timed.Until = noon
	over := timed
	over.Command.Expect = platform.Expect{Status: platform.Limited, Mark: platform.MarkOf("req_0")}
	for _, a := range []Action{timed, over} {
		if err := a.Check(); err != nil {
			t.Errorf("a limit with an end: %v", err)
		}
	}
}

// TestLiftsByLayer: the mark of a measure in one layer lifts nothing in another, the value
// of a label included.
func TestLiftsByLayer(t *testing.T) {
	undo := weak(ContentUnlabel, "spam")
	m := Measure{Request: "req_1", Requester: "w", Subject: undo.Subject, Layer: platform.LabelLayer("spam"), Executed: noon}
	if l := LiftsOf(undo, &m, "w", noon.Time, 30); l != LiftsOwn {
		t.Errorf("the undo of an own label lifts %q", l)
	}
	for _, layer := range []platform.Layer{platform.VisibilityLayer, platform.LimitLayer, platform.LabelLayer("scam")} {
		if m.Layer = layer; LiftsOf(undo, &m, "w", noon.Time, 30) != LiftsForeign {
			t.Errorf("the undo of the label spam lifts a measure in %s", layer)
		}
	}
}

// TestOutlastsInItsLayer: only a limit takes the place of a timed limit, and only a takedown
// or suspension that of a suspension.
func TestOutlastsInItsLayer(t *testing.T) {
	limit, down := weak(AccountLimit, ""), takedown()
	if !limit.Outlasts(AccountLimit, noon, CategoryRules) || limit.Outlasts(AccountSuspend, noon, CategoryRules) || limit.Outlasts(ContentLimit, noon, CategoryRules) {
		t.Error("a limit without an end takes the place of a timed limit of the same sort and of nothing else")
	}
	if down.Outlasts(AccountLimit, noon, CategoryRules) || !down.Outlasts(AccountSuspend, noon, CategoryRules) {
		t.Error("a takedown takes the place of a suspension and not of a limit")
	}
	if limit.Outlasts(AccountLimit, canonical.Time{}, CategoryRules) {
		t.Error("a limit without an end takes the place of another one")
	}
}

// TestOrderCovers: an order placed before there were layers covers the visibility.
func TestOrderCovers(t *testing.T) {
	for _, c := range []struct {
		layers []OrderLayer
		covers string
	}{
		{nil, "visibility"},
		{[]OrderLayer{OrderVisibility}, "visibility"},
		{[]OrderLayer{OrderLabels}, "label:spam"},
		{[]OrderLayer{OrderLabels, OrderLimit, OrderVisibility}, "visibility limit label:spam"},
	} {
		for _, l := range []platform.Layer{platform.VisibilityLayer, platform.LimitLayer, platform.LabelLayer("spam")} {
			want := strings.Contains(" "+c.covers+" ", " "+l.String()+" ")
			if (Order{Layers: c.layers}).Covers(l) != want {
				t.Errorf("an order of %v covers %s: %v", c.layers, l, !want)
			}
		}
	}
	good := Order{Op: "place", Platform: "plaza", Tier: Critical, Until: noon, PerSubject: 1, PerTier: 1, Layers: []OrderLayer{OrderLabels, OrderVisibility}}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for name, layers := range map[string][]OrderLayer{"none": {}, "unsorted": {OrderVisibility, OrderLabels}, "twice": {OrderLimit, OrderLimit}, "unknown": {"reach"}} {
		bad := good
		if bad.Layers = layers; bad.check() == nil {
			t.Errorf("an order with layers %s passes", name)
		}
	}
}
