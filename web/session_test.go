package web_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/cases"
	"countersign.dev/desk/desktest"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
	"countersign.dev/workforce"
)

// later lets a page's clock be ahead, for good.
func later(tab *testenv.Tab, minutes int) {
	testenv.Eval[bool](tab, fmt.Sprintf(`(async (now) => {
		const at = document.documentElement.dataset.static;
		const { deskNow, setClock } = await import(at + "/keys.js"), { time } = await import(at + "/canonical.js");
		const desk = time(Math.round(deskNow()));
		Date.now = () => now() + %d * 60000;
		setClock(desk); // the desk's clock goes on as before
		return true;
	})(Date.now)`, minutes))
}

// judging opens a case in a browser, with words in the field of the reasons.
func judging(t *testing.T, d *webtest.Desk, by workforce.WorkerID, words string) (*testenv.Tab, string) {
	t.Helper()
	got := d.Flag(string(by), "post/1", "MisleadingSpam", "acct/4")
	d.Evidenced(got.Case.ID)
	tab := d.SignIn(by)
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	tab.Press("2")
	tab.Type("#reasons", words)
	tab.WaitText("#kept", "kept")
	return tab, got.Case.ID
}

const reasons = "document.querySelector('#reasons')?.value"

// TestIdleLock: a page that nobody touches locks itself, keeps what was typed, and opens with the
// person's key; Escape, loading it again, and another tab do not open it.
func TestIdleLock(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	tab, id := judging(t, d, "ann", "It asks for")
	later(tab, 14)
	testenv.Eval[bool](tab, `(async () => { (await import(document.documentElement.dataset.static + "/shell.js")).clockwork(); return true; })()`)
	if tab.Count("#lock[open]") != 0 {
		t.Fatal("the page is locked after 14 minutes of 15")
	}
	later(tab, 2)
	tab.Wait("#lock")
	if n := testenv.Eval[bool](tab, "document.querySelector('main').checkVisibility({visibilityProperty: true})"); n {
		t.Error("the case can be seen behind the lock")
	}
	tab.Press("Escape")
	tab.Press("Escape")
	tab.Press("a")
	tab.Wait("#lock")
	if v, err := d.Case(t.Context(), desktest.As("kim"), id); err != nil || v.Case.State != cases.Claimed {
		t.Errorf("a key decided behind the lock: %s, %v", v.Case.State, err)
	}
	other := tab.SecondTab()
	d.PlugIn(other, "ann")
	other.Open("/work")
	other.Wait("#lock")
	tab.Reload()
	tab.Wait("#lock")
	tab.Click("#lock-open")
	tab.WaitGone("#lock")
	onCase(tab, id)
	if v := testenv.Eval[string](tab, reasons); v != "It asks for" {
		t.Errorf("after the lock the field holds %q", v)
	}
	other.WaitGone("#lock") // one touch opens all tabs
}

// TestPlayingCounts: whoever watches is there.
func TestPlayingCounts(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	tab := d.SignIn("ann")
	look := func() {
		testenv.Eval[bool](tab, `(async () => { (await import(document.documentElement.dataset.static + "/shell.js")).clockwork(); return true; })()`)
	}
	testenv.Eval[bool](tab, `(() => {
		const v = document.createElement("video");
		Object.defineProperty(v, "paused", { get: () => globalThis.stopped === true });
		document.querySelector("main").append(v);
		return true;
	})()`)
	for range 3 {
		later(tab, 10)
		look()
	}
	if tab.Count("#lock[open]") != 0 {
		t.Fatal("a page that plays a film is locked")
	}
	testenv.Eval[bool](tab, "globalThis.stopped = true")
	later(tab, 16)
	tab.Wait("#lock")
}

