package canonical_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

type document struct {
	B    canonical.Bytes   `json:"b"`
	D    canonical.Digest  `json:"d"`
	List []string          `json:"list"`
	Map  map[string]string `json:"map"`
	N    int64             `json:"n"`
	T    canonical.Time    `json:"t"`
}

var sample = document{B: []byte{1, 2, 3}, D: canonical.Sum([]byte("x")), List: []string{"é", "\u2028"}, Map: map[string]string{"b": "1", "a": "2"},
	N: 9007199254740991, T: canonical.At(time.Date(2026, 11, 23, 5, 39, 46, 123456789, time.UTC))}

func TestOneSpelling(t *testing.T) {
	good := canonical.MustMarshal(sample)
	want := `{"b":"AQID","d":"` + sample.D.String() + `","list":["é","` + "\u2028" + `"],"map":{"a":"2","b":"1"},"n":9007199254740991,"t":"2026-11-23T05:39:46.123456Z"}`
	if string(good) != want {
		t.Fatalf("got  %s\nwant %s", good, want)
	}
	var back document
	if err := canonical.UnmarshalExact(good, &back); err != nil {
		t.Fatal(err)
	}
	text := string(good)
	for name, bad := range map[string]string{
		"white space":              text + "\n",
		"something after it":       text + "{}",
		"members in another order": strings.Replace(text, `"n":9007199254740991,`, "", 1)[:1] + `"n":9007199254740991,` + strings.Replace(text, `"n":9007199254740991,`, "", 1)[1:],
		"a member twice":           strings.Replace(text, `"n":9007199254740991`, `"n":9007199254740991,"n":9007199254740991`, 1),
		"an unknown member":        strings.Replace(text, `"n":`, `"m":1,"n":`, 1),
		"a member missing":         strings.Replace(text, `"n":9007199254740991,`, "", 1),
		"another case":             strings.Replace(text, `"n":`, `"N":`, 1),
		"an escaped letter":        strings.Replace(text, "é", `\u00e9`, 1),
		"another number":           strings.Replace(text, "9007199254740991", "9007199254740991.0", 1),
		"another time zone":        strings.Replace(text, "05:39:46.123456Z", "05:39:46.123456+00:00", 1),
		"fewer digits of a time":   strings.Replace(text, ".123456Z", ".1234Z", 1),
		"an upper-case digest":     strings.Replace(text, sample.D.String(), "sha256:"+strings.ToUpper(sample.D.String()[7:]), 1),
		"zeros for no digest":      strings.Replace(text, sample.D.String(), "sha256:"+strings.Repeat("0", 64), 1),
		"a date for no time":       strings.Replace(text, "2026-11-23T05:39:46.123456Z", "0001-01-01T00:00:00.000000Z", 1),
		"null for a text":          strings.Replace(text, `"AQID"`, "null", 1),
		"null for a number":        strings.Replace(text, "9007199254740991", "null", 1),
		"loose base64":             strings.Replace(text, "AQID", "AQIDBA", 1),
		"base64 with a tail":       strings.Replace(text, "AQID", "AR==", 1),
		"null for a list":          strings.Replace(text, `["é","`+"\u2028"+`"]`, "null", 1),
		"not JSON":                 text[:len(text)-1],
	} {
		if bad == text {
			t.Errorf("%s: the test changes nothing", name)
		}
		if err := canonical.UnmarshalExact([]byte(bad), &back); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestZeroValues(t *testing.T) {
	b := canonical.MustMarshal(document{})
	if want := `{"b":"","d":"","list":[],"map":{},"n":0,"t":""}`; string(b) != want {
		t.Errorf("got %s, want %s", b, want)
	}
	var back document
	if err := canonical.UnmarshalExact(b, &back); err != nil || !back.D.IsZero() || !back.T.IsZero() {
		t.Errorf("%+v, %v", back, err)
	}
	if got := canonical.FromMicro(canonical.At(sample.T.Time).Micro()); !got.Equal(sample.T.Time) {
		t.Errorf("got %s, want %s", got, sample.T)
	}
}

type inner struct {
	Flag bool   `json:"flag"`
	Text string `json:"text"`
}

// outer has members of every sort, in another order than the canonical one.
type outer struct {
	Time   canonical.Time   `json:"time"`
	Bytes  canonical.Bytes  `json:"bytes"`
	Digest canonical.Digest `json:"digest"`
	In     inner            `json:"in"`
	List   []inner          `json:"list"`
	Lists  [][]string       `json:"lists"`
	Map    map[string]inner `json:"map"`
	N      int64            `json:"n"`
	Raw    canonical.Raw    `json:"raw"`
	Late   string           `json:"late,omitzero"`
	Times  []canonical.Time `json:"times"`
}

var full = outer{Bytes: canonical.Bytes("x"), Digest: canonical.Sum(nil), In: inner{true, "a"}, List: []inner{{}, {true, "é"}}, Lists: [][]string{{}, {"a", ""}},
	Map: map[string]inner{"a": {}, "b": {}}, N: -7, Raw: canonical.Raw(`{"a":[{"b":1}],"c":null}`), Time: canonical.FromMicro(1), Times: []canonical.Time{{}, canonical.FromMicro(2)}}

// TestExact: whatever a text says in another way than its value is written, on every
// level and within values that are kept as they are, is refused.
func TestExact(t *testing.T) {
	good := string(canonical.MustMarshal(full))
	var back outer
	if err := canonical.UnmarshalExact([]byte(good), &back); err != nil {
		t.Fatal(err)
	}
	for _, edit := range [][2]string{
		// A member is lacking.
		{`"n":-7,`, ``}, {`"in":{"flag":true,"text":"a"},`, ``}, {`"flag":true,`, ``}, {`"raw":{"a":[{"b":1}],"c":null},`, ``}, {`,"text":"é"`, ``},
		{`"map":{"a":{"flag":false,"text":""},"b":{"flag":false,"text":""}},`, ``}, {`"a":{"flag":false,"text":""}`, `"a":{}`},
		// It is null, or empty where it is left out.
		{`"in":{"flag":true,"text":"a"}`, `"in":null`}, {`"text":"a"`, `"text":null`}, {`"n":-7`, `"n":null`}, {`[{"flag":false,"text":""},`, `[null,`},
		{`"lists":[[],["a",""]]`, `"lists":null`}, {`[[],`, `[null,`}, {`"map":`, `"map":null,"map_":`}, {`"list":`, `"late":"","list":`}, {`"list":`, `"late":null,"list":`},
		// It is there twice, unknown, in another case or in another order.
		{`"n":-7`, `"n":-7,"n":-7`}, {`"b":1`, `"b":1,"b":1`}, {`"n":-7`, `"m":0,"n":-7`}, {`"n":-7`, `"N":-7`}, {`"n":-7`, `"\u006e":-7`},
		{`"flag":true,"text":"a"`, `"text":"a","flag":true`}, {`"a":[{"b":1}],"c":null`, `"c":null,"a":[{"b":1}]`},
		{`"a":{"flag":false,"text":""},"b":{"flag":false,"text":""}`, `"b":{"flag":false,"text":""},"a":{"flag":false,"text":""}`},
		// A number or text is spelt in another way.
		{`-7`, `-7.0`}, {`-7`, `-7e0`}, {`-7`, `-07`}, {`-7`, `9007199254740993`}, {`"b":1`, `"b":1.0`}, {`"b":1`, `"b":1e0`}, {`"b":1`, `"b":9007199254740993`}, {`"b":1`, `"b":-0`},
		{`é`, `\u00e9`}, {`"b":1`, `"b":"\u0061"`}, {`"b":1`, `"b":"\/"`}, {`"b":1`, `"b": 1`}, {`"b":1`, "\"b\":\"\xff\""}, {`"b":1`, `"b":"\ud800"`},
	} {
		bad := strings.Replace(good, edit[0], edit[1], 1)
		if bad == good {
			t.Errorf("%s: the test changes nothing", edit)
		}
		if err := canonical.UnmarshalExact([]byte(bad), &outer{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s for %s: %v", edit[1], edit[0], err)
		}
	}
	late := strings.Replace(good, `"list":`, `"late":"x","list":`, 1)
	if err := canonical.UnmarshalExact([]byte(late), &back); err != nil || back.Late != "x" {
		t.Errorf("a member that may be left out: %v", err)
	}
}

// TestUnmarshal: a member may be lacking, and none may be unknown.
func TestUnmarshal(t *testing.T) {
	for text, want := range map[string]bool{`{}`: true, `{"flag":true}`: true, `{"flag":true,"text":"a"}`: true, `{"flag":true,"other":1}`: false,
		`{"Flag":true}`: false, `{"text":"a","flag":true}`: false, `{"flag":true,"flag":true}`: false, `{"flag":true} `: false, `[]`: false} {
		var v inner
		if err := canonical.Unmarshal([]byte(text), &v); (err == nil) != want || err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// spellings are texts with whether they are in canonical form.
var spellings = map[string]bool{
	`{}`: true, `[]`: true, `""`: true, `0`: true, `-1`: true, `999999999999999`: true, `true`: true, `false`: true, `null`: true,
	`{"a":{"a":[1,"x"]},"b":""}`: true, `["é\"\\\n\b\f\r\t"]`: true, `{"A":1,"a":2}`: true, `{"a":1,"aa":2}`: true, `{"":1}`: true,
	`{"é":1}`: true, `{"\n":1}`: true, `1.5`: true, `1e+30`: true, `1000000000000000`: true, `"\u0001"`: true, "{\"\U0001F600\":1,\"\ufb33\":2}": true,
	``: false, ` {}`: false, `{} `: false, "{}\n": false, `{}{}`: false, `{"a":1,}`: false, `{,}`: false, `[1,]`: false, `[,]`: false, `{"a"}`: false,
	`{"b":1,"a":2}`: false, `{"a":1,"a":2}`: false, `{"aa":1,"a":2}`: false, `{"a":1 }`: false, `{"a" :1}`: false, `{a:1}`: false,
	"{\"\ufb33\":1,\"\U0001F600\":2}": false, // sorted by UTF-16, not by code points
	`-`:                               false, `-0`: false, `00`: false, `01`: false, `1.0`: false, `1e3`: false, `1e30`: false, `+1`: false, `-9007199254740993`: false,
	`"\u00e9"`: false, `"\u000a"`: false, `"\/"`: false, `"\a"`: false, "\"\n\"": false, "\"\x00\"": false, "\"\xff\"": false, "\"\xed\xa0\x80\"": false,
	`"`: false, `"\`: false, `"\"`: false, `{`: false, `[`: false, `{"a":`: false, `tru`: false, `truE`: false, `nul`: false,
	`{"a":1`: false, `[1`: false, `[1 ,2]`: false, `[1}`: false, `{"a":1]`: false,
	strings.Repeat("[", 65) + strings.Repeat("]", 65):         true,
	strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000): false, // more than anybody writes
}

func TestCheck(t *testing.T) {
	for range 2 { // whatever was written before, buffers are kept
		for text, want := range spellings {
			if got := canonical.Check([]byte(text)) == nil; got != want {
				t.Errorf("%.60q: %v", text, got)
			}
		}
	}
}

// TestTooDeep: a large document that nests deeply is refused before its members are put
// in order, which would take seconds for some megabytes.
func TestTooDeep(t *testing.T) {
	nested := func(depth, size int) string {
		return strings.Repeat(`{"b":`, depth) + `"\"[{` + strings.Repeat("x", size) + `"` + strings.Repeat(`,"c":1}`, depth)
	}
	for name, c := range map[string]struct {
		text string
		good bool
	}{
		"deep and small":    {nested(300, 0), true},
		"large":             {nested(200, 64<<10), true},
		"large and deep":    {nested(201, 64<<10), false},
		"larger and deeper": {strings.ReplaceAll(nested(9000, 4<<20), `"c"`, `"a"`), false},
		"lists":             {strings.Repeat("[", 201) + `"` + strings.Repeat("x", 64<<10) + `"` + strings.Repeat("]", 201), false},
		"brackets in texts": {`["` + strings.Repeat(`[{\"`, 64<<10) + `"]`, true},
	} {
		var v canonical.Raw
		for how, err := range map[string]error{"check": canonical.Check([]byte(c.text)), "exact": canonical.UnmarshalExact([]byte(c.text), &v)} {
			if (err == nil) != c.good || err != nil && !strings.Contains(err.Error(), "levels deep") {
				t.Errorf("%s, %s: %v", name, how, err)
			}
		}
	}
}

// FuzzCheck: Check says what the library's own canonical form says, and leaves the text alone.
func FuzzCheck(f *testing.F) {
	for text := range spellings {
		if len(text) < 200 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before, j := bytes.Clone(b), jsontext.Value(bytes.Clone(b))
		want := j.Canonicalize() == nil && bytes.Equal(j, b)
		if got := canonical.Check(b) == nil; got != want || !bytes.Equal(b, before) {
			t.Errorf("%q: %v, the library makes %q of it", before, got, j)
		}
	})
}

// FuzzExact: a text that is read exactly is in canonical form and is what its value is written as.
func FuzzExact(f *testing.F) {
	f.Add(canonical.MustMarshal(full))
	f.Add(canonical.MustMarshal(outer{Raw: canonical.Raw("null")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v outer
		if canonical.UnmarshalExact(b, &v) != nil {
			return
		}
		j := jsontext.Value(bytes.Clone(b))
		if err := j.Canonicalize(); err != nil || !bytes.Equal(j, b) || !bytes.Equal(canonical.MustMarshal(v), b) {
			t.Errorf("read  %q\nwrote %q\nthe library writes %q (%v)", b, canonical.MustMarshal(v), j, err)
		}
	})
}

// FuzzOneSpelling: whatever is accepted is written again byte for byte.
func FuzzOneSpelling(f *testing.F) {
	f.Add(canonical.MustMarshal(sample))
	f.Add([]byte(`{"b":"","d":"","list":[],"map":{},"n":0,"t":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d document
		if canonical.UnmarshalExact(b, &d) != nil {
			return
		}
		if again := canonical.MustMarshal(d); !bytes.Equal(again, b) {
			t.Errorf("read  %q\nwrote %q", b, again)
		}
	})
}

// FuzzTime: read is what package time reads and writes alike.
func FuzzTime(f *testing.F) {
	for _, s := range []string{"2026-11-23T05:39:46.000000Z", "2024-02-29T23:59:59.999999Z", "2026-02-29T00:00:00.000000Z", "2026-13-01T00:00:00.000000Z",
		"2026-00-01T00:00:00.000000Z", "2026-01-00T00:00:00.000000Z", "2026-01-01T24:00:00.000000Z", "2026-01-01T00:60:00.000000Z",
		"2026-01-01T00:00:60.000000Z", "2026-01-01t00:00:00.000000Z", "2026-01-01T00:00:00.000000z", "2026-01-01T00:00:00,000000Z",
		"2026-01-01T00:00:00.00000Z", "+026-01-01T00:00:00.000000Z", "2026-1 -01T00:00:00.000000Z", "0000-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"} {
		f.Add(s)
	}
	const layout = "2006-01-02T15:04:05.000000Z"
	f.Fuzz(func(t *testing.T, s string) {
		want, err := time.Parse(layout, s)
		good := err == nil && want.Format(layout) == s && !want.IsZero()
		var got canonical.Time
		if err := got.UnmarshalJSON([]byte(`"` + s + `"`)); s != "" && (err == nil) != good || good && !got.Equal(want) {
			t.Errorf("%q is read as %s, %v; package time: %s, %v", s, got, err, want, good)
		}
	})
}
