package web_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk/desktest"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
)

// onCase waits for the page of a case, with its script.
func onCase(tab *testenv.Tab, id string) {
	tab.WaitText("h1", id)
	tab.Wait("=> document.documentElement.dataset.ready === 'case'")
}

// TestDecideByKeyboard: an agent takes cases and decides them by keyboard alone; a measure takes
// effect on the platform, and is taken back.
func TestDecideByKeyboard(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	first := d.Flag("1", "post/1", "MisleadingSpam", "acct/4")
	d.Evidenced(first.Case.ID)
	second := d.Flag("2", "acct/3", "MisleadingSpam", "acct/4")
	d.Evidenced(second.Case.ID)
	tab := d.SignIn("ann")
	tab.Press("Enter")
	onCase(tab, first.Case.ID)

	// A measure under a rule: its digit, and submit. The post goes down.
	tab.Press("1")
	tab.WaitText("#departs", "the usual ones")
	tab.Press("Ctrl+Enter")
	onCase(tab, second.Case.ID)
	desktest.Until(t, "the post is down", func() bool { return d.State("post/1").Status == platform.Down })

	tab.Allow("409") // while the measure is still on its way, the script tries again
	// Taken back within 15 seconds: the post is up again, and the case is ann's.
	tab.Press("z")
	onCase(tab, first.Case.ID)
	desktest.Until(t, "the post is up", func() bool { return d.State("post/1").Status == platform.Up })

	// No violation is one key; the other case is still ann's.
	tab.Press("a")
	tab.WaitText("#toast", "No case waits for you")
	tab.WaitText("main", second.Case.ID)
	v, err := d.Case(t.Context(), desktest.As("kim"), first.Case.ID)
	if err != nil || len(v.Decisions) != 2 || v.Decisions[1].Verdict != string(actions.CaseNoViolation) || v.Case.State != cases.Closed {
		t.Fatalf("the case is %+v with %+v: %v", v.Case, v.Decisions, err)
	}
}

// TestDeedsByKeyboard: a case is noted, and handed over in two presses and a text.
func TestDeedsByKeyboard(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	got := d.Flag("1", "post/1", "MisleadingSpam", "acct/4")
	d.Evidenced(got.Case.ID)
	tab := d.SignIn("ann")
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	tab.Press("n")
	tab.Type("#deed-text", "Seen <b>before</b>.")
	tab.Click("#deed-yes")
	tab.WaitText(".note", "Seen <b>before</b>.")
	onCase(tab, got.Case.ID)
	tab.Press("e")
	tab.Type("#deed-text", "Is this one?")
	tab.Click("#deed-yes")
	tab.WaitText("#toast", "No case waits")
	v, err := d.Case(t.Context(), desktest.As("kim"), got.Case.ID)
	if err != nil || v.Case.State != cases.Escalated || v.Case.Question != "Is this one?" {
		t.Fatalf("the case is %+v: %v", v.Case, err)
	}
}

// TestKeysKeepStill: keys do nothing in fields, with AltGr, on repeat, in composition, and after the
// first press while a decision is under way.
func TestKeysKeepStill(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	got := d.Flag("1", "post/1", "MisleadingSpam", "acct/4")
	d.Evidenced(got.Case.ID)
	tab := d.SignIn("ann")
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	tab.Press("1")
	tab.Focus("#reasons")
	tab.Press("a")
	tab.Press("e")
	tab.Compose("え")
	if got := testenv.Eval[string](tab, "document.querySelector('#reasons').value"); !strings.HasPrefix(got, "ae") {
		t.Errorf("the field holds %q", got)
	}
	tab.Press("Escape") // in a composition it is the input method's
	testenv.Eval[bool](tab, "(document.activeElement.blur(), true)")
	tab.Press("AltGr+a")
	tab.Press("Alt+a")
	tab.Press("Meta+a")
	tab.Press("Ctrl+e")
	if n := tab.Count("dialog[open]"); n != 0 {
		t.Errorf("a key with a modifier opened %d dialogs", n)
	}
	v, err := d.Case(t.Context(), desktest.As("kim"), got.Case.ID)
	if err != nil || v.Case.State != cases.Claimed || len(v.Decisions) != 0 {
		t.Fatalf("the case is %s with %d decisions: %v", v.Case.State, len(v.Decisions), err)
	}
	// Held down, a key is one press.
	tab.Hold("a", 20)
	tab.WaitText("#toast", "No case waits")
	tab.Wait("#takeback")
	if v, err = d.Case(t.Context(), desktest.As("kim"), got.Case.ID); err != nil || len(v.Decisions) != 1 {
		t.Fatalf("%d decisions: %v", len(v.Decisions), err)
	}
}

