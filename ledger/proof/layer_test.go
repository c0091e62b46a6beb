package proof_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
)

// TestMayLabel: a label is set only if the chain lists it with the platform, and is taken
// away whatever its value.
func TestMayLabel(t *testing.T) {
	w := prooftest.Staffed(t)
	listed := actions.Platform{Name: "plaza", Connector: "plaza", Facts: platform.Facts, Labels: []string{"sensitive", "spam"}}
	act := func(on string, v platform.Verb, l platform.Layer) actions.Action {
		s := platform.Subject{Platform: on, ID: "acct/3"}
		return actions.Action{Subject: s, Command: platform.Command{Verb: v, Layer: l, Subject: s}}
	}
	spam := act("plaza", platform.Label, platform.LabelLayer("spam"))
	if err := w.State().MayLabel(spam); !fault.Is(err, "label-not-listed") ||
		!strings.HasSuffix(err.Error(), "no label is listed. Officers list it with `countersign platform add plaza --connector plaza --labels spam --reason WHY`.") {
		t.Errorf("nothing is listed: %v", err)
	}
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartPlatforms, Platform: &listed})
	for name, c := range map[string]struct {
		a   actions.Action
		may bool
	}{
		"a listed value":           {spam, true},
		"another value":            {act("plaza", platform.Label, platform.LabelLayer("graphic")), false},
		"the beginning of a value": {act("plaza", platform.Label, platform.LabelLayer("spa")), false},
		"on another platform":      {act("bluesky", platform.Label, platform.LabelLayer("spam")), false},
		"the end of another value": {act("plaza", platform.Unlabel, platform.LabelLayer("graphic")), true},
		"a limit":                  {act("plaza", platform.Limit, platform.LimitLayer), true},
		"a takedown":               {act("plaza", platform.Takedown, platform.VisibilityLayer), true},
	} {
		if err := w.State().MayLabel(c.a); (err == nil) != c.may || err != nil && !fault.Is(err, "label-not-listed") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// layeredWarrants are warrants of acts in every layer, and of a warning.
func layeredWarrants(t *testing.T) (w *prooftest.World, all map[string]*prooftest.Request) {
	t.Helper()
	w = prooftest.Found(t, prooftest.Options{Policy: lenient, Budgets: actions.DefaultBudgets()[:2]})
	w.Staff()
	all = map[string]*prooftest.Request{}
	account, post := prooftest.Account("acct/4"), prooftest.Post("post/7")
	standard := actions.Standard
	until := func(d time.Duration) func(*actions.Action) {
		return func(a *actions.Action) { a.Until = canonical.At(w.Now().Add(d)) }
	}
	add := func(name string, r *prooftest.Request) *prooftest.Request {
		all[name] = r
		return r
	}
	label := add("a label", w.Request("ann", actions.AccountLabel, account, standard))
	limit := add("a limit", w.Request("ann", actions.AccountLimit, account, standard))
	timed := add("a limit with an end", w.Request("ann", actions.ContentLimit, post, standard, until(time.Hour)))
	w.Executed(label)
	w.Executed(limit)
	w.Executed(timed)
	add("the undo of a label", w.Undo("ann", label))
	add("the undo of a limit", w.Undo("ann", limit))
	add("a limit in the place of a limit", w.Request("ann", actions.ContentLimit, post, standard, until(2*time.Hour), func(a *actions.Action) { a.Command.Expect = timed.Action.Command.After() }))
	add("a post's label", w.Request("abe", actions.ContentLabel, post, standard, func(a *actions.Action) { a.Command.Layer = platform.LabelLayer("0-" + strings.Repeat("a", 62)) }))
	add("the end of somebody's label", w.Request("ole", actions.ContentUnlabel, post, standard, func(a *actions.Action) { a.Command.Expect.Mark = "STAFF-1" }))
	add("the end of somebody's limit", w.Request("ole", actions.ContentUnlimit, post, standard))
	add("the end of an account's label", w.Request("ole", actions.AccountUnlabel, account, standard))
	add("the end of an account's limit", w.Request("ole", actions.AccountUnlimit, account, standard))
	add("a warning", w.Request("bob", actions.AccountWarn, account, standard))
	add("a critical label", w.Countersign(w.Request("ann", actions.AccountLabel, account, actions.Critical), "lee", "kim"))
	add("a warning under a session", w.Under(w.StartSession("bob", actions.SessionEd25519), w.Request("bob", actions.AccountWarn, account, standard)))
	add("a label under a session", w.Under(w.StartSession("abe", actions.SessionP256), w.Request("abe", actions.ContentLabel, post, standard)))
	return w, all
}

// TestLayeredWarrants: both readers accept a warrant of each kind in each layer, and refuse
// it once its layer or its label is another, whether people signed that or not.
func TestLayeredWarrants(t *testing.T) {
	w, requests := layeredWarrants(t)
	var good, bad []document
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		raw := w.Warrant(requests[name])
		good = append(good, document{name, raw, w.Root})
		// The action, and all that says its digest, is as it was signed; the layer is not.
		layer := `"layer":"` + requests[name].Action.Command.Layer.String() + `"`
		if requests[name].Action.Kind == actions.AccountWarn {
			layer = `"layer":""`
		}
		action := strings.Index(string(raw), `"command":`)
		at := action + strings.Index(string(raw[action:]), layer)
		if at < action {
			t.Fatalf("%s names no %s", name, layer)
		}
		for _, other := range []string{"visibility", "limit", "label:spam", "label:graphic", ""} {
			if changed := `"layer":"` + other + `"`; changed != layer {
				text := string(raw[:at]) + changed + string(raw[at+len(layer):])
				bad = append(bad, document{name + ", as " + other, []byte(text), w.Root})
			}
		}
	}
	if a := both(t, slices.Values(good)); len(a.accepted) != len(good) {
		t.Fatalf("of %d good warrants both accept %q", len(good), a.accepted)
	}

	account := prooftest.Account("acct/4")
	forge := func(name string, by *prooftest.Request) {
		bad = append(bad, document{"forged: " + name, w.Forge(by), w.Root})
	}
	request := func(k actions.Kind, edit func(*actions.Action)) *prooftest.Request {
		return w.Request("ann", k, account, actions.Standard, edit)
	}
	label, limit := requests["a label"], requests["a limit"]
	for name, edit := range map[string]func(*actions.Action){
		"a label in the limit":             func(a *actions.Action) { a.Command.Layer = platform.LimitLayer },
		"a label in the visibility":        func(a *actions.Action) { a.Command.Layer = platform.VisibilityLayer },
		"a label with an end":              func(a *actions.Action) { a.Until = canonical.At(w.Now().Add(time.Hour)) },
		"a label that is set already":      func(a *actions.Action) { a.Command.Expect.Status = platform.IsSet },
		"a label over a mark":              func(a *actions.Action) { a.Command.Expect.Mark = "STAFF-1" },
		"a label in the place of ours":     func(a *actions.Action) { a.Command.Expect = label.Action.Command.After() },
		"a label without a mark":           func(a *actions.Action) { a.Command.Mark = "" },
		"a label of capital letters":       func(a *actions.Action) { a.Command.Layer = platform.LabelLayer("Spam") },
		"a label without a value":          func(a *actions.Action) { a.Command.Layer = platform.LabelLayer("") },
		"a label of a line feed":           func(a *actions.Action) { a.Command.Layer = platform.LabelLayer("spam\n") },
		"a label that is too long":         func(a *actions.Action) { a.Command.Layer = platform.LabelLayer(strings.Repeat("a", 65)) },
		"a label that begins with a dash":  func(a *actions.Action) { a.Command.Layer = platform.LabelLayer("-a") },
		"a label that is a message":        func(a *actions.Action) { a.Effect = actions.Said },
		"a label by the verb of the limit": func(a *actions.Action) { a.Command.Verb = platform.Limit },
		"a label by a takedown": func(a *actions.Action) {
			a.Command.Verb, a.Command.Layer, a.Command.Expect.Status = platform.Takedown, platform.VisibilityLayer, platform.Up
		},
		"a label that unlabel does not lift": func(a *actions.Action) { a.Inverse.Kind = actions.AccountUnlimit },
	} {
		forge(name, request(actions.AccountLabel, edit))
	}
	for name, edit := range map[string]func(*actions.Action){
		"a limit of a label":                func(a *actions.Action) { a.Command.Layer = platform.LabelLayer("spam") },
		"a limit in the place of a foreign": func(a *actions.Action) { a.Command.Expect = platform.Expect{Status: platform.Limited, Mark: "STAFF-1"} },
		"a limit in the place of no mark":   func(a *actions.Action) { a.Command.Expect.Status = platform.Limited },
		"a limit of what is up":             func(a *actions.Action) { a.Command.Expect.Status = platform.Up },
	} {
		forge(name, request(actions.AccountLimit, edit))
	}
	for name, edit := range map[string]func(*actions.Action){
		"a takedown of the limit": func(a *actions.Action) {
			a.Command.Layer, a.Command.Expect.Status = platform.LimitLayer, platform.NoLimit
		},
		"a takedown of what is not limited": func(a *actions.Action) { a.Command.Expect.Status = platform.NoLimit },
	} {
		forge(name, request(actions.AccountTakedown, edit))
	}
	for name, edit := range map[string]func(*actions.Action){
		"a warning under a mark":       func(a *actions.Action) { a.Command.Mark = "CSGN-x" },
		"a warning to what is up":      func(a *actions.Action) { a.Command.Expect.Status = platform.Up },
		"a warning with an end":        func(a *actions.Action) { a.Until = canonical.At(w.Now().Add(time.Hour)) },
		"a warning that is reversible": func(a *actions.Action) { a.Effect = actions.Reversible },
		"a warning in the limit":       func(a *actions.Action) { a.Command.Layer = platform.LimitLayer },
	} {
		forge(name, request(actions.AccountWarn, edit))
	}
	for name, edit := range map[string]func(*actions.Action){
		"the undo of a label under another mark": func(a *actions.Action) { a.Reverses = limit.ID },
		"the undo of a label that is unset":      func(a *actions.Action) { a.Command.Expect.Status = platform.Unset },
		"the undo of a label in the limit":       func(a *actions.Action) { a.Command.Layer = platform.LimitLayer },
		"the undo of a label leaves a mark":      func(a *actions.Action) { a.Command.Mark = platform.MarkOf(label.ID) },
	} {
		forge(name, w.Undo("ann", label, edit))
	}
	if a := both(t, slices.Values(bad)); len(a.refused) != len(bad) {
		t.Errorf("of %d bad warrants both refuse %d; they accept %q, and ours alone refuses %v", len(bad), len(a.refused), a.accepted, a.alone)
	}
}

// TestUndoOfAnotherLayer: who undoes a measure says in which layer it stands. The same mark
// in another layer, or under another label, is no measure of ours there, so that an undo of
// it is the lift of a foreign measure.
func TestUndoOfAnotherLayer(t *testing.T) {
	w, requests := layeredWarrants(t)
	label := requests["a label"]
	m := actions.Measure{Request: label.ID, Requester: "ann", Subject: label.Action.Subject, Layer: label.Action.Command.Layer, Executed: canonical.At(w.Now())}
	for l, want := range map[platform.Layer]actions.Lifts{
		platform.LabelLayer("spam"):    actions.LiftsOwn,
		platform.LabelLayer("graphic"): actions.LiftsForeign,
	} {
		undo := w.Undo("ann", label, func(a *actions.Action) { a.Command.Layer = l })
		if got := actions.LiftsOf(undo.Action, &m, "ann", w.Now(), 30); got != want {
			t.Errorf("the undo in %s lifts %q, want %q", l, got, want)
		}
	}
}
