package platform_test

import (
	"math/rand"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"countersign.dev/canonical"
	"countersign.dev/platform"
)

// TestBound: whatever a platform says, what comes of it is within its bounds and can be written as
// JSON, and a second time changes nothing.
func TestBound(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	text := func() string {
		pieces := []string{"\x00", "🙂", "\u202e", "\xff", "<b>", "é", "a", "\u2028", `"`}
		return strings.Repeat(pieces[r.Intn(len(pieces))], r.Intn(20_000)) + pieces[r.Intn(len(pieces))]
	}
	many := int64(1) << 60
	profile := func() platform.Profile {
		return platform.Profile{ID: text(), Handle: text(), Name: text(), Bio: platform.Text{Text: text()}, Followers: &many}
	}
	for range 5 {
		e := platform.Evidence{Sort: platform.Content, Text: platform.Text{Text: text()}, Language: text(), Author: profile()}
		at := r.Intn(60)
		for i := range 60 {
			e.Thread = append(e.Thread, platform.Post{ID: text(), Answers: text(), Author: profile(), Text: platform.Text{Text: text()}, Language: text(), Subject: i == at})
			e.Pictures = append(e.Pictures, platform.Picture{Name: text(), Type: text(), Bytes: many, Width: -1, Alt: platform.Text{Text: text()}})
			e.Links = append(e.Links, platform.Link{Address: text(), Text: platform.Text{Text: text()}})
		}
		got := e.Bound()
		b, err := canonical.Marshal(got)
		if err != nil || len(b) > platform.MaxEvidence {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		if len(got.Thread) != platform.MaxThread || len(got.Pictures) != platform.MaxPictures || len(got.Links) != platform.MaxLinks || got.More != 40+52+50 || got.Author.Followers != nil {
			t.Errorf("%d posts, %d pictures, %d links, %d more", len(got.Thread), len(got.Pictures), len(got.Links), got.More)
		}
		subjects := 0
		for _, p := range got.Thread {
			if p.Subject {
				subjects++
			}
		}
		if subjects != 1 {
			t.Errorf("the subject, which was post %d of 60, is %d times in the thread", at, subjects)
		}
		if again := got.Bound(); !reflect.DeepEqual(again, got) {
			t.Error("a second time changes something")
		}
		var read platform.Evidence
		if err := canonical.Unmarshal(b, &read); err != nil {
			t.Error(err)
		}
	}
}

// TestCut cuts between characters and says so.
func TestCut(t *testing.T) {
	for _, c := range []struct {
		s     string
		limit int
		want  platform.Text
	}{{"abc", 3, platform.Text{Text: "abc"}}, {"abcd", 3, platform.Text{Text: "abc", Cut: true}}, {"aé", 2, platform.Text{Text: "a", Cut: true}}, {"🙂🙂", 7, platform.Text{Text: "🙂", Cut: true}},
		{"a\xff", 9, platform.Text{Text: "a\uFFFD"}}, {"\x00\u202e", 9, platform.Text{Text: "\x00\u202e"}}} {
		if got := platform.Cut(c.s, c.limit); got != c.want || !utf8.ValidString(got.Text) {
			t.Errorf("%q at %d: %+v", c.s, c.limit, got)
		}
	}
}
