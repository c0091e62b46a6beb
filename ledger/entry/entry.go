// Package entry holds what the desk enters in the ledger by its own word: every kind
// of entry of the class desk, with the type of its data. The governance chain and the
// executor's records have their types in package proof, which verifies them.
//
// The bytes of an entry are committed to for ever. A member may be added where its zero
// value is left out (omitzero), and none is ever renamed or taken away.
package entry

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// The kinds of entries about requests: the way of an act from the question to its
// warrant, or to another end.
const (
	KindRequest     = "request"
	KindCountersign = "countersign"
	KindDecline     = "decline"
	KindWithdraw    = "withdraw"
	KindExpire      = "expire"
	KindVoid        = "void"
	KindRefused     = "refused"
	KindWarrant     = "warrant"
	// KindTakenRefused: the executor took a change of the desk directly, and the
	// governance chain did not take it.
	KindTakenRefused = "taken-refused"
)

// The kinds of entries about incidents.
const (
	KindIncident         = "incident" // it was opened
	KindIncidentTask     = "incident-task"
	KindIncidentTaskDone = "incident-task-done"
	KindIncidentFindings = "incident-findings"
	KindIncidentRead     = "incident-read"
	// KindExport commits to a bundle's content, so that a desk which tells one incident
	// in two ways has both on record.
	KindExport = "export"
)

// The other kinds.
const (
	KindAlarm         = "alarm"
	KindToken         = "token"
	KindTokenRevoked  = "token-revoked"
	KindExposureRead  = "exposure-read"
	KindExposureCheck = "exposure-check"
)

// Law says which law asks for a need that the policy does not ask for.
type Law string

// The laws that do.
const (
	// LawRecovery asks everybody who is left of the officers.
	LawRecovery Law = "recovery"
	// LawTogether asks of a change that takes out an officer what the policy asks
	// of a burdening one, where one person may not make it alone.
	LawTogether Law = "together"
)

// Request is the data of an entry of kind request. What names the subject
// or quotes people is sealed beside it.
type Request struct {
	Act     Act            `json:"act"`
	At      canonical.Time `json:"at"`           // for which it was judged; the entry's time is a moment later
	Law     Law            `json:"law,omitzero"` // which law, and not the policy, says what it needs
	Need    actions.Need   `json:"need"`
	Request string         `json:"request"`
	Signed  actions.Signed `json:"signed"`
	Status  actions.Status `json:"status"` // held or approved
}

// Verdict is the data of entries of kind countersign and decline. Tier and
// Lifts are as they were read for it: a measure grows older while a request is held.
type Verdict struct {
	Alarm   bool           `json:"alarm"`
	At      canonical.Time `json:"at"`
	Law     Law            `json:"law,omitzero"`
	Lifts   actions.Lifts  `json:"lifts"`
	Need    actions.Need   `json:"need"` // of the request, ruled again
	Request string         `json:"request"`
	Signed  actions.Signed `json:"signed"`
	Status  actions.Status `json:"status"` // of the request with it
	Tier    actions.Tier   `json:"tier"`
}

// End is the data of entries of kind withdraw, expire and void: a request
// that came to its end without being carried out.
type End struct {
	Request string `json:"request"`
	// Signed is the requester's statement of a withdrawal. It is left out of the
	// other kinds, and of withdrawals that were entered before they were signed.
	Signed actions.Signed     `json:"signed,omitzero"`
	Status actions.Status     `json:"status"`
	Type   string             `json:"type"`
	Worker workforce.WorkerID `json:"worker"` // who ended it; empty: the clock, or the executor
}

// Refusal is the data of an entry of kind refused.
type Refusal struct {
	Count int64  `json:"count"` // more than 1: so many in the minute that ended
	Ruled *Ruled `json:"ruled"` // null unless it was policy that refused
	Type  string `json:"type"`
	// Types says how many of Count were of which type, where those who were refused
	// were not known: then there is no worker, and nothing that they sent.
	Types map[string]int64 `json:"types,omitempty"`
	What  string           `json:"what"`
	// Worker is who was refused. Of a request that its requester may no longer
	// make it is whoever wanted to sign it.
	Worker workforce.WorkerID `json:"worker"`
}

// Ruled is what a refusal by policy was ruled by.
type Ruled struct {
	Act              Act                `json:"act"`
	At               canonical.Time     `json:"at"`          // for which the worker's standing was read
	Countersign      bool               `json:"countersign"` // whether Worker may countersign or decline, and not whether they may request
	GovernanceNumber int64              `json:"governance_number"`
	Request          string             `json:"request"`
	Worker           workforce.WorkerID `json:"worker"`
}

// Warrant is the data of an entry of kind warrant: what is never erased of one.
type Warrant struct {
	Countersigners   []workforce.WorkerID `json:"countersigners"`
	Direction        actions.Direction    `json:"direction"`
	Executor         string               `json:"executor"`
	GovernanceNumber int64                `json:"governance_number"` // entries of the chain that the ruling had seen
	Kind             actions.Kind         `json:"kind"`
	Policy           canonical.Digest     `json:"policy"`
	Request          string               `json:"request"`
	Requester        workforce.WorkerID   `json:"requester"`
	Tier             actions.Tier         `json:"tier"`
	Warrant          canonical.Digest     `json:"warrant"`
}

// TakenRefused is the data of entries of kind taken-refused: what the executor
// took directly is not entered in the chain, and why.
type TakenRefused struct {
	Request string             `json:"request"`
	Kind    actions.Kind       `json:"kind"`
	Worker  workforce.WorkerID `json:"worker"`
	Type    string             `json:"type"`
}

// Token is the data of entries of kind token and token-revoked. Beside the
// first the signed ask is sealed, which quotes what its signer calls the token.
type Token struct {
	Token  string             `json:"token"`
	Worker workforce.WorkerID `json:"worker"`
	Key    workforce.KeyID    `json:"key"`
	By     workforce.WorkerID `json:"by,omitzero"` // who revoked it; entries from before do not say
}

// Alarm is the data of an entry of kind alarm. What names the subject is sealed
// beside it.
type Alarm struct {
	Alarm    string       `json:"alarm"`
	Kind     string       `json:"kind"`     // what it is about: a type of package alarm
	Severity string       `json:"severity"` // page or note
	Text     string       `json:"text"`
	Incident string       `json:"incident"` // each of these may be empty
	Request  string       `json:"request"`
	Platform string       `json:"platform"`
	Tier     actions.Tier `json:"tier"`
}

// ExposureRead is the data of entries of kind exposure-read: who read what about subjects
// that are critical. Which subject it was is sealed beside it.
type ExposureRead struct {
	Worker workforce.WorkerID `json:"worker"`
	What   string             `json:"what"` // "exposure", "exposure-table", "worker-exposure"
	Kind   actions.Kind       `json:"kind"` // empty: all
	Tier   actions.Tier       `json:"tier"`
	At     canonical.Time     `json:"at"` // of which instant
}

// ExposureCheck is the data of entries of kind exposure-check. What was found, and
// the figures, are sealed: they are exposure, and read as such.
type ExposureCheck struct {
	Governance int64 `json:"governance"`
	Findings   int   `json:"findings"`
	// Indispensable are those without whom the desk could not go on.
	Indispensable []workforce.WorkerID `json:"indispensable,omitempty"`
}
