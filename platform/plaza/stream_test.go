package plaza_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/fault"
	"countersign.dev/platform"
	connector "countersign.dev/platform/plaza"
	"countersign.dev/plaza"
	"countersign.dev/test/testenv"
)

// as is a connector to the same plaza with another holder's token.
func (to *town) as(holder string, edit func(*connector.Config)) *connector.Connector {
	to.t.Helper()
	token, err := to.server.IssueToken(to.t.Context(), holder, plaza.StaffScope)
	if err != nil {
		to.t.Fatal(err)
	}
	config := connector.Config{Name: "plaza", URL: to.url, Token: token}
	if edit != nil {
		edit(&config)
	}
	c, err := connector.Connect(to.t.Context(), config)
	if err != nil {
		to.t.Fatal(err)
	}
	return c
}

func watch(t *testing.T, c platform.Watcher, cursor string) platform.Stream {
	t.Helper()
	s, err := c.Watch(t.Context(), cursor)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func next(t *testing.T, s platform.Stream) platform.Happening {
	t.Helper()
	h, err := s.Next()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func change(t *testing.T, c *connector.Connector, key string, cmd platform.Command) {
	t.Helper()
	if _, err := c.Apply(t.Context(), key, cmd); err != nil {
		t.Fatal(err)
	}
}

// owner sends a request with the token of ada's owner.
func (to *town) owner(method, path string) {
	to.t.Helper()
	token, err := to.server.IssueOwnerToken(to.t.Context(), "@ada")
	if err != nil {
		to.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(to.t.Context(), method, to.url+"/owner/v1/"+path, nil)
	if err != nil {
		to.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		to.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		to.t.Fatal(res.Status)
	}
}

// TestWhoDidIt: an insider's own credential can leave any mark, even one that
// looks like ours; what tells is whose credential it was.
func TestWhoDidIt(t *testing.T) {
	to := newTown(t)
	insider := to.as("insider", nil)
	s := watch(t, to, "")
	change(t, insider, "k", take)
	if h := next(t, s); h.Subject != ada || h.By != "insider" || h.Locks || h.At.IsZero() {
		t.Errorf("the insider's takedown: %+v", h)
	}
	change(t, to.Connector, "k", platform.Command{Verb: platform.Restore, Subject: ada, Expect: platform.Expect{Status: platform.Down, Mark: take.Mark}})
	if h := next(t, s); h.By != "executor" {
		t.Errorf("ours: %+v", h)
	}
	to.owner("PUT", "lock")
	if h := next(t, s); h.Subject != ada || h.By != "@ada" || !h.Locks {
		t.Errorf("the owner's lock: %+v", h)
	}
	to.owner("POST", "deactivate")
	if h := next(t, s); h.By != "@ada" || h.Locks {
		t.Errorf("the owner's deactivation: %+v", h)
	}
	if e, err := to.Peek(t.Context(), ada); err != nil || !e.Is(platform.Deactivated, "") {
		t.Errorf("peeked at %+v, %v", e, err)
	}
}

func TestLockIsDated(t *testing.T) {
	now := time.Date(2026, 11, 23, 5, 39, 46, 0, time.UTC)
	to := newTownWith(t, plaza.Config{Now: func() time.Time { now = now.Add(time.Hour); return now }})
	read := func() platform.Lock {
		t.Helper()
		l, err := to.Lock(t.Context(), ada)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if l := read(); l != (platform.Lock{}) {
		t.Errorf("before: %+v", l)
	}
	to.owner("PUT", "lock")
	set := read()
	to.owner("PUT", "lock")
	if l := read(); !l.Set || l.Since.IsZero() || !l.Cleared.IsZero() || l != set {
		t.Errorf("set %+v, and again %+v", set, l)
	}
	to.owner("DELETE", "lock")
	cleared := read()
	to.owner("DELETE", "lock")
	if l := read(); !l.Set || l.Since != set.Since || !l.Cleared.After(l.Since.Time) || l != cleared {
		t.Errorf("taken back %+v, and again %+v", cleared, l)
	}
	if at := cleared.Cleared.Time; !cleared.Holds(at.Add(platform.ClearingTime-time.Second)) || cleared.Holds(at.Add(platform.ClearingTime)) {
		t.Errorf("it does not hold for 72 hours after: %+v", cleared)
	}
	to.owner("PUT", "lock")
	if l := read(); l != set {
		t.Errorf("set once more while it held: %+v", l)
	}
	to.owner("DELETE", "lock")
	if l := read(); !l.Session.After(l.Since.Time) || !l.Session.Before(l.Cleared.Time) {
		t.Errorf("taken back in a session that is younger: %+v", l)
	}
	now = now.Add(platform.ClearingTime)
	to.owner("PUT", "lock")
	if l := read(); !l.Since.After(cleared.Cleared.Time) || !l.Cleared.IsZero() || !l.Session.IsZero() {
		t.Errorf("set once more after it: %+v", l)
	}
}

// TestSilentStream: a connection that swallows everything is found dead, before
// and after the stream has opened.
func TestSilentStream(t *testing.T) {
	to := newTown(t)
	line := testenv.NewLine(t, to.url)
	c := to.as("reader", func(c *connector.Config) { c.URL, c.Silence = line.URL, 3*time.Second })
	s := watch(t, c, "0")
	line.Swallow(true)
	change(t, to.Connector, "k", take)
	if h, err := s.Next(); !fault.Is(err, "stream-silent") {
		t.Errorf("%+v, %v", h, err)
	}
	if _, err := c.Watch(t.Context(), "0"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("opened over a dead line: %v", err)
	}
	line.Swallow(false)
	if h := next(t, watch(t, c, s.Cursor())); h.Subject != ada {
		t.Errorf("afterwards: %+v", h)
	}
}

// beats counts what a server says only to show that it lives.
type beats struct {
	http.ResponseWriter
	n    atomic.Int64
	most int64
	then func()
}

func (b *beats) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte(":")) && b.n.Add(1) == b.most {
		go b.then()
	}
	return b.ResponseWriter.Write(p)
}

func (b *beats) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// TestQuietStreamIsNotSilent: it says that it is there.
func TestQuietStreamIsNotSilent(t *testing.T) {
	const beat = 200 * time.Millisecond
	to := newTownWith(t, plaza.Config{Heartbeat: beat})
	// Silent for longer than the stream may be, were it not for the beats.
	c := to.as("reader", func(c *connector.Config) { c.Silence = 20 * beat })
	acted := make(chan struct{})
	to.on("GET", "/events", func(w http.ResponseWriter, r *http.Request, plaza http.Handler) {
		plaza.ServeHTTP(&beats{ResponseWriter: w, most: 25, then: func() {
			defer close(acted)
			if _, err := to.Apply(t.Context(), "k", take); err != nil {
				t.Error(err)
			}
		}}, r)
	})
	if h := next(t, watch(t, c, "")); h.Subject != ada {
		t.Errorf("%+v", h)
	}
	<-acted
}

func TestCutStreamGoesOn(t *testing.T) {
	to := newTown(t)
	line := testenv.NewLine(t, to.url)
	c := to.as("reader", func(c *connector.Config) { c.URL = line.URL })
	s := watch(t, c, "")
	change(t, to.Connector, "k1", take)
	next(t, s)
	line.Cut()
	if _, err := s.Next(); !fault.Is(err, "stream-ended") {
		t.Errorf("cut: %v", err)
	}
	change(t, to.Connector, "k2", platform.Command{Verb: platform.Restore, Subject: ada, Expect: platform.Expect{Status: platform.Down, Mark: take.Mark}})
	s = watch(t, c, s.Cursor())
	if h := next(t, s); h.Subject != ada || s.Cursor() != "2" {
		t.Errorf("what was missed: %+v, then %s", h, s.Cursor())
	}
	if _, err := c.Watch(t.Context(), "-1"); !fault.Is(err, "bad-cursor") {
		t.Errorf("a cursor that is none: %v", err)
	}
}

// TestGapBeyondTheBacklog: what the server has forgotten it does not pass over.
func TestGapBeyondTheBacklog(t *testing.T) {
	to := newTownWith(t, plaza.Config{EventBacklog: 2})
	s := watch(t, to, "")
	place := s.Cursor()
	s.Close()
	for n := range 3 {
		change(t, to.Connector, fmt.Sprint("down", n), take)
		change(t, to.Connector, fmt.Sprint("up", n), platform.Command{Verb: platform.Restore, Subject: ada, Expect: platform.Expect{Status: platform.Down, Mark: take.Mark}})
	}
	for _, cursor := range []string{place, "3", "7"} {
		if _, err := to.Watch(t.Context(), cursor); !fault.Is(err, "cursor-gone") {
			t.Errorf("after %s: %v", cursor, err)
		}
	}
	s = watch(t, to, "4")
	next(t, s)
	next(t, s)
	if s.Cursor() != "6" {
		t.Errorf("the cursor is %s", s.Cursor())
	}
}

// TestAccountsWhileTheyAreMade reads the list while it grows.
func TestAccountsWhileTheyAreMade(t *testing.T) {
	to := newTown(t)
	setup, err := to.server.IssueToken(t.Context(), "more", plaza.SetupScope)
	if err != nil {
		t.Fatal(err)
	}
	made := 1
	more := func(n int) {
		var list []string
		for range n {
			made++
			list = append(list, fmt.Sprintf(`{"handle":"@n%d","name":"N"}`, made))
		}
		req, err := http.NewRequestWithContext(t.Context(), "POST", to.url+"/staff/v1/accounts/bulk", strings.NewReader(`{"accounts":[`+strings.Join(list, ",")+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+setup)
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusCreated {
			body, _ := io.ReadAll(res.Body)
			t.Fatalf("%s %s", res.Status, body)
		}
	}
	more(2499)
	change(t, to.Connector, "k", take)
	gone := platform.Subject{Platform: "plaza", ID: "acct/2"}
	change(t, to.Connector, "gone", platform.Command{Verb: platform.Delete, Subject: gone, Expect: platform.Expect{Status: platform.Up}})
	times, pages := map[string]int{}, 0
	for cursor := ""; ; pages++ {
		page, next, err := to.Accounts(t.Context(), cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range page {
			times[l.Subject.ID]++
			want := platform.Expect{Status: platform.Up}
			if l.Subject == ada {
				want = take.After()
				_, read, err := to.Look(t.Context(), ada)
				if diff := cmp.Diff(read.Facts, l.Facts); err != nil || diff != "" || len(l.Unread) != 0 {
					t.Errorf("the facts read and listed differ, or %v, or %v is not read:\n%s", err, l.Unread, diff)
				}
			}
			if !l.Marked || l.Status != want.Status || l.Mark != want.Mark || l.Subject.Platform != "plaza" || l.Subject.Handle == "" {
				t.Fatalf("listed %+v, want %+v", l, want)
			}
		}
		if cursor = next; next == "" {
			break
		}
		if pages < 2 {
			more(700)
		}
	}
	for n := 1; n <= made; n++ {
		if got, want := times[fmt.Sprint("acct/", n)], 1; got != want && n != 2 {
			t.Errorf("acct/%d is listed %d times", n, got)
		}
	}
	if times["acct/2"] != 0 || pages < 3 {
		t.Errorf("a deleted account is listed %d times, on %d pages", times["acct/2"], pages+1)
	}
}

func TestReadsListsAndLocksStrictly(t *testing.T) {
	to := newTown(t)
	account := `{"id":"acct/1","handle":"@ada","status":"up","mark":""}`
	for name, body := range map[string]string{
		"no next":             `{"accounts":[]}`,
		"a cursor that stays": `{"accounts":[],"next":"7"}`,
		"a post":              `{"accounts":[` + strings.Replace(account, "acct", "post", 1) + `],"next":""}`,
		"no mark":             `{"accounts":[` + strings.Replace(account, `,"mark":""`, "", 1) + `],"next":""}`,
		"an unknown status":   `{"accounts":[` + strings.Replace(account, `"up"`, `"limited"`, 1) + `],"next":""}`,
		"no handle":           `{"accounts":[` + strings.Replace(account, `"@ada"`, `""`, 1) + `],"next":""}`,
		"too many":            `{"accounts":[` + strings.Repeat(account+",", 1000) + account + `],"next":""}`,
		"endless":             `{"accounts":[],"next":"","x":"` + strings.Repeat("x", 16<<20) + `"}`,
		"not JSON":            `all of them`,
	} {
		to.on("GET", "/accounts", answer(false, 200, "application/json", body))
		if page, _, err := to.Accounts(t.Context(), "7"); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %d accounts, %v", name, len(page), err)
		}
	}
	for name, body := range map[string]string{
		"another account":     `{"id":"acct/2","set":true}`,
		"neither":             `{"id":"acct/1"}`,
		"cleared but not set": `{"id":"acct/1","set":false,"cleared":"2026-11-23T05:39:46.000000Z"}`,
		"no time":             `{"id":"acct/1","set":true,"since":"yesterday"}`,
	} {
		to.on("GET", "/lock", answer(false, 200, "application/json", body))
		if l, err := to.Lock(t.Context(), ada); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
	if _, err := to.Lock(t.Context(), platform.Subject{Platform: "plaza", ID: "post/1"}); !fault.Is(err, "bad-subject") {
		t.Errorf("of a post: %v", err)
	}
}

// TestNoticeIsSentOnce: a key that was answered or not is sent again without harm.
func TestNoticeIsSentOnce(t *testing.T) {
	to := newTown(t)
	ctx := t.Context()
	to.on("POST", "/notices", func(w http.ResponseWriter, r *http.Request, plaza http.Handler) {
		plaza.ServeHTTP(&discarded{header: http.Header{}}, r)
		panic(http.ErrAbortHandler)
	})
	if err := to.Notify(ctx, "n1", ada, "Your lock", "It is off."); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("cut off: %v", err)
	}
	to.honest()
	for range 2 {
		if err := to.Notify(ctx, "n1", ada, "Your lock", "It is off."); err != nil {
			t.Error(err)
		}
	}
	if err := to.Notify(ctx, "n1", ada, "Your lock", "It is on."); !fault.Is(err, "key-reused") {
		t.Errorf("another text: %v", err)
	}
	if err := to.Notify(ctx, "n2", ada, "", "It is on."); !fault.Is(err, "bad-notice") {
		t.Errorf("no title: %v", err)
	}
	if err := to.Notify(ctx, "a/b", ada, "t", "t"); !fault.Is(err, "bad-key") {
		t.Errorf("a bad key: %v", err)
	}
	to.on("POST", "/notices", answer(false, 200, "application/json", `{"key":"other"}`))
	if err := to.Notify(ctx, "n3", ada, "t", "t"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("another key's answer: %v", err)
	}
	to.honest()
	token, err := to.server.IssueOwnerToken(ctx, "acct/1")
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, "GET", to.url+"/owner/v1/account", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || strings.Count(string(body), "It is off.") != 1 || strings.Contains(string(body), "It is on.") {
		t.Errorf("the owner sees %s, %v", body, err)
	}
}

type discarded struct{ header http.Header }

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }
func (d *discarded) WriteHeader(int)             {}

// TestTakesThePlaceOfOursOnly: plaza would let any mark take the place of any other.
func TestTakesThePlaceOfOursOnly(t *testing.T) {
	to := newTown(t)
	foreign := take
	foreign.Mark = "CONSOLE-1"
	change(t, to.as("insider", nil), "k", foreign)
	over := platform.Command{Verb: platform.Takedown, Subject: ada, Expect: platform.Expect{Status: platform.Down, Mark: "CONSOLE-1"}, Mark: "CSGN-req_2"}
	if _, err := to.Apply(t.Context(), "k1", over); !fault.Is(err, "bad-expectation") {
		t.Errorf("over somebody else's: %v", err)
	}
	over.Expect.Mark = over.Mark
	if _, err := to.Apply(t.Context(), "k2", over); !fault.Is(err, "bad-expectation") {
		t.Errorf("over itself: %v", err)
	}
	if e, err := to.Peek(t.Context(), ada); err != nil || e.Mark != "CONSOLE-1" {
		t.Errorf("%+v, %v", e, err)
	}
}
