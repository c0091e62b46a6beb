package web_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/platform"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
)

// TestFindTellsNoRequestOfOthers: what is found about a subject is what its reader reads whole. A
// vendor's people do not learn that another vendor's people asked for something.
func TestFindTellsNoRequestOfOthers(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	r := asked(d)
	if _, err := d.TryWithdraw("abe", r.ID, r.Version); err != nil {
		t.Fatal(err)
	}
	const page = "/find?q=plaza:acct/2"
	if body := reads(t, d, "ann")(page); !strings.Contains(body, r.ID) {
		t.Errorf("abe's company does not find it: %s", body)
	}
	if body := reads(t, d, "bob")(page); strings.Contains(body, r.ID) || strings.Contains(body, "takedown") {
		t.Errorf("another company finds it: %s", body)
	}
}

// TestProofIsGoodOnce: whoever has a cookie and saw a write of its page cannot send the write again.
func TestProofIsGoodOnce(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	for i, subject := range []string{"post/1", "acct/3", "acct/4"} {
		d.Evidenced(d.Flag(strconv.Itoa(i), subject, "MisleadingSpam", "acct/2").Case.ID)
	}
	p := d.Browser("ann")
	body := "{}"
	proof := actions.BrowserProof{Method: "POST", Target: "/api/v1/cases/next", Token: p.Token.ID, At: d.Clock().Now().UnixMicro(), Body: canonical.Sum([]byte(body))}
	header := p.Token.ID + " " + strconv.FormatInt(proof.At, 10) + " " + base64.RawURLEncoding.EncodeToString(p.Proves(proof))
	send := func() (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", d.URL+proof.Target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Countersign-Proof", header)
		req.AddCookie(&http.Cookie{Name: "countersign", Value: p.Secret})
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	if status, body := send(); status >= 300 {
		t.Fatalf("the first one: %d %s", status, body)
	}
	if status, body := send(); status != http.StatusForbidden || !strings.Contains(body, "bad-proof") {
		t.Errorf("sent again: %d %s", status, body)
	}
}

// TestALyingCasePage: the page of a case says something else than its data, which is what a decision
// would be about. Nothing is decided.
func TestALyingCasePage(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	got := d.Flag("1", "post/1", "MisleadingSpam", "acct/4")
	d.Evidenced(got.Case.ID)
	now := lying(d)
	tab := d.SignIn("ann")
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	change := func(old, fresh string) lie {
		return func(path, body string) string {
			if path != "/cases/"+got.Case.ID {
				return body
			}
			if !strings.Contains(body, old) {
				t.Errorf("the page has no %s", old)
			}
			return strings.ReplaceAll(body, old, fresh)
		}
	}
	rule := tab.Text("input[name=rule][data-key=\"1\"] ~ .name [data-title]")
	for _, x := range []struct {
		name, key string
		lie       lie
		says      string
	}{
		{"another subject is shown", "1", change(`id="subject-is">plaza:post/1`, `id="subject-is">plaza:post/2`), "the page shows plaza:post/2"},
		{"the subject is hidden", "1", change(`id="subject-is"`, `id="subject-is" hidden`), "hides what you would sign"},
		{"another case is shown", "1", change(`<h1 class="mono">`+got.Case.ID, `<h1 class="mono">cas_other`), "the page shows the case"},
		{"another rule is shown", "1", change(`<span data-title>`+rule, `<span data-title>No rule at all`), "another rule"},
		{"a measure is called another one", "1", change(`<span data-words>Take down this post: nobody sees it`, `<span data-words>Label this post: spam`), "the page says “Label"},
		{"no violation, of another subject", "", change(`id="subject-is">plaza:post/1`, `id="subject-is">plaza:post/2`), "the page shows plaza:post/2"},
	} {
		now.Store(&x.lie)
		tab.Open("/cases/" + got.Case.ID)
		tab.Wait("=> document.documentElement.dataset.ready === 'case'")
		if x.key == "" {
			tab.Press("a")
		} else {
			tab.Press(x.key)
			tab.WaitText("#departs", "the usual ones")
			tab.Press("Ctrl+Enter")
		}
		tab.Wait("#verdict-error:not(:empty)")
		if says := tab.Text("#verdict-error"); !strings.Contains(says, x.says) || !strings.Contains(says, "Nothing was signed") {
			t.Errorf("%s: the page says %q, want %q", x.name, says, x.says)
		}
	}
	now.Store(nil)
	if v, err := d.Case(t.Context(), desktest.As("kim"), got.Case.ID); err != nil || len(v.Decisions) != 0 {
		t.Errorf("%d decisions: %v", len(v.Decisions), err)
	}
}

