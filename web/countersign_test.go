package web_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/policy"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
	"countersign.dev/wording"
	"countersign.dev/workforce"
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
	testenv.Eval[bool](signer, `(() => { getSelection().selectAllChildren(document.querySelector("label[for=typed] strong")); return true; })()`)
	signer.Edit("copy")
	signer.Focus("#typed")
	signer.Edit("paste")
	signer.WaitText("#answer-error", "Type it by hand")
	if got := testenv.Eval[string](signer, `document.querySelector("#typed").value`); got != "" {
		t.Errorf("pasting fills in %q", got)
	}
	signer.Type("#typed", "@sing")
	signer.Click("input[value=countersign]")
	signer.Click("#answer button")
	signer.WaitText("#answer-error", "Type @singer by hand")
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

// TestExpires: a request whose time is over while somebody reads it greys; afterwards its page says so.
func TestExpires(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("lee")
	r := d.Request("abe", acts.Wish{Kind: actions.AccountTakedown, Subject: "plaza:@president", Reason: "For four hours."})
	tab := d.SignIn("lee")
	tab.Open("/countersign/" + r.ID)
	ready(tab, "countersign")
	testenv.Eval[bool](tab, `(async () => {
		(await import(document.documentElement.dataset.static + "/keys.js")).setClock("`+r.Expires().String()+`");
		return true;
	})()`)
	tab.WaitText("#moved", "has expired")
	tab.Wait("#answer button:disabled")
}

// TestRequestPage: a request is withdrawn and asked for again on its page, by its requester alone; a
// measure on a standard subject is undone with the session's key, with one press.
func TestRequestPage(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann", "lee")
	tab := d.SignIn("ann")
	id := testenv.Eval[string](tab, asksFor+`({ kind: "account.takedown", subject: "plaza:@singer", reason: "He posts addresses of people." })`)
	other := d.SignIn("lee")
	other.Open("/requests/" + id)
	ready(other, "requests")
	if n := other.Count("[data-do=withdraw]"); n != 0 {
		t.Error("somebody else is offered to withdraw the request")
	}
	tab.Open("/requests/" + id)
	ready(tab, "requests")
	testenv.Eval[bool](tab, `(() => { const b = document.querySelector("[data-do=withdraw]"); b.click(); b.click(); return true; })()`)
	tab.WaitText("#standing", "withdrawn")
	other.WaitText("main", "you may not sign it") // by itself: another company's request is over
	tab.Open("/requests?mine=1&status=withdrawn")
	tab.WaitText("main", "Take down the account @singer")
	tab.Click("[data-rows] a")
	tab.Wait("[data-do=again]")
	tab.Click("[data-do=again]")
	tab.Wait("=> location.pathname.startsWith('/requests/req_') && location.pathname !== '/requests/" + id + "'")
	tab.WaitText("#standing", "held")
	tab.WaitText("main", "He posts addresses of people.")
	tab.Open("/requests?status=declined")
	tab.WaitText("main", "There is no such request")

	d.Evidenced(d.Flag("1", "acct/3", "MisleadingSpam", "acct/4").Case.ID)
	out, err := d.TryDecide("abe", d.Take("abe"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 2, Reasons: "It is so.", Measures: []casework.Measure{{Kind: actions.AccountTakedown}}})
	if err != nil || len(out.Requests) != 1 {
		t.Fatal(out, err)
	}
	if r := d.Settled("abe", out.Requests[0]); r.Status != actions.StatusExecuted {
		t.Fatalf("the measure is %s: %s", r.Status, r.OutcomeText)
	}
	tab.Open("/requests/" + out.Requests[0].ID)
	ready(tab, "requests")
	tab.Type("#undo-why", "It was a mistake.")
	testenv.Eval[bool](tab, `(() => { const b = document.querySelector("[data-do=undo]"); b.click(); b.click(); return true; })()`)
	tab.Wait("=> location.pathname !== '/requests/" + out.Requests[0].ID + "'")
	tab.WaitText("#standing", "done")
	onPlaza(t, d, "@neighbour", "up")
	all, _, err := d.Requests(t.Context(), desktest.As("ann"), acts.Filter{Subject: "acct/3", Platform: "plaza"})
	if err != nil || len(all) != 2 || all[0].Action.Reason != "It was a mistake." || all[0].Signed.Statement.Session.IsZero() {
		t.Errorf("the requests on the account are %d (%v)", len(all), err)
	}
}

