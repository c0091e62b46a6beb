package api

import (
	"context"
	"net/http"

	v1 "countersign.dev/api/v1"
	"countersign.dev/desk"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/shifts"
	"countersign.dev/workforce"
)

// registerShifts registers every route about who is at work.
func (s *Server) registerShifts() {
	const get, post = http.MethodGet, http.MethodPost
	add(s, operation{id: "presence", method: get, path: "/presence", summary: "Where you are, as the desk knows it: on, break, training, meeting or away"}, s.presence)
	add(s, operation{id: "set-presence", method: post, path: "/presence", changes: true, summary: "Say where you are. Nobody gives you a case while you are on a break, in training or in a meeting; the same word again changes nothing"}, s.setPresence)
	add(s, operation{id: "line-presence", method: get, path: "/presence/line", summary: "Where the people of your line are, by name: for leads"}, s.linePresence)
	add(s, operation{id: "in-hand", method: get, path: "/hand-overs/in-hand", summary: "What people of your line have in hand: what a hand-over would move; for leads"}, s.inHand)
	add(s, operation{id: "hand-over", method: post, path: "/hand-overs", body: v1.MaxBody, changes: true, summary: "Give back what people of your line have in hand, to their queues or to people of your line in turn, by a signed deed; the same deed again gets the same answer"}, s.handOver)
}

func presenceOf(p shifts.Presence) v1.Presence {
	return v1.Presence{Worker: string(p.Worker), State: p.State, Since: p.Since, Seen: p.Seen, By: string(p.By)}
}

func (s *Server) presence(ctx context.Context, by desk.Caller, _ *struct{}) (*answerOf[v1.Presence], error) {
	p, err := s.desk.Presence(ctx, by)
	return answerWith(presenceOf(p), err)
}

func (s *Server) setPresence(ctx context.Context, by desk.Caller, in *struct{ Body v1.PresenceWish }) (*answerOf[v1.Presence], error) {
	p, err := s.desk.SetPresence(ctx, by, in.Body.State)
	return answerWith(presenceOf(p), err)
}

func (s *Server) linePresence(ctx context.Context, by desk.Caller, _ *struct{}) (*answerOf[v1.Page[v1.Presence]], error) {
	all, err := s.desk.Line(ctx, by)
	return answerWith(v1.Page[v1.Presence]{Items: list(all, presenceOf)}, err)
}

func (s *Server) inHand(ctx context.Context, by desk.Caller, in *struct {
	Worker []string `query:"worker,explode" maxItems:"100" doc:"whose; may be given several times"`
}) (*answerOf[v1.Page[v1.InHand]], error) {
	all, err := s.desk.InHand(ctx, by, list(in.Worker, func(w string) workforce.WorkerID { return workforce.WorkerID(w) }))
	return answerWith(v1.Page[v1.InHand]{Items: list(all, func(h casework.InHand) v1.InHand {
		return v1.InHand{Worker: string(h.Worker), Claims: list(h.Claims, same), Reserved: h.Reserved, Turns: list(h.Turns, same)}
	})}, err)
}

func (s *Server) handOver(ctx context.Context, by desk.Caller, in *struct{ Body v1.HandOver }) (*answerOf[v1.HandedOver], error) {
	h, err := s.desk.HandOver(ctx, by, in.Body.Deed, in.Body.Text)
	return answerWith(v1.HandedOver{Deed: h.Deed, Cases: list(h.Cases, same), Reserved: h.Reserved}, err)
}
