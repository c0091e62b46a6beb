package plaza_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"countersign.dev/fault"
	"countersign.dev/plaza"
	"countersign.dev/test/testenv"
)

func (to *town) ownerToken(account string) string {
	to.t.Helper()
	token, err := to.server.IssueOwnerToken(context.Background(), account)
	if err != nil {
		to.t.Fatal(err)
	}
	return token
}

// own reads an account as its owner.
func (to *town) own(token string) plaza.Own {
	to.t.Helper()
	var o plaza.Own
	if err := json.Unmarshal([]byte(to.want(200, "GET", "/owner/v1/account", token, "", "")), &o); err != nil {
		to.t.Fatal(err)
	}
	return o
}

func TestOwnerTokensOpenOneAccount(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	to.want(201, "POST", "/staff/v1/accounts", to.setup, "", `{"handle":"@other","name":"Other"}`)
	token := to.ownerToken("@president")
	if o := to.own(token); o.ID != "acct/1" || o.Handle != "@President" || o.Status != plaza.Up || o.Lock.Set || len(o.Notices) != 0 {
		t.Errorf("%+v", o)
	}
	for _, other := range []string{"", to.staff, to.setup, "plaza_x"} {
		for _, r := range []struct{ method, path string }{{"GET", "account"}, {"PUT", "lock"}, {"DELETE", "lock"}, {"POST", "deactivate"}, {"POST", "reactivate"}} {
			to.want(401, r.method, "/owner/v1/"+r.path, other, "", "")
		}
	}
	for _, path := range []string{"/staff/v1/subjects?id=acct/1", "/staff/v1/events", "/staff/v1/accounts", "/staff/v1/lock?id=acct/1", "/staff/v1/capabilities"} {
		to.want(401, "GET", path, token, "", "")
	}
	to.want(405, "POST", "/owner/v1/lock", token, "", "")
	to.want(404, "GET", "/owner/v1/other", token, "", "")

	// The setup token makes them, the staff's does not.
	to.want(403, "POST", "/staff/v1/owners", to.staff, "", `{"account":"acct/1"}`)
	var given struct{ ID, Token string }
	if err := json.Unmarshal([]byte(to.want(201, "POST", "/staff/v1/owners", to.setup, "", `{"account":"@OTHER"}`)), &given); err != nil {
		t.Fatal(err)
	}
	if o := to.own(given.Token); given.ID != o.ID || o.Handle != "@other" {
		t.Errorf("given %s, which opens %+v", given.ID, o)
	}
	for account, status := range map[string]int{"acct/9": 404, "@nobody": 404, "post/1": 400, "": 400} {
		to.want(status, "POST", "/staff/v1/owners", to.setup, "", `{"account":"`+account+`"}`)
	}
	if _, err := to.server.IssueToken(t.Context(), "somebody", plaza.OwnerScope); !fault.Is(err, "bad-token") {
		t.Errorf("a staff token of the scope owner: %v", err)
	}

	// With the account go its owner's ways in and what was said.
	to.want(200, "POST", "/staff/v1/notices", to.staff, "n", `{"account":"acct/1","title":"T","text":"T"}`)
	to.want(200, "PUT", "/owner/v1/lock", token, "", "")
	to.want(200, "POST", "/staff/v1/commands", to.staff, "gone", command("delete", "acct/1", "up", "", ""))
	to.want(401, "GET", "/owner/v1/account", token, "", "")
	to.want(404, "GET", "/staff/v1/lock?id=acct/1", to.staff, "", "")
	to.want(404, "POST", "/staff/v1/notices", to.staff, "n2", `{"account":"acct/1","title":"T","text":"T"}`)
}

// TestOwnersLock: set and taken back at once, dated, told as events of their own
// that change nothing else; and it forbids nothing.
func TestOwnersLock(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	token := to.ownerToken("acct/1")
	events := to.follow(0)
	to.want(200, "PUT", "/owner/v1/lock", token, "", "")
	to.want(200, "PUT", "/owner/v1/lock", token, "", "") // changes nothing, so no event
	to.want(200, "POST", "/staff/v1/commands", to.staff, "k", command("deactivate", "acct/1", "up", "", "CSGN-forged"))
	to.want(200, "DELETE", "/owner/v1/lock", token, "", "")
	to.want(200, "DELETE", "/owner/v1/lock", token, "", "")
	for n, want := range []struct{ event, status, mark, by string }{{"lock", "up", "", "@President"}, {"change", "deactivated", "CSGN-forged", "console"}, {"lock", "deactivated", "CSGN-forged", "@President"}} {
		if e := events.next(); e["id"] != float64(n+1) || e["event"] != want.event || e["status"] != want.status || e["mark"] != want.mark || e["by"] != want.by {
			t.Errorf("event %d is %v, want %v", n+1, e, want)
		}
	}
	lock := to.want(200, "GET", "/staff/v1/lock?id=acct/1", to.staff, "", "")
	if !strings.Contains(lock, `"set":true`) || !strings.Contains(lock, `"cleared":"2026-11-23T18:00:00.000000Z"`) || !strings.Contains(lock, `"since":"2026-11-23T18:00:00.000000Z"`) {
		t.Errorf("the staff reads %s", lock)
	}
	for query, status := range map[string]int{"id=post/1": 400, "": 400, "id=acct/99": 404, "id=acct/1&x=1": 400} {
		to.want(status, "GET", "/staff/v1/lock?"+query, to.staff, "", "")
	}
}

