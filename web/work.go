package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
)

// workPage is what one person has to do.
type workPage struct {
	casework.Day
	Hold, Turn, Away []cases.Case
	Works            bool // the reader may take cases from a queue
	Now              time.Time
}

// back returns until when a decision can be taken back; zero: no more.
func (p workPage) back(d casework.CaseDecision) canonical.Time {
	until := canonical.At(d.Time.Add(casework.TakeBackFor))
	if !d.TakenBack.IsZero() || !p.Now.Before(until.Time) {
		return canonical.Time{}
	}
	return until
}

// decided says a verdict with its rule.
func decided(verdict string, rule int64) string {
	if rule == 0 {
		return verdictWords(verdict)
	}
	return verdictWords(verdict) + ", rule " + number(rule)
}

// work is the page of the reader's own work.
func (s *Server) work(ctx context.Context, _ *http.Request, by reader) (view, error) {
	day, err := s.desk.Day(ctx, by.of())
	if err != nil {
		return view{}, err
	}
	on, err := s.desk.WorksOn(ctx, by.of())
	if err != nil {
		return view{}, err
	}
	p := workPage{Day: day, Works: len(on) > 0, Now: s.config.Now()}
	for _, c := range day.Cases {
		switch {
		case c.State == cases.Claimed && c.Holder == by.Worker:
			p.Hold = append(p.Hold, c)
		case c.Turn == by.Worker:
			p.Turn = append(p.Turn, c)
		default:
			p.Away = append(p.Away, c)
		}
	}
	// What was written on a case that its act holds was handed in.
	drafts := p.Drafts
	p.Drafts = nil
	for _, d := range drafts {
		if !slices.ContainsFunc(p.Away, func(c cases.Case) bool { return c.ID == d.Case && c.State == cases.Held }) {
			p.Drafts = append(p.Drafts, d)
		}
	}
	return view{Title: "My work", Here: "/work", Script: "work", Body: myWork(p)}, nil
}
