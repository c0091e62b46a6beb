package plaza_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/fault"
	"countersign.dev/platform"
	connector "countersign.dev/platform/plaza"
	"countersign.dev/plaza"
)

// town is a real plaza behind a door that a test can tamper with.
type town struct {
	t      testing.TB
	url    string
	server *plaza.Server
	tamper atomic.Pointer[func(w http.ResponseWriter, r *http.Request, plaza http.Handler)]
	*connector.Connector
}

func newTown(t testing.TB) *town {
	t.Helper()
	return newTownWith(t, plaza.Config{})
}

// newTownWith is newTown with a plaza that is set otherwise.
func newTownWith(t testing.TB, c plaza.Config) *town {
	t.Helper()
	ctx := t.Context()
	db, err := plaza.Open(ctx, "sqlite:"+t.TempDir()+"/plaza.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	c.DB = db
	to := &town{t: t, server: plaza.New(c)}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := to.tamper.Load(); f != nil {
			(*f)(w, r, to.server.Handler())
			return
		}
		to.server.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	t.Cleanup(to.server.Close)
	to.url = web.URL
	setup, err := to.server.IssueToken(ctx, "seed", plaza.SetupScope)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, "POST", to.url+"/staff/v1/accounts", strings.NewReader(
		`{"handle":"@ada","name":"Ada","office":"mayor","followers":7,"created":"2020-01-01T00:00:00.000000Z"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+setup)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Fatal(res.Status)
	}
	token, err := to.server.IssueToken(ctx, "executor", plaza.StaffScope)
	if err != nil {
		t.Fatal(err)
	}
	if to.Connector, err = connector.Connect(ctx, connector.Config{Name: "plaza", URL: to.url, Token: token}); err != nil {
		t.Fatal(err)
	}
	return to
}

// on tampers with requests of one method and path until it is called again.
func (to *town) on(method, suffix string, f func(w http.ResponseWriter, r *http.Request, plaza http.Handler)) {
	g := func(w http.ResponseWriter, r *http.Request, plaza http.Handler) {
		if r.Method == method && strings.HasSuffix(r.URL.Path, suffix) {
			f(w, r, plaza)
			return
		}
		plaza.ServeHTTP(w, r)
	}
	to.tamper.Store(&g)
}

func (to *town) honest() { to.tamper.Store(nil) }

var (
	ada  = platform.Subject{Platform: "plaza", ID: "acct/1", Handle: "@ada"}
	take = platform.Command{Verb: platform.Takedown, Subject: ada, Expect: platform.Expect{Status: platform.Up}, Mark: "CSGN-req_1"}
)

// answer is a tampering that answers by itself, after letting plaza act or not.
func answer(act bool, status int, mediaType, body string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, plaza http.Handler) {
		if act {
			plaza.ServeHTTP(httptest.NewRecorder(), r)
		}
		w.Header().Set("Content-Type", mediaType)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// TestUnclearAnswers: whatever does not speak the protocol leaves open whether
// the command took effect, and Lookup settles it, either way.
func TestUnclearAnswers(t *testing.T) {
	problem := func(status int, typ, more string) string {
		return fmt.Sprintf(`{"type":"/p/%s","title":"t","status":%d,"detail":"d"%s}`, typ, status, more)
	}
	const problemJSON, plainJSON = "application/problem+json", "application/json"
	state := `{"id":"acct/1","handle":"@ada","sort":"account","status":%q,"mark":%q,"rev":"%d","facts":{}}`
	receipt := func(key, verb, before, after string) string {
		return fmt.Sprintf(`{"key":%q,"verb":%q,"before":%s,"after":%s}`, key, verb, before, after)
	}
	up, down := fmt.Sprintf(state, "up", "", 1), fmt.Sprintf(state, "down", "CSGN-req_1", 2)
	answers := map[string]struct {
		status          int
		mediaType, body string
	}{
		"a 500":                           {500, problemJSON, problem(500, "internal", "")},
		"a 503":                           {503, problemJSON, problem(503, "busy", "")},
		"a 429":                           {429, problemJSON, problem(429, "slow-down", "")},
		"a proxy's 502":                   {502, "text/html", "<h1>Bad gateway</h1>"},
		"a proxy's 404":                   {404, "text/html", "<h1>Not found</h1>"},
		"a 404 that says nothing":         {404, problemJSON, `{}`},
		"a 404 of unknown type":           {404, problemJSON, problem(404, "elsewhere", "")},
		"a problem with another status":   {400, problemJSON, problem(409, "wrong-state", `,"now":`+up)},
		"a known type, unknown status":    {418, problemJSON, problem(418, "malformed", "")},
		"a redirect":                      {302, plainJSON, `{}`},
		"a 201":                           {201, plainJSON, receipt("KEY", "takedown", up, down)},
		"a wrong state without the state": {409, problemJSON, problem(409, "wrong-state", "")},
		"a wrong state of another":        {409, problemJSON, problem(409, "wrong-state", `,"now":`+strings.Replace(up, "acct/1", "acct/2", 1))},
		"a wrong state of unknown status": {409, problemJSON, problem(409, "wrong-state", `,"now":`+fmt.Sprintf(state, "limited", "", 1))},
		"nothing":                         {200, plainJSON, ``},
		"not JSON":                        {200, plainJSON, `done!`},
		"text":                            {200, "text/plain", receipt("KEY", "takedown", up, down)},
		"another key's receipt":           {200, plainJSON, receipt("other", "takedown", up, down)},
		"another verb's receipt":          {200, plainJSON, receipt("KEY", "restore", up, down)},
		"a receipt of no change":          {200, plainJSON, receipt("KEY", "takedown", up, up)},
		"a receipt under another mark":    {200, plainJSON, receipt("KEY", "takedown", up, fmt.Sprintf(state, "down", "OTHER", 2))},
		"a receipt of the same revision":  {200, plainJSON, receipt("KEY", "takedown", up, fmt.Sprintf(state, "down", "CSGN-req_1", 1))},
		"a receipt without a mark":        {200, plainJSON, receipt("KEY", "takedown", strings.Replace(up, `"mark":"",`, "", 1), down)},
		"an endless receipt":              {200, plainJSON, `{"pad":"` + strings.Repeat("x", 1<<20) + `",` + receipt("KEY", "takedown", up, down)[1:]},
	}
	for _, acted := range []bool{true, false} {
		for name, a := range answers {
			t.Run(fmt.Sprintf("%s/acted=%v", name, acted), func(t *testing.T) {
				to := newTown(t)
				to.on("POST", "/commands", answer(acted, a.status, a.mediaType, strings.ReplaceAll(a.body, "KEY", "k1")))
				_, err := to.Apply(t.Context(), "k1", take)
				if fault.KindOf(err) != fault.Unavailable {
					t.Fatalf("the error does not leave the outcome open: %v", err)
				}
				to.honest()
				o, err := to.Lookup(t.Context(), "k1", take)
				if err != nil || !o.Known || o.Done != acted {
					t.Fatalf("looked up: %+v, %v", o, err)
				}
				if acted && !o.Receipt.After.Is(platform.Down, "CSGN-req_1") {
					t.Errorf("the receipt is %+v", o.Receipt)
				}
				// Nothing that was under way can act now.
				if _, err := to.Apply(t.Context(), "k1", take); !acted && !fault.Is(err, "key-fenced") {
					t.Errorf("the late command: %v", err)
				}
			})
		}
	}
}

// TestCutOff closes the connection before or after plaza acted.
func TestCutOff(t *testing.T) {
	for _, acted := range []bool{true, false} {
		to := newTown(t)
		var calls atomic.Int64
		to.on("POST", "/commands", func(w http.ResponseWriter, r *http.Request, plaza http.Handler) {
			calls.Add(1)
			if acted {
				plaza.ServeHTTP(httptest.NewRecorder(), r)
			}
			panic(http.ErrAbortHandler)
		})
		_, err := to.Apply(t.Context(), "k1", take)
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("acted %v: %v", acted, err)
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("acted %v: the command was sent %d times", acted, n)
		}
		if o, err := to.Lookup(t.Context(), "k1", take); err != nil || o.Done != acted || !o.Known {
			t.Errorf("acted %v: looked up %+v, %v", acted, o, err)
		}
	}
}

func TestReadBackFails(t *testing.T) {
	to := newTown(t)
	to.on("GET", "/subjects", answer(false, 503, "text/plain", "no"))
	if _, err := to.Apply(t.Context(), "k1", take); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("carried out, not seen: %v", err)
	}
}

// TestReadBack: the receipt shows what is there after the call, whatever the
// call's own answer said.
func TestReadBack(t *testing.T) {
	to := newTown(t)
	to.on("GET", "/subjects", answer(false, 200, "application/json",
		`{"id":"acct/1","handle":"@ada","sort":"account","status":"down","mark":"SOMEBODY","rev":"3","facts":{}}`))
	r, err := to.Apply(t.Context(), "k1", take)
	if err != nil || !r.After.Is(platform.Down, "SOMEBODY") || r.After.Rev != "3" {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestUnfencedIsNotKnown: a key that is not known and not fenced may still act.
func TestUnfencedIsNotKnown(t *testing.T) {
	to := newTown(t)
	for body, want := range map[string]platform.Outcome{
		`{"key":"k1","outcome":"unknown","fenced":false}`: {},
		`{"key":"k1","outcome":"unknown"}`:                {},
		`{"key":"k1","outcome":"unknown","fenced":true}`:  {Known: true},
		`{"key":"k1","outcome":"refused","fenced":false}`: {Known: true},
	} {
		to.on("GET", "/commands/k1", answer(false, 200, "application/json", body))
		o, err := to.Lookup(t.Context(), "k1", take)
		if diff := cmp.Diff(want, o); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", body, err, diff)
		}
	}
	for _, body := range []string{`{"key":"k2","outcome":"refused"}`, `{"key":"k1","outcome":"perhaps"}`, `{"key":"k1","outcome":"done"}`, `{}`} {
		to.on("GET", "/commands/k1", answer(false, 200, "application/json", body))
		if o, err := to.Lookup(t.Context(), "k1", take); fault.KindOf(err) != fault.Unavailable || o.Done && err == nil {
			t.Errorf("%s: %+v, %v", body, o, err)
		}
	}
}

func TestReadsStrictly(t *testing.T) {
	good := `{"id":"acct/1","handle":"@ada","sort":"account","status":"up","mark":"","rev":"1","facts":{"followers":7,"verified":true,"office":"","created":5}}`
	to := newTown(t)
	for name, body := range map[string]string{
		"unknown status":  strings.Replace(good, `"up"`, `"limited"`, 1),
		"no mark":         strings.Replace(good, `"mark":"",`, "", 1),
		"control in mark": strings.Replace(good, `"mark":""`, `"mark":"a\u0007b"`, 1),
		"no revision":     strings.Replace(good, `"rev":"1"`, `"rev":""`, 1),
		"another subject": strings.Replace(good, "acct/1", "acct/2", 1),
		"another sort":    strings.Replace(good, `"account"`, `"content"`, 1),
		"doubled status":  strings.Replace(good, `"status":"up"`, `"status":"up","status":"down"`, 1),
		"two documents":   good + good,
		"null":            "null",
	} {
		to.on("GET", "/subjects", answer(false, 200, "application/json", body))
		if s, err := to.Read(t.Context(), ada); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	for name, c := range map[string]struct {
		body   string
		unread []platform.Fact
	}{
		"all there":        {good, []platform.Fact{}},
		"one missing":      {strings.Replace(good, `"office":"",`, "", 1), []platform.Fact{platform.FactOffice}},
		"one null":         {strings.Replace(good, `"followers":7`, `"followers":null`, 1), []platform.Fact{platform.FactFollowers}},
		"one of a kind":    {strings.Replace(good, `"verified":true`, `"verified":"yes"`, 1), []platform.Fact{platform.FactVerified}},
		"a fraction":       {strings.Replace(good, `"followers":7`, `"followers":7.5`, 1), []platform.Fact{platform.FactFollowers}},
		"a negative count": {strings.Replace(good, `"followers":7`, `"followers":-7`, 1), []platform.Fact{platform.FactFollowers}},
		"an unknown more":  {strings.Replace(good, `"followers":7`, `"followers":7,"shoes":2`, 1), []platform.Fact{}},
		"none":             {good[:strings.Index(good, `,"facts"`)] + "}", []platform.Fact{platform.FactFollowers, platform.FactVerified, platform.FactOffice, platform.FactCreated}},
	} {
		to.on("GET", "/subjects", answer(false, 200, "application/json", c.body))
		s, err := to.Read(t.Context(), ada)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.unread, s.Unread); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestConnectRefuses(t *testing.T) {
	to := newTown(t)
	good := `{"protocol":"staff/v1","abilities":[],"facts":[],"compare_and_set":true,"lookup":true,"request_life":30}`
	for name, body := range map[string]string{
		"another protocol":  strings.Replace(good, "staff/v1", "staff/v2", 1),
		"no compare":        strings.Replace(good, `"compare_and_set":true`, `"compare_and_set":false`, 1),
		"no lookup":         strings.Replace(good, `"lookup":true,`, "", 1),
		"no request life":   strings.Replace(good, "30", "0", 1),
		"endless life":      strings.Replace(good, "30", "86400", 1),
		"not JSON":          "hello",
		"something of both": good + "x",
	} {
		to.on("GET", "/capabilities", answer(false, 200, "application/json", body))
		if _, err := connector.Connect(t.Context(), connector.Config{Name: "plaza", URL: to.url, Token: "t"}); fault.As(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, url := range []string{"", "plaza.example", "ftp://plaza.example", "http://plaza.example", "http://10.0.0.1", "https://u:p@plaza.example", "https://plaza.example/?x=1"} {
		if _, err := connector.Connect(t.Context(), connector.Config{Name: "plaza", URL: url, Token: "t"}); !fault.Is(err, "bad-platform-url") {
			t.Errorf("%q: %v", url, err)
		}
	}
	to.honest()
	if _, err := connector.Connect(t.Context(), connector.Config{Name: "plaza", URL: to.url, Token: "wrong"}); fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("wrong token: %v", err)
	}
	for _, c := range []connector.Config{{Name: "Plaza", URL: to.url, Token: "t"}, {Name: "plaza", URL: to.url, Token: "a b"}, {Name: "plaza", URL: to.url}} {
		if _, err := connector.Connect(t.Context(), c); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestRedirectsAreNotFollowed: they would carry the token elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	to := newTown(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s came with %q", r.URL, r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	redirect := func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}
	to.on("POST", "/commands", redirect)
	if _, err := to.Apply(t.Context(), "k1", take); fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
	to.on("GET", "/events", redirect)
	if _, err := to.Events(t.Context(), connector.FromNow); fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
}

// TestConnectionsAreKept: acts side by side need no new connections once there
// are as many as acts.
func TestConnectionsAreKept(t *testing.T) {
	const acts = 8
	to := newTown(t)
	var mu sync.Mutex
	connections := map[string]bool{}
	for range 3 {
		var arrived, done sync.WaitGroup
		arrived.Add(acts)
		handle := func(w http.ResponseWriter, r *http.Request, plaza http.Handler) {
			mu.Lock()
			connections[r.RemoteAddr] = true
			mu.Unlock()
			arrived.Done()
			arrived.Wait() // all at once
			plaza.ServeHTTP(w, r)
		}
		to.tamper.Store(&handle)
		for range acts {
			done.Go(func() {
				if _, err := to.Read(t.Context(), take.Subject); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
	}
	if len(connections) > acts+1 { // one was there before
		t.Errorf("%d connections were made for %d acts at a time", len(connections), acts)
	}
}

func TestNotSentAtAll(t *testing.T) {
	to := newTown(t)
	to.on("POST", "/commands", func(http.ResponseWriter, *http.Request, http.Handler) { t.Error("it was sent") })
	other, post := take, take
	other.Subject.Platform = "bluesky"
	post.Subject = platform.Subject{Platform: "plaza", ID: "post/1"}
	post.Verb = platform.Deactivate
	for name, c := range map[string]struct {
		key  string
		c    platform.Command
		kind fault.Kind
	}{
		"another platform": {"k", other, fault.Invalid},
		"a bad key":        {"a/b", take, fault.Invalid},
		"not offered":      {"k", post, fault.Unsupported},
	} {
		if _, err := to.Apply(t.Context(), c.key, c.c); fault.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWrongStateAndDelete(t *testing.T) {
	to := newTown(t)
	ctx := t.Context()
	if _, err := to.Apply(ctx, "k1", take); err != nil {
		t.Fatal(err)
	}
	_, err := to.Apply(ctx, "k2", take)
	var wrong *platform.WrongState
	if !errors.As(err, &wrong) || !wrong.Now.Is(platform.Down, "CSGN-req_1") || wrong.Want != take.Expect {
		t.Errorf("wrong state: %+v, %v", wrong, err)
	}
	gone := platform.Command{Verb: platform.Delete, Subject: ada, Expect: platform.Expect{Status: platform.Down, Mark: "CSGN-req_1"}}
	r, err := to.Apply(ctx, "k3", gone)
	if err != nil || r.After.Status != platform.Deleted || !r.Before.Is(platform.Down, "CSGN-req_1") {
		t.Errorf("delete: %+v, %v", r, err)
	}
	if _, err := to.Read(ctx, ada); !fault.Is(err, "no-such-subject") {
		t.Errorf("read after deletion: %v", err)
	}
	if o, err := to.Lookup(ctx, "k3", gone); err != nil || !o.Done {
		t.Errorf("looked up: %+v, %v", o, err)
	}
}

func TestEvents(t *testing.T) {
	to := newTown(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	s, err := to.Events(ctx, connector.FromNow)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.Apply(ctx, "k1", take); err != nil {
		t.Fatal(err)
	}
	e, err := s.Next()
	if err != nil || e.Subject != ada || e.Status != platform.Down || e.Mark != take.Mark || e.By != "executor" || e.At.IsZero() {
		t.Errorf("event %+v, %v", e, err)
	}
	s.Close()
	if s, err = to.Events(ctx, 0); err != nil || s.Cursor() != 0 {
		t.Fatal(s, err)
	}
	if again, err := s.Next(); err != nil || again != e || s.Cursor() != 1 {
		t.Errorf("again %+v, %v", again, err)
	}
	to.server.Close()
	if _, err := s.Next(); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("after the end: %v", err)
	}
	if _, err := to.Events(ctx, 99); !fault.Is(err, "cursor-gone") {
		t.Errorf("a cursor from the future: %v", err)
	}
	change := func(id int, status, mark string) string {
		return fmt.Sprintf("event: change\nid: %d\ndata: {\"id\":%d,\"subject\":\"acct/1\",\"handle\":\"@ada\",\"status\":%q,\"mark\":%s,\"rev\":\"2\",\"at\":\"2026-11-23T05:39:46.000000Z\"}\n\n", id, id, status, mark)
	}
	for name, text := range map[string]string{
		"a gap":             "event: open\nid: 0\n\n" + change(2, "up", `""`),
		"a repetition":      "event: open\nid: 0\n\n" + change(0, "up", `""`),
		"an unknown status": "event: open\nid: 0\n\n" + change(1, "limited", `""`),
		"no mark":           "event: open\nid: 0\n\n" + change(1, "up", `null`),
		"another frame":     "event: open\nid: 0\n\nevent: gossip\nid: 1\ndata: {}\n\n",
		"no number":         "event: open\nid: 0\n\nevent: change\ndata: {}\n\n",
		"endless":           "event: open\nid: 0\n\nevent: change\ndata: " + strings.Repeat("x", 20<<10),
		"no open":           change(1, "up", `""`),
		"open elsewhere":    "event: open\nid: 5\n\n",
	} {
		to.on("GET", "/events", answer(false, 200, "text/event-stream", text))
		s, err := to.Events(ctx, 0)
		if err == nil {
			_, err = s.Next()
		}
		if !fault.Is(err, "platform-unclear") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// BenchmarkApply is a command with its read-back, a takedown and a restore in turn.
func BenchmarkApply(b *testing.B) {
	to := newTown(b)
	lift := platform.Command{Verb: platform.Restore, Subject: ada, Expect: platform.Expect{Status: platform.Down, Mark: take.Mark}}
	i := 0
	for b.Loop() {
		c := take
		if i%2 == 1 {
			c = lift
		}
		if _, err := to.Apply(b.Context(), fmt.Sprint("b", i), c); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
