package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/incidents"
	"countersign.dev/fault"
	"countersign.dev/httpd"
	"countersign.dev/incident"
	"countersign.dev/platform"
)

// registerIncidents registers every route about incidents and alarms.
func (s *Server) registerIncidents() {
	const get, post = http.MethodGet, http.MethodPost
	add(s, operation{id: "list-incidents", method: get, path: "/incidents", summary: "Incidents, newest first"}, s.incidents)
	add(s, operation{id: "open-incident", method: post, path: "/incidents", status: http.StatusCreated, changes: true, summary: "Open an incident on a request that you contest"}, s.openIncident)
	add(s, operation{id: "incident", method: get, path: "/incidents/{id}", summary: "An incident with its tasks"}, s.incident)
	add(s, operation{id: "incident-report", method: get, path: "/incidents/{id}/report", enters: true,
		summary: "All that is known: timeline, attribution, what else those involved did, rulings, exposure; of critical subjects, reading it is an entry"}, s.report)
	add(s, operation{id: "incident-ruling", method: post, path: "/incidents/{id}/ruling", body: v1.MaxBody, enters: true, summary: "What a proposed policy set would have ruled, facts as then; nothing is stored"}, s.incidentRuling)
	add(s, operation{id: "incident-attribution", method: get, path: "/incidents/{id}/attribution", enters: true, summary: "Who is answerable, and why no more is known; of critical subjects, reading it is an entry"}, s.attribution)
	add(s, operation{id: "incident-bundle", method: get, path: "/incidents/{id}/bundle", enters: true,
		summary: "The report with all that it rests on, to be verified without this desk; its making is an entry",
		answer:  jsonAnswer("A document countersign/incident-bundle/v1 in canonical JSON")}, s.incidentBundle)
	add(s, operation{id: "assign-task", method: post, path: "/incidents/{id}/tasks", status: http.StatusCreated, changes: true, summary: "Give somebody independent of those involved something to do"}, s.assignTask)
	add(s, operation{id: "finish-task", method: post, path: "/incidents/{id}/tasks/{number}/result", changes: true, summary: "Say what came of your task"}, s.finishTask)
	add(s, operation{id: "propose-findings", method: post, path: "/incidents/{id}/findings", body: v1.MaxBody, changes: true,
		summary: "Hand in findings; the answer is the change to wish for, a desk.review, which closes the incident once it is countersigned"}, s.proposeFindings)
	add(s, operation{id: "list-sightings", method: get, path: "/sightings", summary: "What the watch saw and restored, newest first"}, s.sightings)
	add(s, operation{id: "list-alarms", method: get, path: "/alarms", summary: "Alarms, newest first"}, s.alarms)
	add(s, operation{id: "events", method: get, path: "/events", stream: true, summary: "Alarms as they are raised, as server-sent events; Last-Event-ID resumes, and beyond the ledger's end is refused with 410 cursor-gone: begin again",
		answer: &huma.Response{Description: "Events of type alarm, whose data is an Alarm and whose id is its entry",
			Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}}, s.events)
}

func incidentOf(i incident.Incident) v1.Incident {
	return v1.Incident{ID: i.ID, Version: i.Version, Status: i.Status, Cause: i.Cause, Breach: i.Breach, Request: i.Request, Subject: i.Subject, Layer: i.Layer.String(), Tier: i.Tier,
		Opened: i.Opened, By: i.By, Title: i.Title, Review: i.Review, Findings: i.Findings, Closed: i.Closed,
		Tasks: list(i.Tasks, func(t incident.Task) v1.Task { return v1.Task(t) })}
}

func alarmOf(a alarms.Alarm) v1.Alarm {
	out := v1.Alarm{ID: a.ID, Entry: a.Entry, Kind: a.Kind, Severity: string(a.Severity), Text: a.Text, Incident: a.Incident, Request: a.Request,
		Platform: a.Platform, Tier: a.Tier, At: a.At}
	if a.Subject != "" {
		out.Subject = platform.Subject{Platform: a.Platform, ID: a.Subject}.String()
	}
	return out
}

