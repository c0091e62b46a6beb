package desk_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/workforce"
)

// A node judges by the state it knows; what another node has entered since
// counts all the same, for a yes, a no and a read.
func TestJudgedByTheNewest(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{URL: sqldbtest.Postgres(t)})
	other := to.Second()
	end := func(w workforce.WorkerID) {
		t.Helper()
		r := to.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: w}})
		if r.Status != actions.StatusExecuted {
			t.Fatalf("ending an engagement is %s: %s", r.Status, r.Missing)
		}
	}
	drafted := func(by workforce.WorkerID, subject string) acts.Submission {
		t.Helper()
		d, err := other.Draft(t.Context(), desktest.As(by), desktest.Wish(actions.AccountTakedown, subject))
		if err != nil {
			t.Fatal(err)
		}
		return other.Submission(by, d)
	}
	held, ready := drafted("ann", "plaza:@singer"), drafted("abe", "plaza:@neighbour")
	seen := drafted("bob", "plaza:@singer")
	r, err := other.Desk.Request(t.Context(), desktest.As("bob"), seen)
	if err != nil {
		t.Fatal(err)
	}

	// A yes: both were engaged when the other node looked last.
	for _, c := range []struct {
		by  workforce.WorkerID
		sub acts.Submission
	}{{"ann", held}, {"abe", ready}} {
		end(c.by)
		before := len(since(t, to.World, 0))
		got, err := other.Desk.Request(t.Context(), desktest.As(c.by), c.sub)
		if err == nil {
			t.Errorf("the request of %s, who has left, is %s", c.by, got.Status)
		}
		_, err = to.RequestByID(t.Context(), desktest.As("kim"), c.sub.Signed.Statement.Request)
		refused(t, err, "no-such-request")
		if new := ofTheDesk(since(t, to.World, int64(before))); len(new) != 1 || new[0].Body.Kind != "refused" {
			t.Errorf("of it were made: %q", kindsOf(new))
		}
	}

	// A read.
	end("bob")
	_, err = other.RequestByID(t.Context(), desktest.As("bob"), r.ID)
	refused(t, err, "engagement-ended")

	// A no: who was admitted and enrolled at the first node is known at the other.
	if _, err := other.State(t.Context()); err != nil {
		t.Fatal(err)
	}
	to.Admit(false, workforce.Record{Worker: "zoe", Roles: []workforce.Role{workforce.Agent}, Team: "support", Manager: "gus", Zone: "Europe/Lisbon",
		Start: canonical.At(to.Clock().Now())})
	to.Change(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{to.Enrolment("zoe")}})
	before := len(since(t, to.World, 0))
	ask, _ := to.TokenAsk("zoe", "zoe")
	if _, err := other.SignIn(t.Context(), ask); err != nil {
		t.Errorf("who was enrolled at the first node is told at the other: %v", err)
	}
	if new := ofTheDesk(since(t, to.World, int64(before))); len(new) != 1 || new[0].Body.Kind != "token" {
		t.Errorf("%d entries were made of it", len(new))
	}
	audit(t, to.World)
}

// The same submission at two nodes at once is one request, and both are told so.
func TestRepeatAtTwoNodes(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{URL: sqldbtest.Postgres(t)})
	other := to.Second()
	for range 8 {
		sub := submission(t, to, "ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		before := len(since(t, to.World, 0))
		var both sync.WaitGroup
		for _, w := range []*desktest.World{to.World, other} {
			both.Go(func() {
				r, err := w.Desk.Request(t.Context(), desktest.As("ann"), sub)
				if err != nil || r.ID != sub.Signed.Statement.Request || r.Status != actions.StatusHeld {
					t.Errorf("told %s is %s, %v", r.ID, r.Status, err)
				}
			})
		}
		both.Wait()
		if made := ofTheDesk(since(t, to.World, int64(before))); len(made) != 1 {
			t.Errorf("of it were made: %q", kindsOf(made))
		}
	}
}

// A record of the executor's is entered once and in its turn.
func TestRecordsInTurn(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		to.StopExecutor() // its journal would miss what this test signs
		signed := func(sequence int64, text string) proof.SignedExecution {
			return proof.Execution{V: proof.ExecutionV1, Executor: desktest.ExecutorID, Sequence: sequence, Kind: proof.KindRefusal, Duty: proof.DutyAct,
				Request: "req_elsewhere", Outcome: proof.Refused, Text: text, At: canonical.At(to.Clock().Now()),
				Before: platform.Expect{}}.Sign(to.ExecutorKey)
		}
		before := len(since(t, to.World, 0))
		first, second := signed(0, "first"), signed(1, "second")
		refused(t, to.Desk.Record(t.Context(), second), "sequence-gap")
		for range 2 {
			for _, e := range []proof.SignedExecution{first, second, first} {
				if err := to.Desk.Record(t.Context(), e); err != nil {
					t.Errorf("record %d: %v", e.Execution.Sequence, err)
				}
			}
		}
		refused(t, to.Desk.Record(t.Context(), signed(1, "another")), "sequence-used")
		refused(t, to.Desk.Record(t.Context(), signed(7, "ahead")), "sequence-gap")
		malformed := signed(2, "third").Execution
		malformed.Outcome = proof.Executed
		refused(t, to.Desk.Record(t.Context(), malformed.Sign(to.ExecutorKey)), "bad-record")
		if n := len(since(t, to.World, int64(before))); n != 2 {
			t.Errorf("%d entries were made, want 2", n)
		}
	})
}

// A repeat is answered with its request also when it would be refused by now if
// it were new, and that is no refusal.
func TestRepeatOfWhatIsOver(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		sub := submission(t, to, "ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		first, err := to.Desk.Request(t.Context(), desktest.As("ann"), sub)
		if err != nil {
			t.Fatal(err)
		}
		before := len(since(t, to.World, 0))
		for _, later := range []time.Duration{0, 16 * time.Minute} { // by then its draft is old
			to.Clock().Advance(later)
			r, err := to.Desk.Request(t.Context(), desktest.As("ann"), sub)
			if err != nil || r.ID != first.ID || r.Status != first.Status {
				t.Errorf("after %s: the repeat is %s, %s, %v", later, r.ID, r.Status, err)
			}
		}
		if n := len(ofTheDesk(since(t, to.World, int64(before)))); n != 0 {
			t.Errorf("%d entries were made of it", n)
		}
	})
}

// ofTheDesk leaves out the executor's records, which come when they come.
func ofTheDesk(all []ledger.Entry) []ledger.Entry {
	return slices.DeleteFunc(all, func(e ledger.Entry) bool { return e.Leaf.Class == ledger.Execution })
}

func kindsOf(all []ledger.Entry) (kinds []string) {
	for _, e := range all {
		kinds = append(kinds, e.Body.Kind)
	}
	return kinds
}
