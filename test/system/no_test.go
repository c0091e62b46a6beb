package system

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/executor"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/link"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// TestNoInTheLedger: somebody declines, and the desk's operator sets the request's row
// back and goes on with the signatures in hand. The executor has just started and talks
// to the real desk over the real link. It finds the no in the ledger, by asking the desk
// for bodies, since too many entries have come for their bodies to come with the leaves.
// Without the no's body nothing is done and the warrant is not spent; with it the request
// is void. An undo asks for nothing.
func TestNoInTheLedger(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		undoable := measure(t, to)
		r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		to.Countersign(r.ID, "lee")
		draft, err := to.DraftVerdict(t.Context(), desktest.As("eva"), r.ID, actions.VerdictDecline, "")
		if err != nil {
			t.Fatal(err)
		}
		if r, err = to.Decline(t.Context(), desktest.As("eva"), r.ID, to.Signed("eva", draft), false, "no"); err != nil || r.Status != actions.StatusDeclined {
			t.Fatalf("the request is %s, %v", r.Status, err)
		}
		no := entryOf(t, to.World, entry.KindDecline)
		revive(t, to, r.ID, no)
		to.StopExecutor()
		if r = to.Countersign(r.ID, "kim"); r.Status != actions.StatusApproved {
			t.Fatalf("the request is %s", r.Status)
		}
		raw, err := to.Warrant(t.Context(), desktest.As("kim"), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := to.Store.Write(t.Context(), func(tx *store.Tx) error {
			for range 1100 { // more than come with the leaves
				tx.Append(ledger.Draft{Class: ledger.Desk, Kind: "comment", Data: map[string]any{}, Expect: ledger.AnyNumber})
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		tamper(t, to.World, `delete from ledger_body where idx = $1`, no.Index)

		e := linked(t, to)
		for range 2 {
			if got, err := e.Carry(t.Context(), raw, patience); !fault.Is(err, "entry-withheld") {
				t.Fatalf("without the no's body: %+v, %v", got, err)
			}
		}
		undo, err := to.TryUndo("ann", undoable.ID)
		if err != nil {
			t.Fatal(err)
		}
		lifts, err := to.Warrant(t.Context(), desktest.As("kim"), undo.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Carry(t.Context(), lifts, patience); err != nil || got.Outcome != proof.Executed {
			t.Errorf("undo meanwhile: %+v, %v", got, err)
		}
		tamper(t, to.World, `insert into ledger_body (idx, body, salt) values ($1, $2, $3)`, no.Index, no.BodyBytes, []byte(no.Salt))
		if got, err := e.Carry(t.Context(), raw, patience); err != nil || got.Outcome != proof.Refused || got.Type != "declined" {
			t.Errorf("with the no's body: %+v, %v", got, err)
		}
		if n := len(to.Changes("acct/1")); n != 0 {
			t.Errorf("plaza changed the head of state's account %d times", n)
		}
		if bodies, err := to.Bodies(t.Context(), 0, no.Index+1); err != nil || int64(len(bodies)) != no.Index+1 {
			t.Errorf("the desk gives %d bodies, %v", len(bodies), err)
		}
		if _, err := to.Bodies(t.Context(), 0, 1<<40); !fault.Is(err, "ledger-shorter") {
			t.Errorf("beyond its end: %v", err)
		}
	})
}

// revive writes into a request's row that it is open, and takes the entry that says
// otherwise out of the index by which the desk finds it.
func revive(t *testing.T, to *desktest.Town, request string, no ledger.Entry) {
	t.Helper()
	tamper(t, to.World, `update request set status = 'held', outcome = '', outcome_text = '' where id = $1`, request)
	tamper(t, to.World, `delete from ledger_about where idx = $1`, no.Index)
}

// TestRevivedChange: somebody takes a change of the desk back, and whoever edits the
// database has the desk carry it out with the last signature. The executor goes on
// undoing and burdens nobody by such a chain.
func TestRevivedChange(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		undoable := measure(t, to)
		act := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		to.StopExecutor()
		e := linked(t, to)
		r := to.Request("ada", acts.Wish{Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: "new", Name: "New"}}})
		r = to.Countersign(r.ID, "bea")
		if _, err := to.TryWithdraw("ada", r.ID, r.Version); err != nil {
			t.Fatal(err)
		}
		revive(t, to, r.ID, entryOf(t, to.World, entry.KindWithdraw))
		if r = to.Countersign(r.ID, "cem"); r.Status != actions.StatusExecuted {
			t.Fatalf("the change is %s", r.Status)
		}
		until(t, "the executor has stopped", func() bool { return strings.Contains(e.Status().Stopped, "was withdrawn before it was carried out") })
		if act = to.Countersign(act.ID, "lee", "kim"); act.Status != actions.StatusApproved {
			t.Fatalf("the act is %s", act.Status)
		}
		raw, err := to.Warrant(t.Context(), desktest.As("kim"), act.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Carry(t.Context(), raw, patience); fault.KindOf(err) != fault.Unavailable || !strings.Contains(fault.TextOf(err), "withdrawn") {
			t.Errorf("burdening: %+v, %v", got, err)
		}
		undo, err := to.TryUndo("ann", undoable.ID)
		if err != nil {
			t.Fatal(err)
		}
		lifts, err := to.Warrant(t.Context(), desktest.As("ann"), undo.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Carry(t.Context(), lifts, patience); err != nil || got.Outcome != proof.Executed {
			t.Errorf("undo: %+v, %v", got, err)
		}
	})
}

// linked starts an executor on a town's journal that talks to the town's desk over a
// link. It runs until the test ends.
func linked(t *testing.T, to *desktest.Town) *executor.Executor {
	t.Helper()
	s := httptest.NewServer(link.Desk(to.Desk, "token"))
	t.Cleanup(s.Close)
	j, err := journal.Open(t.Context(), to.JournalAt)
	if err != nil {
		t.Fatal(err)
	}
	e, err := executor.New(t.Context(), executor.Config{ID: desktest.ExecutorID, Key: to.ExecutorKey, Root: to.Root, Journal: j, Now: to.ExecutorNow,
		Platforms: map[string]platform.Connector{"plaza": to.Connector}, Desk: link.DialDesk(s.URL, "token"), Limits: executor.Limits{Entry: patience}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		j.Close()
	})
	until(t, "the executor runs", e.Running)
	return e
}
