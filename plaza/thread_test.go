package plaza_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"countersign.dev/plaza"
)

// content reads what people see of a subject as staff do.
func (to *town) content(id string) plaza.SubjectContent {
	to.t.Helper()
	var c plaza.SubjectContent
	if err := json.Unmarshal([]byte(to.want(200, "GET", "/staff/v1/content?id="+id, to.staff, "", "")), &c); err != nil {
		to.t.Fatal(err)
	}
	return c
}

// thread writes a thread as the numbers of its posts; the subject's is in brackets, and one
// that is not up has a dash.
func thread(c plaza.SubjectContent) string {
	var all []string
	for _, p := range c.Thread {
		n := strings.TrimPrefix(p.ID, "post/")
		if p.Status != plaza.Up {
			n = "-" + n
		}
		if p.Subject {
			n = "[" + n + "]"
		}
		if p.Answers != "" {
			n += "<" + strings.TrimPrefix(p.Answers, "post/")
		}
		all = append(all, n)
	}
	return strings.Join(all, " ")
}

// order lists which of some texts a page shows, in the order of the page.
func order(page string, texts ...string) string {
	_, page, _ = strings.Cut(page, "<main")
	page, _, _ = strings.Cut(page, "</main>")
	var all []string
	for page != "" {
		first, at := "", len(page)
		for _, text := range texts {
			if i := strings.Index(page, ">"+text+"<"); i >= 0 && i < at {
				first, at = text, i
			}
		}
		if first == "" {
			break
		}
		all, page = append(all, first), page[at+len(first)+2:]
	}
	return strings.Join(all, " ")
}

// TestThread: posts that answer posts stand in one order on pages and for staff, and those
// that answer what is taken down or deleted stay.
func TestThread(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		eve := to.ownerToken("acct/2")
		answer := func(to2, text string) string {
			t.Helper()
			var m struct{ ID string }
			if err := json.Unmarshal([]byte(to.want(201, "POST", "/owner/v1/posts", eve, "", fmt.Sprintf(`{"text":%q,"answers":%q}`, text, to2))), &m); err != nil {
				t.Fatal(err)
			}
			return m.ID
		}
		// 1 ← 5 ← 6 ← 7, and 1 ← 8, 6 ← 9.
		answer("post/1", "five")
		answer("post/5", "six")
		answer("post/6", "seven")
		answer("post/1", "eight")
		answer("post/6", "nine")
		texts := []string{"We signed the act.", "five", "six", "seven", "eight", "nine"}
		if got := thread(to.content("post/6")); got != "1 5<1 [6]<5 7<6 9<6" {
			t.Errorf("the thread of post 6 is %s", got)
		}
		if got := thread(to.content("post/1")); got != "[1] 5<1 6<5 7<6 8<1 9<6" {
			t.Errorf("the thread of post 1 is %s", got)
		}
		if got := order(to.look("/post/6", ""), texts...); got != "We signed the act. five six seven nine" {
			t.Errorf("the page of post 6 shows %s", got)
		}
		if got := order(to.look("/", ""), texts...); got != "We signed the act." {
			t.Errorf("the timeline shows %s; answers are not on it", got)
		}
		page := to.look("/@tomas", "")
		if got := order(page, texts...); got != "nine eight seven six five" || !strings.Contains(page, `Answers <a href="/post/1">@President</a>`) {
			t.Errorf("the profile shows %s", got)
		}
		if page := to.look("/post/1", ""); !strings.Contains(page, `<span title="2 answers">`) {
			t.Error("post 1 has two answers, and its page says something else")
		}
		// What answers a post that is taken down stays, and the gap shows.
		to.sends(200, command("takedown", "post/5", "up", "", "m"))
		page = to.look("/post/6", "")
		if got := order(page, append(texts, "A post that is not shown.")...); got != "We signed the act. A post that is not shown. six seven nine" || !strings.Contains(page, "Answers a post that is not shown") {
			t.Errorf("with post 5 down the page of post 6 shows %s", got)
		}
		if _, standing, page := to.page("/post/5"); standing != "down" || order(page, texts...) != "We signed the act. six seven nine" {
			t.Errorf("the page of post 5 is %s and shows %s", standing, order(page, texts...))
		}
		if got := thread(to.content("post/5")); got != "1 [-5]<1 6<5 7<6 9<6" {
			t.Errorf("the thread of post 5 is %s", got)
		}
		to.want(409, "POST", "/owner/v1/posts", eve, "", `{"text":"x","answers":"post/5"}`)
		// What answers a deleted post stays as well; the deleted one is not told.
		to.sends(200, command("delete", "post/5", "down", "m", ""))
		if got := thread(to.content("post/6")); got != "1 [6]<5 7<6 9<6" {
			t.Errorf("with post 5 deleted the thread of post 6 is %s", got)
		}
		if got := thread(to.content("post/1")); got != "[1] 6<5 7<6 8<1 9<6" {
			t.Errorf("with post 5 deleted the thread of post 1 is %s", got)
		}
		if got := order(to.look("/post/1", ""), texts...); got != "We signed the act. six seven eight nine" {
			t.Errorf("with post 5 deleted the page of post 1 shows %s", got)
		}
		to.want(404, "GET", "/staff/v1/content?id=post/5", to.staff, "", "")
		to.want(404, "POST", "/owner/v1/posts", eve, "", `{"text":"x","answers":"post/5"}`)
		to.want(404, "POST", "/owner/v1/posts", eve, "", `{"text":"x","answers":"post/99"}`)
		to.want(400, "POST", "/owner/v1/posts", eve, "", `{"text":"x","answers":"acct/1"}`)
		// The account of a thread's first post goes: its posts go, the answers stay.
		to.sends(200, command("delete", "acct/1", "up", "", ""))
		if got := thread(to.content("post/6")); got != "[6]<5 7<6 9<6" {
			t.Errorf("with account 1 deleted the thread of post 6 is %s", got)
		}
		if got := order(to.look("/post/6", ""), texts...); got != "six seven nine" {
			t.Errorf("with account 1 deleted the page of post 6 shows %s", got)
		}
	})
}

