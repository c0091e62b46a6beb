package plaza_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"countersign.dev/plaza"
	"countersign.dev/sqldb"
)

// drawn is a picture in the JSON of a post.
func drawn(t testing.TB, word string) string {
	t.Helper()
	file, alt, err := plaza.Scene(word)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"data":%q,"alt":%q}`, base64.StdEncoding.EncodeToString(file), alt)
}

func (to *town) posts(status int, account, text string, pictures ...string) string {
	to.t.Helper()
	return to.want(status, "POST", "/staff/v1/posts", to.setup, "", fmt.Sprintf(`{"account":%q,"text":%q,"pictures":[%s]}`, account, text, strings.Join(pictures, ",")))
}

// look is a page of a browser in which the owner of a token is signed in; empty: nobody.
func (to *town) look(path, token string) string {
	to.t.Helper()
	res, page := to.browse("GET", path, token, "", nil)
	if res.StatusCode != 200 {
		to.t.Fatalf("%s: %s", path, res.Status)
	}
	return page
}

var pictureAddress = regexp.MustCompile(`<img src="(/picture/[^"]+)" alt="([^"]*)"`)

func TestPostsWithPictures(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		one := drawn(t, "one")
		to.posts(201, "acct/1", "Four of them.", one, drawn(t, "two"), drawn(t, "three"), one)
		if answer := to.posts(400, "acct/1", "Five.", one, one, one, one, one); !strings.Contains(answer, "bad-post") || !strings.Contains(answer, "this one has 5") {
			t.Errorf("five pictures: %s", answer)
		}
		for name, c := range map[string]struct {
			status        int
			problem, part string
		}{
			"text":      {400, "bad-picture", `{"data":"aGVsbG8=","alt":"a"}`},
			"no base64": {400, "malformed", `{"data":"!","alt":"a"}`},
			"no alt":    {400, "bad-picture", `{"data":"aGVsbG8=","alt":""}`},
			"large":     {413, "picture-too-large", `{"data":"` + strings.Repeat("AAAA", (1<<20)/3+2) + `","alt":"a"}`},
			"more":      {400, "malformed", `{"data":"aGVsbG8=","alt":"a","name":"x.png"}`},
		} {
			if answer := to.posts(c.status, "acct/1", "Bad.", c.part); !strings.Contains(answer, "/"+c.problem+`"`) {
				t.Errorf("%s: %s", name, answer)
			}
		}
		// With one bad picture nothing of a list is made.
		to.want(400, "POST", "/staff/v1/posts/bulk", to.setup, "", `{"posts":[{"account":"acct/1","text":"Good."},{"account":"acct/1","text":"Bad.","pictures":[{"data":"aGVsbG8=","alt":"a"}]}]}`)
		if page := to.look("/", ""); strings.Contains(page, "Good.") || strings.Contains(page, "Bad.") || strings.Contains(page, "Five.") {
			t.Error("a refused post is there")
		}
		found := pictureAddress.FindAllStringSubmatch(to.look("/post/5", ""), -1)
		if len(found) != 4 || found[0][1] != found[3][1] || found[0][1] == found[1][1] || !strings.Contains(found[0][2], "A drawing of hills") {
			t.Fatalf("the page shows %q", found)
		}
		get := func(status int, path, tag string) *http.Response {
			t.Helper()
			req, err := http.NewRequest("GET", to.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tag != "" {
				req.Header.Set("If-None-Match", tag)
			}
			res, err := patient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { res.Body.Close() })
			if res.StatusCode != status {
				t.Errorf("%s: %s, want %d", path, res.Status, status)
			}
			return res
		}
		address := found[0][1]
		res := get(200, address, "")
		h := res.Header
		if h.Get("Content-Type") != "image/png" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'; sandbox") ||
			h.Get("Cache-Control") != "no-cache" || h.Get("ETag") != `"`+address[strings.LastIndex(address, "/")+1:]+`"` {
			t.Errorf("a picture comes with %v", h)
		}
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(bytes.NewReader(b)); err != nil {
			t.Error(err)
		}
		get(304, address, h.Get("ETag"))
		for _, path := range []string{"/picture/1/" + address[strings.LastIndex(address, "/")+1:], "/picture/5/x", "/picture/x/y", "/picture/05/" + address[strings.LastIndex(address, "/")+1:], "/picture/5"} {
			get(404, path, "")
		}
		// A picture is shown as long as its post is.
		to.sends(200, command("takedown", "post/5", "up", "", "m"))
		get(404, address, h.Get("ETag"))
		to.sends(200, command("restore", "post/5", "down", "m", ""))
		get(200, address, "")
		to.sends(200, command("takedown", "acct/1", "up", "", "m"))
		get(404, address, "")
		to.sends(200, command("restore", "acct/1", "down", "m", ""))
		to.posts(201, "acct/1", "Another one.", one)
		to.sends(200, command("delete", "post/5", "up", "", ""))
		get(404, address, "")
		to.sends(200, command("delete", "acct/1", "up", "", ""))
		var left int
		if err := to.db.Read(t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow(`select count(*) from picture`).Scan(&left) }); err != nil || left != 0 {
			t.Errorf("%d pictures of deleted posts are left, %v", left, err)
		}
	})
}

