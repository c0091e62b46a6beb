package api

import (
	"context"
	"maps"
	"slices"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/desk"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
)

func (s *Server) programSignIn(ctx context.Context, _ desk.Caller, in *struct {
	Body actions.SignedProgramTokenAsk
}) (*answerOf[v1.ProgramToken], error) {
	t, err := s.desk.SignInProgram(ctx, in.Body)
	return answerWith(v1.ProgramToken{ID: t.ID, Program: t.Program, Created: t.Created, Expires: t.Expires}, err)
}

func programOf(state *proof.State, p proof.Program, at time.Time) v1.Program {
	out := v1.Program{ID: p.ID, Owner: p.Owner, Key: p.Key.ID(), Platforms: p.Platforms, Source: p.Source, Rate: p.Rate, Added: p.Added, Ended: p.Ended, Entry: p.Entry}
	_, err := state.Program(p.ID, at)
	if out.Stands = err == nil; err != nil {
		out.Why = fault.TextOf(err)
	}
	return out
}

func (s *Server) programs(ctx context.Context, _ desk.Caller, in *Paged) (*answerOf[v1.Page[v1.Program]], error) {
	state, err := s.desk.State(ctx)
	if err != nil {
		return nil, err
	}
	now := s.config.Now()
	var all []proof.Program
	for _, id := range slices.Sorted(maps.Keys(state.Programs)) {
		all = append(all, state.Programs[id])
	}
	return answerWith(pageOf("programs", *in, all,
		func(p proof.Program) string { return p.ID },
		func(proof.Program) bool { return true },
		func(p proof.Program) v1.Program { return programOf(state, p, now) }))
}

func (s *Server) ownProgram(ctx context.Context, by desk.ProgramCaller, _ *struct{}) (*answerOf[v1.Program], error) {
	state, err := s.desk.State(ctx)
	if err != nil {
		return nil, err
	}
	return answerWith(programOf(state, state.Programs[by.ID], s.config.Now()), nil)
}
