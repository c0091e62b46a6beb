package desk_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/inbox"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// told returns the messages of a kind to somebody, oldest first; of all kinds if it is empty.
func told(t *testing.T, w *desktest.World, to workforce.WorkerID, kind inbox.Kind) []inbox.Message {
	t.Helper()
	all, _, err := w.Inbox(t.Context(), desktest.As(to), inbox.Filter{Oldest: true})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(m inbox.Message) bool { return kind != "" && m.Kind != kind })
}

// TestSessionIsTold: a new session is told to its person once, with the words of the key, where it
// began, and how to end it; one that took the place of another says so.
func TestSessionIsTold(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := staffed(t, o)
		s, _ := w.Session("ann")
		for range 3 { // the answer was lost
			if _, err := w.Desk.StartSession(t.Context(), desktest.As("ann"), s); err != nil {
				t.Fatal(err)
			}
		}
		w.Clock().Advance(time.Minute)
		w.Browser("ann")
		got := told(t, w, "ann", "")
		if len(got) != 2 || got[0].Kind != inbox.KindSession || got[1].Kind != inbox.KindSession || got[0].N != 1 || got[1].N != 2 || got[0].Read || got[0].Digest != s.Session.Digest() {
			t.Fatalf("ann is told %+v", got)
		}
		for i, words := range [][]string{{"on a command line", s.Session.Key.Words(), "countersign session end --worker ann"}, {"in a browser", "It ended an earlier session"}} {
			for _, part := range words {
				if !strings.Contains(got[i].Text, part) {
					t.Errorf("message %d does not say %q: %s", i+1, part, got[i].Text)
				}
			}
		}
		if strings.Contains(got[0].Text, "ended an earlier") {
			t.Errorf("the first session ended another one: %s", got[0].Text)
		}
		for _, other := range []workforce.WorkerID{"bob", "kim"} {
			if all := told(t, w, other, ""); len(all) != 0 {
				t.Errorf("%s is told %+v", other, all)
			}
		}
	})
}

// TestSignatureIsCopied: whatever a person's own key signs of acts is told to that person, once, with
// the act, its subject and its digest; what a session's key signs is not.
func TestSignatureIsCopied(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		sub := submission(t, to, "ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		for range 2 {
			if _, err := to.Desk.Request(t.Context(), desktest.As("ann"), sub); err != nil {
				t.Fatal(err)
			}
		}
		request := sub.Signed.Statement.Request
		draft, err := to.DraftVerdict(t.Context(), desktest.As("lee"), request, actions.VerdictCountersign, "")
		if err != nil {
			t.Fatal(err)
		}
		signed := to.Signed("lee", draft)
		for range 2 {
			if _, err := to.Desk.Countersign(t.Context(), desktest.As("lee"), request, signed); err != nil {
				t.Fatal(err)
			}
		}
		draft, err = to.DraftVerdict(t.Context(), desktest.As("kim"), request, actions.VerdictDecline, "")
		if err != nil {
			t.Fatal(err)
		}
		signed = to.Signed("kim", draft)
		for range 2 {
			if _, err := to.Desk.Decline(t.Context(), desktest.As("kim"), request, signed, false, "no"); err != nil {
				t.Fatal(err)
			}
		}
		for by, says := range map[workforce.WorkerID]string{"ann": "You asked for this", "lee": "You countersigned this", "kim": "You declined this"} {
			got := told(t, to.World, by, inbox.KindSignature)
			if len(got) != 1 {
				t.Errorf("%s is told %+v", by, got)
				continue
			}
			m := got[0]
			if m.Request != request || m.Digest != sub.Action.Digest() || m.Act != actions.AccountTakedown || !strings.Contains(m.Subject, "@president") || !strings.Contains(m.Text, says) || !strings.Contains(m.Text, "@president") {
				t.Errorf("%s is told %+v", by, m)
			}
		}
		shift := startShift(t, to, "bob")
		shift.executes(t, desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
		if got := told(t, to.World, "bob", inbox.KindSignature); len(got) != 0 {
			t.Errorf("what a session's key signed is copied: %+v", got)
		}
	})
}

