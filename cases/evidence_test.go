package cases_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/platform"
)

func at(seconds int64) canonical.Time { return canonical.At(time.Unix(seconds, 0)) }

func readOf(text string) *platform.Evidence {
	e := platform.Evidence{Subject: platform.Subject{Platform: "plaza", ID: "post/1"}, Sort: platform.Content, Text: platform.Text{Text: text}, Author: platform.Profile{ID: "acct/3"}, At: at(20)}.Bound()
	return &e
}

// TestEvidenceDocument: the document keeps its bytes: whoever has its digest finds out whether
// these are still the ones.
func TestEvidenceDocument(t *testing.T) {
	doc := cases.EvidenceDocument{At: at(30), ID: "evi_1", Report: "rep_1", Reported: at(10), Subject: platform.Subject{Platform: "plaza", ID: "post/1"}, Told: cases.Told{Text: "buy", Language: "en"},
		Read: readOf("buy\x00\u202e"), Pictures: []cases.EvidencePicture{{Name: "1", State: cases.PictureKept, Digest: canonical.Sum([]byte("x")), Size: 1}}}.Complete(canonical.Digest{})
	b, digest, err := doc.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"at":"1970-01-01T00:00:30.000000Z","changed":{"read":"sha256:fcf23814da6fe00c3f4f6d6953d4d03381e7a989166548b7d7bc2a35b6f5f05d","told":"sha256:e8197b20f8e71e429645f83cc6f07d9d43ee7a30ef5dc6c02dd16692a7bc9aac"},"content":"sha256:7d9e654e6f06102e891d8473915897f62e356ac17c03aabdc1cc3547adff3b04","id":"evi_1","pictures":[{"digest":"sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","name":"1","size":1,"state":"kept"}],"read":{"at":"1970-01-01T00:00:20.000000Z","author":{"handle":"","id":"acct/3","name":""},"language":"","links":[],"pictures":[],"sort":"content","subject":{"handle":"","id":"post/1","platform":"plaza"},"text":{"text":"buy\u0000` + "\u202e" + `"},"thread":[]},"report":"rep_1","reported":"1970-01-01T00:00:10.000000Z","subject":{"handle":"","id":"post/1","platform":"plaza"},"thread":"sha256:da3a6dd9a5c75e2bb5e21aacd6f5a42b18896d880f75b9b14d62d6198197c203","told":{"language":"en","text":"buy"},"v":"countersign/evidence/v1"}`
	if string(b) != want || canonical.Check(b) != nil || digest != canonical.Sum(b) {
		t.Errorf("the document is\n%s\nand was\n%s\n%v", b, want, canonical.Check(b))
	}
	again, err := cases.ParseEvidence(b)
	if err != nil || canonical.DigestOf(again) != digest {
		t.Errorf("read again: %v", err)
	}
	for name, bad := range map[string]string{"another version": strings.Replace(string(b), "evidence/v1", "evidence/v2", 1), "a member more": strings.Replace(string(b), `"at"`, `"as":1,"at"`, 1),
		"white space": string(b) + "\n", "nothing": "", "no version": "{}"} {
		if _, err := cases.ParseEvidence([]byte(bad)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestEvidenceChanged: what shows that a subject was changed since it was reported.
func TestEvidenceChanged(t *testing.T) {
	edited := readOf("new")
	edited.Edited = at(15)
	cut := readOf("new")
	cut.Text.Cut = true
	before := canonical.Sum([]byte("before"))
	for name, c := range map[string]struct {
		told   string
		read   *platform.Evidence
		before canonical.Digest
		want   cases.Changed
	}{
		"the same":              {"new", readOf("new"), cases.ContentDigest(*readOf("new")), cases.Changed{}},
		"nothing was told":      {"", readOf("new"), canonical.Digest{}, cases.Changed{}},
		"edited after":          {"new", edited, canonical.Digest{}, cases.Changed{Edited: at(15)}},
		"another text":          {"old", readOf("new"), canonical.Digest{}, cases.Changed{Told: canonical.Sum([]byte("old")), Read: canonical.Sum([]byte("new"))}},
		"only the beginning":    {"old", cut, canonical.Digest{}, cases.Changed{}},
		"other evidence before": {"new", readOf("new"), before, cases.Changed{Before: before}},
		"nothing was read":      {"old", nil, before, cases.Changed{}},
	} {
		doc := cases.EvidenceDocument{Reported: at(10), Told: cases.Told{Text: c.told}, Read: c.read}.Complete(c.before)
		if doc.Changed != c.want || doc.Content.IsZero() != (c.read == nil) {
			t.Errorf("%s: %+v", name, doc.Changed)
		}
	}
}

// TestContentDigest: the digest of a content tells what its author changed, and nothing that
// others change or that depends on the reading.
func TestContentDigest(t *testing.T) {
	many := int64(9)
	base := func() platform.Evidence {
		e := *readOf("text")
		e.Thread = []platform.Post{{ID: "post/0", Text: platform.Text{Text: "q"}}, {ID: "post/1", Subject: true}}
		e.Pictures = []platform.Picture{{Name: "1", Bytes: 3, SHA256: canonical.Sum([]byte("p"))}}
		e.Links = []platform.Link{{Address: "https://x.example"}}
		return e
	}
	content, thread := cases.ContentDigest(base()), cases.ThreadDigest(base())
	for name, c := range map[string]struct {
		change          func(e *platform.Evidence)
		content, thread bool // are other ones
	}{
		"read later":         {func(e *platform.Evidence) { e.At = at(99) }, false, false},
		"more followers":     {func(e *platform.Evidence) { e.Author.Followers = &many }, false, false},
		"taken down":         {func(e *platform.Evidence) { e.Status = platform.Down }, false, false},
		"the author's bio":   {func(e *platform.Evidence) { e.Author.Bio.Text = "x" }, false, false},
		"another text":       {func(e *platform.Evidence) { e.Text.Text = "other" }, true, false},
		"another picture":    {func(e *platform.Evidence) { e.Pictures[0].SHA256 = canonical.Sum([]byte("q")) }, true, false},
		"another alt text":   {func(e *platform.Evidence) { e.Pictures[0].Alt.Text = "x" }, true, false},
		"another link":       {func(e *platform.Evidence) { e.Links[0].Address = "https://y.example" }, true, false},
		"an answer":          {func(e *platform.Evidence) { e.Thread = append(e.Thread, platform.Post{ID: "post/2"}) }, false, true},
		"another question":   {func(e *platform.Evidence) { e.Thread[0].Text.Text = "r" }, false, true},
		"its own text there": {func(e *platform.Evidence) { e.Thread[1].Text.Text = "text" }, false, false},
	} {
		e := base()
		c.change(&e)
		if got := cases.ContentDigest(e) != content; got != c.content {
			t.Errorf("%s: the content is another one: %t", name, got)
		}
		if got := cases.ThreadDigest(e) != thread; got != c.thread {
			t.Errorf("%s: the thread is another one: %t", name, got)
		}
	}
	account := platform.Evidence{Sort: platform.Account, Author: platform.Profile{Bio: platform.Text{Text: "a"}}}
	other := account
	other.Author.Bio.Text = "b"
	if cases.ContentDigest(account) == cases.ContentDigest(other) {
		t.Error("an account's profile is not its content")
	}
}

// TestFormatOf: the bytes say what a picture is. What no screen should draw is not shown.
func TestFormatOf(t *testing.T) {
	var p, j, g bytes.Buffer
	gray := image.NewGray(image.Rect(0, 0, 6, 4))
	if err := png.Encode(&p, gray); err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(&j, gray, nil); err != nil {
		t.Fatal(err)
	}
	if err := gif.Encode(&g, image.NewPaletted(image.Rect(0, 0, 6, 4), color.Palette{color.Black, color.White}), nil); err != nil {
		t.Fatal(err)
	}
	sized := func(w, h uint32) []byte {
		b := bytes.Clone(p.Bytes())
		binary.BigEndian.PutUint32(b[16:], w)
		binary.BigEndian.PutUint32(b[20:], h)
		binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
		return b
	}
	webp := []byte("RIFF\x1e\x00\x00\x00WEBPVP8L\x11\x00\x00\x00\x2f\x05\xc0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	for name, c := range map[string]struct {
		bytes []byte
		want  cases.Format
	}{
		"png": {p.Bytes(), cases.Format{Type: "image/png", Width: 6, Height: 4, Shown: true}}, "jpeg": {j.Bytes(), cases.Format{Type: "image/jpeg", Width: 6, Height: 4, Shown: true}},
		"gif": {g.Bytes(), cases.Format{Type: "image/gif", Width: 6, Height: 4, Shown: true}}, "webp": {webp, cases.Format{Type: "image/webp", Width: 6, Height: 4, Shown: true}},
		"a bomb":    {sized(50_000, 50_000), cases.Format{Type: "image/png", Width: 50_000, Height: 50_000}},
		"too high":  {sized(1, 20_000), cases.Format{Type: "image/png", Width: 1, Height: 20_000}},
		"too large": {sized(10_000, 10_000), cases.Format{Type: "image/png", Width: 10_000, Height: 10_000}},
		"at most":   {sized(8_000, 5_000), cases.Format{Type: "image/png", Width: 8_000, Height: 5_000, Shown: true}},
		"no pixels": {sized(0, 5), cases.Format{}}, "a head alone": {p.Bytes()[:20], cases.Format{}}, "nothing": {nil, cases.Format{}},
		"a page": {[]byte("<html>"), cases.Format{}}, "svg": {[]byte(`<svg xmlns="http://www.w3.org/2000/svg">`), cases.Format{}}, "a page behind a head": {append([]byte("GIF89a"), "<script>"...), cases.Format{Type: "image/gif"}},
	} {
		got := cases.FormatOf(c.bytes)
		if name == "a page behind a head" { // whatever it says of its size: it is a picture or nothing, and never a page
			got.Width, got.Height, got.Shown = 0, 0, false
			if got.Type == "" {
				continue
			}
		}
		if got != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// FuzzFormatOf: no bytes keep the desk busy or bring it down, and what is shown is within the
// bounds.
func FuzzFormatOf(f *testing.F) {
	for _, s := range []string{"", "\x89PNG\r\n\x1a\n", "\xff\xd8\xff\xe0", "GIF89a\xff\xff\xff\xff\x80", "RIFF\x00\x00\x00\x00WEBPVP8X", "RIFF\x1e\x00\x00\x00WEBPVP8L\x11\x00\x00\x00\x2f\x05\xc0\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := cases.FormatOf(b); got.Shown && (got.Type == "" || got.Width < 1 || got.Height < 1 || got.Width*got.Height > 40_000_000) {
			t.Errorf("%+v", got)
		}
	})
}

// FuzzParseEvidence: a document is read only if it is written again as the same bytes.
func FuzzParseEvidence(f *testing.F) {
	b, _, err := cases.EvidenceDocument{ID: "evi_1", Read: readOf("text")}.Complete(canonical.Digest{}).Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"v":"countersign/evidence/v1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		doc, err := cases.ParseEvidence(b)
		if err != nil {
			return
		}
		if again, _, err := doc.Bytes(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q is written again as %q, %v", b, again, err)
		}
	})
}
