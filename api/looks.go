package api

import (
	"context"
	"math"
	"net/http"

	v1 "countersign.dev/api/v1"
	"countersign.dev/desk"
	"countersign.dev/desk/looks"
	"countersign.dev/workforce"
)

// registerLooks registers every route about second looks and calibrations.
func (s *Server) registerLooks() {
	const get, post = http.MethodGet, http.MethodPost
	add(s, operation{id: "list-looks", method: get, path: "/looks", summary: "Differences between two verdicts that you may settle, the oldest first; or what was looked at of yours, and of nobody else, the newest first"}, s.listLooks)
	add(s, operation{id: "look", method: get, path: "/looks/{id}", summary: "Both verdicts on a case that was judged again: for a lead who is independent of both, and for the two whose they are"}, s.look)
	add(s, operation{id: "settle-look", method: post, path: "/looks/{id}/settlement", changes: true, summary: "Say by a signed deed whose verdict was wrong; the same deed again changes nothing"}, s.settleLook)
	add(s, operation{id: "dispute-look", method: post, path: "/looks/{id}/dispute", changes: true, summary: "Answer once, by a signed deed, that your verdict was found wrong; then another lead has the last word"}, s.disputeLook)
	add(s, operation{id: "list-calibrations", method: get, path: "/calibrations", summary: "Calibrations of your company, the newest first, without their cases: for leads"}, s.calibrations)
	add(s, operation{id: "calibration", method: get, path: "/calibrations/{id}", summary: "A calibration; its verdicts once all are there, or it is closed"}, s.calibration)
	add(s, operation{id: "calibrate", method: post, path: "/calibrations", body: v1.MaxBody, status: http.StatusCreated, changes: true, summary: "Have several people judge decided cases again, by a signed deed; the same deed again gives the same calibration"}, s.calibrate)
	add(s, operation{id: "close-calibration", method: post, path: "/calibrations/{id}/end", changes: true, summary: "End a calibration, by a signed deed, with what its people found when they talked about it"}, s.closeCalibration)
}

func sideOf(of looks.Side) v1.LookSide {
	out := v1.LookSide{Worker: of.Worker, Own: of.Own, Case: of.Case, Document: of.Document, Verdict: of.Found.Verdict, Rule: of.Found.Rule, Language: of.Found.Language, Measures: of.Found.Measures, Reasons: of.Reasons, Requests: of.Requests, At: of.At}
	if out.Measures == nil {
		out.Measures = []string{}
	}
	if out.Requests == nil {
		out.Requests = []string{}
	}
	return out
}

func lookOf(l looks.Seen) v1.SecondLook {
	out := v1.SecondLook{ID: l.ID, Subject: l.Subject, Handle: l.Handle, Queue: l.Queue, Difference: l.Differs, First: sideOf(l.First), Second: sideOf(l.Second), Chance: l.Chance, MaySettle: l.MaySay, MayDispute: l.May == "dispute"}
	if m := l.Matter; m != nil {
		out.Matter = &v1.LookMatter{State: string(m.State), Lead: m.Lead, Wrong: m.Wrong, Why: m.Why, Until: m.Until, Disputer: m.Disputer, Answer: m.Answer, LastLead: m.LastLead, LastWrong: m.LastWrong, LastWhy: m.LastWhy, Made: m.Made, Ended: m.Ended}
	}
	return out
}

func (s *Server) listLooks(ctx context.Context, by desk.Caller, in *struct {
	Mine  bool   `query:"mine" doc:"looks at your own verdicts, and verdicts of yours that were second ones"`
	State string `query:"state" enum:",waiting,settled,disputed,final" doc:"of the difference; empty: those that wait for a lead, or of your own all"`
}) (*answerOf[v1.Page[v1.SecondLook]], error) {
	all, err := s.desk.Looks(ctx, by, looks.LookFilter{Mine: in.Mine, State: looks.MatterState(in.State)})
	return answerWith(v1.Page[v1.SecondLook]{Items: list(all, lookOf)}, err)
}

func (s *Server) look(ctx context.Context, by desk.Caller, in *Identified) (*answerOf[v1.SecondLook], error) {
	l, err := s.desk.Look(ctx, by, in.ID)
	return answerWith(lookOf(l), err)
}

func (s *Server) settleLook(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.LookDeed
}) (*answerOf[v1.SecondLook], error) {
	l, err := s.desk.SettleLook(ctx, by, in.ID, in.Body.Deed, in.Body.Text)
	return answerWith(lookOf(l), err)
}

func (s *Server) disputeLook(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.LookDeed
}) (*answerOf[v1.SecondLook], error) {
	l, err := s.desk.DisputeLook(ctx, by, in.ID, in.Body.Deed, in.Body.Text)
	return answerWith(lookOf(l), err)
}

func calibrationOf(c looks.Calibration) v1.Calibration {
	out := v1.Calibration{ID: c.ID, Title: c.Title, Lead: c.Lead, People: c.People, Made: c.Made, Closed: c.Closed, Result: c.Result, Of: c.Of, Left: c.Left,
		Cases: list(c.Cases, func(one looks.Calibrated) v1.CalibratedCase {
			return v1.CalibratedCase{Decision: one.Decision, Case: one.Case, Subject: one.Subject, Verdict: one.First.Verdict, Rule: one.First.Rule, Verdicts: list(one.Verdicts, sideOf)}
		}),
		Rules: list(c.Rules, func(r looks.RuleFigures) v1.RuleAgreement {
			return v1.RuleAgreement{Rule: r.Rule, Cases: int64(r.N), Raw: number(r.Raw.Value), Fleiss: number(r.Fleiss.Value), AC1: number(r.AC1.Value), Low: number(r.AC1.Low), High: number(r.AC1.High)}
		})}
	if out.People == nil {
		out.People = []workforce.WorkerID{}
	}
	return out
}

// number returns a figure that JSON can write: one that is not defined is 0.
func number(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

func (s *Server) calibrations(ctx context.Context, by desk.Caller, in *struct {
	Cursor string `query:"cursor" maxLength:"64" doc:"those before this one"`
}) (*answerOf[v1.Page[v1.Calibration]], error) {
	all, err := s.desk.Calibrations(ctx, by, in.Cursor)
	return answerWith(v1.Page[v1.Calibration]{Items: list(all, calibrationOf)}, err)
}

func (s *Server) calibration(ctx context.Context, by desk.Caller, in *Identified) (*answerOf[v1.Calibration], error) {
	c, err := s.desk.Calibration(ctx, by, in.ID)
	return answerWith(calibrationOf(c), err)
}

type calibratedOut struct {
	Status int
	Body   v1.Calibration
}

func (s *Server) calibrate(ctx context.Context, by desk.Caller, in *struct{ Body v1.LookDeed }) (*calibratedOut, error) {
	c, err := s.desk.Calibrate(ctx, by, in.Body.Deed, in.Body.Text)
	if err != nil {
		return nil, err
	}
	return &calibratedOut{Status: http.StatusCreated, Body: calibrationOf(c)}, nil
}

func (s *Server) closeCalibration(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.LookDeed
}) (*answerOf[v1.Calibration], error) {
	c, err := s.desk.CloseCalibration(ctx, by, in.ID, in.Body.Deed, in.Body.Text)
	return answerWith(calibrationOf(c), err)
}
