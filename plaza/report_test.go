package plaza_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/plaza"
	"countersign.dev/sqldb"
)

// desk is a receiver of reports, as far as the protocol's document says it.
type desk struct {
	mu       sync.Mutex
	came     []string          // every report of every request, in order
	known    map[string]string // the report by its external identifier, byte for byte
	outcomes map[string]string // by external identifier
	refuses  map[string]string // type of the problem, by external identifier
	forgets  map[string]bool   // gives no answer about it
	lost     int               // answers that are lost after the reports were taken
	down     []int             // statuses of the next requests
	most     int               // reports in a request; 0: any number
	asked    int
	requests int
	differs  []string // external identifiers that came again with other bytes
	tokens   []string
	changed  chan struct{}
}

// patience is the longest wait for something that must come.
const patience = 2 * time.Minute

func newDesk() *desk {
	return &desk{known: map[string]string{}, outcomes: map[string]string{}, refuses: map[string]string{}, forgets: map[string]bool{}, changed: make(chan struct{})}
}

func (d *desk) change() {
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.change()
	d.tokens = append(d.tokens, r.Header.Get("Authorization"))
	problem := func(status int, kind string) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"type":"https://desk.example/problems/%s","title":"t","status":%d,"detail":"It is %s."}`, kind, status, kind)
	}
	if id, ok := strings.CutPrefix(r.URL.Path, "/api/reports/"); ok && r.Method == "GET" {
		d.asked++
		external := strings.TrimPrefix(id, "rep_")
		fmt.Fprintf(w, `{"id":%q,"external_id":%q,"state":"waiting","outcome":%q}`, id, external, d.outcomes[external])
		return
	}
	if r.URL.Path != "/api/reports" || r.Method != "POST" {
		problem(404, "no-such-route")
		return
	}
	d.requests++
	if len(d.down) > 0 {
		status := d.down[0]
		d.down = d.down[1:]
		problem(status, "not-now")
		return
	}
	var body struct{ Reports []json.RawMessage }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Reports) == 0 || len(body.Reports) > 1000 || d.most > 0 && len(body.Reports) > d.most {
		problem(413, "body-too-large")
		return
	}
	answers := []map[string]any{}
	for _, raw := range body.Reports {
		var one struct {
			ID string `json:"external_id"`
		}
		if err := json.Unmarshal(raw, &one); err != nil || one.ID == "" {
			problem(400, "malformed")
			return
		}
		d.came = append(d.came, one.ID)
		if d.forgets[one.ID] {
			continue
		}
		if why := d.refuses[one.ID]; why != "" {
			answers = append(answers, map[string]any{"external_id": one.ID, "error": map[string]string{"type": why, "detail": "It is " + why + "."}})
			continue
		}
		if before, ok := d.known[one.ID]; ok && before != string(raw) {
			d.differs = append(d.differs, one.ID)
		}
		d.known[one.ID] = string(raw)
		answers = append(answers, map[string]any{"external_id": one.ID, "id": "rep_" + one.ID, "case": "cas_1", "state": "waiting", "promise": "promise of " + one.ID})
	}
	if d.lost > 0 {
		d.lost--
		panic(http.ErrAbortHandler) // the reports are taken, and the sender hears nothing
	}
	slices.Reverse(answers)
	json.NewEncoder(w).Encode(map[string]any{"answers": answers})
}

// until waits until something is so, looking again after each request.
func (d *desk) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	late := time.After(patience)
	for {
		d.mu.Lock()
		ok, changed := is(), d.changed
		d.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("never: %s; the desk has %v", what, d.came)
		}
	}
}

// serve makes the desk reachable, and a configuration of plaza that sends its reports there.
func (d *desk) serve(t *testing.T) (edit func(*plaza.Config)) {
	t.Helper()
	web := httptest.NewServer(d)
	t.Cleanup(web.Close)
	return func(c *plaza.Config) {
		c.Reports = plaza.Reports{URL: web.URL + "/api", Token: func(context.Context) (string, error) { return "of-plaza", nil },
			Retry: time.Millisecond, Ask: time.Millisecond}
	}
}

// reports reads all rows of reports in the order of their numbers.
func (to *town) reports() []row {
	to.t.Helper()
	var all []row
	err := to.db.Read(context.Background(), func(tx *sqldb.Tx) (err error) {
		all, err = sqldb.All(tx, func(r sqldb.Row) (v row, err error) {
			return v, r.Scan(&v.number, &v.state, &v.receipt, &v.promise, &v.problem, &v.outcome, &v.body)
		}, `select r.id, r.state, r.receipt, r.promise, r.problem, r.outcome, coalesce(o.body, '') from report r left join outbox o on o.report = r.id order by r.id`)
		return err
	})
	if err != nil {
		to.t.Fatal(err)
	}
	return all
}

type row struct {
	number                                          int64
	state, receipt, promise, problem, outcome, body string
}

// settled waits until the rows of reports are in these states.
func (to *town) settled(want ...string) []row {
	to.t.Helper()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	late := time.After(patience)
	for {
		all := to.reports()
		var states []string
		for _, r := range all {
			states = append(states, r.state)
		}
		if slices.Equal(states, want) {
			return all
		}
		select {
		case <-look.C:
		case <-late:
			to.t.Fatalf("the reports are %v, not %v", states, want)
		}
	}
}

var formKey = regexp.MustCompile(`name="key" value="([^"]+)"`)

