// Package client is the Go client of the REST API: one method for each route, with a
// context, answering the types of api/v1.
//
// Refusals come back as faults, with the kind, type, text and details that the server
// gave, so that a program compares them as if it had called the desk itself. A server
// that cannot be reached is a fault of kind Unavailable, type "unreachable".
//
// The client believes the server's evidence no more than anybody else's: a program that
// has to know whether a warrant or a ledger is genuine verifies it with ledger/proof or
// ledger.
//
// It sends a request again only where that is safe: reads, questions that store nothing,
// and changes, which the desk makes once however often they are sent, after a refused
// connection or a 503.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"

	v1 "countersign.dev/api/v1"
	"countersign.dev/fault"
	"countersign.dev/fault/problem"
)

// MaxAnswer is the largest answer that is read, in bytes.
const MaxAnswer = 32 << 20

// Client talks to one desk. It is safe for concurrent use. The fields may be
// changed before its first use.
type Client struct {
	// Attempts is the largest number of times that a safe request is sent.
	Attempts int
	// Pause is the wait before the second attempt; before each further one it doubles.
	Pause time.Duration
	// BeginsAgain, if set, is called each time that Events begins again from the first
	// alarm, with the reason: the desk's ledger ends before the place to go on from.
	BeginsAgain func(why error)

	base  string
	token string
	http  *http.Client
}

// New returns a client of the desk at baseURL, such as "http://127.0.0.1:7400". token may
// be empty for routes that need none. A nil h means a client with no time-out of its own,
// since contexts give one.
func New(baseURL, token string, h *http.Client) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fault.New(fault.Invalid, "bad-address", "%q is not the address of a desk; write http://HOST:PORT.", baseURL)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fault.New(fault.Invalid, "bad-token", "The token holds characters that no token has.")
	}
	if h == nil {
		h = &http.Client{}
	}
	own := *h
	// A redirect would carry the token, and a POST, somewhere else.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{Attempts: 4, Pause: 100 * time.Millisecond,
		base: strings.TrimSuffix(baseURL, "/"), token: token, http: &own}, nil
}

// BaseURL returns the address of the desk.
func (c *Client) BaseURL() string { return c.base }

// call is one request to the desk.
type call struct {
	method string
	path   string // with its variable parts escaped
	query  url.Values
	body   any
	again  bool   // it may be sent again though it is no GET: it stores nothing, or the desk does it once
	none   bool   // the answer may be empty
	accept string // the wanted media type; empty for JSON
}

func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	return c.into(ctx, call{method: http.MethodGet, path: path, query: query}, into)
}

// ask posts a question: nothing is stored, so it may be sent again.
func (c *Client) ask(ctx context.Context, path string, body, into any) error {
	return c.into(ctx, call{method: http.MethodPost, path: path, body: body, again: true}, into)
}

// change sends a change. It may be sent again: what is signed happens once, and so does
// the end of a token.
func (c *Client) change(ctx context.Context, method, path string, query url.Values, body, into any) error {
	return c.into(ctx, call{method: method, path: path, query: query, body: body, again: true}, into)
}

func (c *Client) into(ctx context.Context, k call, into any) error {
	raw, err := c.send(ctx, k)
	if err != nil {
		return fmt.Errorf("%s %s: %w", k.method, k.path, err)
	}
	if into == nil || len(raw) == 0 && k.none {
		return nil
	}
	// A newer server may send members that this client does not know.
	if err := json.Unmarshal(raw, into); err != nil {
		return fault.New(fault.Internal, "foreign-answer", "The desk's answer to %s %s is not understood.", k.method, k.path).Because(err)
	}
	return nil
}

// send sends a call, again if that is safe, and returns the body of the answer.
func (c *Client) send(ctx context.Context, k call) ([]byte, error) {
	var body []byte
	if k.body != nil {
		var err error
		if body, err = json.Marshal(k.body); err != nil {
			return nil, fault.New(fault.Invalid, "malformed", "The request cannot be written as JSON.").Because(err)
		}
	}
	safe := k.method == http.MethodGet || k.again
	pause := c.Pause
	for attempt := 1; ; attempt++ {
		raw, after, err := c.once(ctx, k, body)
		if err == nil || !safe || attempt >= c.Attempts || !mayRetry(err) {
			return raw, err
		}
		wait := time.NewTimer(max(pause, after))
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil, err
		case <-wait.C:
		}
		pause *= 2
	}
}

// mayRetry reports whether the server has done nothing: it could not be reached at all,
// or it answered 503.
func mayRetry(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, errBusy)
}

// errBusy is the hidden cause of faults that came with a 503.
var errBusy = errors.New("503 Service Unavailable")

// once sends a call once. after is the wait that the server asks for.
func (c *Client) once(ctx context.Context, k call, body []byte) (raw []byte, after time.Duration, err error) {
	target := c.base + k.path
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, k.method, target, bytes.NewReader(body))
	if err != nil {
		return nil, 0, fault.New(fault.Invalid, "bad-address", "The address %q cannot be called.", target).Because(err)
	}
	if k.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	accept := k.accept
	if accept == "" {
		accept = "application/json"
	}
	req.Header.Set("Accept", accept+", "+v1.ProblemType)
	if k.again {
		// If the connection was just being closed, the transport sends it again by
		// itself. An empty value is not sent.
		req.Header["Idempotency-Key"] = []string{}
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, 0, context.Cause(ctx)
		}
		var untrusted *tls.CertificateVerificationError
		if errors.As(err, &untrusted) {
			return nil, 0, fault.New(fault.Unavailable, "untrusted-certificate", "The certificate of the desk at %s is not trusted here: %v. Nothing was sent. The variable SSL_CERT_FILE names a file of further certificates to trust.", c.base, untrusted.Err).Because(err)
		}
		return nil, 0, fault.New(fault.Unavailable, "unreachable", "The desk at %s cannot be reached; is it running?", c.base).Because(err)
	}
	defer res.Body.Close()
	raw, err = io.ReadAll(io.LimitReader(res.Body, MaxAnswer+1))
	if err != nil {
		if ctx.Err() != nil {
			return nil, 0, context.Cause(ctx)
		}
		return nil, 0, fault.New(fault.Unavailable, "answer-lost", "The connection to the desk at %s broke while it answered.", c.base).Because(err)
	}
	if len(raw) > MaxAnswer {
		return nil, 0, fault.New(fault.TooLarge, "answer-too-large", "The desk's answer has more than %d bytes.", MaxAnswer)
	}
	if res.StatusCode/100 == 2 {
		return raw, 0, nil
	}
	if s, convErr := strconv.Atoi(res.Header.Get("Retry-After")); convErr == nil && s > 0 && s <= 10 {
		after = time.Duration(s) * time.Second
	}
	return nil, after, restore(res, raw)
}

// restore turns the server's problem document back into a fault.
func restore(res *http.Response, raw []byte) error {
	busy := res.StatusCode == http.StatusServiceUnavailable
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	f, ok := problem.Read(raw)
	if media != problem.Media || !ok {
		f = fault.New(fault.Unavailable, "foreign-answer", "Something that is no desk answered with status %d; check the address.", res.StatusCode)
	}
	if busy {
		return f.Because(errBusy)
	}
	return f
}
