package bluesky_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
	"countersign.dev/test/testenv"
)

func watch(t *testing.T, c *bluesky.Connector, cursor string) platform.Stream {
	t.Helper()
	s, err := c.Watch(t.Context(), cursor)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// happens reads on to the next happening about the account; other tests' pass by.
func happens(t *testing.T, s platform.Stream, did string) platform.Happening {
	t.Helper()
	for {
		h, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if h.Subject.ID == did {
			return h
		}
	}
}

// setLock puts the owner's lock in place, as the owner does.
func (w *world) setLock(a testenv.Account, record map[string]any) {
	w.Helper()
	record["$type"] = bluesky.LockCollection
	if got := w.pds.Call(w, testenv.Bearer(a.Access), "com.atproto.repo.putRecord", map[string]any{
		"repo": a.DID, "collection": bluesky.LockCollection, "rkey": bluesky.LockKey, "record": record}); got.Status != http.StatusOK {
		w.Fatalf("set the lock: %v", got)
	}
}

func (w *world) clearLock(a testenv.Account) {
	w.Helper()
	if got := w.pds.Call(w, testenv.Bearer(a.Access), "com.atproto.repo.deleteRecord", map[string]any{
		"repo": a.DID, "collection": bluesky.LockCollection, "rkey": bluesky.LockKey}); got.Status != http.StatusOK {
		w.Fatalf("take the lock back: %v", got)
	}
}

// lockIs demands what is told of the owner's lock.
func (w *world) lockIs(a testenv.Account, want platform.Lock) {
	w.Helper()
	got, err := w.c.Lock(w.Context(), subject(a.DID))
	if err != nil || got != want {
		w.Errorf("the lock is %+v, %v; want %+v", got, err, want)
	}
}

func TestOwnerLock(t *testing.T) {
	w := newWorld(t)
	a := w.pds.CreateAccount(t, "locker")
	for i := range 20 { // a tree with some branches
		w.pds.Post(t, a, fmt.Sprint("post ", i))
	}
	set := platform.Lock{Set: true, Since: canonical.At(time.Date(2026, 11, 23, 5, 39, 46, 0, time.UTC))}
	w.lockIs(a, platform.Lock{})
	s := watch(t, w.c, "0")
	w.setLock(a, map[string]any{"createdAt": "2026-11-23T05:39:46Z"})
	if h := happens(t, s, a.DID); h.Locks {
		t.Errorf("its making touches no lock: %+v", h)
	}
	h := happens(t, s, a.DID)
	if !h.Locks || h.At.IsZero() || s.Cursor() == "" {
		t.Errorf("setting it: %+v at %q", h, s.Cursor())
	}
	w.lockIs(a, set)

	// Nothing that an administrator can do to account or record hides it.
	w.foreign(a.DID, "OTHER-1")
	w.lockIs(a, set)
	w.foreign(a.DID, "")
	uri := "at://" + a.DID + "/" + bluesky.LockCollection + "/" + bluesky.LockKey
	w.foreign(uri, "OTHER-2")
	w.lockIs(a, set)
	if got := w.pds.Query(t, "", "com.atproto.repo.getRecord", "repo", a.DID, "collection", bluesky.LockCollection, "rkey", bluesky.LockKey); got.Status == http.StatusOK {
		t.Error("the record is shown although it is down: this test shows nothing")
	}
	w.foreign(uri, "")
	w.switchOff(a)
	w.lockIs(a, set)
	w.reactivate(a)

	w.setLock(a, map[string]any{}) // without a date, and locked all the same
	w.lockIs(a, platform.Lock{Set: true})
	w.clearLock(a)
	w.lockIs(a, platform.Lock{})
	for locks := 0; locks < 2; {
		if h := happens(t, s, a.DID); h.Locks {
			locks++
		}
	}

	if _, err := w.c.Lock(t.Context(), subject(nobody)); !fault.Is(err, "no-such-subject") {
		t.Errorf("of nobody: %v", err)
	}
	if _, err := w.c.Lock(t.Context(), subject(uri)); !fault.Is(err, "bad-subject") {
		t.Errorf("of a record: %v", err)
	}
	for name, answer := range map[string]string{
		"nothing": "", "half": "\x3a\xa2\x65roots", "JSON": `{}`,
	} {
		w.front.instead("com.atproto.sync.getRecord", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/vnd.ipld.car")
			_, _ = rw.Write([]byte(answer))
		})
		if l, err := w.c.Lock(t.Context(), subject(a.DID)); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

// switchOff deactivates the account as its holder does.
func (w *world) switchOff(a testenv.Account) {
	w.Helper()
	if got := w.pds.Call(w, testenv.Bearer(a.Access), "com.atproto.server.deactivateAccount", map[string]any{}); got.Status != http.StatusOK {
		w.Fatalf("deactivate: %v", got)
	}
}

func (w *world) reactivate(a testenv.Account) {
	w.Helper()
	if got := w.pds.Call(w, testenv.Bearer(a.Access), "com.atproto.server.activateAccount", nil); got.Status != http.StatusOK {
		w.Fatalf("reactivate: %v", got)
	}
}

func TestNotify(t *testing.T) {
	w := newWorld(t)
	a := w.pds.CreateAccount(t, "owner")
	const sendEmail = "com.atproto.admin.sendEmail"
	if err := w.c.Notify(t.Context(), "k", subject(a.DID), "Your lock", "It is off.\nNot you? <Write> to us."); err != nil {
		t.Errorf("the PDS refuses the mail: %v", err)
	}
	var sent struct{ RecipientDid, Subject, Content string }
	w.front.instead(sendEmail, func(rw http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
		cutOff(rw, r)
	})
	if err := w.c.Notify(t.Context(), "k", subject(a.DID), "Your lock", "It is off.\nNot you? <Write> to us."); fault.KindOf(err) != fault.Unavailable || fault.Is(err, "not-sent") {
		t.Errorf("cut off: %v", err)
	}
	if n := w.front.count(sendEmail); n != 2 {
		t.Errorf("the mail was sent %d times in two calls", n)
	}
	if sent.RecipientDid != a.DID || sent.Subject != "Your lock" || !strings.Contains(sent.Content, "It is off.\nNot you? &lt;Write&gt; to us.") {
		t.Errorf("sent %+v", sent)
	}
	w.front.instead(sendEmail, nil)
	if err := w.c.Notify(t.Context(), "k", subject(nobody), "t", "t"); !fault.Is(err, "no-such-subject") {
		t.Errorf("to nobody: %v", err)
	}
	w.front.instead("com.atproto.server.describeServer", cutOff)
	if err := w.c.Notify(t.Context(), "k", subject(a.DID), "t", "t"); !fault.Is(err, "not-sent") {
		t.Errorf("nothing was sent: %v", err)
	}
	for _, title := range []string{"", "a\r\nBcc: b", strings.Repeat("x", 201)} {
		if err := w.c.Notify(t.Context(), "k", subject(a.DID), title, "t"); !fault.Is(err, "bad-notice") {
			t.Errorf("the title %q: %v", title, err)
		}
	}
}

// TestConfirmingTakedown: a takedown that takes the place of one of ours writes
// its mark over that one's, in one call, and over no other.
func TestConfirmingTakedown(t *testing.T) {
	w := newWorld(t)
	a := w.pds.CreateAccount(t, "confirm")
	const urgent, lasting platform.Mark = "CSGN-req_urgent", "CSGN-req_lasting"
	for _, id := range []string{a.DID, w.pds.Post(t, a, "hello")} {
		confirm := platform.Command{Verb: platform.Takedown, Subject: subject(id),
			Expect: platform.Expect{Status: platform.Down, Mark: urgent}, Mark: lasting}
		var wrong *platform.WrongState
		if _, err := w.c.Apply(t.Context(), "k", confirm); !errors.As(err, &wrong) || !wrong.Now.Is(platform.Up, "") {
			t.Errorf("nothing to confirm: %v", err)
		}
		w.foreign(id, ozone)
		if _, err := w.c.Apply(t.Context(), "k", confirm); !errors.As(err, &wrong) || !wrong.Now.Is(platform.Down, ozone) {
			t.Errorf("somebody else's measure: %v", err)
		}
		w.foreign(id, "")
		w.apply(takedown(id, urgent))
		calls := w.front.count(change)
		r := w.apply(confirm)
		if !r.Before.Is(platform.Down, urgent) || !r.After.Is(platform.Down, lasting) {
			t.Errorf("receipt: %+v", r)
		}
		if again := w.apply(confirm); !again.After.Is(platform.Down, lasting) {
			t.Errorf("again: %+v", again)
		}
		if n := w.front.count(change) - calls; n != 1 {
			t.Errorf("%d calls were sent", n)
		}
		w.is(id, platform.Down, lasting)
		if o, err := w.c.Lookup(t.Context(), "k", confirm); err != nil || !o.Done || !o.Receipt.Before.Is(platform.Down, urgent) {
			t.Errorf("looked up: %+v, %v", o, err)
		}
		// The one that was confirmed lifts nothing any more.
		if _, err := w.c.Apply(t.Context(), "k", restore(id, urgent)); !errors.As(err, &wrong) {
			t.Errorf("lifted under the old mark: %v", err)
		}
		w.apply(restore(id, lasting))
	}
	same := platform.Command{Verb: platform.Takedown, Subject: subject(a.DID), Expect: platform.Expect{Status: platform.Down, Mark: urgent}, Mark: urgent}
	if _, err := w.c.Apply(t.Context(), "k", same); !fault.Is(err, "bad-mark") {
		t.Errorf("in its own place: %v", err)
	}
}

// TestConfirmingTakedownThatWasLost: the old mark in place after the life of the
// request says that it was not carried out.
func TestConfirmingTakedownThatWasLost(t *testing.T) {
	w := newWorld(t)
	a := w.pds.CreateAccount(t, "lost")
	confirm := platform.Command{Verb: platform.Takedown, Subject: subject(a.DID),
		Expect: platform.Expect{Status: platform.Down, Mark: ours}, Mark: "CSGN-req_lasting"}
	w.apply(takedown(a.DID, ours))
	w.front.instead(change, cutOff)
	if _, err := w.c.Apply(t.Context(), "k", confirm); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("cut off: %v", err)
	}
	if o, err := w.c.Lookup(t.Context(), "k", confirm); err != nil || !o.Known || o.Done {
		t.Errorf("looked up: %+v, %v", o, err)
	}
}

// TestWatchOverALine: a stream that is cut goes on after its cursor, and one whose
// line swallows everything is found dead.
func TestWatchOverALine(t *testing.T) {
	w := newWorld(t)
	a := w.pds.CreateAccount(t, "line")
	line := testenv.NewLine(t, w.pds.URL)
	patiently := connect(t, bluesky.Config{URL: line.URL, AdminPassword: w.pds.AdminPassword, Patience: 5 * time.Minute})
	s := watch(t, patiently, "0")
	w.apply(takedown(a.DID, ours))
	happens(t, s, a.DID)
	line.Cut()
	for {
		if _, err := s.Next(); err != nil {
			if !fault.Is(err, "stream-ended") {
				t.Errorf("cut: %v", err)
			}
			break
		}
	}
	w.apply(restore(a.DID, ours))
	s = watch(t, patiently, s.Cursor())
	happens(t, s, a.DID)

	s = watch(t, connect(t, bluesky.Config{URL: line.URL, AdminPassword: w.pds.AdminPassword, Patience: 5 * time.Second}), s.Cursor())
	line.Swallow(true)
	w.apply(takedown(a.DID, ours))
	for {
		if _, err := s.Next(); err != nil { // what comes was on its way before
			if !fault.Is(err, "stream-silent") {
				t.Errorf("a dead line: %v", err)
			}
			break
		}
	}
	line.Swallow(false)
	s = watch(t, patiently, s.Cursor())
	happens(t, s, a.DID)
}

// TestGapBeyondTheBacklog: what a PDS no longer replays is said to be missing.
func TestGapBeyondTheBacklog(t *testing.T) {
	own := testenv.OwnPDS(t, testenv.BlueskyOptions{Backlog: time.Millisecond})
	c := connect(t, bluesky.Config{URL: own.URL, AdminPassword: own.AdminPassword})
	own.CreateAccount(t, "early")
	for _, cursor := range []string{"0", "1", "1000000"} {
		if h, err := watch(t, c, cursor).Next(); !fault.Is(err, "cursor-gone") {
			t.Errorf("after %s: %+v, %v", cursor, h, err)
		}
	}
	for _, cursor := range []string{"-1", "01", "x"} {
		if _, err := c.Watch(t.Context(), cursor); !fault.Is(err, "bad-cursor") {
			t.Errorf("after %q: %v", cursor, err)
		}
	}
}

// TestBusyStreamMovesTheCursor: a stream of nothing to look at is not read again
// from far back.
func TestBusyStreamMovesTheCursor(t *testing.T) {
	c := speaker(t, patient, nil, func(conn *websocket.Conn, r *http.Request) {
		for n := range 1001 {
			body := map[string]any{"seq": n + 1, "time": "2026-11-23T06:00:00Z", "repo": nobody, "rev": "3l", "ops": []any{
				map[string]any{"action": "create", "path": fmt.Sprint("app.bsky.feed.post/", n)}}}
			if n == 1000 {
				body["ops"] = []any{map[string]any{"action": "delete", "path": bluesky.LockCollection + "/" + bluesky.LockKey}}
			}
			say(t, conn, "#commit", body)
		}
		say(t, conn, "#sync", map[string]any{"seq": 1002, "time": "2026-11-23T06:00:00Z", "did": nobody, "rev": "3l"})
		<-conn.CloseRead(r.Context()).Done()
	})
	s := watch(t, c, "")
	if s.Cursor() != "" {
		t.Errorf("the cursor is %q before anything came", s.Cursor())
	}
	if h, err := s.Next(); err != nil || h != (platform.Happening{}) || s.Cursor() != "1000" {
		t.Errorf("%+v, %v at %s", h, err, s.Cursor())
	}
	for _, place := range []string{"1001", "1002"} { // the lock's record, and a repository that is replaced
		if h, err := s.Next(); err != nil || h.Subject != subject(nobody) || !h.Locks || s.Cursor() != place {
			t.Errorf("%+v, %v at %s", h, err, s.Cursor())
		}
	}
}

// TestAccountsWhileTheyAreMade reads the real list, in pages of three, while it grows.
func TestAccountsWhileTheyAreMade(t *testing.T) {
	w := newWorld(t)
	var made []string
	for range 4 {
		made = append(made, w.pds.CreateAccount(t, "listed").DID)
	}
	w.apply(takedown(made[1], ours))
	w.front.instead("com.atproto.sync.listRepos", func(rw http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		q.Set("limit", "3")
		r.URL.RawQuery = q.Encode()
		w.front.pds.ServeHTTP(rw, r)
	})
	times, pages := map[string]int{}, 0
	for cursor := ""; ; pages++ {
		page, next, err := w.c.Accounts(t.Context(), cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range page {
			times[l.Subject.ID]++
			if want := l.Subject.ID == made[1]; (l.Status == platform.Down) != want && slices.Contains(made, l.Subject.ID) || l.Marked || l.Mark != "" || l.Facts != nil || l.Subject.Platform != "bluesky" {
				t.Errorf("listed %+v", l)
			}
		}
		if cursor = next; next == "" {
			break
		}
		if pages < 2 {
			made = append(made, w.pds.CreateAccount(t, "later").DID)
		}
	}
	for _, did := range made {
		if times[did] != 1 {
			t.Errorf("%s is listed %d times", did, times[did])
		}
	}
	if pages < 2 {
		t.Errorf("there were %d pages", pages+1)
	}
}

// TestMangledLockIsNotRead: whatever byte of the PDS's proof is another one or is
// missing, no lock is read where there is one.
func TestMangledLockIsNotRead(t *testing.T) {
	w := newWorld(t)
	a := w.pds.CreateAccount(t, "mangled")
	for i := range 10 {
		w.pds.Post(t, a, fmt.Sprint("post ", i))
	}
	w.setLock(a, map[string]any{"createdAt": "2026-11-23T05:39:46Z"})
	kept := httptest.NewRecorder()
	w.front.instead("com.atproto.sync.getRecord", func(rw http.ResponseWriter, r *http.Request) {
		r.Header.Set("Accept-Encoding", "identity")
		w.front.pds.ServeHTTP(kept, r)
	})
	_, _ = w.c.Lock(t.Context(), subject(a.DID)) // only what is kept of it counts
	whole := kept.Body.Bytes()
	if len(whole) < 200 {
		t.Fatalf("the proof is %d bytes", len(whole))
	}
	var now []byte
	w.front.instead("com.atproto.sync.getRecord", func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(now) })
	now = whole
	set := platform.Lock{Set: true, Since: canonical.At(time.Date(2026, 11, 23, 5, 39, 46, 0, time.UTC))}
	w.lockIs(a, set)
	for i := range whole {
		flipped := slices.Clone(whole)
		flipped[i] ^= 1 << (i % 8)
		for _, now = range [][]byte{flipped, whole[:i]} {
			if l, err := w.c.Lock(t.Context(), subject(a.DID)); err == nil && l != set || err != nil && fault.KindOf(err) != fault.Unavailable {
				t.Errorf("byte %d of %d, %d left: %+v, %v", i, len(whole), len(now), l, err)
			}
		}
	}
}

// TestWhatNothingShows holds the table's bleakest lines against a real PDS: of
// these changes the stream says nothing at all.
func TestWhatNothingShows(t *testing.T) {
	w := newWorld(t)
	a := w.pds.CreateAccount(t, "unseen")
	post := w.pds.Post(t, a, "hello")
	s := open(t, w.c, 0)
	until(t, s, a.DID, bluesky.CommitEvent) // its making
	for e := (bluesky.Event{}); e.Kind != bluesky.CommitEvent || !strings.HasSuffix(post, e.Operations[0].Path); {
		e = until(t, s, a.DID, bluesky.CommitEvent)
	}
	for _, c := range []struct {
		method string
		input  map[string]any
	}{
		{"com.atproto.admin.updateAccountPassword", map[string]any{"did": a.DID, "password": "the insider's own"}},
		{"com.atproto.admin.updateAccountEmail", map[string]any{"account": a.DID, "email": "insider@example.test"}},
	} {
		if got := w.pds.Call(t, w.pds.Admin(), c.method, c.input); got.Status != http.StatusOK {
			t.Fatalf("%s: %v", c.method, got)
		}
	}
	w.foreign(post, "OTHER-1")
	w.foreign(post, "")

	// The insider signs in as the owner and does what the owner can.
	a.Password = "the insider's own"
	a.Access = w.signIn(a).Text("accessJwt")
	w.switchOff(a)
	for {
		e, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e.Subject.ID != a.DID {
			continue
		}
		if e.Kind != bluesky.AccountEvent || e.Status != platform.Deactivated {
			t.Errorf("the stream told %+v of what nothing is said to show", e)
		}
		break
	}
	w.reactivate(a)
	until(t, s, a.DID, bluesky.AccountEvent)
	if got := w.pds.Call(t, w.pds.Admin(), change, map[string]any{"subject": map[string]any{"$type": "com.atproto.admin.defs#repoRef", "did": a.DID},
		"deactivated": map[string]any{"applied": true}}); got.Status != http.StatusOK {
		t.Fatalf("deactivated by the administrator: %v", got)
	}
	if e := until(t, s, a.DID, bluesky.AccountEvent); e.Status != platform.Deactivated {
		t.Errorf("by the administrator: %+v", e)
	}
}
