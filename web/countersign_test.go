package web_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
	"countersign.dev/wording"
)

// asked has abe ask for a takedown of the protected account @singer.
func asked(d *webtest.Desk) actions.Request {
	return d.Request("abe", acts.Wish{Kind: actions.AccountTakedown, Subject: "plaza:@singer", Reason: "He posts addresses of people."})
}

func ready(tab interface{ Wait(string) }, script string) {
	tab.Wait("=> document.documentElement.dataset.ready === '" + script + "'")
}

// asksFor has the page of a browser ask for an act, signed with the person's own key.
const asksFor = `(async (wish) => {
	const at = document.documentElement.dataset.static;
	const [sign, shell] = await Promise.all([import(at + "/sign.js"), import(at + "/shell.js")]);
	const who = sign.byOwnKey(await shell.mine());
	const d = await shell.api("POST", "drafts", { ...wish, key: who.key });
	await sign.checkStatement(d.action, d.statement, { request: d.statement.request, verdict: "request", who, most: 24 * 3600 });
	return (await shell.api("POST", "requests", { action: d.action, signed: await sign.signed(d.statement, who) })).id;
})`

// onPlaza compares the page of an account on plaza, as anybody sees it, with what should stand there.
func onPlaza(t *testing.T, d *webtest.Desk, handle, want string) {
	t.Helper()
	r, err := http.Get(d.PlazaURL + "/" + handle)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "data-status=\""+want+"\"") {
		t.Errorf("%s is not %s on plaza (%d): %s", handle, want, r.StatusCode, b)
	}
}

// TestCountersign: somebody asks in a browser for the takedown of a protected account, somebody else
// reads and countersigns it in another browser with a passkey, it is carried out, and undone with
// one press. Everybody sees it on plaza.
func TestCountersign(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann", "lee")
	signer, asker := d.SignIn("lee"), d.SignIn("ann")
	signer.Open("/countersign")
	signer.WaitText("main", "Nothing waits for your signature")
	ready(signer, "requests")
	id := testenv.Eval[string](asker, asksFor+`({ kind: "account.takedown", subject: "plaza:@singer", reason: "He posts addresses of people." })`)
	asker.Open("/requests/" + id)
	ready(asker, "requests")
	asker.WaitText("#standing", "held")
	onPlaza(t, d, "@singer", "up")

	signer.WaitText("main", "Take down the account @singer") // by itself
	signer.Click(".ask a")
	ready(signer, "countersign")
	signer.WaitText("#sentence", "Take down the account @singer (plaza:acct/2) on plaza, with no end")
	signer.WaitText("[data-load]", "500,000")
	signer.Press("a") // no single keys but its own
	signer.Press("g")
	signer.Press("q")
	signer.Type("#typed", "@sing")
	signer.Click("input[value=countersign]")
	signer.Click("#answer button")
	signer.WaitText("#answer-error", "not what this act is about")
	signer.Type("#typed", "er")
	signer.Click("#answer button")
	signer.WaitText("h1", id)
	signer.WaitText("#standing", "done")
	onPlaza(t, d, "@singer", "down")
	signer.Open("/countersign/" + id) // nothing is left to sign
	signer.WaitText("main", "You have answered this request")
	if n := signer.Count("#answer"); n != 0 {
		t.Error("a signed request can be signed again")
	}

	asker.WaitText("#standing", "done") // by itself
	asker.WaitText("#undo", "becomes up again")
	asker.Click("[data-do=undo]")
	asker.Wait("=> location.pathname !== '/requests/" + id + "'")
	asker.WaitText("#standing", "done")
	onPlaza(t, d, "@singer", "up")
	asker.Open("/requests/" + id)
	asker.WaitText("#standing", "reversed")
	asker.Open("/requests?mine=1")
	asker.WaitText("main", "Bring back the account @singer")
	if got, err := d.RequestByID(t.Context(), desktest.As("ann"), id); err != nil || len(got.Signers) != 1 {
		t.Errorf("the request has %d countersignatures (%v)", len(got.Signers), err)
	}
}

// TestDecline: a signer says no, another one raises an alarm; pressing twice, going back and loading
// the page again do nothing twice.
func TestDecline(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("lee")
	tab := d.SignIn("lee")
	for _, x := range []struct {
		verdict string
		status  actions.Status
	}{{"decline", actions.StatusDeclined}, {"alarm", actions.StatusFrozen}} {
		r := asked(d)
		tab.Open("/countersign/" + r.ID)
		ready(tab, "countersign")
		tab.Type("#typed", "@singer")
		tab.Click("input[value=" + x.verdict + "]")
		tab.Click("#answer button")
		tab.WaitText("#answer-error", "Say why")
		tab.Type("#reason", "The evidence is of somebody else.")
		testenv.Eval[bool](tab, `(() => { const b = document.querySelector("#answer button"); b.click(); b.click(); b.click(); return true; })()`)
		tab.WaitText("h1", r.ID)
		tab.WaitText("#standing", wording.Status(x.status))
		tab.Back()
		tab.Reload()
		got, err := d.RequestByID(t.Context(), desktest.As("lee"), r.ID)
		if err != nil || got.Status != x.status || len(got.Declined) != 1 || got.Declined[0].Alarm != (x.verdict == "alarm") || got.Declined[0].Reason != "The evidence is of somebody else." {
			t.Errorf("%s: the request is %s: %+v (%v)", x.verdict, got.Status, got.Declined, err)
		}
	}
}

// TestOverMeanwhile: a request that ends while somebody reads it says so and takes no answer.
func TestOverMeanwhile(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("lee")
	r := asked(d)
	tab := d.SignIn("lee")
	tab.Open("/countersign/" + r.ID)
	ready(tab, "countersign")
	if _, err := d.TryWithdraw("abe", r.ID, r.Version); err != nil {
		t.Fatal(err)
	}
	tab.WaitText("#moved", "is withdrawn now")
	tab.Wait("#answer button:disabled")
	tab.Click("#moved button")
	tab.WaitText("h1", "Not yours to sign")
}