func sightingOf(x incidents.Sighting) v1.Sighting {
	out := v1.Sighting{Sequence: x.Sequence, Kind: x.Kind, Request: x.Request, At: x.At, Outcome: x.Outcome, Type: x.Type, Text: x.Text}
	if s := x.Sight; s != nil {
		out.Platform, out.Tier, out.Expected, out.Found = s.Platform, s.Tier, s.Expected, s.Found
		if s.Expected != (platform.Expect{}) || s.Found != (platform.Expect{}) {
			out.Layer = s.Layer.String()
		}
		out.Via, out.Seen, out.Why, out.Order, out.Count = s.Via, s.Seen, s.Why, s.Order, s.Count
		if x.Subject != "" {
			out.Subject = platform.Subject{Platform: s.Platform, ID: x.Subject}.String()
		}
	}
	return out
}

type incidentsIn struct {
	Paged
	Status   incident.Status `query:"status" enum:"open,closed"`
	Platform string          `query:"platform" maxLength:"64"`
	Subject  string          `query:"subject" maxLength:"600" doc:"PLATFORM:ID"`
}

func (s *Server) incidents(ctx context.Context, by desk.Caller, in *incidentsIn) (*answerOf[v1.Page[v1.Incident]], error) {
	cursor, err := positionOf("incidents", in.Cursor)
	if err != nil {
		return nil, err
	}
	f := incidents.Filter{Status: in.Status, Platform: in.Platform, Before: cursor, Limit: in.limit()}
	if in.Subject != "" {
		subject, err := platform.ParseSubject(in.Subject)
		if err != nil {
			return nil, err
		}
		f.Platform, f.Subject = subject.Platform, subject.ID
	}
	is, next, err := s.desk.Incidents(ctx, by, f)
	return answerWith(v1.Page[v1.Incident]{Items: list(is, incidentOf), Next: cursorOf("incidents", next)}, err)
}

func (s *Server) incident(ctx context.Context, by desk.Caller, in *Identified) (*answerOf[v1.Incident], error) {
	i, err := s.desk.Incident(ctx, by, in.ID)
	return answerWith(incidentOf(i), err)
}

func (s *Server) openIncident(ctx context.Context, by desk.Caller, in *struct{ Body v1.NewIncident }) (*answerOf[v1.Incident], error) {
	i, err := s.desk.OpenIncident(ctx, by, in.Body.Request, in.Body.Title, in.Body.Deed)
	return answerWith(incidentOf(i), err)
}

func (s *Server) report(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Days int `query:"days" minimum:"1" maximum:"3650" default:"30" doc:"how far back to look at what those involved did"`
}) (*answerOf[v1.IncidentReport], error) {
	r, err := s.desk.Report(ctx, by, in.ID, in.Days)
	return answerWith(v1.IncidentReport{Incident: incidentOf(r.Incident), At: r.At, Timeline: r.Timeline, Attribution: r.Attribution, Touched: r.Touched,
		Rulings: r.Rulings, Exposure: r.Exposure, Down: r.Down, Up: r.Up}, err)
}

func (s *Server) attribution(ctx context.Context, by desk.Caller, in *Identified) (*answerOf[incident.Attribution], error) {
	a, err := s.desk.Attribution(ctx, by, in.ID)
	return answerWith(a, err)
}

func (s *Server) incidentRuling(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.PolicyFiles
}) (*answerOf[incident.Ruled], error) {
	r, err := s.desk.RuledBy(ctx, by, in.ID, in.Body.Files)
	return answerWith(r, err)
}

func (s *Server) incidentBundle(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Personal bool `query:"personal" doc:"with the personal fields that the ledger seals, and the warrants"`
}) (*raw, error) {
	b, err := s.desk.IncidentBundle(ctx, by, in.ID, in.Personal)
	if err != nil {
		return nil, err
	}
	return &raw{"application/json", b}, nil
}

func (s *Server) assignTask(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.NewTask
}) (*answerOf[v1.Incident], error) {
	i, err := s.desk.AssignTask(ctx, by, in.ID, in.Body.Text, in.Body.Owner, in.Body.Deed)
	return answerWith(incidentOf(i), err)
}

func (s *Server) finishTask(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Number int64 `path:"number" minimum:"1"`
	Body   v1.TaskResult
}) (*answerOf[v1.Incident], error) {
	i, err := s.desk.FinishTask(ctx, by, in.ID, in.Number, in.Body.Result, in.Body.Deed)
	return answerWith(incidentOf(i), err)
}

func (s *Server) proposeFindings(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.Findings
}) (*answerOf[actions.Review], error) {
	r, err := s.desk.ProposeFindings(ctx, by, in.ID, in.Body.Text, in.Body.Deed)
	return answerWith(r, err)
}

