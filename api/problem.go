package api

import (
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	v1 "countersign.dev/api/v1"
	"countersign.dev/fault"
	rfc9457 "countersign.dev/fault/problem"
	"countersign.dev/httpd"
)

// Huma lets these three things be set by package variables only: two for the form of
// errors, and one that says whether null is a list. Nothing else in the program uses
// huma, and they are set before anything runs.
func init() {
	huma.NewErrorWithContext = refuse
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return &problem{rfc9457.Of(faultOf(status, message, errs))}
	}
	huma.DefaultArrayNullable = false
}

// problem is a problem document as huma writes it.
type problem struct{ v1.Problem }

// Error implements error.
func (p *problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (*problem) ContentType(string) string { return v1.ProblemType }

// refuse turns every error of a request into our form: those of handlers, and
// huma's own about what it read.
func refuse(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
	err := faultOf(status, message, errs)
	httpd.Note(ctx.Context(), err)
	p := rfc9457.Of(err)
	_, w := humago.Unwrap(ctx)
	httpd.FailureHeaders(w.Header(), p)
	return &problem{p}
}

// faultOf puts huma's own errors in words. Errors of handlers come with status 500, or 0
// from our middleware, and are returned as they are.
func faultOf(status int, message string, errs []error) error {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return fault.New(fault.TooLarge, "body-too-large", "The body is larger than this route reads; the API's description says how much that is (x-max-bytes).")
	case http.StatusUnsupportedMediaType:
		return httpd.UnsupportedMedia("")
	case http.StatusRequestTimeout:
		return fault.New(fault.Unavailable, "body-too-slow", "The body did not come in time.")
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		f := fault.New(fault.Invalid, "invalid-request", "The request is not as this route expects it.")
		for _, err := range errs {
			f = f.With(detailOf(err))
		}
		if len(errs) == 0 {
			f = f.With(fault.Detail{At: "body", Text: message})
		}
		return f
	}
	return fmt.Errorf("%s: %w", message, errors.Join(errs...))
}

func detailOf(err error) fault.Detail {
	var d huma.ErrorDetailer
	if !errors.As(err, &d) {
		return fault.Detail{At: "request", Text: err.Error()}
	}
	e := d.ErrorDetail()
	text := e.Message
	if most, long := strings.CutPrefix(text, "expected length <= "); long {
		text = "This is longer than " + most + " characters, which is the most that is taken here."
	}
	return fault.Detail{At: clip(strings.TrimPrefix(e.Location, "body.")), Text: clip(text)}
}

func clip(s string) string {
	if len(s) > 300 {
		return strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

// problemList has a line for each type of refusal in the program: its slug and
// its kinds. A test compares it with the source.
//
//go:embed problems.txt
var problemList string

// problems returns the types of refusals for the document.
func problems() map[string]string {
	types := map[string]string{}
	for line := range strings.Lines(problemList) {
		typ, kinds, _ := strings.Cut(strings.TrimSpace(line), " ")
		types[typ] = kinds
	}
	return types
}
