package plaza_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"countersign.dev/plaza"
	"countersign.dev/sqldb"
)

// town is a plaza served over HTTP.
type town struct {
	t            testing.TB
	db           *sqldb.DB
	server       *plaza.Server
	url          string
	staff, setup string
	clock        *clock
	keys         int // that sends has used
}

type clock struct {
	mu   sync.Mutex
	now  time.Time
	step time.Duration // added at each reading
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(c.step)
	return c.now
}

func (c *clock) set(step time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step = step
}

func newTown(t testing.TB, edit func(*plaza.Config)) *town {
	t.Helper()
	return openTown(t, t.TempDir()+"/plaza.db", edit)
}

func openTown(t testing.TB, file string, edit func(*plaza.Config)) *town {
	t.Helper()
	ctx := context.Background()
	db, err := plaza.Open(ctx, "sqlite:"+file)
	if err != nil {
		t.Fatal(err)
	}
	to := &town{t: t, db: db, clock: &clock{now: time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)}}
	c := plaza.Config{DB: db, Now: to.clock.Now}
	if edit != nil {
		edit(&c)
	}
	to.server = plaza.New(c)
	web := httptest.NewServer(to.server.Handler())
	t.Cleanup(func() { db.Close() })
	t.Cleanup(web.Close)
	t.Cleanup(to.server.Close)
	to.url = web.URL
	to.staff = to.token("console", plaza.StaffScope)
	to.setup = to.token("seed", plaza.SetupScope)
	return to
}

func (to *town) token(holder string, s plaza.Scope) string {
	to.t.Helper()
	tok, err := to.server.IssueToken(context.Background(), holder, s)
	if err != nil {
		to.t.Fatal(err)
	}
	return tok
}

// send returns status and body.
func (to *town) send(method, path, token, key, body string) (int, string) {
	to.t.Helper()
	res := to.do(method, path, token, key, body)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		to.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// patient ends what should have been refused and streams for ever instead.
var patient = &http.Client{Timeout: 20 * time.Second}

func (to *town) do(method, path, token, key, body string) *http.Response {
	to.t.Helper()
	req, err := http.NewRequest(method, to.url+path, strings.NewReader(body))
	if err != nil {
		to.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := patient.Do(req)
	if err != nil {
		to.t.Fatal(err)
	}
	return res
}

func (to *town) want(status int, method, path, token, key, body string) string {
	to.t.Helper()
	got, answer := to.send(method, path, token, key, body)
	if got != status {
		to.t.Fatalf("%s %s: %d, want %d: %.300s", method, path, got, status, answer)
	}
	return answer
}

// seed makes two accounts with two posts each.
func (to *town) seed() {
	to.t.Helper()
	to.want(201, "POST", "/staff/v1/accounts/bulk", to.setup, "", `{"accounts":[
		{"handle":"@President","name":"Elena <Marchetti>","office":"head of state","verified":true,"followers":43100000,"bio":"Hello"},
		{"handle":"@tomas","name":"Tomás"}]}`)
	to.want(201, "POST", "/staff/v1/posts/bulk", to.setup, "", `{"posts":[
		{"account":"acct/1","text":"We signed the act.","at":"2026-11-23T16:00:00.000000Z"},
		{"account":"acct/2","text":"Rain \u202eagain\u200b, \u001b[2Jdear.","at":"2026-11-23T17:00:00.000000Z"},
		{"account":"acct/1","text":"<script>alert(1)</script>","at":"2026-11-23T17:30:00.000000Z"},
		{"account":"acct/2","text":"More rain."}]}`)
}

func command(verb, id, status, mark, leave string) string {
	return fmt.Sprintf(`{"verb":%q,"subject":{"id":%q},"expect":{"status":%q,"mark":%q},"mark":%q}`, verb, id, status, mark, leave)
}

// page returns status, Plaza-Status and body of a page, anonymously.
func (to *town) page(path string) (int, string, string) {
	to.t.Helper()
	res := to.do("GET", path, "", "", "")
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		to.t.Fatal(err)
	}
	standing := res.Header.Get("Plaza-Status")
	if !strings.Contains(string(b), `data-status="`+standing+`"`) {
		to.t.Errorf("%s: the header says %q, the page something else", path, standing)
	}
	csp := res.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(csp, "default-src 'none';") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") {
		to.t.Errorf("%s: CSP %q", path, csp)
	}
	if strings.Contains(string(b), "<script") || strings.Contains(string(b), "style=") || strings.Contains(string(b), "<style") {
		to.t.Errorf("%s: a script or style of its own", path)
	}
	if i := strings.IndexAny(string(b), "\u202e\u200b\x1b"); i >= 0 {
		to.t.Errorf("%s: %q raw", path, string(b)[max(0, i-20):i+10])
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		to.t.Errorf("%s: Cache-Control %q", path, got)
	}
	return res.StatusCode, standing, string(b)
}

