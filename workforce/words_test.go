package workforce

import (
	"fmt"
	"strings"
	"testing"
)

// TestWords: a key keeps its words for ever, since people wrote them down.
func TestWords(t *testing.T) {
	for key, want := range map[KeyID]string{
		"key_00000000000000000000000000000000": "overcook cabana driver gown curly disorder",
		"key_ffffffffffffffffffffffffffffffff": "playback drilling moaning varsity series chalice",
	} {
		if got := key.Words(); got != want {
			t.Errorf("the words of %s are %q, want %q", key, got, want)
		}
	}
}

func TestWordsAreSixAndDiffer(t *testing.T) {
	seen, words := map[string]KeyID{}, map[string]bool{}
	for i := range 2000 {
		key := KeyID(fmt.Sprintf("key_%032x", i))
		w := key.Words()
		all := strings.Split(w, " ")
		if len(all) != 6 {
			t.Fatalf("%s has the words %q, not six", key, w)
		}
		for _, word := range all {
			if word == "" {
				t.Fatalf("%s has the words %q, one of them empty", key, w)
			}
			words[word] = true
		}
		if other, ok := seen[w]; ok {
			t.Errorf("%s and %s have the same words %q", key, other, w)
		}
		seen[w] = key
	}
	// 12,000 throws of a fair list of 7,776 words show about 6,115 of them.
	if len(words) < 5900 {
		t.Errorf("2000 keys use %d words only: the words carry less than they should", len(words))
	}
}
