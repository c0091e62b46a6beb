package actions

import (
	"cmp"
	"slices"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// Status is the stage of a request.
type Status string

// The statuses. Held and Approved are open; all others are final, save that an
// executed measure may become Reversed, or Lifted when its time has come.
const (
	StatusHeld      Status = "held"      // needs countersignatures, or a wait
	StatusApproved  Status = "approved"  // its warrant is in the ledger; the executor has it
	StatusExecuted  Status = "executed"  // in force on the platform, or applied to the desk
	StatusVoid      Status = "void"      // the executor's own check refused it
	StatusFailed    Status = "failed"    // the platform refused it, or the subject was in another state
	StatusUnknown   Status = "unknown"   // it may have taken effect; a person decides
	StatusDeclined  Status = "declined"  // somebody independent refused it
	StatusFrozen    Status = "frozen"    // somebody refused it and raised an alarm
	StatusWithdrawn Status = "withdrawn" // the requester withdrew it
	StatusExpired   Status = "expired"   // nobody countersigned in time
	StatusReversed  Status = "reversed"  // was executed, and an undo lifted it
	StatusLifted    Status = "lifted"    // was executed for a time, and the time is over
)

// Statuses lists every status.
var Statuses = []Status{StatusHeld, StatusApproved, StatusExecuted, StatusVoid, StatusFailed, StatusUnknown,
	StatusDeclined, StatusFrozen, StatusWithdrawn, StatusExpired, StatusReversed, StatusLifted}

// Word is the status in the words that people read and may write.
func (s Status) Word() string {
	if s == StatusExecuted {
		return "done"
	}
	return string(s)
}

// Request is an action on its way, from the requester's signature to its end.
type Request struct {
	ID       string
	Version  int64 // counts changes; a change names the version that it saw
	Status   Status
	Action   Action
	Signed   Signed   // the requester's statement
	Signers  []Signed // countersignatures, by signer
	Declined []Refusal
	Need     Need
	Missing  string // the missing signatures, in words
	Created  canonical.Time
	Updated  canonical.Time
	// Outcome and OutcomeText are the final answer of the executor, or of the desk: a stable type
	// and a text.
	Outcome     string
	OutcomeText string
	Executed    canonical.Time
	ReversedBy  string // the request that lifted it
	// ReplacedBy is the newest request whose measure took the place of this one's. It is
	// looked up for each reader of an executed request, and stored nowhere.
	ReplacedBy string
	// LiftedBy is the request that lifted the measure of this one, or the newest in its place,
	// and is no undo of it. It is looked up as ReplacedBy is.
	LiftedBy string
	// Session is the session under which the requester signed; nil without one. It is looked
	// up for a reader of the one request, and stored elsewhere.
	Session *Session
	// Lapsed says why no signature can make a held request ready any more; nil if some can. It
	// is looked up for a reader of the one request, and stored nowhere.
	Lapsed *Lapse
	// Taken says how a withdrawn request was withdrawn. It is looked up in the ledger for a
	// reader of the one request; nil if it was not withdrawn.
	Taken *Taking
}

// Refusal is one person's refusal of a request.
type Refusal struct {
	Signed Signed
	Alarm  bool
	Reason string
	// At is when the ledger got it. It is looked up for a reader of the one request.
	At canonical.Time `json:"-"`
}

// Lapse says why the requester's own signature on a held request holds no more.
type Lapse struct {
	Type string // that of the refusal, such as session-void
	Text string // a clause for a person
}

// Gone reports whether the requester is no longer at the desk, and cannot ask again.
func (l Lapse) Gone() bool { return l.Type == "engagement-ended" }

// Taking is how a requester took a request back.
type Taking struct {
	At      canonical.Time // when the ledger got it
	Signed  Signed         // zero in entries from before withdrawals were signed
	Session *Session       // under which it was signed; nil without one
}

// Requester returns the worker who made the request.
func (r Request) Requester() workforce.WorkerID { return r.Signed.Statement.Signer }

// Expires returns when the request ends by itself.
func (r Request) Expires() canonical.Time { return r.Signed.Statement.Expires }

// Open reports whether signatures may still be added.
func (r Request) Open() bool { return r.Status == StatusHeld }

func (r Request) closed(now time.Time) error {
	if r.Status == StatusHeld && !now.Before(r.Expires().Time) {
		return fault.New(fault.Expired, "expired", "The request expired at %s; ask again.", r.Expires())
	}
	if !r.Open() {
		return fault.New(fault.Conflict, "not-open", "The request is %s; it takes no more signatures.", r.Status.Word())
	}
	return nil
}

// Countersign adds a signature that was verified.
func (r Request) Countersign(s Signed, now canonical.Time) (Request, error) {
	if err := r.closed(now.Time); err != nil {
		return r, err
	}
	for _, have := range r.Signers {
		if have.Statement.Signer == s.Statement.Signer {
			return r, fault.New(fault.Conflict, "already-signed", "%s has countersigned this request already.", s.Statement.Signer)
		}
	}
	r.Signers = append(slices.Clone(r.Signers), s)
	slices.SortFunc(r.Signers, func(a, b Signed) int { return cmp.Compare(a.Statement.Signer, b.Statement.Signer) })
	return r.touch(now), nil
}

// Withholds reports whether a decline of an action only withholds the signer's own yes:
// one person alone stops neither a relieving act nor a thaw.
func Withholds(a Action) bool {
	if a.Direction == Relieving {
		return true
	}
	ch, err := ParseChange(a.Kind, a.Change)
	f, ok := ch.(Freeze)
	return err == nil && ok && f.Thaws()
}

// Decline adds one person's refusal. It takes the slot that their yes would have filled,
// and so ends the request, which needs every slot; with an alarm the request is frozen.
// If the refusal only withholds (see Withholds), the request stays open.
func (r Request) Decline(n Refusal, now canonical.Time) (Request, error) {
	if err := r.closed(now.Time); err != nil {
		return r, err
	}
	if Withholds(r.Action) {
		who := n.Signed.Statement.Signer
		said := func(s Signed) bool { return s.Statement.Signer == who }
		switch {
		case slices.ContainsFunc(r.Signers, said):
			return r, fault.New(fault.Conflict, "already-signed", "%s has countersigned this request already, and a yes to a relieving act cannot be taken back.", who)
		case slices.ContainsFunc(r.Declined, func(d Refusal) bool { return said(d.Signed) }):
			return r, fault.New(fault.Conflict, "already-declined", "%s has declined this request already; others may still countersign it.", who)
		}
		r.Declined = append(slices.Clone(r.Declined), n)
		return r.touch(now), nil
	}
	r.Declined = append(slices.Clone(r.Declined), n)
	r.Status, r.Outcome, r.OutcomeText = StatusDeclined, "declined", "Declined by "+string(n.Signed.Statement.Signer)+"."
	if n.Alarm {
		r.Status, r.Outcome, r.OutcomeText = StatusFrozen, "alarm", "Declined by "+string(n.Signed.Statement.Signer)+", who raised an alarm."
	}
	return r.touch(now), nil
}

// Withdraw takes the request back.
func (r Request) Withdraw(by workforce.WorkerID, now canonical.Time) (Request, error) {
	if by != r.Requester() {
		return r, fault.New(fault.Forbidden, "not-requester", "Only %s, who requested it, may withdraw it; others decline.", r.Requester())
	}
	if err := r.closed(now.Time); err != nil {
		return r, err
	}
	r.Status, r.Outcome, r.OutcomeText = StatusWithdrawn, "withdrawn", "Withdrawn by the requester."
	return r.touch(now), nil
}

// Expire ends a held request whose time is over.
func (r Request) Expire(now canonical.Time) (Request, error) {
	if !r.Open() {
		return r, fault.New(fault.Conflict, "not-open", "The request is %s.", r.Status.Word())
	}
	if now.Before(r.Expires().Time) {
		return r, fault.New(fault.Conflict, "not-expired", "The request has not expired.")
	}
	r.Status, r.Outcome, r.OutcomeText = StatusExpired, "expired", "Nobody countersigned it in time."
	return r.touch(now), nil
}

// OtherFormats is the outcome of a request that a change of the formats ended.
const OtherFormats = "other-formats"

// Outdate ends a held request whose formats the desk signs in no longer.
func (r Request) Outdate(now canonical.Time) (Request, error) {
	if !r.Open() {
		return r, fault.New(fault.Conflict, "not-open", "The request is %s.", r.Status.Word())
	}
	r.Status, r.Outcome, r.OutcomeText = StatusVoid, OtherFormats, "The desk changed the formats in which it signs. Ask again."
	return r.touch(now), nil
}

// Waited notes that the wait of a held request is over.
func (r Request) Waited(now canonical.Time) (Request, error) {
	if err := r.closed(now.Time); err != nil {
		return r, err
	}
	return r.touch(now), nil
}

// Approve notes that all slots are filled. It is part of the change that filled the last
// slot, or that made the request, and does not count as a version of its own.
func (r Request) Approve() Request {
	r.Status, r.Missing = StatusApproved, ""
	return r
}

// Apply notes that a change of the desk is applied, as part of the change that
// filled the last slot.
func (r Request) Apply(now canonical.Time) Request {
	r = r.Approve()
	r.Status, r.Outcome, r.OutcomeText, r.Executed = StatusExecuted, "applied", "Applied to the desk.", now
	return r
}

// Settle notes the outcome that the executor, or the desk for its own changes, reports.
// Only an approved request settles, save that a request with an unknown outcome may still
// turn out either way.
func (r Request) Settle(status Status, outcome, text string, now canonical.Time) (Request, error) {
	if r.Status != StatusApproved && r.Status != StatusUnknown {
		return r, fault.New(fault.Conflict, "not-approved", "The request is %s; it can have no outcome any more.", r.Status.Word())
	}
	r.Status, r.Outcome, r.OutcomeText = status, outcome, text
	if status == StatusExecuted {
		r.Executed = now
	}
	return r.touch(now), nil
}

// Reverse notes that the measure was lifted, by an undo or at the end of its time.
func (r Request) Reverse(status Status, by string, now canonical.Time) (Request, error) {
	if r.Status != StatusExecuted {
		return r, fault.New(fault.Conflict, "not-in-force", "The measure is %s; there is nothing to lift.", r.Status)
	}
	r.Status, r.ReversedBy = status, by
	return r.touch(now), nil
}

func (r Request) touch(now canonical.Time) Request {
	r.Version++
	r.Updated = now
	return r
}
