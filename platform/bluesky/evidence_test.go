package bluesky_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/test/testenv"
)

// upload puts a blob on the PDS and returns the reference for a record.
func upload(t *testing.T, pds *testenv.Bluesky, a testenv.Account, media string, data []byte) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, pds.URL+"/xrpc/com.atproto.repo.uploadBlob", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", media)
	req.Header.Set("Authorization", testenv.Bearer(a.Access))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Blob map[string]any `json:"blob"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("upload: %s, %v", res.Status, err)
	}
	return answer.Blob
}

// put writes a record and returns its at-URI and CID.
func put(t *testing.T, pds *testenv.Bluesky, a testenv.Account, collection string, record map[string]any) (uri, cid string) {
	t.Helper()
	record["$type"] = collection
	input := map[string]any{"repo": a.DID, "collection": collection, "record": record, "validate": false}
	if collection == "app.bsky.actor.profile" {
		input["rkey"] = "self"
	}
	got := pds.Call(t, testenv.Bearer(a.Access), "com.atproto.repo.createRecord", input)
	if got.Status != http.StatusOK {
		t.Fatalf("write a record: %v", got)
	}
	return got.Text("uri"), got.Text("cid")
}

func reply(text string, to ...string) map[string]any {
	ref := map[string]any{"uri": to[0], "cid": to[1]}
	return map[string]any{"text": text, "createdAt": "2026-11-23T06:00:00.000Z", "reply": map[string]any{"root": ref, "parent": ref}}
}

func drawn(t *testing.T, side int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestEvidence reads a post with all that stands around it from a PDS: while it is up, while
// it is down, while its account is down, and once it is gone.
func TestEvidence(t *testing.T) {
	w := newWorld(t)
	a, b := w.pds.CreateAccount(t, "writer"), w.pds.CreateAccount(t, "reader")
	hostile := "<b>buy</b> \u202e\u200b\x00 " + strings.Repeat("🙂", 40) + " e\u0301"
	face := drawn(t, 3)
	put(t, w.pds, a, "app.bsky.actor.profile", map[string]any{"displayName": "Writer", "description": "I write.", "avatar": upload(t, w.pds, a, "image/png", face)})
	first, firstCID := put(t, w.pds, b, "app.bsky.feed.post", map[string]any{"text": "What is on offer?", "langs": []string{"en", "de"}, "createdAt": "2026-11-23T05:59:00.000Z"})
	list := drawn(t, 5)
	record := reply(hostile, first, firstCID)
	record["langs"] = []string{"de"}
	record["embed"] = map[string]any{"$type": "app.bsky.embed.images", "images": []any{
		map[string]any{"alt": "A price list.", "image": upload(t, w.pds, a, "image/png", list), "aspectRatio": map[string]any{"width": 5, "height": 5}}}}
	record["facets"] = []any{map[string]any{"index": map[string]any{"byteStart": 0, "byteEnd": 3}, "features": []any{map[string]any{"$type": "app.bsky.richtext.facet#link", "uri": "https://elsewhere.example/x"}}}}
	uri, _ := put(t, w.pds, a, "app.bsky.feed.post", record)
	s := platform.Subject{Platform: "bluesky", ID: uri}

	check := func(when string, status platform.Status) {
		t.Helper()
		e, err := w.c.Evidence(t.Context(), s)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if e.Subject != s || e.Sort != platform.Content || e.Status != status || e.Text != (platform.Text{Text: hostile}) || e.Language != "de" ||
			e.Created.String() != "2026-11-23T06:00:00.000000Z" || e.At.IsZero() {
			t.Errorf("%s: %+v", when, e)
		}
		if e.Author.ID != a.DID || e.Author.Handle != a.Handle || e.Author.Name != "Writer" || e.Author.Bio.Text != "I write." || e.Author.Created.IsZero() {
			t.Errorf("%s: author %+v", when, e.Author)
		}
		if len(e.Thread) != 2 || e.Thread[0].ID != first || e.Thread[0].Subject || e.Thread[0].Author.Handle != b.Handle || e.Thread[0].Text.Text != "What is on offer?" ||
			e.Thread[0].Language != "en" || e.Thread[1].ID != uri || !e.Thread[1].Subject || e.Thread[1].Answers != first {
			t.Errorf("%s: thread %+v", when, e.Thread)
		}
		if len(e.Pictures) != 1 || e.Pictures[0].Type != "image/png" || e.Pictures[0].Bytes != int64(len(list)) || e.Pictures[0].Alt.Text != "A price list." ||
			e.Pictures[0].Width != 5 || e.Pictures[0].SHA256 != canonical.Digest(sha256.Sum256(list)) {
			t.Fatalf("%s: pictures %+v", when, e.Pictures)
		}
		if len(e.Links) != 1 || e.Links[0].Address != "https://elsewhere.example/x" {
			t.Errorf("%s: links %+v", when, e.Links)
		}
		body, err := w.c.Picture(t.Context(), s, e.Pictures[0].Name)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		got, err := io.ReadAll(body)
		if body.Close(); err != nil || !bytes.Equal(got, list) {
			t.Errorf("%s: %d bytes of a picture, %v", when, len(got), err)
		}
	}
	check("up", platform.Up)
	w.apply(takedown(uri, ours))
	check("down", platform.Down)
	w.apply(restore(uri, ours))
	w.apply(takedown(a.DID, ours))
	check("its account down", platform.Up)

	profile, err := w.c.Evidence(t.Context(), platform.Subject{Platform: "bluesky", ID: a.DID})
	if err != nil || profile.Status != platform.Down || profile.Author.Name != "Writer" || profile.Subject.Handle != a.Handle || len(profile.Pictures) != 1 ||
		profile.Pictures[0].SHA256 != canonical.Digest(sha256.Sum256(face)) {
		t.Errorf("profile while down: %+v, %v", profile, err)
	}
	w.apply(restore(a.DID, ours))
	profile, err = w.c.Evidence(t.Context(), platform.Subject{Platform: "bluesky", ID: a.DID})
	if err != nil || len(profile.Thread) != 1 || profile.Thread[0].ID != uri || profile.Thread[0].Subject || profile.Thread[0].Text.Text != hostile {
		t.Errorf("profile: %+v, %v", profile, err)
	}

	if _, err := w.c.Picture(t.Context(), s, "bafkreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a picture that is not there: %v", err)
	}
	gone := w.pds.Call(t, testenv.Bearer(b.Access), "com.atproto.repo.deleteRecord", map[string]any{"repo": b.DID, "collection": "app.bsky.feed.post", "rkey": first[strings.LastIndexByte(first, '/')+1:]})
	if gone.Status != http.StatusOK {
		t.Fatal(gone)
	}
	e, err := w.c.Evidence(t.Context(), s)
	if err != nil || len(e.Thread) != 1 || e.Thread[0].Answers != first {
		t.Errorf("once the post that it answers is gone: %+v, %v", e.Thread, err)
	}
	if _, err := w.c.Evidence(t.Context(), platform.Subject{Platform: "bluesky", ID: first}); !fault.Is(err, "no-such-subject") {
		t.Errorf("a post that is gone: %v", err)
	}
}

// TestEvidenceOfOddRecords: records in forms of their authors' own are shown all the same, and
// a thread that answers itself ends.
func TestEvidenceOfOddRecords(t *testing.T) {
	w := newWorld(t)
	a := w.pds.CreateAccount(t, "odd")
	nested := any("end")
	for range 100 {
		nested = map[string]any{"x": nested}
	}
	other, _ := put(t, w.pds, a, "com.example.note", map[string]any{"title": "hello", "nested": nested, "when": []any{1, true, nil, "🙂\x00"}})
	e, err := w.c.Evidence(t.Context(), platform.Subject{Platform: "bluesky", ID: other})
	if err != nil || !strings.Contains(e.Text.Text, `"title": "hello"`) || len(e.Thread) != 0 {
		t.Errorf("a record of another collection: %.300q, %v", e.Text.Text, err)
	}

	strange, cid := put(t, w.pds, a, "app.bsky.feed.post", map[string]any{"text": 7, "langs": "de", "createdAt": "yesterday", "reply": []any{}, "embed": map[string]any{"$type": "blob", "ref": "x"}})
	if e, err = w.c.Evidence(t.Context(), platform.Subject{Platform: "bluesky", ID: strange}); err != nil || e.Text.Text != "" || e.Language != "" || !e.Created.IsZero() || len(e.Thread) != 1 {
		t.Errorf("a post of another form: %+v, %v", e, err)
	}

	// Two posts that answer each other.
	second, secondCID := put(t, w.pds, a, "app.bsky.feed.post", reply("second", strange, cid))
	turned := reply("first", second, secondCID)
	turned["$type"] = "app.bsky.feed.post"
	if got := w.pds.Call(t, testenv.Bearer(a.Access), "com.atproto.repo.putRecord", map[string]any{"repo": a.DID, "collection": "app.bsky.feed.post",
		"rkey": strange[strings.LastIndexByte(strange, '/')+1:], "record": turned}); got.Status != http.StatusOK {
		t.Fatal(got)
	}
	e, err = w.c.Evidence(t.Context(), platform.Subject{Platform: "bluesky", ID: second})
	if err != nil || len(e.Thread) != 2 || e.Thread[0].ID != strange || e.Thread[1].ID != second {
		t.Errorf("a thread that turns in a circle: %+v, %v", e.Thread, err)
	}

	// A long thread is shown from its subject upwards.
	uri, at := second, secondCID
	for range platform.MaxThread + 5 {
		uri, at = put(t, w.pds, a, "app.bsky.feed.post", reply("on", uri, at))
	}
	e, err = w.c.Evidence(t.Context(), platform.Subject{Platform: "bluesky", ID: uri})
	if err != nil || len(e.Thread) != platform.MaxThread || e.Thread[platform.MaxThread-1].ID != uri {
		t.Errorf("a long thread: %d, %v", len(e.Thread), err)
	}
}