// TestLargeRequest: a post with four pictures of the largest size fits into a request.
func TestLargeRequest(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	img := image.NewGray(image.Rect(0, 0, 1023, 1023))
	x := uint32(1)
	for i := range img.Pix { // what cannot be pressed together
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		img.Pix[i] = byte(x)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 1<<20 || b.Len() < 1_000_000 {
		t.Fatalf("the picture has %d bytes", b.Len())
	}
	p := fmt.Sprintf(`{"data":%q,"alt":"noise"}`, base64.StdEncoding.EncodeToString(b.Bytes()))
	to.posts(201, "acct/1", "Noise.", p, p, p, p)
}

// TestLabelsOnPages: a label is a line with its reason and reference; two of them veil
// pictures until the reader opens them, without a script.
func TestLabelsOnPages(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	to.posts(201, "acct/2", "From the clinic.", drawn(t, "clinic"))
	shows := func(path string, texts ...string) {
		t.Helper()
		_, _, page := to.page(path)
		for _, text := range texts {
			lacks, absent := strings.CutPrefix(text, "!")
			if strings.Contains(page, lacks) == absent {
				t.Errorf("%s: %q found: %v", path, lacks, absent)
			}
		}
	}
	shows("/post/5", "<img src=\"/picture/", "!<details", "!class=\"label\"")
	to.sends(200, layered("label", "label:spam", "post/5", "unset", "", "a<b>&c"))
	for _, path := range []string{"/post/5", "/", "/@tomas", "/search?q=clinic"} {
		shows(path, "<b>Spam</b> This repeats itself", "a&lt;b&gt;&amp;c", "!<details", "From the clinic.")
	}
	for _, l := range []string{"graphic", "sensitive"} {
		to.sends(200, layered("label", "label:"+l, "post/5", "unset", "", "m"))
	}
	for _, path := range []string{"/post/5", "/", "/@tomas", "/search?q=clinic"} {
		shows(path, `<details class="veil"><summary>`, "<b>Graphic, sensitive</b>", "Show the picture", "<b>Graphic</b> Pictures", "!<details open", "!<details class=\"veil\" open")
		_, _, page := to.page(path)
		veil, at := strings.Index(page, "<details"), strings.Index(page, `<img src="/picture/`)
		if end := strings.Index(page, "</details>"); at < veil || at > end || strings.Count(page, `<img src="/picture/`) != 1 || !strings.Contains(page[at:end], `loading="lazy"`) {
			t.Errorf("%s: the picture is not behind the veil", path)
		}
	}
	to.sends(200, layered("unlabel", "label:graphic", "post/5", "set", "m", ""))
	shows("/post/5", "<b>Sensitive</b>", "!Graphic", "<details")
	to.sends(200, layered("unlabel", "label:sensitive", "post/5", "set", "m", ""))
	shows("/post/5", "!Sensitive", "!<details", "<b>Spam</b>")
	// An account's label stands on its profile, as a word beside its posts, and veils them.
	to.sends(200, layered("label", "label:sensitive", "acct/2", "unset", "", "m2"))
	shows("/@tomas", "<b>Sensitive</b> Pictures or words", "m2", "Account: Sensitive", "<details")
	shows("/post/5", "Account: Sensitive", "<details", "!<b>Sensitive</b> Pictures")
	shows("/post/1", "!Account:", "!<details")
	to.sends(200, layered("limit", "limit", "acct/2", "none", "", "secret-mark"))
	shows("/@tomas", "!secret-mark") // a limit is told to the owner only
	// A value that is not offered any more is told by its name.
	if err := to.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`update post_layer set name = 'label:of-old' where name = 'label:spam'`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	shows("/post/5", "<b>of-old</b>", "Plaza’s staff set this label.")
}

// TestLimited: what is limited is not shown to the public unasked, and stays at its
// address and with those who follow.
func TestLimited(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		to.want(201, "POST", "/staff/v1/accounts", to.setup, "", `{"handle":"@reader","name":"Reader"}`)
		reader, own := to.ownerToken("@reader"), to.ownerToken("@tomas")
		to.want(200, "POST", "/owner/v1/follow", reader, "", `{"account":"@tomas"}`)
		has := func(path, token, text string, want bool) {
			t.Helper()
			if strings.Contains(to.look(path, token), text) != want {
				t.Errorf("%s shows %q: %v", path, text, !want)
			}
		}
		for _, limited := range []bool{false, true, false} {
			if limited {
				to.sends(200, layered("limit", "limit", "acct/2", "none", "", "m"))
			}
			has("/", "", "More rain", !limited)
			has("/", reader, "More rain", !limited)
			has("/", "", "@tomas", !limited)       // nor beside it, among the most followed
			has("/people", "", "@tomas", !limited) // nor on the list
			has("/search?q=rain", "", "More rain", !limited)
			has("/search?q=tom", "", "@tomas", !limited)
			has("/search?q=%40tomas", "", `href="/@tomas"`, !limited)
			has("/@tomas", "", "More rain", true)
			has("/post/4", "", "More rain", true)
			has("/following", reader, "More rain", true)
			has("/following", own, "More rain", true)
			if limited {
				to.sends(200, layered("unlimit", "limit", "acct/2", "limited", "m", ""))
			}
		}
		to.sends(200, layered("limit", "limit", "post/4", "none", "", "m"))
		has("/", "", "More rain", false)
		has("/", "", "Rain ‹", true) // another post of the same account
		has("/search?q=more+rain", "", "More rain", false)
		has("/@tomas", "", "More rain", true)
		has("/post/4", "", "More rain", true)
		has("/following", reader, "More rain", true)
		to.sends(200, command("takedown", "post/4", "up", "", "m"))
		has("/following", reader, "More rain", false)
		has("/@tomas", "", "More rain", false)
	})
}

