package desk_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/executor/executortest"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// still is an executor that reads a platform, and carries nothing out by itself: the test
// says what came of each warrant.
type still struct {
	kernel.Executor
	p *executortest.Platform
}

func (s *still) Read(ctx context.Context, on platform.Subject) (linkv1.Reading, error) {
	named, st, err := s.p.Look(ctx, on)
	if err != nil {
		return linkv1.Reading{}, err
	}
	sort, err := s.p.Sort(named.ID)
	return linkv1.Reading{Subject: named, Sort: sort, State: st, Capabilities: s.p.Capabilities(), Tier: actions.Standard}, err
}

func (s *still) Vouch(ctx context.Context, on platform.Subject) (linkv1.Reading, error) {
	return s.Read(ctx, on)
}

// handMade is a desk whose executor is still, on a platform in memory.
type handMade struct {
	*desktest.World
	t *testing.T
	p *executortest.Platform
}

func byHand(t *testing.T, o desktest.Options) handMade {
	t.Helper()
	p := executortest.NewPlatform(time.Now)
	p.Account("acct/3", 12, "")
	p.Post("post/1", "acct/3")
	o.Executor = &still{Executor: &saying{}, p: p}
	w := desktest.New(t, o)
	w.Staff()
	return handMade{w, t, p}
}

// ask asks for an act on the account acct/3 that needs nobody else.
func (h handMade) ask(k actions.Kind, edit ...func(*acts.Wish)) actions.Request {
	h.t.Helper()
	w := acts.Wish{Kind: k, Subject: "plaza:acct/3", Case: "case-1"}
	if k == actions.AccountLabel {
		w.Value = "spam"
	}
	for _, f := range edit {
		f(&w)
	}
	r := h.Request("ann", w)
	if r.Status != actions.StatusApproved {
		h.t.Fatalf("%s is %s: %s", k, r.Status, r.Missing)
	}
	return r
}

// became enters what came of a request, and has the platform show it.
func (h handMade) became(r actions.Request, o proof.Outcome) actions.Request {
	h.t.Helper()
	e := proof.Execution{Kind: proof.KindIntent, Duty: proof.DutyAct, Request: r.ID}
	h.Enter(e, nil)
	e.Kind, e.Outcome = proof.KindReceipt, o
	if c := r.Action.Command; o == proof.Executed && c.Verb != platform.Warn {
		e.Layer, e.Before, e.After = c.Layer, c.Expect, c.After()
		h.p.SetLayer("", c.Subject.ID, c.Layer, c.After())
	}
	h.Enter(e, nil)
	return h.now(r.ID)
}

