package httpd

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestStrangersMakeRoom: the oldest connection on which nobody is known is closed
// when there are too many, and one on which somebody is known stays.
func TestStrangersMakeRoom(t *testing.T) {
	s := newStrangers(2)
	var all []net.Conn
	open := func() net.Conn {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { ours.Close(); theirs.Close() })
		all = append(all, theirs)
		s.watch(ours, http.StateNew)
		return ours
	}
	closed := func(i int) bool {
		_ = all[i].SetReadDeadline(time.Unix(1, 0))
		_, err := all[i].Read(make([]byte, 1))
		return err == io.EOF
	}
	known := open()
	Known(s.context(context.Background(), known))
	second := open()
	open()
	for i := range all {
		if closed(i) {
			t.Errorf("connection %d is closed while there is room", i)
		}
	}
	open()
	if closed(0) || !closed(1) || closed(2) || closed(3) {
		t.Errorf("closed: %v %v %v %v, want the second alone", closed(0), closed(1), closed(2), closed(3))
	}
	s.watch(second, http.StateClosed)
	s.watch(known, http.StateClosed)
	if len(s.by) != 2 || s.old.Len() != 2 {
		t.Errorf("%d and %d are counted", len(s.by), s.old.Len())
	}
	Known(context.Background()) // of no server of ours
}

// TestBodiesAreTimed: a body that does not come ends its request, and one that came
// leaves all the time in the world.
func TestBodiesAreTimed(t *testing.T) {
	read := make(chan error, 1)
	slow := httptest.NewServer(within(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		read <- err
	}), -time.Second)) // which is over already
	defer slow.Close()
	body, never := io.Pipe()
	defer never.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, slow.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if res, err := slow.Client().Do(r); err == nil {
			res.Body.Close()
		}
	}()
	if err := <-read; err == nil {
		t.Error("a body that never came was read")
	}
	never.Close()

	var cleared []time.Time
	w := &deadlines{ResponseRecorder: httptest.NewRecorder(), set: func(at time.Time) { cleared = append(cleared, at) }}
	q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("all of it"))
	timely(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if b, err := io.ReadAll(r.Body); err != nil || string(b) != "all of it" {
			t.Errorf("read %q, %v", b, err)
		}
	})).ServeHTTP(w, q)
	if len(cleared) != 2 || cleared[0].IsZero() || !cleared[1].IsZero() {
		t.Errorf("deadlines: %v", cleared)
	}
}

type deadlines struct {
	*httptest.ResponseRecorder
	set func(time.Time)
}

func (d *deadlines) SetReadDeadline(at time.Time) error { d.set(at); return nil }