func TestFollowing(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		token := to.ownerToken("@tomas")
		followers := func(want string) {
			t.Helper()
			if d := to.want(200, "GET", "/staff/v1/subjects?id=acct/1", to.staff, "", ""); !strings.Contains(d, `"followers":`+want+`,`) {
				t.Errorf("followers: %s, want %s", d, want)
			}
		}
		follow := func(want, handle string, status int) string {
			t.Helper()
			res, page := to.browse("POST", "/account/follow", token, url.Values{"want": {want}, "handle": {handle}}.Encode(), nil)
			if res.StatusCode != status {
				t.Errorf("%s %s: %s", want, handle, res.Status)
			}
			return res.Header.Get("Location") + page
		}
		if page := to.look("/following", token); strings.Contains(page, "We signed") || !strings.Contains(page, "More rain") {
			t.Error("at first the page has not one's own posts only")
		}
		if page := to.look("/following", ""); !strings.Contains(page, `name="token"`) {
			t.Error("nobody is not asked to sign in")
		}
		if page := to.look("/@president", ""); strings.Contains(page, ">Follow<") {
			t.Error("nobody can follow")
		}
		if page := to.look("/@president", token); !strings.Contains(page, ">Follow<") || !strings.Contains(page, "Who to follow") {
			t.Errorf("there is no button: %s", page)
		}
		if next := follow("follow", "@PRESIDENT", 303); next != "/@PRESIDENT" {
			t.Errorf("then comes %s", next)
		}
		follow("follow", "@president", 303)
		followers("43100001")
		if page := to.look("/@president", token); !strings.Contains(page, ">Following<") || strings.Contains(page, "Who to follow") {
			t.Error("the profile does not say that it is followed, or suggests it")
		}
		if page := to.look("/following", token); !strings.Contains(page, "We signed") {
			t.Error("the posts of the followed account are not there")
		}
		follow("follow", "@tomas", 409)
		follow("follow", "@nobody", 404)
		follow("follow", "//evil.example", 400)
		follow("follow", "", 400)
		follow("follow", "acct/1", 400) // the page after it is a profile
		follow("love", "@president", 400)
		if strings.Contains(to.look("/@tomas", token), ">Follow<") {
			t.Error("one can follow oneself")
		}
		follow("unfollow", "@president", 303)
		follow("unfollow", "@president", 303)
		followers("43100000")
		// By program.
		to.want(200, "POST", "/owner/v1/follow", token, "", `{"account":"acct/1"}`)
		followers("43100001")
		to.want(200, "POST", "/owner/v1/unfollow", token, "", `{"account":"acct/1"}`)
		to.want(409, "POST", "/owner/v1/follow", token, "", `{"account":"acct/2"}`)
		to.want(404, "POST", "/owner/v1/follow", token, "", `{"account":"acct/9"}`)
		to.want(400, "POST", "/owner/v1/follow", token, "", `{"account":"post/1"}`)
		to.want(400, "POST", "/owner/v1/follow", token, "", `{"account":"acct/1","x":1}`)
		to.want(401, "POST", "/owner/v1/follow", to.staff, "", `{"account":"acct/1"}`)
		to.sends(200, command("takedown", "acct/1", "up", "", "m"))
		to.want(409, "POST", "/owner/v1/follow", token, "", `{"account":"acct/1"}`)
		to.sends(200, command("restore", "acct/1", "down", "m", ""))
		// With a deleted account go those whom it follows.
		to.want(200, "POST", "/owner/v1/follow", token, "", `{"account":"acct/1"}`)
		followers("43100001")
		to.sends(200, command("delete", "acct/2", "up", "", ""))
		followers("43100000")
	})
}

