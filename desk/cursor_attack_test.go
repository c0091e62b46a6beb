package desk_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
)

// TestCursorsTellNothing: a list that leaves out another company's requests, since its filter alone would
// tell what they are about or who asked, does not name them by its cursor either.
func TestCursorsTellNothing(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.NewTown(t, o)
		for range 3 { // abe, of acme, asks and thinks better of it
			r := w.Request("abe", acts.Wish{Kind: actions.AccountTakedown, Subject: "plaza:@singer", Reason: "He posts his enemy's address."})
			if _, err := w.TryWithdraw("abe", r.ID, r.Version); err != nil {
				t.Fatal(err)
			}
		}
		for name, f := range map[string]acts.Filter{
			"a subject": {Platform: "plaza", Subject: "acct/2", Limit: 1},
			"a person":  {Requester: "abe", Limit: 2},
		} {
			all, next, err := w.Requests(t.Context(), desktest.As("bob"), f)
			if err != nil {
				t.Fatal(err)
			}
			if len(all) > 0 || next != "" {
				t.Errorf("the list of %s tells bob, of bolt, of %d requests, and names %q", name, len(all), next)
			}
			seen, next, err := w.RequestsFor(t.Context(), desktest.As("bob"), f)
			if err != nil {
				t.Fatal(err)
			}
			if len(seen) > 0 || next != "" {
				t.Errorf("the page of %s tells bob, of bolt, of %d requests, and names %q", name, len(seen), next)
			}
			// Their own company goes through all of them.
			n := 0
			for g := f; ; g.Cursor = next {
				if all, next, err = w.Requests(t.Context(), desktest.As("ann"), g); err != nil {
					t.Fatal(err)
				}
				if n += len(all); next == "" {
					break
				}
			}
			if n != 3 {
				t.Errorf("ann, of acme, is shown %d requests of %s", n, name)
			}
		}
	})
}
