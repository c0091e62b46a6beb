package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// Wish is a worker's wish, before it is an action.
type Wish struct {
	Kind     actions.Kind     `json:"kind" maxLength:"64" doc:"of the catalogue, such as account.takedown"`
	Subject  string           `json:"subject,omitzero" maxLength:"600" doc:"PLATFORM:ID or PLATFORM:@HANDLE; empty for kinds of the desk"`
	Value    string           `json:"value,omitzero" maxLength:"64" doc:"of a label, for the kinds that set a label or take one away; the values that may be set stand in the chain with the platform"`
	Until    canonical.Time   `json:"until,omitzero" doc:"end of a timed measure; a limit may do without"`
	Case     string           `json:"case,omitzero" maxLength:"2000"`
	Reason   string           `json:"reason,omitzero" maxLength:"2000"`
	Category actions.Category `json:"category,omitzero" enum:",legal,child-safety"`
	Change   canonical.Raw    `json:"change,omitzero" doc:"for kinds of the desk: the change, with all its members"`
	Key      workforce.KeyID  `json:"key" maxLength:"64" doc:"the key that will sign"`
	Session  canonical.Digest `json:"session,omitzero" doc:"the session whose key will sign, of this key; left out: the key itself will"`
	// Records are for a forecast only; the binding ones come with the submission.
	Records []workforce.Record `json:"records,omitempty" doc:"for desk.admit: the workers, to say in the draft what becomes of coverage"`
}

// Draft is an action with the statement that the caller may sign. Nothing is
// stored: a draft that is not signed leaves no trace.
type Draft struct {
	Action    actions.Action    `json:"action"`
	Statement actions.Statement `json:"statement" doc:"sign SHA-256 over its v, a line feed and its canonical JSON"`
	Decision  *Decided          `json:"decision,omitempty" doc:"of an action with a case: the decision that lists it, with its statement to sign"`
	Ruling    Ruling            `json:"ruling" doc:"what the policy says now; nothing of it is signed"`
	Coverage  []CoverageChange  `json:"coverage,omitempty" doc:"of a change of policy or people: who could countersign before and after it, if you may read that"`
}

// Decided is the decision of a case, with the statement that signs it. In a draft the
// signature is empty.
type Decided struct {
	Decision actions.Decision `json:"decision"`
	Signed   actions.Signed   `json:"signed"`
	Reasons  ledger.Opening   `json:"reasons" doc:"opens what the decision commits to"`
}

// Ruling is policy's answer to an action.
type Ruling struct {
	Verdict policy.Verdict `json:"verdict" enum:"forbidden,permitted,held"`
	Need    actions.Need   `json:"need" doc:"only if held"`
	Reasons []proof.Reason `json:"reasons"`
}

// Submission is a signed action.
type Submission struct {
	Action   actions.Action `json:"action"`
	Signed   actions.Signed `json:"signed"`
	Decision *Decided       `json:"decision,omitempty" doc:"of an action with a case, both statements signed"`
	Rows     []Row          `json:"rows,omitempty" doc:"for desk.admit: the workers, in the order that was signed"`
}

// Sign signs a draft, and its decision if it has one. sign signs a challenge with the key
// that the statements name.
func (d Draft) Sign(sign func(challenge [32]byte) actions.Signature) Submission {
	s := Submission{Action: d.Action, Signed: actions.Signed{Statement: d.Statement, Signature: sign(d.Statement.Challenge())}}
	if d.Decision != nil {
		decided := *d.Decision
		decided.Signed.Signature = sign(decided.Signed.Statement.Challenge())
		s.Decision = &decided
	}
	return s
}

// Row is one worker of an import with the openings of the sealed fields.
type Row struct {
	Row      actions.Row      `json:"row"`
	Openings []ledger.Opening `json:"openings" maxItems:"16"`
}

// Rows are all rows of an import that waits for signatures, in the order of its root.
type Rows struct {
	Items []Row `json:"items" doc:"without openings for those who do not read names"`
}

// VerdictWish asks for a statement about somebody else's request, or, to withdraw
// it, about one's own.
type VerdictWish struct {
	Verdict actions.Verdict `json:"verdict" enum:"countersign,decline,withdraw"`
	Key     workforce.KeyID `json:"key" maxLength:"64"`
}

// UndoWish asks for the action that undoes an executed request.
type UndoWish struct {
	Reason  string           `json:"reason,omitzero" maxLength:"2000"`
	Key     workforce.KeyID  `json:"key" maxLength:"64"`
	Session canonical.Digest `json:"session,omitzero" doc:"as in a wish"`
}

// Countersignature is a signed yes.
type Countersignature struct {
	Signed actions.Signed `json:"signed"`
}

// Decline is a signed no.
type Decline struct {
	Signed actions.Signed `json:"signed"`
	Alarm  bool           `json:"alarm,omitzero" doc:"freezes the request"`
	Reason string         `json:"reason,omitzero" maxLength:"2000"`
	At     canonical.Time `json:"at,omitzero" doc:"when the ledger got it, where one request is read; the desk takes no notice of it in what is handed in"`
}