// TestWaitsForYou: exactly those who could sign a held request are told that it waits, each once; no
// message tells who asks or about whom.
func TestWaitsForYou(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r := heldRequest(t, to)
		everybody := slices.Clone(to.Officers)
		for _, m := range []workforce.WorkerID{"ann", "abe", "dan", "sue", "bob", "lee", "kim", "eva", "ole"} {
			everybody = append(everybody, m)
		}
		var may []workforce.WorkerID
		for _, by := range everybody {
			sight, err := to.RequestFor(t.Context(), desktest.As(by), r.ID)
			if err != nil {
				t.Fatal(err)
			}
			if sight.May {
				may = append(may, by)
			}
		}
		if len(may) < 2 || slices.Contains(may, "ann") || !slices.Contains(may, "lee") {
			t.Fatalf("%q may sign", may)
		}
		desktest.Until(t, "the job is done", func() bool { return len(told(t, to.World, may[0], inbox.KindWaits)) > 0 })
		// A job may run twice.
		sql(t, to, fmt.Sprintf(`insert into job (kind, args, unique_key, state, due, attempts, last_error, created) select 'desk.waiting', args, 'again', 'waiting', 0, 0, '', 0 from job where kind = 'desk.expire' and unique_key = '%s'`, r.ID))
		desktest.Until(t, "the job is done again", func() bool { return settled(t, to.World, "desk.waiting", 0) })
		second := heldRequest(t, to)
		desktest.Until(t, "the next job is done", func() bool {
			return slices.ContainsFunc(told(t, to.World, may[0], inbox.KindWaits), func(m inbox.Message) bool { return m.Request == second.ID })
		})
		for _, by := range everybody {
			got := slices.DeleteFunc(told(t, to.World, by, inbox.KindWaits), func(m inbox.Message) bool { return m.Request != r.ID })
			want := 0
			if slices.Contains(may, by) {
				want = 1
			}
			if len(got) != want {
				t.Errorf("%s is told %d times: %+v", by, len(got), got)
			}
			for _, m := range got {
				text := string(canonical.MustMarshal(m.Content))
				for _, secret := range []string{"ann", "acme", "president", r.Action.Subject.ID, r.Action.Reason} {
					if strings.Contains(text, secret) {
						t.Errorf("%s is told of %s: %s", by, secret, text)
					}
				}
				if m.Platform != "plaza" || m.Tier != r.Action.Tier || m.Act != r.Action.Kind {
					t.Errorf("%s is told %s", by, text)
				}
			}
		}
	})
}

// channelDeed signs the declaration of a channel.
func channelDeed(w *desktest.World, by workforce.WorkerID, version int64, webhook, secret string) actions.SaltedDeed {
	return w.Deed(by, actions.Deed{What: actions.DeedChannel, Of: string(by), Version: version}, actions.ChannelText(webhook, secret))
}

// withHooks opens a staffed desk that sends to a pager on this machine.
func withHooks(t *testing.T, o desktest.Options, p *pager) *desktest.World {
	t.Helper()
	o.Inbox.AllowPrivate = p.destination(t).AllowPrivate
	w := staffed(t, o)
	w.Run()
	return w
}

// event is a message as it arrives.
type event struct {
	ID, Source, Type string
	Data             inbox.Content
}

func events(t *testing.T, p *pager) (all []event) {
	t.Helper()
	for _, got := range p.received() {
		var e event
		if err := json.Unmarshal(got.body, &e); err != nil || got.problem != nil || got.id != e.ID {
			t.Fatalf("%v, %v: %s", err, got.problem, got.body)
		}
		all = append(all, e)
	}
	return all
}

