package desk_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/sqldb"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// refused demands a refusal of a type.
func refused(t *testing.T, err error, typ string) {
	t.Helper()
	if !fault.Is(err, typ) {
		t.Errorf("got %v, want a refusal of type %s", err, typ)
	}
}

// Law 1: approval by someone who has left since is no approval. The warrant is
// complete and in the ledger; between it and the act a countersigner's
// engagement is ended, and the executor, which follows the ledger, refuses.
func TestLaw1LeaverVoidsWarrant(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		to.Countersign(r.ID, "lee")
		to.StopExecutor()
		if r = to.Countersign(r.ID, "kim"); r.Status != actions.StatusApproved {
			t.Fatalf("the request is %s", r.Status)
		}
		end := to.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "lee"}})
		if end.Status != actions.StatusExecuted {
			t.Fatalf("ending an engagement is %s: %s", end.Status, end.Missing)
		}
		to.StartExecutor()
		r = to.Settled("ann", r)
		if r.Status != actions.StatusVoid || r.Outcome != "engagement-ended" {
			t.Errorf("the request is %s (%s): %s", r.Status, r.Outcome, r.OutcomeText)
		}
		if st := to.State("acct/1"); st.Status != platform.Up {
			t.Errorf("plaza shows %s", st.Status)
		}
	})
}

// Law 2: one person lifts, and never burdens by lifting. Whatever one person
// does with undo, the account is up and the tier as it was.
func TestLaw2UndoOfUndo(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")))
		u, err := to.TryUndo("ann", r.ID)
		if err != nil {
			t.Fatal(err)
		}
		u = to.Settled("ann", u)
		_, err = to.TryUndo("ann", u.ID)
		refused(t, err, "undo-burdens")
		_, err = to.TryUndo("ann", r.ID)
		refused(t, err, "not-in-force")
	})
}

// Law 2: a measure older than the window, or a legal one, is not one person's
// to lift.
func TestLaw2UndoHasAWindow(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		legal := desktest.Wish(actions.AccountTakedown, "plaza:@shop")
		legal.Category = actions.CategoryLegal
		r := to.Settled("ann", to.Countersign(to.Request("ann", legal).ID, "lee")) // a category is two people's word
		if r.Status != actions.StatusExecuted {
			t.Fatalf("%s: %s", r.Status, r.OutcomeText)
		}
		u, err := to.TryUndo("ann", r.ID)
		if err == nil && u.Status != actions.StatusHeld {
			t.Errorf("the undo of a legal measure by one person is %s", u.Status)
		}
		old := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")))
		to.Clock().Advance(31 * 24 * time.Hour)
		if u, err = to.TryUndo("ann", old.ID); err != nil || u.Status != actions.StatusHeld {
			t.Errorf("the undo of a measure of last month by one person is %s, %v", u.Status, err)
		}
		if u = to.Settled("ann", to.Countersign(u.ID, "lee")); u.Status != actions.StatusExecuted {
			t.Errorf("with a second person it is %s: %s", u.Status, u.OutcomeText)
		}
	})
}

// Law 3: nobody changes the desk alone, not even an officer.
func TestLaw3ChangingTheDeskNeedsSeveral(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		s, err := w.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		admit, rows := w.Admission(false, workforce.Record{Worker: "puppet", Roles: []workforce.Role{workforce.Lead}, Start: canonical.At(time.Now())})
		for name, wish := range map[string]acts.Wish{
			"policy": {Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartPolicy, Policy: s.Policy.Files()}},
			"budget": {Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartBudgets, Budgets: actions.DefaultBudgets()}},
			"trust":  {Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartTrust, Trust: &s.Trust}},
			"key":    {Kind: actions.DeskKey, Change: actions.Keys{Enrol: []actions.Enrolment{{Worker: "ada", Key: w.PublicKey("spare"), Possession: w.Sign("spare", actions.PossessionChallenge(w.EnrolName(), "ada", w.PublicKey("spare").ID()))}}}},
			"extend": {Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "extend", Worker: "dan", Last: canonical.At(time.Now().AddDate(1, 0, 0))}},
			"admit":  {Kind: actions.DeskAdmit, Change: admit},
		} {
			var with []acts.AdmittedRow
			if name == "admit" {
				with = rows
			}
			r := w.Request("ada", wish, with...)
			if r.Status != actions.StatusHeld || r.Need.Independent < 2 {
				t.Errorf("%s by one officer is %s, needs %s", name, r.Status, r.Need)
			}
			_, err := w.TryCountersign("ada", r.ID)
			refused(t, err, "not-independent")
			if r = w.Countersign(r.ID, "bea"); r.Status != actions.StatusHeld {
				t.Errorf("%s by two officers is %s", name, r.Status)
			}
		}
		before := s.Next
		if s, err = w.State(t.Context()); err != nil || s.Next != before {
			t.Errorf("the governance chain grew from %d to %d, %v", before, s.Next, err)
		}
	})
}

