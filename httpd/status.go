package httpd

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/fault/problem"
)

// Fail answers a request with an error. All refusals go through it. The error is noted
// for the log.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	Note(r.Context(), err)
	p := problem.Of(err)
	FailureHeaders(w.Header(), p)
	write(w, r, p.Status, problem.Media, p)
}

// FailureHeaders sets the headers that belong to a problem's status.
func FailureHeaders(h http.Header, p problem.Problem) {
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="countersign"`)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	case http.StatusTooManyRequests:
		for _, d := range p.Errors {
			if d.At == "retry-after" {
				h.Set("Retry-After", d.Text)
			}
		}
	}
}

// MethodNotAllowed answers requests whose method the path does not allow. A path that
// answers GET answers HEAD as well.
func MethodNotAllowed(allowed ...string) http.HandlerFunc {
	if i := slices.Index(allowed, http.MethodGet); i >= 0 && !slices.Contains(allowed, http.MethodHead) {
		allowed = slices.Insert(slices.Clone(allowed), i+1, http.MethodHead)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		Fail(w, r, fault.New(fault.Invalid, "method-not-allowed", "%s does not work here; use %s.", clip(r.Method), strings.Join(allowed, " or ")))
	}
}

// NotFound answers requests for paths that do not exist.
func NotFound(w http.ResponseWriter, r *http.Request) {
	Fail(w, r, fault.New(fault.NotFound, "no-such-route", "There is nothing at %q.", clip(r.URL.Path)))
}

// UnsupportedMedia is the error for a body that is not JSON.
func UnsupportedMedia(got string) error {
	return fault.New(fault.Invalid, "unsupported-media-type", "The body is of type %q; send application/json.", clip(got))
}

func write(w http.ResponseWriter, r *http.Request, status int, media string, v any) {
	b, err := canonical.Marshal(v)
	if err != nil { // a type of ours that cannot be written
		Note(r.Context(), fmt.Errorf("writing the answer: %w", err))
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that has hung up does not learn that it failed
}