// TestLongThread: staff are told the nearest twenty posts, and no chain is walked for ever.
func TestLongThread(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		for n := 5; n <= 40; n++ { // 4 ← 5 ← 6 … ← 40
			to.want(201, "POST", "/staff/v1/posts", to.setup, "", fmt.Sprintf(`{"account":"acct/1","text":"post %d","answers":"post/%d"}`, n, n-1))
		}
		if got := thread(to.content("post/20")); got != "11<10 12<11 13<12 14<13 15<14 16<15 17<16 18<17 19<18 [20]<19 21<20 22<21 23<22 24<23 25<24 26<25 27<26 28<27 29<28 30<29" {
			t.Errorf("around post 20: %s", got)
		}
		for n := 41; n <= 80; n++ {
			to.want(201, "POST", "/staff/v1/posts", to.setup, "", fmt.Sprintf(`{"account":"acct/2","text":"post %d","answers":"post/40"}`, n))
		}
		if c := to.content("post/40"); len(c.Thread) != 20 || !strings.HasSuffix(thread(c), "[40]<39 41<40 42<40 43<40 44<40 45<40 46<40 47<40 48<40 49<40 50<40") {
			t.Errorf("around post 40: %s", thread(c))
		}
		if c := to.content("acct/2"); len(c.Thread) != 20 || !strings.HasPrefix(thread(c), "61<40 ") || !strings.HasSuffix(thread(c), " 80<40") {
			t.Errorf("newest of account 2: %s", thread(c))
		}
	})
}

