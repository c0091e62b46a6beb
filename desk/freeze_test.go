package desk_test

import (
	"slices"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

func freezing(scope, of string) acts.Wish {
	return acts.Wish{Kind: actions.DeskFreeze, Change: actions.Freeze{Op: "freeze", Scope: scope, Of: of}}
}

// Law 2: one on-call worker freezes, which pages the officers and stops burdening
// acts at once; undo and declines go on; several thaw.
func TestLaw2FreezeStopsBurdeningActs(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		measure := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")))
		held := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		before := len(raised(t, to.World))
		r := to.Request("ole", freezing(actions.ScopeAll, ""))
		if r.Status != actions.StatusExecuted {
			t.Fatalf("the freeze is %s: %s", r.Status, r.Missing)
		}
		if got := raised(t, to.World)[before:]; !slices.Equal(got, []string{"frozen page"}) {
			t.Errorf("alarms %q", got)
		}
		_, err := to.TryRequest("bob", desktest.Wish(actions.AccountTakedown, "plaza:@shop"))
		refused(t, err, "frozen")
		_, err = to.TryCountersign("lee", held.ID)
		refused(t, err, "frozen")
		_, err = to.TryRequest("ada", acts.Wish{Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartBudgets, Budgets: actions.DefaultBudgets()}})
		refused(t, err, "frozen")
		u, err := to.TryUndo("ann", measure.ID)
		if err != nil {
			t.Fatal(err)
		}
		if u = to.Settled("ann", u); u.Status != actions.StatusExecuted {
			t.Errorf("the undo is %s: %s", u.Status, u.OutcomeText)
		}
		d, err := to.DraftVerdict(t.Context(), desktest.As("lee"), held.ID, actions.VerdictDecline, "")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := to.Desk.Decline(t.Context(), desktest.As("lee"), held.ID, to.Signed("lee", d), false, "no"); err != nil || got.Status != actions.StatusDeclined {
			t.Errorf("the decline: %s, %v", got.Status, err)
		}
		to.Change(actions.DeskFreeze, actions.Freeze{Op: "thaw", Scope: actions.ScopeAll})
		if _, err := to.TryRequest("bob", desktest.Wish(actions.AccountTakedown, "plaza:@shop")); err != nil {
			t.Errorf("thawed: %v", err)
		}
	})
}

// What the executor took while the desk was away for so long that its signature ran
// out is in force all the same, from when it was taken, and can be thawed.
func TestTakenLongAgo(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := staffed(t, o)
		w.Run()
		e := taken(t, w, "ole", freezing(actions.ScopeWorker, "ann"))
		e.At = canonical.At(w.Clock().Now())
		w.Clock().Advance(25 * time.Hour)
		before := len(raised(t, w))
		w.Enter(e, nil)
		key := actions.Freeze{Scope: actions.ScopeWorker, Of: "ann"}.Key()
		var s *proof.State
		desktest.Until(t, "it is in the chain", func() bool {
			var err error
			s, err = w.State(t.Context())
			return err == nil && s.Spent(e.Request)
		})
		if f := s.Freezes[key]; f.By != "ole" || !f.At.Equal(e.At.Time) {
			t.Errorf("frozen: %+v", s.Freezes)
		}
		if got := raised(t, w)[before:]; !slices.Equal(got, []string{"frozen page"}) {
			t.Errorf("alarms %q", got)
		}
		if n := kinds(t, w, 0)["taken-refused"]; n != 0 {
			t.Errorf("it was refused as well, %d times", n)
		}
		w.Change(actions.DeskFreeze, actions.Freeze{Op: "thaw", Scope: actions.ScopeWorker, Of: "ann"})
	})
}

// The desk says before anybody signs in vain what the executor would say: who is
// locked until a review, that a review leaves somebody out, and what may be
// confirmed.
func TestEmergencyAtTheDesk(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		contain := func(subject string) acts.Wish {
			return acts.Wish{Kind: actions.AccountContain, Subject: subject, Reason: "raid", Until: canonical.At(to.Clock().Now().Add(20 * time.Minute))}
		}
		first := to.Settled("ole", to.Request("ole", contain("plaza:@neighbour")))
		if first.Status != actions.StatusExecuted {
			t.Fatalf("%s: %s", first.Status, first.OutcomeText)
		}
		_, err := to.TryRequest("ole", contain("plaza:@shop"))
		refused(t, err, "not-reviewed")

		takedown := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")))
		if takedown.Status != actions.StatusExecuted || takedown.Action.Command.Confirms() != first.ID {
			t.Fatalf("the takedown in its place is %s: %s", takedown.Status, takedown.OutcomeText)
		}
		if st := to.State("acct/3"); !st.Is(platform.Down, platform.MarkOf(takedown.ID)) {
			t.Errorf("plaza shows %s under %q", st.Status, st.Mark)
		}
		// The takedown is no emergency act, and nothing takes its place.
		_, err = to.TryRequest("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
		refused(t, err, "wrong-state")

		review := func(involved ...workforce.WorkerID) acts.Wish {
			return acts.Wish{Kind: actions.DeskReview, Change: actions.Review{Of: actions.ReviewEmergency, ID: first.ID, Involved: involved, Findings: canonical.Sum(nil)}}
		}
		_, err = to.TryRequest("ada", review("kim"))
		refused(t, err, "involved-left-out")
		wrong := review("ann")
		wrong.Change = actions.Review{Of: actions.ReviewEmergency, ID: takedown.ID, Involved: []workforce.WorkerID{"ann"}, Findings: canonical.Sum(nil)}
		_, err = to.TryRequest("ada", wrong)
		refused(t, err, "no-such-emergency")
		to.Change(actions.DeskReview, review("ole").Change)
		to.Followed()
		second := to.Settled("ole", to.Request("ole", contain("plaza:@shop")))
		if second.Status != actions.StatusExecuted {
			t.Errorf("after the review: %s, %s", second.Status, second.OutcomeText)
		}
		_, err = to.TryUndo("bob", second.ID)
		if err != nil {
			t.Errorf("an undo: %v", err)
		}
	})
}

// Where a tier is only observed, the desk says what would be ruled and takes
// nothing in.
func TestObservedTier(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		held := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		to.Change(actions.DeskChange, actions.Setting{Of: actions.PartModes, Mode: &actions.Mode{Platform: "plaza", Tier: actions.Protected, Mode: actions.Observe}})
		d, err := to.Draft(t.Context(), desktest.As("ann"), desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		if err != nil {
			t.Fatal(err)
		}
		if d.Need.Independent != 1 || !slices.ContainsFunc(d.Reasons, func(r proof.Reason) bool { return r.Policy == "observing" }) {
			t.Errorf("the draft needs %s, because of %v", d.Need, d.Reasons)
		}
		_, err = to.TryRequest("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		refused(t, err, "observing")
		_, err = to.TryCountersign("lee", held.ID)
		refused(t, err, "observing")
		if r := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))); r.Status != actions.StatusExecuted {
			t.Errorf("on another tier: %s", r.Status)
		}
	})
}
