package bluesky

import (
	"encoding/json"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"countersign.dev/canonical"
	"countersign.dev/platform"
)

// FuzzRecord: whatever an author has written into a record is shown or refused, and what is
// shown is within its bounds and can be written down.
func FuzzRecord(f *testing.F) {
	for _, v := range []any{
		map[string]any{"text": "hello", "langs": []any{"en"}, "createdAt": "2026-11-23T06:00:00.000Z", "reply": map[string]any{"parent": map[string]any{"uri": "at://did:plc:x/app.bsky.feed.post/1"}}},
		map[string]any{"embed": map[string]any{"image": map[string]any{"$type": "blob", "ref": cbor.Tag{Number: cidTag, Content: append([]byte{0}, rawSHA256...)}, "mimeType": "image/png", "size": 5}, "alt": "a"}},
		map[string]any{"facets": []any{map[string]any{"uri": "https://x.example", "title": "t"}}, "n": -1.5}, []any{1}, "text",
	} {
		b, err := cbor.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0xa1, 0x61, 'x', 0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0}) // not a number
	f.Add([]byte{0xa1, 0x61, 0xff, 0x61, 0xfe})                        // no UTF-8
	f.Fuzz(func(t *testing.T, b []byte) {
		var r record
		if leniently.Unmarshal(b, &r) != nil {
			return
		}
		e := platform.Evidence{Text: platform.Text{Text: r.json()}, Language: r.language(), Created: r.created(), Pictures: r.pictures(), Links: r.links(),
			Thread: []platform.Post{postOf("at://x", account{}, r)}}.Bound()
		if len(r) > 0 && !json.Valid([]byte(r.json())) {
			t.Errorf("%x is shown as %q", b, r.json())
		}
		if out, err := canonical.Marshal(e); err != nil || len(out) > platform.MaxEvidence {
			t.Errorf("%x: %d bytes, %v", b, len(out), err)
		}
	})
}