func TestOwnerSwitchesOffAndOn(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	token := to.ownerToken("acct/1")
	to.want(409, "POST", "/owner/v1/reactivate", token, "", "")
	to.want(200, "POST", "/owner/v1/deactivate", token, "", "")
	to.want(409, "POST", "/owner/v1/deactivate", token, "", "")
	if o := to.own(token); o.Status != plaza.Deactivated {
		t.Errorf("%+v", o)
	}
	if e := to.follow(0).next(); e["by"] != "@President" || e["mark"] != "" || e["status"] != "deactivated" {
		t.Errorf("the event is %v", e)
	}
	to.want(200, "POST", "/owner/v1/reactivate", token, "", "")
	// What the staff did is not the owner's to undo.
	for verb, status := range map[string]string{"takedown": "down", "deactivate": "deactivated"} {
		to.want(200, "POST", "/staff/v1/commands", to.staff, verb, command(verb, "acct/1", "up", "", "m"))
		to.want(409, "POST", "/owner/v1/reactivate", token, "", "")
		back := map[string]string{"takedown": "restore", "deactivate": "reactivate"}[verb]
		to.want(200, "POST", "/staff/v1/commands", to.staff, back, command(back, "acct/1", status, "m", ""))
	}
}

// TestBeneath: a takedown hides a deactivation, the owner changes it while it is hidden,
// and it shows again once the takedown is lifted, in the name of the person who made it.
// On both databases.
func TestBeneath(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *town{
		"sqlite":   func(t *testing.T) *town { return newTown(t, nil) },
		"postgres": func(t *testing.T) *town { return townOn(t, testenv.Postgres(t)) },
	} {
		t.Run(name, func(t *testing.T) { beneath(t, open(t)) })
	}
}

func beneath(t *testing.T, to *town) {
	to.seed()
	token := to.ownerToken("acct/1")
	keys, events := 0, to.follow(0)
	does := func(verb, status, mark, leave string) string {
		t.Helper()
		keys++
		return to.want(200, "POST", "/staff/v1/commands", to.staff, fmt.Sprint("k", keys), command(verb, "acct/1", status, mark, leave))
	}
	own := func(route string, status int) {
		t.Helper()
		to.want(status, "POST", "/owner/v1/"+route, token, "", "")
	}
	is := func(status, beneath plaza.Status) {
		t.Helper()
		if o := to.own(token); o.Status != status || o.Beneath != beneath {
			t.Fatalf("it is %s over %q, expected %s over %q", o.Status, o.Beneath, status, beneath)
		}
	}
	tells := func(status, by string) {
		t.Helper()
		if e := events.next(); e["status"] != status || e["by"] != by {
			t.Fatalf("told %v, expected %s by %s", e, status, by)
		}
	}
	// The owner is away before, and stays so.
	own("deactivate", 200)
	tells("deactivated", "@President")
	to.want(400, "POST", "/staff/v1/commands", to.staff, "bad", command("takedown", "acct/1", "deactivated", "m", "m1"))
	does("takedown", "deactivated", "", "m1")
	tells("down", "console")
	is(plaza.Down, plaza.Deactivated)
	own("deactivate", 409)
	if answer := does("restore", "down", "m1", ""); !strings.Contains(answer, `"mark":"","rev":"4","sort":"account","status":"deactivated"}`) {
		t.Errorf("lifting it answered %s", answer)
	}
	tells("deactivated", "@President")
	is(plaza.Deactivated, "")
	// The owner comes back while it is down: nobody sees that, nor is it told.
	does("takedown", "deactivated", "", "m2")
	tells("down", "console")
	own("reactivate", 200)
	own("reactivate", 409)
	is(plaza.Down, plaza.Up)
	if now := to.want(200, "GET", "/staff/v1/subjects?id=acct/1", to.staff, "", ""); !strings.Contains(now, `"mark":"m2","rev":"5","sort":"account","status":"down"}`) {
		t.Errorf("the staff reads %s", now)
	}
	does("takedown", "down", "m2", "m3") // a takedown in the place of another hides the same
	tells("down", "console")
	does("restore", "down", "m3", "")
	tells("up", "console")
	is(plaza.Up, "")
	// The owner goes away while it is down.
	does("takedown", "up", "", "m4")
	tells("down", "console")
	own("deactivate", 200)
	is(plaza.Down, plaza.Deactivated)
	does("takedown", "down", "m4", "m5")
	tells("down", "console")
	does("restore", "down", "m5", "")
	tells("deactivated", "@President")
	own("reactivate", 200)
	tells("up", "@President")
	// What staff switched off is not told as the owner's because a takedown lay over it.
	insider := to.token("insider", plaza.StaffScope)
	to.want(200, "POST", "/staff/v1/commands", insider, "k", command("deactivate", "acct/1", "up", "", ""))
	tells("deactivated", "insider")
	does("takedown", "deactivated", "", "m6")
	tells("down", "console")
	does("restore", "down", "m6", "")
	tells("deactivated", "insider")
	does("delete", "deactivated", "", "")
	tells("deleted", "console")
}

