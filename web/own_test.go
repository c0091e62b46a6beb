package web_test

import (
	"testing"

	"countersign.dev/cases"
	"countersign.dev/desk/desktest"
	"countersign.dev/store"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
)

// TestOwnAccounts: somebody declares accounts of their own in a browser, seeing which accounts the
// names mean before signing, and is then given no case about them. Somebody else declares to have
// none, with one press.
func TestOwnAccounts(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann", "bob")
	if err := d.Store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`delete from own_declared`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	tab := d.SignIn("ann")
	tab.Open("/settings")
	ready(tab, "settings")
	tab.Click("#own-look")
	tab.WaitText("#own-error", "Write the accounts that are yours")
	tab.Allow("404")
	tab.Type("#own-names", "plaza:@nobody")
	tab.Click("#own-look")
	tab.WaitText("#own-error", "nobody")
	testenv.Eval[bool](tab, "(document.querySelector('#own-names').value = '', true)")
	tab.Type("#own-names", "plaza:@singer, plaza:acct/3")
	tab.Click("#own-look")
	tab.WaitText("#own-found", "@singer (plaza:acct/2)")
	tab.WaitText("#own-found", "(plaza:acct/3)")
	tab.Type("#own-names", " plaza:@president") // what was looked up is not what would be signed now
	if !testenv.Eval[bool](tab, "document.querySelector('#own-sign').hidden") || tab.Count("#own-found li") != 0 {
		t.Error("after another name the form would sign what was looked up before")
	}
	testenv.Eval[bool](tab, "(document.querySelector('#own-names').value = 'plaza:@singer', true)")
	tab.Click("#own-look")
	tab.WaitText("#own-found", "@singer")
	tab.Click("#own-sign")
	tab.WaitText("dl.facts", "1 declared")
	if err := d.Store.Read(t.Context(), func(tx *store.Tx) error {
		kept, own, seal, err := tx.OwnAccounts("ann")
		if !kept || len(own) != 1 || own[0] != cases.OwnDigest(desktest.OwnSecret, "plaza", "acct/2") || seal == "" {
			t.Errorf("the desk keeps %v, %q, sealed with %q", kept, own, seal)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if n := tab.Count("#own-none"); n != 0 {
		t.Error("whoever has declared an account can declare to have none")
	}

	other := d.SignIn("bob")
	other.Open("/settings")
	ready(other, "settings")
	other.Click("#own-none")
	other.WaitText("dl.facts", "none, declared")
}