// reportForm opens the form of a subject and returns its key.
func (to *town) reportForm(subject, token string) string {
	to.t.Helper()
	m := formKey.FindStringSubmatch(to.look("/report?subject="+subject, token))
	if m == nil {
		to.t.Fatalf("no form for %s", subject)
	}
	return m[1]
}

// sendsReport fills the form in and sends it.
func (to *town) sendsReport(subject, reason, text, token string) (*http.Response, string) {
	to.t.Helper()
	return to.browse("POST", "/report", token, url.Values{"subject": {subject}, "key": {to.reportForm(subject, token)}, "reason": {reason}, "text": {text}, "language": {"en"}}.Encode(), nil)
}

// TestReport: people report posts and profiles with and without an account, and each report
// goes out as the protocol says, with what was seen then.
func TestReport(t *testing.T) {
	for name, open := range bothEngines {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			to := open(t, d.serve(t))
			to.seed()
			eve := to.ownerToken("acct/2")
			if page := to.look("/post/1", ""); !strings.Contains(page, `href="/report?subject=post/1"`) {
				t.Error("the post has no button to report it")
			}
			if page := to.look("/@president", ""); !strings.Contains(page, `href="/report?subject=acct%2f1"`) {
				t.Error("the profile has no button to report it")
			}
			page := to.look("/report?subject=post/3", "")
			if !strings.Contains(page, "&lt;script&gt;alert(1)&lt;/script&gt;") || !strings.Contains(page, "You are not signed in") || strings.Count(page, `type="radio"`) != 10 {
				t.Errorf("the form is %s", page)
			}
			res, body := to.sendsReport("post/3", "scam", "They want <my> card\u200b.", "")
			if res.StatusCode != 303 || res.Header.Get("Location") != "/report/sent" {
				t.Fatalf("%s %s: %s", res.Status, res.Header.Get("Location"), body)
			}
			if _, _, page := to.page("/report/sent"); !strings.Contains(page, "without an account") {
				t.Error("nobody says what a report without an account is")
			}
			if res, body := to.sendsReport("acct/1", "impersonation", "", eve); res.StatusCode != 303 || res.Header.Get("Location") != "/account/reports" {
				t.Fatalf("%s: %s", res.Status, body)
			}
			rows := to.settled("received", "received")
			d.mu.Lock()
			defer d.mu.Unlock()
			var one, two plaza.OutReport
			if err := json.Unmarshal([]byte(d.known["report-1"]), &one); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(d.known["report-2"]), &two); err != nil {
				t.Fatal(err)
			}
			if one.Subject != (plaza.OutSubject{Platform: "plaza", ID: "post/3"}) || one.Reason != "scam" || one.Text != "They want <my> card\u200b." || one.Language != "en" ||
				one.Reporter != (plaza.OutReporter{Anonymous: true}) || one.Evidence != (plaza.OutEvidence{Text: "<script>alert(1)</script>", Language: "und"}) || one.At.IsZero() || one.Scores == nil {
				t.Errorf("the first report is %+v", one)
			}
			if two.Subject != (plaza.OutSubject{Platform: "plaza", ID: "acct/1", Handle: "@President"}) || two.Reporter != (plaza.OutReporter{ID: "acct/2"}) || two.Text != "" || two.Evidence.Text != "Elena <Marchetti>\nHello" {
				t.Errorf("the second report is %+v", two)
			}
			for i, r := range rows {
				if id := fmt.Sprint("report-", i+1); r.receipt != "rep_"+id || r.promise != "promise of "+id || r.body != "" {
					t.Errorf("report %d is kept as %+v", i+1, r)
				}
			}
			if slices.Contains(d.tokens, "") || d.tokens[0] != "Bearer of-plaza" {
				t.Errorf("the tokens were %q", d.tokens)
			}
		})
	}
}