func TestPages(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	contains := func(path string, status int, standing string, texts ...string) {
		t.Helper()
		s, st, body := to.page(path)
		if s != status || st != standing {
			t.Errorf("%s: %d %q, want %d %q", path, s, st, status, standing)
		}
		for _, text := range texts {
			lacks, absent := strings.CutPrefix(text, "!")
			if strings.Contains(body, lacks) == absent {
				t.Errorf("%s: %q found: %v", path, lacks, absent)
			}
		}
	}
	contains("/", 200, "up", "We signed", "Rain ‹U+202E›again‹U+200B›, ‹U+001B›[2Jdear.", "&lt;script&gt;", "Elena &lt;Marchetti&gt;")
	contains("/@PRESIDENT", 200, "up", "Head of state", "43.1M", "We signed", "!Rain")
	contains("/@president", 200, "up", "@President")
	contains("/people", 200, "up", "@tomas")
	contains("/post/1", 200, "up", "We signed", "23 November 2026, 16:00 UTC")
	contains("/@nobody", 404, "none", "doesn’t exist")
	contains("/post/99", 404, "none")
	contains("/post/01", 404, "none")
	contains("/nothing/at/all", 404, "none")
	contains("/@", 404, "none")

	to.want(200, "POST", "/staff/v1/commands", to.staff, "k1", command("takedown", "acct/1", "up", "", ""))
	contains("/@president", 200, "down", "This account has been taken down.", "!We signed", "!43.1M", "!Elena")
	contains("/", 200, "up", "Rain ‹U+202E›again‹U+200B›, ‹U+001B›[2Jdear.", "!We signed", "!resident")
	contains("/people", 200, "up", "!resident")
	contains("/post/1", 200, "down", "taken down", "!We signed")
	to.want(200, "POST", "/staff/v1/commands", to.staff, "k2", command("restore", "acct/1", "down", "", ""))
	contains("/@president", 200, "up", "We signed")

	to.want(200, "POST", "/staff/v1/commands", to.staff, "k3", command("deactivate", "acct/1", "up", "", "x"))
	contains("/@president", 200, "deactivated", "This account has been deactivated.", "!We signed")
	to.want(200, "POST", "/staff/v1/commands", to.staff, "k4", command("reactivate", "acct/1", "deactivated", "x", ""))

	to.want(200, "POST", "/staff/v1/commands", to.staff, "k5", command("takedown", "post/1", "up", "", "y"))
	contains("/post/1", 200, "down", "This post has been removed.", "!We signed")
	contains("/@president", 200, "up", "!We signed")

	to.want(200, "POST", "/staff/v1/commands", to.staff, "k6", command("delete", "acct/1", "up", "", ""))
	contains("/@president", 404, "none", "doesn’t exist", "!Elena")
	contains("/post/1", 404, "none")
	contains("/post/3", 404, "none")
}

func TestPicturesTellNothing(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	for _, kind := range []string{"/avatar/", "/banner/"} {
		to.want(200, "GET", kind+"president.svg", "", "", "")
		to.want(200, "GET", kind+"nobody-at-all.svg", "", "", "")
		to.want(404, "GET", kind+"%3Cscript%3E.svg", "", "", "")
	}
}

