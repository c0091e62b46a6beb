package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"countersign.dev/desk/incidents"
	"countersign.dev/fault"
	"countersign.dev/incident"
)

// incidentsPage is a list of incidents.
type incidentsPage struct {
	Items  []incident.Incident
	Status incident.Status // empty: all
	Next   string          // URL of the next page; empty: this is the last
}

// incidents lists incidents, newest first: all, the open ones or the closed ones.
func (s *Server) incidents(ctx context.Context, r *http.Request, by reader) (view, error) {
	q := r.URL.Query()
	p := incidentsPage{Status: incident.Status(q.Get("status"))}
	if p.Status != "" && p.Status != incident.Open && p.Status != incident.Closed {
		return view{}, fault.New(fault.Invalid, "bad-parameter", "There is no status %q: an incident is open or closed.", string(p.Status))
	}
	var next string
	var err error
	if p.Items, next, err = s.desk.Incidents(ctx, by.of(), incidents.Filter{Status: p.Status, Before: q.Get("before"), Limit: 50}); err != nil {
		return view{}, err
	}
	if next != "" {
		q.Set("before", next)
		p.Next = "/incidents?" + q.Encode()
	}
	return view{Title: "Incidents", Here: "/incidents", Script: "requests", Body: incidentList(p)}, nil
}

// reportDays is how far back the page of an incident looks at what those involved did.
const reportDays = 30

// incident is the page of an incident, in the form that the exported file has.
func (s *Server) incident(ctx context.Context, r *http.Request, by reader) (view, error) {
	report, err := s.desk.Report(ctx, by.of(), r.PathValue("id"), reportDays)
	if err != nil {
		return view{}, err
	}
	whole, err := incident.HTML(report, incident.Options{Personal: true, Historical: true})
	if err != nil {
		return view{}, err
	}
	_, rest, begins := bytes.Cut(whole, []byte("<main>"))
	inner, _, ends := bytes.Cut(rest, []byte("</main>"))
	if !begins || !ends {
		return view{}, fmt.Errorf("the page of the incident %s has no content", report.Incident.ID)
	}
	return view{Title: "Incident " + report.Incident.ID, Here: "/incidents", Body: incidentReport("/static/"+s.version+"/incident.css", string(inner))}, nil
}

// incidentStyle is the style of the exported page, for a part of one of the desk's pages.
func incidentStyle() []byte {
	text := strings.NewReplacer(":root {", "& {", "\nhtml {", "\n& {", "\nbody {", "\n& {", "\nmain {", "\n& {").Replace("\n" + incident.Style)
	// What the desk's own style says of a class with the same name does not hold there. The rule weighs
	// less than every one that follows.
	const apart = "#incident :where(:not(svg, svg *)) { all: revert }\n"
	return []byte(apart + "#incident {\n" + text + "\n}\n")
}