// TestInsidersMarks: a staff credential can leave any mark and take any measure
// that another one left away; the events name it.
func TestInsidersMarks(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	insider := to.token("insider", plaza.StaffScope)
	to.want(200, "POST", "/staff/v1/commands", to.staff, "k1", command("takedown", "acct/1", "up", "", "CSGN-req_1"))
	to.want(200, "POST", "/staff/v1/commands", insider, "k1", command("takedown", "acct/1", "down", "CSGN-req_1", "CSGN-req_1x"))
	to.want(200, "POST", "/staff/v1/commands", insider, "k2", command("restore", "acct/1", "down", "CSGN-req_1x", ""))
	to.want(200, "POST", "/staff/v1/commands", insider, "k3", command("deactivate", "acct/1", "up", "", "CSGN-req_1"))
	r := to.follow(0)
	for n, by := range []string{"console", "insider", "insider", "insider"} {
		if e := r.next(); e["by"] != by {
			t.Errorf("event %d is %v, want by %s", n+1, e, by)
		}
	}
}

func TestNotices(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	token := to.ownerToken("acct/1")
	first := to.want(200, "POST", "/staff/v1/notices", to.staff, "n1", `{"account":"acct/1","title":"One","text":"Text"}`)
	if again := to.want(200, "POST", "/staff/v1/notices", to.staff, "n1", `{"text":"Text","title":"One","account":"acct/1"}`); again != first {
		t.Errorf("again: %s, first %s", again, first)
	}
	to.want(422, "POST", "/staff/v1/notices", to.staff, "n1", `{"account":"acct/1","title":"Two","text":"Text"}`)
	to.want(200, "POST", "/staff/v1/notices", to.token("other", plaza.StaffScope), "n1", `{"account":"acct/1","title":"Two","text":"Text"}`)
	if n := to.own(token).Notices; len(n) != 2 || n[0].Title != "Two" || n[1].Title != "One" || n[1].Text != "Text" || n[1].At.IsZero() {
		t.Errorf("%+v", n)
	}
	for name, body := range map[string]string{
		"no title":    `{"account":"acct/1","title":"","text":"T"}`,
		"two lines":   `{"account":"acct/1","title":"a\nb","text":"T"}`,
		"no text":     `{"account":"acct/1","title":"T","text":""}`,
		"an endless":  `{"account":"acct/1","title":"T","text":"` + strings.Repeat("x", 5001) + `"}`,
		"a post":      `{"account":"post/1","title":"T","text":"T"}`,
		"more":        `{"account":"acct/1","title":"T","text":"T","html":"T"}`,
		"nothing":     ``,
		"no account ": `{"title":"T","text":"T"}`,
	} {
		if status, answer := to.send("POST", "/staff/v1/notices", to.staff, "k-"+name[:2], body); status != 400 && status != 415 {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	to.want(400, "POST", "/staff/v1/notices", to.staff, "", `{"account":"acct/1","title":"T","text":"T"}`)
	to.want(401, "POST", "/staff/v1/notices", token, "k", `{"account":"acct/1","title":"T","text":"T"}`)
	if n := to.own(token).Notices; len(n) != 2 {
		t.Errorf("%d notices after what was refused", len(n))
	}
}

// browse sends what a browser would, with the cookie of a token, and follows nothing.
func (to *town) browse(method, path, token, form string, edit func(*http.Request)) (*http.Response, string) {
	to.t.Helper()
	req, err := http.NewRequest(method, to.url+path, strings.NewReader(form))
	if err != nil {
		to.t.Fatal(err)
	}
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if token != "" {
		req.AddCookie(&http.Cookie{Name: "__Host-plaza-owner", Value: token})
	}
	if edit != nil {
		edit(req)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		to.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		to.t.Fatal(err)
	}
	return res, string(body)
}

func TestAccountPage(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	token := to.ownerToken("acct/1")
	to.want(200, "POST", "/staff/v1/notices", to.staff, "n1", `{"account":"acct/1","title":"Look <b>here</b>","text":"One.\nTwo."}`)

	res, page := to.browse("GET", "/account", "", "", nil)
	if res.StatusCode != 200 || !strings.Contains(page, `name="token"`) || strings.Contains(page, "Owner’s lock") {
		t.Errorf("to nobody: %s\n%s", res.Status, page)
	}
	res, page = to.browse("POST", "/account/sign-in", "", url.Values{"token": {to.staff}}.Encode(), nil)
	if res.StatusCode != 403 || len(res.Cookies()) != 0 || !strings.Contains(page, "nobody’s token") {
		t.Errorf("with the staff's token: %s, %v", res.Status, res.Cookies())
	}
	res, _ = to.browse("POST", "/account/sign-in", "", url.Values{"token": {" " + token + "\n"}}.Encode(), nil)
	cookies := res.Cookies()
	if res.StatusCode != 303 || len(cookies) != 1 || cookies[0].Value != token || !cookies[0].Secure || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || cookies[0].Path != "/" {
		t.Fatalf("signed in: %s, %+v", res.Status, cookies)
	}

	shows := func(texts ...string) {
		t.Helper()
		res, page := to.browse("GET", "/account", token, "", nil)
		if res.StatusCode != 200 || res.Header.Get("Cache-Control") != "no-store" || !strings.Contains(res.Header.Get("Content-Security-Policy"), "form-action 'self'") {
			t.Errorf("%s, %v", res.Status, res.Header)
		}
		for _, text := range texts {
			if !strings.Contains(page, text) {
				t.Errorf("the page does not show %q:\n%s", text, page)
			}
		}
	}
	does := func(path, want string, status int) string {
		t.Helper()
		res, page := to.browse("POST", path, token, "want="+want, nil)
		if res.StatusCode != status {
			t.Errorf("%s %s: %s", path, want, res.Status)
		}
		return page
	}
	shows(`<span class="state">Off`, "Set the lock", "Look &lt;b&gt;here&lt;/b&gt;", "<p>Two.</p>", "Deactivate this account")
	does("/account/lock", "set", 303)
	shows(`<span class="state on">On`, "Set on 23 November 2026, 18:00 UTC", "Your lock still counts")
	does("/account/lock", "clear", 303)
	shows("Taken back", "You took the lock back on 23 November 2026, 18:00 UTC", "72 hours", "Your lock still counts")
	does("/account/status", "deactivate", 303)
	shows(`data-status="deactivated"`, "Bring it back")
	if page := does("/account/status", "deactivate", 409); !strings.Contains(page, "That was not done.") || !strings.Contains(page, `href="/account"`) {
		t.Errorf("twice:\n%s", page)
	}
	does("/account/status", "reactivate", 303)
	does("/account/status", "delete", 400)
	does("/account/lock", "", 400)
	to.want(200, "POST", "/staff/v1/commands", to.staff, "k", command("takedown", "acct/1", "up", "", "m"))
	shows(`data-status="down"`, "Plaza’s staff did this", "your account is up again", "Deactivate this account")
	does("/account/status", "deactivate", 303)
	shows(`data-status="down"`, "deactivated as well", "Bring it back")
	does("/account/status", "reactivate", 303)
	shows(`data-status="down"`, "your account is up again")
	to.want(200, "POST", "/staff/v1/commands", to.staff, "k2", command("restore", "acct/1", "down", "m", ""))

	// No other site's form works, and nobody else's cookie.
	for name, edit := range map[string]func(*http.Request){
		"another site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another origin": func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") },
	} {
		if res, _ := to.browse("POST", "/account/status", token, "want=deactivate", edit); res.StatusCode != 403 {
			t.Errorf("%s: %s", name, res.Status)
		}
	}
	if res, _ := to.browse("POST", "/account/status", to.staff, "want=deactivate", nil); res.StatusCode != 303 {
		t.Errorf("with the staff's token: %s", res.Status)
	}
	if o := to.own(token); o.Status != plaza.Up {
		t.Errorf("it is %s now", o.Status)
	}
	if res, _ := to.browse("POST", "/account/sign-out", token, "x=1", nil); res.StatusCode != 303 || len(res.Cookies()) != 1 || res.Cookies()[0].MaxAge >= 0 {
		t.Errorf("signed out: %s, %v", res.Status, res.Cookies())
	}
	if res, _ := to.browse("GET", "/account/elsewhere", "", "", nil); res.StatusCode != 404 {
		t.Errorf("elsewhere: %s", res.Status)
	}
}
