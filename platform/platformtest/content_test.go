package platformtest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"countersign.dev/platform"
	"countersign.dev/platform/platformtest"
)

// newTellingDouble also tells what people see of its subjects.
func newTellingDouble(flaw string) *double {
	d := newDouble(flaw)
	d.tells = true
	return d
}

// pictureOfDouble is no picture; nobody asks what a picture shows.
var pictureOfDouble = []byte("\x89PNG\r\n\x1a\nof the double")

// content answers what people see of a subject.
func (d *double) content(r *http.Request) (int, []byte, *problemError) {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := r.URL.Query()
	id := q.Get("id")
	if !strings.HasPrefix(id, "acct/") && !strings.HasPrefix(id, "post/") || len(q) != 1 && !d.is("any-parameter") {
		return 0, nil, refuse(400, "bad-subject")
	}
	s := d.subjects[id]
	if s == nil && d.is("tells-of-nothing") {
		s = &subject{id: id, handle: "@ghost", status: "up"}
	}
	if s == nil || d.is("hides-what-is-down") && s.status == "down" {
		return 0, nil, refuse(404, "no-such-subject")
	}
	const made = "2026-11-23T05:39:46.000000Z"
	text := "Nothing to see."
	switch {
	case d.is("endless-text"):
		text = strings.Repeat("x", 64<<10+1)
	case d.is("blanks-what-is-down") && s.status == "down":
		text = ""
	}
	near := text[:min(len(text), 8<<10)]
	if d.is("thread-text-differs") {
		near = "Something else."
	}
	who := map[string]any{"id": "acct/1", "handle": "@scratch", "name": "Scratch", "bio": "", "created": made, "followers": 3, "posts": 1}
	if d.is("profile-without-bio") {
		delete(who, "bio")
	}
	if d.is("followers-in-words") {
		who["followers"] = "three"
	}
	thread := []map[string]any{{"id": "post/1", "author": map[string]any{"id": "acct/1", "handle": "@scratch", "name": "Scratch"}, "answers": "",
		"status": d.subjects["post/1"].status, "text": near, "cut": len(near) < len(text), "language": "en", "at": made, "subject": s.id == "post/1" && !d.is("subject-not-in-thread")}}
	if d.is("thread-of-21") {
		for i := range 20 {
			other := map[string]any{}
			for k, v := range thread[0] {
				other[k] = v
			}
			other["id"], other["subject"] = "post/"+strconv.Itoa(i+2), false
			thread = append(thread, other)
		}
	}
	if d.is("thread-twice") {
		thread = append(thread, thread[0])
	}
	doc := map[string]any{"subject": map[string]any{"id": s.id, "handle": s.handle, "sort": "account"}, "status": s.status, "text": "", "cut": false,
		"language": "en", "profile": who, "thread": thread, "pictures": []any{}, "created": made, "at": made}
	if strings.HasPrefix(s.id, "post/") {
		sum := sha256.Sum256(pictureOfDouble)
		digest := hex.EncodeToString(sum[:])
		if d.is("another-digest") {
			digest = strings.Repeat("0", 64)
		}
		n := 1
		if d.is("pictures-from-0") {
			n = 0
		}
		doc["subject"] = map[string]any{"id": s.id, "handle": "", "sort": "content"}
		doc["text"], doc["author"] = text, who
		doc["pictures"] = []map[string]any{{"n": n, "type": "image/png", "bytes": len(pictureOfDouble), "width": 8, "height": 8, "alt": "", "sha256": digest}}
		delete(doc, "profile")
		if d.is("author-and-profile") {
			doc["profile"] = who
		}
	}
	if d.is("language-guessed-in-words") {
		doc["language"] = "English, I think"
	}
	if d.is("edited-yesterday") {
		doc["edited"] = "yesterday"
	}
	if d.is("answer-without-end") {
		doc["more"] = strings.Repeat("x", 2<<20)
	}
	return 200, mustJSON(doc), nil
}

