package policy

import (
	"cmp"
	"iter"
	"slices"

	"github.com/cedar-policy/cedar-go"

	"countersign.dev/actions"
)

// slice holds the policies that may apply to one action, in the order of their
// identifiers. It is Cedar's PolicyIterator.
type slice []rule

// rule is one policy. A hold is evaluated as a permit: Cedar names the satisfied
// permits only where no forbid is satisfied, and so one pass tells whether the
// set without its holds allows, and which holds are satisfied.
type rule struct {
	id     cedar.PolicyID
	file   string
	line   int
	reason string
	policy *cedar.Policy
	hold   *hold
	names  names // the names in its text
}

// All yields the policies.
func (s slice) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for i := range s {
			if !yield(s[i].id, s[i].policy) {
				return
			}
		}
	}
}

// find returns a policy of the slice.
func (s slice) find(id cedar.PolicyID) *rule {
	i, _ := slices.BinarySearchFunc(s, id, func(r rule, id cedar.PolicyID) int { return cmp.Compare(r.id, id) })
	return &s[i]
}

// permits reports whether the policy is a permit of its author's, and not a hold.
func (r *rule) permits() bool { return r.hold == nil && r.policy.Effect() == cedar.Permit }

// namesIt reports whether the policy names an action, in its scope or in a condition.
func (r *rule) namesIt(action cedar.EntityUID) bool {
	_, named := r.names.actions[action]
	return named
}

// Rule says whether the worker may request the act, and what it then needs.
func (s *Set) Rule(f Facts) Ruling {
	r := s.decide(cedar.NewEntityUID(typeAction, cedar.String(f.Kind)), &f)
	if f.Founding && r.Verdict != Forbidden {
		// As long as nobody is admitted, only the officers of the founding statement can sign,
		// and each of them does.
		if r.Verdict == Permitted {
			r.Verdict, r.Reasons = Held, nil
		}
		r.Need.All = true
		r.Reasons = append(r.Reasons, Reason{LawFounding, "The founding import is signed by every officer of the founding statement."})
		sortReasons(r.Reasons)
	}
	return r
}

// MayCountersign says whether the worker may countersign the act: permitted or forbidden.
// It does not check that they are independent.
func (s *Set) MayCountersign(f Facts) Ruling {
	r := s.decide(actionCountersign, &f)
	if r.Verdict == Held {
		// Compile refuses holds on countersigning; were one there, nobody could discharge it.
		r.Verdict, r.Need = Forbidden, actions.Need{}
	}
	return r
}

func (s *Set) decide(action cedar.EntityUID, f *Facts) Ruling {
	var q question
	if why := s.world.ask(&q, action, f); why != "" {
		return forbidden(unruled(why))
	}
	return s.judge(action, &q)
}

// unruled is the reason where a fact is not one that the product knows.
func unruled(why string) Reason {
	return Reason{LawFacts, "It cannot be ruled on, so it is refused: " + why + "."}
}

// judge answers a question about an action.
func (s *Set) judge(action cedar.EntityUID, q *question) Ruling {
	policies := s.slices[action]
	decision, diagnostic := cedar.Authorize(policies, q, q.request)
	if len(diagnostic.Errors) > 0 {
		// Cedar leaves out a policy that errs, also one that forbids; to us an error is a no.
		reasons := make([]Reason, 0, len(diagnostic.Errors))
		for _, e := range diagnostic.Errors {
			reasons = append(reasons, Reason{LawError, "The policy " + string(e.PolicyID) + " could not be evaluated, so it is refused; an officer must mend it."})
		}
		return forbidden(reasons...)
	}
	reasons := make([]Reason, 0, len(diagnostic.Reasons))
	if decision == cedar.Deny {
		for _, d := range diagnostic.Reasons {
			reasons = append(reasons, Reason{string(d.PolicyID), policies.find(d.PolicyID).reason})
		}
		if len(reasons) == 0 {
			reasons = append(reasons, s.nothing(action))
		}
		return forbidden(reasons...)
	}
	var n needs
	permitted, held := false, false
	for _, d := range diagnostic.Reasons {
		if h := policies.find(d.PolicyID).hold; h != nil {
			held = true
			n.add(*h)
		} else {
			permitted = true
		}
	}
	if !permitted {
		return forbidden(s.nothing(action))
	}
	for _, d := range diagnostic.Reasons {
		if r := policies.find(d.PolicyID); (r.hold != nil) == held {
			reasons = append(reasons, Reason{string(d.PolicyID), r.reason})
		}
	}
	sortReasons(reasons)
	if held {
		return Ruling{Verdict: Held, Need: n.total(), Reasons: reasons}
	}
	return Ruling{Verdict: Permitted, Reasons: reasons}
}

// NobodyWarns is the reason, of LawNothing, where the set lets nobody warn.
const NobodyWarns = "No policy of the set in force names account.warn, and only one that names it permits it; an officer can propose a set that does."

// nothing is the reason where no policy permits.
func (s *Set) nothing(action cedar.EntityUID) Reason {
	if action == actionWarn && !s.permitsWarnings() {
		return Reason{LawNothing, NobodyWarns}
	}
	return Reason{LawNothing, "No policy lets this worker do this."}
}

func forbidden(reasons ...Reason) Ruling {
	sortReasons(reasons)
	return Ruling{Verdict: Forbidden, Reasons: reasons}
}

func sortReasons(rs []Reason) {
	slices.SortFunc(rs, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Text, b.Text))
	})
}
