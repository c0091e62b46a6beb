package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"countersign.dev/incident"
)

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
	return view{Title: "Incident " + report.Incident.ID, Body: incidentReport("/static/"+s.version+"/incident.css", string(inner))}, nil
}

// incidentStyle is the style of the exported page, for a part of one of the desk's pages.
func incidentStyle() []byte {
	text := strings.NewReplacer(":root {", "& {", "\nhtml {", "\n& {", "\nbody {", "\n& {", "\nmain {", "\n& {").Replace("\n" + incident.Style)
	// What the desk's own style says of a class with the same name does not hold there. The rule weighs
	// less than every one that follows.
	const apart = "#incident :where(:not(svg, svg *)) { all: revert }\n"
	return []byte(apart + "#incident {\n" + text + "\n}\n")
}