func TestSearch(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		to.posts(201, "acct/2", "100% of_it, or 5 \\ 2.")
		finds := func(q string, texts ...string) {
			t.Helper()
			page := to.look("/search?q="+url.QueryEscape(q), "")
			for _, text := range texts {
				lacks, absent := strings.CutPrefix(text, "!")
				if strings.Contains(page, lacks) == absent {
					t.Errorf("%q: %q found: %v", q, lacks, absent)
				}
			}
		}
		finds("", "Names, handles, and words in posts.")
		finds("   ", "Names, handles, and words in posts.")
		finds("SIGNED", "We signed", "!Rain")
		finds("elena", `<div class="list">`, "@President", "!We signed")
		finds("@presi", `<div class="list">`, "@President")
		finds("100%", "of_it")
		finds("0%o", "!of_it")
		finds("f_i", "of_it")
		finds("f_t", "!of_it")
		finds(`5 \ 2`, "of_it")
		finds("'; drop table post; --", "Nobody and nothing here")
		finds("<script>", "&lt;script&gt;alert(1)")
		finds("zzz\u202e", "Nobody and nothing here for “zzz‹U+202E›”")
		finds(strings.Repeat("x", 101), "Search for up to 100 characters.")
		finds("a\x00b", "Search for up to 100 characters.")
		finds("a\xff", "Search for up to 100 characters.")
		to.sends(200, command("takedown", "acct/1", "up", "", "m"))
		finds("signed", "!We signed")
		finds("elena", `!<div class="list">`)
	})
}