// Law 4: nobody countersigns their own act, nor for their own vendor, line or key.
func TestLaw4Independence(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		if r.Status != actions.StatusHeld {
			t.Fatalf("protected takedown is %s", r.Status)
		}
		_, err := to.TryCountersign("sue", r.ID) // the same vendor
		refused(t, err, "not-independent")
		_, err = to.TryCountersign("bob", r.ID) // an agent of another vendor: policy
		refused(t, err, "forbidden-by-policy")
		_, err = to.TryCountersign("dan", r.ID) // on the last day
		refused(t, err, "forbidden-by-policy")
		if r = to.Settled("ann", to.Countersign(r.ID, "lee")); r.Status != actions.StatusExecuted {
			t.Errorf("%s: %s", r.Status, r.OutcomeText)
		}
	})
}

// Law 4: a statement signed by somebody else, or about something else, counts
// for nothing.
func TestLaw4SignaturesAreTheSigners(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		d, err := to.DraftVerdict(t.Context(), desktest.As("lee"), r.ID, actions.VerdictCountersign, "")
		if err != nil {
			t.Fatal(err)
		}
		forged := actions.Signed{Statement: d.Statement, Signature: to.Sign("ann", d.Statement.Challenge())}
		_, err = to.Desk.Countersign(t.Context(), desktest.As("lee"), r.ID, forged)
		refused(t, err, "bad-signature")
		_, err = to.Desk.Countersign(t.Context(), desktest.As("ann"), r.ID, to.Signed("lee", d))
		refused(t, err, "another-signer")
		other := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		_, err = to.Desk.Countersign(t.Context(), desktest.As("lee"), other.ID, to.Signed("lee", d))
		refused(t, err, "bad-statement")
	})
}

// Law 5: an engagement that has ended by the clock is over, whatever was signed
// before.
func TestLaw5EngagementEndsByTheClock(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		if _, err := to.TryRequest("dan", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")); err != nil {
			t.Fatalf("before the last hour, on a standard subject: %v", err)
		}
		to.Clock().Advance(6*time.Hour + time.Second)
		_, err := to.TryRequest("dan", desktest.Wish(actions.AccountTakedown, "plaza:@shop"))
		refused(t, err, "engagement-ended")
	})
}

// Law 6: a refusal is recorded, and many by one person in one minute are
// counted in one entry.
func TestLaw6RefusalsAreRecorded(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		before, err := to.Store.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		to.Clock().Hold()
		for range 25 {
			_, err := to.TryRequest("dan", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
			refused(t, err, "forbidden-by-policy")
		}
		if got := kinds(t, to.World, before.Size)["refused"]; got != 10 {
			t.Errorf("25 refusals in a minute left %d entries, want 10", got)
		}
		to.Clock().Advance(time.Minute)
		_, err = to.TryRequest("dan", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		refused(t, err, "forbidden-by-policy")
		entries := since(t, to.World, before.Size)
		sum := slices.ContainsFunc(entries, func(e ledger.Entry) bool {
			return e.Body.Kind == "refused" && strings.Contains(string(e.Body.Data), `"count":15`)
		})
		if !sum {
			t.Error("the 15 others are not counted in an entry")
		}
	})
}

func since(t *testing.T, w *desktest.World, from int64) (entries []ledger.Entry) {
	t.Helper()
	err := w.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
		entries, err = tx.Entries(from, 1<<40)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func kinds(t *testing.T, w *desktest.World, from int64) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, e := range since(t, w, from) {
		n[e.Body.Kind]++
	}
	return n
}

// Law 9: no entry of the class desk shows in clear who was acted on, or why.
func TestLaw9LedgerHoldsCommitments(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		before, err := to.Store.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wish := desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")
		wish.Reason = "a very particular reason"
		to.Settled("ann", to.Request("ann", wish))
		for _, e := range since(t, to.World, before.Size) {
			for _, secret := range []string{"acct/3", "@neighbour", "particular", "case-1"} {
				if strings.Contains(string(e.BodyBytes), secret) {
					t.Errorf("entry %d (%s) shows %q", e.Index, e.Body.Kind, secret)
				}
			}
		}
	})
}

// Law 10: what cannot be taken back is forbidden by the default policy.
func TestLaw10OneWayIsForbidden(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		_, err := to.TryRequest("kim", desktest.Wish(actions.AccountDelete, "plaza:@neighbour"))
		refused(t, err, "forbidden-by-policy")
	})
}

