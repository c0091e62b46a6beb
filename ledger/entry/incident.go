package entry

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// Incident is the data of an entry of kind incident: it was opened.
type Incident struct {
	Incident string             `json:"incident"`
	Cause    string             `json:"cause"` // breach or contested
	Breach   string             `json:"breach"`
	Request  string             `json:"request"`
	Platform string             `json:"platform"`
	Tier     actions.Tier       `json:"tier"`
	Worker   workforce.WorkerID `json:"worker"` // the person who opened it; empty: the watch
	Deed     actions.SignedDeed `json:"deed,omitzero"`
}

// IncidentTask is the data of entries of kind incident-task and incident-task-done.
type IncidentTask struct {
	Incident string             `json:"incident"`
	Number   int64              `json:"number"`
	Owner    workforce.WorkerID `json:"owner"`
	Worker   workforce.WorkerID `json:"worker"` // the person who assigned or finished it
	Deed     actions.SignedDeed `json:"deed,omitzero"`
}

// IncidentFindings is the data of an entry of kind incident-findings.
type IncidentFindings struct {
	Incident string             `json:"incident"`
	Findings canonical.Digest   `json:"findings"`
	Worker   workforce.WorkerID `json:"worker"` // the person who proposed them
	Deed     actions.SignedDeed `json:"deed,omitzero"`
}

// IncidentRead is the data of an entry of kind incident-read: somebody read about an
// incident on a critical subject.
type IncidentRead struct {
	Incident string             `json:"incident"`
	What     string             `json:"what"` // "report", "attribution" or "ruling"
	Worker   workforce.WorkerID `json:"worker"`
}

// Export is the data of the entry that seals a bundle.
type Export struct {
	By       workforce.WorkerID `json:"by"`
	Content  canonical.Digest   `json:"content"`
	Incident string             `json:"incident"`
	Personal bool               `json:"personal"` // whether personal fields were given out
}