// TestContent: staff are told what people see, also of what is down and after a change, with
// the bytes of each picture; nothing is told of what is deleted.
func TestContent(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.want(201, "POST", "/staff/v1/accounts", to.setup, "", `{"handle":"@Eve","name":"Eve <b>","bio":"I am \u202eEve\u200b.","followers":12,"language":"de","created":"2020-01-02T03:04:05.000000Z"}`)
		to.posts(201, "acct/1", "Kauft zwei, <b>bekommt\u200b nichts.", drawn(t, "one"), drawn(t, "two"))
		c := to.content("post/1")
		if c.Text != "Kauft zwei, <b>bekommt\u200b nichts." || c.Language != "de" || c.Subject != (plaza.ContentSubject{ID: "post/1", Sort: plaza.Content}) || c.Status != plaza.Up || !c.Edited.IsZero() || c.Profile != nil || c.Cut {
			t.Errorf("%+v", c)
		}
		if a := c.Author; a == nil || a.ID != "acct/1" || a.Handle != "@Eve" || a.Name != "Eve <b>" || a.Bio != "I am \u202eEve\u200b." || a.Followers != 12 || a.Posts != 1 || a.Created.String() != "2020-01-02T03:04:05.000000Z" {
			t.Errorf("the author is %+v", a)
		}
		bytesOf := func(n int) string {
			t.Helper()
			res := to.do("GET", fmt.Sprint("/staff/v1/content/picture?id=post/1&n=", n), to.staff, "", "")
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != 200 {
				t.Fatalf("picture %d: %s, %v: %s", n, res.Status, err, b)
			}
			p := c.Pictures[n-1]
			sum := sha256.Sum256(b)
			if p.N != n || res.Header.Get("Content-Type") != p.Type || int64(len(b)) != p.Bytes || hex.EncodeToString(sum[:]) != p.SHA256 || p.Alt == "" || p.Width < 1 {
				t.Errorf("picture %d is told as %+v and is %s of %d bytes, %x", n, p, res.Header.Get("Content-Type"), len(b), sum)
			}
			return string(b)
		}
		if len(c.Pictures) != 2 || bytesOf(1) == bytesOf(2) {
			t.Errorf("the pictures are %+v", c.Pictures)
		}
		for _, down := range []string{"post/1", "acct/1"} {
			to.sends(200, command("takedown", down, "up", "", "m-"+down))
			if now := to.content("post/1"); now.Text != c.Text || now.Status != plaza.Down || len(now.Pictures) != 2 || now.Thread[0].Status != plaza.Down {
				t.Errorf("with %s down: %+v", down, now)
			}
			bytesOf(1)
		}
		if now := to.content("acct/1"); now.Status != plaza.Down || now.Profile == nil || now.Profile.Bio != c.Author.Bio || now.Author != nil || now.Text != "" || now.Language != "de" || thread(now) != "-1" {
			t.Errorf("the account is %+v", now)
		}
		for _, down := range []string{"post/1", "acct/1"} {
			to.sends(200, command("restore", down, "down", "m-"+down, ""))
		}
		// A change by the author: the text now is told, and when it was changed.
		eve := to.ownerToken("acct/1")
		to.want(200, "PUT", "/owner/v1/posts/1", eve, "", `{"text":"Nothing was here.","language":"en"}`)
		now := to.content("post/1")
		if now.Text != "Nothing was here." || now.Language != "en" || now.Edited.IsZero() || now.Edited.Before(now.Created.Time) || len(now.Pictures) != 2 {
			t.Errorf("after the change: %+v", now)
		}
		if page := to.look("/post/1", ""); !strings.Contains(page, "changed ") || !strings.Contains(page, `lang="en"`) || !strings.Contains(page, ">English<") {
			t.Error("the page does not say that the post was changed, or its language")
		}
		to.want(200, "PUT", "/owner/v1/posts/1", eve, "", `{"text":"Nothing was here.","language":"en"}`)
		if again := to.content("post/1"); again.Edited != now.Edited {
			t.Errorf("nothing was changed, and the time is %s instead of %s", again.Edited, now.Edited)
		}
		if before, after := to.read("post/1").Rev, ""; true {
			to.want(200, "PUT", "/owner/v1/posts/1", eve, "", `{"text":"Still nothing."}`)
			if after = to.read("post/1").Rev; after != before {
				t.Errorf("a change of the text moves the revision from %s to %s", before, after)
			}
		}
		for path, status := range map[string]int{"content?id=post/2": 404, "content?id=acct/9": 404, "content?id=post/01": 400, "content": 400, "content?id=post/1&x=1": 400, "content?id=post/1&id=post/1": 400,
			"content/picture?id=post/1&n=3": 404, "content/picture?id=acct/1&n=1": 404, "content/picture?id=post/1&n=0": 400, "content/picture?id=post/1&n=01": 400, "content/picture?id=post/1": 400, "content/picture?id=post/2&n=1": 404} {
			to.want(status, "GET", "/staff/v1/"+path, to.staff, "", "")
		}
		to.want(403, "GET", "/staff/v1/content?id=post/1", to.setup, "", "")
		to.want(401, "GET", "/staff/v1/content?id=post/1", eve, "", "")
		to.want(401, "GET", "/staff/v1/content/picture?id=post/1&n=1", "", "", "")
		// Deleted: nothing is told any more, whoever deleted it.
		to.want(200, "DELETE", "/owner/v1/posts/1", eve, "", "")
		to.want(404, "GET", "/staff/v1/content?id=post/1", to.staff, "", "")
		if answer := to.want(404, "GET", "/staff/v1/content/picture?id=post/1&n=1", to.staff, "", ""); !strings.Contains(answer, "no-such-subject") {
			t.Errorf("a picture of a deleted post: %s", answer)
		}
		if now := to.content("acct/1"); len(now.Thread) != 0 || now.Profile.Posts != 0 {
			t.Errorf("the account has %+v", now)
		}
	})
}