// TestDraftStays: what was typed survives a reload, and a session that ended elsewhere.
func TestDraftStays(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	got := d.Flag("1", "post/1", "MisleadingSpam", "acct/4")
	d.Evidenced(got.Case.ID)
	tab := d.SignIn("ann")
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	tab.Press("2")
	tab.Type("#reasons", "It asks for money.")
	tab.WaitText("#kept", "kept")
	tab.Reload()
	onCase(tab, got.Case.ID)
	if v := testenv.Eval[string](tab, "document.querySelector('#reasons').value + document.querySelector('input[name=rule]:checked').value"); v != "It asks for money.2" {
		t.Errorf("after a reload the form holds %q", v)
	}
	// A second window of the same browser decides; the first one greys.
	other := tab.SecondTab()
	d.PlugIn(other, "ann")
	other.Open("/cases/" + got.Case.ID)
	onCase(other, got.Case.ID)
	other.Press("a")
	tab.Wait(".case.gone")
	tab.WaitText("#moved", "closed")
}

// TestHostileText: strangers' text of every kind is text.
func TestHostileText(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	hostile := "<img src=x onerror=alert(1)> </script><script>alert(2)</script> ]]> \u202eevil\u200b &amp; \x1b[31m"
	got := d.FlagWith("1", "post/1", "MisleadingSpam", "acct/4", hostile)
	d.Evidenced(got.Case.ID)
	tab := d.SignIn("ann")
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	if n := tab.Count("main img, main script:not([src])"); n != 0 {
		t.Errorf("%d elements of strangers", n)
	}
	text := tab.Text(".report .stranger")
	if !strings.Contains(text, "<img src=x onerror=alert(1)>") || strings.ContainsAny(text, "\u202e\u200b\x1b") {
		t.Errorf("the page shows %q", text)
	}
}

// TestTwoBrowsers: a case has one holder. The second browser sees who it is and has nothing to press;
// what it sends all the same is refused.
func TestTwoBrowsers(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann", "lee")
	got := d.Flag("1", "post/1", "MisleadingSpam", "acct/4")
	d.Evidenced(got.Case.ID)
	ann := d.SignIn("ann")
	ann.Press("Enter")
	onCase(ann, got.Case.ID)
	lee := d.SignIn("lee")
	lee.Open("/cases/" + got.Case.ID)
	onCase(lee, got.Case.ID)
	lee.WaitText("#holder", "held by")
	if n := lee.Count("#verdict, [data-do]"); n != 0 {
		t.Errorf("whoever does not hold the case has %d things to press", n)
	}
	lee.Allow("409", "404")
	if why := testenv.Eval[string](lee, `(async () => {
		const { api } = await import(document.documentElement.dataset.static + "/shell.js");
		try { await api("POST", "cases/`+got.Case.ID+`/extend", { claim: 1 }); return "taken"; } catch (e) { return e.problem.type; }
	})()`); !strings.HasSuffix(why, "/claim-ended") {
		t.Errorf("a write of somebody else: %s", why)
	}
	ann.Press("a")
	lee.WaitText("#moved", "closed")
}

