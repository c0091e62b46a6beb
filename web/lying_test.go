package web_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/platform"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
)

// lie changes the answer to a request on its way from the desk to the browser.
type lie func(path, body string) string

// lying puts something between a desk and its browsers that lies as it is told.
func lying(d *webtest.Desk) *atomic.Pointer[lie] {
	var now atomic.Pointer[lie]
	honest := d.Handler
	d.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := now.Load()
		if f == nil || r.URL.Path == "/live" || strings.HasPrefix(r.URL.Path, "/static/") {
			honest.ServeHTTP(w, r)
			return
		}
		r.Header.Del("Accept-Encoding") // a liar reads what is said
		rec := httptest.NewRecorder()
		honest.ServeHTTP(rec, r)
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.Header().Del("Content-Length")
		w.WriteHeader(rec.Code)
		_, _ = w.Write([]byte((*f)(r.URL.Path, rec.Body.String()))) // a browser that has hung up is no matter here
	})
	return &now
}

// inPage lies in the page of a request.
func inPage(f func(body string) string) lie {
	return func(path, body string) string {
		if strings.HasPrefix(path, "/countersign/req_") && !strings.HasSuffix(path, "/now") {
			return f(body)
		}
		return body
	}
}

// inDraft lies in the draft of a verdict.
func inDraft(t *testing.T, f func(d *draft)) lie {
	return func(path, body string) string {
		if !strings.HasSuffix(path, "/drafts") {
			return body
		}
		var all map[string]json.RawMessage
		var d draft
		err := json.Unmarshal([]byte(body), &all)
		if err == nil {
			err = json.Unmarshal(all["action"], &d.Action)
		}
		if err == nil {
			err = json.Unmarshal(all["statement"], &d.Statement)
		}
		if err != nil {
			t.Errorf("the draft %s: %v", body, err)
			return body
		}
		f(&d)
		all["action"], all["statement"] = canonical.MustMarshal(d.Action), canonical.MustMarshal(d.Statement)
		return string(canonical.MustMarshal(all))
	}
}

type draft struct {
	Action    actions.Action
	Statement actions.Statement
}

var attribute = regexp.MustCompile(`data-(act|statement)="([^"]*)"`)

// embedded changes the action and the requester's statement that a page holds for its script.
func embedded(t *testing.T, body string, f func(a *actions.Action, st *actions.Statement)) string {
	var a actions.Action
	var st actions.Statement
	for _, m := range attribute.FindAllStringSubmatch(body, -1) {
		into := any(&a)
		if m[1] == "statement" {
			into = &st
		}
		if err := json.Unmarshal([]byte(html.UnescapeString(m[2])), into); err != nil {
			t.Errorf("the page's %s: %v", m[1], err)
		}
	}
	f(&a, &st)
	return attribute.ReplaceAllStringFunc(body, func(m string) string {
		if strings.HasPrefix(m, "data-act=") {
			return `data-act="` + html.EscapeString(string(canonical.MustMarshal(a))) + `"`
		}
		return `data-statement="` + html.EscapeString(string(canonical.MustMarshal(st))) + `"`
	})
}

// shop makes another account of the singer.
func shop(a *actions.Action) {
	a.Subject = platform.Subject{Platform: "plaza", ID: "acct/4", Handle: "@shop"}
	a.Command.Subject = platform.Subject{Platform: "plaza", ID: "acct/4", Handle: a.Command.Subject.Handle}
}