// TestSigningPages: the page of each sort of request is judged in four forms, and shows what is signed
// as the command line shows it.
func TestSigningPages(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("lee", "bea")
	c := d.Flag("1", "acct/2", "harassment", "acct/4").Case
	d.Evidenced(c.ID)
	out, err := d.TryDecide("abe", d.Take("abe"), casework.Judgement{Verdict: actions.CaseViolation, Rule: 2, Reasons: "Twelve people report the same address.", Measures: []casework.Measure{{Kind: actions.AccountTakedown}}})
	if err != nil || len(out.Requests) != 1 {
		t.Fatal(out, err)
	}
	critical := d.Request("abe", acts.Wish{Kind: actions.AccountSuspend, Subject: "plaza:@president", Reason: "Impersonated.", Until: canonical.At(d.Clock().Now().Add(72 * time.Hour))})
	files := policy.Default()
	files["countersign.cedar"] += "// One line more.\n"
	set := d.Request("ada", acts.Wish{Kind: actions.DeskChange, Reason: "A line more.", Change: actions.Setting{Of: actions.PartPolicy, Policy: files}})
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: canonical.Bytes(public)}
	challenge := actions.PossessionChallenge(d.EnrolName(), "ann", key.ID())
	enrol := d.Request("ada", acts.Wish{Kind: actions.DeskKey, Reason: "A second key.", Change: actions.Keys{Enrol: []actions.Enrolment{{Worker: "ann", Key: key, Possession: actions.Signature{Signature: ed25519.Sign(private, challenge[:])}}}}})
	change, rows := d.Admission(false, workforce.Record{Worker: "zoe", Vendor: "bolt", Roles: []workforce.Role{workforce.Agent}, Team: "support", Manager: "ivo", Site: "site", Zone: "Europe/Lisbon", Start: canonical.At(d.Clock().Now()), Last: canonical.At(d.Clock().Now().AddDate(0, 6, 0))})
	imported := d.Request("ada", acts.Wish{Kind: actions.DeskAdmit, Reason: "A newcomer.", Change: change}, rows...)

	tabs := map[workforce.WorkerID]*testenv.Tab{"lee": d.SignIn("lee"), "bea": d.SignIn("bea")}
	for _, x := range []struct {
		name    string
		by      workforce.WorkerID
		request actions.Request
		shows   []string
	}{
		{"signing-case", "lee", out.Requests[0], []string{"Take down the account @singer", "HarassmentTargeted", "abe", "vendor acme", "different managers", "Under rule 2", "500,000"}},
		{"signing-critical", "lee", critical, []string{"Suspend the account @president", "until", "an employee", "anybody who is independent"}},
		{"signing-policy", "bea", set, []string{"+// One line more.", "What the set changes"}},
		{"signing-key", "bea", enrol, []string{key.ID().Words(), "for ann"}},
		{"signing-import", "bea", imported, []string{"joins  zoe", "under ivo, who is not at the desk", "vendor bolt"}},
	} {
		tab := tabs[x.by]
		tab.Open("/countersign/" + x.request.ID)
		ready(tab, "countersign")
		tab.Wait("=> !document.querySelector('[data-load] p.fine:only-child')?.textContent.includes('is asked')")
		page := tab.Text("main")
		if strings.Contains(page, "decided before") || strings.Contains(page, "strikes") {
			t.Errorf("%s shows the decision that asks as one of before: %s", x.name, page)
		}
		for _, want := range x.shows {
			if !strings.Contains(page, want) {
				t.Errorf("%s does not show %q: %s", x.name, want, page)
			}
		}
		if got, want := testenv.Eval[string](tab, "document.getElementById('digest').textContent"), x.request.Action.Digest().String(); got != want {
			t.Errorf("%s: the digest is %q, want %q", x.name, got, want)
		}
		if got := testenv.Eval[string](tab, "document.getElementById('canonical').textContent"); got != string(canonical.MustMarshal(x.request.Action)) {
			t.Errorf("%s: the canonical text is %s", x.name, got)
		}
		for _, wrong := range tab.Validate() {
			t.Errorf("%s: HTML: %s", x.name, wrong)
		}
		for _, scheme := range []string{"light", "dark"} {
			tab.Scheme(scheme)
			for _, width := range []int{1440, 390} {
				tab.Size(width)
				tab.Screenshot(x.name + "-" + scheme + "-" + number(width))
				for _, wrong := range tab.Axe() {
					t.Errorf("%s, %s, %d px: axe: %s", x.name, scheme, width, wrong)
				}
			}
		}
		tab.Scheme("light")
		tab.Size(1440)
		for _, wrong := range tab.Reflow200() {
			t.Errorf("%s at 200 %%: %s", x.name, wrong)
		}
	}
	// A change of the desk is signed with the same page.
	answer(tabs["bea"], set.ID, "policy", "countersign")
	tabs["bea"].WaitText("h1", set.ID)
	if got, err := d.RequestByID(t.Context(), desktest.As("ada"), set.ID); err != nil || len(got.Signers) != 1 {
		t.Errorf("the policy has %d countersignatures (%v)", len(got.Signers), err)
	}
}
