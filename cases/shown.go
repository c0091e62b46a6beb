package cases

import (
	"countersign.dev/canonical"
	"countersign.dev/platform"
)

// ShownVersion is the only version of Shown.
const ShownVersion = "countersign/shown/v1"

// MaxShownReports is the largest number of reports whose words one document shows; the counts
// tell of all of them.
const MaxShownReports = 20

// Shown is the content of the left and the middle column of a case page, as a claim showed it.
// It is stored byte for byte, and its SHA-256 is the evidence digest of the decision.
type Shown struct {
	Case      string           `json:"case"`
	Claim     int64            `json:"claim"`
	Counts    []ShownCount     `json:"counts"`    // of all reports, by reason and source
	Decisions []ShownDecision  `json:"decisions"` // earlier ones on the subject, newest first
	Evidence  []ShownEvidence  `json:"evidence"`  // what the desk read itself
	Language  string           `json:"language"`
	Of        platform.Sort    `json:"of"` // account or content; empty: not read yet
	Opened    canonical.Time   `json:"opened"`
	Owner     string           `json:"owner"`
	Queue     string           `json:"queue"`
	Question  string           `json:"question"` // that somebody asked about the case
	Reporters int64            `json:"reporters"`
	Reports   []ShownReport    `json:"reports"` // the newest of each reason and source first
	Seen      *ShownState      `json:"seen"`    // the state that was read last; null: none was
	Severity  Severity         `json:"severity"`
	Strikes   map[string]int64 `json:"strikes"` // of the account that stand, by the rule's number
	Subject   platform.Subject `json:"subject"`
	V         string           `json:"v"`
	Version   int64            `json:"version"`
}

// ShownCount is how many reports a case has for a reason, from one class of source.
type ShownCount struct {
	Anonymous bool   `json:"anonymous"`
	Count     int64  `json:"count"`
	Reason    Reason `json:"reason"`
	Source    string `json:"source"`
	Withdrawn bool   `json:"withdrawn,omitzero"` // whoever handed them in took them back
}

// ShownReport is one report in its reporter's words.
type ShownReport struct {
	At       canonical.Time `json:"at"`
	ID       string         `json:"id"`
	Language string         `json:"language"`
	Own      string         `json:"own"` // the platform's own word for the reason
	Reason   Reason         `json:"reason"`
	Scores   []Score        `json:"scores"`
	Source   string         `json:"source"`
	Text     string         `json:"text"`
	Told     Told           `json:"told"`
	// Withdrawn is when whoever handed the report in took it back. It is shown all the same: a mark
	// in a row must not hide it from whoever judges.
	Withdrawn canonical.Time `json:"withdrawn,omitzero"`
}

// ShownEvidence is what the desk read of the subject, by the digest of the stored document.
type ShownEvidence struct {
	At       canonical.Time   `json:"at"`
	Digest   canonical.Digest `json:"digest"` // empty while it is pending, or if it was gone
	Pictures int64            `json:"pictures"`
	State    string           `json:"state"` // pending, copied, gone
	Text     string           `json:"text"`
}

// ShownDecision is an earlier decision on the same subject.
type ShownDecision struct {
	Case      string         `json:"case"`
	ID        string         `json:"id"`
	Rule      int64          `json:"rule"`
	TakenBack bool           `json:"taken_back"`
	Time      canonical.Time `json:"time"`
	Verdict   string         `json:"verdict"`
}

// ShownState is a state of a subject that was read.
type ShownState struct {
	At     canonical.Time    `json:"at"`
	Facts  map[string]string `json:"facts"`
	Layers map[string]string `json:"layers"` // in words, by the name of the layer
	Tier   string            `json:"tier"`
	Why    []string          `json:"why"`
}
