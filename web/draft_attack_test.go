package web_test

import (
	"testing"

	"countersign.dev/desk/desktest"
	"countersign.dev/store"
	"countersign.dev/web/webtest"
)

// TestDraftsNameTheirWriter: who left a draft is what the desk says, and not what stands in the draft:
// nobody slips a verdict into the next holder's form as if it were the holder's own. What is no draft is
// not taken over, and does not stop the page.
func TestDraftsNameTheirWriter(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("abe")
	got := d.Flag("1", "post/1", "MisleadingSpam", "acct/4")
	d.Evidenced(got.Case.ID)
	taken := d.Take("ann")
	if err := d.KeepDraft(t.Context(), desktest.As("ann"), got.Case.ID, []byte(`{"rule":2,"reasons":"Take it down."}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Release(t.Context(), desktest.As("ann"), got.Case.ID, taken.Claim.Number); err != nil {
		t.Fatal(err)
	}
	write := func(body string) {
		t.Helper()
		if err := d.Store.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`update case_draft set body = $2 where case_id = $1 and worker = 'ann'`, got.Case.ID, []byte(body))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	tab := d.SignIn("abe")
	write(`{"worker":"abe","rule":2,"verdict":"violation","measures":[],"reasons":"Take it down."}`)
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	tab.WaitText("#toast", "ann left this draft")
	write(`{"rule":{"a":1},"measures":7,"reasons":{"b":2}}`)
	tab.Reload()
	onCase(tab, got.Case.ID)
	if says := tab.Text("textarea[name=reasons]"); says != "" {
		t.Errorf("the form took over %q", says)
	}
}
