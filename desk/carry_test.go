package desk_test

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/sqldb"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// forgetful is an executor that always dies before anything is in its journal:
// it says that the act is under way, and knows nothing of it the next time.
type forgetful struct{ handed atomic.Int64 }

func (f *forgetful) Read(context.Context, platform.Subject) (linkv1.Reading, error) {
	return linkv1.Reading{Subject: platform.Subject{Platform: "plaza", ID: "acct/3", Handle: "@neighbour"}, Sort: platform.Account, Tier: actions.Standard,
		State: platform.State{Status: platform.Up}, Capabilities: platform.Capabilities{
			Abilities: []platform.Ability{{Verb: platform.Takedown, Sort: platform.Account, Marks: true}}}}, nil
}

func (f *forgetful) Vouch(ctx context.Context, s platform.Subject) (linkv1.Reading, error) {
	return f.Read(ctx, s)
}

func (f *forgetful) Evidence(context.Context, platform.Subject) (platform.Evidence, error) {
	return platform.Evidence{}, fault.New(fault.Unavailable, "executor-unreachable", "The executor does not answer.")
}

func (f *forgetful) Picture(context.Context, platform.Subject, string) (io.ReadCloser, error) {
	return nil, fault.New(fault.Unavailable, "executor-unreachable", "The executor does not answer.")
}

func (f *forgetful) Preserve(context.Context, platform.Subject, canonical.Time) error {
	return fault.New(fault.Unavailable, "executor-unreachable", "The executor does not answer.")
}

func (f *forgetful) Carry(context.Context, []byte, time.Duration) (linkv1.CarryResult, error) {
	if f.handed.Add(1)%2 == 0 {
		return linkv1.CarryResult{}, fault.New(fault.Unavailable, "executor-unreachable", "The executor does not answer.")
	}
	return linkv1.CarryResult{Text: "It is still under way."}, nil
}

func (f *forgetful) Status(context.Context) (linkv1.ExecutorStatus, error) {
	return linkv1.ExecutorStatus{}, fault.New(fault.Unavailable, "executor-unreachable", "The executor does not answer.")
}