// TestRenewal: half an hour before its end one touch renews a session; the page, what was typed, the
// claim and the other tabs stay, and go on writing.
func TestRenewal(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	tab, id := judging(t, d, "ann", "It asks for")
	other := tab.SecondTab()
	d.PlugIn(other, "ann")
	other.Open("/cases/" + id)
	onCase(other, id)
	const session = "document.documentElement.dataset.session"
	before := testenv.Eval[string](tab, session)
	if tab.Count("#ending:not([hidden])") != 0 {
		t.Error("a new session is said to end")
	}
	testenv.Eval[bool](tab, "(document.documentElement.dataset.expires = new Date(Date.parse(document.documentElement.dataset.now) + 29 * 60000).toISOString().replace('Z', '000Z'), true)")
	tab.WaitText("#ending", "Your session ends in 28 min")
	tab.Click("#ending-renew")
	tab.Wait("=> " + session + " !== '" + before + "'")
	tab.WaitGone("#ending")
	other.Wait("=> " + session + " === '" + testenv.Eval[string](tab, session) + "'")
	tab.Type("#reasons", " money.")
	tab.WaitText("#kept", "kept")
	if v := testenv.Eval[string](tab, reasons); v != "It asks for money." {
		t.Errorf("the field holds %q", v)
	}
	v, err := d.Case(t.Context(), desktest.As("kim"), id)
	if err != nil || v.Case.State != cases.Claimed || v.Case.Holder != "ann" {
		t.Fatalf("the case is %s with %s: %v", v.Case.State, v.Case.Holder, err)
	}
	// The other tab writes in the new session, and this one hears of it.
	other.Press("a")
	tab.Wait(".case.gone")
}

// TestEndedElsewhere: somebody ends the sessions of a person who is typing. The page says so, and
// after a new sign-in it holds what was typed.
func TestEndedElsewhere(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	tab, id := judging(t, d, "ann", "It asks for money.")
	tab.Allow("401")
	if _, err := d.RevokeTokensOf(t.Context(), desktest.As("ada"), "ann"); err != nil {
		t.Fatal(err)
	}
	tab.WaitText("#signin-why", "What you typed is kept")
	tab.Click("#signin button[type=submit]")
	onCase(tab, id)
	if tab.Count("#reasons") == 0 { // the claim went with the session, and is taken again
		tab.Press("Enter")
		tab.Wait("#reasons")
		onCase(tab, id)
	}
	if v := testenv.Eval[string](tab, reasons+" + document.querySelector('input[name=rule]:checked')?.value"); v != "It asks for money.2" {
		t.Errorf("after the sign-in the form holds %q", v)
	}
}

// TestNextAtThisSeat: a page of the person before changes nothing once somebody else has signed in,
// and nothing of it stays.
func TestNextAtThisSeat(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann", "kim")
	tab, id := judging(t, d, "ann", "It asks for money.")
	before := testenv.Eval[string](tab, "document.documentElement.dataset.session")
	next := tab.SecondTab()
	d.PlugIn(next, "kim")
	next.Open("/signin")
	next.Type("#worker", "")
	testenv.Eval[bool](next, "(document.querySelector('#worker').value = '', true)")
	next.Type("#worker", "kim")
	next.Click("#signin button[type=submit]")
	next.Wait("=> document.documentElement.dataset.worker === 'kim' && document.documentElement.dataset.ready")
	tab.WaitText("#signin-why", "Now kim is signed in")
	if n := testenv.Eval[int](tab, "Object.values(sessionStorage).filter((v) => v.includes('money')).length"); n != 0 {
		t.Error("what ann typed stays for kim")
	}
	// A page that did not hear of it is refused by the desk.
	next.Allow("409")
	answer := testenv.Eval[string](next, fmt.Sprintf(`(async () => {
		const at = document.documentElement.dataset.static;
		const { kept, prove } = await import(at + "/keys.js");
		const s = { ...(await kept()), token: %q }, to = "/api/v1/cases/%s/release";
		const r = await fetch(to, { method: "POST", headers: { "Content-Type": "application/json", "Countersign-Proof": await prove(s, "POST", to, "{}") }, body: "{}" });
		return r.status + " " + (await r.json()).type;
	})()`, before, id))
	if !strings.HasPrefix(answer, "409 ") || !strings.HasSuffix(answer, "other-session") {
		t.Errorf("a write of ann's page in kim's session is answered with %s", answer)
	}
}

// TestStolenCookie: whoever has the cookie alone reads, and changes nothing; as a token it is nothing.
func TestStolenCookie(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	p := d.Browser("ann")
	send := func(method, path, body string, with func(*http.Request)) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, d.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		with(req)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var b bytes.Buffer
		if _, err := io.Copy(&b, res.Body); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, b.String()
	}
	cookie := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "countersign", Value: p.Secret}) }
	if status, body := send("GET", "/work", "", cookie); status != http.StatusOK || !strings.Contains(body, "My work") {
		t.Errorf("the cookie reads %d", status)
	}
	for _, path := range []string{"/next", "/signout", "/api/v1/cases/next", "/api/v1/settings/self", "/api/v1/signout", "/api/v1/sessions"} {
		for name, proof := range map[string]string{"no proof": "", "a made-up proof": p.Token.ID + " 1764547200000000 AAAA"} {
			status, body := send("POST", path, "{}", func(r *http.Request) {
				cookie(r)
				if proof != "" {
					r.Header.Set("Countersign-Proof", proof)
				}
			})
			if status != http.StatusForbidden || !strings.Contains(body, "bad-proof") {
				t.Errorf("POST %s with the cookie and %s: %d %s", path, name, status, body)
			}
		}
	}
	if status, _ := send("GET", "/api/v1/cases/mine", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+p.Secret) }); status != http.StatusUnauthorized {
		t.Errorf("as a token the cookie is answered with %d", status)
	}
}

