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

// The kinds of entries about requests, from the request to its warrant or to another end.
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
	KindProgramToken  = "program-token"
	KindOwnAccounts   = "own-accounts" // a worker declared their own accounts
	KindSession       = "session"      // of an actions.SignedSession: somebody started a session
	KindRoll          = "roll"         // of a ledger.Roll: commits to the documents that waited for it
	KindExposureRead  = "exposure-read"
	KindExposureCheck = "exposure-check"
	KindReferral      = "referral"    // a case was referred to a hotline, the police or an emergency contact
	KindCaseJoined    = "case-joined" // the desk merged a case of a subject into one that came back
	KindCaseRead      = "case-read"   // somebody saw a case of a protected or critical subject, or private data
	KindText          = "text"        // somebody put a text to the desk, so that a change can name it

	KindInvitation          = "invitation"           // somebody invited people to make passkeys in a browser
	KindInvitationAnswered  = "invitation-answered"  // somebody made a passkey under an invitation
	KindInvitationWithdrawn = "invitation-withdrawn" // somebody took an invitation back
)

// Law names the law that asks for a need which the policy does not ask for.
type Law string

// The laws that ask for needs.
const (
	// LawRecovery asks all officers who are left.
	LawRecovery Law = "recovery"
	// LawTogether asks the need of a burdening change for a change that removes an officer,
	// if one person may not make it alone.
	LawTogether Law = "together"
)

// Request is the data of an entry of kind request. Fields that name the subject or quote
// people are sealed beside it.
type Request struct {
	Act     Act            `json:"act"`
	At      canonical.Time `json:"at"`           // the instant of the judgement; the entry's own time is a moment later
	Law     Law            `json:"law,omitzero"` // the law that says what it needs, where the policy does not
	Need    actions.Need   `json:"need"`
	Request string         `json:"request"`
	Signed  actions.Signed `json:"signed"`
	Status  actions.Status `json:"status"` // held or approved
	// Decided is the statement of the decision that the action is a measure of; the decision
	// itself names the subject, and is sealed beside. Sessions are those that the statements
	// name. Both are of version 2, and left out where there are none.
	Decided  *actions.Signed         `json:"decided,omitzero"`
	Sessions []actions.SignedSession `json:"sessions,omitempty"`
}

// Verdict is the data of entries of kind countersign and decline. Tier and Lifts were
// read anew for it: a measure grows older while a request is held.
type Verdict struct {
	Alarm   bool           `json:"alarm"`
	At      canonical.Time `json:"at"`
	Law     Law            `json:"law,omitzero"`
	Lifts   actions.Lifts  `json:"lifts"`
	Need    actions.Need   `json:"need"` // of the request, ruled again
	Request string         `json:"request"`
	Signed  actions.Signed `json:"signed"`
	Status  actions.Status `json:"status"` // of the request after it
	Tier    actions.Tier   `json:"tier"`
}

// End is the data of entries of kind withdraw, expire and void: the request ended without
// being carried out.
type End struct {
	Request string `json:"request"`
	// Signed is the requester's statement of a withdrawal of version 1. The other kinds have
	// none, and neither have withdrawals that were entered before they were signed.
	Signed actions.Signed      `json:"signed,omitzero"`
	Deed   *actions.SignedDeed `json:"deed,omitzero"` // the withdrawal, from version 2 on
	Status actions.Status      `json:"status"`
	Type   string              `json:"type"`
	Worker workforce.WorkerID  `json:"worker"` // who ended it; empty: the clock, or the executor
}

// Refusal is the data of an entry of kind refused.
type Refusal struct {
	Count int64  `json:"count"` // more than 1: so many refusals in the minute that ended
	Ruled *Ruled `json:"ruled"` // null unless the policy refused
	Type  string `json:"type"`
	// Types counts the refusals by type, where the refused people were not known: then the
	// entry names no worker and nothing that they sent.
	Types map[string]int64 `json:"types,omitempty"`
	What  string           `json:"what"`
	// Worker is the person who was refused. If a request is refused because its requester
	// may no longer make it, Worker is the person who wanted to sign it.
	Worker workforce.WorkerID `json:"worker"`
	// Program is the program that was refused; then no worker is named.
	Program string `json:"program,omitzero"`
}

// Ruled holds the facts of a refusal by policy.
type Ruled struct {
	Act              Act                `json:"act"`
	At               canonical.Time     `json:"at"`          // the instant for which the worker's standing was read
	Countersign      bool               `json:"countersign"` // the ruling was on a countersignature or a decline, and not on a request
	GovernanceNumber int64              `json:"governance_number"`
	Request          string             `json:"request"`
	Worker           workforce.WorkerID `json:"worker"`
}

// Warrant is the data of an entry of kind warrant: the parts of a warrant that are never
// erased.
type Warrant struct {
	Countersigners   []workforce.WorkerID `json:"countersigners"`
	Direction        actions.Direction    `json:"direction"`
	Executor         string               `json:"executor"`
	GovernanceNumber int64                `json:"governance_number"` // the number of the chain's entries that the ruling had seen
	Kind             actions.Kind         `json:"kind"`
	Policy           canonical.Digest     `json:"policy"`
	Request          string               `json:"request"`
	Requester        workforce.WorkerID   `json:"requester"`
	Tier             actions.Tier         `json:"tier"`
	Warrant          canonical.Digest     `json:"warrant"`
}

// TakenRefused is the data of entries of kind taken-refused: a change that the executor
// took directly is not entered in the chain, and why.
type TakenRefused struct {
	Request string             `json:"request"`
	Kind    actions.Kind       `json:"kind"`
	Worker  workforce.WorkerID `json:"worker"`
	Type    string             `json:"type"`
}

