package desk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk/desktest"
	"countersign.dev/store"
)

// TestPlacedAnew: when another queue set is in force, no case waits in a queue that is no
// more. A case that a lead moved stays where it was put, a claimed one follows when its claim
// is over, and a promise changes by as much as the sets say.
func TestPlacedAnew(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		o.Clock().Hold()
		flag := func(n int, reason cases.Reason) cases.Case {
			return o.Flag(fmt.Sprint(n), fmt.Sprintf("post/%d", n), reason, "acct/9").Case
		}
		claimed := flag(1, "MisleadingSpam")
		o.Take("ann")
		moved := flag(2, "MisleadingSpam")
		moved = o.do("sue", actions.DeedMove, moved, cases.Order{Queue: "general"})
		asked := flag(3, "MisleadingSpam")
		asked = o.do("sue", actions.DeedAsk, o.claim("sue", asked.ID).Case, cases.Order{Role: cases.AskLanguage, Language: "tr", Note: "What does it say?"})
		stays := flag(4, "MisleadingImpersonation")
		gone := flag(5, "MisleadingSpam")
		for i := range 55 { // more than one transaction takes
			flag(100+i, "MisleadingBot")
		}

		text := strings.ReplaceAll(strings.ReplaceAll(cases.DefaultQueues(), `"name": "spam"`, `"name": "bulk"`), `"queue": "spam"`, `"queue": "bulk"`)
		text = replace(t, text, `"where": {"reason": ["MisleadingSpam", "MisleadingBot"], "severity": ["low"]},
      "promise": {"low": 1440,`, `"where": {"reason": ["MisleadingSpam", "MisleadingBot"], "severity": ["low"]},
      "promise": {"low": 1380,`)
		set := o.Adopt(actions.PartQueues, text)
		o.sweep()

		now := o.now(gone.ID)
		if now.Queue != "bulk" || now.QueueSet != set || now.Version != gone.Version+1 || !now.Due.Equal(gone.Due.Add(-time.Hour)) || !o.clock(gone.ID).Due.Equal(now.Due.Time) {
			t.Errorf("a case of a queue that is no more: %+v, was %+v", now, gone)
		}
		var moves []store.Move
		if err := o.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
			moves, err = tx.Moves(gone.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(moves, func(m store.Move) bool {
			return m.Move == "placed" && strings.Contains(string(m.Detail), `"from":"spam"`) && m.Worker == ""
		}) {
			t.Errorf("its history is %+v", moves)
		}
		if now := o.now(moved.ID); now.Queue != "general" || now.QueueSet != set || !now.Due.Equal(moved.Due.Time) || now.Version != moved.Version {
			t.Errorf("a case that a lead moved: %+v, was %+v", now, moved)
		}
		if now := o.now(stays.ID); now.Queue != "identity" || now.QueueSet != set || now.Version != stays.Version {
			t.Errorf("a case whose queue stays: %+v", now)
		}
		if now := o.now(asked.ID); now.Queue != "bulk" || now.State != cases.Asked || now.Version != asked.Version {
			t.Errorf("a case that is asked about: %+v", now)
		}
		if now := o.now(claimed.ID); now.Queue != "spam" || now.State != cases.Claimed {
			t.Errorf("a claimed case: %+v", now)
		}
		if err := o.Store.Read(t.Context(), func(tx *store.Tx) error {
			left, err := tx.Misplaced(set, 100)
			if len(left) != 0 {
				t.Errorf("%d cases are left in the older set", len(left))
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}

		o.Clock().Advance(time.Hour) // the claim is over
		o.sweep()
		o.sweep()
		if now := o.now(claimed.ID); now.Queue != "bulk" || now.State != cases.Waiting {
			t.Errorf("a case whose claim is over: %+v", now)
		}
	})
}