func TestDeleteTakesPostsAlongAndGivesNothingOutAgain(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	to.want(200, "POST", "/staff/v1/commands", to.staff, "k1", command("delete", "acct/1", "up", "", ""))
	for _, q := range []string{"id=acct/1", "id=post/1", "id=post/3", "handle=@president"} {
		to.want(404, "GET", "/staff/v1/subjects?"+q, to.staff, "", "")
	}
	to.want(409, "POST", "/staff/v1/accounts", to.setup, "", `{"handle":"@PRESIDENT","name":"Another"}`)
	to.want(404, "POST", "/staff/v1/posts", to.setup, "", `{"account":"acct/1","text":"From beyond."}`)
	to.want(404, "POST", "/staff/v1/commands", to.staff, "k2", command("restore", "acct/1", "down", "", ""))
	r := to.follow(0)
	for _, subject := range []string{"acct/1", "post/1", "post/3"} {
		if e := r.next(); e["subject"] != subject || e["status"] != "deleted" || e["by"] != "console" {
			t.Errorf("event %v, want %s deleted", e, subject)
		}
	}
	for table, column := range map[string]string{"account": "name", "post": "body"} {
		var left string
		err := to.db.Read(context.Background(), func(tx *sqldb.Tx) error {
			return tx.QueryRow(`select ` + column + ` from ` + table + ` where id = 1`).Scan(&left)
		})
		if err != nil || left != "" {
			t.Errorf("%s.%s is still %q, %v", table, column, left, err)
		}
	}
}

// TestNothingOrEverything breaks the last step of a command and demands that
// the first ones have not happened either.
func TestNothingOrEverything(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	exec := func(statement string) {
		t.Helper()
		if err := to.db.Write(context.Background(), func(tx *sqldb.Tx) error { _, err := tx.Exec(statement); return err }); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"event", "command"} {
		exec(`create trigger broken before insert on ` + table + ` begin select raise(abort, 'broken'); end`)
		answer := to.want(500, "POST", "/staff/v1/commands", to.staff, "k-"+table, command("takedown", "acct/1", "up", "", "m"))
		if strings.Contains(answer, "broken") {
			t.Errorf("the cause is shown: %s", answer)
		}
		exec(`drop trigger broken`)
		if a := to.want(200, "GET", "/staff/v1/subjects?id=acct/1", to.staff, "", ""); !strings.Contains(a, `"rev":"1"`) || !strings.Contains(a, `"status":"up"`) {
			t.Errorf("with %s broken the account was changed: %s", table, a)
		}
		if a := to.want(200, "GET", "/staff/v1/commands/k-"+table, to.staff, "", ""); !strings.Contains(a, `"unknown"`) {
			t.Errorf("with %s broken the key is known: %s", table, a)
		}
	}
	to.want(410, "GET", "/staff/v1/events?after=1", to.staff, "", "") // no event has been
}

func TestCommandTooLate(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	to.clock.set(plaza.RequestLife)
	to.want(503, "POST", "/staff/v1/commands", to.staff, "k1", command("takedown", "acct/1", "up", "", "m"))
	to.clock.set(plaza.RequestLife - time.Second)
	to.want(200, "POST", "/staff/v1/commands", to.staff, "k2", command("takedown", "acct/1", "up", "", "m"))
}

func TestKeysBelongToTheHolder(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	other, second := to.token("executor", plaza.StaffScope), to.token("executor", plaza.StaffScope)
	// Somebody else's question does not fence the key.
	to.want(200, "GET", "/staff/v1/commands/k1", to.staff, "", "")
	first := to.want(200, "POST", "/staff/v1/commands", other, "k1", command("takedown", "acct/1", "up", "", "m"))
	// The same holder's other token sees the same key.
	if again := to.want(200, "POST", "/staff/v1/commands", second, "k1", command("takedown", "acct/1", "up", "", "m")); again != first {
		t.Errorf("another answer: %s", again)
	}
	to.want(409, "POST", "/staff/v1/commands", to.staff, "k1", command("takedown", "acct/1", "up", "", "m"))
	if n, err := to.server.RevokeTokens(context.Background(), "executor"); n != 2 || err != nil {
		t.Errorf("%d revoked, %v", n, err)
	}
	to.want(401, "GET", "/staff/v1/capabilities", other, "", "")
	to.want(401, "GET", "/staff/v1/capabilities", second, "", "")
}