// TestHandedOverUntilItIsKnown: a warrant is handed over again and again, over
// many hours if need be, until the executor says what came of it; that it is
// under way is not enough.
func TestHandedOverUntilItIsKnown(t *testing.T) {
	f := &forgetful{}
	w := desktest.New(t, desktest.Options{Executor: f})
	w.Staff()
	w.Run()
	r := w.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
	const often = 6
	desktest.Until(t, "the warrant is handed over again", func() bool {
		w.Clock().Advance(time.Second)
		return f.handed.Load() >= often
	})
	got, err := w.RequestByID(t.Context(), desktest.As("ann"), r.ID)
	if err != nil || got.Status != actions.StatusApproved {
		t.Fatalf("the request is %s, %v", got.Status, err)
	}
	// It ends as soon as the executor's record arrives.
	x := proof.Execution{V: proof.ExecutionV1, Executor: desktest.ExecutorID, Kind: proof.KindReceipt, Duty: proof.DutyAct, Request: r.ID,
		Nonce: make([]byte, 32), Outcome: proof.Executed, At: canonical.At(w.Clock().Now())}.Sign(w.ExecutorKey)
	if err := w.Record(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	if got, err = w.RequestByID(t.Context(), desktest.As("ann"), r.ID); err != nil || got.Status != actions.StatusExecuted {
		t.Errorf("the request is %s, %v", got.Status, err)
	}
}

// doubtful is an executor that takes no warrant for one of its ledger.
type doubtful struct{ forgetful }

func (*doubtful) Carry(context.Context, []byte, time.Duration) (linkv1.CarryResult, error) {
	return linkv1.CarryResult{}, fault.New(fault.Forbidden, "bad-anchor", "The warrant's ledger entry is not about this warrant.")
}

// TestApprovedByWhoeverEditsRows: a request that only its row calls approved comes
// to an end, and the ledger tells of it; it is not handed over for ever.
func TestApprovedByWhoeverEditsRows(t *testing.T) {
	for _, c := range []struct{ name, core, want string }{
		{"without a warrant", "core", "no-warrant"},
		{"with another's warrant", "(select core from request where core is not null)", "bad-anchor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := desktest.New(t, desktest.Options{Executor: &doubtful{}})
			w.Staff()
			if r := w.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")); r.Status != actions.StatusApproved {
				t.Fatalf("the honest one is %s", r.Status)
			}
			held := w.Request("ada", acts.Wish{Kind: actions.DeskChange, Reason: "a test",
				Change: actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: "new", Name: "New"}}})
			if held.Status != actions.StatusHeld {
				t.Fatalf("the other one is %s", held.Status)
			}
			for _, statement := range []string{
				`update request set status = 'approved', core = ` + c.core + `, entry = (select entry from request where core is not null) where id = $1`,
				`update job set kind = 'desk.carry', due = 0 where unique_key = $1 and kind <> 'desk.waiting'`,
			} {
				err := w.Store.DB().Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(statement, held.ID); return err })
				if err != nil {
					t.Fatal(err)
				}
			}
			w.Run()
			var got actions.Request
			desktest.Until(t, "it comes to an end", func() bool {
				w.Clock().Advance(time.Second)
				var err error
				if got, err = w.RequestByID(t.Context(), desktest.As("ada"), held.ID); err != nil {
					t.Fatal(err)
				}
				return got.Status != actions.StatusApproved
			})
			if got.Status != actions.StatusVoid || got.Outcome != c.want {
				t.Errorf("the request is %s: %s", got.Status, got.Outcome)
			}
			told := 0
			for after := int64(-1); ; {
				entries, err := w.Entries(t.Context(), desktest.As("ada"), after, kernel.MaxPage)
				if err != nil {
					t.Fatal(err)
				}
				if len(entries) == 0 {
					break
				}
				after += int64(len(entries))
				for _, e := range entries {
					if e.Kind == "void" && strings.Contains(string(e.Data), held.ID) && strings.Contains(string(e.Data), c.want) {
						told++
					}
				}
			}
			if told != 1 {
				t.Errorf("the ledger tells of it %d times", told)
			}
			// Written back once more, it is over all the same.
			if err := w.Store.DB().Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(`update request set status = 'held', outcome = '', outcome_text = '' where id = $1`, held.ID)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			w.Countersign(held.ID, "bea")
			_, err := w.TryCountersign("cem", held.ID)
			refused(t, err, "not-open")
		})
	}
}

// TestFeedIsNotTooLarge: bodies of the desk's own entries that together are more than a
// follower takes at once do not come with the leaves. Whoever asks for them gets them in
// parts, all of them.
func TestFeedIsNotTooLarge(t *testing.T) {
	w := desktest.New(t, desktest.Options{Executor: &forgetful{}})
	if err := w.Store.Write(t.Context(), func(tx *store.Tx) error {
		for range 40 {
			tx.Append(ledger.Draft{Class: ledger.Desk, Kind: "comment", Data: map[string]string{"text": strings.Repeat("x", 1<<19)}, Expect: ledger.AnyNumber})
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	feed, err := w.Feed(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, b := range feed.Bodies {
		sum += len(b.Body)
	}
	size := int64(len(feed.Leaves))
	if most := 17 << 20; sum > most || size < 40 || len(feed.Bodies) >= len(feed.Leaves) {
		t.Errorf("the feed gives %d bodies of %d entries, %d bytes", len(feed.Bodies), size, sum)
	}
	var got, asked int64
	for ; got < size; asked++ {
		bodies, err := w.Bodies(t.Context(), got, size)
		if err != nil || len(bodies) == 0 || bodies[0].Index != got {
			t.Fatalf("from %d on: %d bodies, %v", got, len(bodies), err)
		}
		got += int64(len(bodies))
	}
	if asked != 2 {
		t.Errorf("it takes %d answers", asked)
	}
}
