package proof

import (
	"fmt"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
)

// EndedMeasure is a measure of a decision that ended without being carried out. Its case is
// decided anew.
type EndedMeasure struct {
	At      canonical.Time
	Request string
}

// JoinedCases is a case that the desk merged into one that came back.
type JoinedCases struct {
	Index int64 // of the entry
	At    canonical.Time
	Case  string
	Into  string
}

// Ended returns the measures of decisions that an audit found to have ended without being carried
// out, by the entries about their requests and the executor's records.
func (a Audited) Ended() []EndedMeasure { return a.ended }

// Joined returns the cases that the desk merged by itself, in the order of the ledger.
func (a Audited) Joined() []JoinedCases { return a.joined }

// ends notes that the request of a measure ended without being carried out.
func (a *auditor) ends(request string, at canonical.Time) {
	if a.measure[request] {
		a.out.ended = append(a.out.ended, EndedMeasure{at, request})
	}
}

// declined notes the end of a request that somebody declined for good.
func (a *auditor) declined(body ledger.Body) {
	var v entry.Verdict
	if canonical.UnmarshalExact(body.Data, &v) == nil && (v.Status == actions.StatusDeclined || v.Status == actions.StatusFrozen) {
		a.ends(v.Request, body.Time)
	}
}

// carried notes what the executor says of a measure: that it was not, or not surely, carried out.
func (a *auditor) carried(body ledger.Body, s *State) {
	if len(a.measure) == 0 {
		return
	}
	e, err := ParseExecution(body)
	if err != nil || !a.measure[e.Execution.Request] {
		return
	}
	switch e.Execution.Outcome {
	case Refused, Failed, Unknown:
		if e.VerifyBy(s) == nil {
			a.ends(e.Execution.Request, body.Time)
		}
	}
}

// join notes that the desk merged a case by itself.
func (a *auditor) join(index int64, body ledger.Body) {
	var j entry.CaseJoined
	if err := canonical.UnmarshalExact(body.Data, &j); err != nil {
		a.found(index, body.Kind, "", fault.TypeOf(err), fmt.Sprintf("The entry cannot be read: %s", fault.TextOf(err)))
		return
	}
	a.out.joined = append(a.out.joined, JoinedCases{Index: index, At: body.Time, Case: j.Case, Into: j.Into})
}
