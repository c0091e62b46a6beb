package desk_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/executor/executortest"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// layered is a town on a platform in memory that has layers.
type layered struct {
	*desktest.Town
	platform *executortest.Platform
}

func newLayered(t *testing.T, o desktest.Options) layered {
	t.Helper()
	p := executortest.NewPlatform(time.Now)
	p.Account("acct/1", 40_000_000, "head of state")
	p.Account("acct/3", 12, "")
	p.Post("post/1", "acct/3")
	o.Platform = p
	return layered{desktest.NewTown(t, o), p}
}

// draft drafts a wish of ann's.
func (l layered) draft(t *testing.T, w acts.Wish) (acts.Draft, error) {
	t.Helper()
	if w.Reason == "" {
		w.Reason = "spam"
	}
	return l.Desk.Draft(t.Context(), desktest.As("ann"), w)
}

var label = platform.LabelLayer("spam")

// TestDraftsOfLayers: an act names the layer that it changes, expects what stands in that
// layer, and leaves what stands in others out of sight.
func TestDraftsOfLayers(t *testing.T) {
	to := newLayered(t, desktest.Options{})
	soon := canonical.At(time.Now().Add(48 * time.Hour).Truncate(time.Second))
	to.platform.Set("acct/3", platform.Down, "LEGAL-1")
	to.platform.SetLayer("", "post/1", label, platform.Expect{Status: platform.IsSet, Mark: "STAFF-1"})
	to.platform.SetLayer("", "post/1", platform.LimitLayer, platform.Expect{Status: platform.Limited, Mark: "STAFF-2"})
	for name, c := range map[string]struct {
		wish   acts.Wish
		verb   platform.Verb
		layer  platform.Layer
		expect platform.Expect
		leaves bool
	}{
		"a limit of an account that is down":    {acts.Wish{Kind: actions.AccountLimit, Subject: "plaza:acct/3"}, platform.Limit, platform.LimitLayer, platform.Expect{Status: platform.NoLimit}, true},
		"a limit with an end":                   {acts.Wish{Kind: actions.AccountLimit, Subject: "plaza:acct/3", Until: soon}, platform.Limit, platform.LimitLayer, platform.Expect{Status: platform.NoLimit}, true},
		"a label":                               {acts.Wish{Kind: actions.AccountLabel, Subject: "plaza:acct/3", Value: "spam"}, platform.Label, label, platform.Expect{Status: platform.Unset}, true},
		"another label beside the first":        {acts.Wish{Kind: actions.ContentLabel, Subject: "plaza:post/1", Value: "sensitive"}, platform.Label, platform.LabelLayer("sensitive"), platform.Expect{Status: platform.Unset}, true},
		"a removal of what has label and limit": {acts.Wish{Kind: actions.ContentRemove, Subject: "plaza:post/1"}, platform.Takedown, platform.VisibilityLayer, platform.Expect{Status: platform.Up}, true},
		"the end of somebody's label":           {acts.Wish{Kind: actions.ContentUnlabel, Subject: "plaza:post/1", Value: "spam"}, platform.Unlabel, label, platform.Expect{Status: platform.IsSet, Mark: "STAFF-1"}, false},
		"the end of somebody's limit":           {acts.Wish{Kind: actions.ContentUnlimit, Subject: "plaza:post/1"}, platform.Unlimit, platform.LimitLayer, platform.Expect{Status: platform.Limited, Mark: "STAFF-2"}, false},
		"a warning":                             {acts.Wish{Kind: actions.AccountWarn, Subject: "plaza:acct/3", Reason: "Please stop."}, platform.Warn, platform.VisibilityLayer, platform.Expect{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := to.draft(t, c.wish)
			if err != nil {
				t.Fatal(err)
			}
			want := platform.Command{Verb: c.verb, Layer: c.layer, Subject: d.Action.Subject, Expect: c.expect}
			if c.leaves {
				want.Mark = platform.MarkOf(d.Statement.Request)
			}
			if d.Action.Command != want || !d.Action.Until.Equal(c.wish.Until.Time) {
				t.Errorf("got %+v until %s, want %+v", d.Action.Command, d.Action.Until, want)
			}
		})
	}
}

