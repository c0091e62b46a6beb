package web_test

import (
	"testing"

	"countersign.dev/desk/desktest"
	"countersign.dev/web/webtest"
)

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
	tab.WaitText("h1", first.Case.ID)
	tab.Wait("=> document.documentElement.dataset.ready === 'case'")
	tab.Screenshot("case")
	tab.Press("a")
	tab.WaitText("h1", second.Case.ID)
}