// bothEngines opens a plaza on each of the databases.
var bothEngines = map[string]func(*testing.T, func(*plaza.Config)) *town{
	"sqlite":   func(t *testing.T, edit func(*plaza.Config)) *town { return newTown(t, edit) },
	"postgres": func(t *testing.T, edit func(*plaza.Config)) *town { return townOn(t, postgres(t), edit) },
}

// TestOutcome: a reporter sees what became of a report, and nobody else does; the desk is
// not asked about reports of nobody.
func TestOutcome(t *testing.T) {
	for name, open := range bothEngines {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			to := open(t, func(c *plaza.Config) {
				d.serve(t)(c)
				c.Now = nil // so that time goes on
			})
			to.seed()
			eve, other := to.ownerToken("acct/2"), to.ownerToken("acct/1")
			to.sendsReport("post/1", "spam", "one", eve)
			to.sendsReport("post/1", "hate", "two", "")
			to.settled("received", "received")
			d.until(t, "the desk is asked three times", func() bool { return d.asked >= 3 })
			if page := to.look("/account/reports", eve); !strings.Contains(page, "With those who judge it") || !strings.Contains(page, ">one<") || strings.Contains(page, ">two<") {
				t.Errorf("the reporter sees %s", page)
			}
			d.mu.Lock()
			d.outcomes["report-1"], d.outcomes["report-2"] = "violation", "violation"
			d.mu.Unlock()
			if rows := to.settled("closed", "received"); rows[0].outcome != "violation" {
				t.Errorf("%+v", rows)
			}
			if page := to.look("/account/reports", eve); !strings.Contains(page, ">A rule was broken.<") {
				t.Errorf("the reporter sees %s", page)
			}
			if page := to.look("/account/reports", other); !strings.Contains(page, "You have reported nothing.") {
				t.Errorf("somebody else sees %s", page)
			}
			if page := to.look("/account/reports", ""); strings.Contains(page, "judge") || !strings.Contains(page, "Sign in") {
				t.Errorf("nobody sees %s", page)
			}
			var mine struct{ Reports []plaza.Reported }
			if err := json.Unmarshal([]byte(to.want(200, "GET", "/owner/v1/reports", eve, "", "")), &mine); err != nil || len(mine.Reports) != 1 || mine.Reports[0].Outcome != "violation" || mine.Reports[0].State != "closed" {
				t.Errorf("%+v, %v", mine, err)
			}
		})
	}
}

