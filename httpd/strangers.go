package httpd

import (
	"container/list"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// mostStrangers is the largest number of open connections on which nobody has shown a
// token yet. One takes up to 50 KiB.
const mostStrangers = 2048

// strangers are the connections on which nobody has shown a token. When there are too
// many, the oldest is closed. A client with a token shows it with the first request, and
// its connection is never closed for this reason.
type strangers struct {
	mu   sync.Mutex
	most int
	by   map[net.Conn]*list.Element
	old  *list.List // of net.Conn, the oldest first
}

func newStrangers(most int) *strangers {
	return &strangers{most: most, by: map[net.Conn]*list.Element{}, old: list.New()}
}

// watch is an http.Server's ConnState.
func (s *strangers) watch(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if oldest := s.add(c); oldest != nil {
			_ = oldest.Close() // its goroutine learns it, and says so in StateClosed
		}
	case http.StateClosed, http.StateHijacked:
		s.remove(c)
	}
}

// add returns the connection that has to go, nil if there is room.
func (s *strangers) add(c net.Conn) (oldest net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by[c] = s.old.PushBack(c)
	if s.old.Len() <= s.most {
		return nil
	}
	oldest = s.old.Remove(s.old.Front()).(net.Conn)
	delete(s.by, oldest)
	return oldest
}

func (s *strangers) remove(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.by[c]; ok {
		s.old.Remove(e)
		delete(s.by, c)
	}
}

type strangerKey struct{}

// context is an http.Server's ConnContext.
func (s *strangers) context(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, strangerKey{}, func() { s.remove(c) })
}

// Known notes that a token was shown on the connection of a request.
func Known(ctx context.Context) {
	if known, ok := ctx.Value(strangerKey{}).(func()); ok {
		known()
	}
}

// NewServer returns a server for a handler that may wait for long, or answer without end,
// but bounds its bodies itself. Headers are bounded, a body must come within a time, and
// an idle connection is closed.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{Handler: timely(h), ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader}
}

// bodyTime bounds the time for a body on servers of NewServer.
const bodyTime = 30 * time.Second

// timely gives each body its deadline, and removes it once the body is read: it would end
// a handler that goes on waiting.
func timely(h http.Handler) http.Handler { return within(h, bodyTime) }

func within(h http.Handler, d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			c := http.NewResponseController(w)
			if c.SetReadDeadline(time.Now().Add(d)) == nil { // a recorder in a test has none
				r.Body = &timedBody{r.Body, c}
			}
		}
		h.ServeHTTP(w, r)
	})
}

type timedBody struct {
	io.ReadCloser
	c *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.c.SetReadDeadline(time.Time{}) // the deadline was set, so it can be
	}
	return n, err
}