func (h handMade) now(request string) actions.Request {
	h.t.Helper()
	r, err := h.Desk.RequestByID(h.t.Context(), desktest.As("kim"), request)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// noWith wants a fault of a type, and words of its text.
func noWith(t *testing.T, what string, err error, typ, says string) {
	t.Helper()
	if f := fault.As(err); f == nil || f.Type != typ || !strings.Contains(f.Text, says) {
		t.Errorf("%s: %v, want %s: %s", what, err, typ, says)
	}
}

// TestLayersApart: a takedown, a limit and a label stand on one account, each with its own
// mark, and the undo of each lifts it alone and marks no other request.
func TestLayersApart(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		h := byHand(t, o)
		all := map[actions.Kind]actions.Request{}
		kinds := []actions.Kind{actions.AccountLabel, actions.AccountLimit, actions.AccountTakedown}
		for _, k := range kinds {
			all[k] = h.became(h.ask(k), proof.Executed)
		}
		if st := h.p.State("acct/3"); st.Status != platform.Down || len(st.Layers) != 2 {
			t.Fatalf("the account is %+v", st)
		}
		shown, err := h.Desk.Subject(t.Context(), desktest.As("kim"), "plaza:acct/3")
		if err != nil || len(shown.Measures) != 3 {
			t.Fatalf("measures %+v, %v", shown.Measures, err)
		}
		for _, k := range kinds {
			if r := all[k]; shown.Measures[r.Action.Command.Layer].ID != r.ID {
				t.Errorf("in %s stands %s, not %s", r.Action.Command.Layer, shown.Measures[r.Action.Command.Layer].ID, r.ID)
			}
		}
		for i, k := range kinds {
			r := all[k]
			u, err := h.TryUndo("ann", r.ID)
			if err != nil {
				t.Fatal(err)
			}
			want := platform.Command{Verb: map[actions.Kind]platform.Verb{actions.AccountLabel: platform.Unlabel, actions.AccountLimit: platform.Unlimit, actions.AccountTakedown: platform.Restore}[k],
				Layer: r.Action.Command.Layer, Subject: r.Action.Subject, Expect: r.Action.Command.After()}
			if u.Action.Command != want || u.Action.Reverses != r.ID || u.Status != actions.StatusApproved {
				t.Errorf("the undo of %s is %s: %+v", k, u.Status, u.Action.Command)
			}
			h.became(u, proof.Executed)
			for j, other := range kinds {
				want := actions.StatusExecuted
				if j <= i {
					want = actions.StatusReversed
				}
				if got := h.now(all[other].ID).Status; got != want {
					t.Errorf("after the undo of %s, %s is %s, want %s", k, other, got, want)
				}
			}
		}
		if st := h.p.State("acct/3"); st.Status != platform.Up || len(st.Layers) != 0 {
			t.Errorf("the account is %+v", st)
		}
	})
}

// TestCopiedMarkIsNoMeasure: a mark of a label of ours that somebody copied onto a limit or
// a takedown is no measure of ours there.
func TestCopiedMarkIsNoMeasure(t *testing.T) {
	h := byHand(t, desktest.Options{})
	label := h.became(h.ask(actions.AccountLabel), proof.Executed)
	mark := platform.MarkOf(label.ID)
	h.p.SetLayer("", "acct/3", platform.LimitLayer, platform.Expect{Status: platform.Limited, Mark: mark})
	h.p.Set("acct/3", platform.Down, mark)
	shown, err := h.Desk.Subject(t.Context(), desktest.As("kim"), "plaza:acct/3")
	if err != nil || len(shown.Measures) != 1 || shown.Measures[label.Action.Command.Layer].ID != label.ID {
		t.Errorf("measures %+v, %v", shown.Measures, err)
	}
	d, err := h.Desk.Draft(t.Context(), desktest.As("ann"), acts.Wish{Kind: actions.AccountRestore, Subject: "plaza:acct/3", Case: "case-1", Reason: "x"})
	if err != nil || d.Verdict != "held" {
		t.Errorf("lifting the takedown under the copied mark is %s, %v; one person must not do it alone", d.Verdict, err)
	}
	_, err = h.Desk.Draft(t.Context(), desktest.As("ann"), acts.Wish{Kind: actions.AccountLimit, Subject: "plaza:acct/3", Case: "case-1", Reason: "x", Until: canonical.At(time.Now().Add(time.Hour))})
	noWith(t, "a limit in the place of a copied mark", err, "wrong-state", "limited under the mark")
}

