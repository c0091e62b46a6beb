package desk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// lasting is a suspension for some time from now.
func lasting(to *desktest.Town, subject string, d time.Duration) acts.Wish {
	w := desktest.Wish(actions.AccountSuspend, subject)
	w.Until = canonical.At(to.Clock().Now().Add(d))
	return w
}

// carriedOut asks for an act and waits until it is carried out.
func carriedOut(t *testing.T, to *desktest.Town, w acts.Wish) actions.Request {
	t.Helper()
	r := to.Settled("ann", to.Request("ann", w))
	if r.Status != actions.StatusExecuted {
		t.Fatalf("%s of %s is %s: %s", w.Kind, w.Subject, r.Status, r.OutcomeText)
	}
	return r
}

// undone undoes a request and waits until that is carried out.
func undone(t *testing.T, to *desktest.Town, id string) {
	t.Helper()
	u, err := to.TryUndo("ann", id)
	if err != nil {
		t.Fatal(err)
	}
	if u = to.Settled("ann", u); u.Status != actions.StatusExecuted {
		t.Fatalf("the undo is %s: %s", u.Status, u.OutcomeText)
	}
}

// TestOwnerAwayFirst: a takedown and a suspension of an account that its owner has
// deactivated are drafted and carried out, and lifting them leaves what the owner chose.
func TestOwnerAwayFirst(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		own := to.Owner("acct/3")
		is := func(status platform.Status, m platform.Mark) {
			t.Helper()
			if now := to.State("acct/3"); !now.Is(status, m) {
				t.Fatalf("it is %s", platform.Describe(now.Status, now.Mark))
			}
		}
		own.Does("POST", "deactivate")
		first := carriedOut(t, to, desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
		is(platform.Down, platform.MarkOf(first.ID))
		undone(t, to, first.ID)
		is(platform.Deactivated, "")
		_, err := to.TryRequest("ann", desktest.Wish(actions.AccountDeactivate, "plaza:@neighbour"))
		refused(t, err, "wrong-state")
		second := carriedOut(t, to, lasting(to, "plaza:@neighbour", time.Hour))
		own.Does("POST", "reactivate")
		to.Clock().Advance(61 * time.Minute)
		desktest.Until(t, "the suspension is over", func() bool { return to.State("acct/3").Is(platform.Up, "") })
		desktest.Until(t, "the desk knows it", func() bool {
			r, err := to.RequestByID(t.Context(), desktest.As("ann"), second.ID)
			return err == nil && r.Status == actions.StatusLifted
		})
		// What staff deactivated under a mark is not hidden: that would be lost.
		third := carriedOut(t, to, desktest.Wish(actions.AccountDeactivate, "plaza:@neighbour"))
		_, err = to.TryRequest("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
		refused(t, err, "wrong-state")
		undone(t, to, third.ID)
	})
}

// TestLongerMeasure: on a real plaza a suspension is made longer, and then a takedown,
// and the account is not up in between. The end of a shorter one lifts nothing, the undo
// of one that was replaced is refused when it is drafted and names the newest, and the
// undo of the newest lifts all of them.
func TestLongerMeasure(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		first := carriedOut(t, to, lasting(to, "plaza:@neighbour", time.Hour))
		second := carriedOut(t, to, lasting(to, "plaza:@neighbour", 2*time.Hour))
		_, err := to.TryRequest("ann", lasting(to, "plaza:@neighbour", time.Hour))
		refused(t, err, "wrong-state") // no longer than it is
		instead := func(of, by string) {
			t.Helper()
			if r, err := to.RequestByID(t.Context(), desktest.As("ann"), of); err != nil || r.ReplacedBy != by {
				t.Errorf("%s is replaced by %q: %v", of, r.ReplacedBy, err)
			}
			list, _, err := to.Requests(t.Context(), desktest.As("ann"), acts.Filter{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				if r.ID == of && r.ReplacedBy != by || r.ID == by && r.ReplacedBy != "" {
					t.Errorf("in a list %s is replaced by %q", r.ID, r.ReplacedBy)
				}
			}
			_, err = to.TryUndo("ann", of)
			if refused(t, err, "replaced"); strings.Count(fault.TextOf(err), by) != 2 {
				t.Errorf("refused with %q, expected %s", fault.TextOf(err), by)
			}
		}
		instead(first.ID, second.ID)
		third := carriedOut(t, to, desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
		instead(first.ID, third.ID)
		instead(second.ID, third.ID)
		entered := kinds(t, to.World, 0)["refusal"]
		to.Clock().Advance(3 * time.Hour)
		desktest.Until(t, "both ends were looked at", func() bool { return kinds(t, to.World, 0)["refusal"] == entered+2 })
		want := []desktest.Change{{Status: platform.Down, Mark: platform.MarkOf(first.ID)}, {Status: platform.Down, Mark: platform.MarkOf(second.ID)},
			{Status: platform.Down, Mark: platform.MarkOf(third.ID)}, {Status: platform.Up}}
		undone(t, to, third.ID)
		if diff := cmp.Diff(want, to.Changes("acct/3")); diff != "" {
			t.Errorf("plaza's changes: %s", diff)
		}
		for _, r := range []actions.Request{first, second, third} {
			_, err := to.TryUndo("ann", r.ID)
			refused(t, err, "not-in-force")
		}
	})
}