// Lapse says why a held request can never be carried out, whoever signs it.
type Lapse struct {
	Type string `json:"type" doc:"that of the refusal, such as session-void"`
	Text string `json:"text" doc:"a clause for a person"`
}

// Gone reports whether the requester is no longer at the desk, and cannot ask again.
func (l Lapse) Gone() bool { return actions.Lapse(l).Gone() }

// Taking is how a requester took a request back.
type Taking struct {
	At      canonical.Time   `json:"at" doc:"when the ledger got it"`
	Signed  actions.Signed   `json:"signed"`
	Session *actions.Session `json:"session,omitempty" doc:"under which it was signed"`
}

// Withdrawal takes a request back as it was at a version.
type Withdrawal struct {
	Version int64               `json:"version" minimum:"1" doc:"the version that you saw"`
	Signed  actions.Signed      `json:"signed,omitzero" doc:"formats 1: your statement over the request's action, with the verdict withdraw"`
	Deed    *actions.SaltedDeed `json:"deed,omitzero" doc:"formats 2: your signed deed request.withdraw, of the request in this version, with an empty text"`
}

// Request is an action on its way.
type Request struct {
	ID                string           `json:"id"`
	Version           int64            `json:"version" doc:"counts changes"`
	Status            actions.Status   `json:"status"`
	Outline           bool             `json:"outline,omitempty" doc:"another company asked for it and you may not sign it: only its status, version and times, and the kind, tier and platform of its action are told"`
	Requester         string           `json:"requester"`
	Action            actions.Action   `json:"action"`
	Layer             string           `json:"layer,omitempty" doc:"of an act on a platform: the layer of the subject that it changes, which is visibility, limit or label:VALUE; left out where it changes none"`
	Value             string           `json:"value,omitempty" doc:"of a label"`
	Signed            actions.Signed   `json:"signed"`
	Countersignatures []actions.Signed `json:"countersignatures"`
	Declined          []Decline        `json:"declined"`
	Need              actions.Need     `json:"need"`
	Missing           string           `json:"missing" doc:"what is still needed, for a person"`
	Created           canonical.Time   `json:"created"`
	Updated           canonical.Time   `json:"updated"`
	Expires           canonical.Time   `json:"expires"`
	Outcome           string           `json:"outcome" doc:"stable type of what came of it"`
	OutcomeText       string           `json:"outcome_text"`
	Executed          canonical.Time   `json:"executed"`
	ReversedBy        string           `json:"reversed_by" doc:"the request that lifted it"`
	ReplacedBy        string           `json:"replaced_by" doc:"of an executed one: the newest request whose measure took the place of this one's; its undo lifts both"`
	LiftedBy          string           `json:"lifted_by,omitempty" doc:"of an executed one: the request that lifted its measure, or the newest in its place, and is no undo of it, such as a content.unlabel; there is nothing left to undo"`
	Session           *actions.Session `json:"session,omitempty" doc:"the session under which the requester signed, where one request is read"`
	Lapsed            *Lapse           `json:"lapsed,omitempty" doc:"of a held one, where one request is read: why it can never be carried out, whoever signs it; its requester asks again"`
	Withdrawn         *Taking          `json:"withdrawn,omitempty" doc:"of a withdrawn one, where one request is read: when and with what it was withdrawn"`
}

// RequestFilter chooses requests, newest first.
type RequestFilter struct {
	Status    actions.Status
	Requester workforce.WorkerID
	Kind      actions.Kind
	Platform  string
	Subject   string // PLATFORM:ID
	Cursor    string
	Limit     int
}

// Signing is what a reader may know of a request as its possible signer.
type Signing struct {
	May     bool           `json:"may" doc:"a countersignature of yours could count now"`
	Why     string         `json:"why,omitempty" doc:"of an open request that you may not sign: why"`
	Signed  bool           `json:"signed" doc:"you have countersigned or declined it"`
	Asker   *Asker         `json:"asker,omitempty" doc:"who asks; for those who may sign it or have"`
	Slots   []Slot         `json:"slots" doc:"of an open request: the signatures that it needs"`
	Reasons []proof.Reason `json:"reasons" doc:"why it is held"`
}

// Asker is what possible signers learn of the person who asks.
type Asker struct {
	Worker   workforce.WorkerID `json:"worker"`
	Vendor   workforce.VendorID `json:"vendor" doc:"empty: an employee"`
	Since    canonical.Time     `json:"since"`
	Last     canonical.Time     `json:"last" doc:"empty: no last day is set"`
	InNotice bool               `json:"in_notice" doc:"notice was given, or these are the last days"`
	Differ   bool               `json:"differ" doc:"neither of you is in the other's chain of managers, and your managers differ"`
}

// Slot is one signature that a request needs. Who gave it is not said.
type Slot struct {
	By   actions.Qualifier `json:"by,omitempty" doc:"employee, or a role; left out: anybody who is independent"`
	Here bool              `json:"here"`
	Mine bool              `json:"mine" doc:"yours would fill it"`
	// Error is set in the row of a signature that counts no more.
	Error string `json:"error,omitempty" doc:"a signature that was given counts no more, and why; it fills no slot"`
}