// TestLongerLimit: a limit that ends later, or never, takes the place of a timed limit of
// ours; one that ends earlier, and one in the place of one without an end, would change
// nothing.
func TestLongerLimit(t *testing.T) {
	h := byHand(t, desktest.Options{})
	at := func(d time.Duration) func(*acts.Wish) {
		until := canonical.At(time.Now().Add(d).Truncate(time.Second))
		return func(w *acts.Wish) { w.Until = until }
	}
	first := h.became(h.ask(actions.AccountLimit, at(2*time.Hour)), proof.Executed)
	draft := func(edit func(*acts.Wish)) error {
		w := acts.Wish{Kind: actions.AccountLimit, Subject: "plaza:acct/3", Case: "case-1", Reason: "x"}
		edit(&w)
		_, err := h.Desk.Draft(t.Context(), desktest.As("ann"), w)
		return err
	}
	noWith(t, "an earlier end", draft(at(time.Hour)), "wrong-state", " by the measure of "+first.ID+". Such a measure can only be lengthened. To shorten it: countersign action undo "+first.ID+" --reason WHY, and then ask for account.limit again.")
	second := h.ask(actions.AccountLimit, at(3*time.Hour))
	if c := second.Action.Command; c.Confirms() != first.ID || c.Layer != platform.LimitLayer {
		t.Errorf("the longer limit is %+v", c)
	}
	second = h.became(second, proof.Executed)
	if got := h.now(first.ID); got.ReplacedBy != second.ID {
		t.Errorf("the first limit was replaced by %q", got.ReplacedBy)
	}
	_, err := h.TryUndo("ann", first.ID)
	noWith(t, "the undo of a replaced limit", err, "replaced", second.ID)
	// What stands in other layers takes no part in it.
	label := h.became(h.ask(actions.AccountLabel), proof.Executed)
	if got := h.now(label.ID); got.ReplacedBy != "" {
		t.Errorf("the label was replaced by %s", got.ReplacedBy)
	}
	third := h.became(h.ask(actions.AccountLimit), proof.Executed)
	noWith(t, "a limit in the place of one without an end", draft(at(4*time.Hour)), "wrong-state", "is limited, without an end, by the measure of "+third.ID+". Such a measure can only be lengthened. To shorten it: countersign action undo "+third.ID)
	noWith(t, "another limit without an end", draft(func(*acts.Wish) {}), "wrong-state", "already, so account.limit would change nothing")
	// A suspension alike.
	legal := acts.Wish{Kind: actions.AccountSuspend, Subject: "plaza:acct/3", Case: "case-1", Category: actions.CategoryLegal}
	at(2 * time.Hour)(&legal)
	short := h.became(h.Countersign(h.Request("ann", legal).ID, "kim"), proof.Executed)
	noWith(t, "a shorter suspension", draft(func(w *acts.Wish) {
		w.Kind, w.Category = actions.AccountSuspend, actions.CategoryLegal
		at(time.Hour)(w)
	}), "wrong-state", "is down, until "+short.Action.Until.String()+" by the measure of "+short.ID+". Such a measure can only be lengthened.")
	noWith(t, "a longer one without the category", draft(func(w *acts.Wish) {
		w.Kind = actions.AccountSuspend
		at(3 * time.Hour)(w)
	}), "wrong-state", "It has the category legal, which a measure in its place keeps: --category legal")
	if u, err := h.TryUndo("ann", third.ID); err != nil || u.Action.Command.Layer != platform.LimitLayer {
		t.Errorf("the undo of the third limit: %+v, %v", u.Action.Command, err)
	}
}

// TestEndedLimit: the end of a timed limit that the executor lifted is noted on its request,
// and on no other.
func TestEndedLimit(t *testing.T) {
	h := byHand(t, desktest.Options{})
	label := h.became(h.ask(actions.AccountLabel), proof.Executed)
	limit := h.became(h.ask(actions.AccountLimit, func(w *acts.Wish) { w.Until = canonical.At(time.Now().Add(time.Hour)) }), proof.Executed)
	e := proof.Execution{Kind: proof.KindIntent, Duty: proof.DutyLift, Request: limit.ID}
	h.Enter(e, nil)
	e.Kind, e.Outcome, e.Layer, e.After = proof.KindReceipt, proof.Executed, platform.LimitLayer, platform.Expect{Status: platform.NoLimit}
	h.Enter(e, nil)
	if got := h.now(limit.ID); got.Status != actions.StatusLifted {
		t.Errorf("the limit is %s", got.Status)
	}
	if got := h.now(label.ID); got.Status != actions.StatusExecuted {
		t.Errorf("the label is %s", got.Status)
	}
}

