package web_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/api"
	"countersign.dev/desk"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/httpd"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
	"countersign.dev/workforce"
)

// invite has ada invite people, and returns the secrets of their links.
func invite(t testing.TB, d *webtest.Desk, people ...workforce.WorkerID) (secrets, ids []string) {
	t.Helper()
	var list []desk.Invitee
	for _, p := range people {
		b := make([]byte, 32)
		if _, err := rand.Read(b); err != nil {
			t.Fatal(err)
		}
		secret := actions.InvitationSecret(b)
		digest, _ := actions.InvitationDigest(secret)
		secrets, list = append(secrets, secret), append(list, desk.Invitee{Worker: p, Secret: digest})
	}
	made, err := d.Invite(t.Context(), desktest.As("ada"), list)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range made {
		ids = append(ids, i.ID)
	}
	return secrets, ids
}

// answered is what an officer reads of an invitation that somebody answered.
func answered(t testing.TB, d *webtest.Desk, id string) desk.Invitation {
	t.Helper()
	all, err := d.Invitations(t.Context(), desktest.As("bea"))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(i desk.Invitation) bool { return i.ID == id })
	if i < 0 || all[i].State != desk.InvitationAnswered {
		t.Fatalf("the invitation %s: %+v", id, all)
	}
	return all[i]
}