// TestHandovers: skip, snooze, ask, and giving back, each by its key; what was typed for one that was
// cancelled is kept.
func TestHandovers(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	tab := d.SignIn("ann")
	for i, deed := range []struct {
		key   string
		fill  func()
		state cases.State
	}{
		{"s", func() {}, cases.Waiting},
		{"h", func() { tab.Type("#deed-text", "It will be edited.") }, cases.Snoozed},
		{"w", func() {
			testenv.Eval[bool](tab, "((role) => (role.value = 'language', role.dispatchEvent(new Event('change'))))(document.querySelector('#deed-more select'))")
			tab.Type("#deed-more input", "pt")
			tab.Type("#deed-text", "What does it say?")
		}, cases.Asked},
	} {
		subject := []string{"acct/2", "acct/3", "acct/4"}[i]
		got := d.Flag(deed.key, subject, "MisleadingSpam", "acct/1")
		d.Evidenced(got.Case.ID)
		tab.Press("Enter")
		onCase(tab, got.Case.ID)
		tab.Press(deed.key)
		tab.Wait("dialog[open]")
		tab.Type("#deed-text", "Half a thought")
		tab.Press("Escape")
		tab.WaitGone("dialog[open]")
		tab.Press(deed.key)
		tab.Wait("dialog[open]")
		if text := testenv.Eval[string](tab, "(() => { const t = document.querySelector('#deed-text'), was = t.value; t.value = ''; return was; })()"); text != "Half a thought" {
			t.Errorf("Escape left %q of what was typed", text)
		}
		deed.fill()
		tab.Click("#deed-yes")
		tab.WaitText("#toast", "No case waits")
		tab.Wait("=> document.documentElement.dataset.ready === 'work'")
		v, err := d.Case(t.Context(), desktest.As("kim"), got.Case.ID)
		if err != nil || v.Case.State != deed.state {
			t.Errorf("after %s the case is %s: %v", deed.key, v.Case.State, err)
		}
	}
}

// TestVeil: a picture shows while the key is held, its opening is written down with the reason, and
// the decision names it.
func TestVeil(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	got := busyCase(t, d)
	tab := d.SignIn("ann")
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	if n := tab.Count(".veiled img"); n != 0 {
		t.Fatalf("%d pictures show before anybody asked", n)
	}
	tab.Press("B")
	tab.Wait(".veiled img")
	tab.Press("B")
	tab.WaitGone(".veiled img")
	// While it is held, and no longer: Press lets the key go at once.
	tab.Press("]")
	tab.Press("]")
	tab.Press("b")
	tab.Wait("=> performance.getEntriesByType('resource').filter((r) => r.name.includes('/evidence/pictures/')).length === 2")
	if n := tab.Count(".veiled img"); n != 0 {
		t.Errorf("%d pictures show after the key was let go", n)
	}
	var opened []store.PictureOpening
	if err := d.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
		opened, err = tx.PictureOpenings(got.Case.ID, "ann", 10)
		return err
	}); err != nil || len(opened) != 2 || opened[0].Digest == opened[1].Digest || !strings.Contains(opened[0].Reason, "misleading: scam") {
		t.Errorf("what was written down of the openings is %+v: %v", opened, err)
	}
	// The decision names what was seen.
	var handed string
	behind := d.Handler
	d.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/decisions") {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			handed, r.Body = string(b), io.NopCloser(bytes.NewReader(b))
		}
		behind.ServeHTTP(w, r)
	})
	tab.Press("a")
	tab.Wait("#takeback")
	for _, o := range opened {
		if !strings.Contains(handed, o.Digest.String()) {
			t.Errorf("the decision does not name the picture %s", o.Digest)
		}
	}
}

// TestNothingTwice: a double press, Back and a reload decide nothing twice.
func TestNothingTwice(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	got := d.Flag("1", "post/1", "MisleadingSpam", "acct/4")
	d.Evidenced(got.Case.ID)
	other := d.Flag("2", "acct/3", "MisleadingSpam", "acct/4")
	d.Evidenced(other.Case.ID)
	tab := d.SignIn("ann")
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	testenv.Eval[bool](tab, "(() => { const b = document.querySelector('[data-do=none]'); b.click(); b.click(); return true; })()")
	onCase(tab, other.Case.ID)
	tab.Wait("#takeback")
	tab.Back()
	onCase(tab, got.Case.ID)
	if n := tab.Count("#verdict"); n != 0 {
		t.Error("a decided case can be judged after Back")
	}
	tab.Reload()
	onCase(tab, got.Case.ID)
	for id, want := range map[string]int{got.Case.ID: 1, other.Case.ID: 0} {
		v, err := d.Case(t.Context(), desktest.As("kim"), id)
		if err != nil || len(v.Decisions) != want {
			t.Errorf("%s has %d decisions, want %d: %v", id, len(v.Decisions), want, err)
		}
	}
}