// TestStateOfALayerMoves: between draft and request only the layer of the act counts. A
// label that somebody sets meanwhile stands in no limit's way.
func TestStateOfALayerMoves(t *testing.T) {
	h := byHand(t, desktest.Options{})
	d, err := h.Desk.Draft(t.Context(), desktest.As("ann"), acts.Wish{Kind: actions.AccountLimit, Subject: "plaza:acct/3", Case: "case-1", Reason: "x"})
	if err != nil {
		t.Fatal(err)
	}
	h.p.SetLayer("", "acct/3", label, platform.Expect{Status: platform.IsSet, Mark: "STAFF-1"})
	h.p.SetLayer("", "acct/3", platform.LimitLayer, platform.Expect{Status: platform.Limited, Mark: "STAFF-2"})
	_, err = h.Desk.Request(t.Context(), desktest.As("ann"), h.Submission("ann", d))
	noWith(t, "a limit of what is limited meanwhile", err, "wrong-state", `limited under the mark "STAFF-2" now; the action expects not limited`)
	h.p.SetLayer("", "acct/3", platform.LimitLayer, platform.Expect{Status: platform.NoLimit})
	h.p.Set("acct/3", platform.Down, "STAFF-3")
	if r, err := h.Desk.Request(t.Context(), desktest.As("ann"), h.Submission("ann", d)); err != nil || r.Status != actions.StatusApproved {
		t.Errorf("a limit of what has a label and is down meanwhile: %s, %v", r.Status, err)
	}
	// What the desk lists may change between draft and request as well.
	d, err = h.Desk.Draft(t.Context(), desktest.As("ann"), acts.Wish{Kind: actions.ContentLabel, Subject: "plaza:post/1", Value: "spam", Case: "case-1", Reason: "x"})
	if err != nil {
		t.Fatal(err)
	}
	h.Change(actions.DeskChange, actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "plaza", Connector: "plaza", Facts: platform.Facts, Labels: []string{"sensitive"}}})
	_, err = h.Desk.Request(t.Context(), desktest.As("ann"), h.Submission("ann", d))
	noWith(t, "a label that is listed no more", err, "label-not-listed", "there are sensitive")
}

// TestWarningIsSaid: a warning expects and leaves nothing, is nobody's measure, and cannot be
// taken back.
func TestWarningIsSaid(t *testing.T) {
	h := byHand(t, desktest.Options{})
	r := h.became(h.ask(actions.AccountWarn, func(w *acts.Wish) { w.Reason = "Please stop." }), proof.Executed)
	if r.Status != actions.StatusExecuted {
		t.Fatalf("the warning is %s", r.Status)
	}
	_, err := h.TryUndo("ann", r.ID)
	noWith(t, "the undo of a warning", err, "message-stays", "account.warn sends a message, and a message cannot be taken back.")
	// It is no measure: a takedown starts from an account that is up.
	if c := h.ask(actions.AccountTakedown).Action.Command; c.Expect != (platform.Expect{Status: platform.Up}) {
		t.Errorf("a takedown after a warning expects %+v", c.Expect)
	}
}

// TestMarkOfAWarning: a warning leaves no mark. One person does not lift a takedown by others
// that bears the mark which the warning would have had.
func TestMarkOfAWarning(t *testing.T) {
	h := byHand(t, desktest.Options{})
	r := h.became(h.ask(actions.AccountWarn), proof.Executed)
	label := h.became(h.ask(actions.AccountLabel), proof.Executed)
	h.p.Set("acct/3", platform.Down, platform.MarkOf(r.ID))
	d, err := h.Desk.DraftUndo(t.Context(), desktest.As("ann"), label.ID, acts.UndoWish{Reason: "x"})
	if err != nil {
		t.Fatal(err)
	}
	restore, _ := actions.SpecOf(actions.AccountRestore)
	d.Action.Kind, d.Action.Inverse, d.Action.Reverses = restore.Kind, actions.Inverse{Kind: restore.Inverse, Direction: restore.InverseDirection}, r.ID
	d.Action.Command = platform.Command{Verb: platform.Restore, Subject: d.Action.Subject, Expect: platform.Expect{Status: platform.Down, Mark: platform.MarkOf(r.ID)}}
	d.Statement.Action = d.Action.Digest()
	if got, err := h.Desk.Request(t.Context(), desktest.As("ann"), h.Submission("ann", d)); err != nil || got.Status != actions.StatusHeld {
		t.Errorf("lifting the takedown as the undo of a warning is %s, %v; one person must not do it alone", got.Status, err)
	}
}

