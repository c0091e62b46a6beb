package web_test

import (
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk/desktest"
	"countersign.dev/platform"
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

	tab.Allow("409") // the measure may still be under way; the page asks again
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