// form is the hidden and chosen fields of one form of the console.
var hiddenField = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`)

// console is a member of the staff at the console.
func (to *town) console(method, path, token string, form url.Values) (*http.Response, string) {
	to.t.Helper()
	return to.browse(method, path, "", form.Encode(), func(r *http.Request) {
		if token != "" {
			r.AddCookie(&http.Cookie{Name: "__Host-plaza-staff", Value: token})
		}
	})
}

// formOf reads the form of a verb on the console's page of a subject.
func (to *town) formOf(token, subject, title string) url.Values {
	to.t.Helper()
	res, page := to.console("GET", "/console?subject="+url.QueryEscape(subject), token, nil)
	_, rest, found := strings.Cut(page, "<summary>"+title+"</summary>")
	if res.StatusCode != 200 || !found {
		to.t.Fatalf("the console has no form %q for %s: %s\n%s", title, subject, res.Status, page)
	}
	rest, _, _ = strings.Cut(rest, "</form>")
	form := url.Values{}
	for _, f := range hiddenField.FindAllStringSubmatch(rest, -1) {
		form.Set(f[1], f[2])
	}
	return form
}

// TestConsole: staff do by hand what the staff API does, in the holder's name; and a form
// that is out of date, or sent twice, does nothing more.
func TestConsole(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		night, own := to.token("night-shift", plaza.StaffScope), to.ownerToken("acct/1")
		// Only a staff token signs in.
		for _, token := range []string{to.setup, own, "", "plaza_x"} {
			if res, page := to.console("POST", "/console/sign-in", "", url.Values{"token": {token}}); res.StatusCode != 403 || len(res.Cookies()) != 0 || !strings.Contains(page, "nobody’s staff token") {
				t.Errorf("with %.10q: %s", token, res.Status)
			}
			if _, page := to.console("GET", "/console?subject=acct/1", token, nil); strings.Contains(page, "Elena") && strings.Contains(page, "Take down") || !strings.Contains(page, "Staff token") {
				t.Errorf("%.10q opens the console", token)
			}
			if res, _ := to.console("POST", "/console/act", token, url.Values{"key": {"k"}, "verb": {"takedown"}, "subject": {"acct/1"}, "status": {"up"}}); res.StatusCode != 303 || res.Header.Get("Location") != "/console" {
				t.Errorf("%.10q acts: %s", token, res.Status)
			}
		}
		res, _ := to.console("POST", "/console/sign-in", "", url.Values{"token": {" " + night + "\n"}})
		if c := res.Cookies(); res.StatusCode != 303 || len(c) != 1 || c[0].Value != night || !c[0].HttpOnly || !c[0].Secure || c[0].SameSite != http.SameSiteStrictMode {
			t.Fatalf("signed in: %s, %v", res.Status, c)
		}
		if d := to.read("acct/1"); d.Rev != "1" {
			t.Fatalf("strangers changed it: %+v", d)
		}
		events := to.follow(0)
		acts := func(subject, title string, fields url.Values, status int) (url.Values, string) {
			t.Helper()
			form := to.formOf(night, subject, title)
			for name, values := range fields {
				form[name] = values
			}
			res, page := to.console("POST", "/console/act", night, form)
			if res.StatusCode != status {
				t.Fatalf("%s of %s: %s\n%s", title, subject, res.Status, page)
			}
			return form, page
		}
		tells := func(want string) {
			t.Helper()
			e := events.next()
			if got := fmt.Sprint(e["event"], " ", e["subject"], " ", e["layer"], " ", e["status"], " ", e["mark"], " ", e["by"]); got != want {
				t.Fatalf("the event is %q, want %q", got, want)
			}
		}
		label, _ := acts("@president", "Label", url.Values{"value": {"spam"}, "mark": {"by-hand"}, "until": {"2031-05-06T07:08"}}, 303)
		tells("layer acct/1 label:spam set by-hand night-shift")
		if o := to.own(own); len(o.Measures) != 1 || o.Measures[0].Until.String() != "2031-05-06T07:08:00.000000Z" {
			t.Errorf("the owner sees %+v", o.Measures)
		}
		acts("acct/1", "Limit", nil, 303)
		tells("layer acct/1 limit limited  night-shift")
		acts("acct/1", "Take down", url.Values{"mark": {"x"}}, 303)
		tells("change acct/1 <nil> down x night-shift")
		acts("acct/1", "Bring back", nil, 303)
		tells("change acct/1 <nil> up  night-shift")
		acts("acct/1", "Deactivate", nil, 303)
		tells("change acct/1 <nil> deactivated  night-shift")
		acts("acct/1", "Reactivate", nil, 303)
		tells("change acct/1 <nil> up  night-shift")
		acts("acct/1", "Lift the limit", nil, 303)
		tells("layer acct/1 limit none  night-shift")
		acts("acct/1", "Lift the label spam", nil, 303)
		tells("layer acct/1 label:spam unset  night-shift")
		acts("post/1", "Label", url.Values{"value": {"graphic"}}, 303)
		tells("layer post/1 label:graphic set  night-shift")

		// The form of before does not act again, and another with its key neither.
		if res, _ := to.console("POST", "/console/act", night, label); res.StatusCode != 303 {
			t.Errorf("the same form once more: %s", res.Status)
		}
		label.Set("value", "graphic")
		if res, page := to.console("POST", "/console/act", night, label); res.StatusCode != 400 && res.StatusCode != 422 {
			t.Errorf("another form with its key: %s %s", res.Status, page)
		}
		if d := to.read("acct/1"); d.Layers != nil {
			t.Errorf("it stands as %v", d.Layers)
		}
		warning, _ := acts("acct/1", "Warn", url.Values{"text": {"Stop that.\r\nPlease."}}, 303)
		if res, _ := to.console("POST", "/console/act", night, warning); res.StatusCode != 303 {
			t.Errorf("the same warning once more: %s", res.Status)
		}
		if n := to.own(own).Notices; len(n) != 1 || !n[0].Warning || n[0].Text != "Stop that.\nPlease." {
			t.Errorf("the owner was sent %+v", n)
		}
		// What has changed since the page was made is not touched.
		stale := to.formOf(night, "acct/1", "Take down")
		to.sends(200, command("takedown", "acct/1", "up", "", "m"))
		if res, page := to.console("POST", "/console/act", night, stale); res.StatusCode != 409 || !strings.Contains(page, "nothing was changed") || !strings.Contains(page, `href="/console?subject=acct%2F1"`) {
			t.Errorf("a stale form: %s %s", res.Status, page)
		}
		stale = to.formOf(night, "acct/1", "Limit")
		early := to.formOf(night, "acct/1", "Bring back")
		to.sends(200, command("restore", "acct/1", "down", "m", ""))
		to.sends(200, command("takedown", "acct/1", "up", "", "m")) // the same, at another revision
		if res, page := to.console("POST", "/console/act", night, early); res.StatusCode != 409 {
			t.Errorf("a form of an earlier takedown: %s %s", res.Status, page)
		}
		to.sends(200, command("restore", "acct/1", "down", "m", ""))
		to.sends(200, layered("limit", "limit", "acct/1", "none", "", "m"))
		if res, page := to.console("POST", "/console/act", night, stale); res.StatusCode != 409 || !strings.Contains(page, "layer limit, is limited with the mark") {
			t.Errorf("a stale form of a limit: %s %s", res.Status, page)
		}
		to.sends(200, layered("unlimit", "limit", "acct/1", "limited", "m", ""))
		for name, c := range map[string]struct {
			title  string
			fields url.Values
		}{
			"no such label": {"Label", url.Values{"value": {"nothing"}}},
			"no label":      {"Label", nil},
			"a bad mark":    {"Limit", url.Values{"mark": {"a b"}}},
			"a bad end":     {"Limit", url.Values{"until": {"soon"}}},
			"no text":       {"Warn", nil},
			"a bad key":     {"Limit", url.Values{"key": {"a b"}}},
			"no key":        {"Limit", url.Values{"key": {""}}},
			"another verb":  {"Limit", url.Values{"verb": {"banish"}}},
			"another sort":  {"Limit", url.Values{"subject": {"thing/1"}}},
		} {
			if _, page := acts("acct/1", c.title, c.fields, 400); !strings.Contains(page, "That was not done.") {
				t.Errorf("%s: %s", name, page)
			}
		}
		form := to.formOf(night, "acct/1", "Take down")
		if res, _ := to.browse("POST", "/console/act", "", form.Encode(), func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.AddCookie(&http.Cookie{Name: "__Host-plaza-staff", Value: night})
		}); res.StatusCode != 403 {
			t.Errorf("another site's form: %s", res.Status)
		}
		_, page := to.console("GET", "/console?subject=acct/9&done=label", night, nil)
		for _, text := range []string{"There is no acct/9 here.", "The label is set.", "Recent changes", "labelled graphic", "label spam lifted", "limit lifted", "night-shift", "by-hand"} {
			if !strings.Contains(page, text) {
				t.Errorf("the console does not show %q", text)
			}
		}
		if _, page := to.console("GET", "/console?subject=%3Cb%3E", night, nil); strings.Contains(page, "<b>&#34;") || !strings.Contains(page, "is not a subject") {
			t.Errorf("what is no subject: %s", page)
		}
		acts("post/1", "Delete", nil, 303)
		// Without the token nobody is signed in any more.
		if _, err := to.server.RevokeTokens(t.Context(), "night-shift"); err != nil {
			t.Fatal(err)
		}
		if res, _ := to.console("POST", "/console/act", night, form); res.StatusCode != 303 || res.Header.Get("Location") != "/console" {
			t.Errorf("with a revoked token: %s", res.Status)
		}
		if d := to.read("acct/1"); d.Status != "up" {
			t.Errorf("it is %+v", d)
		}
		if res, _ := to.console("POST", "/console/sign-out", night, url.Values{"x": {"1"}}); res.StatusCode != 303 || len(res.Cookies()) != 1 || res.Cookies()[0].MaxAge >= 0 {
			t.Errorf("signed out: %s, %v", res.Status, res.Cookies())
		}
	})
}
