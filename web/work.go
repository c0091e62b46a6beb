package web

import (
	"context"
	"net/http"

	"countersign.dev/cases"
	"countersign.dev/desk/casework"
)

// workPage is what one person has to do.
type workPage struct {
	Cases []cases.Case
}

// work is the page of the reader's own work.
func (s *Server) work(ctx context.Context, _ *http.Request, by reader) (view, error) {
	var p workPage
	var err error
	if p.Cases, _, err = s.desk.Cases(ctx, by.of(), casework.Filter{Mine: true}); err != nil {
		return view{}, err
	}
	return view{Title: "My work", Here: "/work", Script: "work", Body: myWork(p)}, nil
}
