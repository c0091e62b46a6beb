package desk_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// TestRevivedByWhoeverEditsRows: a request that came to its end is over, for an act and
// for a change of the desk, whatever somebody writes into its row: neither the signature
// that was missing nor the end of a wait has anything done. A thaw that one person
// declined goes on.
func TestRevivedByWhoeverEditsRows(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		o.Policy = withWaits()
		to := desktest.NewTown(t, o)
		revive := func(r actions.Request) {
			t.Helper()
			change(t, to, `update request set status = 'held', outcome = '', outcome_text = '' where id = $1`, r.ID)
		}
		decline := func(by workforce.WorkerID, r actions.Request) actions.Request {
			t.Helper()
			d, err := to.DraftVerdict(t.Context(), desktest.As(by), r.ID, actions.VerdictDecline, "")
			if err != nil {
				t.Fatal(err)
			}
			if r, err = to.Decline(t.Context(), desktest.As(by), r.ID, to.Signed(by, d), false, "no"); err != nil {
				t.Fatal(err)
			}
			return r
		}
		withdraw := func(r actions.Request) {
			t.Helper()
			if _, err := to.TryWithdraw(r.Requester(), r.ID, r.Version); err != nil {
				t.Fatal(err)
			}
		}
		head := func() (n int64) {
			t.Helper()
			s, err := to.Desk.State(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return s.Next
		}

		act := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		if act = decline("eva", to.Countersign(act.ID, "lee")); act.Status != actions.StatusDeclined {
			t.Fatalf("the act is %s", act.Status)
		}
		revive(act)
		_, err := to.TryCountersign("kim", act.ID)
		refused(t, err, "not-open")
		for _, kind := range []string{"expire", "void"} {
			act := to.Countersign(to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president")).ID, "lee")
			if err := to.Store.Write(t.Context(), func(tx *store.Tx) error {
				tx.Append(ledger.Draft{Class: ledger.Desk, Kind: kind, Data: entry.End{Request: act.ID}, Expect: ledger.AnyNumber}).About(act.ID)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			_, err := to.TryCountersign("kim", act.ID)
			refused(t, err, "not-open")
		}

		vendor := to.Request("ada", acts.Wish{Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: "new", Name: "New"}}})
		vendor = to.Countersign(vendor.ID, "bea")
		withdraw(vendor)
		revive(vendor)
		before := head()
		_, err = to.TryCountersign("cem", vendor.ID)
		refused(t, err, "not-open")

		budgets := actions.Setting{Of: actions.PartBudgets, Budgets: actions.DefaultBudgets()}
		budgets.Budgets[0].Limit = 77
		waits := to.Request("ada", acts.Wish{Kind: actions.DeskChange, Change: budgets})
		if waits = to.Countersign(waits.ID, "bea", "cem"); waits.Status != actions.StatusHeld {
			t.Fatalf("the change of budgets is %s", waits.Status)
		}
		withdraw(waits)
		revive(waits)
		to.Clock().Advance(2 * time.Hour)
		desktest.Until(t, "its job is done", func() bool {
			left := 0
			err := to.Store.Read(t.Context(), func(tx *store.Tx) error {
				return tx.QueryRow(`select count(*) from job where kind = 'desk.wait' and unique_key = $1`, waits.ID).Scan(&left)
			})
			return err == nil && left == 0
		})
		if n := head(); n != before {
			t.Errorf("the governance chain grew by %d", n-before)
		}

		to.Change(actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: "cem"})
		thaw := to.Request("bea", acts.Wish{Kind: actions.DeskFreeze, Change: actions.Freeze{Op: "thaw", Scope: actions.ScopeWorker, Of: "cem"}})
		if thaw = decline("ada", thaw); thaw.Status != actions.StatusHeld {
			t.Fatalf("the thaw is %s", thaw.Status)
		}
		if thaw = to.Countersign(thaw.ID, "cem"); thaw.Status != actions.StatusExecuted {
			t.Errorf("the thaw is %s: %s", thaw.Status, thaw.Missing)
		}
	})
}