// hide does to a tab what a browser does when another one comes to the front, or when it comes to the
// front itself. Tabs behind have no live stream: over HTTP/1.1 a browser has six connections for all.
func hide(tab *testenv.Tab, hidden bool) {
	testenv.Eval[bool](tab, fmt.Sprintf(`(() => {
		Object.defineProperty(document, "hidden", { get: () => %t, configurable: true });
		return document.dispatchEvent(new Event("visibilitychange"));
	})()`, hidden))
}

// TestRestartUnderPages: the desk is opened again, as a restart does, under eight tabs. They say that
// it does not answer, lose nothing, and go on.
func TestRestartUnderPages(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	tab, id := judging(t, d, "ann", "It asks")
	tabs := []*testenv.Tab{tab}
	for range 7 {
		next := tab.SecondTab()
		next.Open("/cases/" + id)
		onCase(next, id)
		hide(next, true)
		tabs = append(tabs, next)
	}
	for _, tab := range tabs {
		tab.Allow("503", "404", "request failed", "Failed to load resource", "Failed to fetch")
	}
	var refused atomic.Int64
	d.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refused.Add(1)
		http.Error(w, "closed for a moment", http.StatusServiceUnavailable)
	}))
	d.HangUp()
	tab.Type("#reasons", " for money.")
	tab.WaitText("#kept", "answered 503")
	desktest.Until(t, "the page has tried to hear again", func() bool { return refused.Load() >= 3 })
	d.Rest()
	d.Close()
	d.Wake()
	d.Restart()
	tab.Type("#reasons", " Now.")
	tab.WaitText("#kept", "kept")
	// All hear what happens next.
	tab.Press("Escape")
	tab.Press("a")
	desktest.Until(t, "the case is decided", func() bool {
		v, err := d.Case(t.Context(), desktest.As("kim"), id)
		return err == nil && v.Case.State == cases.Closed
	})
	for _, tab := range tabs[1:] {
		hide(tab, false)
		tab.Wait(".case.gone")
		hide(tab, true)
	}
}

// TestBackAfterSignOut: after signing out no way back shows the case.
func TestBackAfterSignOut(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	tab, id := judging(t, d, "ann", "It asks for money.")
	tab.Open("/settings")
	tab.Wait("=> document.documentElement.dataset.ready")
	tab.Click("#sign-out")
	tab.Wait("#signin")
	for range 2 {
		tab.Back()
		tab.Wait("#signin")
		if text := testenv.Eval[string](tab, "document.documentElement.outerHTML"); strings.Contains(text, "Look at post/1") || strings.Contains(text, "money") {
			t.Errorf("the case %s is shown after signing out", id)
		}
	}
	// What was typed last is at the desk.
	tab.Open("/cases/" + id)
	tab.Wait("#signin")
}

// TestSignInErrors: each way in which a sign-in fails is told in words.
func TestSignInErrors(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann", "dan")
	try := func(tab *testenv.Tab, worker, want string) {
		t.Helper()
		tab.Open("/signin")
		testenv.Eval[bool](tab, "(document.querySelector('#worker').value = '', true)")
		tab.Type("#worker", worker)
		tab.Click("#signin button[type=submit]")
		tab.WaitText("#signin-error", want)
	}
	tab := d.Tab("dan")
	tab.Allow("answer 400", "answer 403", "answer 401", "status of 400", "status of 403", "status of 401")
	try(tab, "Ann Other", "is not the identifier of a worker")
	try(tab, "nobody-here", "The key was not touched, or this browser found none for that name")
	try(tab, "ann", "The key was not touched, or this browser found none for that name") // with dan's key
	d.Clock().Advance(7 * time.Hour)                                                     // dan's last day is over
	try(tab, "dan", "dan may not act")
	if testenv.Eval[string](tab, "document.cookie") != "" || tab.Count("[data-session]") != 0 {
		t.Error("somebody is signed in")
	}
}
