package desk_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/sqldb"
)

// TestPurgedTierStands: what a rule once gave a subject stands for whoever drafts, hands
// in and asks for exposure, although the facts of today no longer say so.
func TestPurgedTierStands(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	early, err := to.Desk.Draft(t.Context(), desktest.As("ann"), desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
	if err != nil {
		t.Fatal(err)
	}
	followers := func(n int) {
		t.Helper()
		if err := to.DB.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`update account set followers = $1 where id = $2`, n, 3)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	followers(2_000_000)
	if _, err := to.Subject(t.Context(), desktest.As("kim"), "plaza:acct/3"); err != nil {
		t.Fatal(err)
	}
	followers(12)
	_, err = to.Desk.Request(t.Context(), desktest.As("ann"), to.Submission("ann", early))
	refused(t, err, "tier-moved")
	d, err := to.Desk.Draft(t.Context(), desktest.As("ann"), desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
	if err != nil || d.Action.Tier != actions.Critical || d.Need.Independent != 2 {
		t.Errorf("drafted of a %s subject: %+v, %v", d.Action.Tier, d.Need, err)
	}
	e, err := to.Desk.Exposure(t.Context(), desktest.As("ada"), "plaza:@neighbour", actions.AccountTakedown, to.Clock().Now())
	if err != nil || e.Tier != actions.Critical || e.Acts[0].Alone.Count != 0 {
		t.Errorf("the exposure is of a %s subject: %v", e.Tier, err)
	}
	held := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
	if held.Status != actions.StatusHeld {
		t.Errorf("one person's takedown is %s", held.Status)
	}
	for tier, want := range map[actions.Tier]int{actions.Critical: 1, actions.Standard: 0} {
		table, err := to.Desk.ExposureTable(t.Context(), desktest.As("ada"), tier, actions.AccountTakedown, to.Clock().Now())
		if err != nil || len(table.Rows) != want {
			t.Errorf("%d subjects are %s, %v", len(table.Rows), tier, err)
		}
	}
}

// TestRaisedWhileHeld: a request that waits for its signatures while people raise its
// subject needs what the higher tier needs.
func TestRaisedWhileHeld(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
	to.Request("kim", acts.Wish{Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartTiers,
		Raise: &actions.Raise{Subject: platform.Subject{Platform: "plaza", ID: "acct/2"}, From: actions.Standard, To: actions.Critical}}})
	if r = to.Countersign(r.ID, "lee"); r.Status != actions.StatusHeld {
		t.Fatalf("with two people it is %s", r.Status)
	}
	if r = to.Settled("ann", to.Countersign(r.ID, "eva")); r.Status != actions.StatusExecuted {
		t.Errorf("with three people it is %s: %s", r.Status, r.OutcomeText)
	}
}

// TestTierEntries: whoever reads evidence is given the entries that say to which tier
// rules once raised a subject, and in them that subject alone.
func TestTierEntries(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		if _, err := to.Subject(t.Context(), desktest.As("kim"), "plaza:acct/1"); err != nil {
			t.Fatal(err)
		}
		var all []proof.ServedBody
		desktest.Until(t, "the president's tier is in the ledger", func() bool {
			var err error
			if all, err = to.TierEntries(t.Context(), desktest.As("kim"), "plaza:acct/1"); err != nil {
				t.Fatal(err)
			}
			return len(all) > 0
		})
		for _, b := range all {
			body, err := ledger.ParseBody(b.Body)
			if err != nil {
				t.Fatal(err)
			}
			if heights, _, err := proof.TiersOf(body, b.Sealed); err != nil || len(b.Sealed) != 1 || len(heights) != 1 || heights["plaza:acct/1"].Tier != "critical" {
				t.Errorf("entry %d tells of %v, %v", b.Index, heights, err)
			}
		}
		if none, err := to.TierEntries(t.Context(), desktest.As("kim"), "plaza:acct/4711"); err != nil || len(none) != 0 {
			t.Errorf("of somebody who was never raised: %v, %v", none, err)
		}
		_, err := to.TierEntries(t.Context(), desktest.As("ann"), "plaza:acct/1")
		refused(t, err, "not-yours-to-read")
		_, err = to.TierEntries(t.Context(), desktest.As("kim"), "plaza:@president")
		refused(t, err, "bad-parameter")
	})
}
