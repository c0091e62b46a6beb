package system

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"countersign.dev/test/testenv"
)

// lane stands between the executor and a real platform. Calls pass by the handler
// that it was given; event streams go over a line of their own, which can be cut
// and silenced, and their frames can be repeated and put in another order.
type lane struct {
	*httptest.Server
	line           *testenv.Line
	calls, streams http.Handler

	mu     sync.Mutex
	refuse bool
	edit   func(frame []byte) [][]byte
}

// openLane lays a lane to the platform at an address. calls has what is no stream.
func openLane(t *testing.T, address string, calls http.Handler) *lane {
	t.Helper()
	l := &lane{line: testenv.NewLine(t, address), calls: calls}
	u, err := url.Parse(l.line.URL)
	if err != nil {
		t.Fatal(err)
	}
	host, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l.streams = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = host.Host },
		// A stream is not kept for the next: the line may have lost what was said on it.
		Transport:      &http.Transport{DisableKeepAlives: true},
		ModifyResponse: l.edited,
		ErrorLog:       log.New(io.Discard, "", 0), // that streams break is what the tests are about
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	return l
}

func isStream(path string) bool {
	return strings.HasSuffix(path, "/staff/v1/events") || strings.HasSuffix(path, "com.atproto.sync.subscribeRepos")
}

func (l *lane) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isStream(r.URL.Path) {
		l.calls.ServeHTTP(w, r)
		return
	}
	l.mu.Lock()
	refuse := l.refuse
	l.mu.Unlock()
	if refuse {
		cut(w)
	}
	l.streams.ServeHTTP(w, r)
}

// shut cuts the streams and lets none be opened; open lets them.
func (l *lane) shut() {
	l.mu.Lock()
	l.refuse = true
	l.mu.Unlock()
	l.line.Cut()
}

func (l *lane) open() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse = false
}

// editing has every frame of every stream replaced by others; nil ends it.
func (l *lane) editing(edit func(frame []byte) [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.edit = edit
}

// edited has a stream's frames pass by the edit that is set when they come.
func (l *lane) edited(res *http.Response) error {
	frame := eventFrame
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols:
		frame = webSocketFrame
	case res.StatusCode != http.StatusOK:
		return nil
	}
	res.Body = &framed{ReadCloser: res.Body, in: bufio.NewReader(res.Body), frame: frame, pass: func(f []byte) [][]byte {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.edit == nil {
			return [][]byte{f}
		}
		return l.edit(f)
	}}
	return nil
}

// framed is a stream read frame by frame.
type framed struct {
	io.ReadCloser
	in    *bufio.Reader
	frame func(*bufio.Reader) ([]byte, error)
	pass  func([]byte) [][]byte
	out   []byte
}

func (f *framed) Read(p []byte) (int, error) {
	for len(f.out) == 0 {
		one, err := f.frame(f.in)
		if err != nil {
			return 0, err
		}
		f.out = bytes.Join(f.pass(one), nil)
	}
	n := copy(p, f.out)
	f.out = f.out[n:]
	return n, nil
}

// Write is for a WebSocket, whose other direction passes as it is.
func (f *framed) Write(p []byte) (int, error) { return f.ReadCloser.(io.Writer).Write(p) }

// eventFrame reads a frame of an event stream, which ends with an empty line.
func eventFrame(in *bufio.Reader) (frame []byte, err error) {
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		frame = append(frame, line...)
		if len(line) == 1 {
			return frame, nil
		}
	}
}

// webSocketFrame reads a frame as a server sends it, which masks nothing.
func webSocketFrame(in *bufio.Reader) ([]byte, error) {
	head := make([]byte, 2, 10)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, err
	}
	size := uint64(head[1] & 0x7f)
	if more := map[uint64]int{126: 2, 127: 8}[size]; more > 0 {
		head = head[:2+more]
		if _, err := io.ReadFull(in, head[2:]); err != nil {
			return nil, err
		}
		size = binary.BigEndian.Uint64(append(make([]byte, 8-more), head[2:]...))
	}
	frame := append(head, make([]byte, size)...)
	_, err := io.ReadFull(in, frame[len(head):])
	return frame, err
}

// doubled sends every frame that names a subject twice.
func doubled(subject string) func([]byte) [][]byte {
	return func(f []byte) [][]byte {
		if bytes.Contains(f, []byte(subject)) {
			return [][]byte{f, f}
		}
		return [][]byte{f}
	}
}

// swapped holds the first frame that names a subject back until after the first
// that names another, once.
func swapped(first, second string) func([]byte) [][]byte {
	var held []byte
	over := false
	return func(f []byte) [][]byte {
		switch {
		case over:
		case held == nil && bytes.Contains(f, []byte(first)):
			held = f
			return nil
		case held != nil && bytes.Contains(f, []byte(second)):
			over = true
			return [][]byte{f, held}
		}
		return [][]byte{f}
	}
}
