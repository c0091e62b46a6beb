package api

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/desk"
	"countersign.dev/desk/alarms"
	"countersign.dev/fault"
	rfc9457 "countersign.dev/fault/problem"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
)

// patience bounds the time for which the status waits for the executor.
const patience = 2 * time.Second

func (s *Server) status(ctx context.Context, _ desk.Caller, _ *struct{}) (*answerOf[v1.Status], error) {
	state, err := s.desk.State(ctx)
	if err != nil {
		return nil, err
	}
	out := v1.Status{Version: s.config.Version, Founded: state.Founded(), Origin: state.Origin, Log: state.LogName(), EnrolName: state.EnrolName(), LogKey: state.LogKey, Formats: state.Formats, Root: state.Root,
		Executor: s.executor(ctx)}
	out.Ledger.Governance, out.Ledger.GovernanceHead = state.Next, state.Head
	out.Ledger.Size, out.Ledger.Hash, err = s.head(ctx)
	return answerWith(out, err)
}

func (s *Server) matters(ctx context.Context, by desk.Caller, _ *struct{}) (*answerOf[v1.Matters], error) {
	all, err := s.desk.Matters(ctx, by)
	out := v1.Matters{Sections: alarms.Sections, Items: list(all, func(m alarms.Matter) v1.Matter {
		return v1.Matter{Section: m.Section, Severity: string(m.Severity), Text: m.Text, Do: m.Do, Since: m.Since, Request: m.Request, Incident: m.Incident,
			Platform: m.Platform, Tier: m.Tier}
	})}
	for _, m := range all {
		out.Needed = out.Needed || m.Needs()
	}
	return answerWith(out, err)
}

// executor returns nil if the executor does not answer: the status shows that, and it is
// no error.
func (s *Server) executor(ctx context.Context) *v1.ExecutorStatus {
	if s.config.Executor == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	st, err := s.config.Executor(ctx)
	if err != nil {
		return nil
	}
	return executorOf(st)
}

func (s *Server) subject(ctx context.Context, by desk.Caller, in *struct {
	Subject string `query:"subject" required:"true" maxLength:"600" doc:"PLATFORM:ID or PLATFORM:@HANDLE"`
}) (*answerOf[v1.Subject], error) {
	r, err := s.desk.Subject(ctx, by, in.Subject)
	return answerWith(subjectOf(r), err)
}

func (s *Server) platforms(ctx context.Context, _ desk.Caller, _ *struct{}) (*answerOf[v1.Page[v1.Platform]], error) {
	state, err := s.desk.State(ctx)
	if err != nil {
		return nil, err
	}
	executor := s.executor(ctx)
	all := slices.SortedFunc(maps.Values(state.Platforms), func(a, b actions.Platform) int { return cmp.Compare(a.Name, b.Name) })
	return answerWith(v1.Page[v1.Platform]{Items: list(all, func(p actions.Platform) v1.Platform {
		return v1.Platform{Name: p.Name, Connector: p.Connector, Facts: p.Facts, Labels: p.Labels, Served: executor != nil && slices.Contains(executor.Platforms, p.Name)}
	})}, nil)
}

// head returns the ledger's size and root, from the newest checkpoint.
func (s *Server) head(ctx context.Context) (size int64, hash string, err error) {
	size, checkpoint, err := s.desk.Ledger().Source.Newest(ctx)
	if err != nil {
		return 0, "", err
	}
	// Origin, size and root are its first three lines.
	if lines := strings.SplitN(string(checkpoint), "\n", 4); len(lines) == 4 {
		hash = lines[2]
	}
	return size, hash, nil
}

func (s *Server) founded(ctx context.Context) (*proof.State, error) {
	state, err := s.desk.State(ctx)
	if err == nil && !state.Founded() {
		err = fault.New(fault.NotFound, "not-founded", "The desk is not founded yet; it has no policy.")
	}
	return state, err
}

func (s *Server) policy(ctx context.Context, _ desk.Caller, _ *struct{}) (*answerOf[v1.Policy], error) {
	state, err := s.founded(ctx)
	if err != nil {
		return nil, err
	}
	return answerWith(v1.Policy{Digest: state.Policy.Digest(), Files: state.Policy.Files(), Budgets: state.Budgets, Trust: state.Trust,
		Governance: state.Next, Older: rfc9457.DetailsOf(append(state.Policy.Older(), actions.OlderBudgets(state.Budgets)...))}, nil)
}

func (s *Server) checkPolicy(ctx context.Context, _ desk.Caller, in *struct{ Body v1.PolicyFiles }) (*answerOf[v1.PolicyReport], error) {
	state, err := s.founded(ctx)
	if err != nil {
		return nil, err
	}
	return answerWith(reportOf(policy.Check(in.Body.Files, state.People, s.config.Now())), nil)
}

func (s *Server) entries(ctx context.Context, by desk.Caller, in *struct {
	After int64 `query:"after" minimum:"-1" default:"-1" doc:"index of the last entry seen; -1 for the beginning. One beyond the ledger's end is refused: 410 cursor-gone"`
	Limit int   `query:"limit" minimum:"1" maximum:"100" default:"50"`
}) (*answerOf[v1.Entries], error) {
	es, err := s.desk.Entries(ctx, by, in.After, in.Limit)
	out := v1.Entries{Items: list(es, entryOf), Next: in.After}
	if n := len(es); n > 0 {
		out.Next = es[n-1].Index
	}
	return answerWith(out, err)
}