// TestChannel: an address that its person has declared gets each message, signed with the secret that
// was handed in; a change is told at the address before it; a cleared one gets nothing more. Neither
// ledger nor database nor log of jobs has the address.
func TestChannel(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		old := newPager(t)
		w := withHooks(t, o, old)
		bob := desktest.As("bob")
		url := old.URL + "/hook?secret=s3cret"
		deed := channelDeed(w, "bob", 0, url, old.secret)
		var first inbox.Channel
		for i := range 3 { // the answer was lost
			c, err := w.DeclareChannel(t.Context(), bob, url, old.secret, deed)
			if err != nil || !c.Webhook || c.N != 1 || c.Altered || c.Host == "" || strings.Contains(c.Host, "s3cret") {
				t.Fatalf("%+v, %v", c, err)
			}
			if i == 0 {
				first = c
			} else if c.Deed != first.Deed || !c.Time.Equal(first.Time.Time) {
				t.Errorf("the same deed gave %+v, and then %+v", first, c)
			}
		}
		desktest.Until(t, "the new address is told", func() bool { return len(old.received()) == 1 })
		s, _ := w.Session("bob")
		if _, err := w.Desk.StartSession(t.Context(), bob, s); err != nil {
			t.Fatal(err)
		}
		desktest.Until(t, "the session is told", func() bool { return len(old.received()) == 2 })
		got := events(t, old)
		if got[0].Type != "dev.countersign.message.channel" || got[1].Type != "dev.countersign.message.session" || got[1].Data.Digest != s.Session.Digest() || got[1].Source != w.Origin {
			t.Errorf("it got %+v", got)
		}
		desktest.Until(t, "the attempt is on record", func() bool {
			c, err := w.Channel(t.Context(), bob)
			return err == nil && c.Status == "delivered" && !c.Altered && !c.Tried.IsZero()
		})
		c, err := w.DeclareChannel(t.Context(), bob, "", "", channelDeed(w, "bob", 1, "", ""))
		if err != nil || c.Webhook || c.N != 2 || c.Host != "" {
			t.Fatalf("cleared: %+v, %v", c, err)
		}
		desktest.Until(t, "the address before is told", func() bool { return len(old.received()) == 3 })
		if last := events(t, old)[2]; last.Type != "dev.countersign.message.channel" || !strings.Contains(last.Data.Text, "only read at the desk") {
			t.Errorf("it is told %+v", last)
		}
		w.Clock().Advance(time.Minute)
		w.Browser("bob")
		if n := len(told(t, w, "bob", "")); n != 4 {
			t.Errorf("bob's inbox has %d messages", n)
		}
		if all := waiting(t, w, "desk.message"); len(all) != 0 {
			t.Errorf("a cleared address waits for %+v", all)
		}
		for _, table := range []string{"channel", "message", "job", "ledger_entry", "ledger_opening"} {
			if all := textOf(t, w, table); strings.Contains(all, "s3cret") || strings.Contains(all, old.secret) || strings.Contains(all, "/hook") {
				t.Errorf("the table %s has the address", table)
			}
		}
		var entered []ledger.Entry
		if err := w.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
			entered, err = tx.EntriesAbout("deed "+first.Deed, canonical.Time{}, 10)
			return err
		}); err != nil || len(entered) != 1 || entered[0].Body.Kind != entry.KindChannel || len(entered[0].Openings) != 0 {
			t.Fatalf("%+v, %v", entered, err)
		}
		said, persons, err := entry.SaidIn(entered[0].Body.Kind, entered[0].Body.Data, nil)
		if err != nil || !persons || said == nil || said.Statement.Signer != "bob" {
			t.Errorf("an audit reads %+v, %t, %v", said, persons, err)
		}
		opened, err := proof.Sealing(actions.DeedChannel, actions.ChannelText(url, old.secret), deed.Salt).Commitment()
		if err != nil || said.Deed.Deed.Text != opened {
			t.Errorf("what bob keeps does not open the entry: %v", err)
		}
	})
}

