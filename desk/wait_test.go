package desk_test

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/store"
)

// withWaits is the built-in set where protected subjects and budgets wait for an hour.
func withWaits() map[string]string {
	files := policy.Default()
	files["wait.cedar"] = `@id("wait") @reason("The subject is protected: it waits for an hour.") @hold("1 independent; wait 1h")
forbid (principal, action in Action::"measures", resource) when { resource.tier == Tier::"protected" };
@id("wait-budgets") @reason("Budgets wait for an hour.") @hold("2 independent; wait 1h")
forbid (principal, action == Action::"desk.change", resource) when { resource.part == Part::"budgets" };
`
	return files
}

// A held request is approved by itself when its wait is over, counted from the
// ledger's entries; executor and an outsider with the warrant count the same.
func TestWaitEndsByItself(t *testing.T) {
	desktest.Both(t, func(t *testing.T, o desktest.Options) {
		o.Policy = withWaits()
		to := desktest.NewTown(t, o)
		r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		to.Clock().Advance(30 * time.Minute)
		if r = to.Countersign(r.ID, "lee"); r.Status != actions.StatusHeld || !strings.Contains(r.Missing, "waiting") {
			t.Fatalf("%s: %s", r.Status, r.Missing)
		}
		budgets := actions.Setting{Of: actions.PartBudgets, Budgets: actions.DefaultBudgets()}
		budgets.Budgets[0].Limit = 77
		b := to.Request("ada", acts.Wish{Kind: actions.DeskChange, Change: budgets})
		if b = to.Countersign(b.ID, "bea", "cem"); b.Status != actions.StatusHeld {
			t.Fatalf("the change of budgets is %s", b.Status)
		}
		to.Clock().Advance(45 * time.Minute) // an hour after the request, not after the signature
		// Another signature brings it up in between, and changes nothing.
		if r = to.Countersign(r.ID, "kim"); r.Status != actions.StatusHeld {
			t.Fatalf("before its wait is over the request is %s", r.Status)
		}
		noJobDue(t, to) // it was looked at again, in vain
		to.Clock().Advance(16 * time.Minute)
		desktest.Until(t, "the request is executed", func() bool {
			now, err := to.RequestByID(t.Context(), desktest.As("ann"), r.ID)
			return err == nil && now.Status == actions.StatusExecuted
		})
		if st := to.State("acct/2"); st.Status != platform.Down {
			t.Errorf("plaza shows %s", st.Status)
		}
		raw, err := to.Warrant(t.Context(), desktest.As("ann"), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		report, err := proof.Verify(raw, proof.Trust{Root: to.Root})
		if err != nil || len(report.Warrant.Waited) != 1 || len(report.Signers) != 1 || report.Signers[0].Worker != "lee" {
			t.Errorf("%v: %+v", err, report.Signers)
		}
		desktest.Until(t, "the change of budgets is applied", func() bool {
			now, err := to.RequestByID(t.Context(), desktest.As("ada"), b.ID)
			return err == nil && now.Status == actions.StatusExecuted
		})
		s, err := to.Desk.State(t.Context())
		if err != nil || s.Budgets[0].Limit != 77 {
			t.Errorf("%+v, %v", s.Budgets, err)
		}
		to.Followed()
		if st := to.Executor.Status(); st.Stopped != "" || st.Governance != s.Next {
			t.Errorf("the executor has followed to %d of %d: %s", st.Governance, s.Next, st.Stopped)
		}
		// Replayed, both held then and were filled; without the wait they would need less.
		bt := backtest(t, to, withWaits())
		if bt.FindingsN != 0 || len(bt.Changes) != 0 {
			t.Errorf("%+v, %v", bt.Changes, bt.Findings)
		}
		bt = backtest(t, to, policy.Default())
		if got := turns(bt); got != "needs-fewer critical ada, needs-fewer protected ann" || !bt.Changes[1].Filled || !bt.Changes[1].WouldFill {
			t.Errorf("without the wait: %s", got)
		}
	})
}

// Who signs cannot date back what the ledger dates, beyond the time that a draft is good for.
func TestWaitIsNotDatedBack(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		o.Policy = withWaits()
		o.Policy["wait.cedar"] = strings.ReplaceAll(o.Policy["wait.cedar"], "wait 1h", "wait 10m")
		to := desktest.NewTown(t, o)
		back := func(s *actions.Statement) { s.NotBefore = canonical.At(s.NotBefore.Add(-14 * time.Minute)) }
		d, err := to.Draft(t.Context(), desktest.As("ann"), desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		if err != nil {
			t.Fatal(err)
		}
		back(&d.Statement)
		d.Statement.Expires = canonical.At(d.Statement.NotBefore.Add(24 * time.Hour))
		r, err := to.Desk.Request(t.Context(), desktest.As("ann"), to.Submission("ann", d))
		if err != nil {
			t.Fatal(err)
		}
		v, err := to.DraftVerdict(t.Context(), desktest.As("lee"), r.ID, actions.VerdictCountersign, "")
		if err != nil {
			t.Fatal(err)
		}
		back(&v.Statement)
		r, err = to.Desk.Countersign(t.Context(), desktest.As("lee"), r.ID, to.Signed("lee", v))
		if err != nil || r.Status != actions.StatusHeld {
			t.Errorf("it is %s, %v", r.Status, err)
		}
	})
}

// noJobDue waits until no look at a waiting request is due.
func noJobDue(t *testing.T, to *desktest.Town) {
	t.Helper()
	desktest.Until(t, "what is due has been looked at", func() bool {
		due := 0
		err := to.Store.Read(t.Context(), func(tx *store.Tx) error {
			return tx.QueryRow(`select count(*) from job where kind = 'desk.wait' and (due <= $1 or state = 'running')`, to.Clock().Now().UnixMicro()).Scan(&due)
		})
		return err == nil && due == 0
	})
}

// A signature that comes when the others have waited approves as well, and a
// replay counts the wait as the desk did.
func TestSignatureAfterTheWait(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		o.Policy = withWaits()
		to := desktest.NewTown(t, o)
		r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		to.Countersign(r.ID, "lee")
		to.Rest() // so that nobody looks when the wait is over
		to.Clock().Advance(61 * time.Minute)
		if r = to.Countersign(r.ID, "kim"); r.Status != actions.StatusApproved {
			t.Fatalf("it is %s: %s", r.Status, r.Missing)
		}
		if b := backtest(t, to, withWaits()); b.FindingsN != 0 || len(b.Changes) != 0 {
			t.Errorf("%+v, %v", b.Changes, b.Findings)
		}
	})
}
