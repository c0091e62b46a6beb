package desk_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
)

// TestSessionIsStartedWhenItBegins: the desk starts no session that began long ago. Somebody
// who finds a key plugged in could date one back to a moment after the owner's.
func TestSessionIsStartedWhenItBegins(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		starts := func(back time.Duration) (actions.SignedSession, error) {
			s, _ := to.Session("ann", func(c *actions.Session) {
				c.NotBefore, c.Expires = canonical.At(c.NotBefore.Add(-back)), canonical.At(c.NotBefore.Add(time.Hour))
			})
			_, err := to.Desk.StartSession(t.Context(), desktest.As("ann"), s)
			return s, err
		}
		_, err := starts(7 * time.Hour)
		refused(t, err, "bad-session")
		_, err = starts(5*time.Minute + time.Second)
		refused(t, err, "bad-session")
		s, err := starts(4 * time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		to.Clock().Advance(time.Hour / 2)
		if _, err := to.Desk.StartSession(t.Context(), desktest.As("ann"), s); err != nil {
			t.Errorf("the same session again: %v", err)
		}
	})
}

// TestSessionsStartedAnHour: a worker starts so many sessions an hour, and others theirs.
func TestSessionsStartedAnHour(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		var last shift
		for range 20 {
			last = startShift(t, to, "ann")
			to.Clock().Advance(time.Second)
		}
		s, _ := to.Session("ann")
		_, err := to.Desk.StartSession(t.Context(), desktest.As("ann"), s)
		refused(t, err, "budget-spent")
		if _, err := to.Desk.StartSession(t.Context(), desktest.As("ann"), last.session); err != nil {
			t.Errorf("the same session again: %v", err)
		}
		last.executes(t, desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")) // the newest goes on
		startShift(t, to, "bob")
		to.Clock().Advance(time.Hour)
		startShift(t, to, "ann")
	})
}
