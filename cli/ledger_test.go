package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json"

	v1 "countersign.dev/api/v1"
	"countersign.dev/client"
)

// The governance chain is asked for by number and told by index: a chain that comes
// in several answers is read whole, from any index on.
func TestServedInStretches(t *testing.T) {
	const chain, stretch = 7, 2
	index := func(number int64) int64 { return 3 * number } // other entries lie between
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
		if err != nil || from > chain {
			w.WriteHeader(http.StatusGone)
			return
		}
		out := v1.Bodies{From: from, Bodies: []v1.Body{}}
		for out.Next = from; out.Next < min(chain, from+stretch); out.Next++ {
			out.Bodies = append(out.Bodies, v1.Body{Index: index(out.Next), Body: []byte("{}"), Salt: []byte{1}})
		}
		b, err := json.Marshal(out)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(b)
	}))
	defer desk.Close()
	c, err := client.New(desk.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, start := range []int64{0, 4, 100} {
		var got []int64
		for from, read := start, (deskClient{c}).served(t.Context()).Bodies; ; from = got[len(got)-1] + 1 {
			some, err := read(from)
			if err != nil {
				t.Fatal(err)
			}
			if len(some) == 0 {
				break
			}
			for _, b := range some {
				got = append(got, b.Index)
			}
		}
		var want []int64
		for n := range int64(chain) {
			if index(n) >= start {
				want = append(want, index(n))
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("from %d on: %v, want %v", start, got, want)
		}
	}
}
