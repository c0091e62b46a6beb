package canonical

import (
	"bytes"
	"testing"
)

type inner struct {
	Flag bool   `json:"flag"`
	Text string `json:"text"`
}

type outer struct {
	Bytes  Bytes            `json:"bytes"`
	Digest Digest           `json:"digest"`
	In     inner            `json:"in"`
	List   []inner          `json:"list"`
	Lists  [][]string       `json:"lists"`
	Map    map[string]inner `json:"map"`
	N      int64            `json:"n"`
	Raw    Raw              `json:"raw"`
	Time   Time             `json:"time"`
	Times  []Time           `json:"times"`
}

var full = outer{Bytes: Bytes("x"), Digest: Sum(nil), In: inner{true, "a"}, List: []inner{{}, {true, "é"}}, Lists: [][]string{{}, {"a", ""}},
	Map: map[string]inner{"a": {}, "b": {}}, N: -7, Raw: Raw(`{"a":[{"b":1}]}`), Time: FromMicro(1), Times: []Time{{}, FromMicro(2)}}

// others have members that may be left out, or values with several spellings,
// for all that is known here.
type others struct {
	F float64 `json:"f"`
}

type optional struct {
	A string `json:"a,omitzero"`
}

type pointer struct {
	P *inner `json:"p"`
}

type array struct {
	A [2]byte `json:"a"`
}

type plainBytes struct {
	B []byte `json:"b"`
}

type unnamed struct{ A string }

func lacks(b []byte, v any) (n int, ok bool) {
	t, ok := Scan(b)
	if !ok {
		return 0, false
	}
	return t.Lacks(v)
}

func TestLacks(t *testing.T) {
	text := MustMarshal(full)
	var back outer
	if err := Read(text, &back); err != nil {
		t.Fatal(err)
	}
	if n, ok := lacks(text, back); n != 0 || !ok {
		t.Errorf("lacks %d, %v", n, ok)
	}
	for member, want := range map[string]int{`"n":-7,`: 1, `"in":{"flag":true,"text":"a"},`: 3, `"flag":true,`: 1,
		`"map":{"a":{"flag":false,"text":""},"b":{"flag":false,"text":""}},`: 1, `"raw":{"a":[{"b":1}]},`: 1} {
		less := bytes.Replace(text, []byte(member), nil, 1)
		var v outer
		if err := Read(less, &v); err != nil || len(less) == len(text) {
			t.Fatalf("%s: %v", member, err)
		}
		if n, ok := lacks(less, &v); n != want || !ok {
			t.Errorf("%s: lacks %d, %v; want %d", member, n, ok, want)
		}
		if Exact(less, v) == nil {
			t.Errorf("%s: exact", member)
		}
	}
	nulls := full
	nulls.Raw = Raw(`{"a":null,"b":[null]}`)
	if n, ok := lacks(MustMarshal(nulls), nulls); n != 0 || !ok {
		t.Errorf("with nulls in a Raw value: lacks %d, %v", n, ok)
	}
	for _, v := range []any{others{}, optional{}, pointer{}, array{}, plainBytes{}, unnamed{}, []any{1}, map[Digest]string{}, (*outer)(nil), nil} {
		text := MustMarshal(v)
		if n, ok := lacks(text, v); ok {
			t.Errorf("%T: lacks %d, and is sure", v, n)
		}
	}
	if _, ok := lacks([]byte(`{"flag":null,"text":""}`), inner{}); ok {
		t.Error("null is sure")
	}
	one, other := MustMarshal(nulls), outer{}
	bad := bytes.Replace(one, []byte(`"in":{"flag":true,"text":"a"}`), []byte(`"in":null`), 1)
	if err := Read(bad, &other); err != nil {
		t.Fatal(err)
	}
	if _, ok := lacks(bad, other); ok || Exact(bad, other) == nil {
		t.Error("null for an object is taken beside nulls in a Raw value")
	}
}

// FuzzLacks: where counting says that a text is exact, writing says so as well.
func FuzzLacks(f *testing.F) {
	f.Add(MustMarshal(full))
	f.Add(MustMarshal(outer{Raw: Raw("null")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v outer
		if Read(b, &v) != nil {
			return
		}
		if n, ok := lacks(b, v); !ok || n != 0 {
			return
		}
		if again := MustMarshal(v); !bytes.Equal(again, b) {
			t.Errorf("read  %q\nwrote %q", b, again)
		}
	})
}
