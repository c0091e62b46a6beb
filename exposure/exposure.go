// Package exposure says who could do what to whom: everybody who could do an act
// alone, the least number of people who must collude for it, and how many could
// countersign it in the coming week.
//
// It is pure and trusts its caller for the state, which is the governance chain
// folded up to an entry. It promises to be exact over that state, for the ways
// that it lists, or to return an error: nobody is left out and nothing is
// estimated. What an attacker can bring about, such as a case or an unspent
// budget, is taken as given; who holds a platform's credential, the executor's
// machine or the log's key is not its affair.
package exposure

import (
	"slices"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// Question is a kind of act on a subject of a platform. Its members are what a
// ruling may read of the act and the subject.
type Question struct {
	Kind     actions.Kind
	Platform string
	Tier     actions.Tier
	Effect   actions.Effect // empty: the catalogue's; lossy where the platform loses something

	// The rest is of the measure that a relieving kind lifts.
	Lifts    actions.Lifts      // ours, older or foreign; empty: foreign
	Measured workforce.WorkerID // who requested it, for ours
	Category actions.Category   // of it; ours within the window is of none
}

// way is how the act is asked for, and what a ruling then reads.
type way struct {
	facts  policy.Facts
	undo   bool
	only   workforce.WorkerID // who may go this way, if one person
	except workforce.WorkerID // who may not
}

// admits reports whether somebody may go this way.
func (w way) admits(id workforce.WorkerID) bool {
	return (w.only == "" || w.only == id) && (w.except == "" || w.except != id)
}

// ways returns every way to ask. A requester chooses the verb, and of a measure
// the category and whether to name a case, so that each choice is a way.
func (q Question) ways() ([]way, error) {
	spec, ok := actions.SpecOf(q.Kind)
	switch {
	case !ok || spec.Desk:
		return nil, fault.New(fault.Invalid, "bad-question", "Exposure is of an act on a platform; %q is none.", q.Kind)
	case !slices.Contains(actions.Tiers, q.Tier) || q.Platform == "" || q.Platform == actions.DeskPlatform:
		return nil, fault.New(fault.Invalid, "bad-question", "Exposure is of a subject; name its platform and its tier.")
	}
	effect := q.Effect
	if effect == "" {
		effect = spec.Effect
	}
	var all []way
	add := func(c actions.Category, l actions.Lifts, w way) {
		for _, verb := range spec.Verbs {
			for _, given := range []bool{true, false} {
				if !given && q.Tier != actions.Standard {
					continue // policies do not see it
				}
				w.facts = policy.Facts{Kind: q.Kind, Direction: spec.Direction, Effect: effect, Verb: verb, Category: c, Lifts: l, CaseGiven: given,
					Subject: policy.Subject{Platform: q.Platform, Sort: spec.Sort, Tier: q.Tier}}
				all = append(all, w)
			}
		}
	}
	if spec.Direction == actions.Burdening {
		if q.Lifts != "" || q.Measured != "" || q.Category != "" {
			return nil, fault.New(fault.Invalid, "bad-question", "%s lifts nothing, and its requester chooses its category.", q.Kind)
		}
		for _, c := range []actions.Category{actions.CategoryRules, actions.CategoryLegal, actions.CategoryChildSafety} {
			add(c, actions.LiftsNothing, way{})
		}
		return all, nil
	}
	switch q.Lifts {
	case "", actions.LiftsForeign:
		add(q.Category, actions.LiftsForeign, way{})
	case actions.LiftsOlder:
		add(q.Category, actions.LiftsOlder, way{})
		add(q.Category, actions.LiftsOlder, way{undo: true})
	case actions.LiftsOurs:
		if q.Category != "" {
			return nil, fault.New(fault.Invalid, "bad-question", "A measure that is %s is lifted as an older one.", q.Category)
		}
		add(q.Category, actions.LiftsOlder, way{}) // an act that names no measure
		add(q.Category, actions.LiftsOurs, way{undo: true, except: q.Measured})
		if q.Measured != "" {
			add(q.Category, actions.LiftsOwn, way{undo: true, only: q.Measured})
		}
	default:
		return nil, fault.New(fault.Invalid, "bad-question", "A measure in place is ours, older or foreign, not %q.", q.Lifts)
	}
	return all, nil
}

// Sort reports what the kind is done to.
func (q Question) Sort() platform.Sort {
	spec, _ := actions.SpecOf(q.Kind)
	return spec.Sort
}
