package desk_test

import (
	"testing"

	"countersign.dev/desk/desktest"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
)

// TestTierEntries: whoever reads evidence is given the entries that say to which tier
// rules once raised a subject, and in them that subject alone.
func TestTierEntries(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		if _, err := to.Subject(t.Context(), desktest.As("kim"), "plaza:acct/1"); err != nil {
			t.Fatal(err)
		}
		var all []proof.FeedBody
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