func TestScopes(t *testing.T) {
	to := newTown(t, nil)
	to.want(403, "GET", "/staff/v1/capabilities", to.setup, "", "")
	to.want(403, "POST", "/staff/v1/commands", to.setup, "k", command("takedown", "acct/1", "up", "", ""))
	to.want(403, "POST", "/staff/v1/accounts", to.staff, "", `{"handle":"@x","name":"X"}`)
	to.want(405, "HEAD", "/staff/v1/events", to.staff, "", "")
}

func TestBulkIsAllOrNone(t *testing.T) {
	to := newTown(t, nil)
	var list []string
	for i := range 2000 {
		list = append(list, fmt.Sprintf(`{"handle":"@user%d","name":"User %d"}`, i, i))
	}
	send := func(status int, list []string) {
		t.Helper()
		to.want(status, "POST", "/staff/v1/accounts/bulk", to.setup, "", `{"accounts":[`+strings.Join(list, ",")+`]}`)
	}
	send(409, append(list, `{"handle":"@USER7","name":"Twin"}`))
	send(400, append(list, `{"handle":"no-at","name":"X"}`))
	to.want(404, "GET", "/staff/v1/subjects?handle=@user0", to.staff, "", "")
	send(201, list)
	to.want(200, "GET", "/staff/v1/subjects?id=acct/2000", to.staff, "", "")
	send(400, nil)
	for _, bad := range []string{`{"handle":"@a","name":""}`, `{"handle":"@a","name":"A","followers":-1}`, `{"handle":"@a","name":"A","shoe":1}`, `[]`, ``} {
		to.want(map[bool]int{true: 400, false: 415}[bad != ""], "POST", "/staff/v1/accounts", to.setup, "", bad)
	}
	for _, bad := range []string{`{"account":"post/1","text":"x"}`, `{"account":"acct/1","text":""}`} {
		to.want(400, "POST", "/staff/v1/posts", to.setup, "", bad)
	}
}

type reader struct {
	t     testing.TB
	res   *http.Response
	lines *bufio.Scanner
}

func (to *town) follow(after int) *reader {
	to.t.Helper()
	res := to.do("GET", fmt.Sprintf("/staff/v1/events?after=%d", after), to.staff, "", "")
	to.t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != 200 {
		to.t.Fatalf("events after %d: %s", after, res.Status)
	}
	return &reader{to.t, res, bufio.NewScanner(res.Body)}
}

