package api

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/desk"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

func (s *Server) signIn(ctx context.Context, _ desk.Caller, in *struct{ Body actions.SignedTokenAsk }) (*answerOf[v1.Token], error) {
	t, err := s.desk.SignIn(ctx, in.Body)
	return answerWith(tokenOf(t), err)
}

func (s *Server) tokens(ctx context.Context, by desk.Caller, _ *struct{}) (*answerOf[v1.Page[v1.Token]], error) {
	ts, err := s.desk.Tokens(ctx, by)
	return answerWith(v1.Page[v1.Token]{Items: list(ts, func(t desk.Token) v1.Token {
		out := tokenOf(t)
		out.Current = t.ID == by.Token
		return out
	})}, err)
}

func (s *Server) revokeToken(ctx context.Context, by desk.Caller, in *Identified) (*struct{}, error) {
	return nil, s.desk.RevokeToken(ctx, by, in.ID)
}

func (s *Server) revokeTokensOf(ctx context.Context, by desk.Caller, in *Identified) (*answerOf[v1.Page[v1.Token]], error) {
	ts, err := s.desk.RevokeTokensOf(ctx, by, workforce.WorkerID(in.ID))
	return answerWith(v1.Page[v1.Token]{Items: list(ts, tokenOf)}, err)
}

type workersIn struct {
	Paged
	Vendor    workforce.VendorID `query:"vendor" maxLength:"64"`
	Employees bool               `query:"employees" doc:"only the platform's own people"`
	Role      workforce.Role     `query:"role" enum:"agent,lead,officer,oncall,investigator,auditor,specialist"`
}

func (s *Server) workers(ctx context.Context, by desk.Caller, in *workersIn) (*answerOf[v1.Page[v1.Worker]], error) {
	state, reads, err := s.desk.ReadsPeople(ctx, by)
	if err != nil {
		return nil, err
	}
	return answerWith(pageOf("workers", in.Paged, state.People.Sorted(),
		func(w workforce.Worker) string { return string(w.Worker) },
		func(w workforce.Worker) bool {
			return reads(w.Vendor) && (in.Vendor == "" || w.Vendor == in.Vendor) && (!in.Employees || w.Employee()) && (in.Role == "" || w.Has(in.Role))
		},
		workerOf(state.People, s.config.Now())))
}

type workerIn struct {
	Identified
	Person bool `query:"person" doc:"with name and e-mail address, if the desk lets you read them"`
}

func (s *Server) worker(ctx context.Context, by desk.Caller, in *workerIn) (*answerOf[v1.Worker], error) {
	state, reads, err := s.desk.ReadsPeople(ctx, by)
	if err != nil {
		return nil, err
	}
	id := workforce.WorkerID(in.ID)
	w, ok := state.People.Worker(id)
	if !ok || !reads(w.Vendor) {
		return nil, fault.New(fault.NotFound, "no-such-worker", "There is no worker %q at this desk.", in.ID)
	}
	out := workerOf(state.People, s.config.Now())(w)
	out.Keys = list(state.People.KeysOf(id), keyOf)
	if in.Person {
		p, err := s.desk.Person(ctx, by, id)
		if err != nil {
			return nil, err
		}
		out.Person = &v1.Person{Name: p.Name, Email: p.Email}
	}
	return answerWith(out, nil)
}

func (s *Server) vendors(ctx context.Context, by desk.Caller, in *Paged) (*answerOf[v1.Page[v1.Vendor]], error) {
	state, reads, err := s.desk.ReadsPeople(ctx, by)
	if err != nil {
		return nil, err
	}
	workers := map[workforce.VendorID]int{}
	for _, w := range state.People.Seats() {
		if reads(w.Vendor) {
			workers[w.Vendor]++
		}
	}
	all := slices.SortedFunc(maps.Values(state.People.Vendors), func(a, b workforce.Vendor) int { return cmp.Compare(a.ID, b.ID) })
	return answerWith(pageOf("vendors", *in, all,
		func(v workforce.Vendor) string { return string(v.ID) },
		func(workforce.Vendor) bool { return true },
		func(v workforce.Vendor) v1.Vendor {
			return v1.Vendor{ID: v.ID, Name: v.Name, Ratchet: v.Ratchet, Workers: workers[v.ID]}
		}))
}

type keysIn struct {
	Paged
	Worker workforce.WorkerID `query:"worker" maxLength:"64"`
}

func (s *Server) keys(ctx context.Context, by desk.Caller, in *keysIn) (*answerOf[v1.Page[v1.Key]], error) {
	state, reads, err := s.desk.ReadsPeople(ctx, by)
	if err != nil {
		return nil, err
	}
	return answerWith(pageOf("keys", in.Paged, state.People.Keys(),
		func(k workforce.Key) string { return string(k.ID()) },
		func(k workforce.Key) bool {
			w, ok := state.People.Worker(k.Worker)
			return (in.Worker == "" || k.Worker == in.Worker) && (!ok || reads(w.Vendor))
		},
		keyOf))
}
