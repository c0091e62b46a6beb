package desk_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/store"
	"countersign.dev/workforce"
	"countersign.dev/workforce/workforcetest"
)

func (o office) handOver(by workforce.WorkerID, from []workforce.WorkerID, to ...workforce.WorkerID) (casework.HandedOver, error) {
	order := cases.Order{From: from, To: to, Note: "The shift is over."}
	deed := o.Deed(by, actions.Deed{What: actions.DeedHandOver, Of: string(by)}, order.Text())
	return o.HandOver(o.Context(), desktest.As(by), deed, order.Text())
}

// line has ann and abe report to sue.
func (o office) line() workforce.WorkerID {
	var people []workforce.Record
	for _, p := range workforcetest.Records(o.Clock().Now()) {
		if p.Worker == "ann" || p.Worker == "abe" {
			p.Manager = "sue"
			people = append(people, p)
		}
	}
	o.Admit(false, people...)
	return "sue"
}

// TestHandOver: a lead gives back what a person below has in hand, with its draft, to the queue or to
// somebody; the old claim writes nothing any more; nobody else may do that.
func TestHandOver(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		o.Clock().Hold()
		lead := o.line()
		for i := range 3 {
			o.Flag(fmt.Sprint(i), fmt.Sprintf("post/%d", i), "MisleadingSpam", "acct/9")
		}
		first, second := o.Take("ann"), o.Take("ann")
		if err := o.KeepDraft(o.Context(), desktest.As("ann"), first.Case.ID, []byte(`{"reasons":"half a thought"}`)); err != nil {
			t.Fatal(err)
		}
		for by, want := range map[workforce.WorkerID]string{"ann": "not-a-lead", "lee": "not-your-line"} {
			if by == lead {
				continue
			}
			_, err := o.handOver(by, []workforce.WorkerID{"ann"})
			refused(t, err, want)
			_, err = o.InHand(o.Context(), desktest.As(by), []workforce.WorkerID{"ann"})
			refused(t, err, want)
		}
		_, err := o.handOver(lead, []workforce.WorkerID{"ann"}, "lee")
		refused(t, err, "not-your-line")
		_, err = o.handOver(lead, []workforce.WorkerID{"ann"}, "ann")
		refused(t, err, "cannot-work")
		_, err = o.handOver(lead, nil)
		refused(t, err, "bad-deed")

		has, err := o.InHand(o.Context(), desktest.As(lead), []workforce.WorkerID{"ann"})
		want := []string{first.Case.ID, second.Case.ID}
		if err != nil || len(has) != 1 || !slices.Equal(has[0].Claims, want) {
			t.Fatalf("ann has %+v in hand, want %v: %v", has, want, err)
		}
		out, err := o.handOver(lead, []workforce.WorkerID{"ann"})
		slices.Sort(want)
		if err != nil || !slices.Equal(out.Cases, want) || out.Deed == "" {
			t.Fatalf("handed over %+v, want %v: %v", out, want, err)
		}
		for _, taken := range []casework.Taken{first, second} {
			if now := o.now(taken.Case.ID); now.State != cases.Waiting || now.Holder != "" || now.Claim != taken.Claim.Number {
				t.Errorf("after the hand-over: %+v", now)
			}
			_, err := o.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseNoViolation, Reasons: "It is none."})
			refused(t, err, "claim-ended")
		}
		if again, err := o.handOver(lead, []workforce.WorkerID{"ann"}); err != nil || len(again.Cases) != 0 || again.Deed != "" {
			t.Errorf("a second hand-over moved %+v: %v", again, err)
		}
		o.Clock().Advance(time.Second)
		next := o.Take("abe")
		if next.Case.ID == first.Case.ID {
			if len(next.Drafts) != 1 || next.Drafts[0].Worker == "" {
				t.Errorf("the next holder sees the drafts %+v", next.Drafts)
			}
		} else {
			t.Errorf("abe got %s, want %s", next.Case.ID, first.Case.ID)
		}
		var moves []store.Move
		if err := o.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
			moves, err = tx.Moves(first.Case.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(moves, func(m store.Move) bool { return m.Move == "handed-over" && m.Worker == lead }) {
			t.Errorf("no row of the hand-over: %+v", moves)
		}
	})
}