// TestRefusedLayers: each act in a layer that cannot be, or would change nothing, is refused
// with words that say why, before anybody signs.
func TestRefusedLayers(t *testing.T) {
	to := newLayered(t, desktest.Options{})
	to.platform.Account("acct/4", 12, "")
	to.platform.Set("acct/4", platform.Deleted, "")
	to.platform.Account("acct/5", 12, "")
	for i := range platform.MostLabels {
		to.platform.SetLayer("", "acct/5", platform.LabelLayer(fmt.Sprint("old-", i)), platform.Expect{Status: platform.IsSet, Mark: "STAFF-1"})
	}
	to.platform.Post("post/2", "acct/3")
	to.platform.SetLayer("", "post/2", label, platform.Expect{Status: platform.IsSet, Mark: "STAFF-1"})
	to.platform.SetLayer("", "post/2", platform.LimitLayer, platform.Expect{Status: platform.Limited, Mark: "STAFF-2"})
	past := canonical.At(time.Now().Add(-time.Hour))
	for name, c := range map[string]struct {
		wish      acts.Wish
		typ, says string
	}{
		"a value that the desk does not list": {acts.Wish{Kind: actions.AccountLabel, Subject: "plaza:acct/3", Value: "graphic"}, "label-not-listed",
			"there are sensitive, spam. Officers list it with `countersign platform labels plaza --add graphic --reason WHY`"},
		"a value with control characters":  {acts.Wish{Kind: actions.AccountLabel, Subject: "plaza:acct/3", Value: "spam\x1b[2J"}, "bad-label", `"spam\x1b[2J" is not the value of a label`},
		"no value":                         {acts.Wish{Kind: actions.AccountLabel, Subject: "plaza:acct/3"}, "bad-label", "is not the value of a label"},
		"a value for a limit":              {acts.Wish{Kind: actions.AccountLimit, Subject: "plaza:acct/3", Value: "spam"}, "bad-label", "account.limit sets no label"},
		"a value for a takedown":           {acts.Wish{Kind: actions.AccountTakedown, Subject: "plaza:acct/3", Value: "spam"}, "bad-label", "account.takedown sets no label"},
		"one label too many":               {acts.Wish{Kind: actions.AccountLabel, Subject: "plaza:acct/5", Value: "spam"}, "too-many-labels", "has 20 labels already"},
		"a limit of a deleted account":     {acts.Wish{Kind: actions.AccountLimit, Subject: "plaza:acct/4"}, "no-such-subject", "plaza:acct/4"},
		"a label of a deleted account":     {acts.Wish{Kind: actions.AccountLabel, Subject: "plaza:acct/4", Value: "spam"}, "no-such-subject", "plaza:acct/4"},
		"a warning to a deleted account":   {acts.Wish{Kind: actions.AccountWarn, Subject: "plaza:acct/4"}, "no-such-subject", "plaza:acct/4"},
		"a label that is set":              {acts.Wish{Kind: actions.ContentLabel, Subject: "plaza:post/2", Value: "spam"}, "wrong-state", `labelled "spam" under the mark "STAFF-1" already, so content.label would change nothing`},
		"a limit of what is limited":       {acts.Wish{Kind: actions.ContentLimit, Subject: "plaza:post/2"}, "wrong-state", `limited under the mark "STAFF-2" already, so content.limit would change nothing`},
		"the end of a label that is unset": {acts.Wish{Kind: actions.AccountUnlabel, Subject: "plaza:acct/3", Value: "spam"}, "wrong-state", `is not labelled "spam", so account.unlabel would change nothing`},
		"the end of no limit":              {acts.Wish{Kind: actions.AccountUnlimit, Subject: "plaza:acct/3"}, "wrong-state", "is not limited, so account.unlimit"},
		"an end that is past":              {acts.Wish{Kind: actions.AccountLimit, Subject: "plaza:acct/3", Until: past}, "end-is-past", "is past"},
		"a label with an end":              {acts.Wish{Kind: actions.AccountLabel, Subject: "plaza:acct/3", Value: "spam", Until: canonical.At(time.Now().Add(time.Hour))}, "bad-action", "account.label has no end"},
		"a label of an account on a post":  {acts.Wish{Kind: actions.AccountLabel, Subject: "plaza:post/1", Value: "spam"}, "wrong-sort", "account.label acts on an account"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := to.draft(t, c.wish)
			if f := fault.As(err); f == nil || f.Type != c.typ || !strings.Contains(f.Text, c.says) {
				t.Errorf("got %v, want %s: %s", err, c.typ, c.says)
			}
		})
	}
	t.Run("a platform without layers", func(t *testing.T) {
		to.platform.Plain()
		for _, w := range []acts.Wish{{Kind: actions.AccountLimit}, {Kind: actions.AccountLabel, Value: "spam"}, {Kind: actions.AccountWarn}} {
			w.Subject = "plaza:acct/3"
			_, err := to.draft(t, w)
			if f := fault.As(err); f == nil || f.Type != "not-offered" ||
				!strings.HasSuffix(f.Text, "does not offer "+string(w.Kind)+". What it offers on an account: account.takedown, account.deactivate, account.suspend.") {
				t.Errorf("%s: got %v", w.Kind, err)
			}
		}
	})
	t.Run("the desk signs in the formats 1", func(t *testing.T) {
		old := newLayered(t, desktest.Options{Formats: actions.FirstFormats})
		for _, w := range []acts.Wish{{Kind: actions.AccountLimit}, {Kind: actions.AccountLabel, Value: "spam"}, {Kind: actions.AccountWarn}} {
			w.Subject = "plaza:acct/3"
			_, err := old.draft(t, w)
			if f := fault.As(err); f == nil || f.Type != "formats-too-old" || !strings.Contains(f.Text, "countersign formats adopt") {
				t.Errorf("%s: got %v", w.Kind, err)
			}
		}
	})
}

