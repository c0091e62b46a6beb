// Package incident knows what an incident is: a breach or a contested action,
// with its timeline, who is answerable for it, what else they touched, who could
// have done it, what a policy would have ruled, and its review.
//
// It is pure. It trusts whoever gathered the facts, and says of each where it
// comes from, so that a reader can tell what is proven from what is told.
package incident

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// Prefix begins every incident's identifier.
const Prefix = "inc"

// Cause is why an incident was opened.
type Cause string

// The causes.
const (
	Breach    Cause = "breach"    // the watch saw a change that nothing explains
	Contested Cause = "contested" // somebody opened it on an action
)

// Status is where an incident stands.
type Status string

// The statuses. An incident is closed by a desk.review, countersigned.
const (
	Open   Status = "open"
	Closed Status = "closed"
)

// Incident is what the desk keeps of one.
type Incident struct {
	ID      string
	Version int64 // counts changes; a change names the one it saw
	Status  Status
	Cause   Cause
	Breach  string // identifier of the breach; empty if contested
	Request string // the contested request; empty for a breach
	Subject platform.Subject
	Tier    actions.Tier
	Opened  canonical.Time
	By      workforce.WorkerID // who opened it; empty: the watch
	Title   string             // one line, for a list
	Tasks   []Task
	// Review is the request that closed it; Findings are the text that it signs the
	// digest of.
	Review   string
	Findings string
	Closed   canonical.Time
}

// Task is something to be done before an incident is closed, by somebody who is
// independent of those involved.
type Task struct {
	Number int64
	Text   string
	Owner  workforce.WorkerID
	Done   canonical.Time // zero: not yet
	Result string
}

// Source says where a moment is known from.
type Source string

// The sources, the strongest first.
const (
	FromLedger   Source = "ledger"   // an entry, which the log commits to
	FromJournal  Source = "journal"  // the executor's signed record, not in the ledger yet
	FromPlatform Source = "platform" // what the platform says of itself
	FromDesk     Source = "desk"     // the desk's rows
)

// Step is what happened at a moment.
type Step string

// The steps, in the order in which they usually come.
const (
	StepAsked      Step = "asked"
	StepSigned     Step = "signed"
	StepDeclined   Step = "declined"
	StepApproved   Step = "approved"
	StepIntended   Step = "intended"
	StepExecuted   Step = "executed"
	StepChanged    Step = "changed" // on the platform, around the desk, as the platform dates it
	StepSeen       Step = "seen"    // by the watch
	StepRestoring  Step = "restoring"
	StepRestored   Step = "restored"
	StepReversed   Step = "reversed"
	StepOpened     Step = "opened"
	StepAlarmed    Step = "alarmed"
	StepFrozen     Step = "frozen"
	StepAttributed Step = "attributed"
	StepClosed     Step = "closed"
	StepOther      Step = "other"
)

// Moment is one line of a timeline.
type Moment struct {
	At     canonical.Time     `json:"at"`
	Step   Step               `json:"step"`
	Who    workforce.WorkerID `json:"who"`  // empty: a machine, or nobody knows
	Text   string             `json:"text"` // for a person, without personal data
	Source Source             `json:"source"`
	Entry  int64              `json:"entry"` // index in the ledger; -1 if it is not there
	// Request or breach that it is about.
	Request string `json:"request"`
}

// Attribution says who is answerable, to the last word that is known and no
// further.
type Attribution struct {
	// Around is true if no warrant explains the change: it came around the desk.
	Around bool               `json:"around"`
	Worker workforce.WorkerID `json:"worker"` // who asked; empty if Around
	Vendor workforce.VendorID `json:"vendor"`
	Start  canonical.Time     `json:"start"` // of the engagement
	Last   canonical.Time     `json:"last"`  // its last day and hour; zero: open-ended
	Key    workforce.KeyID    `json:"key"`
	// Session is the token with which it was handed in; the desk's word.
	Session string   `json:"session"`
	Signers []Signer `json:"signers"`
	// Credential is what the platform says did it, where Around: "staff token
	// night-shift"; empty if it does not tell. Holders are those who are declared
	// to hold it, or any credential of the platform if it does not tell.
	Credential string   `json:"credential"`
	Holders    []string `json:"holders"`
	Why        string   `json:"why"` // why this is so, or why no more is known
}

// Signer is somebody who countersigned.
type Signer struct {
	Worker workforce.WorkerID `json:"worker"`
	Vendor workforce.VendorID `json:"vendor"`
	Key    workforce.KeyID    `json:"key"`
	At     canonical.Time     `json:"at"`
}

// Touched is another thing that somebody involved did lately, or that was done
// around the desk with the same credential.
type Touched struct {
	Request string           `json:"request"` // or breach
	Kind    actions.Kind     `json:"kind"`    // empty: around the desk
	Subject platform.Subject `json:"subject"`
	Tier    actions.Tier     `json:"tier"`
	Status  actions.Status   `json:"status"` // of a breach Restored or NotRestored
	At      canonical.Time   `json:"at"`
	As      string           `json:"as"` // "requester" or "countersigner"; AsCredential
}

// What is touched around the desk has no request, and so none of its statuses.
const (
	AsCredential = "credential" // the credential that is named for this incident did it

	Restored    actions.Status = "restored"
	NotRestored actions.Status = "not restored" // as far as is known
)

// What says what was done.
func (t Touched) What() string {
	if t.Kind == "" {
		return "around the desk"
	}
	return string(t.Kind)
}

// Ruled is what a policy set says of the act.
type Ruled struct {
	Policy  canonical.Digest `json:"policy"`
	Which   string           `json:"which"` // "then", "today" or "proposed"
	Verdict policy.Verdict   `json:"verdict"`
	Need    string           `json:"need"`
	Reasons []policy.Reason  `json:"reasons"`
}

// Exposed is who could have done it at that instant.
type Exposed struct {
	At        canonical.Time `json:"at"`
	Kind      actions.Kind   `json:"kind"`
	Alone     int64          `json:"alone"`     // how many people could have done it alone
	Collusion int64          `json:"collusion"` // the collusion number; 0: nobody together could
	Way       string         `json:"way"`       // the way that takes fewest people
	Group     []string       `json:"group"`     // one smallest group, by kind of person
	// Around are the declared holders of platform credentials, the executor's
	// machine and the log key.
	Around []string `json:"around"`
}

// Report is an incident with all that was gathered about it at an instant.
type Report struct {
	Incident    Incident
	At          canonical.Time
	Timeline    []Moment // by time
	Attribution Attribution
	Touched     []Touched
	Rulings     []Ruled
	Exposure    []Exposed
	// Down and Up are when the subject went into the contested state and came out of
	// it, as far as is known; zero: not known, or not yet.
	Down, Up canonical.Time
}
