package desk_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
)

// TestCaseIsDecidedInItsNextVersion: a decision is on the version after the newest that was
// decided. If one on a later version were taken, a stolen session could decide a case in the
// largest version that a document can name, and nobody could decide that case again.
func TestCaseIsDecidedInItsNextVersion(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		ann := startShift(t, to, "ann")
		wish := desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")
		wish.Case = "C-1"
		decides := func(version int64) error {
			w := wish
			w.Session = ann.digest()
			d, err := to.Desk.Draft(t.Context(), desktest.As("ann"), w)
			if err != nil {
				t.Fatal(err)
			}
			if next := d.Decision.Decision.Version; version != next {
				d.Decision.Decision.Version = version
				d.Decision.Signed.Statement.Document = d.Decision.Decision.Digest()
				d.Statement.Decision = d.Decision.Decision.Digest()
			}
			r, err := to.Desk.Request(t.Context(), desktest.As("ann"), desktest.Under(ann.key, d))
			if err != nil {
				return err
			}
			comesTo(t, to, r, actions.StatusExecuted, "executed")
			return nil
		}
		refused(t, decides(1<<63-1024), "bad-decision")
		refused(t, decides(actions.MaxVersion+1), "bad-decision")
		refused(t, decides(actions.MaxVersion), "case-moved")
		refused(t, decides(2), "case-moved")
		if err := decides(1); err != nil {
			t.Fatal(err)
		}
		wish.Subject = "plaza:@shop"
		refused(t, decides(1), "case-moved")
		refused(t, decides(3), "case-moved")
		r, err := to.TryRequest("bob", acts.Wish{Kind: wish.Kind, Subject: wish.Subject, Reason: "spam", Case: "C-1"})
		if err != nil {
			t.Fatal(err)
		}
		comesTo(t, to, r, actions.StatusExecuted, "executed")
	})
}