// TestUnknownWarning: a warning of which nobody knows whether it was sent is a person's task,
// in words that fit, until the review of an incident on it is closed. It is not undone.
func TestUnknownWarning(t *testing.T) {
	h := byHand(t, desktest.Options{})
	r := h.became(h.ask(actions.AccountWarn), proof.Unknown)
	if r.Status != actions.StatusUnknown {
		t.Fatalf("the warning is %s", r.Status)
	}
	_, err := h.TryUndo("ann", r.ID)
	noWith(t, "the undo of a warning", err, "message-stays", "cannot be taken back")
	is := func() (found []string) {
		for _, m := range in(t, h.World, "requests") {
			if m.Request == r.ID {
				found = append(found, string(m.Severity)+": "+m.Text+" "+m.Do)
			}
		}
		return found
	}
	if got := is(); len(got) != 1 || !strings.HasPrefix(got[0], "page: It is not known whether the message of account.warn was sent; it is not sent again. ") || !strings.Contains(got[0], "countersign incident open "+r.ID) {
		t.Errorf("%q", got)
	}
	// One of another kind is told with other words.
	label := h.became(h.ask(actions.AccountLabel), proof.Unknown)
	told := ""
	for _, m := range in(t, h.World, "requests") {
		if m.Request == label.ID {
			told = m.Text
		}
	}
	if told != "Nobody knows whether account.label took effect." {
		t.Errorf("%q", told)
	}
	i, err := h.OpenIncident(t.Context(), desktest.As("kim"), r.ID, "Was it sent?")
	if err != nil {
		t.Fatal(err)
	}
	if len(is()) != 1 {
		t.Error("an open incident settles it")
	}
	change, err := h.ProposeFindings(t.Context(), desktest.As("kim"), i.ID, findings)
	if err != nil {
		t.Fatal(err)
	}
	if c := h.Countersign(h.Request("ada", acts.Wish{Kind: actions.DeskReview, Change: change}).ID, "bea", "cem"); c.Status != actions.StatusExecuted {
		t.Fatalf("the review is %s: %s", c.Status, c.Missing)
	}
	if got := is(); len(got) != 0 {
		t.Errorf("after the review: %q", got)
	}
}

