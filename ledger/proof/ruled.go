package proof

import (
	"errors"

	"countersign.dev/actions"
	"countersign.dev/ledger/entry"
	"countersign.dev/policy"
)

// ActOf returns what facts say of the act.
func ActOf(f policy.Facts) entry.Act {
	return entry.Act{Case: f.CaseGiven, Category: f.Category, Direction: f.Direction, Effect: f.Effect, Founding: f.Founding, Kind: f.Kind,
		Lifts: f.Lifts, Part: f.Subject.Part, Platform: f.Subject.Platform, Tier: f.Subject.Tier, Verb: f.Verb}
}

// PastFacts returns the facts of a ruling about a worker and an act.
func PastFacts(a entry.Act, w policy.Worker) policy.Facts {
	f := policy.Facts{Worker: w, Kind: a.Kind, Direction: a.Direction, Effect: a.Effect, Verb: a.Verb, Category: a.Category,
		Lifts: a.Lifts, Founding: a.Founding, CaseGiven: a.Case}
	f.Subject = policy.Subject{Platform: a.Platform, Part: a.Part, Tier: a.Tier}
	spec, _ := actions.SpecOf(a.Kind)
	f.Subject.Sort = spec.Sort
	if spec.Desk {
		f.Subject.Sort = policy.Desk
	}
	return f
}

// refusal is a no of the policy with what it was ruled by, for the ledger.
type refusal struct {
	error
	ruled entry.Ruled
}

func (r *refusal) Unwrap() error { return r.error }

// RuledBy returns what a refusal by policy was ruled by, nil of any other error.
func RuledBy(err error) *entry.Ruled {
	var r *refusal
	if errors.As(err, &r) {
		return &r.ruled
	}
	return nil
}
