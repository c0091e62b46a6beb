package web_test

import (
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/client"
	"countersign.dev/desk/desktest"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
	"countersign.dev/workforce"
)

// inSight reports whether all of the first thing that a selector finds is on the screen as it is now,
// and covered by nothing.
func inSight(tab *testenv.Tab, selector string) bool {
	return testenv.Eval[bool](tab, sightOf(selector))
}

// sightOf is inSight as a condition.
func sightOf(selector string) string {
	return `((selector) => {
	const at = document.querySelector(selector);
	if (!at) return false;
	const r = at.getBoundingClientRect();
	if (!r.width || r.top < 0 || r.left < 0 || r.bottom > innerHeight || r.right > innerWidth) return false;
	return [[r.left + 3, r.top + 3], [r.right - 3, r.bottom - 3], [(r.left + r.right) / 2, (r.top + r.bottom) / 2]].every(([x, y]) => {
		const top = document.elementFromPoint(x, y);
		return top === at || at.contains(top) || top?.contains(at) && top.matches("p, div");
	});
})("` + selector + `")`
}

// signInByFile opens a browser and signs a person in with a key file.
func signInByFile(t *testing.T, d *webtest.Desk, by workforce.WorkerID) *testenv.Tab {
	t.Helper()
	tab := d.Tab("")
	tab.Open("/signin")
	tab.Type("#worker", string(by))
	tab.Click("#signin-file")
	tab.Wait("#pairing-words")
	code, _, _ := strings.Cut(strings.TrimPrefix(tab.Text("#pairing-command"), "countersign login --browser "), " ")
	c, err := client.New(d.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := c.Pairing(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	session, _ := d.Session(by, func(s *actions.Session) { s.SessionKey = waiting.Key })
	if err := c.CertifyPairing(t.Context(), waiting.Code, session); err != nil {
		t.Fatal(err)
	}
	tab.Wait("=> document.documentElement.dataset.worker === '" + string(by) + "' && document.documentElement.dataset.ready")
	return tab
}

// TestKeyFileInABrowser: somebody whose key is a file is told, without scrolling, which command signs
// what no page can sign with it, and is not offered a touch.
func TestKeyFileInABrowser(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	id := asked(d).ID
	tab := signInByFile(t, d, "lee")
	tab.Open("/countersign/" + id)
	ready(tab, "countersign")
	for _, width := range []int{1440, 390} {
		tab.Size(width)
		if !inSight(tab, ".by-file code:last-of-type") || !strings.Contains(tab.Text(".by-file"), "countersign action countersign "+id) {
			t.Errorf("at %d px the command is not in sight: %s", width, tab.Text("main"))
		}
		tab.Screenshot("by-file-countersign-" + number(width))
	}
	if n := tab.Count("#answer"); n != 0 {
		t.Error("a page that cannot sign offers it")
	}
	for _, more := range []string{"countersign action decline " + id + " --reason 'WHY'", "--alarm"} {
		if text := tab.Text(".answer"); !strings.Contains(text, more) {
			t.Errorf("%q is not in %s", more, text)
		}
	}

	got := d.Flag("1", "acct/2", "MisleadingSpam", "acct/4") // a protected account
	d.Evidenced(got.Case.ID)
	agent := signInByFile(t, d, "ann")
	agent.Press("Enter")
	onCase(agent, got.Case.ID)
	agent.Press("1")
	agent.WaitText("#departs", "the usual ones")
	agent.Type("#reasons", "It's spam")
	agent.WaitText("#by-file", "countersign case decide "+got.Case.ID+" --verdict violation --rule 1")
	agent.WaitText("#by-file", `--reason 'It'\''s spam'`)
	for _, width := range []int{1440, 390} {
		agent.Size(width)
		if width == 390 {
			agent.Click("#rail-open")
			agent.Wait(".rail.open")
		}
		if !inSight(agent, "#by-file code:last-of-type") || !inSight(agent, ".pinned button") {
			t.Errorf("at %d px the command or the button is not in sight", width)
		}
		agent.Screenshot("by-file-case-" + number(width))
	}
	agent.Click(".pinned button")
	agent.Wait("=> !document.documentElement.ariaBusy && document.querySelector('#by-file:not([hidden])')")
	if text := testenv.Eval[string](agent, "document.querySelector('#verdict-error').textContent"); text != "" {
		t.Errorf("the page says %q", text)
	}
}

// TestSubmitInSight: once a rule is chosen, the button that hands the verdict in is on the screen, and
// so is what the desk says against it; also over a bar at the bottom of the pages.
func TestSubmitInSight(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	got := busyCase(t, d)
	tab := d.SignIn("ann")
	tab.Allow("400") // the reasons are missing
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	tab.Press("1")
	tab.WaitText("#departs", "the usual ones")
	look := func() {
		t.Helper()
		tab.Wait("=> " + sightOf(".pinned button"))
	}
	look() // at the top
	testenv.Eval[bool](tab, "(scrollTo(0, 99999), true)")
	look() // at the end
	testenv.Eval[bool](tab, "(scrollTo(0, 0), true)")
	testenv.Eval[bool](tab, `(() => {
		const bar = document.createElement("div");
		Object.assign(bar.style, { position: "fixed", inset: "auto 0 0", height: "90px", background: "teal", zIndex: 15 });
		document.body.append(bar);
		document.documentElement.style.setProperty("--tour", "90px");
		return true;
	})()`)
	look() // over a bar
	testenv.Eval[bool](tab, "(document.querySelector('.option input[name=measure]:checked').click(), true)")
	tab.Click(".pinned button")
	tab.Wait("#verdict-error:not(:empty)")
	look() // with an error
	if !inSight(tab, "#verdict-error") {
		t.Error("the error is not in sight")
	}
	tab.Screenshot("case-error-1440")
	tab.Size(390)
	if !inSight(tab, "#rail-open") {
		t.Error("on a phone, a bar covers what opens the verdict")
	}
	tab.Click("#rail-open")
	tab.Wait(".rail.open")
	look() // on a phone
}
