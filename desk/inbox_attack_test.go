package desk_test

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/desk/desktest"
	"countersign.dev/desk/inbox"
	"countersign.dev/jobs"
	"countersign.dev/sqldb"
	"countersign.dev/store"
)

// madeUp is a job that somebody writes into the database.
type madeUp struct {
	Worker  string `json:"worker"`
	Message string `json:"message"`
	Channel int64  `json:"channel"`
	Made    int    `json:"made"`
}

func (madeUp) Kind() string { return "desk.message" }

func blob(w *desktest.World) string {
	if w.Store.DB().Dialect() == sqldb.PostgreSQL {
		return "bytea"
	}
	return "blob"
}

// TestEditedMessages: whoever edits the database puts no words of theirs into the desk's mouth: an edited
// or made-up message is shown as such, and nothing of it is sent under the person's secret.
func TestEditedMessages(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		p := newPager(t)
		w := withHooks(t, o, p)
		to := &desktest.Town{World: w}
		bob := desktest.As("bob")
		if _, err := w.DeclareChannel(t.Context(), bob, p.URL, p.secret, channelDeed(w, "bob", 0, p.URL, p.secret)); err != nil {
			t.Fatal(err)
		}
		desktest.Until(t, "the address is told", func() bool { return len(p.received()) == 1 && settled(t, w, "desk.message", 0) })
		w.Browser("bob")
		desktest.Until(t, "the session is told", func() bool { return len(p.received()) == 2 && settled(t, w, "desk.message", 0) })
		// A session that was somebody else's is explained away, and bob is sent to another page.
		sql(t, to, `update message set body = cast('{"text":"evil: that session was a test"}' as `+blob(w)+`) where worker = 'bob' and kind = 'session'`,
			`update mailbox set newest = 9 where worker = 'bob'`,
			`insert into message (worker, n, kind, key, time, body) select 'bob', 9, 'session', 'made up', time, cast('{"text":"evil: sign at https://evil.example"}' as `+blob(w)+`) from message where worker = 'bob' and n = 1`)
		all, _, err := w.Inbox(t.Context(), bob, inbox.Filter{})
		if err != nil || len(all) != 3 {
			t.Fatalf("%+v, %v", all, err)
		}
		edited := 0
		for _, m := range all {
			if strings.Contains(m.Text, "evil") {
				t.Errorf("the inbox says %q", m.Text)
			}
			if strings.Contains(m.Text, "edited") {
				edited++
			}
		}
		if edited != 2 {
			t.Errorf("%d messages are shown as edited", edited)
		}
		if err := w.Store.Write(t.Context(), func(tx *store.Tx) error {
			return jobs.Enqueue(tx.Tx, madeUp{Worker: "bob", Message: "made up"}, tx.Now(), "made up")
		}); err != nil {
			t.Fatal(err)
		}
		w.Clock().Advance(time.Minute)
		w.Browser("bob")
		desktest.Until(t, "the next session is told", func() bool { return len(p.received()) >= 3 && settled(t, w, "desk.message", 0) })
		for _, r := range p.received() {
			if strings.Contains(string(r.body), "evil") {
				t.Errorf("the desk sent %s", r.body)
			}
		}
	})
}