// contentPicture answers with the bytes of a picture.
func (d *double) contentPicture(w http.ResponseWriter, r *http.Request) (int, []byte, *problemError) {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := r.URL.Query()
	id := q.Get("id")
	if !strings.HasPrefix(id, "acct/") && !strings.HasPrefix(id, "post/") || len(q) != 2 {
		return 0, nil, refuse(400, "bad-subject")
	}
	n, err := strconv.Atoi(q.Get("n"))
	if (err != nil || n < 1 || n > 20 || strconv.Itoa(n) != q.Get("n")) && !d.is("any-number") {
		return 0, nil, refuse(400, "bad-picture")
	}
	s := d.subjects[id]
	if s == nil || d.is("pictures-hidden-when-down") && s.status == "down" {
		return 0, nil, refuse(404, "no-such-subject")
	}
	if (s.id != "post/1" || n != 1) && !d.is("any-number") {
		return 0, nil, refuse(404, "no-such-picture")
	}
	kind, data := "image/png", pictureOfDouble
	if d.is("picture-of-another-type") {
		kind = "application/octet-stream"
	}
	if d.is("picture-cut-short") {
		data = data[:len(data)-1]
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(200)
	w.Write(data)
	return 0, nil, nil
}

// contentPromises are those of a server that tells content.
var contentPromises = []string{"wire-content", "wire-content-down", "wire-content-pictures", "wire-content-unknown"}

func TestTellingDouble(t *testing.T) {
	d := newTellingDouble("")
	web := httptest.NewServer(d)
	defer web.Close()
	report := platformtest.Run(t.Context(), d.target(t, web.URL))
	if !report.OK() {
		t.Errorf("broken:\n%s", report)
	}
	for _, r := range report.Results {
		if slices.Contains(contentPromises, r.Promise) && r.Outcome != platformtest.Kept {
			t.Errorf("%s is %s: %s", r.Promise, r.Outcome, r.Reason)
		}
	}
	// Without content to ask about, what is told of accounts is asked.
	tg := d.target(t, web.URL)
	tg.Content = platform.Subject{}
	if report := platformtest.Run(t.Context(), tg); !report.OK() {
		t.Errorf("broken:\n%s", report)
	}
}

// TestContentNotTold: a server without content is valid, and the report says why it was
// not asked.
func TestContentNotTold(t *testing.T) {
	d := newDouble("")
	web := httptest.NewServer(d)
	defer web.Close()
	report := platformtest.Run(t.Context(), d.target(t, web.URL))
	if !report.OK() {
		t.Errorf("broken:\n%s", report)
	}
	for _, r := range report.Results {
		if slices.Contains(contentPromises, r.Promise) && (r.Outcome != platformtest.Skipped || r.Reason != "the server does not tell what people see of a subject") {
			t.Errorf("%s is %s: %s", r.Promise, r.Outcome, r.Reason)
		}
	}
}

// contentFlaws are servers that tell content as the protocol does not allow.
var contentFlaws = map[string][]string{
	"endless-text":              {"wire-content"},
	"thread-text-differs":       {"wire-content"},
	"profile-without-bio":       {"wire-content"},
	"followers-in-words":        {"wire-content"},
	"subject-not-in-thread":     {"wire-content"},
	"thread-of-21":              {"wire-content"},
	"thread-twice":              {"wire-content"},
	"author-and-profile":        {"wire-content"},
	"pictures-from-0":           {"wire-content"},
	"language-guessed-in-words": {"wire-content"},
	"edited-yesterday":          {"wire-content"},
	"answer-without-end":        {"wire-content"},
	"hides-what-is-down":        {"wire-content-down"},
	"blanks-what-is-down":       {"wire-content-down"},
	"pictures-hidden-when-down": {"wire-content-down"},
	"another-digest":            {"wire-content-pictures"},
	"picture-of-another-type":   {"wire-content-pictures"},
	"picture-cut-short":         {"wire-content-pictures"},
	"any-number":                {"wire-content-pictures"},
	"tells-of-nothing":          {"wire-content-unknown"},
	"any-parameter":             {"wire-content-unknown"},
}