// TestALyingTakeBack: the desk slips the undo of somebody else's measure into what takes a decision
// back, in the tab that decided and on the page of one's work.
func TestALyingTakeBack(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	other := asked(d)
	got := d.Flag("1", "post/1", "MisleadingSpam", "acct/2")
	d.Evidenced(got.Case.ID)
	now := lying(d)
	tab := d.SignIn("ann")
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	tab.Press("1")
	tab.WaitText("#departs", "the usual ones")
	tab.Press("Ctrl+Enter")
	tab.Wait("#takeback")
	desktest.Until(t, "the post is down", func() bool { return d.State("post/1").Status == platform.Down })
	d.Clock().Hold() // the 15 seconds do not pass, however busy the machine is
	var f lie = func(path, body string) string {
		if !strings.HasPrefix(path, "/api/v1/decisions/") || !strings.HasSuffix(path, "/drafts") {
			return body
		}
		var all map[string]json.RawMessage
		var undos []map[string]json.RawMessage
		if json.Unmarshal([]byte(body), &all) != nil || json.Unmarshal(all["undos"], &undos) != nil || len(undos) != 1 {
			return body // the measure is still on its way
		}
		var a actions.Action
		var st actions.Statement
		if json.Unmarshal(undos[0]["action"], &a) != nil || json.Unmarshal(undos[0]["statement"], &st) != nil {
			t.Errorf("the draft %s", body)
		}
		a.Reverses, a.Kind, a.Subject = other.ID, actions.AccountRestore, other.Action.Subject
		st.Action = a.Digest()
		undos[0]["action"], undos[0]["statement"] = canonical.MustMarshal(a), canonical.MustMarshal(st)
		all["undos"] = canonical.MustMarshal(undos)
		return string(canonical.MustMarshal(all))
	}
	now.Store(&f)
	tab.Allow("403", "409")
	tab.Open("/work")
	ready(tab, "work")
	testenv.Eval[bool](tab, "(document.querySelector('[data-back]').dataset.until = '2099-01-01T00:00:00.000000Z', true)")
	tab.Click("[data-back]")
	tab.WaitText("#toast", "something else than your measures")
	now.Store(nil)
	tab.Open("/work")
	ready(tab, "work")
	tab.Click("[data-back]")
	onCase(tab, got.Case.ID)
	desktest.Until(t, "the post is up", func() bool { return d.State("post/1").Status == platform.Up })
}

// TestALyingRequestPage: the page of a request says something else than what its undo or its
// withdrawal would be about.
func TestALyingRequestPage(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	now := lying(d)
	held := d.Request("abe", acts.Wish{Kind: actions.AccountLimit, Subject: "plaza:@singer", Reason: "He sings."})
	done := d.Countersign(asked(d).ID, "lee")
	desktest.Until(t, "it is carried out", func() bool { return d.State("acct/2").Status == platform.Down })
	d.Passkeys("abe")
	tab := d.SignIn("abe")
	in := func(id string, f func(string) string) lie {
		return func(path, body string) string {
			if path == "/requests/"+id {
				return f(body)
			}
			return body
		}
	}
	inUndo := func(f func(*draft)) lie {
		return func(path, body string) string {
			if strings.HasSuffix(path, "/undo-drafts") {
				return inDraft(t, f)("/drafts", body)
			}
			return body
		}
	}
	swap := func(old, fresh string) func(string) string {
		return func(b string) string {
			if !strings.Contains(b, old) {
				t.Errorf("the page has no %s", old)
			}
			return strings.Replace(b, old, fresh, 1)
		}
	}
	for _, x := range []struct {
		name, id, does string
		lie            lie
		says           string
	}{
		{"undo: another account is shown", done.ID, "undo", in(done.ID, swap("the account @singer (plaza:acct/2)", "the account @mayor (plaza:acct/3)")), "the page says"},
		{"undo: another reason is shown", done.ID, "undo", in(done.ID, swap(`data-fact="reason">He posts`, `data-fact="reason">He sings`)), "the page says that the reason"},
		{"undo: of another request", done.ID, "undo", in(done.ID, swap(`data-request="`+done.ID, `data-request="`+held.ID)), "about another request"},
		{"undo: it raises an alarm", done.ID, "undo", inUndo(func(d *draft) { d.Statement.Alarm = true }), "raises an alarm"},
		{"undo: it names a decision", done.ID, "undo", inUndo(func(d *draft) { d.Statement.Decision = canonical.Sum([]byte("x")) }), "another decision"},
		{"withdrawal: another account is shown", held.ID, "withdraw", in(held.ID, swap("the account @singer (plaza:acct/2)", "the account @mayor (plaza:acct/3)")), "the page says"},
		{"withdrawal: of another request", held.ID, "withdraw", in(held.ID, swap(`data-request="`+held.ID, `data-request="`+done.ID)), "about another request"},
	} {
		now.Store(&x.lie)
		tab.Open("/requests/" + x.id)
		ready(tab, "requests")
		tab.Click("[data-do=" + x.does + "]")
		tab.Wait("#request-error:not(:empty)")
		if says := tab.Text("#request-error"); !strings.Contains(says, x.says) || !strings.Contains(says, "Nothing was signed") {
			t.Errorf("%s: the page says %q, want %q", x.name, says, x.says)
		}
	}
	now.Store(nil)
	for id, want := range map[string]actions.Status{done.ID: actions.StatusExecuted, held.ID: actions.StatusHeld} {
		if r, err := d.RequestByID(t.Context(), desktest.As("abe"), id); err != nil || r.Status != want {
			t.Errorf("%s is %s: %v", id, r.Status, err)
		}
	}
}
