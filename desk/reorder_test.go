package desk_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/policy"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// ownQueues lets agents and leads of acme alone work in the queue german, and everybody in the others.
func ownQueues(t *testing.T) map[string]string {
	t.Helper()
	files := maps.Clone(policy.Default())
	files["own.cedar"] = `@id("german-is-acme")
@reason("The queue german is Acme's.")
forbid (principal, action == Action::"work.queue", resource == Queue::"german") unless { principal in Vendor::"acme" };
@id("nobody-is-nobody")
@reason("Nobody works in the queue nobody.")
forbid (principal, action == Action::"work.queue", resource == Queue::"nobody");
`
	return files
}

func (o office) reorder(by workforce.WorkerID, queue string, seen, factor int64, until time.Duration, edit ...func(*cases.Order)) (casework.QueueOrder, error) {
	order := cases.Order{Factor: factor, Until: canonical.At(o.Clock().Now().Add(until)), Note: "An election is on."}
	for _, e := range edit {
		e(&order)
	}
	deed := o.Deed(by, actions.Deed{What: actions.DeedReorder, Of: queue, Version: seen}, order.Text())
	return o.Desk.Reorder(o.Context(), desktest.As(by), queue, deed, order.Text())
}

// TestReorder: a lead puts a queue of their own ahead, alone: its cases are due sooner, within their
// promise, in the background and while the order holds. Nobody reorders a queue in which others work.
func TestReorder(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		opt.Policy = ownQueues(t)
		o := newOffice(t, opt)
		o.Clock().Hold()
		var all []cases.Case
		for i := range 60 { // more than one transaction takes
			all = append(all, o.german(fmt.Sprint(i), fmt.Sprintf("post/%d", i)))
		}
		if all[0].Queue != "german" {
			t.Fatalf("the case waits in %s", all[0].Queue)
		}
		promise := all[0].Due.Sub(all[0].Opened.Time)

		_, err := o.reorder("sue", "german", 0, 240, 8*time.Hour)
		refused(t, err, "bad-deed")
		_, err = o.reorder("sue", "german", 0, 500, 40*24*time.Hour)
		refused(t, err, "bad-deed")
		_, err = o.reorder("sue", "german", 0, 500, 8*time.Hour, func(o *cases.Order) { o.Queue = "spam" })
		refused(t, err, "bad-deed")
		_, err = o.reorder("ann", "german", 0, 500, 8*time.Hour)
		refused(t, err, "not-a-lead")
		_, err = o.reorder("lee", "german", 0, 500, 8*time.Hour) // of another company
		refused(t, err, "no-such-queue")
		_, err = o.reorder("sue", "spam", 0, 500, 8*time.Hour) // bolt works there too
		refused(t, err, "not-your-queue")
		_, err = o.reorder("sue", "nowhere", 0, 500, 8*time.Hour)
		refused(t, err, "no-such-queue")
		_, err = o.reorder("sue", "german", 3, 500, 8*time.Hour)
		refused(t, err, "queue-moved")

		order, err := o.reorder("sue", "german", 0, 500, 8*time.Hour)
		if err != nil || order.Number == 0 {
			t.Fatalf("the order %+v, %v", order, err)
		}
		fresh := o.german("fresh", "post/fresh")
		if fresh.Due.Sub(fresh.Opened.Time) != promise/2 || fresh.Ordering != order.Number || fresh.Factor != 500 {
			t.Errorf("a case that comes in now is due after %s of %s", fresh.Due.Sub(fresh.Opened.Time), promise)
		}
		o.sweep()
		for _, c := range all {
			if now := o.now(c.ID); now.Due.Sub(now.Opened.Time) != promise/2 || now.Queue != "german" || now.Version != c.Version || !o.clock(c.ID).Due.Equal(now.Due.Time) {
				t.Fatalf("after the order: %+v, was %+v", now, c)
			}
		}
		if got, err := o.Desk.QueueOrder(t.Context(), desktest.As("ann"), "german"); err != nil || got.Number != order.Number || got.Worker != "sue" || got.Reason != "An election is on." {
			t.Errorf("the order reads %+v, %v", got, err)
		}
		o.placedByTheirSets(t)

		o.Clock().Advance(9 * time.Hour) // the order is over
		o.sweep()
		for _, c := range all {
			if now := o.now(c.ID); !now.Due.Equal(c.Due.Time) || now.Ordering != 0 {
				t.Fatalf("after its end: %+v, was %+v", now, c)
			}
		}
		o.placedByTheirSets(t)
	})
}

// german flags content in German.
func (o office) german(external, subject string) cases.Case {
	o.t.Helper()
	r := flagged(external, subject, "Sehen Sie sich das an.")
	r.Evidence.Language = "de"
	got, err := o.Desk.TakeReports(o.Context(), kernel.ProgramCaller{ID: "square"}, []cases.Report{r})
	if err != nil || got[0].Err != nil {
		o.t.Fatal(err, got)
	}
	return got[0].Case
}

// placedByTheirSets fails if an open case waits elsewhere, or is due at another time, than its own set
// and its own order give it anew.
func (o office) placedByTheirSets(t *testing.T) {
	t.Helper()
	if err := o.Store.Read(t.Context(), func(tx *store.Tx) error {
		orders, err := tx.QueueOrders()
		if err != nil {
			return err
		}
		all, err := tx.Cases(store.CaseFilter{Limit: 1000})
		for _, c := range all {
			if !c.State.Open() {
				continue
			}
			text, err := tx.Text(c.QueueSet)
			if err != nil {
				return err
			}
			set, err := cases.ParseQueues(text.Body, nil)
			if err != nil {
				return err
			}
			for _, order := range orders {
				if order.Number == c.Ordering {
					set = set.With(map[string]cases.Ahead{order.Queue: {Number: order.Number, Factor: order.Factor}})
				}
			}
			if anew := c.Placed(set, c.QueueSet); anew.Queue != c.Queue || !anew.Due.Equal(c.Due.Time) || anew.Factor != c.Factor {
				t.Errorf("the case %s is in %s, due %s (%d); its set places it in %s, due %s (%d)", c.ID, c.Queue, c.Due, c.Factor, anew.Queue, anew.Due, anew.Factor)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
