package api

import (
	"context"
	"maps"
	"slices"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/desk"
	"countersign.dev/workforce"
)

func (s *Server) settings(ctx context.Context, _ desk.Caller, _ *struct{}) (*answerOf[v1.Desk], error) {
	state, err := s.desk.State(ctx)
	if err != nil {
		return nil, err
	}
	now := s.config.Now()
	out := v1.Desk{Orders: []v1.StandingOrder{}, Modes: []v1.Mode{}, Freezes: []v1.Freeze{}, Reviews: []v1.Review{}, Laws: state.Laws, Governance: state.Next}
	for _, key := range slices.Sorted(maps.Keys(state.Orders)) {
		o := state.Orders[key]
		_, inForce := state.StandingOrder(o.Platform, o.Tier, now)
		out.Orders = append(out.Orders, v1.StandingOrder{Platform: o.Platform, Tier: o.Tier, Placed: o.Placed, Until: o.Until, PerSubject: o.PerSubject,
			PerTier: o.PerTier, Vouched: o.Vouched, Layers: o.Covered(), Never: o.Never, Cut: o.Cut, Request: o.Request, InForce: inForce})
	}
	for _, name := range slices.Sorted(maps.Keys(state.Platforms)) {
		for _, t := range actions.Tiers {
			m := v1.Mode{Platform: name, Tier: t, Mode: actions.Enforce}
			if state.Observes(name, t) {
				m.Mode = actions.Observe
			}
			out.Modes = append(out.Modes, m)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(state.Freezes)) {
		f := state.Freezes[key]
		out.Freezes = append(out.Freezes, v1.Freeze{Scope: f.Scope, Of: f.Of, By: f.By, At: f.At, Request: f.Request})
	}
	for _, key := range slices.Sorted(maps.Keys(state.Reviewed)) {
		r := state.Reviewed[key]
		out.Reviews = append(out.Reviews, v1.Review{Of: r.Of, ID: r.ID, Involved: list(r.Involved, func(w workforce.WorkerID) workforce.WorkerID { return w }),
			Findings: r.Findings, By: r.By, At: r.At, Request: r.Request})
	}
	return answerWith(out, nil)
}
