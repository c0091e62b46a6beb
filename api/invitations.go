package api

import (
	"context"
	"net/http"

	v1 "countersign.dev/api/v1"
	"countersign.dev/desk"
	"countersign.dev/passkey"
)

func (s *Server) registerInvitations() {
	const get, post, del = http.MethodGet, http.MethodPost, http.MethodDelete
	add(s, operation{id: "invite", method: post, path: "/invitations", changes: true, status: http.StatusCreated,
		summary: "Invite up to 50 people to make passkeys in a browser, all of them or none; earlier invitations of the same people end"}, s.invite)
	add(s, operation{id: "list-invitations", method: get, path: "/invitations", summary: "Invitations, newest first, for those who ask for enrolments or countersign them"}, s.invitations)
	add(s, operation{id: "withdraw-invitation", method: del, path: "/invitations/{id}", status: http.StatusNoContent, summary: "Take an invitation back; again it changes nothing"}, s.withdrawInvitation)
	add(s, operation{id: "open-invitation", method: get, path: "/invite/{secret}", open: true, summary: "What the holder of a link needs to make a passkey; every link that is not good gets the same answer"}, s.openInvitation)
	add(s, operation{id: "answer-invitation", method: post, path: "/invite/{secret}", open: true, body: v1.MaxAnswer,
		summary: "Hand in the passkey that was made under a link; it takes one answer, and the same one again changes nothing"}, s.answerInvitation)
}

func (s *Server) invite(ctx context.Context, by desk.Caller, in *struct{ Body v1.Invitees }) (*answerOf[v1.Invitations], error) {
	people := make([]desk.Invitee, len(in.Body.People))
	for i, p := range in.Body.People {
		people[i] = desk.Invitee(p)
	}
	all, err := s.desk.Invite(ctx, by, people)
	return s.invitationsOf(ctx, all, false, err)
}

type invitationsIn struct {
	Attestation bool `query:"attestation" doc:"with what the browsers handed in, so that anybody can verify it again"`
}

func (s *Server) invitations(ctx context.Context, by desk.Caller, in *invitationsIn) (*answerOf[v1.Invitations], error) {
	all, err := s.desk.Invitations(ctx, by)
	return s.invitationsOf(ctx, all, in.Attestation, err)
}

func (s *Server) invitationsOf(ctx context.Context, all []desk.Invitation, whole bool, err error) (*answerOf[v1.Invitations], error) {
	if err != nil {
		return nil, err
	}
	state, err := s.desk.State(ctx)
	if err != nil {
		return nil, err
	}
	return answerWith(v1.Invitations{Pages: list(state.Trust.Origins, func(o string) string { return o }),
		Items: list(all, func(i desk.Invitation) v1.Invitation { return invitationOf(i, whole) })}, nil)
}

func invitationOf(i desk.Invitation, whole bool) v1.Invitation {
	out := v1.Invitation{ID: i.ID, Worker: i.Worker, Name: i.Name, By: i.By, Made: i.Made, Expires: i.Expires, State: string(i.State)}
	if a := i.Answer; a != nil {
		m := a.Made
		out.Answer = &v1.MadeKey{Key: m.Key, ID: m.Key.ID(), Words: m.Key.ID().Words(), At: a.At, Model: m.Model, Format: m.Format, Synced: m.Synced, BackedUp: m.BackedUp, Possession: a.Possession}
		if whole {
			r := v1.Registration(a.Registration)
			out.Answer.Registration = &r
		}
	}
	return out
}

func (s *Server) withdrawInvitation(ctx context.Context, by desk.Caller, in *Identified) (*struct{}, error) {
	return nil, s.desk.WithdrawInvitation(ctx, by, in.ID)
}

// Linked is the secret of a link. A text of any length gets the same answer. Huma reads embedded
// fields of exported types only.
type Linked struct {
	Secret string `path:"secret"`
}

func (s *Server) openInvitation(ctx context.Context, _ desk.Caller, in *Linked) (*answerOf[v1.OpenInvitation], error) {
	o, err := s.desk.Invited(ctx, in.Secret)
	return answerWith(v1.OpenInvitation{Worker: o.Worker, Name: o.Name, Log: o.Log, EnrolName: o.EnrolName, RelyingParty: o.RelyingParty,
		Challenge: o.Challenge, Expires: o.Expires, State: string(o.State)}, err)
}

type answerIn struct {
	Linked
	Body v1.InvitationAnswer
}

func (s *Server) answerInvitation(ctx context.Context, _ desk.Caller, in *answerIn) (*answerOf[v1.AnsweredInvitation], error) {
	m, err := s.desk.AnswerInvitation(ctx, in.Secret, passkey.Registration(in.Body.Registration), in.Body.Possession)
	if err != nil {
		return nil, err
	}
	key := m.Key.ID()
	return answerWith(v1.AnsweredInvitation{Key: key, Words: key.Words(), Hardware: m.Key.Hardware, Synced: m.Synced, Model: m.Model}, nil)
}
