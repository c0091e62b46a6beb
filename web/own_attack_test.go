package web_test

import (
	"strings"
	"testing"

	"countersign.dev/desk/desktest"
	"countersign.dev/store"
	"countersign.dev/web/webtest"
)

// TestALyingLookup: the desk answers the form of own accounts with another account than the one that was
// asked for, so that the declared one bars its person from nothing. The script says so, and signs nothing.
func TestALyingLookup(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	if err := d.Store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`delete from own_declared`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	now := lying(d)
	tab := d.SignIn("ann")
	tab.Open("/settings")
	ready(tab, "settings")
	for _, x := range []struct{ typed, old, fresh string }{
		{"plaza:acct/3", `acct/3`, `acct/9`},
		{"plaza:@singer", `@singer`, `@slinger`},
	} {
		var f lie = func(path, body string) string {
			if path == "/api/v1/subjects" {
				return strings.ReplaceAll(body, x.old, x.fresh)
			}
			return body
		}
		now.Store(&f)
		tab.Type("#own-names", x.typed)
		tab.Click("#own-look")
		tab.Wait("=> document.querySelector('#own-error').textContent || document.querySelector('#own-found li')")
		if says := tab.Text("#own-error"); !strings.Contains(says, "another account") || tab.Count("#own-found li") != 0 {
			t.Errorf("asked for %s, told of %s: the form says %q and shows %q", x.typed, x.fresh, says, tab.Texts("#own-found li"))
		}
		now.Store(nil)
		tab.Reload()
		ready(tab, "settings")
	}
}
