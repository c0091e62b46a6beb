package web_test

import (
	"testing"

	"countersign.dev/desk/desktest"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
)

// TestLive: a page hears of what changed, and of the end of its session elsewhere.
func TestLive(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	tab := d.SignIn("ann")
	testenv.Eval[bool](tab, `(async () => {
		globalThis.news = [];
		const shell = await import(document.documentElement.dataset.static + "/shell.js");
		shell.watch({ list: "work" }, (e) => news.push(e.sort));
		return true;
	})()`)
	d.Flag("1", "acct/3", "spam", "acct/4")
	d.Take("ann")
	tab.Wait("=> news.includes('work')")
	if _, err := d.TryBrowser("ann", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := d.RevokeTokensOf(t.Context(), desktest.As("ann"), "ann"); err != nil {
		t.Fatal(err)
	}
	tab.Wait("#signin")
}
