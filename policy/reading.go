package policy

import (
	"fmt"
	"sync"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"countersign.dev/actions"
)

// This file rules on reading (design, law 11).

var reads = []cedar.EntityUID{actionReadExposure, actionReadEvidence}

// MayReadExposure says whether the worker may read who could do the act of the
// facts; it is permitted or forbidden.
func (s *Set) MayReadExposure(f Facts) Ruling { return s.mayRead(actionReadExposure, f) }

// MayReadEvidence says whether the worker may read evidence: entries of the ledger,
// incidents, alarms, the names of signers, what people are called. It is permitted or
// forbidden. Evidence is read for a review, so that the facts are those of closing one.
//
// A set from before this action was there names it nowhere, and rules as the default
// set's evidence.cedar says: who read then goes on reading.
func (s *Set) MayReadEvidence(w Worker) Ruling {
	if !s.namesEvidence() {
		s = shippedEvidence()
	}
	class := s.classOf(w)
	if r, ok := s.evidence.Load(class); ok {
		return r.(Ruling)
	}
	f := DeskFacts(actions.DeskReview, actions.Burdening, actions.PartReviews)
	f.Worker = w
	r := s.mayRead(actionReadEvidence, f)
	s.evidence.Store(class, r)
	return r
}

func (s *Set) mayRead(what cedar.EntityUID, f Facts) Ruling {
	r := s.decide(what, &f)
	if r.Verdict == Held {
		// Compile refuses holds on reading; were one there, nobody could discharge it.
		r.Verdict, r.Need = Forbidden, actions.Need{}
	}
	return r
}

// namesEvidence reports whether a policy of the set names the action read.evidence. One
// that speaks of every action may be older than it.
func (s *Set) namesEvidence() bool {
	for _, r := range s.slices[actionReadEvidence] {
		if _, all := (*ast.Policy)(r.policy.AST()).Action.(ast.ScopeTypeAll); !all {
			return true
		}
	}
	return false
}

// shippedEvidence is the default set's evidence.cedar alone.
var shippedEvidence = sync.OnceValue(func() *Set {
	const name = "evidence.cedar"
	s, err := compile(map[string]string{name: folder("default")[name], tiersFile: "{}"})
	if err != nil {
		panic(fmt.Sprintf("policy: the embedded file %s does not compile: %v", name, err)) // a build without its own files
	}
	return s
})
