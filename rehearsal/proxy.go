package rehearsal

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
)

// proxy carries connections to an address, until it is cut.
type proxy struct {
	listener net.Listener
	to       string // host:port

	mu   sync.Mutex
	cut  bool
	open map[net.Conn]struct{}
	done sync.WaitGroup
}

// newProxy starts a proxy to the address of a URL, and returns the same URL with the
// proxy's port.
func newProxy(to string) (*proxy, string, error) {
	u, err := url.Parse(to)
	if err != nil {
		return nil, "", fmt.Errorf("read the address of the platform: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("lay a wire to the platform: %w", err)
	}
	w := &proxy{listener: l, to: u.Host, open: map[net.Conn]struct{}{}}
	w.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			w.done.Go(func() { w.pump(c) })
		}
	})
	u.Host = l.Addr().String()
	return w, u.String(), nil
}

// pump carries one connection until either side ends it or the proxy is cut.
func (w *proxy) pump(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer to.Close()
	defer w.forget(from, to)
	if !w.keep(from, to) {
		return
	}
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		both.Go(func() {
			_, _ = io.Copy(way[1], way[0])
			_ = way[0].Close()
			_ = way[1].Close()
		})
	}
	both.Wait()
}

func (w *proxy) keep(cs ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range cs {
		w.open[c] = struct{}{}
	}
	return !w.cut
}

func (w *proxy) forget(cs ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range cs {
		delete(w.open, c)
	}
}

// set cuts the proxy, so that every connection ends and none begins, or mends it.
func (w *proxy) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	for c := range w.open {
		if cut {
			_ = c.Close()
		}
	}
}

func (w *proxy) close() error {
	w.set(true)
	err := w.listener.Close()
	w.done.Wait()
	return err
}