// TestALyingDesk: between the desk and the signer's browser somebody alters what the page shows, what
// it holds, or what is to be signed. The page's script refuses, and nothing is signed.
func TestALyingDesk(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("lee")
	now := lying(d)
	r := asked(d)
	tab := d.SignIn("lee")
	for _, x := range []struct {
		name  string
		lie   lie
		typed string
		says  string
	}{
		{"the sentence names another account", inPage(func(b string) string {
			return strings.Replace(b, "the account @singer (plaza:acct/2)", "the account @shop (plaza:acct/4)", 1)
		}), "@singer", "the page says"},
		{"the sentence names another act", inPage(func(b string) string {
			return strings.Replace(b, "Take down the account", "Limit the reach of the account", 1)
		}), "@singer", "the page says"},
		{"the tier is shown lower", inPage(func(b string) string {
			return strings.ReplaceAll(b, `data-fact="tier">protected`, `data-fact="tier">standard`)
		}), "@singer", "the page says that the tier"},
		{"the kind is not shown", inPage(func(b string) string { return strings.ReplaceAll(b, `data-fact="kind"`, "") }), "@singer", "does not show the kind"},
		{"another reason is shown", inPage(func(b string) string {
			return strings.Replace(b, `data-fact="reason">He`, `data-fact="reason">He sings badly and`, 1)
		}), "@singer", "the page says that the reason"},
		{"another person asks", inPage(func(b string) string {
			return strings.ReplaceAll(b, `data-fact="requester">abe`, `data-fact="requester">eva`)
		}), "@singer", "the page says that the requester"},
		{"the page holds another action", inPage(func(b string) string {
			return embedded(t, b, func(a *actions.Action, _ *actions.Statement) { a.Reason = "Another one." })
		}), "@singer", "the page says that the reason"},
		{"the page shows and holds another account", inPage(func(b string) string {
			b = strings.Replace(b, "the account @singer (plaza:acct/2)", "the account @shop (plaza:acct/4)", 1)
			return embedded(t, b, func(a *actions.Action, _ *actions.Statement) { shop(a) })
		}), "@shop", "its action is not the one that the page shows"},
		{"the page shows and holds another account, signed for", inPage(func(b string) string {
			b = strings.Replace(b, "the account @singer (plaza:acct/2)", "the account @shop (plaza:acct/4)", 1)
			return embedded(t, b, func(a *actions.Action, st *actions.Statement) { shop(a); st.Action = a.Digest() })
		}), "@shop", "its action is not the one that the page shows"},
		{"the requester signed something else", inPage(func(b string) string {
			return embedded(t, b, func(_ *actions.Action, st *actions.Statement) { st.Action = canonical.Sum([]byte("x")) })
		}), "@singer", "the person who asks signed something else"},
		{"the draft has another action", inDraft(t, func(d *draft) { shop(&d.Action); d.Statement.Action = d.Action.Digest() }), "@singer", "its action is not the one that the page shows"},
		{"the digest is another one", inDraft(t, func(d *draft) { d.Statement.Action = canonical.Sum([]byte("x")) }), "@singer", "something else than its action"},
		{"the statement is about another request", inDraft(t, func(d *draft) { d.Statement.Request = "req_06h2ykhqp5mwmms22jysspezbg" }), "@singer", "another request"},
		{"it declines", inDraft(t, func(d *draft) { d.Statement.Verdict = actions.VerdictDecline }), "@singer", "says decline"},
		{"it requests", inDraft(t, func(d *draft) { d.Statement.Verdict = actions.VerdictRequest }), "@singer", "says request"},
		{"it raises an alarm", inDraft(t, func(d *draft) { d.Statement.Alarm = true }), "@singer", "an alarm that you did not raise"},
		{"it is under a session", inDraft(t, func(d *draft) { d.Statement.Session = canonical.Sum([]byte("x")) }), "@singer", "under a session"},
		{"it is open for longer", inDraft(t, func(d *draft) { d.Statement.Expires = canonical.At(d.Statement.Expires.Add(time.Hour)) }), "@singer", "longer than the request"},
		{"it begins before", inDraft(t, func(d *draft) { d.Statement.NotBefore = canonical.At(d.Statement.NotBefore.Add(-48 * time.Hour)) }), "@singer", "longer than it may"},
		{"it is for another signer", inDraft(t, func(d *draft) { d.Statement.Signer = "eva" }), "@singer", "its statement is for eva"},
		{"it is for another desk", inDraft(t, func(d *draft) { d.Statement.Log = "desk.example/other" }), "@singer", "for the desk"},
		{"it is for another executor", inDraft(t, func(d *draft) { d.Statement.Executor = "exec-9" }), "@singer", "another executor"},
		{"it names a decision", inDraft(t, func(d *draft) { d.Statement.Decision = canonical.Sum([]byte("x")) }), "@singer", "another decision"},
		{"it names a document", inDraft(t, func(d *draft) { d.Statement.Document = canonical.Sum([]byte("x")) }), "@singer", "something else than its action"},
	} {
		now.Store(&x.lie)
		answer(tab, r.ID, x.typed, "countersign")
		tab.Wait("#answer-error:not(:empty)")
		if got := tab.Text("#answer-error"); !strings.Contains(got, x.says) || !strings.Contains(got, "Nothing was signed") {
			t.Errorf("%s: the page says %q, want %q", x.name, got, x.says)
		}
	}
	// The whole page and the draft alike: then the signature is about the account that was shown. It
	// fits no request, since the person who asks has signed for the other one.
	consistent := func(path, body string) string {
		body = inPage(func(b string) string {
			b = strings.Replace(b, "the account @singer (plaza:acct/2)", "the account @shop (plaza:acct/4)", 1)
			return embedded(t, b, func(a *actions.Action, st *actions.Statement) { shop(a); st.Action = a.Digest() })
		})(path, body)
		return inDraft(t, func(d *draft) { shop(&d.Action); d.Statement.Action = d.Action.Digest() })(path, body)
	}
	now.Store((*lie)(&consistent))
	tab.Allow("403", "409")
	answer(tab, r.ID, "@shop", "countersign")
	tab.WaitText("#answer-error", "it is about another action")
	now.Store(nil)
	if got, err := d.RequestByID(t.Context(), desktest.As("abe"), r.ID); err != nil || got.Status != actions.StatusHeld || len(got.Signers) != 0 {
		t.Errorf("the request is %s with %d signatures (%v)", got.Status, len(got.Signers), err)
	}
}

// answer opens the page of a request and answers it.
func answer(tab *testenv.Tab, request, typed, verdict string) {
	tab.Open("/countersign/" + request)
	ready(tab, "countersign")
	tab.Type("#typed", typed)
	tab.Click("input[value=" + verdict + "]")
	if verdict != "countersign" {
		tab.Type("#reason", "Not like this.")
	}
	tab.Click("#answer button")
}
