package proof

import (
	"slices"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
)

// NamedDecision is a decision that the request of a measure names, at a desk that decides
// cases.
type NamedDecision struct {
	Index    int64            // of the request's entry
	Request  string           //
	Decision canonical.Digest // of the decision
}

// Named returns the decisions that an audit found named by requests, once the desk had rules
// and queues. Each must be in a roll.
func (a Audited) Named() []NamedDecision { return a.named }

// StatedAt is what a person signed in a document, which is no entry of the ledger.
type StatedAt struct {
	At   canonical.Time
	Said entry.Said
	// Rules is the digest of the rule set that a decision names; empty: it names none. It must be
	// the one that was in force.
	Rules canonical.Digest
}

// AuditStatements checks the signatures of statements in documents, each by the governance
// chain as it was at its time: by a key of that person that was live, or under a session that
// such a key had certified, in time, while the person was engaged; and whether a decision names the
// rule set that was in force. It returns an error for each
// statement, in the order in which they were given; nil: the statement is good. served is the
// ledger that an audit has read.
func AuditStatements(t Trust, log note.Verifier, served Served, all []StatedAt) ([]error, error) {
	found := make([]error, len(all))
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return all[a].At.Compare(all[b].At.Time) })
	next := 0
	until := func(at canonical.Time, s *State) {
		for ; next < len(order) && (at.IsZero() || all[order[next]].At.Before(at.Time)); next++ {
			one := all[order[next]]
			if !s.Ours(one.Said.Statement) {
				found[order[next]] = fault.New(fault.Forbidden, "foreign-log", "The statement is for another ledger.")
				continue
			}
			found[order[next]] = s.SignedBy(one.Said, one.At.Time)
			if found[order[next]] == nil && !one.Rules.IsZero() && one.Rules != s.Rules.Digest {
				found[order[next]] = fault.New(fault.Conflict, "rule-moved", "The decision names the rule set %s, and another one was in force.", one.Rules)
			}
		}
	}
	s, _, err := follow(t, log, served, nil, func(step Step) error {
		until(step.Body.Time, step.State)
		return nil
	}, func(int64, ledger.Leaf) {})
	if err != nil {
		return nil, err
	}
	until(canonical.Time{}, s)
	return found, nil
}
