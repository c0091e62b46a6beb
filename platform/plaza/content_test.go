package plaza_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/plaza"
)

// seed posts to plaza's set-up routes and returns the identifier that was made.
func (to *town) seed(path, body string) string {
	to.t.Helper()
	token, err := to.server.IssueToken(to.t.Context(), "seed", plaza.SetupScope)
	if err != nil {
		to.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(to.t.Context(), "POST", to.url+path, strings.NewReader(body))
	if err != nil {
		to.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		to.t.Fatal(err)
	}
	defer res.Body.Close()
	var made struct{ ID string }
	if err := json.NewDecoder(res.Body).Decode(&made); err != nil || res.StatusCode != http.StatusCreated {
		to.t.Fatalf("%s: %s, %v", path, res.Status, err)
	}
	return made.ID
}

// TestEvidence reads a post with its thread and picture from a real plaza: while it is up, and
// while it and its account are down; and the account with its newest posts.
func TestEvidence(t *testing.T) {
	to := newTown(t)
	if !to.Capabilities().Contents {
		t.Fatal("plaza does not tell what its subjects show")
	}
	to.seed("/staff/v1/accounts", `{"handle":"@bob","name":"Bob","bio":"I \u202eread","followers":3,"language":"en"}`)
	first := to.seed("/staff/v1/posts", `{"account":"acct/2","text":"What is on offer?","at":"2026-11-23T05:00:00.000000Z"}`)
	var drawn bytes.Buffer
	if err := png.Encode(&drawn, image.NewGray(image.Rect(0, 0, 7, 5))); err != nil {
		t.Fatal(err)
	}
	text := "<b>buy</b> \u202e\u200b 🙂"
	body, _ := json.Marshal(map[string]any{"account": "acct/1", "text": text, "answers": first, "language": "de", "at": "2026-11-23T06:00:00.000000Z",
		"pictures": []any{map[string]any{"data": base64.StdEncoding.EncodeToString(drawn.Bytes()), "alt": "A price list."}}})
	post := platform.Subject{Platform: "plaza", ID: to.seed("/staff/v1/posts", string(body))}

	check := func(when string, status platform.Status) {
		t.Helper()
		e, err := to.Evidence(t.Context(), post)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if e.Subject != post || e.Sort != platform.Content || e.Status != status || e.Text != (platform.Text{Text: text}) || e.Language != "de" || e.At.IsZero() ||
			e.Created.String() != "2026-11-23T06:00:00.000000Z" || !e.Edited.IsZero() || e.More != 0 {
			t.Errorf("%s: %+v", when, e)
		}
		if e.Author.ID != ada.ID || e.Author.Handle != "@ada" || e.Author.Name != "Ada" || *e.Author.Followers != 7 || *e.Author.Posts != 1 || e.Author.Created.IsZero() {
			t.Errorf("%s: author %+v", when, e.Author)
		}
		if len(e.Thread) != 2 || e.Thread[0].ID != first || e.Thread[0].Subject || e.Thread[0].Text.Text != "What is on offer?" || e.Thread[0].Author.Handle != "@bob" ||
			!e.Thread[1].Subject || e.Thread[1].Answers != first || e.Thread[1].ID != post.ID {
			t.Errorf("%s: thread %+v", when, e.Thread)
		}
		if len(e.Pictures) != 1 || e.Pictures[0].Width != 7 || e.Pictures[0].Alt.Text != "A price list." || e.Pictures[0].SHA256.IsZero() {
			t.Fatalf("%s: pictures %+v", when, e.Pictures)
		}
		picture, err := to.Picture(t.Context(), post, e.Pictures[0].Name)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		got, err := io.ReadAll(picture)
		if picture.Close(); err != nil || canonical.Sum(got) != e.Pictures[0].SHA256 || int64(len(got)) != e.Pictures[0].Bytes {
			t.Errorf("%s: %d bytes of a picture, %v", when, len(got), err)
		}
	}
	check("up", platform.Up)
	for i, s := range []platform.Subject{post, ada} {
		if _, err := to.Apply(t.Context(), fmt.Sprint("k", i), platform.Command{Verb: platform.Takedown, Subject: s, Expect: platform.Expect{Status: platform.Up}, Mark: "CSGN-req_1"}); err != nil {
			t.Fatal(err)
		}
		check("down", platform.Down)
	}
	e, err := to.Evidence(t.Context(), ada)
	if err != nil || e.Sort != platform.Account || e.Status != platform.Down || e.Author.ID != ada.ID || e.Text.Text != "" || len(e.Thread) != 1 || e.Thread[0].Subject || e.Language != "" {
		t.Errorf("an account: %+v, %v", e, err)
	}
	for _, c := range []struct{ id, picture, want string }{{"post/99", "", "no-such-subject"}, {"post/99", "1", "no-such-subject"}, {post.ID, "2", "no-such-picture"}, {post.ID, "0", "no-such-picture"},
		{post.ID, "01", "no-such-picture"}, {post.ID, "../x", "no-such-picture"}, {"x", "", "bad-subject"}} {
		s, err := platform.Subject{Platform: "plaza", ID: c.id}, error(nil)
		if c.picture == "" {
			_, err = to.Evidence(t.Context(), s)
		} else {
			_, err = to.Picture(t.Context(), s, c.picture)
		}
		if !fault.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestEvidenceAnswers: what is no content, or is about another subject, is not believed; what a
// stranger wrote badly is read all the same; a picture ends at its bound.
func TestEvidenceAnswers(t *testing.T) {
	to := newTown(t)
	post := platform.Subject{Platform: "plaza", ID: "post/1"}
	content := func(members string) string {
		return `{"subject":{"id":"post/1","handle":"","sort":"content"},"text":"t","author":{"id":"acct/1","handle":"@ada","name":"Ada"}` + members + `}`
	}
	for name, body := range map[string]string{
		"another subject": strings.Replace(content(""), "post/1", "post/2", 1), "another sort": strings.Replace(content(""), "content", "account", 1),
		"no text": strings.Replace(content(""), `"text":"t",`, "", 1), "no author": strings.Replace(content(""), `"author"`, `"writer"`, 1), "a post as author": strings.Replace(content(""), "acct/1", "post/7", 1),
		"a status that nobody knows": content(`,"status":"asleep"`), "a picture without a number": content(`,"pictures":[{"n":0}]`), "no JSON": "<html>", "too much": content(`,"x":"` + strings.Repeat("x", 2<<20) + `"`),
		"doubled members": content(`,"text":"u"`),
	} {
		to.on("GET", "/content", answer(false, 200, "application/json", body))
		if e, err := to.Evidence(t.Context(), post); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	long := strings.Repeat("é", platform.MaxText)
	to.on("GET", "/content", answer(false, 200, "application/json", content(`,"language":"und","new":1,"cut":true,"pictures":[{"n":1,"sha256":"no digest"}],"thread":[{"id":"post/2","text":"`+long+"\xff"+`\u0000"}]`)))
	e, err := to.Evidence(t.Context(), post)
	if err != nil || e.Language != "" || !e.Text.Cut || !e.Pictures[0].SHA256.IsZero() || len(e.Thread) != 1 || !e.Thread[0].Text.Cut || len(e.Thread[0].Text.Text) != platform.MaxThreadText {
		t.Errorf("%+v, %v", e, err)
	}
	to.on("GET", "/content", answer(false, 200, "application/json", strings.Replace(content(""), `"t"`, "\"a\xffb\\ud800\"", 1)))
	if e, err := to.Evidence(t.Context(), post); err != nil || !strings.HasPrefix(e.Text.Text, "a\uFFFDb") {
		t.Errorf("%q, %v", e.Text.Text, err)
	}

	const none = fault.Kind(-1)
	read := func() (int, error) {
		picture, err := to.Picture(t.Context(), post, "1")
		if err != nil {
			return 0, err
		}
		defer picture.Close()
		b, err := io.ReadAll(picture)
		return len(b), err
	}
	for name, c := range map[string]struct {
		status      int
		media, body string
		kind        fault.Kind
		bytes       int
	}{
		"all that is allowed": {200, "image/png", strings.Repeat("x", platform.MaxPicture), none, platform.MaxPicture},
		"one byte more":       {200, "image/png", strings.Repeat("x", platform.MaxPicture+1), fault.TooLarge, platform.MaxPicture},
		"a page":              {200, "text/html", "<html>", fault.Unavailable, 0},
		"elsewhere":           {302, "image/png", "x", fault.Unavailable, 0},
		"gone":                {404, "application/problem+json", `{"type":"/p/no-such-picture","status":404,"detail":"d"}`, fault.NotFound, 0},
	} {
		to.on("GET", "/content/picture", answer(false, c.status, c.media, c.body))
		if n, err := read(); n != c.bytes || (c.kind == none) != (err == nil) || err != nil && fault.KindOf(err) != c.kind {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
	}
	to.on("GET", "/content/picture", func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "image/png")
		w.Header().Set("Content-Length", "10")
		fmt.Fprint(w, "cut")
	})
	if _, err := read(); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("cut off: %v", err)
	}
}
