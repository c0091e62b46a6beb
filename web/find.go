package web

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"countersign.dev/cases"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/casework"
	"countersign.dev/platform"
)

// findPage is what the desk has under an exact name.
type findPage struct {
	Query    string
	Subject  platform.Subject
	Cases    []cases.Case
	Requests []acts.Sight
	Why      string // nothing can be looked for
}

// find is the page of what the desk has under an exact identifier or handle, as far as the reader
// may read it.
func (s *Server) find(ctx context.Context, r *http.Request, by reader) (view, error) {
	p := findPage{Query: strings.TrimSpace(r.URL.Query().Get("q"))}
	v := view{Title: "Find", Script: "find"}
	subject, err := platform.ParseSubject(p.Query)
	if err != nil {
		p.Why = "Write an identifier of a case (cas_…) or a request (req_…), or a subject: PLATFORM:@HANDLE or PLATFORM:ID, such as plaza:@president. Words are not looked for."
		if p.Query != "" {
			p.Why = "“" + shown(p.Query) + "” names nothing exactly. " + p.Why
		}
		v.Body = found(p)
		return v, nil
	}
	if subject.ID == "" { // the platform says whose handle it is
		resolved, err := s.desk.Subject(ctx, by.of(), p.Query)
		if err != nil {
			p.Why = whyOf(err)
			v.Body = found(p)
			return v, nil
		}
		subject = resolved.Subject
	}
	p.Subject = subject
	if p.Cases, _, err = s.desk.Cases(ctx, by.of(), casework.Filter{Subject: platform.Subject{Platform: subject.Platform, ID: subject.ID}.String(), Limit: 50}); err != nil {
		return view{}, err
	}
	all, _, err := s.desk.RequestsFor(ctx, by.of(), acts.Filter{Platform: subject.Platform, Subject: subject.ID, Limit: 50})
	if err != nil {
		return view{}, err
	}
	// Whoever does not read a request whole does not read what it is about either.
	p.Requests = slices.DeleteFunc(all, func(r acts.Sight) bool { return !r.Whole })
	v.Body = found(p)
	return v, nil
}
