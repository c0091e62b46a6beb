package id_test

import (
	"bytes"
	"testing"
	"time"

	"countersign.dev/id"
)

func TestSortsByTime(t *testing.T) {
	at := time.UnixMilli(1_764_000_000_000)
	s := id.Source{Now: func() time.Time { return at }, Rand: bytes.NewReader(bytes.Repeat([]byte{0xff}, 100))}
	first := s.New("req")
	at = at.Add(time.Millisecond)
	s.Rand = bytes.NewReader(make([]byte, 100))
	if second := s.New("req"); second <= first {
		t.Errorf("%s was made after %s and sorts before it", second, first)
	}
	if !id.Valid("req", first) || len(first) != len("req_")+26 {
		t.Errorf("%q is not valid", first)
	}
}

func TestValid(t *testing.T) {
	good := id.Source{}.New("req")
	for _, bad := range []string{"", "req_", good[4:], "tok" + good[3:], good + "0", good[:29], good[:10] + "U" + good[11:], good[:29] + "1", good[:29] + "l"} {
		// The last character carries two bits only: most letters there are another spelling.
		if bad != good && id.Valid("req", bad) {
			t.Errorf("%q is taken for an identifier", bad)
		}
	}
}
