package policy

import (
	"fmt"
	"slices"
	"sync"

	"github.com/cedar-policy/cedar-go"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// This file rules on reading (design, law 11).

var reads = []cedar.EntityUID{actionReadExposure, actionReadEvidence, actionWorkQueue, actionReadCase, actionReadContact, actionReadPeople}

// MayReadExposure says whether the worker may read who could do the act of the
// facts; it is permitted or forbidden. Nobody reads who is not engaged.
func (s *Set) MayReadExposure(f Facts) Ruling { return s.mayRead(actionReadExposure, f) }

// MayReadEvidence says whether the worker may read evidence: entries of the ledger,
// incidents, alarms, the names of signers, what people are called. It is permitted or
// forbidden. Nobody reads who is not engaged. Evidence is read for a review, so that the
// facts are those of closing one.
//
// A set from before this action was there names it nowhere, and rules as the default
// set's evidence.cedar says: who read then goes on reading.
func (s *Set) MayReadEvidence(w Worker) Ruling {
	if !s.namesEvidence() {
		s = shippedEvidence()
	}
	class := s.classOf(w)
	r, ok := s.evidence.Load(class)
	if !ok {
		f := DeskFacts(actions.DeskReview, actions.Burdening, actions.PartReviews)
		f.Worker = w
		r = s.mayRead(actionReadEvidence, f)
		if w.ID != "" { // a worker without an identifier is refused, and others of the class are not
			s.evidence.Store(class, r)
		}
	}
	ruling := r.(Ruling)
	ruling.Reasons = slices.Clone(ruling.Reasons) // the set keeps its own: the whole process shares it
	return ruling
}

func (s *Set) mayRead(what cedar.EntityUID, f Facts) Ruling {
	return onlyEngaged(s.decide(what, &f), f.Worker)
}

// onlyEngaged is a ruling on reading or on working for a worker: nobody does either who is not
// engaged.
func onlyEngaged(r Ruling, w Worker) Ruling {
	switch {
	case r.Verdict == Held:
		// Compile refuses holds on reading; were one there, nobody could discharge it.
		r.Verdict, r.Need = Forbidden, actions.Need{}
	case r.Verdict == Permitted && !w.Engaged:
		r = forbidden(Reason{LawEngaged, "Your engagement has not begun or has ended; nobody reads outside it, whatever the policy says."})
	}
	return r
}

// namesEvidence reports whether a policy of the set names the action read.evidence, in its
// scope or in a condition. A policy that speaks of every action without naming this one
// may be older than it.
func (s *Set) namesEvidence() bool {
	_, named := s.names.actions[actionReadEvidence]
	return named
}

// shippedEvidence is the default set's evidence.cedar alone.
var shippedEvidence = sync.OnceValue(func() *Set { return shippedFile("evidence.cedar") })

// shippedFile is one file of the default set alone.
func shippedFile(name string) *Set {
	s, err := compile(map[string]string{name: folder("default")[name], tiersFile: "{}"})
	if err != nil {
		panic(fmt.Sprintf("policy: the embedded file %s does not compile: %v", name, err)) // a build without its own files
	}
	return s
}

// answering are the roles that the default set lets read evidence.
var answering = []workforce.Role{workforce.Lead, workforce.Officer, workforce.OnCall, workforce.Investigator, workforce.Auditor}

// evidenceWarnings warns of a set that names read.evidence and lets read nobody who
// answers for what is done, or somebody who does not.
func (s *Set) evidenceWarnings() []fault.Detail {
	if !s.namesEvidence() {
		return nil
	}
	people, err := s.classes()
	if err != nil {
		return nil // too many to look at; checkDesk has said so
	}
	answers := func(r workforce.Role) bool { return slices.Contains(answering, r) }
	// Of two roles that the set does not name one is like the other, and like no role at all.
	unnamed := slices.ContainsFunc(answering, func(r workforce.Role) bool { _, named := s.names.roles[r]; return !named })
	someReads := false
	var stranger *Worker
	var by []Reason
	for w := range people {
		w.Engaged = true // others never read
		if w.Employee {
			if _, named := s.names.vendors[w.Vendor]; named {
				continue // an employee has no vendor
			}
		}
		has := slices.ContainsFunc(w.Roles, answers)
		if someReads && (has || stranger != nil) {
			continue
		}
		r := s.MayReadEvidence(w)
		if r.Verdict != Permitted {
			continue
		}
		someReads = someReads || has || unnamed
		if !has && stranger == nil {
			stranger, by = &w, r.Reasons
		}
	}
	const example = "the default set's evidence.cedar shows how"
	var warnings []fault.Detail
	if !someReads {
		warnings = append(warnings, fault.Detail{At: "read.evidence", Text: "Under this set no lead, officer, on-call worker, investigator or auditor may read evidence: " +
			"entries of the ledger, incidents, alarms, what needs a person. A set that names read.evidence must also permit it; add a permit for those who should read (" + example + ")."})
	}
	if stranger != nil {
		warnings = append(warnings, fault.Detail{At: "read.evidence", Text: fmt.Sprintf("Under this set %s may read evidence who is neither lead, officer, on-call worker, investigator nor auditor; %s permits it. "+
			"Name in the permit the roles that may read ("+example+"), or leave it so if you mean it.", s.someone(*stranger), by[0].Policy)})
	}
	return warnings
}

// someone describes a worker in words, by name if the set names the worker or the vendor.
func (s *Set) someone(w Worker) string {
	if _, named := s.names.workers[w.ID]; named {
		return string(w.ID)
	}
	text := describe(w)
	if _, named := s.names.vendors[w.Vendor]; named {
		text += " of " + string(w.Vendor)
	}
	return text
}
