package desk_test

import (
	"slices"
	"testing"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/workforce"
)

// TestLately: whoever reads a case is told which of those who work on its queue had it before them
// in the last ten minutes, under the names that the reader may have. Whoever investigates, and works
// on no queue, is never among them.
func TestLately(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		id := o.Flag("a", "post/1", "MisleadingSpam", "acct/9").Case.ID
		here := func(by workforce.WorkerID) (all []string) {
			t.Helper()
			v, err := o.Desk.Case(t.Context(), desktest.As(by), id)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range v.Lately {
				all = append(all, string(l.Who))
			}
			return all
		}
		want := func(by workforce.WorkerID, names ...string) {
			t.Helper()
			if got := here(by); !slices.Equal(got, names) {
				t.Errorf("%s is told of %q, want %q", by, got, names)
			}
		}
		want("ann")
		want("abe", "ann")
		o.Clock().Advance(time.Second)
		want("bob", "somebody at acme")
		o.Clock().Advance(time.Second)
		want("ann", "somebody at bolt", "abe")
		if !slices.Contains(here("eva"), "ann") {
			t.Error("an employee is not told the name")
		}
		o.Clock().Advance(time.Second)
		want("ann", "an employee", "somebody at bolt", "abe") // a lead works on the queue
		now := o.Clock().Now()
		o.Admit(false, workforce.Record{Worker: "ivy", Roles: []workforce.Role{workforce.Investigator, workforce.Lead}, Team: "trust", Manager: "nia", Site: "site",
			Zone: "Europe/Lisbon", Start: canonical.At(now.AddDate(-1, 0, 0)), Last: canonical.At(now.AddDate(1, 0, 0))})
		o.Clock().Advance(9 * time.Minute)
		if got := here("ivy"); len(got) == 0 {
			t.Error("whoever investigates is told of nobody")
		}
		o.Clock().Advance(2 * time.Minute)
		want("abe")
	})
}
