package cases

import (
	"slices"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// Prefixes of identifiers.
const (
	CasePrefix     = "cas"
	ReportPrefix   = "rep"
	DecisionPrefix = "dec"
)

// State is the state of a case (casework, section 5).
type State string

// The states. All but the last three are open: a new report of the subject joins the case.
const (
	Waiting   State = "waiting"   // for the next person
	Claimed   State = "claimed"   // one person works on it
	Held      State = "held"      // a measure of it waits for signatures
	Asked     State = "asked"     // somebody who knows the language, or a specialist, was asked
	Snoozed   State = "snoozed"   // until a time
	Escalated State = "escalated" // to a lead
	Decided   State = "decided"   // its measures are being carried out
	Closed    State = "closed"
	Merged    State = "merged" // into another case
)

// OpenStates are the states in which a case takes new reports.
var OpenStates = []State{Waiting, Claimed, Held, Asked, Snoozed, Escalated}

// Open reports whether a case in the state takes new reports.
func (s State) Open() bool { return slices.Contains(OpenStates, s) }

// Takeable reports whether somebody may claim a case in the state.
func (s State) Takeable() bool { return s == Waiting || s == Asked || s == Escalated }

// Case is everything about one subject that is to be judged together.
type Case struct {
	ID      string
	Version int64 // grows with each change of the case, its reports included
	State   State
	Sort    Sort
	Subject platform.Subject
	Of      platform.Sort // account or content
	Owner   string        // identifier of the account that the subject is, or that owns it; empty: unknown

	Reasons   []Reason // for which it was reported, sorted
	Sources   []string // classes of its reports, sorted
	Severity  Severity // the highest of its reasons'
	Language  string
	Reports   int64 // in it now
	Reporters int64 // distinct ones

	Queue    string
	QueueSet canonical.Digest // that placed it
	Due      canonical.Time   // by the promise of its queue

	Opened  canonical.Time
	Updated canonical.Time
	By      workforce.WorkerID // who opened it as an own finding; empty: a report did

	Claim  int64              // the number of the newest claim; 0: there was none
	Holder workforce.WorkerID // of the live claim; empty: nobody holds it
	Until  canonical.Time     // end of the live claim, or of a snooze

	// Turn is the worker to whom it comes back, and TurnWhy the reason.
	Turn    workforce.WorkerID
	TurnWhy string

	Skips    int64 // by different people
	Question string
	Into     string // the case that it was merged into
	Escalate string // the role or language that was asked
}

// Facts returns what a queue's filter may speak of.
func (c Case) Facts() Facts {
	return Facts{Platform: c.Subject.Platform, Sort: c.Sort, Subject: c.Of, Reasons: c.Reasons, Severity: c.Severity, Language: c.Language, Sources: c.Sources}
}

// Grave reports whether the case is of the highest severity.
func (c Case) Grave() bool { return c.Severity == Highest }

// With returns the case with one more report of a reason, of a source. newReporter says that
// nobody counted before sent it.
func (c Case) With(r Reason, sev Severity, from string, language string, newReporter bool) Case {
	c.Reports++
	if newReporter {
		c.Reporters++
	}
	c.Reasons = include(c.Reasons, r)
	c.Sources = include(c.Sources, from)
	if sev.Rank() > c.Severity.Rank() {
		c.Severity = sev
	}
	if c.Language == "" || c.Language == Undetermined && language != "" {
		c.Language = language
	}
	if c.Language == "" {
		c.Language = Undetermined
	}
	return c
}

func include[T ~string](all []T, one T) []T {
	at, found := slices.BinarySearch(all, one)
	if found {
		return all
	}
	return slices.Insert(slices.Clone(all), at, one)
}

// SameFacts reports whether two states of a case say the same to whoever judges it.
func (c Case) SameFacts(o Case) bool {
	return slices.Equal(c.Reasons, o.Reasons) && slices.Equal(c.Sources, o.Sources) && c.Severity == o.Severity && c.Language == o.Language && c.Of == o.Of && c.Owner == o.Owner
}

// Placed returns the case in the queue that the set gives it. A case keeps its queue and due
// time if both are as before.
func (c Case) Placed(set *QueueSet, digest canonical.Digest) Case {
	q, _ := set.Place(c.Facts())
	c.Queue, c.QueueSet, c.Due = q.Name, digest, q.Due(c.Opened, c.Severity)
	return c
}

// Moved is the refusal of a write that names another version than the case has.
func (c Case) Moved(seen int64) error {
	if c.Version == seen {
		return nil
	}
	return fault.New(fault.Conflict, "case-moved", "The case %s is at version %d; you saw version %d. Look at what is new, and decide again.", c.ID, c.Version, seen)
}

// Closed reports the refusal of work on a case that takes none.
func (c Case) mayWork() error {
	switch c.State {
	case Merged:
		return fault.New(fault.Conflict, "case-merged", "The case %s was merged into %s.", c.ID, c.Into)
	case Closed, Decided:
		return fault.New(fault.Conflict, "case-closed", "The case %s is decided.", c.ID)
	}
	return nil
}

// HeldBy refuses a write on a claim that is not the caller's live one. who names the holder
// for the caller: the person, or the vendor's name across vendors.
func (c Case) HeldBy(w workforce.WorkerID, number int64, now time.Time, who func(workforce.WorkerID) string) error {
	if err := c.mayWork(); err != nil {
		return err
	}
	switch {
	case c.State == Claimed && c.Holder == w && c.Claim == number && now.Before(c.Until.Time):
		return nil
	case c.State == Claimed && c.Holder != w && now.Before(c.Until.Time):
		return fault.New(fault.Conflict, "claim-ended", "Your claim %d of the case %s is over. %s holds it now, under claim %d. What you wrote is kept as your draft.", number, c.ID, who(c.Holder), c.Claim)
	case c.Holder == w && c.Claim == number:
		return fault.New(fault.Conflict, "claim-ended", "Your claim %d of the case %s ended at %s. What you wrote is kept as your draft; claim the case again.", number, c.ID, c.Until)
	}
	return fault.New(fault.Conflict, "claim-ended", "Your claim %d of the case %s is over: the case is %s. What you wrote is kept as your draft.", number, c.ID, c.State)
}

// Claim is a lease on a case.
type Claim struct {
	Case     string
	Number   int64
	Worker   workforce.WorkerID
	Vendor   workforce.VendorID
	Token    string // that was shown
	Started  canonical.Time
	Shown    canonical.Time // when the case was first on the screen; zero: not yet
	Until    canonical.Time
	Active   int64 // seconds of activity
	Ended    canonical.Time
	Why      string           // it ended: decided, released, lease-over, moved, …
	Document canonical.Digest // of what it showed
	Asked    bool             // claimed by its identifier
}

// MaxClaims is the largest number of live claims of one person.
const MaxClaims = 3

// Take returns the case claimed by a worker for a time. The case is takeable, or its lease is
// over.
func (c Case) Take(w workforce.WorkerID, now canonical.Time, lease time.Duration) (Case, error) {
	if err := c.mayWork(); err != nil {
		return c, err
	}
	free := c.State.Takeable() || c.State == Claimed && !now.Before(c.Until.Time) || c.State == Snoozed && !now.Before(c.Until.Time)
	if !free {
		return c, fault.New(fault.Conflict, "case-taken", "The case %s is %s; nobody can claim it now.", c.ID, c.State)
	}
	c.Version++
	c.State, c.Claim, c.Holder, c.Until = Claimed, c.Claim+1, w, canonical.At(now.Add(lease))
	c.Turn, c.TurnWhy = "", ""
	c.Updated = now
	return c, nil
}

// To returns the case in another state, held by nobody.
func (c Case) To(s State, now canonical.Time) Case {
	c.Version++
	c.State, c.Holder, c.Until, c.Updated = s, "", canonical.Time{}, now
	return c
}

// Grave reports whether the queue promises something for the highest severity alone: it takes
// no case of a lower one.
func (q *Queue) Grave() bool {
	return len(q.Where.Severity) > 0 && !slices.ContainsFunc(q.Where.Severity, func(s Severity) bool { return s != Highest })
}

// ProtectsChildren reports whether the rule protects minors, so that several people lift what
// was done under it.
func (r *Rule) ProtectsChildren() bool {
	return r.Category == "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"
}