// TestLiftedByARequest: a measure that a request lifted which is no undo is over. The desk
// says so, in its layer alone, and drafts no undo of it.
func TestLiftedByARequest(t *testing.T) {
	h := byHand(t, desktest.Options{})
	lift := func(k actions.Kind, value string, before func()) actions.Request {
		r := h.Request("ann", acts.Wish{Kind: k, Subject: "plaza:acct/3", Value: value, Case: "case-1", Reason: "wrong"})
		if r.Status == actions.StatusHeld {
			r = h.Countersign(r.ID, "kim")
		}
		before()
		return h.became(r, proof.Executed)
	}
	restored := h.became(h.ask(actions.AccountTakedown), proof.Executed)
	label := h.became(h.ask(actions.AccountLabel), proof.Executed)
	limit := h.became(h.ask(actions.AccountLimit, func(w *acts.Wish) { w.Until = canonical.At(time.Now().Add(time.Hour)) }), proof.Executed)
	longer := h.became(h.ask(actions.AccountLimit), proof.Executed)
	for _, c := range []struct {
		of    actions.Request
		kind  actions.Kind
		value string
	}{{label, actions.AccountUnlabel, "spam"}, {longer, actions.AccountUnlimit, ""}, {restored, actions.AccountRestore, ""}} {
		by := lift(c.kind, c.value, func() {
			if got := h.now(c.of.ID); got.LiftedBy != "" {
				t.Errorf("%s: lifted by %s before that is done", c.kind, got.LiftedBy)
			}
		})
		if got := h.now(c.of.ID); got.LiftedBy != by.ID || got.Status != actions.StatusExecuted {
			t.Errorf("%s: %s, lifted by %q, not %s", c.kind, got.Status, got.LiftedBy, by.ID)
		}
		_, err := h.Desk.DraftUndo(t.Context(), desktest.As("ann"), c.of.ID, acts.UndoWish{Reason: "x"})
		noWith(t, "the undo of what was lifted", err, "not-in-force", "The request "+by.ID+" ("+string(c.kind)+") lifted the measure of this one.")
		all, _, err := h.Requests(t.Context(), desktest.As("kim"), acts.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			if r.ID == c.of.ID && r.LiftedBy != by.ID || r.ID == by.ID && r.LiftedBy != "" {
				t.Errorf("in a list %s is lifted by %q", r.ID, r.LiftedBy)
			}
		}
	}
	if got := h.now(limit.ID); got.LiftedBy == "" || got.LiftedBy != h.now(longer.ID).LiftedBy || got.ReplacedBy != longer.ID {
		t.Errorf("the first limit is lifted by %q and replaced by %q", got.LiftedBy, got.ReplacedBy)
	}
}

// TestLiftAlone: the draft of a lift that others must countersign names the undo that its
// requester needs nobody for, and names none where the undo is held too.
func TestLiftAlone(t *testing.T) {
	h := byHand(t, desktest.Options{})
	told := func(by workforce.WorkerID, k actions.Kind, value string) string {
		t.Helper()
		d, err := h.Desk.Draft(t.Context(), desktest.As(by), acts.Wish{Kind: k, Subject: "plaza:acct/3", Case: "case-1", Value: value, Reason: "A mistake."})
		if err != nil {
			t.Fatal(err)
		}
		if d.Verdict != policy.Held {
			t.Fatalf("%s is %s", k, d.Verdict)
		}
		for _, r := range d.Reasons {
			if r.Policy == "undo" {
				return r.Text
			}
		}
		return ""
	}
	lift := map[actions.Kind]actions.Kind{actions.AccountTakedown: actions.AccountRestore, actions.AccountLimit: actions.AccountUnlimit, actions.AccountLabel: actions.AccountUnlabel}
	for k, inverse := range lift {
		r := h.became(h.ask(k), proof.Executed)
		value := ""
		if k == actions.AccountLabel {
			value = "spam"
		}
		for _, by := range []workforce.WorkerID{"ann", "bob"} {
			if text := told(by, inverse, value); !strings.Contains(text, "you can lift it alone") || !strings.HasSuffix(text, "countersign action undo "+r.ID+" --reason WHY") {
				t.Errorf("%s asks for %s: %q", by, inverse, text)
			}
		}
		h.p.SetLayer("", "acct/3", r.Action.Command.Layer, platform.Expect{Status: r.Action.Command.After().Status, Mark: "CSGN-nothing"})
		if text := told("ann", inverse, value); text != "" {
			t.Errorf("a mark of no request: %q", text)
		}
		h.p.SetLayer("", "acct/3", r.Action.Command.Layer, platform.Expect{Status: r.Action.Command.Layer.Clear()})
	}
	legal := h.Request("ann", acts.Wish{Kind: actions.AccountLimit, Subject: "plaza:acct/3", Case: "case-1", Category: actions.CategoryLegal})
	h.became(h.Countersign(legal.ID, "kim"), proof.Executed)
	if text := told("ann", actions.AccountUnlimit, ""); text != "" {
		t.Errorf("a legal measure: %q", text)
	}
}