// TestRefusedBehind: a decision that the desk refuses after the next case is on the screen leads back
// to its case, where what was typed stands; so does news that came meanwhile.
func TestRefusedBehind(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	got := d.Flag("1", "post/1", "MisleadingSpam", "acct/4")
	d.Evidenced(got.Case.ID)
	other := d.Flag("2", "acct/3", "MisleadingSpam", "acct/4")
	d.Evidenced(other.Case.ID)
	tab := d.SignIn("ann")
	tab.Allow("503", "409") // 409: what is expected of a verdict is asked while news of the case comes
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	tab.Press("1")
	tab.Type("#reasons", "It asks for money.")
	tab.WaitText("#kept", "kept")
	behind := d.Handler
	d.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/decisions") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		behind.ServeHTTP(w, r)
	})
	tab.Press("Ctrl+Enter")
	onCase(tab, other.Case.ID)
	tab.WaitText("#toast", got.Case.ID)
	d.Handler = behind
	tab.Click("#toast button")
	onCase(tab, got.Case.ID)
	if v := testenv.Eval[string](tab, "document.querySelector('#reasons').value"); v != "It asks for money." {
		t.Errorf("what was typed is %q", v)
	}
	// Another report comes in: the page says so, and keeps what was typed.
	d.Flag("3", "post/1", "MisleadingScam", "acct/2")
	tab.WaitText("#moved", "something new")
	tab.Click("#moved button")
	onCase(tab, got.Case.ID)
	tab.WaitText(".evidence", "scam")
	if v := testenv.Eval[string](tab, "document.querySelector('#reasons').value"); v != "It asks for money." {
		t.Errorf("after the news, what was typed is %q", v)
	}
}

// TestOwnKey: above standard the person's own key signs, the measure waits, and the page said before
// for whom; on the highest severity the own key signs each verdict, and one person's lesser verdict
// is a first one.
func TestOwnKey(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	got := d.Flag("1", "acct/2", "MisleadingSpam", "acct/4")
	d.Evidenced(got.Case.ID)
	tab := d.SignIn("ann")
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	tab.Press("1")
	tab.WaitText(".option:has(:checked) .ruling", "Waits for 1 more person")
	tab.Press("Ctrl+Enter")
	tab.Wait("#takeback")
	v, err := d.Case(t.Context(), desktest.As("kim"), got.Case.ID)
	if err != nil || v.Case.State != cases.Held || len(v.Decisions) != 1 || len(v.Decisions[0].Requests) == 0 {
		t.Fatalf("the case is %s with %+v: %v", v.Case.State, v.Decisions, err)
	}
	r, err := d.RequestByID(t.Context(), desktest.As("kim"), v.Decisions[0].Requests[0])
	if err != nil || !r.Signed.Statement.Session.IsZero() {
		t.Errorf("the request was signed under the session %s: %v", r.Signed.Statement.Session, err)
	}
	grave := d.Flag("2", "post/1", "ViolenceThreats", "acct/4")
	d.Evidenced(grave.Case.ID)
	tab.Wait("=> document.documentElement.dataset.ready === 'work'")
	tab.Press("Enter")
	onCase(tab, grave.Case.ID)
	tab.Press("a")
	tab.WaitText("#toast", "a second person judges it")
}

// TestLeaseOver: a claim that is over is not taken again by looking at its case; its last holder takes
// it by a press, with what was typed.
func TestLeaseOver(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	got := d.Flag("1", "post/1", "MisleadingSpam", "acct/4")
	d.Evidenced(got.Case.ID)
	tab := d.SignIn("ann")
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	tab.Type("#reasons", "Half a thought")
	tab.WaitText("#kept", "kept")
	d.Clock().Advance(11 * time.Minute)
	// The page is read when the claim has ended: news of that would move the button under the hand.
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	tab.Reload()
	onCase(tab, got.Case.ID)
	if n := tab.Count("#verdict"); n != 0 {
		t.Error("looking at a case took it again")
	}
	tab.Click("#take")
	tab.Wait("#verdict")
	onCase(tab, got.Case.ID)
	if text := testenv.Eval[string](tab, "document.querySelector('#reasons').value"); text != "Half a thought" {
		t.Errorf("the form holds %q", text)
	}
}
