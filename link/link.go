// Package link lets the desk and the executor speak to each other from two
// processes, over a unix socket or TCP: JSON over HTTP, each side with a token of
// the other's. There is one way of talking to an executor, whether it was started
// beside the desk or runs on another machine.
//
//	POST /v1/read                 a subject → v1.Reading
//	POST /v1/carry?wait=MS        a warrant → v1.CarryResult
//	POST /v1/evidence             a subject → platform.Evidence
//	POST /v1/preserve             a subject and a time → nothing: the platform keeps it until then
//	POST /v1/evidence/picture     a subject and the name of a picture → its bytes
//	GET  /v1/status               → v1.ExecutorStatus
//	POST /v1/take                 a proof.Authority → v1.TakeResult
//	GET  /v1/draft-facts          → v1.DraftFacts
//
//	GET  /executor/v1/feed?from=N&wait=MS   → v1.Feed
//	GET  /executor/v1/bodies?from=N&to=M    → []proof.ServedBody
//	POST /executor/v1/records               a proof.SignedExecution with its openings → nothing
//
// It decides nothing and trusts neither side: the executor checks what the feed
// says, the desk checks who signed a record. The token only keeps strangers
// from asking. Take and draft-facts also open to a token of their own, for people on
// call: the desk's token would show them every subject, past the desk's rules for
// reading. A refusal crosses as problem+json and comes back as the same fault. Every
// other error comes back as Unavailable, since nobody knows then whether the other side
// has acted. Every call may be repeated. The last two
// of the executor's are for people whom the desk does not answer, or answers falsely.
package link

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/fault"
	"countersign.dev/fault/problem"
)

const (
	mediaJSON  = "application/json"
	mediaBytes = "application/octet-stream"

	faultTrailer = "Fault" // the type of a fault that ended a stream

	smallBody = 1 << 20  // bytes of anything but a warrant or a feed
	feedBody  = 64 << 20 // bytes of a feed

	longestWait = time.Minute
)

// Listen listens on unix:/path or http://127.0.0.1:PORT. Only the user who
// listens may open the socket; a socket that nobody listens on is replaced.
func Listen(address string) (net.Listener, error) {
	network, where, err := parse(address)
	if err != nil {
		return nil, err
	}
	if network == "unix" {
		if c, err := net.Dial(network, where); err == nil {
			c.Close()
			return nil, fault.New(fault.Conflict, "address-taken", "Somebody listens on %s already.", address)
		}
		if err := os.Remove(where); err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("listen on %s: %w", address, err)
		}
	}
	l, err := net.Listen(network, where)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	if network == "unix" {
		if err := os.Chmod(where, 0o600); err != nil {
			l.Close()
			return nil, fmt.Errorf("listen on %s: %w", address, err)
		}
	}
	return l, nil
}

func parse(address string) (network, where string, err error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok && path != "" {
		return "unix", path, nil
	}
	if host, ok := strings.CutPrefix(address, "http://"); ok {
		if _, _, err := net.SplitHostPort(host); err == nil {
			return "tcp", host, nil
		}
	}
	return "", "", fault.New(fault.Invalid, "bad-address", "%q is no address; write unix:/path/to/socket or http://127.0.0.1:PORT.", address)
}

// endpoint is one operation: it reads its request and returns the answer's value.
type endpoint func(w http.ResponseWriter, r *http.Request) (any, error)

// surface is a mux whose every route asks for the token.
type surface struct {
	mux    *http.ServeMux
	token  string
	failed []func(error)
}

func newSurface(token string, failed []func(error)) *surface {
	s := &surface{mux: http.NewServeMux(), token: token, failed: failed}
	s.handle("/", func(http.ResponseWriter, *http.Request) (any, error) {
		return nil, fault.New(fault.NotFound, "no-such-route", "There is nothing here.")
	})
	return s
}

// handle serves a route to whoever has the token, or one of others.
func (s *surface) handle(pattern string, e endpoint, others ...string) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, e, append(others, s.token)) })
}

func (s *surface) answer(w http.ResponseWriter, r *http.Request, e endpoint, tokens []string) {
	v, err := any(nil), authorised(r, tokens)
	if err == nil {
		v, err = e(w, r)
	}
	if err != nil {
		s.refuse(w, err)
		return
	}
	if v == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if body, ok := v.(io.ReadCloser); ok {
		stream(w, body)
		return
	}
	b, err := json.Marshal(v)
	if err != nil {
		s.refuse(w, fmt.Errorf("write the answer to %s: %w", r.URL.Path, err))
		return
	}
	w.Header().Set("Content-Type", mediaJSON)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b) // whoever asked has gone, and asks again
}

// stream answers with the bytes of a picture. A picture that is too large ends with a
// trailer that says so; of any other failure the other side sees that it was cut off.
func stream(w http.ResponseWriter, body io.ReadCloser) {
	defer body.Close()
	w.Header().Set("Content-Type", mediaBytes)
	w.Header().Set("Trailer", faultTrailer)
	_, err := io.Copy(w, body)
	switch {
	case err == nil:
	case fault.KindOf(err) == fault.TooLarge:
		w.Header().Set(faultTrailer, fault.TypeOf(err))
	default:
		panic(http.ErrAbortHandler)
	}
}

// authorised demands one of the tokens; one that is empty is none.
func authorised(r *http.Request, tokens []string) error {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	given := sha256.Sum256([]byte(token))
	for _, t := range tokens {
		want := sha256.Sum256([]byte(t))
		if ok && t != "" && subtle.ConstantTimeCompare(given[:], want[:]) == 1 {
			return nil
		}
	}
	return fault.New(fault.Unauthenticated, "unauthenticated", "The token is missing or not the one that is set here.")
}

// body reads a request's JSON body.
func body(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if m, params, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || m != mediaJSON || len(params) != 0 {
		return nil, fault.New(fault.Invalid, "bad-content-type", "The body must be %s.", mediaJSON)
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		if _, ok := err.(*http.MaxBytesError); ok {
			return nil, fault.New(fault.TooLarge, "too-large", "The body has more than %d bytes.", limit)
		}
		return nil, fault.New(fault.Unavailable, "body-cut-off", "The body could not be read to its end.").Because(err)
	}
	return b, nil
}

func unmarshal(b []byte, v any) error {
	if err := json.Unmarshal(b, v, json.RejectUnknownMembers(true)); err != nil {
		return fault.New(fault.Invalid, "malformed", "The body is not of the expected form.").Because(err)
	}
	return nil
}

// number reads a parameter of the query.
func number(r *http.Request, name string) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fault.New(fault.Invalid, "bad-parameter", "%s must be a number, not negative.", name)
	}
	return n, nil
}

func waiting(r *http.Request) (time.Duration, error) {
	ms, err := number(r, "wait")
	return min(time.Duration(min(ms, int64(longestWait/time.Millisecond)))*time.Millisecond, longestWait), err
}

func (s *surface) refuse(w http.ResponseWriter, err error) {
	p := problem.Of(err)
	p.Title = p.Kind
	if fault.KindOf(err) == fault.Internal {
		for _, f := range s.failed {
			f(err)
		}
	}
	b, err := json.Marshal(p)
	if err != nil {
		b = []byte("{}") // texts that are not UTF-8: the status has to do
	}
	w.Header().Set("Content-Type", problem.Media)
	w.WriteHeader(p.Status)
	_, _ = w.Write(b)
}