// TestChannelMoves: the word of a new address goes to the one before it, and everything else to the
// new one.
func TestChannelMoves(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		old, next := newPager(t), newPager(t)
		a, b := old.destination(t).AllowPrivate, next.destination(t).AllowPrivate
		a.Ports = append(a.Ports, b.Ports...)
		o.Inbox.AllowPrivate = a
		w := staffed(t, o)
		w.Run()
		for i, p := range []*pager{old, next} {
			if _, err := w.DeclareChannel(t.Context(), desktest.As("bob"), p.URL, p.secret, channelDeed(w, "bob", int64(i), p.URL, p.secret)); err != nil {
				t.Fatal(err)
			}
			desktest.Until(t, "the address is told", func() bool { return len(p.received()) == 1 })
		}
		desktest.Until(t, "the old address is told", func() bool { return len(old.received()) == 2 })
		w.Browser("bob")
		desktest.Until(t, "the new address gets what comes", func() bool { return len(next.received()) == 2 })
		if got := events(t, old); len(got) != 2 || got[0].Type != got[1].Type || !strings.Contains(got[1].Data.Text, "a new address") || strings.Contains(got[1].Data.Text, next.Listener.Addr().String()) {
			t.Errorf("the old address got %+v", got)
		}
		if a, b := events(t, old)[1].ID, events(t, next)[0].ID; a != b {
			t.Errorf("one message has the identifiers %s and %s", a, b)
		}
	})
}