// TestHandOverOnce: a signed hand-over is good once. The same one again gets the same answer, and takes
// nothing that was claimed since.
func TestHandOverOnce(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		lead := o.line()
		first := o.Flag("1", "post/1", "MisleadingSpam", "acct/9").Case
		o.Take("ann")
		order := cases.Order{From: []workforce.WorkerID{"ann"}, Note: "The shift is over."}
		deed := o.Deed(lead, actions.Deed{What: actions.DeedHandOver, Of: string(lead)}, order.Text())
		out, err := o.HandOver(o.Context(), desktest.As(lead), deed, order.Text())
		if err != nil || !slices.Equal(out.Cases, []string{first.ID}) || out.Deed == "" {
			t.Fatalf("handed over %+v: %v", out, err)
		}
		taken := o.Take("ann")
		again, err := o.HandOver(o.Context(), desktest.As(lead), deed, order.Text())
		if err != nil || again.Deed != out.Deed || !slices.Equal(again.Cases, out.Cases) {
			t.Errorf("the same deed again: %+v, want %+v: %v", again, out, err)
		}
		if now := o.now(taken.Case.ID); now.State != cases.Claimed || now.Holder != "ann" {
			t.Errorf("the same deed moved what was claimed since: %+v", now)
		}
		_, err = o.HandOver(o.Context(), desktest.As("kim"), deed, order.Text())
		if err == nil {
			t.Error("somebody else hands in a lead's deed")
		}
	})
}

// TestHandOverRaces: while a lead hands ann's cases over, again and again, ann and others take, release and
// decide. Each case is with one person at a time, each claim number is one person's, and a claim that a
// hand-over ended writes nothing (law 13).
func TestHandOverRaces(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		lead := o.line()
		const n = 12
		for i := range n {
			o.Flag(fmt.Sprint(i), fmt.Sprintf("post/%d", i), "MisleadingSpam", "acct/9")
		}
		var mu sync.Mutex
		holders := map[string]workforce.WorkerID{} // by case and claim number
		var all sync.WaitGroup
		for _, w := range []workforce.WorkerID{"ann", "abe"} {
			all.Go(func() {
				for range 12 {
					taken, err := o.Next(t.Context(), desktest.As(w), "")
					if fault.Is(err, "nothing-waits") || fault.Is(err, "too-many-claims") || fault.Is(err, "case-moved") {
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					key := fmt.Sprintf("%s %d", taken.Case.ID, taken.Claim.Number)
					mu.Lock()
					if other, is := holders[key]; is {
						t.Errorf("%s and %s have the claim %s", other, w, key)
					}
					holders[key] = w
					mu.Unlock()
					if _, err := o.Release(t.Context(), desktest.As(w), taken.Case.ID, taken.Claim.Number); err != nil && !fault.Is(err, "claim-ended") {
						t.Error(err)
					}
				}
			})
		}
		all.Go(func() {
			for range 12 {
				if _, err := o.handOver(lead, []workforce.WorkerID{"ann"}); err != nil {
					t.Error(err)
				}
			}
		})
		all.Wait()
		if _, err := o.handOver(lead, []workforce.WorkerID{"abe", "ann"}); err != nil {
			t.Fatal(err)
		}
		if err := o.Store.Read(t.Context(), func(tx *store.Tx) error {
			for _, w := range []workforce.WorkerID{"ann", "abe"} {
				live, err := tx.LiveClaims(w)
				if err != nil || len(live) > 0 {
					t.Errorf("%s still has %+v: %v", w, live, err)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}
