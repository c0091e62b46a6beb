// Package policy rules: given the facts about a worker, an act and its subject, it says
// forbidden, permitted, or held until others sign, and gives the reasons. Policies are
// Cedar text; this is the only package that knows Cedar.
//
// It is pure and trusts its caller for the facts. It promises that a ruling is a function
// of the set and the facts alone; that a fact it does not know, or a policy that errs,
// forbids; that more signatures can only help, since they discharge holds and no policy
// reads them; and that no set loads under which a change of the desk needs fewer people
// than a takedown of a critical account.
//
// The document doc/policy.md tells authors what they may write.
package policy

import (
	"countersign.dev/actions"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// Facts are all facts that a ruling reads. Facts about time are booleans already.
type Facts struct {
	Worker    Worker // the person whom the ruling is about: the requester, or a countersigner
	Kind      actions.Kind
	Direction actions.Direction
	Effect    actions.Effect
	Verb      platform.Verb // empty for kinds of the desk
	Subject   Subject
	Category  actions.Category
	Lifts     Lift
	Founding  bool // the founding import
	// CaseGiven is the desk's word. Policies see it for standard subjects only.
	CaseGiven bool
}

// Worker holds the facts about a worker that a ruling reads.
type Worker struct {
	ID       workforce.WorkerID
	Vendor   workforce.VendorID
	Employee bool
	Roles    []workforce.Role
	Engaged  bool
	InNotice bool
	Ratchet  bool
	Newcomer bool
}

// WorkerOf returns the facts of a standing that a ruling reads. A person who is not known
// is not engaged.
func WorkerOf(s workforce.Standing) Worker {
	return Worker{ID: s.Worker, Vendor: s.Vendor, Employee: s.Employee, Roles: s.Roles, Engaged: s.Engaged && s.Known,
		InNotice: s.InNotice, Ratchet: s.Ratchet, Newcomer: s.Newcomer}
}

// Subject holds the facts about a subject that a ruling reads. A ruling never reads which
// subject it is.
type Subject struct {
	Platform string
	Sort     platform.Sort // Desk for kinds of the desk
	Part     string        // for kinds of the desk
	Tier     actions.Tier  // a change of the desk is ruled as critical, whatever the tier is
}

// Desk is the sort of the subject of a change of the desk.
const Desk platform.Sort = "desk"

// Lift says whose measure an account.restore or content.restore lifts.
type Lift = actions.Lifts

// The lifts, as actions.LiftsOf finds them.
const (
	LiftOwn     = actions.LiftsOwn
	LiftOurs    = actions.LiftsOurs
	LiftOlder   = actions.LiftsOlder
	LiftForeign = actions.LiftsForeign
	LiftBreach  = actions.LiftsBreach
)

// Verdict is the answer of a ruling. The zero value is no verdict and must be read as
// Forbidden.
type Verdict string

// The verdicts.
const (
	Forbidden Verdict = "forbidden"
	Permitted Verdict = "permitted"
	Held      Verdict = "held"
)

// Reason is a policy that decided, in words for the worker.
type Reason struct {
	Policy string `json:"policy"` // its @id; identifiers with a dot are laws that no set can change
	Text   string `json:"text"`   // its @reason
}

// Ruling is policy's answer. Reasons are sorted by policy: for forbidden those
// that forbid, for held those that hold, for permitted those that permit.
type Ruling struct {
	Verdict Verdict      `json:"verdict"`
	Need    actions.Need `json:"need"` // only if held
	Reasons []Reason     `json:"reasons"`
}

// Laws: reasons that come from code and not from a policy.
const (
	LawFacts       = "law.facts"              // a fact is missing, unknown, or contradicts the catalogue
	LawNothing     = "law.nothing-permits"    // no policy permits it
	LawError       = "law.policy-error"       // a policy could not be evaluated
	LawFounding    = "law.founding-import"    // the founding import is signed by all officers
	LawUnread      = "law.unread-fact"        // a fact that was promised could not be read
	LawPlatform    = "law.unruled-platform"   // no rules about tiers for this platform
	LawOwner       = "law.owner-not-read"     // the owner of content could not be read
	LawEmergency   = "law.emergency-critical" // an emergency act on a critical subject takes two people
	LawCategory    = "law.category"           // legal and child safety take two people
	LawEngaged     = "law.not-engaged"        // a person who is not engaged reads nothing
	LawOwnSessions = "law.own-sessions"       // everybody may end their own sessions
	LawStands      = "law.tier-stands"        // rules once raised the subject, and no fall was signed since
)
