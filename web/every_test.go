package web_test

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/test/testenv"
	"countersign.dev/web"
	"countersign.dev/web/webtest"
	"countersign.dev/workforce"
)

// state is a page in one of its states.
type state struct {
	name  string
	route string // as the mux has it
	path  string
}

// TestEveryPage: each page in each of its states is judged at 1440 and 390 px, in light and dark: by
// axe, as HTML, at 200 %, with nothing on the console. Screenshots go to test/shots.
func TestEveryPage(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann", "kim")
	var empty, full []state
	empty = []state{{"work-empty", "/work", "/work"}, {"queues", "/queues", "/queues"}, {"queue-empty", "/queues/{name}", "/queues/spam"}, {"no-such-page", "/", "/nothing"}, {"no-such-case", "/cases/{id}", "/cases/cas_none"},
		{"incidents-refused", "/incidents", "/incidents"}, {"no-such-incident", "/incidents/{id}", "/incidents/inc_none"}}
	tab := d.SignIn("ann")
	tab.Allow("404", "403")
	judge := func(all []state) {
		t.Helper()
		for _, s := range all {
			tab.Open(s.path)
			tab.Wait("=> document.documentElement.dataset.ready && !document.querySelector('[data-load] p.fine:only-child')?.textContent.includes('is asked')")
			if title, h1 := testenv.Eval[string](tab, "document.title"), tab.Texts("h1"); title == "" || len(h1) != 1 {
				t.Errorf("%s: the title is %q, and its headings %q", s.name, title, h1)
			}
			for _, wrong := range tab.Validate() {
				t.Errorf("%s: HTML: %s", s.name, wrong)
			}
			for _, scheme := range []string{"light", "dark"} {
				tab.Scheme(scheme)
				for _, width := range []int{1440, 390} {
					tab.Size(width)
					tab.Screenshot(s.name + "-" + scheme + "-" + number(width))
					for _, wrong := range tab.Axe() {
						t.Errorf("%s, %s, %d px: axe: %s", s.name, scheme, width, wrong)
					}
				}
			}
			tab.Scheme("light")
			tab.Size(1440)
			for _, wrong := range tab.Reflow200() {
				t.Errorf("%s at 200 %%: %s", s.name, wrong)
			}
		}
	}
	judge(empty)
	for external, subject := range map[string]string{"1": "post/1", "2": "acct/3"} {
		d.Evidenced(d.Flag(external, subject, "MisleadingSpam", "acct/4").Case.ID)
	}
	held := asked(d).ID
	mine, theirs := d.Take("ann").Case.ID, d.Take("kim").Case.ID
	full = []state{{"work", "/work", "/work"}, {"settings", "/settings", "/settings"}, {"find", "/find", "/find?q=plaza:post/1"}, {"find-nothing", "/find", "/find?q=some+words"},
		{"waiting", "/countersign", "/countersign"}, {"countersign", "/countersign/{request}", "/countersign/" + held}, {"requests", "/requests", "/requests"}, {"request", "/requests/{id}", "/requests/" + held}, {"queue", "/queues/{name}", "/queues/spam?state=claimed"}, {"case-mine", "/cases/{id}", "/cases/" + mine}, {"case-read", "/cases/{id}", "/cases/" + theirs}}
	judge(full)
	// Without a session there are the pages of the sign-in and of invitations.
	tab.Click("#sign-out")
	tab.Wait("#signin")
	secrets, _ := invite(t, d, "ann", "bob")
	answerLink(t, d, secrets[1])
	signin := []state{{"signin", "/signin", "/signin"}, {"invite", "/invite/{secret}", "/invite/" + secrets[0]}, {"invite-answered", "/invite/{secret}", "/invite/" + secrets[1]},
		{"invite-dead", "/invite/{secret}", "/invite/csgi_unknown"}, {"invite-elsewhere", "/invite/{secret}", strings.Replace(d.URL, "localhost", "127.0.0.1", 1) + "/invite/" + secrets[0]}}
	judge(signin)

	tab = d.SignIn("kim") // reads incidents
	tab.Allow("404", "400")
	none := []state{{"incidents-empty", "/incidents", "/incidents"}, {"incidents-lost", "/incidents", "/incidents?status=lost"}}
	judge(none)
	d.StopExecutor()
	d.Enter(d.Breach("plaza:acct/1", actions.Critical), map[string]string{proof.SealedSubject: "plaza:acct/1"})
	some := []state{{"incidents", "/incidents", "/incidents"}, {"incidents-closed", "/incidents", "/incidents?status=closed"}}
	judge(some)

	// Every page is in a list.
	listed := slices.Concat(empty, full, signin, none, some)
	for _, route := range d.Pages.Routes() {
		if strings.HasPrefix(route, "/static/") || slices.Contains(parts, route) {
			continue
		}
		if !slices.ContainsFunc(listed, func(s state) bool { return s.route == route }) {
			t.Errorf("TestEveryPage judges no state of %s", route)
		}
	}
}

