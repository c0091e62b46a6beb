package web_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/alarm"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/inbox"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
)

// TestInboxPage: whatever page is open tells at once of a session that began elsewhere, and the inbox
// shows it; what somebody has seen there is read, also in other tabs.
func TestInboxPage(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("bob")
	tab := d.SignIn("bob")
	tab.Open("/settings") // it shows nothing else that changes
	ready(tab, "settings")
	tab.WaitText("#unread", "1") // the sign-in with the passkey
	other := tab.SecondTab()
	other.Open("/queues")
	other.Wait("html[data-ready]")
	d.Browser("bob") // with the file key, which does not end the session of the passkey
	tab.WaitText("#unread", "2")
	other.WaitText("#unread", "2")
	tab.Press("g")
	tab.Press("n")
	ready(tab, "inbox")
	if all := tab.Texts("#inbox > li"); len(all) != 2 || !strings.Contains(all[0], "A session of yours began") || !strings.Contains(all[0], "new") || !strings.Contains(all[0], d.PublicKey("bob").ID().Words()) {
		t.Errorf("bob reads %q", all)
	}
	tab.WaitGone("#unread")
	other.WaitGone("#unread")
	d.Clock().Advance(time.Second)
	d.Browser("bob")
	tab.Wait("=> document.querySelectorAll('#inbox > li').length === 3")
	if n := tab.Count("#inbox .tag.warn"); n != 1 {
		t.Errorf("%d messages are new", n)
	}
	tab.WaitGone("#unread")
	box, err := d.Mailbox(t.Context(), desktest.As("bob"))
	if err != nil || box.Unread != 0 || box.Seen != 3 {
		t.Errorf("%+v, %v", box, err)
	}
}

// notices has a page keep what it would have the browser show.
const notices = `(() => {
	const real = Notification;
	globalThis.noticed = [];
	globalThis.Notification = class { constructor(title, { body, tag }) { noticed.push(title + "|" + body + "|" + tag); } static get permission() { return real.permission; } };
	return real.permission;
})()`

// TestNotices: a request that waits for somebody is told by the browser once, however many tabs are
// open and while none of them is seen, and the screen tells neither whom it is about nor who asks.
func TestNotices(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("lee")
	tab := d.SignIn("lee")
	tab.Grant("notifications")
	second := tab.SecondTab()
	tabs := []*testenv.Tab{tab, second}
	for _, x := range tabs {
		x.Open("/countersign")
		ready(x, "requests")
		if got := testenv.Eval[string](x, notices); got != "granted" {
			t.Fatalf("notices are %s", got)
		}
	}
	told := func() (all []string) {
		for _, x := range tabs {
			all = append(all, testenv.Eval[[]string](x, "noticed")...)
		}
		return all
	}
	first := asked(d)
	for _, x := range tabs {
		x.Wait("=> document.querySelector('#unread > span').textContent === '2'") // with the sign-in
		x.Wait("a[href='/countersign/" + first.ID + "']")                         // the list shows it as well
	}
	desktest.Until(t, "one tab tells it", func() bool { return len(told()) > 0 })
	for _, x := range tabs { // whatever waits for the lock has had it
		testenv.Eval[bool](x, `navigator.locks.request("countersign-notice", () => true)`)
	}
	if all := told(); len(all) != 1 || !strings.HasPrefix(all[0], "A request waits for your signature|plaza|countersign-") {
		t.Errorf("the browser says %q", all)
	}
	// Nobody looks: one of the tabs goes on hearing.
	for _, x := range tabs {
		hide(x, true)
	}
	asked(d)
	desktest.Until(t, "a hidden tab tells it", func() bool { return len(told()) == 2 })
	for _, x := range tabs {
		hide(x, false)
		x.Wait("=> document.querySelector('#unread > span').textContent === '3'")
		testenv.Eval[bool](x, `navigator.locks.request("countersign-notice", () => true)`)
	}
	if all := told(); len(all) != 2 {
		t.Errorf("the browser says %q", all)
	}
}