// TestFlood: one address, and one account, report so much and no more; another one does.
func TestFlood(t *testing.T) {
	from := "203.0.113.7"
	onBoth(t, func(c *plaza.Config) { c.Address = func(*http.Request) string { return from } }, func(t *testing.T, to *town) {
		from = "203.0.113.7"
		to.seed()
		status := func(token string) int {
			t.Helper()
			res, _ := to.sendsReport("post/1", "spam", "", token)
			return res.StatusCode
		}
		for n := range 5 {
			if got := status(""); got != 303 {
				t.Fatalf("report %d: %d", n+1, got)
			}
		}
		res, body := to.sendsReport("post/1", "spam", "", "")
		if res.StatusCode != 429 || !strings.Contains(body, "more than 5 reports in an hour") {
			t.Errorf("the sixth: %s %s", res.Status, body)
		}
		if got := status(to.ownerToken("acct/2")); got != 303 {
			t.Errorf("with an account from the same address: %d", got)
		}
		from = "203.0.113.8"
		if got := status(""); got != 303 {
			t.Errorf("from another address: %d", got)
		}
		// A household has a network of IPv6, and as many addresses in it as it likes.
		for n := range 6 {
			from = fmt.Sprintf("2001:db8:1:2::%d", n+1)
			if got, want := status(""), map[bool]int{true: 303, false: 429}[n < 5]; got != want {
				t.Errorf("IPv6, report %d: %d", n+1, got)
			}
		}
		from = "2001:db8:1:3::1"
		if got := status(""); got != 303 {
			t.Errorf("from another network: %d", got)
		}
		eve := to.ownerToken("acct/1")
		for n := range 61 {
			want := 201
			if n == 60 {
				want = 429
			}
			to.want(want, "POST", "/owner/v1/reports", eve, fmt.Sprint("k", n), `{"subject":"post/2","reason":"spam"}`)
		}
		if to.clock == nil {
			return
		}
		// An hour later there is room again, and a day later no address is kept.
		to.clock.pass(time.Hour)
		from = "203.0.113.7"
		if got := status(""); got != 303 {
			t.Errorf("an hour later: %d", got)
		}
		to.clock.pass(24 * time.Hour)
		if got := status(""); got != 303 {
			t.Errorf("a day later: %d", got)
		}
		var left int
		if err := to.db.Read(t.Context(), func(tx *sqldb.Tx) error {
			return tx.QueryRow(`select count(*) from report_address`).Scan(&left)
		}); err != nil || left != 1 {
			t.Errorf("%d addresses are kept, %v", left, err)
		}
	})
}

// pass lets time pass.
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// TestReportOnce: a form that is sent twice makes one report, and so does a program's key;
// nobody gets somebody else's report by its key.
func TestReportOnce(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		eve, other := to.ownerToken("acct/2"), to.ownerToken("acct/1")
		form := url.Values{"subject": {"post/1"}, "key": {to.reportForm("post/1", eve)}, "reason": {"spam"}, "text": {"x"}}
		for range 3 {
			if res, body := to.browse("POST", "/report", eve, form.Encode(), nil); res.StatusCode != 303 {
				t.Fatalf("%s %s", res.Status, body)
			}
		}
		if res, _ := to.browse("POST", "/report", other, form.Encode(), nil); res.StatusCode != 409 {
			t.Errorf("somebody else's form: %s", res.Status)
		}
		if res, _ := to.browse("POST", "/report", "", form.Encode(), nil); res.StatusCode != 409 {
			t.Errorf("somebody else's form, without an account: %s", res.Status)
		}
		if n := len(to.reports()); n != 1 {
			t.Fatalf("%d reports", n)
		}
		first := to.want(201, "POST", "/owner/v1/reports", eve, "k", `{"subject":"post/2","reason":"spam"}`)
		if again := to.want(201, "POST", "/owner/v1/reports", eve, "k", `{"subject":"post/2","reason":"spam"}`); again != first {
			t.Errorf("again: %s, first %s", again, first)
		}
		if others := to.want(201, "POST", "/owner/v1/reports", other, "k", `{"subject":"post/2","reason":"spam"}`); others == first {
			t.Errorf("two owners' programs made one report: %s", others)
		}
		if n := len(to.reports()); n != 3 {
			t.Errorf("%d reports", n)
		}
		// Another site's page cannot report in somebody's name.
		res, _ := to.browse("POST", "/report", eve, form.Encode(), func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		})
		if res.StatusCode != 403 {
			t.Errorf("from another site: %s", res.Status)
		}
	})
}

