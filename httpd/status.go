package httpd

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// byKind is the one table from errors to statuses.
var byKind = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Invalid:         http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Expired:         http.StatusGone,
	fault.Exhausted:       http.StatusTooManyRequests,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Unsupported:     http.StatusUnprocessableEntity,
	fault.Unavailable:     http.StatusServiceUnavailable,
}

// Types of HTTP's own refusals, which have statuses of their own.
const (
	methodNotAllowed = "method-not-allowed"
	unsupportedMedia = "unsupported-media-type"
	foreignHost      = "foreign-host"
)

var byType = map[string]int{
	methodNotAllowed: http.StatusMethodNotAllowed,
	unsupportedMedia: http.StatusUnsupportedMediaType,
	foreignHost:      http.StatusMisdirectedRequest,
}

// Statuses lists every status that a refusal may have.
func Statuses() []int {
	var all []int
	for _, s := range byKind {
		all = append(all, s)
	}
	for _, s := range byType {
		all = append(all, s)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ProblemOf returns the part of an error that may be shown.
func ProblemOf(err error) v1.Problem {
	kind, typ := fault.KindOf(err), fault.TypeOf(err)
	status, ok := byType[typ]
	if !ok {
		status = byKind[kind]
	}
	p := v1.Problem{Type: v1.ProblemBase + typ, Title: strings.ReplaceAll(typ, "-", " "), Status: status,
		Detail: fault.TextOf(err), Kind: kind.String(), Errors: []v1.Detail{}}
	if f := fault.As(err); f != nil && kind != fault.Internal {
		p.Errors = v1.DetailsOf(f.Detail)
	}
	return p
}

// Fail answers a request with an error. All refusals go through it. The error is noted
// for the log.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	Note(r.Context(), err)
	p := ProblemOf(err)
	FailureHeaders(w.Header(), p)
	write(w, r, p.Status, v1.ProblemType, p)
}

// FailureHeaders sets the headers that belong to a problem's status.
func FailureHeaders(h http.Header, p v1.Problem) {
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="countersign"`)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
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
		Fail(w, r, fault.New(fault.Invalid, methodNotAllowed, "%s does not work here; use %s.", clip(r.Method), strings.Join(allowed, " or ")))
	}
}

// NotFound answers requests for paths that do not exist.
func NotFound(w http.ResponseWriter, r *http.Request) {
	Fail(w, r, fault.New(fault.NotFound, "no-such-route", "There is nothing at %q.", clip(r.URL.Path)))
}

// UnsupportedMedia is the error for a body that is not JSON.
func UnsupportedMedia(got string) error {
	return fault.New(fault.Invalid, unsupportedMedia, "The body is of type %q; send application/json.", clip(got))
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
