package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// labelled is a wish for a label, and the draft that an honest desk makes of it.
func labelled(me identity) (v1.Wish, v1.Draft) {
	subject := platform.Subject{Platform: "plaza", ID: "post/93"}
	w := v1.Wish{Kind: actions.ContentLabel, Subject: subject.String(), Value: "spam", Reason: "spam", Key: me.key.Key}
	a := actions.Action{V: actions.ActionV2, Kind: w.Kind, Subject: subject, Tier: actions.Standard, Direction: actions.Burdening, Effect: actions.Reversible,
		Inverse: actions.Inverse{Kind: actions.ContentUnlabel, Direction: actions.Relieving},
		Command: platform.Command{Verb: platform.Label, Layer: platform.LabelLayer("spam"), Subject: subject, Expect: platform.Expect{Status: platform.Unset}, Mark: platform.MarkOf(someRequest)},
		Change:  canonical.Raw("{}"), Reason: w.Reason, Nonce: make([]byte, 16)}
	return w, v1.Draft{Action: a, Statement: statementV2(me, a, actions.VerdictRequest)}
}

func statementV2(me identity, a actions.Action, v actions.Verdict) actions.Statement {
	st := statementFor(me, a, v)
	st.V, st.Founding = actions.StatementV2, canonical.Sum([]byte("entry 0"))
	return st
}

// TestDishonestLayers: nobody signs a draft for another layer than the one that was asked
// for, nor an undo of another layer than the request's.
func TestDishonestLayers(t *testing.T) {
	me := someone(t)
	w, d := labelled(me)
	if err := checkDraft(d, w, me, noon); err != nil {
		t.Fatalf("the honest draft: %v", err)
	}
	bad := d
	bad.Action.Command.Layer = platform.LabelLayer("graphic")
	bad.Statement = statementV2(me, bad.Action, actions.VerdictRequest)
	if err := checkDraft(bad, w, me, noon); !fault.Is(err, "wrong-draft") || !strings.Contains(err.Error(), "it changes the label graphic and you asked for a change of the label spam") {
		t.Errorf("another label: %v", err)
	}
	r := v1.Request{ID: otherRequest, Action: d.Action}
	undo := func(l platform.Layer) v1.Draft {
		a := d.Action
		a.Kind, a.Direction, a.Inverse, a.Reverses = actions.ContentUnlabel, actions.Relieving, actions.Inverse{Kind: actions.ContentLabel, Direction: actions.Burdening}, r.ID
		a.Command = platform.Command{Verb: platform.Unlabel, Layer: l, Subject: a.Subject, Expect: platform.Expect{Status: platform.IsSet, Mark: platform.MarkOf(r.ID)}}
		return v1.Draft{Action: a, Statement: statementV2(me, a, actions.VerdictReverse)}
	}
	if err := checkUndo(undo(platform.LabelLayer("spam")), r, w.Reason, me, noon); err != nil {
		t.Errorf("the honest undo: %v", err)
	}
	if err := checkUndo(undo(platform.LabelLayer("graphic")), r, w.Reason, me, noon); !fault.Is(err, "wrong-draft") {
		t.Errorf("the undo of another label: %v", err)
	}
}

// TestLayersBeforeTheDesk: the program refuses what cannot be before it asks a desk.
func TestLayersBeforeTheDesk(t *testing.T) {
	for _, c := range []struct {
		says string
		args []string
	}{
		{"--value LABEL, such as --value spam", []string{"content.label", "plaza:post/93"}},
		{`"spam\x1b[2J" is not the value of a label`, []string{"content.label", "plaza:post/93", "--value", "spam\x1b[2J"}},
		{"account.limit sets no label, so it has no value", []string{"account.limit", "plaza:@ada", "--value", "spam"}},
		{"Only account.suspend, account.limit and content.limit have an end", []string{"content.label", "plaza:post/93", "--value", "spam", "--until", "72h"}},
		{"Only account.suspend, account.limit and content.limit have an end", []string{"account.warn", "plaza:@ada", "--until", "72h"}},
		{"which is past", []string{"account.limit", "plaza:@ada", "--until", "2020-01-01T00:00:00Z"}},
	} {
		r := command(t, t.TempDir(), append([]string{"action", "request", "--reason", "r"}, c.args...)...)
		if r.code != Wrong || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%q: %d %q", c.args, r.code, r.stderr)
		}
	}
}

// TestLayersOfAnOrder: an order covers what --layers says, and the visibility alone without
// it, in the bytes of an order from before there were layers.
func TestLayersOfAnOrder(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []actions.OrderLayer
		says string
	}{
		{nil, nil, "This covers the visibility alone: a limit or a label that is set around the desk is left to people. To cover them too: --layers visibility,limit,label"},
		{[]string{"--layers", "visibility"}, nil, "This covers the visibility alone"},
		{[]string{"--layers", "visibility,limit,label"}, actions.OrderLayers, "in the layers label, limit and visibility"},
		{[]string{"--layers", "label"}, []actions.OrderLayer{actions.OrderLabels}, "in the layers label"},
	} {
		dir := deskFor(t, v1.Status{})
		r := command(t, dir, append([]string{"order", "place", "plaza", "critical", "--until", "30d", "--reason", "r", "--yes", "--json"}, c.args...)...)
		if r.code != Done || !strings.Contains(r.stderr, c.says) || strings.Contains(r.stderr, "This covers") != (c.want == nil) {
			t.Errorf("%q: %d %s", c.args, r.code, r.stderr)
			continue
		}
		var doc v1.Request
		if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil {
			t.Fatal(err)
		}
		change, err := actions.ParseChange(doc.Action.Kind, doc.Action.Change)
		if err != nil {
			t.Fatal(err)
		}
		if got := change.(actions.Setting).Order.Layers; !slices.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%q: got %v", c.args, got)
		}
	}
	if r := command(t, t.TempDir(), "order", "place", "plaza", "critical", "--until", "30d", "--reason", "r", "--layers", "label:spam"); r.code != Wrong {
		t.Errorf("a single label: %+v", r)
	}
}