// TestHostileReports: what is no report is refused, the form keeps what was written, and
// text is kept as it came and shown as text.
func TestHostileReports(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		eve := to.ownerToken("acct/2")
		key := to.reportForm("post/1", eve)
		send := func(v url.Values) (int, string) {
			t.Helper()
			for name, value := range map[string]string{"subject": "post/1", "key": key, "reason": "spam"} {
				if _, ok := v[name]; !ok {
					v.Set(name, value)
				}
			}
			res, body := to.browse("POST", "/report", eve, v.Encode(), nil)
			return res.StatusCode, body
		}
		for name, c := range map[string]struct {
			form   url.Values
			status int
			says   string
		}{
			"no reason":         {url.Values{"reason": {""}, "text": {"kept"}}, 400, "Choose one of the reasons."},
			"another reason":    {url.Values{"reason": {"boring"}, "text": {"kept"}}, 400, ">kept<"},
			"other and no text": {url.Values{"reason": {"other"}, "text": {" \n "}}, 400, "Say what it is"},
			"too long":          {url.Values{"text": {strings.Repeat("ä", 2001)}}, 400, "up to 2,000 characters"},
			"NUL":               {url.Values{"text": {"a\x00b"}}, 400, "a\ufffdb"},
			"no UTF-8":          {url.Values{"text": {"a\xffb"}}, 400, "a\ufffdb"},
			"5 MB":              {url.Values{"text": {strings.Repeat("x", 5<<20)}}, 413, "longer than what can be sent"},
			"a language":        {url.Values{"language": {"<script>"}}, 400, "is not a language"},
			"no such post":      {url.Values{"subject": {"post/99"}}, 404, ""},
			"no subject":        {url.Values{"subject": {"javascript:alert(1)"}}, 400, ""},
			"no key":            {url.Values{"key": {""}}, 400, ""},
			"another key":       {url.Values{"key": {"<b>"}}, 400, ""},
		} {
			status, body := send(c.form)
			if status != c.status || !strings.Contains(body, c.says) || strings.Contains(body, "<script") {
				t.Errorf("%s: %d %.2000s", name, status, body)
			}
		}
		if n := len(to.reports()); n != 0 {
			t.Fatalf("%d reports", n)
		}
		to.want(413, "POST", "/owner/v1/reports", eve, "k", `{"subject":"post/1","reason":"spam","text":"`+strings.Repeat("x", 5<<20)+`"}`)
		to.want(400, "POST", "/owner/v1/reports", eve, "k", `{"subject":"post/1","reason":"spam","text":"a\u0000b"}`)
		to.want(400, "POST", "/owner/v1/reports", eve, "k", `{"subject":"post/1","reason":"spam","reporter":"acct/1"}`)
		to.want(400, "POST", "/owner/v1/reports", eve, "", `{"subject":"post/1","reason":"spam"}`)
		to.want(401, "POST", "/owner/v1/reports", to.staff, "k", `{"subject":"post/1","reason":"spam"}`)
		text := "<script>alert(1)</script> \u202eback\u200b\u0007 \u05d0\u05d1 " + strings.Repeat("🙂", 1900)
		if status, body := send(url.Values{"text": {text}}); status != 303 {
			t.Fatalf("%d %.300s", status, body)
		}
		var out plaza.OutReport
		if err := json.Unmarshal([]byte(to.reports()[0].body), &out); err != nil || out.Text != text {
			t.Errorf("what is to be sent is not what was written: %.80q, %v", out.Text, err)
		}
		if page := to.look("/account/reports", eve); !strings.Contains(page, "&lt;script&gt;alert(1)&lt;/script&gt; ‹U+202E›back‹U+200B›‹U+0007› \u05d0\u05d1 🙂") {
			t.Errorf("it is shown as %.2000s", page)
		}
		// What is not shown cannot be reported.
		to.sends(200, command("takedown", "post/1", "up", "", "m"))
		if status, _ := send(url.Values{"key": {"form-2"}}); status != 409 {
			t.Errorf("of a post that is down: %d", status)
		}
		if res, _ := to.browse("GET", "/report?subject=post/1", eve, "", nil); res.StatusCode != 409 {
			t.Errorf("the form of a post that is down: %s", res.Status)
		}
		if res, _ := to.browse("GET", "/report?subject=post/99", eve, "", nil); res.StatusCode != 404 {
			t.Errorf("the form of nothing: %s", res.Status)
		}
		// A deleted account takes its name and words off what it reported.
		to.sends(200, command("delete", "acct/2", "up", "", ""))
		var left int
		if err := to.db.Read(t.Context(), func(tx *sqldb.Tx) error {
			return tx.QueryRow(`select count(*) from report where body <> '' or reporter is not null`).Scan(&left)
		}); err != nil || left != 0 {
			t.Errorf("%d reports still have words or a reporter, %v", left, err)
		}
	})
}

func newAnswer() *httptest.ResponseRecorder { return httptest.NewRecorder() }

// text is an answer that is no problem document.
func text(status int, body string) *http.Response {
	w := newAnswer()
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	fmt.Fprint(w, body)
	return w.Result()
}