// TestChannelIsRefused: what a declaration must be. A session's key cannot sign one.
func TestChannelIsRefused(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := staffed(t, o)
		const url = "https://hooks.example/bob"
		secret := newPager(t).secret
		s, key := w.Session("bob")
		if _, err := w.Desk.StartSession(t.Context(), desktest.As("bob"), s); err != nil {
			t.Fatal(err)
		}
		session, err := proof.NewDeed(w.Formats(), actions.Deed{What: actions.DeedChannel, Of: "bob"}, actions.ChannelText(url, secret),
			actions.Statement{Log: w.LogName(), Signer: "bob", Key: w.PublicKey("bob").ID(), Session: s.Session.Digest()}, w.Clock().Now(), bytes.Repeat([]byte{7}, 96))
		if err != nil {
			t.Fatal(err)
		}
		challenge := session.Signed.Statement.Challenge()
		session.Session, session.Signed.Signature = &s, actions.Signature{Signature: ed25519.Sign(key, challenge[:])}
		good := func(url, secret string) actions.SaltedDeed { return channelDeed(w, "bob", 0, url, secret) }
		for name, c := range map[string]struct {
			url, secret string
			deed        actions.SaltedDeed
			typ         string
		}{
			"under a session":      {url, secret, session, "own-key-needed"},
			"another's deed":       {url, secret, channelDeed(w, "ann", 0, url, secret), "another-signer"},
			"of somebody else":     {url, secret, w.Deed("bob", actions.Deed{What: actions.DeedChannel, Of: "ann"}, actions.ChannelText(url, secret)), "bad-deed"},
			"another kind of deed": {url, secret, w.Deed("bob", actions.Deed{What: actions.DeedAccounts, Of: "bob"}, actions.ChannelText(url, secret)), "bad-deed"},
			"another address":      {url + "/x", secret, good(url, secret), "bad-deed"},
			"another secret":       {url, secret, good(url, "whsec_x"), "bad-deed"},
			"cleared instead":      {"", "", good(url, secret), "bad-deed"},
			"another version":      {url, secret, channelDeed(w, "bob", 3, url, secret), "stale-version"},
			"plain http":           {"http://hooks.example/", secret, good("http://hooks.example/", secret), "bad-channel"},
			"no secret":            {url, "", good(url, ""), "bad-alarm-key"},
			"a secret alone":       {"", secret, good("", secret), "bad-channel"},
			"a long address":       {url + strings.Repeat("x", 2000), secret, good(url+strings.Repeat("x", 2000), secret), "bad-channel"},
			"a key of the sender":  {url, "whpk_" + secret[6:], good(url, "whpk_"+secret[6:]), "bad-channel"},
		} {
			_, err := w.DeclareChannel(t.Context(), desktest.As("bob"), c.url, c.secret, c.deed)
			if err == nil {
				t.Errorf("%s is taken", name)
				continue
			}
			t.Run(name, func(t *testing.T) { refused(t, err, c.typ) })
		}
		if all := textOf(t, w, "channel"); all != "" {
			t.Errorf("it was stored: %q", all)
		}
		if c, err := w.Channel(t.Context(), desktest.As("bob")); err != nil || c != (inbox.Channel{}) {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

// TestChannelAltered: whoever edits the database cannot have messages sent elsewhere, or nowhere,
// unseen: nothing is sent, the message stays in the inbox, an alarm says so once, and the person's
// own page as well.
func TestChannelAltered(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		p := newPager(t)
		w := withHooks(t, o, p)
		bob := desktest.As("bob")
		to := &desktest.Town{World: w}
		for i := range int64(2) {
			if _, err := w.DeclareChannel(t.Context(), bob, p.URL, p.secret, channelDeed(w, "bob", i, p.URL, p.secret)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.DeclareChannel(t.Context(), desktest.As("ann"), p.URL, p.secret, channelDeed(w, "ann", 0, p.URL, p.secret)); err != nil {
			t.Fatal(err)
		}
		desktest.Until(t, "all are told", func() bool { return len(p.received()) == 4 && settled(t, w, "desk.message", 0) })
		raisedNow := func() (n int) {
			as, _, err := w.Alarms(t.Context(), desktest.As("kim"), alarms.Filter{Kind: alarm.ChannelAltered})
			if err != nil {
				t.Fatal(err)
			}
			return len(as)
		}
		for i, edit := range []string{
			`update channel set address = (select address from channel where worker = 'ann') where worker = 'bob' and n = 2`, // another's address
			`update channel set deed = (select deed from channel where worker = 'ann') where worker = 'bob' and n = 2`,
			`update channel set n = 3 where worker = 'bob' and n = 1`, // the one before it is the newest again
			`delete from channel where worker = 'bob' and n = 2`,
		} {
			keep := textOf(t, w, "channel")
			sql(t, to, `create table kept_channel as select * from channel`, edit, `update channel set status = '' where worker = 'bob'`)
			w.Clock().Advance(time.Minute)
			w.Browser("bob")
			desktest.Until(t, "the alarm is raised", func() bool { return raisedNow() == i+1 })
			w.Clock().Advance(time.Minute)
			w.Browser("bob")
			desktest.Until(t, "the job is done", func() bool { return settled(t, w, "desk.message", 0) })
			if n := raisedNow(); n != i+1 {
				t.Errorf("%s: %d alarms", edit, n)
			}
			if c, err := w.Channel(t.Context(), bob); err != nil || !c.Altered {
				t.Errorf("%s: bob's page says %+v, %v", edit, c, err)
			}
			if n := len(told(t, w, "bob", inbox.KindSession)); n != 2*(i+1) {
				t.Errorf("%s: bob's inbox has %d sessions", edit, n)
			}
			sql(t, to, `delete from channel`, `insert into channel select * from kept_channel`, `drop table kept_channel`)
			if textOf(t, w, "channel") == "" || keep == "" {
				t.Fatal("the rows were not put back")
			}
		}
		for _, edit := range []string{`update channel set webhook = 0 where worker = 'bob'`, `delete from channel where worker = 'bob'`} {
			sql(t, to, `create table kept_channel as select * from channel`, edit)
			if c, err := w.Channel(t.Context(), bob); err != nil || !c.Altered {
				t.Errorf("%s: bob's page says %+v, %v", edit, c, err)
			}
			sql(t, to, `delete from channel`, `insert into channel select * from kept_channel`, `drop table kept_channel`)
		}
		if n := len(p.received()); n != 4 {
			t.Errorf("%d messages were sent", n)
		}
		w.Clock().Advance(time.Minute)
		w.Browser("bob")
		desktest.Until(t, "the address that bob declared gets messages again", func() bool { return len(p.received()) == 5 })
	})
}

// TestChannelThatFails: an address that does not answer is tried again by the schedule of alarms; one
// that is gone is left alone until another one is declared.
func TestChannelThatFails(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		p := newPager(t)
		p.say(http.StatusInternalServerError)
		w := withHooks(t, o, p)
		bob := desktest.As("bob")
		if _, err := w.DeclareChannel(t.Context(), bob, p.URL, p.secret, channelDeed(w, "bob", 0, p.URL, p.secret)); err != nil {
			t.Fatal(err)
		}
		status := func() string {
			c, err := w.Channel(t.Context(), bob)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("%s %d", c.Status, c.Answer)
		}
		desktest.Until(t, "the first attempt fails", func() bool { return status() == "waiting 500" && settled(t, w, "desk.message", 1) })
		p.say(http.StatusGone)
		w.Clock().Advance(time.Minute)
		desktest.Until(t, "it is gone", func() bool { return status() == "gone 410" && settled(t, w, "desk.message", 0) })
		n := len(p.received())
		w.Browser("bob")
		desktest.Until(t, "nothing is sent", func() bool { return settled(t, w, "desk.message", 0) })
		if len(p.received()) != n || len(told(t, w, "bob", inbox.KindSession)) != 1 {
			t.Errorf("an address that is gone got %+v", p.received()[n:])
		}
		if _, err := w.DeclareChannel(t.Context(), bob, p.URL, p.secret, channelDeed(w, "bob", 1, p.URL, p.secret)); err != nil {
			t.Fatal(err)
		}
		desktest.Until(t, "it gets messages again", func() bool { return len(p.received()) > n })
	})
}

