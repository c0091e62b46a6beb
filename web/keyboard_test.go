package web_test

import (
	"strconv"
	"testing"

	"countersign.dev/cases"
	"countersign.dev/desk/desktest"
	"countersign.dev/platform"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
)

// hands is somebody who has a keyboard and no mouse.
type hands struct {
	*testenv.Tab
	t *testing.T
}

// to presses Tab until an element has the focus, and checks that the focus can be seen.
func (h hands) to(selector string) {
	h.t.Helper()
	for range 150 {
		h.Press("Tab")
		if testenv.Eval[bool](h.Tab, "document.activeElement.matches("+strconv.Quote(selector)+")") {
			if !testenv.Eval[bool](h.Tab, `(() => {
				const s = getComputedStyle(document.activeElement);
				return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== "none";
			})()`) {
				h.t.Errorf("nobody sees that %s has the focus", selector)
			}
			return
		}
	}
	h.t.Fatalf("Tab does not lead to %s on %s", selector, h.URL())
}

// write types where the focus is.
func (h hands) write(text string) { h.t.Helper(); h.Type("", text) }

// TestKeyboardOnly: two people do a whole day's work, from signing in to signing out, without a
// mouse: an agent decides cases, takes one back, writes a note, hands one over, looks through
// queues, changes settings and finds a handle; somebody else countersigns and undoes.
func TestKeyboardOnly(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann", "lee")
	first := d.Flag("1", "post/1", "MisleadingSpam", "acct/4")
	d.Evidenced(first.Case.ID)
	second := d.Flag("2", "acct/3", "MisleadingSpam", "acct/4")
	d.Evidenced(second.Case.ID)
	held := asked(d)

	ann := hands{d.Tab("ann"), t}
	ann.Open("/signin")
	ready(ann, "signin")
	ann.to("#worker")
	ann.write("ann")
	ann.Press("Enter")
	ann.Wait("=> document.documentElement.dataset.worker === 'ann'")
	ready(ann, "work")
	ann.Press("Enter") // next
	onCase(ann.Tab, first.Case.ID)
	ann.Press("1") // a rule
	ann.WaitText("#departs", "the usual ones")
	ann.Press("Ctrl+Enter")
	onCase(ann.Tab, second.Case.ID)
	desktest.Until(t, "the post is down", func() bool { return d.State("post/1").Status == platform.Down })
	ann.Allow("409") // while the measure is still on its way, the script tries again
	ann.Press("z")
	onCase(ann.Tab, first.Case.ID)
	ann.Press("n") // the dialog has the focus
	ann.write("Seen by keyboard.")
	ann.to("#deed-yes")
	ann.Press("Enter")
	ann.WaitText(".note", "Seen by keyboard.")
	onCase(ann.Tab, first.Case.ID)
	ann.Press("?")
	ann.Wait("#keys[open]")
	ann.Press("Escape")
	ann.WaitGone("#keys[open]")
	ann.Press("e")
	ann.write("Is this one?")
	ann.to("#deed-yes")
	ann.Press("Enter")
	desktest.Until(t, "the case is escalated", func() bool {
		v, err := d.Case(t.Context(), desktest.As("kim"), first.Case.ID)
		return err == nil && v.Case.State == cases.Escalated
	})

	ready(ann, "work") // no other case waits
	ann.WaitText("#toast", "No case waits")
	ann.Press("g")
	ann.Press("q")
	ready(ann, "queues")
	ann.to("a[href='/queues/spam']")
	ann.Press("Enter")
	ann.WaitText("h1", "Spam")
	ann.Press("g")
	ann.Press("m")
	ready(ann, "work")
	ann.to("main a[href='/cases/" + second.Case.ID + "']")
	ann.Press("Enter")
	onCase(ann.Tab, second.Case.ID)
	ann.Press("Ctrl+k")
	ann.Wait("#palette[open]")
	ann.write("settings")
	ann.Press("Enter")
	ready(ann, "settings")
	ann.to("input[name=keys_off]")
	ann.Press(" ")
	ann.to("#preferences button[type=submit]")
	ann.Press("Enter")
	ann.WaitText("#toast", "Kept")
	ann.Press("g") // keys are off
	ann.Press("m")
	ann.Press("Ctrl+k")
	ann.Wait("#palette[open]")
	ann.write("plaza:@singer")
	ann.Press("Enter")
	ann.WaitText("main", "plaza:acct/2")
	ann.to("#sign-out")
	ann.Press("Enter")
	ann.Wait("#signin")

	lee := hands{d.Tab("lee"), t}
	lee.Open("/signin")
	ready(lee, "signin")
	lee.to("#worker")
	lee.write("lee")
	lee.Press("Enter")
	lee.Wait("=> document.documentElement.dataset.worker === 'lee'")
	ready(lee, "work")
	lee.Press("g")
	lee.Press("c")
	lee.to(".ask a")
	lee.Press("Enter")
	ready(lee, "countersign")
	lee.to("#typed")
	lee.write("@singer")
	lee.to("input[name=verdict]")
	lee.Press(" ")
	lee.to("#answer button")
	lee.Press("Enter")
	lee.WaitText("h1", held.ID)
	lee.WaitText("#standing", "done")
	onPlaza(t, d, "@singer", "down")
	lee.WaitText("#undo", "becomes up again")
	lee.to("[data-do=undo]")
	lee.Press("Enter")
	lee.Wait("=> location.pathname !== '/requests/" + held.ID + "'")
	lee.WaitText("#standing", "done")
	onPlaza(t, d, "@singer", "up")
}
