package canonical_test

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"countersign.dev/canonical"
)

// TestWrong: whoever wrote a document reads of its members, and of nothing of ours.
func TestWrong(t *testing.T) {
	type inner struct {
		At  canonical.Time   `json:"at"`
		Sum canonical.Digest `json:"sum"`
		N   int64            `json:"n"`
	}
	for text, want := range map[string]string{
		`{"in":{"at":"2020-01-01T00:00:00Z"}}`: `in.at: "2020-01-01T00:00:00Z" is not a time such as "2026-11-23T05:39:46.000000Z"`,
		`{"in":{"at":7}}`:                      `in.at: a time is a string such as "2026-11-23T05:39:46.000000Z"`,
		`{"in":{"n":"7"}}`:                     "in.n has a value of the wrong form",
		`{"in":{"n":99999999999999999999}}`:    "in.n: ",
		`{"in":{"sum":"x"}}`:                   "in.sum: ",
		`{"in":{"m":1}}`:                       "in.m is not known here",
		`{"in":1,"in":2}`:                      "in has a value of the wrong form",
		`{"a":1}`:                              "a is not known here",
		`[]`:                                   "the document has a value of the wrong form",
		`{"in":`:                               "this is not JSON at byte 6",
	} {
		var doc struct {
			In inner `json:"in"`
		}
		err := json.Unmarshal([]byte(text), &doc, json.RejectUnknownMembers(true))
		if err == nil {
			t.Fatalf("%s was read", text)
		}
		got := canonical.Wrong(err)
		if !strings.HasPrefix(got, want) || strings.Contains(got, "Go ") || strings.Contains(got, "json:") || strings.Contains(got, "canonical.") {
			t.Errorf("%s: %s", text, got)
		}
	}
}