// next returns the data of the next change.
func (r *reader) next() map[string]any {
	r.t.Helper()
	name := ""
	for r.lines.Scan() {
		line := r.lines.Text()
		if n, ok := strings.CutPrefix(line, "event: "); ok {
			name = n
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok && name != "open" {
			m := map[string]any{}
			if err := json.Unmarshal([]byte(data), &m); err != nil {
				r.t.Fatal(err)
			}
			m["event"] = name
			return m
		}
	}
	r.t.Fatalf("the stream ended: %v", r.lines.Err())
	return nil
}

func TestEventBacklog(t *testing.T) {
	to := newTown(t, func(c *plaza.Config) { c.EventBacklog = 3 })
	to.seed()
	for i := range 3 {
		to.want(200, "POST", "/staff/v1/commands", to.staff, fmt.Sprint("d", i), command("takedown", "acct/1", "up", "", "m"))
		to.want(200, "POST", "/staff/v1/commands", to.staff, fmt.Sprint("u", i), command("restore", "acct/1", "down", "m", ""))
	}
	for after := range 3 {
		a := to.want(410, "GET", fmt.Sprintf("/staff/v1/events?after=%d", after), to.staff, "", "")
		if !strings.Contains(a, `"oldest":3`) || !strings.Contains(a, `"newest":6`) {
			t.Errorf("after %d: %s", after, a)
		}
	}
	if e := to.follow(3).next(); e["id"] != float64(4) || e["status"] != "up" && e["status"] != "down" {
		t.Errorf("after 3 comes %v", e)
	}
	to.want(410, "GET", "/staff/v1/events?after=7", to.staff, "", "")
}

func TestStreamsBeatAndEnd(t *testing.T) {
	to := newTown(t, func(c *plaza.Config) { c.Heartbeat = time.Millisecond; c.MostStreams = 1 })
	r := to.follow(0)
	for r.lines.Scan() && !strings.HasPrefix(r.lines.Text(), ":") {
	}
	if !strings.HasPrefix(r.lines.Text(), ":") {
		t.Fatal("no heartbeat came")
	}
	to.want(503, "GET", "/staff/v1/events", to.staff, "", "")
	to.server.Close()
	for r.lines.Scan() {
	}
	if err := r.lines.Err(); err != nil {
		t.Errorf("the stream was cut off and not ended: %v", err)
	}
}

func TestRestartForgetsNothing(t *testing.T) {
	file := t.TempDir() + "/plaza.db"
	to := openTown(t, file, nil)
	to.seed()
	first := to.want(200, "POST", "/staff/v1/commands", to.staff, "k1", command("takedown", "acct/1", "up", "", "m"))
	to.want(200, "GET", "/staff/v1/commands/k2", to.staff, "", "")
	to.server.Close()
	if err := to.db.Close(); err != nil {
		t.Fatal(err)
	}
	again := openTown(t, file, nil)
	if a := again.want(200, "POST", "/staff/v1/commands", to.staff, "k1", command("takedown", "acct/1", "up", "", "m")); a != first {
		t.Errorf("another answer after the restart: %s", a)
	}
	again.want(409, "POST", "/staff/v1/commands", to.staff, "k2", command("restore", "acct/1", "down", "m", ""))
	if e := again.follow(0).next(); e["mark"] != "m" {
		t.Errorf("the event is %v", e)
	}
}

// TestModel sends random commands and holds every answer against a map.
func TestModel(t *testing.T) {
	type state struct{ status, mark string }
	type answered struct {
		body   string
		status int
		answer string
	}
	runs := 0
	to := newTown(t, nil)
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		to.want(201, "POST", "/staff/v1/accounts", to.setup, "", fmt.Sprintf(`{"handle":"@model%d","name":"M"}`, runs))
		answer := to.want(200, "GET", fmt.Sprintf("/staff/v1/subjects?handle=@model%d", runs), to.staff, "", "")
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(answer), &made); err != nil {
			rt.Fatal(err)
		}
		now := state{"up", ""}
		keys := map[string]answered{}
		starts := map[string]string{"takedown": "up", "restore": "down", "deactivate": "up", "reactivate": "deactivated"}
		leaves := map[string]string{"takedown": "down", "restore": "up", "deactivate": "deactivated", "reactivate": "up"}
		mark := rapid.SampledFrom([]string{"", "a", "b"})
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			key := fmt.Sprintf("m%d-%d", runs, rapid.IntRange(0, 5).Draw(rt, "key"))
			if rapid.IntRange(0, 5).Draw(rt, "ask") == 0 {
				a := to.want(200, "GET", "/staff/v1/commands/"+key, to.staff, "", "")
				known, ok := keys[key]
				want := "unknown"
				if ok && known.status == 200 {
					want = "done"
				} else if ok && known.body != "" {
					want = "refused"
				}
				if !strings.Contains(a, `"outcome":"`+want+`"`) {
					rt.Fatalf("%s is %s, want %s", key, a, want)
				}
				if !ok {
					keys[key] = answered{status: 409}
				}
				continue
			}
			verb := rapid.SampledFrom([]string{"takedown", "restore", "deactivate", "reactivate"}).Draw(rt, "verb")
			expect, leave := mark.Draw(rt, "expect"), ""
			if verb == "takedown" || verb == "deactivate" {
				leave = mark.Draw(rt, "leave")
			}
			start := starts[verb]
			if verb == "takedown" && expect != "" && leave != "" && expect != leave && rapid.Bool().Draw(rt, "instead") {
				start = "down" // under another mark
			}
			body := command(verb, made.ID, start, expect, leave)
			status, a := to.send("POST", "/staff/v1/commands", to.staff, key, body)
			prior, known := keys[key]
			switch {
			case known && prior.body == "":
				if status != 409 || !strings.Contains(a, "key-fenced") {
					rt.Fatalf("fenced %s: %d %s", key, status, a)
				}
			case known && prior.body != body:
				if status != 422 {
					rt.Fatalf("reused %s: %d %s", key, status, a)
				}
			case known:
				if status != prior.status || a != prior.answer {
					rt.Fatalf("again %s: %d %s, first %d %s", key, status, a, prior.status, prior.answer)
				}
			default:
				want := 409
				if now == (state{start, expect}) {
					want = 200
					now = state{leaves[verb], leave}
				}
				if status != want {
					rt.Fatalf("%s: %d, want %d: %s", body, status, want, a)
				}
				keys[key] = answered{body, status, a}
			}
			read := to.want(200, "GET", "/staff/v1/subjects?id="+made.ID, to.staff, "", "")
			var seen struct{ Status, Mark string }
			if err := json.Unmarshal([]byte(read), &seen); err != nil {
				rt.Fatal(err)
			}
			if seen.Status != now.status || seen.Mark != now.mark {
				rt.Fatalf("after %s the account is %+v, want %+v", body, seen, now)
			}
		}
	})
}