// answerLink answers an invitation without a browser.
func answerLink(t testing.TB, d *webtest.Desk, secret string) {
	t.Helper()
	open, err := d.Invited(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	p := prooftest.NewPasskey(workforce.PasskeyES256, []byte(secret)[:32])
	p.Usual.RelyingParty, p.Usual.Origin = open.RelyingParty, d.URL
	a := p.Usual
	a.Challenge = open.Challenge
	if _, err := d.AnswerInvitation(t.Context(), secret, p.Register(a), p.Sign(actions.PossessionChallenge(open.EnrolName, open.Worker, p.PublicKey().ID()))); err != nil {
		t.Fatal(err)
	}
}

// newTab opens a browser of somebody whose authenticator is empty.
func newTab(d *webtest.Desk, o testenv.AuthenticatorOptions) (*testenv.Tab, *testenv.Authenticator) {
	tab := d.Tab("")
	tab.Allow("pubKeyCredParams") // Chromium would rather be offered RSA as well
	return tab, tab.Authenticator(o)
}

// TestInvite: a link is opened in a browser, a passkey is made and touched a second time, its words are
// those that the officers read; they enrol it, and its person signs in, asks for a takedown that
// somebody else countersigns, and has it undone. Everybody sees it on plaza.
func TestInvite(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	secrets, ids := invite(t, d, "ann", "lee")
	d.Passkeys("kim", "bea") // kim: her session is in the browser in which lee's link is opened
	ann, _ := newTab(d, testenv.AuthenticatorOptions{})
	ann.Open("/invite/" + secrets[0])
	ready(ann, "invite")
	ann.WaitText("#invitation", "Name of ann")
	ann.Click("#invite-go")
	ann.Wait("#touch-2.now")
	ann.Click("#invite-go")
	ann.Wait("#invite-done")
	words := ann.Text("#invite-words")
	ann.WaitText("#invite-done", "counts as hardware")
	got := answered(t, d, ids[0])
	if words == "" || words != got.Answer.Made.Key.ID().Words() || !got.Answer.Made.Key.Hardware {
		t.Errorf("the page shows %q, the officers read %+v", words, got.Answer)
	}
	ann.Reload()
	ready(ann, "invite")
	if again := ann.Text("#invite-words"); again != words {
		t.Errorf("loaded again, the page shows %q", again)
	}

	// A passkey that is copied to other devices is made in the browser of somebody who is signed in.
	lee := d.SignIn("kim")
	lee.Allow("pubKeyCredParams")
	lee.Open("/invite/" + secrets[1])
	ready(lee, "invite")
	lee.Click("#invite-go")
	lee.Wait("#touch-2.now")
	lee.Click("#invite-go")
	lee.Wait("#invite-done")
	if got := answered(t, d, ids[1]); got.Worker != "lee" || got.Answer.Made.Key.ID().Words() != lee.Text("#invite-words") {
		t.Errorf("lee's passkey: %+v", got)
	}

	var keys actions.Keys
	for _, id := range ids {
		i := answered(t, d, id)
		keys.Enrol = append(keys.Enrol, i.Answer.Enrolment(i.Worker))
	}
	// One officer asks, another reads names and words on the page and countersigns there, a third one too.
	r := d.Request("ada", acts.Wish{Kind: actions.DeskKey, Change: keys, Reason: "The first passkeys."})
	bea := d.SignIn("bea")
	bea.Open("/requests/" + r.ID)
	ready(bea, "requests")
	bea.WaitText(".keys", words)
	bea.Open("/countersign/" + r.ID)
	ready(bea, "countersign")
	bea.WaitText("#sentence", "Enrol 2 keys")
	for _, want := range []string{words, "Name of ann", "Name of lee", lee.Text("#invite-words"), "bound to one device", "made in a browser under the invitation " + ids[0] + " of ada"} {
		bea.WaitText(".keys", want)
	}
	for _, scheme := range []string{"light", "dark"} {
		bea.Scheme(scheme)
		for _, width := range []int{1440, 390} {
			bea.Size(width)
			bea.Screenshot("countersign-keys-" + scheme + "-" + number(width))
			for _, wrong := range bea.Axe() {
				t.Errorf("the page of an enrolment, %s, %d px: axe: %s", scheme, width, wrong)
			}
		}
	}
	bea.Scheme("light")
	bea.Size(1440)
	for _, wrong := range append(bea.Validate(), bea.Reflow200()...) {
		t.Errorf("the page of an enrolment: %s", wrong)
	}
	bea.Type("#typed", "keys")
	bea.Click("input[value=countersign]")
	bea.Click("#answer button")
	bea.WaitText("h1", r.ID)
	d.Countersign(r.ID, "cem")
	ann.Reload()
	ann.Allow("404")
	ann.WaitText("h1", "This link is not good")
	ann.Click("main a")
	for tab, by := range map[*testenv.Tab]string{ann: "ann", lee: "lee"} {
		if tab == lee {
			tab.Open("/work")
			ready(tab, "work")
			tab.Click("#sign-out")
		}
		tab.Wait("#signin")
		ready(tab, "signin")
		testenv.Eval[string](tab, `document.getElementById("worker").value = ""`)
		tab.Type("#worker", by)
		tab.Click("#signin button[type=submit]")
		tab.Wait("=> document.documentElement.dataset.worker === '" + by + "' && document.documentElement.dataset.ready === 'work'")
		tab.WaitText("h1", "My work")
	}

	id := testenv.Eval[string](ann, asksFor+`({ kind: "account.takedown", subject: "plaza:@singer", reason: "He posts addresses of people." })`)
	lee.Open("/countersign/" + id)
	ready(lee, "countersign")
	lee.Type("#typed", "@singer")
	lee.Click("input[value=countersign]")
	lee.Click("#answer button")
	lee.WaitText("#standing", "done")
	onPlaza(t, d, "@singer", "down")
	ann.Open("/requests/" + id)
	ready(ann, "requests")
	ann.WaitText("#undo", "becomes up again")
	ann.Click("[data-do=undo]")
	ann.Wait("=> location.pathname !== '/requests/" + id + "'")
	ann.WaitText("#standing", "done")
	onPlaza(t, d, "@singer", "up")
}

// TestInviteGoesWrong: somebody cancels, the browser makes no passkeys, the page stands at another
// address, the desk refuses what came, and a link is dead.
func TestInviteGoesWrong(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	secrets, ids := invite(t, d, "ann", "bob", "sue")
	tab, _ := newTab(d, testenv.AuthenticatorOptions{Synced: true})
	tab.Allow("404", "409")
	tab.Open("/invite/" + secrets[0])
	ready(tab, "invite")
	// A browser that cancels says NotAllowedError.
	testenv.Eval[bool](tab, `(() => { const real = navigator.credentials.create.bind(navigator.credentials);
		navigator.credentials.create = () => { navigator.credentials.create = real; return Promise.reject(new DOMException("cancelled", "NotAllowedError")); }; return true; })()`)
	tab.Click("#invite-go")
	tab.WaitText("#invite-error", "Nothing was sent")
	tab.Click("#invite-go")
	tab.Wait("#touch-2.now")
	testenv.Eval[bool](tab, `(() => { const real = navigator.credentials.get.bind(navigator.credentials);
		navigator.credentials.get = () => { navigator.credentials.get = real; return Promise.reject(new DOMException("cancelled", "NotAllowedError")); }; return true; })()`)
	tab.Click("#invite-go")
	tab.WaitText("#invite-error", "Nothing was sent")
	tab.Wait("#touch-2.now") // the passkey is made; it is the second touch that is missing
	tab.Click("#invite-go")
	tab.Wait("#invite-done")
	tab.WaitText("#invite-done", "does not count as hardware")
	if got := answered(t, d, ids[0]); !got.Answer.Made.Synced || got.Answer.Made.Key.Hardware {
		t.Errorf("a synced passkey: %+v", got.Answer.Made)
	}

	// Something between page and desk puts another key in the place of the one that was made.
	altered, _ := newTab(d, testenv.AuthenticatorOptions{})
	altered.Open("/invite/" + secrets[2])
	ready(altered, "invite")
	testenv.Eval[bool](altered, `(() => { const real = window.fetch;
		window.fetch = async (...a) => { const r = await real(...a); return new Response(JSON.stringify({ ...await r.json(), key: "key_" + "0".repeat(32) }), { status: r.status }); }; return true; })()`)
	altered.Click("#invite-go")
	altered.Wait("#touch-2.now")
	altered.Click("#invite-go")
	altered.WaitText("#invite-error", "another key than the one that was made here")
	if altered.Count("#invite-done:not([hidden])") != 0 {
		t.Error("the words of another key are shown")
	}

	// A page that is open while the link ends.
	other, _ := newTab(d, testenv.AuthenticatorOptions{})
	other.Allow("404")
	other.Open("/invite/" + secrets[1])
	ready(other, "invite")
	other.Click("#invite-go")
	other.Wait("#touch-2.now")
	if err := d.WithdrawInvitation(t.Context(), desktest.As("ada"), ids[1]); err != nil {
		t.Fatal(err)
	}
	other.Click("#invite-go")
	other.WaitText("#invite-error", "not good")
	other.Reload()
	other.WaitText("h1", "This link is not good")
	text := other.Text("main")
	other.Open("/invite/csgi_unknown")
	if got := other.Text("main"); got != text {
		t.Errorf("a link that nobody made shows %q, one that was taken back %q", got, text)
	}
	d.Clock().Advance(25 * time.Hour)
	other.Open("/invite/" + secrets[0])
	if got := other.Text("main"); got != text {
		t.Errorf("a link of yesterday shows %q", got)
	}
}

// lines keeps what is logged.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// TestLinksAreNotLogged: no secret of a link is in the log, neither of one that is good nor of one that
// is not; and whoever guesses learns from no answer what a link is.
func TestLinksAreNotLogged(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	secrets, ids := invite(t, d, "ann", "bob")
	if err := d.WithdrawInvitation(t.Context(), desktest.As("ada"), ids[1]); err != nil {
		t.Fatal(err)
	}
	rest, err := api.New(api.Config{Desk: d.Town.Desk, Version: "test", Now: d.Clock().Now})
	if err != nil {
		t.Fatal(err)
	}
	d.Clock().Hold() // pages say what time it is
	var log lines
	d.Serve(httpd.New(httpd.Config{Desk: d.Town.Desk, API: rest, Web: d.Pages, Now: d.Clock().Now, Logger: slog.New(slog.NewTextHandler(&log, nil))}))
	guess := strings.Repeat("A", len(secrets[0]))
	answers := map[string][]string{}
	for _, secret := range []string{secrets[0], secrets[1], guess, "csgi_" + guess[5:], "a%2fb", "<b>"} {
		for _, path := range []string{"/invite/", "/api/v1/invite/"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				if path == "/invite/" && method == http.MethodPost {
					continue
				}
				r, err := http.NewRequestWithContext(t.Context(), method, d.URL+path+strings.ReplaceAll(secret, "<b>", "%3Cb%3E"), strings.NewReader(`{"registration":{"attestation":"","client_data":"","transports":[]},"possession":{"authenticator_data":"","client_data":"","signature":""}}`))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", "application/json")
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(res.Body)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if res.Header.Get("Referrer-Policy") != "no-referrer" || res.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s %s: headers %v", method, path, res.Header)
				}
				if secret == secrets[0] {
					if want := map[string]int{"GET": 200, "POST": 400}[method]; res.StatusCode != want {
						t.Errorf("%s %s of a good link: %s", method, path, res.Status)
					}
					for _, stranger := range []string{"bob", "ada", "officer", ids[0]} {
						if strings.Contains(string(body), stranger) {
							t.Errorf("%s %s tells the holder of a link of %s: %s", method, path, stranger, body)
						}
					}
					continue
				}
				if res.StatusCode != http.StatusNotFound {
					t.Errorf("%s %s%s: %s", method, path, secret, res.Status)
				}
				answers[method+path] = append(answers[method+path], string(body))
			}
		}
	}
	for what, all := range answers {
		if slices.Sort(all); all[0] != all[len(all)-1] {
			t.Errorf("%s: links that are not good are answered in several ways: %q", what, slices.Compact(all))
		}
	}
	d.HangUp()
	for _, secret := range append(secrets, guess[5:], "%3Cb", "<b>") {
		if text := log.String(); strings.Contains(text, secret) || !strings.Contains(text, "invite/{secret}") {
			t.Errorf("the log has the secret %s: %s", secret, text)
		}
	}
}