// Token is the data of entries of kind token and token-revoked. The entry of kind token
// also seals the signed ask, which holds the token's name in its signer's words.
type Token struct {
	Token  string             `json:"token"`
	Worker workforce.WorkerID `json:"worker"`
	Key    workforce.KeyID    `json:"key"`
	By     workforce.WorkerID `json:"by,omitzero"` // the worker who revoked it; older entries do not say
}

// ProgramToken is the data of entries of kind program-token: a program signed in. The entry
// also seals the signed ask.
type ProgramToken struct {
	Token   string          `json:"token"`
	Program string          `json:"program"`
	Key     workforce.KeyID `json:"key"`
}

// OwnAccounts is the data of entries of kind own-accounts. The deed commits to the accounts,
// and nothing that opens it is kept: that is the worker's.
type OwnAccounts struct {
	Accounts int64              `json:"accounts"` // how many it names
	Deed     actions.SignedDeed `json:"deed"`
	Worker   workforce.WorkerID `json:"worker"`
}

// Alarm is the data of an entry of kind alarm. The fields that name the subject are
// sealed beside it.
type Alarm struct {
	Alarm    string       `json:"alarm"`
	Kind     string       `json:"kind"`     // the cause: a type of package alarm
	Severity string       `json:"severity"` // page or note
	Text     string       `json:"text"`
	Incident string       `json:"incident"` // this and the next members may be empty
	Request  string       `json:"request"`
	Platform string       `json:"platform"`
	Tier     actions.Tier `json:"tier"`
}

// Text is the data of an entry of kind text: a worker put a text of a part of the desk there.
// It is not in force until a change that several people sign names its digest.
type Text struct {
	Digest canonical.Digest   `json:"digest"`
	Part   string             `json:"part"` // "rules", "queues" or "hashes"
	Size   int64              `json:"size"`
	Worker workforce.WorkerID `json:"worker"`
}

// ExposureRead is the data of entries of kind exposure-read: a person read exposure about
// critical subjects. The subject is sealed beside it.
type ExposureRead struct {
	Worker workforce.WorkerID `json:"worker"`
	What   string             `json:"what"` // "exposure", "exposure-table", "worker-exposure"
	Kind   actions.Kind       `json:"kind"` // empty: all
	Tier   actions.Tier       `json:"tier"`
	At     canonical.Time     `json:"at"` // the instant that the exposure was of
}

// ExposureCheck is the data of entries of kind exposure-check. The findings and figures
// are sealed: they are exposure, and reading them is ruled like it.
type ExposureCheck struct {
	Governance int64 `json:"governance"`
	Findings   int   `json:"findings"`
	// Indispensable are the people without whom the desk could not go on.
	Indispensable []workforce.WorkerID `json:"indispensable,omitempty"`
}

// Referral is the data of entries of kind referral: a case of child safety or of a threat to
// life was referred to somebody outside. The order, with the reference at the other side, is
// sealed beside it.
type Referral struct {
	Case     string             `json:"case"`
	Deed     actions.SignedDeed `json:"deed"`
	Referral string             `json:"referral"` // the identifier in the rule set
	Rules    canonical.Digest   `json:"rules"`    // of that rule set
	Until    canonical.Time     `json:"until"`    // until which the platform preserves
	Worker   workforce.WorkerID `json:"worker"`
}

// CaseJoined is the data of entries of kind case-joined: a case was about to be open again,
// since its decision was taken back or a measure of it failed, and a later report had opened
// another case of the same subject. The desk merged that one into it. Merges that people make
// are documents.
type CaseJoined struct {
	Case string `json:"case"`
	Into string `json:"into"`
}

// CaseRead is the data of entries of kind case-read: a worker got to see a case whose subject
// is protected or critical, or private data of somebody in it. The subject is sealed beside it,
// and with a reveal the reason. Of reads there is one entry for each worker, case and hour; each
// claim and each reveal has its own.
type CaseRead struct {
	Case   string             `json:"case"`
	How    string             `json:"how"`             // claim, read, evidence, picture, now, referral, audit or reveal
	Report string             `json:"report,omitzero"` // whose reporter was revealed
	Tier   actions.Tier       `json:"tier"`            // that was read last
	Worker workforce.WorkerID `json:"worker"`
}

// Invitation is the data of entries of kind invitation: somebody invited people.
type Invitation struct {
	By      workforce.WorkerID `json:"by"`
	Expires canonical.Time     `json:"expires"`
	Invited []Invited          `json:"invited"`
}

// Invited is one of the people who were invited, and the name of the invitation. Secret is the digest
// of the link's secret, so that nobody puts the digest of another link in its place later.
type Invited struct {
	Invitation string             `json:"invitation"`
	Secret     canonical.Digest   `json:"secret"`
	Worker     workforce.WorkerID `json:"worker"`
}

// InvitationAnswer is the data of entries of kind invitation-answered. Answer is the digest of all
// that the browser handed in, so that nobody puts another answer in its place later.
type InvitationAnswer struct {
	Answer     canonical.Digest   `json:"answer"`
	Invitation string             `json:"invitation"`
	Key        workforce.KeyID    `json:"key"`
	Worker     workforce.WorkerID `json:"worker"`
}

// InvitationEnd is the data of entries of kind invitation-withdrawn.
type InvitationEnd struct {
	By         workforce.WorkerID `json:"by"`
	Invitation string             `json:"invitation"`
	Worker     workforce.WorkerID `json:"worker"`
}
