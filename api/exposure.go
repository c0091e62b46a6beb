package api

import (
	"context"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/desk"
	"countersign.dev/desk/inquiry"
	"countersign.dev/exposure"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// ExposedAt holds the parameters of both ways to ask. Huma reads embedded fields of
// exported types only.
type ExposedAt struct {
	Kind   actions.Kind `query:"kind" maxLength:"64" doc:"of the catalogue; left out: each that the platform offers"`
	At     string       `query:"at" maxLength:"40" doc:"a past instant, such as 2026-11-27T20:00:00Z; left out: now"`
	People bool         `query:"people" doc:"name the workers, by identifier"`
}

func (in ExposedAt) instant() (time.Time, error) {
	if in.At == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, in.At)
	if err != nil {
		return t, fault.New(fault.Invalid, "bad-parameter", "at is a time such as 2026-11-27T20:00:00Z.")
	}
	return t.UTC(), nil
}

func (s *Server) exposure(ctx context.Context, by desk.Caller, in *struct {
	Subject string `query:"subject" required:"true" maxLength:"600" doc:"PLATFORM:ID or PLATFORM:@HANDLE"`
	ExposedAt
}) (*answerOf[v1.Exposure], error) {
	at, err := in.instant()
	if err != nil {
		return nil, err
	}
	e, err := s.desk.Exposure(ctx, by, in.Subject, in.Kind, at)
	return answerWith(exposureOf(e, in.People), err)
}

func (s *Server) exposureTable(ctx context.Context, by desk.Caller, in *struct {
	Tier actions.Tier `query:"tier" required:"true" enum:"standard,protected,critical"`
	ExposedAt
}) (*answerOf[v1.ExposureTable], error) {
	at, err := in.instant()
	if err != nil {
		return nil, err
	}
	t, err := s.desk.ExposureTable(ctx, by, in.Tier, in.Kind, at)
	return answerWith(v1.ExposureTable{Tier: t.Tier, At: t.At, Left: t.Left, Items: list(t.Rows, func(r inquiry.TableRow) v1.Exposure {
		out := exposureOf(r.Exposure, in.People)
		out.Unread = r.Unread
		return out
	})}, err)
}

func (s *Server) reach(ctx context.Context, by desk.Caller, in *Identified) (*answerOf[v1.Reach], error) {
	r, err := s.desk.Reach(ctx, by, workforce.WorkerID(in.ID))
	deed := func(d inquiry.AloneAct) v1.Deed {
		return v1.Deed{Platform: d.Platform, Kind: d.Kind, Tier: d.Tier, Reasons: list(d.Reasons, reasonOf)}
	}
	out := v1.Reach{Worker: r.Worker, At: r.At, Now: list(r.Now, deed), Last: r.Last, LastDay: list(r.LastDay, deed)}
	if x := r.Session; x != nil {
		out.Session = &v1.SessionReach{Acts: list(x.Acts, deed), Runs: x.Runs, Until: x.Until, Ends: x.Ends,
			Budgets: list(x.Budgets, func(b actions.Budget) actions.Budget { return b })}
	}
	return answerWith(out, err)
}

func reasonOf(r policy.Reason) proof.Reason { return proof.Reason{Policy: r.Policy, Text: r.Text} }

func exposureOf(e inquiry.Exposure, people bool) v1.Exposure {
	same := func(s string) string { return s }
	return v1.Exposure{Subject: e.Subject, Sort: e.Sort, Tier: e.Tier, Why: list(e.Why, reasonOf), Floor: e.Floor, At: e.At, Governance: e.Governance,
		Number: e.Number(), Weaker: e.Weaker(), Acts: list(e.Acts, func(a inquiry.ExposedAct) v1.ExposedAct { return actOf(a, people) }),
		Unranked: e.Unranked, Indispensable: list(e.Indispensable, func(i proof.Indispensable) v1.Indispensable { return v1.Indispensable{Worker: i.Worker, For: i.For} }),
		Unguarded: list(e.Unguarded, func(s platform.Showing) platform.Showing { return s }),
		Holders:   v1.Holders{Platform: list(e.Holders.Platform, same), Executor: list(e.Holders.Executor, same), LogKey: list(e.Holders.LogKey, same), AsOwner: asOwner}}
}

// asOwner is the one way around the desk that no watch sees by the act itself.
const asOwner = "Whoever holds the platform's credential can change an account's password unseen and then deactivate it as its owner would; with an owner lock that is a breach, and the lock is cleared only after 72 hours and notice to the owner."

func actOf(a inquiry.ExposedAct, people bool) v1.ExposedAct {
	alike := func(x exposure.Alike) v1.Alike {
		out := v1.Alike{Count: x.Count, Person: sortOf(x.Sort), Reasons: list(x.Reasons, reasonOf)}
		if people {
			out.Workers = x.People()
		}
		return out
	}
	alone := func(x exposure.Alone) v1.Alone {
		return v1.Alone{Count: x.Count, Session: x.Session, Can: list(x.Can, alike), Cannot: list(x.Cannot, alike)}
	}
	out := v1.ExposedAct{Kind: a.Kind, Effect: a.Effect, Alone: alone(a.Alone),
		Collusion: v1.Collusion{Number: a.Collusion.Number, Ways: list(a.Collusion.Rows, func(r exposure.Row) v1.Way { return wayOf(r, people) })},
		Coverage: v1.Coverage{Need: a.Coverage.Need, Now: list(a.Coverage.Now, alike), Hours: a.Coverage.Hours[:],
			Short: list(a.Coverage.Short, func(h int) int { return h })},
		Budgets: list(a.Budgets, func(b actions.Budget) actions.Budget { return b })}
	if a.Emergency != nil {
		e := alone(*a.Emergency)
		out.Emergency = &e
	}
	return out
}

func wayOf(r exposure.Row, people bool) v1.Way {
	member := func(m exposure.Member) v1.Member {
		out := v1.Member{Part: string(m.Part), Person: sortOf(m.Sort)}
		if people {
			out.Worker = m.Worker
		}
		return out
	}
	return v1.Way{Way: string(r.Way), People: r.People, Group: list(r.Group, member), Then: list(r.Then, member),
		Wait: int64(r.Wait / time.Second), Reverts: int64(r.Reverts / time.Second), Why: r.Why}
}

func sortOf(s exposure.Sort) v1.PersonSort {
	return v1.PersonSort{Employee: s.Employee, Vendor: s.Vendor, Roles: list(s.Roles, func(r workforce.Role) workforce.Role { return r }), Hardware: s.Hardware}
}

func coverageChangeOf(c inquiry.CoverageChange) v1.CoverageChange {
	side := func(s inquiry.Covered) v1.Covered {
		return v1.Covered{Need: s.Need, Now: s.Now, Least: s.Least, Number: s.Number}
	}
	return v1.CoverageChange{Platform: c.Platform, Tier: c.Tier, Before: side(c.Before), After: side(c.After)}
}