// BenchmarkCommand is one takedown or restore over HTTP, durable when answered.
func BenchmarkCommand(b *testing.B) {
	to := newTown(b, nil)
	to.seed()
	client := &http.Client{}
	i := 0
	for b.Loop() {
		body := command("takedown", "acct/1", "up", "", "m")
		if i%2 == 1 {
			body = command("restore", "acct/1", "down", "m", "")
		}
		req, err := http.NewRequest("POST", to.url+"/staff/v1/commands", bytes.NewReader([]byte(body)))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+to.staff)
		req.Header.Set("Idempotency-Key", fmt.Sprint("bench", i))
		req.Header.Set("Content-Type", "application/json")
		res, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode != 200 {
			b.Fatal(res.Status)
		}
		i++
	}
}

// BenchmarkRead is one subject read over HTTP.
func BenchmarkRead(b *testing.B) {
	to := newTown(b, nil)
	to.seed()
	for b.Loop() {
		to.want(200, "GET", "/staff/v1/subjects?id=acct/1", to.staff, "", "")
	}
}

// TestRevoke: a keeper ends the tokens of another, once for each key; nobody else
// does, and nobody ends their own.
func TestRevoke(t *testing.T) {
	to := newTown(t, nil)
	keeper, night, other := to.token("executor", plaza.KeeperScope), to.token("night-shift", plaza.StaffScope), to.token("day-shift", plaza.StaffScope)
	to.want(403, "POST", "/staff/v1/tokens/executor/revoke", night, "k1", "")
	to.want(403, "POST", "/staff/v1/tokens/executor/revoke", to.setup, "k1", "")
	to.want(409, "POST", "/staff/v1/tokens/executor/revoke", keeper, "k1", "")
	to.want(404, "POST", "/staff/v1/tokens/nobody/revoke", keeper, "k2", "")
	to.want(400, "POST", "/staff/v1/tokens/night-shift/revoke", keeper, "", "")
	to.want(200, "GET", "/staff/v1/capabilities", night, "", "")
	first := to.want(200, "POST", "/staff/v1/tokens/night-shift/revoke", keeper, "k3", "")
	to.want(401, "GET", "/staff/v1/capabilities", night, "", "")
	to.want(200, "GET", "/staff/v1/capabilities", other, "", "")
	anew := to.token("night-shift", plaza.StaffScope)
	if again := to.want(200, "POST", "/staff/v1/tokens/night-shift/revoke", keeper, "k3", ""); again != first {
		t.Errorf("another answer: %s", again)
	}
	to.want(200, "GET", "/staff/v1/capabilities", anew, "", "")
	to.want(422, "POST", "/staff/v1/tokens/day-shift/revoke", keeper, "k3", "")
	if with := to.want(200, "GET", "/staff/v1/capabilities", keeper, "", ""); !strings.Contains(with, `"tokens"`) || !strings.Contains(with, `"credential":"executor"`) {
		t.Errorf("a keeper is told %s", with)
	}
	if with := to.want(200, "GET", "/staff/v1/capabilities", anew, "", ""); strings.Contains(with, `"tokens"`) {
		t.Errorf("one who may not revoke is told %s", with)
	}
}
