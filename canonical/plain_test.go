package canonical

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// spellings are values with whether they are plain.
var spellings = map[string]bool{
	`{}`: true, `[]`: true, `""`: true, `0`: true, `-1`: true, `999999999999999`: true, `true`: true, `false`: true, `null`: true,
	`{"a":{"a":[1,"x"]},"b":""}`: true, `["é\"\\\n\b\f\r\t"]`: true, `{"A":1,"a":2}`: true, `{"a":1,"aa":2}`: true, `{"":1}`: true,
	``: false, ` {}`: false, `{} `: false, `{}{}`: false, `{"a":1,}`: false, `{,}`: false, `[1,]`: false, `[,]`: false, `{"a"}`: false,
	`{"b":1,"a":2}`: false, `{"a":1,"a":2}`: false, `{"aa":1,"a":2}`: false, `{"a":1 }`: false, `{"a" :1}`: false, `{a:1}`: false,
	`-`: false, `-0`: false, `00`: false, `01`: false, `1.0`: false, `1e3`: false, `+1`: false, `1000000000000000`: false, `-9007199254740993`: false,
	`"\u00e9"`: false, `"\/"`: false, `"\a"`: false, "\"\n\"": false, "\"\x00\"": false, "\"\xff\"": false, "\"\xed\xa0\x80\"": false,
	`"`: false, `"\`: false, `"\"`: false, `{`: false, `[`: false, `{"a":`: false, `tru`: false, `truE`: false, `nul`: false,
	`{"é":1}`: false, `{"\n":1}`: false, `{"a":1`: false, `[1`: false, `[1 ,2]`: false, `[1}`: false, `{"a":1]`: false,
	strings.Repeat("[", 64) + strings.Repeat("]", 64): true,
	strings.Repeat("[", 65) + strings.Repeat("]", 65): false,
}

func TestPlain(t *testing.T) {
	for text, want := range spellings {
		if got := plain([]byte(text)); got != want {
			t.Errorf("%.60q: %v", text, got)
		}
	}
}

// FuzzPlain: what is called plain, the library would not write otherwise.
func FuzzPlain(f *testing.F) {
	for text := range spellings {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !plain(b) {
			return
		}
		j := jsontext.Value(bytes.Clone(b))
		if err := j.Canonicalize(); err != nil || !bytes.Equal(j, b) {
			t.Errorf("%q is plain, the library makes %q of it: %v", b, j, err)
		}
	})
}
