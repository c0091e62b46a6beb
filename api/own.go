package api

import (
	"context"

	v1 "countersign.dev/api/v1"
	"countersign.dev/desk"
)

func (s *Server) ownAccounts(ctx context.Context, by desk.Caller, _ *struct{}) (*answerOf[v1.OwnAccounts], error) {
	d, ok, err := s.desk.OwnDeclaration(ctx, by)
	return answerWith(v1.OwnAccounts{Declared: ok, Accounts: d.Accounts, Time: d.Time, Deed: d.Deed}, err)
}

func (s *Server) declareAccounts(ctx context.Context, by desk.Caller, in *struct{ Body v1.OwnDeclaration }) (*answerOf[v1.OwnAccounts], error) {
	d, err := s.desk.DeclareAccounts(ctx, by, in.Body.Accounts, in.Body.Deed)
	return answerWith(v1.OwnAccounts{Declared: true, Accounts: d.Accounts, Time: d.Time, Deed: d.Deed}, err)
}
