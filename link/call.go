package link

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/fault"
	"countersign.dev/fault/problem"
)

// caller sends requests to the other side.
type caller struct {
	client *http.Client
	base   string
	token  string
	whom   string // "desk" or "executor", for texts
	bad    error  // of the address
}

func newCaller(address, token, whom string) caller {
	network, where, err := parse(address)
	transport := &http.Transport{
		// Acts run side by side, and a connection is kept for each: opening one
		// costs more than the request.
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     90 * time.Second,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			d := net.Dialer{Timeout: 5 * time.Second}
			return d.DialContext(ctx, network, where)
		},
	}
	base := "http://" + where
	if network == "unix" {
		base = "http://countersign" // HTTP wants a host; the socket is dialled whatever it says
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return caller{client: &http.Client{Transport: transport, CheckRedirect: noRedirect}, base: base, token: token, whom: whom, bad: err}
}

// Close closes the connections that are idle.
func (c caller) Close() { c.client.CloseIdleConnections() }

func (c caller) unreachable(err error) error {
	return fault.New(fault.Unavailable, c.whom+"-unreachable", "The %s does not answer, or not as it should. Try again in a moment.", c.whom).Because(err)
}

func (c caller) post(ctx context.Context, path string, v, answer any, limit int64) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write a request to the %s: %w", c.whom, err)
	}
	return c.send(ctx, http.MethodPost, path, b, answer, limit)
}

// send makes one request. Without an answer that can be understood it is not
// known whether the other side has acted: Unavailable.
func (c caller) send(ctx context.Context, method, path string, request []byte, answer any, limit int64) error {
	response, err := c.ask(ctx, method, path, request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return c.read(response, answer, limit)
}

// read reads an answer.
func (c caller) read(response *http.Response, answer any, limit int64) error {
	b, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return c.unreachable(err)
	}
	if int64(len(b)) > limit {
		return c.unreachable(fmt.Errorf("an answer of more than %d bytes", limit))
	}
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case media == problem.Media:
		// Of an error that the other side shows nobody, nobody knows whether it acted.
		if f, ok := problem.Read(b); ok && f.Kind != fault.Internal {
			return f
		}
	case answer == nil && response.StatusCode == http.StatusNoContent:
		return nil
	case answer != nil && response.StatusCode == http.StatusOK && media == mediaJSON:
		if err := json.Unmarshal(b, answer, json.RejectUnknownMembers(true)); err != nil {
			return c.unreachable(err)
		}
		return nil
	}
	return c.unreachable(fmt.Errorf("%s %s answered %s with %d bytes of %q", response.Request.Method, response.Request.URL.Path, response.Status, len(b), media))
}

// ask sends a request.
func (c caller) ask(ctx context.Context, method, path string, request []byte) (*http.Response, error) {
	if c.bad != nil {
		return nil, c.bad
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(request))
	if err != nil {
		return nil, c.unreachable(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	// Every call may be repeated, so that one which met a connection just being
	// closed is sent again by itself. An empty value is not sent.
	r.Header["Idempotency-Key"] = []string{}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", mediaJSON)
	}
	response, err := c.client.Do(r)
	if err != nil {
		if ctx.Err() == context.Canceled {
			return nil, ctx.Err()
		}
		return nil, c.unreachable(err)
	}
	return response, nil
}

// open asks for a stream of bytes.
func (c caller) open(ctx context.Context, path string, v any) (io.ReadCloser, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write a request to the %s: %w", c.whom, err)
	}
	response, err := c.ask(ctx, http.MethodPost, path, b)
	if err != nil {
		return nil, err
	}
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode == http.StatusOK && media == mediaBytes {
		return streamed{c, response}, nil
	}
	defer response.Body.Close()
	return nil, c.read(response, nil, smallBody)
}

// streamed is a stream of bytes from the other side.
type streamed struct {
	c        caller
	response *http.Response
}

func (s streamed) Read(into []byte) (int, error) {
	n, err := s.response.Body.Read(into)
	switch {
	case err == io.EOF:
		if typ := s.response.Trailer.Get(faultTrailer); typ != "" {
			return n, fault.New(fault.TooLarge, typ, "The %s sends no more of it.", s.c.whom)
		}
	case err != nil:
		err = s.c.unreachable(err)
	}
	return n, err
}

func (s streamed) Close() error { return s.response.Body.Close() }
