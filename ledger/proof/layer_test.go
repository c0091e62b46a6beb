package proof_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
)

// TestMayLabel: a label is set only if the chain lists it with the platform, and is taken
// away whatever its value.
func TestMayLabel(t *testing.T) {
	s := prooftest.Staffed(t).State().Clone()
	s.Platforms["plaza"] = actions.Platform{Name: "plaza", Connector: "plaza"}
	act := func(on string, v platform.Verb, l platform.Layer) actions.Action {
		s := platform.Subject{Platform: on, ID: "acct/3"}
		return actions.Action{Subject: s, Command: platform.Command{Verb: v, Layer: l, Subject: s}}
	}
	spam := act("plaza", platform.Label, platform.LabelLayer("spam"))
	if err := s.MayLabel(spam); !fault.Is(err, "label-not-listed") ||
		!strings.HasSuffix(err.Error(), "no label is listed. Officers list it with `countersign platform labels plaza --add spam --reason WHY`.") {
		t.Errorf("nothing is listed: %v", err)
	}
	s.Platforms["plaza"] = actions.Platform{Name: "plaza", Connector: "plaza", Labels: []string{"sensitive", "spam"}}
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
		if err := s.MayLabel(c.a); (err == nil) != c.may || err != nil && !fault.Is(err, "label-not-listed") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAlteredLayers: a warrant whose layer, or whose label, somebody changed is refused by
// both readers.
func TestAlteredLayers(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{Policy: lenient, Budgets: actions.DefaultBudgets()[:2]})
	w.Staff()
	var good, bad []document
	inLayers(w, func(name string, r *prooftest.Request) {
		raw := w.Warrant(r)
		good = append(good, document{name, raw, w.Root})
		layer := `"layer":"` + r.Action.Command.Layer.String() + `"`
		if r.Action.Kind == actions.AccountWarn {
			layer = `"layer":""`
		}
		action := strings.Index(string(raw), `"command":`)
		at := action + strings.Index(string(raw[action:]), layer)
		if at < action {
			t.Fatalf("%s names no %s", name, layer)
		}
		for _, other := range []string{"visibility", "limit", "label:spam", "label:graphic", ""} {
			if changed := `"layer":"` + other + `"`; changed != layer {
				bad = append(bad, document{name + ", as " + other, []byte(string(raw[:at]) + changed + string(raw[at+len(layer):])), w.Root})
			}
		}
	})
	if a := both(t, slices.Values(good)); len(a.accepted) != len(good) {
		t.Fatalf("of %d good warrants both accept %q", len(good), a.accepted)
	}
	if a := both(t, slices.Values(bad)); len(a.refused) != len(bad) {
		t.Errorf("of %d altered warrants both refuse %d; they accept %q, and ours alone refuses %v", len(bad), len(a.refused), a.accepted, a.alone)
	}
}

