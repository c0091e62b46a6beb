package canonical_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

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
