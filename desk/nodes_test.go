package desk_test

import (
	"fmt"
	"sync"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/platform"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/workforce"
)

// TestTwoNodes: a request goes in at one node and is countersigned at the other,
// and whoever waits at the first is told, as is the executor, which follows
// the first alone.
func TestTwoNodes(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{URL: sqldbtest.Postgres(t)})
	other := to.Second()
	r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
	other.Countersign(r.ID, "lee")
	other.Countersign(r.ID, "kim")
	// The executor's own poll comes too late for this: the first node looks for the
	// other's entries.
	if r = to.Settled("ann", approved(t, to.World, r)); r.Status != actions.StatusExecuted {
		t.Fatalf("%s: %s", r.Status, r.OutcomeText)
	}
	undo, err := other.TryUndo("ann", r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if undo = to.Settled("ann", undo); undo.Status != actions.StatusExecuted {
		t.Fatalf("undo: %s: %s", undo.Status, undo.OutcomeText)
	}
	if st := to.State("acct/1"); !st.Is(platform.Up, "") {
		t.Errorf("plaza shows %s", platform.Describe(st.Status, st.Mark))
	}
	if n := len(to.Changes("acct/1")); n != 2 {
		t.Errorf("plaza changed %d times, want 2", n)
	}
	// The second node knows who left by what the first entered.
	end := to.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "lee"}})
	if end.Status != actions.StatusExecuted {
		t.Fatalf("ending an engagement is %s: %s", end.Status, end.Missing)
	}
	held, err := other.TryRequest("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.TryCountersign("lee", held.ID)
	refused(t, err, "engagement-ended")
	audit(t, to.World)
}

// approved waits, at one node, for what another node does.
func approved(t *testing.T, w *desktest.World, r actions.Request) actions.Request {
	t.Helper()
	for r.Status == actions.StatusHeld {
		next, err := w.Wait(t.Context(), desktest.As("ann"), r.ID, r.Version)
		if err != nil {
			t.Fatal(err)
		}
		r = next
	}
	return r
}

// TestGovernanceFromTwoNodes: changes of the desk made at both nodes at once all
// take effect, in one chain without gap, and both nodes agree on it.
func TestGovernanceFromTwoNodes(t *testing.T) {
	one := desktest.New(t, desktest.Options{URL: sqldbtest.Postgres(t)})
	one.Staff()
	two := one.Node(desktest.Options{})
	before, err := one.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const each = 12
	var wait sync.WaitGroup
	for n, w := range []*desktest.World{one, two} {
		wait.Go(func() {
			for i := range each {
				v := workforce.Vendor{ID: workforce.VendorID(fmt.Sprintf("vendor-%d-%d", n, i)), Name: "A vendor", Ratchet: 14}
				if err := admitVendor(w, v); err != nil {
					t.Errorf("node %d: %v", n, err)
				}
			}
		})
	}
	wait.Wait()
	for n, w := range []*desktest.World{one, two} {
		s, err := w.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for m := range 2 {
			for i := range each {
				if _, ok := s.People.Vendors[workforce.VendorID(fmt.Sprintf("vendor-%d-%d", m, i))]; !ok {
					t.Errorf("node %d lost vendor-%d-%d", n, m, i)
				}
			}
		}
		if s.Next != before.Next+2*each {
			t.Errorf("node %d has %d governance entries, want %d", n, s.Next, before.Next+2*each)
		}
	}
	numbers := int64(0)
	for _, e := range since(t, one, 0) {
		if e.Leaf.Class != ledger.Governance {
			continue
		}
		if e.Leaf.Number != numbers {
			t.Errorf("governance entry %d came where %d was expected", e.Leaf.Number, numbers)
		}
		numbers++
	}
	audit(t, one)
	// A third node, which was not there, folds the same.
	third := one.Node(desktest.Options{})
	s, err := third.State(t.Context())
	if err != nil || s.Next != before.Next+2*each {
		t.Errorf("a new node has %d governance entries, %v", s.Next, err)
	}
}

// admitVendor makes a change that two more officers must sign. A desk that says
// that it is busy is asked again, as its text says.
func admitVendor(w *desktest.World, v workforce.Vendor) error {
	persist := func(do func() (actions.Request, error)) (r actions.Request, err error) {
		for r, err = do(); fault.Is(err, "busy"); r, err = do() {
		}
		return r, err
	}
	r, err := persist(func() (actions.Request, error) {
		return w.TryRequest("ada", acts.Wish{Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartVendors, Vendor: &v}, Reason: "test"})
	})
	for _, by := range []workforce.WorkerID{"bea", "cem"} {
		if err == nil {
			r, err = persist(func() (actions.Request, error) { return w.TryCountersign(by, r.ID) })
		}
	}
	if err == nil && r.Status != actions.StatusExecuted {
		err = fmt.Errorf("the change is %s: %s", r.Status, r.Missing)
	}
	return err
}

// audit recomputes the ledger from its rows.
func audit(t *testing.T, w *desktest.World) {
	t.Helper()
	if _, err := w.Store.Audit(t.Context()); err != nil {
		t.Errorf("the ledger does not audit: %v", err)
	}
}
