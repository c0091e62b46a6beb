package web_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/platform"
	"countersign.dev/web/webtest"
)

// asked has abe ask for a takedown of the protected account @singer.
func asked(d *webtest.Desk) actions.Request {
	return d.Request("abe", acts.Wish{Kind: actions.AccountTakedown, Subject: "plaza:@singer", Reason: "He posts addresses of people."})
}

func ready(tab interface{ Wait(string) }, script string) {
	tab.Wait("=> document.documentElement.dataset.ready === '" + script + "'")
}

// TestCountersign: somebody asks for the takedown of a protected account, somebody else reads and
// countersigns it with a passkey, it is carried out, and undone with one press.
func TestCountersign(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("lee")
	r := asked(d)
	tab := d.SignIn("lee")
	tab.Open("/countersign")
	tab.WaitText("main", "Take down the account @singer")
	tab.Screenshot("countersign-list")
	tab.Click(".ask a")
	ready(tab, "countersign")
	tab.WaitText("#sentence", "Take down the account @singer (plaza:acct/2) on plaza, with no end")
	tab.WaitText("[data-load]", "after it")
	tab.Screenshot("countersign")
	tab.Type("#typed", "@singer")
	tab.Click("input[value=countersign]")
	tab.Click("#answer button")
	tab.WaitText("h1", r.ID)
	tab.WaitText("#standing", "done")
	if got := d.State("acct/2"); got.Status != platform.Down {
		t.Errorf("the account is %s", got.Status)
	}
}