// TestInboxIsRead: messages have numbers without end, the mark moves forward only, a flood of one kind
// leaves the others, and old messages go.
func TestInboxIsRead(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		o.Inbox.Most = 5
		w := staffed(t, o)
		bob := desktest.As("bob")
		if _, err := w.DeclareChannel(t.Context(), bob, "", "", channelDeed(w, "bob", 0, "", "")); err != nil {
			t.Fatal(err)
		}
		for range 7 {
			w.Clock().Advance(time.Minute)
			w.Browser("bob")
		}
		all, box, err := w.Inbox(t.Context(), bob, inbox.Filter{})
		if err != nil || box != (store.Mailbox{Newest: 8, Unread: 6}) || len(all) != 6 || all[0].N != 8 || all[4].N != 4 || all[5].N != 1 || all[5].Kind != inbox.KindChannel {
			t.Fatalf("%+v, %+v, %v", all, box, err)
		}
		for _, c := range []struct{ upto, seen, unread int64 }{{5, 5, 3}, {3, 5, 3}, {100, 8, 0}} {
			if box, err = w.ReadInbox(t.Context(), bob, c.upto); err != nil || box.Seen != c.seen || box.Unread != c.unread {
				t.Errorf("read up to %d: %+v, %v", c.upto, box, err)
			}
		}
		_, err = w.ReadInbox(t.Context(), bob, -1)
		refused(t, err, "bad-parameter")
		if box, err := w.ReadInbox(t.Context(), desktest.As("ann"), 5); err != nil || box != (store.Mailbox{}) {
			t.Errorf("who has no message: %+v, %v", box, err)
		}
		after, _, err := w.Inbox(t.Context(), bob, inbox.Filter{After: 6, Limit: 1})
		if err != nil || len(after) != 1 || after[0].N != 7 || !after[0].Read {
			t.Errorf("after 6: %+v, %v", after, err)
		}
		before, _, err := w.Inbox(t.Context(), bob, inbox.Filter{Before: 6, Limit: 1})
		if err != nil || len(before) != 1 || before[0].N != 5 {
			t.Errorf("before 6: %+v, %v", before, err)
		}
		w.Clock().Advance(91 * 24 * time.Hour)
		if err := w.ForgetOld(t.Context()); err != nil {
			t.Fatal(err)
		}
		if all := told(t, w, "bob", ""); len(all) != 0 {
			t.Errorf("after 91 days: %+v", all)
		}
		w.Browser("bob")
		if all := told(t, w, "bob", ""); len(all) != 1 || all[0].N != 9 {
			t.Errorf("then: %+v", all)
		}
	})
}
