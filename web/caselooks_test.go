package web_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"testing"

	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/plaza"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
)

// drawn is a picture in base64.
func drawn(t *testing.T, shade uint8) string {
	t.Helper()
	i := image.NewRGBA(image.Rect(0, 0, 64, 48))
	for x := range 64 {
		for y := range 48 {
			i.Set(x, y, color.RGBA{R: shade, G: uint8(4 * x), B: uint8(5 * y), A: 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, i); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// busyCase is a case with all that one can have: a thread, pictures, reports for several reasons,
// a verdict before, a note, and text of strangers in two directions of writing.
func busyCase(t *testing.T, d *webtest.Desk) casework.Received {
	t.Helper()
	token := d.Token("seed", plaza.SetupScope)
	d.Post(token, "/staff/v1/posts/bulk", fmt.Sprintf(`{"posts":[{"account":"acct/4","text":"Win a phone today! Send 5 coins to the shop and write to me.\n\nOnly 20 are left. لا تنتظر — see https://example.org/win","answers":"post/1","pictures":[{"data":%q,"alt":"A hand that holds a phone"},{"data":%q,"alt":"A list of winners"}]}]}`, drawn(t, 200), drawn(t, 20)))
	d.Post(token, "/staff/v1/posts/bulk", `{"posts":[{"account":"acct/3","text":"Is this real?","answers":"post/3"}]}`)
	first := d.FlagWith("b1", "post/3", "MisleadingSpam", "acct/3", "I never got a phone.")
	d.Evidenced(first.Case.ID)
	if _, err := d.TryDecide("abe", d.Take("abe"), casework.Judgement{Verdict: "no-violation"}); err != nil {
		t.Fatal(err)
	}
	d.Post(token, "/staff/v1/posts/bulk", `{"posts":[{"account":"acct/4","text":"Another one.","answers":"post/3"}]}`)
	var got casework.Received
	for i, text := range []string{"They took my coins. Please stop this: my mother sent three times five coins and got nothing.", "scam", "هذا احتيال", "Look at the second picture: the names are made up."} {
		got = d.FlagWith(fmt.Sprint("c", i), "post/3", "MisleadingScam", fmt.Sprint("acct/", 3-i%3), text)
	}
	got = d.FlagWith("c9", "post/3", "MisleadingSpam", "acct/2", "Spam in my replies <b>every day</b>")
	d.Evidenced(got.Case.ID)
	deed, order := d.CaseDeed("kim", "case.note", got.Case.ID, 1, cases.Order{Note: "The same text stood on three accounts last week."})
	if _, err := d.Do(t.Context(), desktest.As("kim"), got.Case.ID, 0, deed, order); err != nil {
		t.Fatal(err)
	}
	deed, order = d.CaseDeed("kim", "case.note", got.Case.ID, 1, cases.Order{Note: "We look into it.", Public: true})
	if _, err := d.Do(t.Context(), desktest.As("kim"), got.Case.ID, 0, deed, order); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestCaseLooks: the page of a busy case, in each of its states, is judged in four forms.
func TestCaseLooks(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann", "kim")
	got := busyCase(t, d)
	tab := d.SignIn("ann")
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	judge := func(name string) {
		t.Helper()
		tab.Wait("=> !document.querySelector('[data-load] p.fine:only-child')?.textContent.includes('is asked')")
		for _, scheme := range []string{"light", "dark"} {
			tab.Scheme(scheme)
			for _, width := range []int{1440, 390} {
				tab.Size(width)
				tab.Screenshot(name + "-" + scheme + "-" + number(width))
				for _, wrong := range tab.Axe() {
					t.Errorf("%s, %s, %d px: axe: %s", name, scheme, width, wrong)
				}
			}
		}
		tab.Scheme("light")
		tab.Size(1440)
		for _, wrong := range tab.Reflow200() {
			t.Errorf("%s at 200 %%: %s", name, wrong)
		}
	}
	judge("case-busy")
	tab.Press("1")
	tab.WaitText("#departs", "the usual ones")
	judge("case-rule")
	testenv.Eval[bool](tab, "(document.querySelector('.rail').classList.add('open'), true)")
	judge("case-sheet")
	testenv.Eval[bool](tab, "(document.querySelector('.rail').classList.remove('open'), true)")
	// A veil that is lifted, what it shows now, and news.
	d.Flag("c10", "post/3", "HarassmentTroll", "acct/1")
	tab.WaitText("#moved", "something new")
	tab.Press("B")
	tab.Wait(".veiled img")
	testenv.Eval[bool](tab, "(document.querySelector('.evidence details').open = true)")
	judge("case-news")
	tab.Press("w")
	tab.Wait("dialog[open]")
	judge("case-dialog")
	tab.Press("Escape")
	// Somebody else sees who holds it; a lead takes one that waits.
	lee := d.SignIn("kim")
	lee.Open("/cases/" + got.Case.ID)
	onCase(lee, got.Case.ID)
	lee.Wait("=> !document.querySelector('[data-load] p.fine:only-child')?.textContent.includes('is asked')")
	lee.Screenshot("case-reader-1440")
	for _, wrong := range lee.Axe() {
		t.Errorf("a reader's page: axe: %s", wrong)
	}
}
