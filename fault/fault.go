// Package fault is the one error of Countersign: a kind that decides how a
// surface answers, a stable type that programs may compare, a text that is safe
// to show and tells what to do, and a cause that never leaves the process.
//
// An error that is not a *Error is Internal: its text stays in the log.
package fault

import (
	"errors"
	"fmt"
)

// Kind is the sort of refusal that an error is. The list is append-only; the zero value
// is the safest, since its text is never shown.
type Kind int

// The kinds. Package fault/problem maps each to one HTTP status, cli to one exit code.
const (
	Internal        Kind = iota // something in the program broke
	Invalid                     // the input is wrong; repeating it will not help
	Unauthenticated             // nobody is signed in, or the token is unknown
	Forbidden                   // a law or a policy refuses it
	NotFound                    // no such thing, or not visible to the caller
	Conflict                    // it has changed in the meantime, or is in another state
	Expired                     // it was valid once
	Exhausted                   // a budget or a rate is used up
	TooLarge                    // the input exceeds a stated limit
	Unsupported                 // the platform or this build cannot do it
	Unavailable                 // not now; trying again may help
)

var kindNames = [...]string{"internal", "invalid", "unauthenticated", "forbidden", "not-found",
	"conflict", "expired", "exhausted", "too-large", "unsupported", "unavailable"}

// Kinds lists every kind, for tests that prove a table complete.
func Kinds() []Kind {
	ks := make([]Kind, len(kindNames))
	for i := range ks {
		ks[i] = Kind(i)
	}
	return ks
}

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return kindNames[Internal]
	}
	return kindNames[k]
}

// Error is a refusal that may be shown.
type Error struct {
	Kind   Kind
	Type   string   // stable slug such as "engagement-ended"; the last segment of the problem's type URI
	Text   string   // one or two sentences for a person: what is wrong and what to do
	Detail []Detail // more of the same, each with its own place (a line of a file, a member of a document)
	cause  error
}

// Detail is one of several faults in one input.
type Detail struct {
	At   string // "line 12", "action.subject", a policy id
	Text string
}

func (e *Error) Error() string {
	s := e.Text
	for _, d := range e.Detail {
		s += "\n  " + d.At + ": " + d.Text
	}
	if e.cause != nil {
		return s + " (" + e.cause.Error() + ")"
	}
	return s
}

// Unwrap returns the hidden cause.
func (e *Error) Unwrap() error { return e.cause }

// New makes an error of a kind with a stable type and a text that is safe to show.
func New(k Kind, typ, format string, args ...any) *Error {
	return &Error{Kind: k, Type: typ, Text: fmt.Sprintf(format, args...)}
}

// Because returns a copy of e that hides cause.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// With returns a copy of e with further details.
func (e *Error) With(d ...Detail) *Error {
	c := *e
	c.Detail = append(append([]Detail(nil), e.Detail...), d...)
	return &c
}

// As finds the fault in err's chain, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// KindOf returns err's kind; Internal for anything that is not a fault.
func KindOf(err error) Kind {
	if e := As(err); e != nil {
		return e.Kind
	}
	return Internal
}

// TypeOf returns err's stable type; "internal" for anything that is not a fault.
func TypeOf(err error) string {
	if e := As(err); e != nil && e.Kind != Internal {
		return e.Type
	}
	return "internal"
}

// TextOf returns the part of err that may be shown.
func TextOf(err error) string {
	if e := As(err); e != nil && e.Kind != Internal {
		return e.Text
	}
	return "Something went wrong on our side; it has been logged."
}

// Is reports whether err is a fault of the given type.
func Is(err error, typ string) bool {
	e := As(err)
	return e != nil && e.Type == typ
}
