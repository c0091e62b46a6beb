package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/fault"
	"countersign.dev/httpd"
	"countersign.dev/workforce"
)

const changesKey = "changes"

// How long and how many answers are kept for repeats.
const (
	keepAnswers = 24 * time.Hour
	mostAnswers = 10_000
	mostBytes   = 64 << 20 // of all answers together
	maxKey      = 255
)

// answers remembers the answers that were given under an Idempotency-Key. It is memory
// and not evidence: after a restart a repeat reaches the desk again, where the signed
// document itself, with its nonce, makes it the same request.
type answers struct {
	now   func() time.Time
	mu    sync.Mutex
	by    map[answerKey]*answer
	old   []answerKey // by age
	bytes int         // of the answers in by
}

type answerKey struct {
	worker workforce.WorkerID
	key    string
}

type answer struct {
	request canonical.Digest
	at      time.Time
	done    chan struct{} // closed when the first request with the key was answered
	status  int           // 0: the change was refused, and changed nothing
	body    []byte
}

func newAnswers(now func() time.Time) *answers {
	return &answers{now: now, by: map[answerKey]*answer{}}
}

// begin returns the answer that stands under a key. If first is true, the answer is new
// and the caller has to finish it.
func (a *answers) begin(ctx context.Context, key answerKey, request canonical.Digest) (got *answer, first bool, err error) {
	for {
		a.mu.Lock()
		a.forget()
		got, ok := a.by[key]
		if !ok {
			got = &answer{request: request, at: a.now(), done: make(chan struct{})}
			a.by[key] = got
			a.old = append(a.old, key)
		}
		a.mu.Unlock()
		switch {
		case !ok:
			return got, true, nil
		case got.request != request:
			return nil, false, httpd.KeyReused()
		}
		select {
		case <-got.done:
		case <-ctx.Done():
			return nil, false, fault.New(fault.Unavailable, "still-under-way", "The first request with this Idempotency-Key is still under way.")
		}
		if got.status != 0 {
			return got, false, nil
		}
	}
}

// finish keeps the answer of a change. It drops every other answer, since a refusal may
// turn out otherwise the next time.
func (a *answers) finish(key answerKey, got *answer, status int, body []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer close(got.done)
	switch kept := a.by[key] == got; {
	case status/100 != 2 && kept:
		delete(a.by, key)
	case status/100 == 2:
		got.status, got.body = status, body
		if kept {
			a.bytes += len(body)
		}
	}
}

// forget drops answers that are too old, or that take too much room. a.mu is held.
func (a *answers) forget() {
	limit := a.now().Add(-keepAnswers)
	for len(a.old) > 0 {
		got, ok := a.by[a.old[0]]
		if ok && got.at.After(limit) && len(a.old) <= mostAnswers && a.bytes <= mostBytes {
			return
		}
		if ok {
			a.bytes -= len(got.body)
			delete(a.by, a.old[0])
		}
		a.old = a.old[1:]
	}
}

// once carries out a change once, even if it is sent again under its Idempotency-Key.
func (s *Server) once(ctx huma.Context, next func(huma.Context)) {
	key := ctx.Header("Idempotency-Key")
	if key == "" || ctx.Operation().Metadata[changesKey] == nil {
		next(ctx)
		return
	}
	if !goodKey(key) {
		s.refuseWith(ctx, fault.New(fault.Invalid, "bad-key", "An Idempotency-Key has 1 to %d visible characters.", maxKey))
		return
	}
	r, w := humago.Unwrap(ctx)
	body, err := readAll(r.Body, ctx.Operation().MaxBodyBytes)
	if err != nil {
		s.refuseWith(ctx, err)
		return
	}
	by, _ := ctx.Context().Value(callerKey{}).(desk.Caller)
	place := answerKey{by.Worker, key}
	got, first, err := s.answers.begin(ctx.Context(), place, canonical.Sum([]byte(r.Method+" "+r.URL.EscapedPath()+"\n"), body))
	if err != nil {
		s.refuseWith(ctx, err)
		return
	}
	if !first {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Idempotency-Replayed", "true")
		w.WriteHeader(got.status)
		_, _ = w.Write(got.body) // a caller that has hung up may ask again
		return
	}
	capture := &capture{ResponseWriter: w}
	defer func() { s.answers.finish(place, got, capture.status, capture.body.Bytes()) }()
	again := r.WithContext(ctx.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	next(humago.NewContext(ctx.Operation(), again, capture))
}

func goodKey(k string) bool {
	for _, b := range []byte(k) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return len(k) >= 1 && len(k) <= maxKey
}

func readAll(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit))
	if err != nil {
		return nil, fault.New(fault.Invalid, "body-broken", "The body broke off.").Because(err)
	}
	if int64(len(body)) == limit {
		return nil, faultOf(http.StatusRequestEntityTooLarge, "", nil)
	}
	return body, nil
}

// capture keeps a copy of an answer.
type capture struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (c *capture) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *capture) Write(b []byte) (int, error) {
	c.body.Write(b)
	n, err := c.ResponseWriter.Write(b)
	if err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		// The caller is gone; the answer is kept all the same, for the repeat.
		return len(b), nil
	}
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (c *capture) Unwrap() http.ResponseWriter { return c.ResponseWriter }