// craftsOfLayers are crafts of what a command in a layer may say, everything else right.
func craftsOfLayers() map[string]func(*craft) {
	all := map[string]func(*craft){}
	// command puts members of the command; an empty text leaves one as it is, and "-" empties it.
	type command struct{ layer, verb, expect, expectMark, leave, leaveMark string }
	put := func(name string, m command, more ...string) {
		if all[name] != nil {
			panic(name + " is there twice")
		}
		all[name] = func(c *craft) {
			for _, x := range [][3]string{{"", "layer", m.layer}, {"", "verb", m.verb}, {"/expect", "value", m.expect}, {"/expect", "mark", m.expectMark},
				{"/leave", "value", m.leave}, {"/leave", "mark", m.leaveMark}} {
				if x[2] != "" {
					c.hold("/action/command"+x[0], x[1], quoted(strings.TrimPrefix(x[2], "-")))
				}
			}
			for i := 0; i < len(more); i += 2 {
				c.hold("/action"+more[i][:strings.LastIndexByte(more[i], '/')], more[i][strings.LastIndexByte(more[i], '/')+1:], more[i+1])
			}
		}
	}
	later := quoted("2100-01-01T00:00:00.000000Z")
	// A label
	put("good a label: another value", command{layer: "label:graphic"})
	put("good a label: of one letter", command{layer: "label:a"})
	put("good a label: of a dash at its end", command{layer: "label:a-"})
	put("good a label: of 64 letters", command{layer: "label:" + strings.Repeat("a", 64)})
	for _, value := range []string{"", "Spam", "-a", "a.b", "a b", "spam\n", "\nspam", "é", "ſpam", strings.Repeat("a", 65)} {
		put("a label: of the value "+strconv.Quote(value), command{layer: "label:" + value})
	}
	for _, layer := range []string{"-", "Visibility", "limits", "labels:spam", "label", "visibility ", " limit", "label:spam:x"} {
		put("a label: in the layer "+strconv.Quote(layer), command{layer: layer})
	}
	put("a label: in the limit", command{layer: "limit", expect: "none", leave: "limited"})
	put("a label: in the visibility", command{layer: "visibility", expect: "up", leave: "down"})
	put("a label: in the limit, of what is unset", command{layer: "limit", leave: "limited"})
	put("a limit: in a label, of what has none", command{layer: "label:spam", leave: "set"})
	put("standard: of the limit of what is up", command{layer: "limit", leave: "limited"})
	put("the undo of a label: in the limit, of what is set", command{layer: "limit", leave: "none"})
	put("a label: that leaves what a limit does", command{leave: "limited"})
	put("a label: that leaves nothing", command{leave: "unset"})
	put("a label: that is set already", command{expect: "set"})
	put("a label: over a mark", command{expectMark: "STAFF-1"})
	put("a label: in the place of a mark of ours", command{expect: "set", expectMark: "CSGN-req_1"})
	put("a label: without a mark", command{leaveMark: "-"})
	put("a label: by a limit", command{verb: "limit", leave: "set"})
	put("a label: by an unlabel", command{verb: "unlabel", leave: "unset", leaveMark: "-"})
	put("a label: with an end", command{}, "/until", later)
	put("a label: that is a message", command{}, "/effect", quoted("said"))
	put("a label: that is one-way", command{}, "/effect", quoted("one-way"))
	put("a label: that an unlimit lifts", command{}, "/inverse/kind", quoted("account.unlimit"))
	// A limit
	put("a limit: in a label", command{layer: "label:spam", expect: "unset", leave: "set"})
	put("a limit: in the visibility", command{layer: "visibility", expect: "up", leave: "down"})
	put("a limit: of what is up", command{expect: "up"})
	put("a limit: over a mark", command{expectMark: "STAFF-1"})
	put("a limit: in the place of no mark", command{expect: "limited"})
	put("a limit: in the place of a foreign mark", command{expect: "limited", expectMark: "STAFF-1"})
	put("a limit: in the place of a mark that names nothing", command{expect: "limited", expectMark: "CSGN-"})
	put("good a limit: in the place of a mark of ours", command{expect: "limited", expectMark: "CSGN-req_1"})
	put("a limit: without a mark", command{leaveMark: "-"})
	put("good a limit: without an end, where it had none", command{})
	put("good a limit with an end: without it", command{}, "/until", quoted(""))
	put("a limit with an end: that is years away", command{}, "/until", later)
	// Lifts
	put("the end of somebody's label: of no label", command{layer: "limit", expect: "limited", leave: "none"})
	put("the end of somebody's label: that is unset", command{expect: "unset"})
	put("the end of somebody's label: that leaves it", command{leave: "set"})
	put("the end of somebody's label: under a mark of its own", command{leaveMark: "CSGN-req_1"})
	put("good the end of somebody's label: without a mark", command{expectMark: "-"})
	put("good the end of somebody's label: of another", command{layer: "label:graphic"})
	put("the end of a post's limit: that is none", command{expect: "none"})
	put("the end of a post's limit: of a label", command{layer: "label:spam", expect: "set", leave: "unset"})
	put("the undo of a label: under another mark", command{expectMark: "CSGN-req_1"})
	put("the undo of a label: of a limit", command{layer: "limit", expect: "limited", leave: "none"})
	// A takedown
	put("standard: of a limit", command{layer: "limit", expect: "none", leave: "limited"})
	put("standard: of a label", command{layer: "label:spam", expect: "unset", leave: "set"})
	put("standard: of what is not limited", command{expect: "none"})
	put("standard: that limits", command{leave: "limited"})
	put("a post restored: into no limit", command{leave: "none"})
	// A warning
	put("a warning: that leaves a mark", command{leaveMark: "CSGN-req_1"})
	put("a warning: that leaves it up", command{leave: "up"})
	put("a warning: that expects it up", command{expect: "up"})
	put("a warning: that expects a mark", command{expectMark: "STAFF-1"})
	put("a warning: of the visibility", command{layer: "visibility"})
	put("a warning: of the limit", command{layer: "limit"})
	put("a warning: that is reversible", command{}, "/effect", quoted("reversible"))
	put("a warning: with an end", command{}, "/until", later)
	put("a warning: that something takes back", command{}, "/inverse/kind", quoted("account.unlimit"), "/inverse/direction", quoted("relieving"))
	put("a warning: that relieves", command{}, "/direction", quoted("relieving"))
	return all
}

// TestUndoOfAnotherLayer: who undoes a measure says in which layer it stands. The same mark
// in another layer, or under another label, is no measure of ours there, so that an undo of
// it is the lift of a foreign measure.
func TestUndoOfAnotherLayer(t *testing.T) {
	w := prooftest.Staffed(t)
	label := w.Request("ann", actions.AccountLabel, prooftest.Account("acct/4"), actions.Standard)
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
