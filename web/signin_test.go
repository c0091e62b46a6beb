package web_test

import (
	"testing"

	"countersign.dev/desk/desktest"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
)

// TestSignIn: one touch of a passkey opens the desk; signing out closes it in every tab, and Back
// shows nothing.
func TestSignIn(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	tab := d.SignIn("ann")
	tab.WaitText("h1", "My work")
	tab.Open("/work?again")
	other := tab.SecondTab()
	other.Open("/work")
	other.WaitText("h1", "My work")
	tab.Click("#sign-out")
	tab.Wait("#signin")
	other.Wait("#signin")
	tab.Back()
	tab.Wait("#signin")
	if n := testenv.Eval[int](tab, "(async () => (await (await import(document.documentElement.dataset.static + '/keys.js')).kept()) ? 1 : 0)()"); n != 0 {
		t.Error("the session's key is still kept")
	}
}
