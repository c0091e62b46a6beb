package api_test

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"countersign.dev/api"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
)

// FuzzDecode: what is read as a body is written again as the same document, so
// that nothing unknown, doubled or misspelt was let in; and what is refused is
// refused with a short text.
func FuzzDecode(f *testing.F) {
	for _, v := range []any{v1.Wish{Kind: "account.takedown", Subject: "plaza:@neighbour", Key: "key_1"}, v1.Submission{}, v1.Decline{Alarm: true},
		v1.SignedTokenAsk{}, v1.PolicyFiles{Files: map[string]string{"a": "b"}}} {
		b, err := canonical.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, s := range []string{`{"kind":"a","kind":"b"}`, `{"kind":"a"}{}`, `{"Kind":"a"}`, `{"kind":"\ud800"}`, `[[[[`, `{"until":"2026-11-23T05:39:46Z"}`,
		`{"rows":[{"row":{"record":{"roles":null}}}]}`, `null`, ``, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []any{&v1.Wish{}, &v1.Submission{}, &v1.Decline{}, &v1.SignedTokenAsk{}, &v1.PolicyFiles{}} {
			if err := api.Decode(b, v); err != nil {
				if len(err.Error()) > 2000 || bytes.Contains([]byte(err.Error()), []byte("jsontext")) {
					t.Errorf("refused with %q", err)
				}
				continue
			}
			again, err := canonical.Marshal(v)
			if err != nil {
				t.Fatalf("read, but not written again: %v", err)
			}
			var want, got map[string]any
			if json.Unmarshal(b, &want) != nil || json.Unmarshal(again, &got) != nil {
				continue // null: no document at all, which the schema refuses
			}
			for name := range want {
				if _, ok := got[name]; !ok && !empty(want[name]) {
					t.Errorf("the member %q was read and is gone: %s", name, cmp.Diff(want, got))
				}
			}
		}
	})
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case []any:
		return len(v) == 0
	}
	return false
}