// TestLanguages: a post has the language that was chosen, else the one that its author has
// set, else none. Nothing guesses.
func TestLanguages(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		eve := to.ownerToken("acct/2")
		write := func(form url.Values) string {
			t.Helper()
			form.Set("want", "post")
			res, body := to.browse("POST", "/account/post", eve, form.Encode(), nil)
			if res.StatusCode != 303 {
				t.Fatalf("%v: %s %s", form, res.Status, body)
			}
			return strings.TrimPrefix(res.Header.Get("Location"), "/")
		}
		is := func(id, want string) {
			t.Helper()
			if c := to.content(id); c.Language != want {
				t.Errorf("%s is in %q, not %q", id, c.Language, want)
			}
		}
		is("post/2", "und")
		is(write(url.Values{"text": {"Ein Text auf Deutsch"}}), "und")
		is(write(url.Values{"text": {"x"}, "language": {"pt-BR"}}), "pt-BR")
		if res, body := to.browse("POST", "/account/language", eve, "want=set&language=de", nil); res.StatusCode != 303 {
			t.Fatalf("%s %s", res.Status, body)
		}
		if o := to.own(eve); o.Language != "de" {
			t.Errorf("%+v", o)
		}
		is("acct/2", "de")
		is("post/2", "und") // of before
		id := write(url.Values{"text": {"One\r\ntwo"}})
		is(id, "de")
		if c := to.content(id); c.Text != "One\ntwo" {
			t.Errorf("the text is %q", c.Text)
		}
		is(write(url.Values{"text": {"x"}, "language": {"und"}}), "und")
		for _, tag := range []string{"German", "de_DE", "DE", "x", "-", "de\x00", strings.Repeat("a", 40), "<b>", "iw"} {
			body, _ := json.Marshal(map[string]string{"text": "x", "language": tag})
			if answer := to.want(400, "POST", "/owner/v1/posts", eve, "", string(body)); !strings.Contains(answer, "bad-language") {
				t.Errorf("%q: %s", tag, answer)
			}
		}
		to.want(400, "POST", "/staff/v1/accounts", to.setup, "", `{"handle":"@x","name":"X","language":"German"}`)
		to.want(400, "POST", "/staff/v1/posts", to.setup, "", `{"account":"acct/1","text":"X","language":"German"}`)
		to.want(201, "POST", "/staff/v1/posts", to.setup, "", `{"account":"acct/2","text":"X"}`)
	})
}

