package testenv_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"countersign.dev/test/testenv"
)

const goodPage = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>A page</title><link rel="icon" href="data:,">
<script src="/page.js" type="module"></script></head>
<body><main><h1>A page</h1>
<p><button type="button" id="go">Go</button></p>
<p><label for="field">Words</label> <input id="field" type="text" size="8"></p>
<p id="said">nothing yet</p>
<p><a href="/second">The second page</a></p>
</main></body>
</html>`

const pageScript = `
const said = document.querySelector('#said');
document.querySelector('#go').addEventListener('click', () => { setTimeout(() => { said.textContent = 'clicked' }, 30) });
addEventListener('keydown', (e) => {
	if (e.target.id !== 'field') said.textContent = [e.ctrlKey && 'ctrl', e.altKey && 'alt', e.shiftKey && 'shift', e.key, e.repeat && 'again'].filter(Boolean).join(' ');
});
document.querySelector('#field').addEventListener('compositionupdate', (e) => { said.textContent = 'composing ' + e.data });
const bytes = (n) => crypto.getRandomValues(new Uint8Array(n));
window.enrol = async () => {
	const c = await navigator.credentials.create({publicKey: {challenge: bytes(32), rp: {name: 'test'}, user: {id: bytes(8), name: 'ada', displayName: 'Ada'},
		pubKeyCredParams: [{type: 'public-key', alg: -7}, {type: 'public-key', alg: -257}], authenticatorSelection: {residentKey: 'required', userVerification: 'required'}}});
	return new Uint8Array(c.response.getAuthenticatorData())[32];
};
window.assert = async () => (await navigator.credentials.get({publicKey: {challenge: bytes(32), userVerification: 'required'}})).id;
`

// site serves the pages of these tests under http://localhost, with a strict policy.
func site(t *testing.T, pages map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; require-trusted-types-for 'script'; trusted-types none")
		body, ok := pages[r.URL.Path]
		switch {
		case r.URL.Path == "/page.js":
			w.Header().Set("Content-Type", "text/javascript")
			body = pageScript
		case r.URL.Path == "/cut":
			panic(http.ErrAbortHandler)
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}

func TestTabDrivesAPage(t *testing.T) {
	b := testenv.NewTab(t, testenv.TabOptions{Base: site(t, map[string]string{"/": goodPage, "/second": strings.ReplaceAll(goodPage, "A page", "Another page")})})
	b.Open("/")
	b.Click("#go")
	b.WaitText("#said", "clicked")
	for key, want := range map[string]string{"j": "j", "?": "shift ?", "Ctrl+k": "ctrl k", "AltGr+q": "ctrl alt q", "Escape": "Escape", "ArrowDown": "ArrowDown"} {
		b.Press(key)
		if got := b.Text("#said"); got != want {
			t.Errorf("%s came as %q", key, got)
		}
	}
	b.Hold("x", 2)
	if got := b.Text("#said"); got != "x again" {
		t.Errorf("a key that is held came as %q", got)
	}
	b.Type("#field", "Grüße, 1 + 1")
	if got := testenv.Eval[string](b, "document.querySelector('#field').value"); got != "Grüße, 1 + 1" {
		t.Errorf("typed was %q", got)
	}
	b.Compose("か")
	b.WaitText("#said", "composing か")
	b.Compose("")
	if got := b.Axe(); len(got) > 0 {
		t.Errorf("a good page: %s", got)
	}
	if got := b.Validate(); len(got) > 0 {
		t.Errorf("a good page: %s", got)
	}
	for _, width := range []int{1440, 390} {
		b.Size(width)
		if got := testenv.Eval[int](b, "innerWidth"); got != width {
			t.Errorf("the page is %d wide, wanted %d", got, width)
		}
		if got := b.Reflow200(); len(got) > 0 {
			t.Errorf("a good page at %d: %s", width, got)
		}
	}
	for _, scheme := range []string{"dark", "light"} {
		b.Scheme(scheme)
		if !testenv.Eval[bool](b, "matchMedia('(prefers-color-scheme: "+scheme+")').matches") {
			t.Errorf("the scheme is not %s", scheme)
		}
	}
	if shot, err := os.ReadFile(b.Screenshot("testenv page")); err != nil || len(shot) < 1000 {
		t.Errorf("a screenshot of %d bytes, %v", len(shot), err)
	}
	b.Click("a")
	b.Wait("=> document.title === 'Another page'")
	b.Back()
	b.Wait("=> document.title === 'A page'")
	b.Forward()
	b.Wait("=> location.pathname === '/second'")
	if got := b.Problems(); len(got) > 0 {
		t.Errorf("a good page caused %q", got)
	}
}

// A tab's cookies and storage are its own and its second tab's.
func TestTabsAreApart(t *testing.T) {
	base := site(t, map[string]string{"/": goodPage})
	one, other := testenv.NewTab(t, testenv.TabOptions{Base: base}), testenv.NewTab(t, testenv.TabOptions{Base: base})
	one.Open("/")
	testenv.Eval[bool](one, "(localStorage.setItem('who', 'one'), document.cookie = 'who=one', true)")
	second := one.SecondTab()
	for tab, want := range map[*testenv.Tab]string{second: "one who=one", other: "nobody "} {
		tab.Open("/")
		if got := testenv.Eval[string](tab, "(localStorage.getItem('who') ?? 'nobody') + ' ' + document.cookie"); got != want {
			t.Errorf("a tab has %q, wanted %q", got, want)
		}
	}
}

func TestAuthenticator(t *testing.T) {
	base := site(t, map[string]string{"/": goodPage})
	b := testenv.NewTab(t, testenv.TabOptions{Base: base})
	b.Open("/")
	const userPresent, userVerified, backupEligible, backedUp = 0x01, 0x04, 0x08, 0x10
	key := b.Authenticator(testenv.AuthenticatorOptions{})
	if flags := testenv.Eval[int](b, "enrol()"); flags&(userPresent|userVerified|backupEligible|backedUp) != userPresent|userVerified {
		t.Errorf("a security key's flags are %08b", flags)
	}
	id := testenv.Eval[string](b, "assert()")
	second := b.SecondTab()
	second.Open("/")
	copied := second.Authenticator(testenv.AuthenticatorOptions{})
	key.CopyTo(copied)
	if got := testenv.Eval[string](second, "assert()"); got != id {
		t.Errorf("in the second tab the passkey is %s, was %s", got, id)
	}
	copied.Verify(false)
	if got := testenv.Eval[string](second, "assert().catch((e) => e.name)"); got != "NotAllowedError" {
		t.Errorf("an authenticator that does not know its person answers %s", got)
	}
	key.Remove()
	b.Authenticator(testenv.AuthenticatorOptions{Platform: true, Synced: true})
	if flags := testenv.Eval[int](b, "enrol()"); flags&(backupEligible|backedUp) != backupEligible|backedUp {
		t.Errorf("a synced passkey's flags are %08b", flags)
	}
}

// What is wrong with a page is found.
func TestTabFindsWhatIsWrong(t *testing.T) {
	bad := strings.NewReplacer("<button type=\"button\" id=\"go\">Go</button>", "<button id=\"go\"></button><img src=\"data:,\">",
		"<p id=\"said\">", "<p id=\"said\" style=\"color: red\"><canvas width=\"2000\"></canvas><span id=\"said\">",
		"</main>", "<script>document.title = 'written by an inline script'</script></main>").Replace(goodPage)
	b := testenv.NewTab(t, testenv.TabOptions{Base: site(t, map[string]string{"/": bad})})
	b.Open("/")
	testenv.Eval[bool](b, `(async () => {
		console.log('said %s', 'to the console');
		console.warn({what: 'an object'});
		setTimeout(() => { throw new Error('nobody catches this') });
		Promise.reject(new Error('nor this'));
		try { document.querySelector('#said').innerHTML = '<b>x</b>' } catch {}
		await fetch('/nowhere');
		await fetch('http://localhost:1/').catch(() => {});
		await fetch('/cut').catch(() => {});
		return true;
	})()`)
	b.Wait("=> true")
	problems := strings.Join(b.Problems(), "\n")
	for _, want := range []string{"to the console", "console warning", "nobody catches this", "nor this", "policy: ", "style-src", "trusted-types", "answer 404: GET ", "/nowhere", "request failed: GET http"} {
		if !strings.Contains(problems, want) {
			t.Errorf("no %q in the problems:\n%s", want, problems)
		}
	}
	for name, judge := range map[string]func() []string{"button-name": b.Axe, "image-alt": b.Axe, "no-dup-id": b.Validate, "the page is": b.Reflow200} {
		found := judge()
		if !slices.ContainsFunc(found, func(s string) bool { return strings.Contains(s, name) }) {
			t.Errorf("%s is not among %q", name, found)
		}
	}
	b.Allow("console", "error: ", "policy: ", "browser ", "answer 404", "request failed")
	if got := b.Problems(); len(got) > 0 {
		t.Errorf("allowed is not left out: %q", got)
	}
}

// A page that complains fails its test, and a page that never comes to what is waited for
// would, after a long time.
func TestProblemsFailTheTest(t *testing.T) {
	if os.Getenv("COUNTERSIGN_PROBE") != "" {
		b := testenv.NewTab(t, testenv.TabOptions{Base: site(t, map[string]string{"/": goodPage})})
		b.Open("/")
		testenv.Eval[bool](b, "(console.log('a complaint'), true)")
		return
	}
	testenv.Browser(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestProblemsFailTheTest$", "-test.v")
	cmd.Env = append(os.Environ(), "COUNTERSIGN_PROBE=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "the page caused: console log: a complaint") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// A test process that is killed leaves neither browser nor folder behind.
func TestBrowserEndsWithTheTestProcess(t *testing.T) {
	if os.Getenv("COUNTERSIGN_DIE") != "" {
		b := testenv.NewTab(t, testenv.TabOptions{})
		b.Open("about:blank")
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if err := self.Kill(); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	testenv.Browser(t)
	temp := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestBrowserEndsWithTheTestProcess$")
	cmd.Env = append(os.Environ(), "COUNTERSIGN_DIE=1", "TMPDIR="+temp)
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Fatalf("it should have been killed:\n%s", out)
	}
	for range 4000 { // each round is a walk and a process of milliseconds
		left, err := filepath.Glob(filepath.Join(temp, "countersign-browser-*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			return
		}
		waitABit(t)
	}
	t.Error("the browser's folder outlived the test process")
}

func TestNodeTests(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("sum.test.mjs", `import { test, describe, it } from 'node:test'; import assert from 'node:assert/strict';
test('adds', () => assert.equal(1 + 1, 2));
describe('a group', () => { it('adds as well', () => assert.equal(2 + 2, 4)) });
test('fails', { skip: false }, () => { if (`+os.Getenv("COUNTERSIGN_PROBE")+`+0) assert.equal(1, 2, 'one is not two') });`)
	testenv.NodeTests(t, folder)
	if os.Getenv("COUNTERSIGN_PROBE") != "" {
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestNodeTests$", "-test.v")
	cmd.Env = append(os.Environ(), "COUNTERSIGN_PROBE=1")
	out, err := cmd.CombinedOutput()
	for _, want := range []string{"--- PASS: TestNodeTests/sum.test.mjs/adds ", "--- PASS: TestNodeTests/sum.test.mjs/a_group/adds_as_well", "--- FAIL: TestNodeTests/sum.test.mjs/fails", "one is not two"} {
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("no %q (%v) in\n%s", want, err, out)
		}
	}
}

func TestLighthouse(t *testing.T) {
	bad := strings.Replace(goodPage, `<html lang="en">`, "<html>", 1)
	var cookies []string
	inner := site(t, map[string]string{"/good": goodPage, "/bad": bad})
	seen := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/good" {
			cookies = append(cookies, r.Header.Get("Cookie"))
		}
		http.Redirect(w, r, inner+r.URL.Path, http.StatusFound)
	}))
	t.Cleanup(seen.Close)
	good := testenv.Lighthouse(t, strings.Replace(seen.URL, "127.0.0.1", "localhost", 1)+"/good", []*http.Cookie{{Name: "who", Value: "ada"}})
	if good.Accessibility != 100 || good.Performance == 0 || good.BestPractices == 0 {
		t.Errorf("a good page: %+v", good)
	}
	if !slices.Contains(cookies, "who=ada") {
		t.Errorf("the cookies were %q", cookies)
	}
	if got := testenv.Lighthouse(t, inner+"/bad", nil); got.Accessibility == 100 || !strings.Contains(strings.Join(got.Wrong, "\n"), "lang") {
		t.Errorf("a page without its language: %+v", got)
	}
}
