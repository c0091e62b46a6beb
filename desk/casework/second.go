package casework

import (
	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// A case of the highest severity is not ended by one person alone with less than the usual
// measure (law 14). The first such verdict is kept as a proposal: it is signed and recorded,
// has no effect, and the case goes to a lead. A verdict of another person, who is independent of
// the first, ends the case.

// second says whether a decision waits for a second person. first is the proposal that the
// decision ends; nil: there is none.
func (d *Room) second(t *kernel.Tx, s *proof.State, w workforce.WorkerID, c cases.Case, v actions.CaseVerdict, rule *cases.Rule, departs bool) (first *store.Proposal, wait bool, err error) {
	if !c.Grave() {
		return nil, false, nil
	}
	p, open, err := t.OpenProposal(c.ID)
	if err != nil {
		return nil, false, err
	}
	if open {
		first = &p
	}
	switch {
	case !c.Lesser(v, rule, departs):
		return first, false, nil // the usual measure needs nobody else
	case !open:
		return nil, true, nil
	}
	now := t.Now().Time
	if why := dependence(s.People.Dependence(w, p.Worker, now), s, s.People.Standing(w, now), p.Worker); why != "" {
		return nil, false, fault.New(fault.Forbidden, "not-independent", "The case %s is of the highest severity, and its first verdict was %s. Somebody independent of whoever gave it ends the case with less than the usual measure: %s.", c.ID, p.Verdict, why)
	}
	return first, false, nil
}

// proposed stores a verdict that waits for a second person, and returns its case after it.
func (d *Room) proposed(t *kernel.Tx, c cases.Case, p store.Proposal) cases.Case {
	t.InsertProposal(p)
	next := c.ToLead("A first verdict was given. The case is of the highest severity, so that a second, independent person judges it.", t.Now())
	d.moved(t, p.Worker, next, "proposed", map[string]any{"decision": p.ID, "verdict": p.Verdict, "rule": p.Rule})
	return next
}
