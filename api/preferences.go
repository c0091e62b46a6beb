package api

import (
	"context"

	v1 "countersign.dev/api/v1"
	"countersign.dev/desk"
)

func (s *Server) preferences(ctx context.Context, by desk.Caller, _ *struct{}) (*answerOf[v1.Preferences], error) {
	p, err := s.desk.PreferencesOf(ctx, by)
	return answerWith(v1.Preferences(p), err)
}

func (s *Server) keepPreferences(ctx context.Context, by desk.Caller, in *struct{ Body v1.Preferences }) (*struct{}, error) {
	return nil, s.desk.KeepPreferences(ctx, by, desk.Preferences(in.Body))
}
