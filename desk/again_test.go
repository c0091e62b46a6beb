package desk_test

import (
	"bytes"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/platform"
	"countersign.dev/store"
)

// TestRenamedWhileSigned: a burdening act that meets another handle goes back to its
// signers with both handles. The one of now is kept nowhere; what was signed is spent,
// and the same act is asked for and signed anew.
func TestRenamedWhileSigned(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		held := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		if held.Status != actions.StatusHeld {
			t.Fatalf("it is %s", held.Status)
		}
		to.Rename("acct/2", "@painter")
		r := to.Settled("ann", to.Countersign(held.ID, "lee"))
		if r.Status != actions.StatusFailed || r.Outcome != "handle-moved" {
			t.Fatalf("it is %s: %s", r.Status, r.Outcome)
		}
		seen, err := to.RequestByID(t.Context(), desktest.As("ann"), r.ID)
		if err != nil || !strings.Contains(seen.OutcomeText, "@singer") || !strings.Contains(seen.OutcomeText, "@painter") {
			t.Errorf("it says %q, %v", seen.OutcomeText, err)
		}
		var kept store.Request
		if err := to.Store.Read(t.Context(), func(tx *store.Tx) (err error) { kept, err = tx.Request(r.ID); return err }); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(canonical.MustMarshal(kept.OutcomeText), []byte("@painter")) {
			t.Errorf("the desk keeps %q", kept.OutcomeText)
		}
		if _, err := to.TryCountersign("kim", r.ID); err == nil {
			t.Error("it takes one more signature")
		}
		if to.State("acct/2").Status != platform.Up {
			t.Error("it was carried out")
		}
		// The same act once more: as before it is held, and lee's signature does not count.
		again := to.Request("ann", desktest.Wish(actions.AccountTakedown, r.Action.Subject.String()))
		if again.Status != actions.StatusHeld || again.Action.Subject.Handle != "@painter" || again.Action.Subject.ID != "acct/2" {
			t.Fatalf("it is %s, of %+v", again.Status, again.Action.Subject)
		}
		if again = to.Settled("ann", to.Countersign(again.ID, "lee")); again.Status != actions.StatusExecuted {
			t.Errorf("it is %s: %s", again.Status, again.OutcomeText)
		}
	})
}
