package wording

import (
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// TestLayerWords: what people sign about a layer names the layer, the value of a label, and
// what stays as it is.
func TestLayerWords(t *testing.T) {
	account, post := platform.Subject{Platform: "plaza", ID: "acct/3", Handle: "@neighbour"}, platform.Subject{Platform: "plaza", ID: "post/3"}
	spam := platform.LabelLayer("spam")
	for _, c := range []struct {
		kind    actions.Kind
		verb    platform.Verb
		layer   platform.Layer
		on      platform.Subject
		expect  platform.Expect
		line    string
		details []string
	}{
		{actions.AccountLimit, platform.Limit, platform.LimitLayer, account, platform.Expect{Status: platform.NoLimit}, "Limit the reach of the account @neighbour (plaza:acct/3) until 17 May 2031",
			[]string{"layer  the limit; what else stands on the subject stays as it is", "now  not limited", `then  limited under the mark "CSGN-req_1"`, "undo  account.unlimit, which one person may do"}},
		{actions.AccountUnlimit, platform.Unlimit, platform.LimitLayer, account, platform.Expect{Status: platform.Limited, Mark: "CSGN-req_1"}, "Lift the limit of the account @neighbour (plaza:acct/3)",
			[]string{`now  limited under the mark "CSGN-req_1"`, "then  not limited"}},
		{actions.AccountLabel, platform.Label, spam, account, platform.Expect{Status: platform.Unset}, `Set the label "spam" on the account @neighbour (plaza:acct/3)`,
			[]string{"layer  the label spam; what else", `now  not labelled "spam"`, `then  labelled "spam" under the mark "CSGN-req_1"`}},
		{actions.AccountUnlabel, platform.Unlabel, spam, account, platform.Expect{Status: platform.IsSet, Mark: "X"}, `Take the label "spam" off the account @neighbour (plaza:acct/3)`, nil},
		{actions.ContentLimit, platform.Limit, platform.LimitLayer, post, platform.Expect{Status: platform.NoLimit}, "Limit the reach of the content plaza:post/3", nil},
		{actions.ContentUnlimit, platform.Unlimit, platform.LimitLayer, post, platform.Expect{Status: platform.Limited, Mark: "X"}, "Lift the limit of the content plaza:post/3", nil},
		{actions.ContentLabel, platform.Label, spam, post, platform.Expect{Status: platform.Unset}, `Set the label "spam" on the content plaza:post/3`, nil},
		{actions.ContentUnlabel, platform.Unlabel, spam, post, platform.Expect{Status: platform.IsSet, Mark: "X"}, `Take the label "spam" off the content plaza:post/3`, nil},
		{actions.AccountWarn, platform.Warn, platform.VisibilityLayer, account, platform.Expect{}, "Send a warning to the holder of the account @neighbour (plaza:acct/3)",
			[]string{"then  the account holder reads the reason as a message, and nothing else changes", "undo  a message cannot be taken back"}},
	} {
		spec, _ := actions.SpecOf(c.kind)
		a := actions.Action{V: actions.ActionV2, Kind: c.kind, Tier: actions.Standard, Direction: spec.Direction, Effect: spec.Effect, Reason: "Because.", Subject: c.on, Nonce: make([]byte, 16),
			Inverse: actions.Inverse{Kind: spec.Inverse, Direction: spec.InverseDirection}, Command: platform.Command{Verb: c.verb, Layer: c.layer, Subject: c.on, Expect: c.expect}}
		if spec.Direction == actions.Burdening && !spec.Says() {
			a.Command.Mark = "CSGN-req_1"
		}
		if c.kind == actions.AccountLimit {
			a.Until = canonical.At(noon.AddDate(1, 2, 16))
		}
		if got := Action(a); !strings.HasPrefix(got, c.line) {
			t.Errorf("got %q, want %q", got, c.line)
		}
		words := whole(a)
		for _, want := range c.details {
			if !strings.Contains(words, want) {
				t.Errorf("%q is not in\n%s", want, words)
			}
		}
		if _, label := c.layer.Label(); strings.Contains(words, "%") || label != strings.Contains(words, "spam") {
			t.Errorf("got\n%s", words)
		}
	}
}

// TestLayerOutcomes: the sentences of a timeline tell the state of the layer that a record
// names.
func TestLayerOutcomes(t *testing.T) {
	spam := platform.LabelLayer("spam")
	set, unset := platform.Expect{Status: platform.IsSet, Mark: "STAFF-1"}, platform.Expect{Status: platform.Unset}
	sight := &proof.Sight{Platform: "plaza", Tier: actions.Critical, Layer: spam, Expected: unset, Found: set, Why: "no-warrant", Order: "req_o"}
	for _, c := range []struct {
		x    proof.Execution
		undo bool
		want string
	}{
		{proof.Execution{Kind: proof.KindReceipt, Duty: proof.DutyAct, Outcome: proof.Executed, Layer: spam, After: set}, false,
			`The executor carried the warrant out. The subject was read back: labelled "spam" under the mark "STAFF-1".`},
		{proof.Execution{Kind: proof.KindReceipt, Duty: proof.DutyAct, Outcome: proof.Executed, Layer: spam, After: unset}, true,
			`The executor carried the undo out. The subject was read back: not labelled "spam".`},
		{proof.Execution{Kind: proof.KindReceipt, Duty: proof.DutyAct, Outcome: proof.Executed}, false, "The executor carried the warrant out: the message was sent."},
		{proof.Execution{Kind: proof.KindReceipt, Duty: proof.DutyLift, Outcome: proof.Executed, Layer: platform.LimitLayer, After: platform.Expect{Status: platform.NoLimit}}, false,
			"The executor lifted the measure, whose time was over. The subject was read back: not limited."},
		{proof.Execution{Kind: proof.KindBreach, Duty: proof.DutyWatch, Sight: sight}, false,
			`The watch read a critical subject of plaza as labelled "spam" under the mark "STAFF-1", where not labelled "spam" was right: no warrant explains it (no warrant).`},
		{proof.Execution{Kind: proof.KindOver, Duty: proof.DutyWatch, Sight: &proof.Sight{Platform: "plaza", Layer: spam, Found: unset, Why: proof.OverByOthers}}, false,
			`The watch read the subject as not labelled "spam": the breach is over. Somebody did it around the desk.`},
	} {
		if got := Outcome(c.x, c.undo); got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
	if got, want := Contradicts(*sight), `The watch expected the subject to be not labelled "spam" and found it labelled "spam" under the mark "STAFF-1"; no warrant was ever about the subject (no warrant).`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// TestReplacingWords: an act in the place of a measure names that measure, and says what
// becomes of its end; the undo of what the law or child safety asks for is no act of one
// person.
func TestReplacingWords(t *testing.T) {
	account := platform.Subject{Platform: "plaza", ID: "acct/3"}
	for _, c := range []struct {
		kind  actions.Kind
		verb  platform.Verb
		layer platform.Layer
	}{{actions.AccountLimit, platform.Limit, platform.LimitLayer}, {actions.AccountSuspend, platform.Takedown, platform.VisibilityLayer}} {
		spec, _ := actions.SpecOf(c.kind)
		a := actions.Action{V: actions.ActionV2, Kind: c.kind, Tier: actions.Standard, Direction: spec.Direction, Effect: spec.Effect, Subject: account,
			Inverse: actions.Inverse{Kind: spec.Inverse, Direction: spec.InverseDirection},
			Command: platform.Command{Verb: c.verb, Layer: c.layer, Subject: account, Expect: platform.Expect{Status: c.layer.Bears(), Mark: platform.MarkOf("req_1")}, Mark: platform.MarkOf("req_2")}}
		older := actions.Action{Until: canonical.At(noon.AddDate(0, 0, 3))}
		then := When(older.Until)
		if got := whole(a); !strings.Contains(got, "replaces  req_1, whose place it takes without an end") || !strings.Contains(got, "which one person may do within") {
			t.Errorf("got\n%s", got)
		}
		if got := MeasureBefore(older, a)[0]; got != "It takes the place of the measure of req_1. Its end: until now "+then+"; then without an end." {
			t.Error(got)
		}
		a.Until = canonical.At(noon.AddDate(0, 0, 4))
		if got := MeasureBefore(older, a)[0]; !strings.HasSuffix(got, "until now "+then+"; then "+When(a.Until)+".") {
			t.Error(got)
		}
		for _, category := range []actions.Category{actions.CategoryLegal, actions.CategoryChildSafety} {
			a.Category = category
			got := whole(a)
			if !strings.Contains(got, string(spec.Inverse)+", which one person may not do, because of the category") || strings.Contains(got, "without an end") || !strings.Contains(got, "replaces  req_1") {
				t.Errorf("got\n%s", got)
			}
		}
	}
}
