package web_test

import (
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/client"
	"countersign.dev/desk/desktest"
	"countersign.dev/web/webtest"
)

// TestSignInWithKeyFile: a browser waits under a code, the person compares six words and certifies its
// session with a key file elsewhere, and the browser is in and writes.
func TestSignInWithKeyFile(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	tab := d.Tab("")
	tab.Open("/signin")
	tab.Type("#worker", "ann")
	tab.Click("#signin-file")
	tab.Wait("#pairing-words")
	code, more, _ := strings.Cut(strings.TrimPrefix(tab.Text("#pairing-command"), "countersign login --browser "), " ")
	if more != "--url "+d.URL {
		t.Errorf("the command ends with %q", more)
	}
	c, err := client.New(d.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := c.Pairing(t.Context(), strings.ToLower(code))
	if err != nil || waiting.Worker != "ann" || waiting.Key.Words() != tab.Text("#pairing-words") {
		t.Fatalf("under %s waits %+v: %v", code, waiting, err)
	}
	session, _ := d.Session("ann", func(s *actions.Session) { s.SessionKey = waiting.Key })
	if err := c.CertifyPairing(t.Context(), waiting.Code, session); err != nil {
		t.Fatal(err)
	}
	tab.Wait("=> document.documentElement.dataset.worker === 'ann' && document.documentElement.dataset.ready")
	got := d.Flag("1", "post/1", "MisleadingSpam", "acct/4")
	d.Evidenced(got.Case.ID)
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	// Without a passkey the lock leads to a new sign-in.
	later(tab, 16)
	tab.Click("#lock-open")
	tab.WaitText("#signin-why", "Sign in again")
}
