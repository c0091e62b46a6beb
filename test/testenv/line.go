package testenv

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Line is a TCP connection to a server that a test can cut, or can make lose everything
// that is sent, as networks do.
type Line struct {
	URL string // of the server by way of the line

	server  string
	mu      sync.Mutex
	swallow bool
	open    map[net.Conn]bool
}

// NewLine lays a line to the server at an address such as "http://localhost:2583".
func NewLine(t testing.TB, address string) *Line {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Line{URL: "http://" + listener.Addr().String(), server: u.Host, open: map[net.Conn]bool{}}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return // it was closed: the test is over
			}
			wait.Go(func() { l.connect(near) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.Cut()
		wait.Wait()
	})
	return l
}

func (l *Line) connect(near net.Conn) {
	far, err := net.Dial("tcp", l.server)
	if err != nil {
		_ = near.Close()
		return
	}
	l.mu.Lock()
	l.open[near], l.open[far] = true, true
	l.mu.Unlock()
	var wait sync.WaitGroup
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		wait.Go(func() {
			_, _ = io.Copy(lossy{l, way[1]}, way[0]) // however it ends, the connection does
			_ = near.Close()
			_ = far.Close()
		})
	}
	wait.Wait()
	l.mu.Lock()
	delete(l.open, near)
	delete(l.open, far)
	l.mu.Unlock()
}

// lossy writes to one end of the line while it does not swallow.
type lossy struct {
	l  *Line
	to net.Conn
}

func (w lossy) Write(b []byte) (int, error) {
	w.l.mu.Lock()
	swallow := w.l.swallow
	w.l.mu.Unlock()
	if swallow {
		return len(b), nil
	}
	return w.to.Write(b)
}

// Swallow drops from now on all bytes in both directions and leaves connections open;
// false lets them through again.
func (l *Line) Swallow(swallow bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.swallow = swallow
}

// Cut closes every open connection. New ones can be made.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		_ = c.Close()
	}
}
