package api

import (
	"context"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/desk"
	"countersign.dev/desk/acts"
)

func sessionOf(s acts.Session) v1.Session {
	out := v1.Session{Digest: s.Digest, Signed: s.Signed, Ended: s.Ended, Why: s.Why}
	if s.Void != nil {
		end := v1.SessionEnd(*s.Void)
		out.Void = &end
	}
	return out
}

func (s *Server) startSession(ctx context.Context, by desk.Caller, in *struct{ Body actions.SignedSession }) (*answerOf[v1.Session], error) {
	out, err := s.desk.StartSession(ctx, by, in.Body)
	return answerWith(sessionOf(out), err)
}

func (s *Server) sessions(ctx context.Context, by desk.Caller, _ *struct{}) (*answerOf[v1.Page[v1.Session]], error) {
	all, err := s.desk.Sessions(ctx, by)
	return answerWith(v1.Page[v1.Session]{Items: list(all, sessionOf)}, err)
}
