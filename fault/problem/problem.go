// Package problem is the form of a fault in HTTP (RFC 9457). It holds the one table from
// errors to statuses, for the API and for the link between desk and executor, and turns
// the answer of either back into a fault.
package problem

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"countersign.dev/fault"
	"countersign.dev/prose"
)

// Base begins every problem's type; the last segment is the fault's type.
const Base = "https://countersign.dev/problems/"

// Media is the media type of problems.
const Media = "application/problem+json"

// Problem is the form of every refusal.
type Problem struct {
	Type   string   `json:"type" doc:"https://countersign.dev/problems/ and a stable slug; what programs compare"`
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Detail string   `json:"detail" doc:"what is wrong and what to do, for a person"`
	Kind   string   `json:"kind" doc:"kind of refusal, of a short closed list"`
	Errors []Detail `json:"errors" doc:"more of the same, each with its own place"`
}

// Detail is one of several faults in one input.
type Detail struct {
	At   string `json:"at"`
	Text string `json:"text"`
}

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

// byType has the statuses of HTTP's own refusals, which do not follow from their kinds.
var byType = map[string]int{
	"method-not-allowed":     http.StatusMethodNotAllowed,
	"unsupported-media-type": http.StatusUnsupportedMediaType,
	"foreign-host":           http.StatusMisdirectedRequest,
}

// Of returns the part of an error that may be shown. Its texts may quote strangers, such as a platform
// that refuses: they are shown as prose has it.
func Of(err error) Problem {
	kind, typ := fault.KindOf(err), fault.TypeOf(err)
	status, ok := byType[typ]
	if !ok {
		status = byKind[kind]
	}
	p := Problem{Type: Base + typ, Title: strings.ReplaceAll(typ, "-", " "), Status: status,
		Detail: prose.Block(fault.TextOf(err)), Kind: kind.String(), Errors: []Detail{}}
	if f := fault.As(err); f != nil && kind != fault.Internal {
		p.Errors = DetailsOf(f.Detail)
	}
	return p
}

// DetailsOf is the wire form of a fault's details.
func DetailsOf(ds []fault.Detail) []Detail {
	out := make([]Detail, 0, len(ds))
	for _, d := range ds {
		out = append(out, Detail{At: prose.Show(d.At), Text: prose.Block(d.Text)})
	}
	return out
}

// Read returns the fault in a problem document: Internal if its kind is not known here.
// ok is false if the document is not a problem of ours.
func Read(b []byte) (f *fault.Error, ok bool) {
	var p Problem
	if json.Unmarshal(b, &p) != nil {
		return nil, false
	}
	typ, ok := strings.CutPrefix(p.Type, Base)
	if !ok {
		return nil, false
	}
	f = fault.New(fault.Internal, typ, "%s", p.Detail)
	for _, k := range fault.Kinds() {
		if k.String() == p.Kind {
			f.Kind = k
		}
	}
	for _, d := range p.Errors {
		f.Detail = append(f.Detail, fault.Detail(d))
	}
	return f, true
}