// A row that somebody edits or inserts in the desk's database executes nothing.
func TestEditedRowsExecuteNothing(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r := to.Request("dan", desktest.Wish(actions.AccountTakedown, "plaza:@shop"))
		r = to.Settled("dan", r)
		held := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		sql := func(q string, args ...any) {
			t.Helper()
			if err := to.Store.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec(q, args...)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		// The core of an executed standard warrant is put under the held request.
		sql(`update request set status = 'approved', core = (select core from request where id = $1), entry = (select entry from request where id = $1) where id = $2`, r.ID, held.ID)
		sql(`insert into job (kind, args, unique_key, state, due, attempts, last_error, created) values ('desk.carry', $1, null, 'waiting', 0, 0, '', 0)`, []byte(`{"request":"`+held.ID+`"}`))
		got := to.Settled("ann", to.Countersign(to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer")).ID, "lee"))
		if got.Status != actions.StatusExecuted {
			t.Fatalf("another act meanwhile: %s %s", got.Status, got.OutcomeText)
		}
		if st := to.State("acct/1"); st.Status != platform.Up {
			t.Errorf("plaza shows %s", st.Status)
		}
		// Not even the desk's own user changes an entry.
		if err := to.Store.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`update ledger_body set body = $1 where idx = 0`, []byte("{}"))
			return err
		}); !sqldb.IsAppendOnly(err) {
			t.Errorf("the database let an entry be edited: %v", err)
		}
	})
}

// offClock is an executor whose clock is off and that can do nothing else.
type offClock struct {
	kernel.Executor
	off time.Duration
}

func (o offClock) Status(context.Context) (linkv1.ExecutorStatus, error) {
	return linkv1.ExecutorStatus{Executor: desktest.ExecutorID, Clock: canonical.At(time.Now().Add(o.off))}, nil
}

// Law 5: a desk whose clock is more than a minute off its executor's enters
// nothing, and says what both say. Judged by an ended engagement alone it would
// be enough to set the desk's clock back.
func TestLaw5ClocksMustAgree(t *testing.T) {
	for _, c := range []struct {
		off     time.Duration
		refuses bool
	}{{0, false}, {50 * time.Second, false}, {-50 * time.Second, false}, {62 * time.Second, true}, {-62 * time.Second, true}} {
		w := desktest.New(t, desktest.Options{Executor: offClock{off: c.off}})
		w.Run()
		deadline := time.Now().Add(desktest.Patience)
		for {
			_, err := w.TryRequest("ada", acts.Wish{Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: "acme", Name: "Acme", Ratchet: 14}}})
			if !c.refuses && err != nil {
				t.Errorf("%s off: %v", c.off, err)
			}
			if c.refuses && err == nil && time.Now().Before(deadline) {
				runtime.Gosched() // the clocks are compared once the desk runs
				continue
			}
			if c.refuses {
				refused(t, err, "clocks-differ")
			}
			break
		}
	}
}

// A statement's times are its signer's own to write. One that is dated back
// would skip a wait, and a leaver's would be from before the end.
func TestStatementsAreOfNow(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	for _, c := range []struct {
		back    time.Duration
		refuses bool
	}{{10 * time.Minute, false}, {16 * time.Minute, true}} {
		d, err := to.Draft(t.Context(), desktest.As("ann"), desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		if err != nil {
			t.Fatal(err)
		}
		d.Statement.NotBefore = canonical.At(d.Statement.NotBefore.Add(-c.back))
		d.Statement.Expires = canonical.At(d.Statement.Expires.Add(-c.back))
		_, err = to.Desk.Request(t.Context(), desktest.As("ann"), to.Submission("ann", d))
		if c.refuses {
			refused(t, err, "stale-draft")
		} else if err != nil {
			t.Errorf("dated %s back: %v", c.back, err)
		}
	}
}

// Handing in somebody else's statement again must not show who countersigned it.
func TestRepeatIsTheRequesters(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
	to.Countersign(r.ID, "lee")
	again := acts.Submission{Action: r.Action, Signed: r.Signed}
	got, err := to.Desk.Request(t.Context(), desktest.As("abe"), again)
	refused(t, err, "another-signer")
	if len(got.Signers) != 0 {
		t.Errorf("the refusal shows %d countersigners", len(got.Signers))
	}
	if got, err = to.Desk.Request(t.Context(), desktest.As("ann"), again); err != nil || got.ID != r.ID {
		t.Errorf("the requester's own repeat: %s, %v", got.ID, err)
	}
}
