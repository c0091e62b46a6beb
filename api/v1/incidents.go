package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/incident"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// Incident is a breach or a contested act with its review.
type Incident struct {
	ID       string             `json:"id"`
	Version  int64              `json:"version" doc:"counts changes"`
	Status   incident.Status    `json:"status" enum:"open,closed"`
	Cause    incident.Cause     `json:"cause" enum:"breach,contested"`
	Breach   string             `json:"breach" doc:"the breach that opened it"`
	Request  string             `json:"request" doc:"the contested request"`
	Subject  platform.Subject   `json:"subject"`
	Layer    string             `json:"layer" doc:"of the subject, in which the breach was or the contested act is: visibility, limit or label:VALUE"`
	Tier     actions.Tier       `json:"tier"`
	Opened   canonical.Time     `json:"opened"`
	By       workforce.WorkerID `json:"by" doc:"who opened it; empty: the watch"`
	Title    string             `json:"title"`
	Tasks    []Task             `json:"tasks" doc:"empty in lists"`
	Review   string             `json:"review" doc:"the request whose signatures closed it"`
	Findings string             `json:"findings" doc:"the text that the review signs the digest of"`
	Closed   canonical.Time     `json:"closed"`
}

// Task is a piece of work that has to be done before an incident is closed.
type Task struct {
	Number int64              `json:"number"`
	Text   string             `json:"text"`
	Owner  workforce.WorkerID `json:"owner"`
	Done   canonical.Time     `json:"done"`
	Result string             `json:"result"`
}

// IncidentFilter chooses incidents, newest first.
type IncidentFilter struct {
	Status   incident.Status
	Platform string
	Subject  string
	Cursor   string
	Limit    int
}

// NewIncident contests a request.
type NewIncident struct {
	Request string             `json:"request" maxLength:"64"`
	Title   string             `json:"title" maxLength:"200" doc:"one line"`
	Deed    actions.SaltedDeed `json:"deed" doc:"what you signed of it"`
}

// NewTask is a task of an incident. Its owner is independent of the people involved.
type NewTask struct {
	Text  string             `json:"text" maxLength:"2000"`
	Owner workforce.WorkerID `json:"owner" maxLength:"64"`
	Deed  actions.SaltedDeed `json:"deed" doc:"what you signed of it"`
}

// TaskResult is the result of a task, as its owner reports it.
type TaskResult struct {
	Result string             `json:"result" maxLength:"2000"`
	Deed   actions.SaltedDeed `json:"deed" doc:"what you signed of it"`
}

// Findings are the text with which a person proposes to close an incident.
type Findings struct {
	Text string             `json:"text" maxLength:"50000"`
	Deed actions.SaltedDeed `json:"deed" doc:"what you signed of it"`
}

// IncidentReport is all that was gathered about an incident. Its parts are those of
// the bundle in which an incident is exported.
type IncidentReport struct {
	Incident    Incident             `json:"incident"`
	At          canonical.Time       `json:"at"`
	Timeline    []incident.Moment    `json:"timeline" doc:"by time"`
	Attribution incident.Attribution `json:"attribution"`
	Touched     []incident.Touched   `json:"touched" doc:"what else those involved did, newest first"`
	Rulings     []incident.Ruled     `json:"rulings"`
	Exposure    []incident.Exposed   `json:"exposure"`
	Down        canonical.Time       `json:"down" doc:"since when the incident's layer is in the contested state"`
	Up          canonical.Time       `json:"up"`
}

// Alarm is something that people must know of. Alarms are in the order of their
// ledger entries.
type Alarm struct {
	ID       string         `json:"id"`
	Entry    int64          `json:"entry" doc:"index of its ledger entry; what Last-Event-ID names"`
	Kind     string         `json:"kind"`
	Severity string         `json:"severity" enum:"page,warn,info"`
	Text     string         `json:"text"`
	Incident string         `json:"incident"`
	Request  string         `json:"request" doc:"or a breach"`
	Subject  string         `json:"subject"`
	Platform string         `json:"platform"`
	Tier     actions.Tier   `json:"tier"`
	At       canonical.Time `json:"at"`
}

// AlarmFilter chooses alarms, newest first.
type AlarmFilter struct {
	Kind   string
	Cursor string
	Limit  int
}

// Sighting is a record of a change that the watch saw, or of what it did after a breach.
type Sighting struct {
	Sequence int64           `json:"sequence" doc:"counts the executor's records"`
	Kind     string          `json:"kind"`
	Request  string          `json:"request" doc:"the breach that it is about, or its own name"`
	At       canonical.Time  `json:"at" doc:"by the executor's clock"`
	Outcome  proof.Outcome   `json:"outcome" doc:"of a restoration"`
	Type     string          `json:"type"`
	Text     string          `json:"text"`
	Platform string          `json:"platform"`
	Subject  string          `json:"subject"`
	Tier     actions.Tier    `json:"tier"`
	Layer    string          `json:"layer,omitempty" doc:"of expected and found: visibility, limit or label:VALUE; left out where no state is told"`
	Expected platform.Expect `json:"expected"`
	Found    platform.Expect `json:"found"`
	Via      string          `json:"via" doc:"stream, read or sweep"`
	Seen     canonical.Time  `json:"seen"`
	Why      string          `json:"why"`
	Order    string          `json:"order" doc:"standing order under which it is, or would have been, restored"`
	Count    int64           `json:"count"`
}

// SightingFilter chooses sightings, newest first.
type SightingFilter struct {
	Kind     string
	Platform string
	Cursor   string
	Limit    int
}
