package httpd

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"countersign.dev/fault"
)

// event holds the facts of a request for the log.
type event struct {
	mu  sync.Mutex
	err error
}

type eventKey struct{}

// Note keeps the error that refuses a request, for the request's log event.
func Note(ctx context.Context, err error) {
	if e, ok := ctx.Value(eventKey{}).(*event); ok {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.err = err
	}
}

// recorder remembers the status and size of the answer.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// observe logs one event for each request, and answers requests whose handler panics.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.config.Now()
		e := &event{}
		ctx := context.WithValue(r.Context(), eventKey{}, e)
		ctx = context.WithValue(ctx, closingKey{}, (<-chan struct{})(s.closing))
		a := s.asked(r)
		ctx = withAsked(ctx, a)
		r = r.WithContext(ctx)
		r.Host = a.host
		rec := &recorder{ResponseWriter: w}
		defer func() {
			p := recover()
			var stack []byte
			if p != nil && p != http.ErrAbortHandler {
				stack = debug.Stack()
				err := fmt.Errorf("panic: %v", p)
				Note(ctx, err)
				if rec.status == 0 {
					Fail(rec, r, err)
				} else {
					p = http.ErrAbortHandler // the answer has begun: it must not look complete
				}
			}
			s.log(r, rec, e, start, stack)
			if p == http.ErrAbortHandler {
				panic(p)
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

// log writes the event: the route and not the path, which may name people, and
// no query, address or header.
func (s *Server) log(r *http.Request, rec *recorder, e *event, start time.Time, stack []byte) {
	s.meters.count(rec.status)
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("method", clip(r.Method)),
		slog.String("route", r.Pattern),
		slog.Int("status", rec.status),
		slog.Int64("bytes", rec.bytes),
		slog.Duration("took", s.config.Now().Sub(start)),
	}
	if e.err != nil {
		attrs = append(attrs, slog.String("type", fault.TypeOf(e.err)))
		if fault.KindOf(e.err) == fault.Internal {
			level = slog.LevelError
			attrs = append(attrs, slog.String("error", e.err.Error()))
		}
	}
	if stack != nil {
		attrs = append(attrs, slog.String("stack", string(stack)))
	}
	s.config.Logger.LogAttrs(r.Context(), level, "request", attrs...)
}
