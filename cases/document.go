package cases

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// This file holds the open parts of the documents of casework in their rolls, by sort. Their
// bytes are committed to for ever: a member may be added where its zero value is left out, and
// none is ever renamed or taken away.

// ReportData is the open part of a report's document.
type ReportData struct {
	Anonymous bool     `json:"anonymous"`
	Case      string   `json:"case"` // that it joined when it came
	Program   string   `json:"program"`
	Reason    Reason   `json:"reason"`
	Severity  Severity `json:"severity"`
	Source    string   `json:"source"`
}

// The names of the sealed fields of a report's document.
const (
	FieldReport   = "report"   // a Report without its reporter
	FieldReporter = "reporter" // a Reporter
)

// DecisionData is the open part of a decision's document.
type DecisionData struct {
	Case     string           `json:"case"`
	Claim    int64            `json:"claim"`
	Departs  bool             `json:"departs"`  // from the usual measures of its rule
	Evidence canonical.Digest `json:"evidence"` // of the Shown that was shown
	// First is the identifier of the first verdict on a case of the highest severity, which
	// this one ends. Proposal says that this one is such a first verdict, without effect.
	First    string                  `json:"first,omitzero"`
	Look     string                  `json:"look,omitzero"` // of a second verdict, which carries nothing out: the look
	Proposal bool                    `json:"proposal,omitzero"`
	Requests []string                `json:"requests"` // of its measures, in its order
	Rule     actions.Rule            `json:"rule"`
	Sessions []actions.SignedSession `json:"sessions,omitempty"` // that its statement names
	Signed   actions.Signed          `json:"signed"`
	Verdict  actions.CaseVerdict     `json:"verdict"`
	Version  int64                   `json:"version"`
}

// The names of the sealed fields of a decision's document.
const (
	FieldDecision = "decision" // an actions.Decision
	FieldReasons  = "reasons"  // a text
)

// OpeningData is the open part of the document of an opening: what a claim has shown.
type OpeningData struct {
	Case     string             `json:"case"`
	Claim    int64              `json:"claim"`
	Document canonical.Digest   `json:"document"` // of the Shown that was shown
	Version  int64              `json:"version"`
	Worker   workforce.WorkerID `json:"worker"`
}

// DeedData is the open part of the document of a deed on a case.
type DeedData struct {
	Case    string             `json:"case"`
	Claim   int64              `json:"claim,omitzero"` // under which it was done; 0: without one
	Deed    actions.SignedDeed `json:"deed"`
	Digest  canonical.Digest   `json:"digest,omitzero"`  // of the picture that it is about
	Look    string             `json:"look,omitzero"`    // that a merge or split ended: it moved no report
	Made    string             `json:"made,omitzero"`    // the case that took the reports of a split
	Version int64              `json:"version,omitzero"` // of the case, after it
}

// FieldOrder is the name of the sealed field of a deed's document: an Order.
const FieldOrder = "order"