// placeOf reads a cursor that is a number.
func placeOf(list, cursor string) (int64, error) {
	text, err := positionOf(list, cursor)
	if err != nil || text == "" {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, fault.New(fault.Invalid, "bad-cursor", "The cursor is not one that this list gave; begin without one.")
	}
	return n, nil
}

func cursorAt(list string, place int64) string {
	if place == 0 {
		return ""
	}
	return cursorOf(list, strconv.FormatInt(place, 10))
}

func (s *Server) sightings(ctx context.Context, by desk.Caller, in *struct {
	Paged
	Kind     string `query:"kind" maxLength:"20"`
	Platform string `query:"platform" maxLength:"64"`
}) (*answerOf[v1.Page[v1.Sighting]], error) {
	before, err := placeOf("sightings", in.Cursor)
	if err != nil {
		return nil, err
	}
	ss, next, err := s.desk.Sightings(ctx, by, incidents.SightingFilter{Kind: in.Kind, Platform: in.Platform, Before: before, Limit: in.limit()})
	return answerWith(v1.Page[v1.Sighting]{Items: list(ss, sightingOf), Next: cursorAt("sightings", next)}, err)
}

func (s *Server) alarms(ctx context.Context, by desk.Caller, in *struct {
	Paged
	Kind alarm.Type `query:"kind" maxLength:"64"`
}) (*answerOf[v1.Page[v1.Alarm]], error) {
	before, err := placeOf("alarms", in.Cursor)
	if err != nil {
		return nil, err
	}
	as, next, err := s.desk.Alarms(ctx, by, alarms.Filter{Kind: in.Kind, Before: before, Limit: in.limit()})
	return answerWith(v1.Page[v1.Alarm]{Items: list(as, alarmOf), Next: cursorAt("alarms", next)}, err)
}

// heartbeat is the longest silence of a stream of events. At each beat the token is
// checked again.
const heartbeat = 15 * time.Second

// events streams alarms until the client leaves, the server ends or the caller may read
// them no more. A client that comes back with the last event's id misses none.
func (s *Server) events(ctx context.Context, by desk.Caller, in *struct {
	Last string `header:"Last-Event-ID" maxLength:"20" doc:"id of the last event seen; -1 for the beginning; left out: from now on. One beyond the ledger's end, as after the desk was founded anew, is refused: 410 cursor-gone"`
}) (*huma.StreamResponse, error) {
	place := alarms.Newest
	if in.Last != "" {
		n, err := strconv.ParseInt(in.Last, 10, 64)
		if err != nil || n < -1 {
			return nil, fault.New(fault.Invalid, "bad-parameter", "Last-Event-ID is the id of an event that came from here.")
		}
		place = n
	}
	// The first look is made before the answer begins, so that a refusal can still be sent
	// as one.
	now, stop := context.WithCancel(ctx)
	stop()
	first, place, err := s.desk.NextAlarms(now, by, place)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		r, w := humago.Unwrap(hctx)
		out := http.NewResponseController(w)
		// The deadlines of other requests would end this one.
		_ = out.SetReadDeadline(time.Time{}) // a connection without deadlines needs none
		h := w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("X-Accel-Buffering", "no")
		w.WriteHeader(http.StatusOK)
		send := func(text []byte) bool {
			_ = out.SetWriteDeadline(time.Now().Add(heartbeat))
			_, err := w.Write(text)
			return err == nil && out.Flush() == nil
		}
		if !send([]byte("retry: 1000\n\n")) {
			return
		}
		for as := first; ; {
			text := []byte(":\n\n")
			if len(as) > 0 {
				text = nil
			}
			for _, a := range as {
				text = append(text, "event: alarm\nid: "+strconv.FormatInt(a.Entry, 10)+"\ndata: "...)
				text = append(append(text, canonical.MustMarshal(alarmOf(a))...), "\n\n"...)
			}
			if !send(text) {
				return
			}
			waiting, cancel := httpd.Waiting(r.Context(), heartbeat)
			var err error
			as, place, err = s.desk.NextAlarms(waiting, by, place)
			cancel()
			if err != nil || httpd.Closing(r.Context()) || r.Context().Err() != nil {
				return
			}
			if _, err := s.caller(hctx); err != nil {
				return // the token has ended; the client learns it when it comes back
			}
		}
	}}, nil
}
