package desk_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/desktest"
	"countersign.dev/ledger/proof"
)

// Of many alarms of a kind the first are sent one by one, one message says how many
// the others are, and what is about a critical subject is not lost among them.
func TestFlood(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		breaches, none := newPager(t), newPager(t)
		o.Destinations = []alarms.Destination{breaches.destination(t, alarm.Breach), none.destination(t, alarm.Frozen)}
		w := staffed(t, o)
		w.Run()
		many := func(from, n int) {
			for i := range n {
				subject := fmt.Sprintf("plaza:acct/%d", from+i)
				w.Enter(w.Breach(subject, actions.Protected), map[string]string{proof.SealedSubject: subject})
			}
		}
		// said waits until so many messages arrived, and returns the texts of the last few.
		said := func(n, last int) (texts []string) {
			t.Helper()
			desktest.Until(t, fmt.Sprintf("%d messages arrived", n), func() bool { return len(breaches.received()) >= n && settled(t, w, "desk.alarm", 0) })
			all := breaches.received()
			if len(all) != n {
				t.Fatalf("%d messages, expected %d", len(all), n)
			}
			for _, r := range all[n-last:] {
				var event struct {
					Type string
					Data struct{ Text, Severity string }
				}
				if err := json.Unmarshal(r.body, &event); err != nil {
					t.Fatal(err)
				}
				texts = append(texts, event.Type+" "+event.Data.Severity+" "+event.Data.Text)
			}
			return texts
		}
		many(100, 25)
		said(20, 0)
		breach(w) // the president
		if got := said(21, 1); !strings.HasPrefix(got[0], "dev.countersign.breach page On plaza a critical subject") {
			t.Errorf("said %q", got)
		}
		w.Clock().Advance(9 * time.Second)
		many(200, 5)
		said(21, 0)
		w.Clock().Advance(2 * time.Second)
		if got := said(22, 1); !strings.HasPrefix(got[0], "dev.countersign.flood page There were 10 alarms of the kind breach about plaza after ledger entry ") {
			t.Errorf("said %q", got)
		}
		if n := len(waiting(t, w, "desk.flood")); n != 0 {
			t.Errorf("%d more are to be said", n)
		}
		// It goes on as long as they come, and ends when they do.
		many(300, 1)
		w.Clock().Advance(11 * time.Second)
		if got := said(23, 1); !strings.Contains(got[0], "There were 1 alarms") {
			t.Errorf("said %q", got)
		}
		w.Clock().Advance(time.Minute)
		many(400, 1)
		if got := said(24, 1); !strings.HasPrefix(got[0], "dev.countersign.breach page") {
			t.Errorf("said %q", got)
		}
		// All of them are listed.
		as, _, err := w.Alarms(t.Context(), desktest.As("kim"), alarms.Filter{Kind: alarm.Breach})
		if err != nil || len(as) != 33 {
			t.Errorf("%d alarms are listed, %v", len(as), err)
		}
		if n := len(none.received()); n != 0 {
			t.Errorf("%d messages arrived where none was wanted", n)
		}
	})
}