// TestOwnersPosts: owners write, change and delete their own posts and nobody else's, and
// not while staff hold them back.
func TestOwnersPosts(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		eve, other := to.ownerToken("acct/2"), to.ownerToken("acct/1")
		to.want(404, "PUT", "/owner/v1/posts/2", other, "", `{"text":"Mine now."}`)
		to.want(404, "DELETE", "/owner/v1/posts/2", other, "", "")
		to.want(404, "PUT", "/owner/v1/posts/99", eve, "", `{"text":"x"}`)
		to.want(400, "PUT", "/owner/v1/posts/0", eve, "", `{"text":"x"}`)
		to.want(400, "PUT", "/owner/v1/posts/2", eve, "", `{"text":"x","answers":"post/1"}`)
		for name, text := range map[string]string{"nothing": "", "too long": strings.Repeat("ä", 1001), "NUL": "a\x00b"} {
			body, _ := json.Marshal(map[string]string{"text": text})
			if answer := to.want(400, "POST", "/owner/v1/posts", eve, "", string(body)); !strings.Contains(answer, "bad-post") {
				t.Errorf("%s: %s", name, answer)
			}
			to.want(400, "PUT", "/owner/v1/posts/2", eve, "", string(body))
		}
		to.want(413, "POST", "/owner/v1/posts", eve, "", `{"text":"`+strings.Repeat("x", 5<<20)+`"}`)
		if res, body := to.browse("POST", "/account/post", eve, "want=post&text="+strings.Repeat("x", 5<<20), nil); res.StatusCode != 413 || !strings.Contains(body, "longer than what can be sent") {
			t.Errorf("5 MB in a form: %s %.300s", res.Status, body)
		}
		if res, body := to.browse("POST", "/account/post", eve, "want=post&text=a%FFb", nil); res.StatusCode != 400 {
			t.Errorf("no UTF-8: %s %.300s", res.Status, body)
		}
		text, _ := json.Marshal(map[string]string{"text": "<script>alert(1)</script> \u202eback\u200b " + strings.Repeat("🙂", 400)})
		to.want(201, "POST", "/owner/v1/posts", eve, "", string(text))
		if _, _, page := to.page("/post/5"); !strings.Contains(page, "&lt;script&gt;alert(1)&lt;/script&gt; ‹U+202E›back‹U+200B› 🙂") {
			t.Error("the text is not shown as text")
		}
		// What is down is not the owner's to change, nor anything while the account is down.
		to.sends(200, command("takedown", "post/5", "up", "", "m"))
		to.want(409, "PUT", "/owner/v1/posts/5", eve, "", `{"text":"x"}`)
		to.want(409, "DELETE", "/owner/v1/posts/5", eve, "", "")
		to.sends(200, command("takedown", "acct/2", "up", "", "m"))
		to.want(409, "POST", "/owner/v1/posts", eve, "", `{"text":"x"}`)
		to.want(409, "PUT", "/owner/v1/posts/2", eve, "", `{"text":"x"}`)
		to.sends(200, command("restore", "acct/2", "down", "m", ""))
		// The owner deletes a post: it is announced as any other deletion, in the owner's name.
		r := to.follow(3)
		if res, body := to.browse("POST", "/account/post", eve, "want=delete&post=post/2", nil); res.StatusCode != 303 {
			t.Fatalf("%s %s", res.Status, body)
		}
		if e := r.next(); e["subject"] != "post/2" || e["status"] != "deleted" || e["by"] != "@tomas" {
			t.Errorf("the event is %v", e)
		}
		to.want(404, "GET", "/staff/v1/subjects?id=post/2", to.staff, "", "")
		if page := to.look("/", eve); !strings.Contains(page, `action="/account/post"`) {
			t.Error("an owner has no form to post by")
		}
		if page := to.look("/", ""); strings.Contains(page, `action="/account/post"`) {
			t.Error("there is a form for nobody")
		}
	})
}