// TestLayersOfASubject: subject show lists what stands on a subject, whose it is, since when
// and until when.
func TestLayersOfASubject(t *testing.T) {
	since, until := canonical.At(noon.Add(-time.Hour)), canonical.At(noon.Add(72*time.Hour))
	subject := v1.Subject{Subject: platform.Subject{Platform: "plaza", ID: "acct/17", Handle: "@ada"}, Sort: platform.Account, Tier: actions.Standard,
		State: v1.State{Status: platform.Down, Mark: platform.MarkOf(otherRequest), Layers: []v1.Layer{
			{Layer: platform.LabelLayer("spam"), Status: platform.IsSet, Mark: "STAFF-1"},
			{Layer: platform.LimitLayer, Status: platform.Limited, Mark: platform.MarkOf(someRequest)}}},
		Measures: []v1.Measure{{Layer: platform.VisibilityLayer, Request: otherRequest, Kind: actions.AccountTakedown, Requester: "bob", Executed: since},
			{Layer: platform.LimitLayer, Request: someRequest, Kind: actions.AccountLimit, Requester: "ann", Executed: since, Until: until}}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+v1.Base+"/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(subject)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	set, _ := json.Marshal(map[string]string{"url": server.URL, "token": "t"})
	if err := os.WriteFile(filepath.Join(dir, "client.json"), set, 0o600); err != nil {
		t.Fatal(err)
	}
	r := command(t, dir, "subject", "show", "plaza:@ada")
	if r.code != Done {
		t.Fatalf("%+v", r)
	}
	words := strings.Join(strings.Fields(r.stdout), " ")
	for _, want := range []string{
		`state down under the mark "` + string(platform.MarkOf(otherRequest)) + `"`,
		"measure " + otherRequest + ", by bob, since ",
		"What else stands on it, each apart from the others:",
		`label:spam labelled "spam" under the mark "STAFF-1" not this desk's, or not known here`,
		`limit limited under the mark "` + string(platform.MarkOf(someRequest)) + `" ` + someRequest + ", by ann, since ",
		", until ",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("%q is not in\n%s", want, r.stdout)
		}
	}
}

// TestLiftedIsNotUndone: of a request whose measure another one lifted, the page says so and
// offers no undo.
func TestLiftedIsNotUndone(t *testing.T) {
	_, d := honest(t, someone(t))
	r := v1.Request{ID: someRequest, Status: actions.StatusExecuted, Action: d.Action}
	for by, lifted := range map[string]bool{"": false, otherRequest: true} {
		r.LiftedBy = by
		p := &Page{}
		describeRequest(p, r, noon)
		if strings.Contains(p.String(), "To take it back") == lifted || strings.Contains(p.String(), otherRequest) != lifted {
			t.Errorf("lifted by %q:\n%s", by, p)
		}
		if got := notAgain(r); strings.Contains(got, otherRequest+" lifted its measure") != lifted {
			t.Error(got)
		}
	}
	p := &Page{}
	r.LiftedBy = otherRequest
	describeReplaced(p, r)
	if got := p.String(); strings.Contains(got, "action undo") || !strings.Contains(got, "was lifted by "+otherRequest) {
		t.Error(got)
	}
}

// TestForeignIsLifted: subject show gives the command that lifts each measure which is not this
// desk's, and none for a measure that an undo lifts.
func TestForeignIsLifted(t *testing.T) {
	spam := platform.LabelLayer("spam")
	for sort, prefix := range map[platform.Sort]string{platform.Account: "account.", platform.Content: "content."} {
		r := v1.Subject{Subject: platform.Subject{Platform: "plaza", ID: "x/1", Handle: "@ada"}, Sort: sort, State: v1.State{Status: platform.Down, Mark: "STAFF-1", Layers: []v1.Layer{
			{Layer: spam, Status: platform.IsSet, Mark: "STAFF-1"}, {Layer: platform.LimitLayer, Status: platform.Limited, Mark: "STAFF-1"}}}}
		commands := map[platform.Layer]string{
			platform.VisibilityLayer: "  countersign action request " + prefix + "restore plaza:x/1 --reason WHY\n",
			spam:                     "  countersign action request " + prefix + "unlabel plaza:x/1 --value spam --reason WHY\n",
			platform.LimitLayer:      "  countersign action request " + prefix + "unlimit plaza:x/1 --reason WHY\n",
		}
		for ours := range commands {
			r.Measures = []v1.Measure{{Layer: ours}}
			p := &Page{}
			describeForeign(p, r)
			for l, want := range commands {
				if strings.Contains(p.String(), want) == (l == ours) {
					t.Errorf("%s is ours, and of %s:\n%s", ours, l, p)
				}
			}
		}
		r.Breaches = []v1.Breach{{Layer: spam, Incident: "inc_1"}}
		p := &Page{}
		if describeForeign(p, r); !strings.Contains(p.String(), `A breach: labelled "spam" under the mark "STAFF-1" was put there around the desk, as the incident inc_1 tells.`) {
			t.Error(p)
		}
		r.State.Status, r.State.Layers = platform.Up, nil
		p = &Page{}
		if describeForeign(p, r); p.String() != "" {
			t.Error(p)
		}
	}
}
