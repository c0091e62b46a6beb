// Package incident has the incident: a breach or a contested action, with its timeline,
// its attribution, the other acts of the people involved, the exposure of that time, the
// rulings of other policies, and its review.
//
// It is pure. It trusts its callers for the facts, and names the source of each, so that
// a reader can tell a proven fact from one that is only told.
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

// Cause says why an incident was opened.
type Cause string

// The causes.
const (
	Breach    Cause = "breach"    // the watch saw a change that nothing explains
	Contested Cause = "contested" // somebody opened it on an action
)

// Status is the stage of an incident.
type Status string

// The statuses. An incident is closed by a desk.review, countersigned.
const (
	Open   Status = "open"
	Closed Status = "closed"
)

// Incident is the desk's record of an incident.
type Incident struct {
	ID      string
	Version int64 // counts changes; a change names the version that it saw
	Status  Status
	Cause   Cause
	Breach  string // identifier of the breach; empty if contested
	Request string // the contested request; empty for a breach
	Subject platform.Subject
	// Layer is the layer of the subject in which the breach was, or the contested act is.
	// Breaches of other layers may join the incident, since it is about one subject.
	Layer  platform.Layer
	Tier   actions.Tier
	Opened canonical.Time
	By     workforce.WorkerID // the person who opened it; empty: the watch
	Title  string             // one line, for a list
	Tasks  []Task
	// Review is the request that closed it; Findings are the text whose digest the review
	// signs.
	Review   string
	Findings string
	Closed   canonical.Time
}

// Task is a piece of work to be done before an incident is closed, by a person who is
// independent of the people involved.
type Task struct {
	Number int64
	Text   string
	Owner  workforce.WorkerID
	Done   canonical.Time // zero: not yet
	Result string
}

// Source names the source of a moment.
type Source string

// The sources, the strongest first.
const (
	FromLedger   Source = "ledger"   // an entry, which the log commits to
	FromJournal  Source = "journal"  // the executor's signed record, not in the ledger yet
	FromPlatform Source = "platform" // the platform's own word
	FromDesk     Source = "desk"     // the desk's rows
)

// Step says what happened at a moment.
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
	// Request is the request or breach that the line is about.
	Request string `json:"request"`
	// Layer is the layer of the subject of which the line tells, unless that is the
	// visibility.
	Layer platform.Layer `json:"layer,omitzero"`
}

// Attribution says who is answerable, as far as that is known and no further.
type Attribution struct {
	// Around is true if no warrant explains the change: it came around the desk.
	Around bool               `json:"around"`
	Worker workforce.WorkerID `json:"worker"` // the requester; empty if Around
	Vendor workforce.VendorID `json:"vendor"`
	Start  canonical.Time     `json:"start"` // of the engagement
	Last   canonical.Time     `json:"last"`  // its last day and hour; zero: open-ended
	Key    workforce.KeyID    `json:"key"`
	// With says with what the request was signed: "own key", "file key", "session …". It is
	// empty for a statement of version 1, as is Under, the session under which it was signed.
	With  string `json:"with,omitzero"`
	Under Under  `json:"under,omitzero"`
	// Session is the token with which the request was handed in; the desk's word.
	Session string   `json:"session"`
	Signers []Signer `json:"signers"`
	// Credential is the platform's name of the credential that made the change, if Around:
	// "staff token night-shift"; empty if the platform does not name it. Holders are the
	// declared holders of that credential, or of any credential of the platform if it is not
	// named.
	Credential string   `json:"credential"`
	Holders    []string `json:"holders"`
	Why        string   `json:"why"` // the reason for this attribution, or why no more is known
}

// Signer is a person who countersigned.
type Signer struct {
	Worker workforce.WorkerID `json:"worker"`
	Vendor workforce.VendorID `json:"vendor"`
	Key    workforce.KeyID    `json:"key"`
	With   string             `json:"with,omitzero"` // with what: "own key", "file key"; empty: a statement of version 1
	At     canonical.Time     `json:"at"`
}

// KeyWords names the key with which somebody countersigned, and says what it is as far as
// that is known: "file key key_…".
func (s Signer) KeyWords() string {
	if s.With == "" {
		return string(s.Key)
	}
	return s.With + " " + string(s.Key)
}

// Under is a session under which somebody signed.
type Under struct {
	Session canonical.Digest `json:"session"` // its digest, as statements name it
	Key     workforce.KeyID  `json:"key"`     // the person's own key, which certified it
	Begins  canonical.Time   `json:"begins"`
	Expires canonical.Time   `json:"expires"`
	// Void is the instant before which the sessions of its scope are void, if it was ended
	// early; zero: the newest entry knows nothing of that.
	Void canonical.Time `json:"void"`
}

// Touched is another recent act of a person involved, or a change that was made around
// the desk with the same credential.
type Touched struct {
	Request string           `json:"request"` // or breach
	Kind    actions.Kind     `json:"kind"`    // empty: around the desk
	Subject platform.Subject `json:"subject"`
	Tier    actions.Tier     `json:"tier"`
	Status  actions.Status   `json:"status"` // of a breach Restored or NotRestored
	At      canonical.Time   `json:"at"`
	As      string           `json:"as"` // "requester" or "countersigner"; AsCredential
	// With says with what the person involved signed, and Session names the session, if it was
	// one. Both are empty for a statement of version 1 and for a change around the desk.
	With    string           `json:"with,omitzero"`
	Session canonical.Digest `json:"session,omitzero"`
}

// Changes around the desk have no request, and so none of its statuses.
const (
	AsCredential = "credential" // made with the credential that is named for this incident

	Restored    actions.Status = "restored"
	NotRestored actions.Status = "not restored" // as far as is known
)

// What names the act in words.
func (t Touched) What() string {
	if t.Kind == "" {
		return "around the desk"
	}
	return string(t.Kind)
}

// Ruled is a policy set's ruling on the act.
type Ruled struct {
	Policy  canonical.Digest `json:"policy"`
	Which   string           `json:"which"` // "then", "today" or "proposed"
	Verdict policy.Verdict   `json:"verdict"`
	Need    string           `json:"need"`
	Reasons []policy.Reason  `json:"reasons"`
}

// Exposed says who could have done it at that instant.
type Exposed struct {
	At        canonical.Time `json:"at"`
	Kind      actions.Kind   `json:"kind"`
	Alone     int64          `json:"alone"`     // how many people could have done it alone
	Collusion int64          `json:"collusion"` // the collusion number; 0: nobody together could
	Way       string         `json:"way"`       // the way that takes the fewest people
	Group     []string       `json:"group"`     // one smallest group, by kind of person
	// Around are the declared holders of platform credentials, the executor's machine and
	// the log key.
	Around []string `json:"around"`
}

// Report is an incident with all facts that were gathered about it at an instant.
type Report struct {
	Incident    Incident
	At          canonical.Time
	Timeline    []Moment // by time
	Attribution Attribution
	Touched     []Touched
	Rulings     []Ruled
	Exposure    []Exposed
	// Down and Up are the instants at which the subject entered and left the contested
	// state, in the incident's layer; zero: not known, or not yet.
	Down, Up canonical.Time
}