// TestUnlistedLabelIsLifted: a label that the desk lists no more, or never did, can be taken
// away, even if the platform does not offer it any more.
func TestUnlistedLabelIsLifted(t *testing.T) {
	to := newLayered(t, desktest.Options{})
	to.platform.SetLayer("", "acct/3", platform.LabelLayer("bygone"), platform.Expect{Status: platform.IsSet, Mark: "STAFF-1"})
	d, err := to.draft(t, acts.Wish{Kind: actions.AccountUnlabel, Subject: "plaza:acct/3", Value: "bygone"})
	if err != nil || d.Action.Command.Layer != platform.LabelLayer("bygone") {
		t.Errorf("got %+v, %v", d.Action.Command, err)
	}
}

// TestListedLabelsAreOffered: a label can be listed only if the platform offers it. One
// that is listed stays changeable, and so does the list while nobody can be asked.
func TestListedLabelsAreOffered(t *testing.T) {
	to := newLayered(t, desktest.Options{})
	desktest.Until(t, "the executor has reached the platform", func() bool {
		_, reached := to.Executor.Status().Labels["plaza"]
		return reached
	})
	list := func(labels ...string) error {
		_, err := to.draft(t, acts.Wish{Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartPlatforms,
			Platform: &actions.Platform{Name: "plaza", Connector: "plaza", Facts: platform.Facts, Labels: labels}}})
		return err
	}
	if err := list("graphic", "sensitive", "spam"); err != nil {
		t.Errorf("those that are offered: %v", err)
	}
	err := list("misleading", "shadow", "spam")
	if says := "does not offer the labels misleading, shadow, so they cannot be listed with it; it offers graphic, sensitive, spam."; !fault.Is(err, "not-offered") || !strings.Contains(fault.TextOf(err), says) {
		t.Errorf("others: %v, want %s", err, says)
	}
	to.platform.Alter(func(c *platform.Capabilities) { c.Labels = []string{"graphic"} }) // the others are offered no more
	to.StopExecutor()
	if err := list("shadow"); err != nil {
		t.Errorf("while the executor does not answer: %v", err)
	}
	to.StartExecutor()
	desktest.Until(t, "the executor has reached the platform again", func() bool {
		_, reached := to.Executor.Status().Labels["plaza"]
		return reached
	})
	if err := list("graphic", "spam"); err != nil {
		t.Errorf("one that is listed and offered no more: %v", err)
	}
	if err := list("shadow"); !fault.Is(err, "not-offered") {
		t.Errorf("one that is neither: %v", err)
	}
}

// TestLayersCarriedOut: on a real plaza a label, a limit and a takedown of one post are
// carried out and undone, each by itself, and a warning is sent.
func TestLayersCarriedOut(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	ask := func(k actions.Kind, on, value string) actions.Request {
		t.Helper()
		r := to.Settled("ann", to.Request("ann", acts.Wish{Kind: k, Subject: on, Value: value, Case: "case-1", Reason: "It is spam."}))
		if r.Status != actions.StatusExecuted {
			t.Fatalf("%s is %s: %s %s", k, r.Status, r.Outcome, r.OutcomeText)
		}
		return r
	}
	all := []actions.Request{ask(actions.ContentLabel, "plaza:post/1", "spam"), ask(actions.ContentLimit, "plaza:post/1", ""), ask(actions.ContentRemove, "plaza:post/1", "")}
	ask(actions.AccountWarn, "plaza:acct/3", "")
	for n := range len(all) + 1 {
		st := to.State("post/1")
		for i, r := range all {
			l := r.Action.Command.Layer
			want := r.Action.Command.After()
			if i < n {
				want = platform.Expect{Status: l.Clear()}
			}
			if got := st.At(l); got != want {
				t.Errorf("after %d undos %s is %+v, want %+v", n, l, got, want)
			}
		}
		if n == len(all) {
			break
		}
		u, err := to.TryUndo("ann", all[n].ID)
		if err != nil {
			t.Fatal(err)
		}
		if u = to.Settled("ann", u); u.Status != actions.StatusExecuted {
			t.Fatalf("the undo of %s is %s: %s", all[n].Action.Kind, u.Status, u.OutcomeText)
		}
	}
}

// TestWarningWithoutAnAnswer: a warning whose answer is lost, on a platform that cannot say
// whether it was sent, is unknown and is not sent again.
func TestWarningWithoutAnAnswer(t *testing.T) {
	to := newLayered(t, desktest.Options{})
	to.platform.Fail(executortest.LostAfter)
	to.platform.Mute(true)
	r := to.Settled("ann", to.Request("ann", acts.Wish{Kind: actions.AccountWarn, Subject: "plaza:acct/3", Case: "case-1", Reason: "Please stop."}))
	if r.Status != actions.StatusUnknown {
		t.Fatalf("the warning is %s: %s %s", r.Status, r.Outcome, r.OutcomeText)
	}
	if got := in(t, to.World, "requests"); len(got) != 1 || got[0].Text != "It is not known whether the message of account.warn was sent; it is not sent again." {
		t.Errorf("%+v", got)
	}
	to.StopExecutor()
	to.StartExecutor()
	to.Followed()
	n := 0
	for _, e := range to.platform.Effects() {
		if e.Command.Verb == platform.Warn {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the warning was sent %d times", n)
	}
}