// parts are routes that are no pages: a part of one, a stream, a place that sends elsewhere.
var parts = []string{"/{$}", "/live", "/session", "/cases/{id}/now", "/cases/{id}/shows", "/cases/{id}/history", "/countersign/{request}/now"}

func number(n int) string { return map[int]string{1440: "1440", 390: "390"}[n] }

// TestVendorsApart: no page tells a vendor's people of another vendor's people, or of a queue that is
// not theirs: no pseudonym, name of a queue, text, identifier or count. No page tells anybody who
// reported. Each route of the pages is taken.
func TestVendorsApart(t *testing.T) {
	set := policy.Default()
	set["bolt.cedar"] = `@id("bolt-works-spam-alone")
@reason("Bolt's people work on the queue spam and on no other.")
forbid (principal in Vendor::"bolt", action == Action::"work.queue", resource)
unless { resource == Queue::"spam" };
`
	d := webtest.Open(t, desktest.Options{Policy: set})
	report := func(external, subject, reason, text string) casework.Received {
		t.Helper()
		got, err := d.TakeReports(t.Context(), kernel.ProgramCaller{ID: "square"}, []cases.Report{{ExternalID: external, At: canonical.At(d.Clock().Now()), Reason: reason, Text: text,
			Subject: platform.Subject{Platform: "plaza", ID: subject}, Scores: []cases.Score{}, Evidence: cases.Told{Language: "en"}, Reporter: cases.Reporter{ID: "acct/secret-reporter"}}})
		if err != nil || got[0].Err != nil {
			t.Fatal(err, got)
		}
		d.Evidenced(got[0].Case.ID)
		return got[0]
	}
	hidden := report("a", "acct/4", "MisleadingImpersonation", "words-of-identity")
	shared := report("b", "post/1", "MisleadingSpam", "words-of-spam")
	busy := report("c", "acct/3", "MisleadingSpam", "words-of-spam")
	take := func(by workforce.WorkerID, queue string) casework.Taken {
		t.Helper()
		taken, err := d.Next(t.Context(), desktest.As(by), queue)
		if err != nil {
			t.Fatal(err)
		}
		deed, order := d.CaseDeed(by, actions.DeedNote, taken.Case.ID, taken.Case.Version, cases.Order{Note: "note-of-" + queue})
		if _, err := d.Do(t.Context(), desktest.As(by), taken.Case.ID, taken.Case.Claim, deed, order); err != nil {
			t.Fatal(err)
		}
		return taken
	}
	take("ann", "identity")
	if err := d.KeepDraft(t.Context(), desktest.As("ann"), hidden.Case.ID, []byte(`{"reasons":"draft-of-identity"}`)); err != nil {
		t.Fatal(err)
	}
	take("ann", "spam")
	take("abe", "spam")
	asked := asked(d)
	links, _ := invite(t, d, "lee", "ann")
	routes := map[string][]string{
		"/":                          {"nothing"},
		"/{$}":                       {""},
		"/signin":                    {""},
		"/work":                      {""},
		"/session":                   {""},
		"/invite/{secret}":           {links[0], "csgi_unknown"},
		"/settings":                  {""},
		"/find":                      {"?q=plaza:acct/4", "?q=plaza:acct/3", "?q=plaza:@shop"},
		"/queues":                    {""},
		"/queues/{name}":             {"identity", "spam", "spam?state=claimed", "identity?state=claimed"},
		"/cases/{id}":                {hidden.Case.ID, shared.Case.ID, busy.Case.ID},
		"/cases/{id}/now":            {hidden.Case.ID, shared.Case.ID},
		"/cases/{id}/shows":          {hidden.Case.ID, shared.Case.ID},
		"/cases/{id}/history":        {hidden.Case.ID, shared.Case.ID, busy.Case.ID},
		"/countersign":               {""},
		"/countersign/{request}":     {asked.ID},
		"/countersign/{request}/now": {asked.ID},
		"/requests":                  {""},
		"/requests/{id}":             {asked.ID},
		"/incidents":                 {"", "?status=open"},
		"/incidents/{id}":            {"inc_none"},
		"/live":                      {"?case=" + hidden.Case.ID},
	}
	for _, route := range d.Pages.Routes() {
		if _, is := routes[route]; !is && !strings.HasPrefix(route, "/static/") {
			t.Errorf("the test takes no page of %s", route)
		}
	}
	names := regexp.MustCompile(`\b(ann|abe|sue|dan)\b`)
	for _, by := range []workforce.WorkerID{"bob", "lee"} {
		get := reads(t, d, by)
		seen := ""
		for route, ends := range routes {
			base, rest, _ := strings.Cut(route, "{")
			_, after, _ := strings.Cut(rest, "}")
			for _, end := range ends {
				path := base + end + after
				body := get(path)
				seen += body
				found := names.FindAllString(body, -1)
				if strings.HasPrefix(path, "/countersign") || strings.HasPrefix(path, "/requests") {
					// Whoever may sign a request reads who asks.
					found = slices.DeleteFunc(found, func(name string) bool { return name == string(asked.Requester()) })
				}
				if name := strings.Join(found, ", "); name != "" {
					t.Errorf("GET %s tells %s of %s: %s", path, by, name, body)
				}
				for _, secret := range []string{"words-of-identity", "note-of-identity", "draft-of-identity", "identity", "secret-reporter", hidden.Case.ID, hidden.Report.ID} {
					if strings.Contains(body, secret) && !strings.Contains(path, secret) {
						t.Errorf("GET %s tells %s of %s: %s", path, by, secret, body)
					}
				}
			}
		}
		if !strings.Contains(seen, "words-of-spam") || !strings.Contains(seen, "somebody at acme") {
			t.Errorf("%s is not shown the cases of the queue spam", by)
		}
	}
	get := reads(t, d, "kim")
	if body := get("/cases/" + busy.Case.ID); !names.MatchString(body) {
		t.Errorf("kim is not told who holds a case")
	}
	for _, path := range []string{"/cases/" + hidden.Case.ID, "/cases/" + busy.Case.ID, "/cases/" + busy.Case.ID + "/history", "/queues/spam"} {
		if strings.Contains(get(path), "secret-reporter") {
			t.Errorf("GET %s tells kim who reported", path)
		}
	}
}

// reads returns a function that takes a page as a signed-in browser does, without one.
func reads(t *testing.T, d *webtest.Desk, by workforce.WorkerID) func(path string) string {
	t.Helper()
	p := d.Browser(by)
	return func(path string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(web.FragmentHeader, "1") // without the frame, which names its reader
		req.AddCookie(&http.Cookie{Name: "countersign", Value: p.Secret})
		c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var b bytes.Buffer
		if strings.Contains(res.Header.Get("Content-Type"), "event-stream") {
			t.Errorf("GET %s is a stream for %s", path, by)
			return ""
		}
		if _, err := io.Copy(&b, res.Body); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
}