// TestChannelOnSettings: a person declares an address with their own passkey on the page, the secret
// that the page shows signs what arrives there, and one press ends it. A page that shows something
// else than was signed hands nothing in.
func TestChannelOnSettings(t *testing.T) {
	var secret string
	arrived := make(chan []byte, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- append([]byte(r.Header.Get("Webhook-Id")+"\n"+r.Header.Get("Webhook-Timestamp")+"\n"+r.Header.Get("Webhook-Signature")+"\n"), body...)
	}))
	t.Cleanup(hook.Close)
	at := hook.Listener.Addr().(*net.TCPAddr).AddrPort()
	d := webtest.Open(t, desktest.Options{Inbox: inbox.Config{AllowPrivate: alarm.Private{Prefixes: []netip.Prefix{netip.PrefixFrom(at.Addr(), at.Addr().BitLen())}, Ports: []uint16{at.Port()}, Plain: true}}})
	d.Passkeys("kim")
	tab := d.SignIn("kim")
	tab.Open("/settings")
	ready(tab, "settings")
	tab.Click("#channel button[type=submit]")
	tab.WaitText("#channel-error", "Write the address")
	tab.Type("#webhook", hook.URL+"/kim?key=s3cret")
	if text := testenv.Eval[string](tab, "document.querySelector('#channel-text').textContent"); !strings.Contains(text, `"webhook":"`+hook.URL+`/kim?key=s3cret"`) {
		t.Errorf("the page says that %s is signed", text)
	}
	tab.Click("#channel button[type=submit]")
	tab.Wait("#channel-secret:not([hidden])")
	secret = tab.Text("#channel-secret code")
	key, err := alarm.ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(string(<-arrived), "\n", 4)
	header := http.Header{"Webhook-Id": parts[:1], "Webhook-Timestamp": parts[1:2], "Webhook-Signature": parts[2:3]}
	if _, err := alarm.Verify(header, []byte(parts[3]), time.Now(), 365*24*time.Hour, key); err != nil || !strings.Contains(parts[3], "message.channel") {
		t.Errorf("%v: %s", err, parts[3])
	}
	c, err := d.Channel(t.Context(), desktest.As("kim"))
	if err != nil || !c.Webhook || c.N != 1 || c.Altered {
		t.Errorf("%+v, %v", c, err)
	}
	tab.Reload()
	ready(tab, "settings")
	if text := tab.Text("#channel"); !strings.Contains(text, c.Host) || strings.Contains(tab.Source(), "s3cret") || strings.Contains(tab.Source(), secret) {
		t.Errorf("the page says %s", text)
	}
	// What the page shows changes while the key is touched.
	testenv.Eval[bool](tab, `(() => {
		const get = navigator.credentials.get.bind(navigator.credentials);
		navigator.credentials.get = async (o) => { document.querySelector("#channel-text").textContent = "{}"; return get(o); };
		return true;
	})()`)
	tab.Type("#webhook", hook.URL+"/other")
	tab.Click("#channel button[type=submit]")
	tab.WaitText("#channel-error", "the page shows something else than was signed")
	tab.Reload()
	ready(tab, "settings")
	tab.Click("#channel-clear")
	tab.WaitText("#channel-now", "They go nowhere else")
	if c, err = d.Channel(t.Context(), desktest.As("kim")); err != nil || c.Webhook || c.N != 2 {
		t.Errorf("%+v, %v", c, err)
	}
	if text := string(<-arrived); !strings.Contains(text, "only read at the desk") {
		t.Errorf("the address before is told %s", text)
	}
	all, _, err := d.Inbox(t.Context(), desktest.As("kim"), inbox.Filter{})
	if err != nil || len(slices.DeleteFunc(all, func(m inbox.Message) bool { return m.Kind != inbox.KindChannel })) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
}
