package cases

import (
	"slices"
	"time"

	"countersign.dev/actions"
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

	// LanguageTold says that a worker said what the language is: nothing that is read changes
	// it any more.
	LanguageTold bool

	// MovedAt is the severity that the case had when a lead moved it to its queue. It stays in
	// that queue until it is more severe, or is decided; empty: nobody moved it.
	MovedAt Severity

	// What queues choose and order by besides what was reported, as it was known when the case was
	// placed.
	Tier   actions.Tier   // of its subject or owner, the higher one; empty: not read yet
	Reach  int64          // followers of the owner, or views where the platform promises them; 0: not known
	Born   canonical.Time // since when the subject is there; zero: not known
	Likely int64          // thousandths: how likely it violates, by the records of its reporters; 0: not known
	Score  int64          // thousandths: the highest score that a program gave; 0: none did

	Started  canonical.Time // when its promise began: when it was opened, or opened again
	Factor   int64          // thousandths: the part of the promise after which it is due; 0: all of it
	Ordering int64          // the number of the lead's order of its queue that placed it; 0: none

	Anew      int64 // distinct reporters since it was decided
	AnewLimit int64 // how many of these open it again; 0: the usual number

	// Look is the identifier of the second look, or of the calibration, for which this case is a copy
	// of a decided one; empty: it is a case of its own.
	Look string

	// Media is when the clock of its media is due; zero: it does not run, or nobody has read it.
	// It stands in a row of its own.
	Media canonical.Time
}

// Facts returns what a queue's filter may speak of.
func (c Case) Facts() Facts {
	return Facts{Platform: c.Subject.Platform, Sort: c.Sort, Subject: c.Of, Reasons: c.Reasons, Severity: c.Severity, Language: c.Language, Sources: c.Sources,
		Tier: c.Tier, Reach: unknown(c.Reach), Age: c.Age(), Reporters: c.Reporters, Likely: percent(c.Likely), Score: percent(c.Score)}
}

// percent is a number in thousandths as a filter compares it.
func percent(thousandths int64) int64 {
	if thousandths <= 0 {
		return -1
	}
	return (thousandths + 5) / 10
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
	if c.Language == "" || c.Language == Undetermined && language != "" && !c.LanguageTold {
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

// Placed returns the case in the queue that the set gives it, or to which a lead moved it. A
// case keeps its queue and due time if both are as before.
func (c Case) Placed(set *QueueSet, digest canonical.Digest) Case {
	q, _ := set.Place(c.Facts())
	due := q.Due(c)
	if chosen, ok := c.chosen(set); ok {
		if q, due = chosen, chosen.Due(c); c.Due.Before(due.Time) {
			due = c.Due
		}
	} else {
		c.MovedAt = ""
	}
	return c.in(q, digest, due)
}

// in returns the case in a queue of a set.
func (c Case) in(q *Queue, digest canonical.Digest, due canonical.Time) Case {
	c.Queue, c.QueueSet, c.Due, c.Factor, c.Ordering = q.Name, digest, due, q.Factor(c), q.ahead.Number
	return c
}

// chosen returns the queue to which a lead moved the case, while that holds: there is one of the
// name in the set, and the case is no more severe than it was then.
func (c Case) chosen(set *QueueSet) (*Queue, bool) {
	if c.MovedAt == "" || c.Severity.Rank() > c.MovedAt.Rank() {
		return nil, false
	}
	q, _, ok := set.Queue(c.Queue)
	return q, ok && (!c.Grave() || q.TakesHighest())
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
	Reserved int64            // leases on a following case that were given beside it
}

// MaxClaims is the largest number of live claims of one person.
const MaxClaims = 3

// A reservation of the following case runs for ReserveLife, is renewed at most MaxRenewals times, and
// is never of a case that is due within Soon. Whoever reserved a case does not reserve it again
// within ReserveAgain.
const (
	ReserveLife  = time.Minute
	MaxRenewals  = 2
	Soon         = 15 * time.Minute
	ReserveAgain = 24 * time.Hour
)

// Urgent reports whether a case waits for nobody in particular: it is of the highest severity, or
// due soon.
func (c Case) Urgent(now canonical.Time) bool {
	return c.Grave() || !c.Due.After(now.Add(Soon))
}

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
	if !s.Open() { // if it ever waits again, it waits where its facts put it
		c.MovedAt = ""
	}
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

// MaxSnooze is the longest time for which a case sleeps, and AskLife how long an asked case
// waits for an answer before it goes back to its queue.
const (
	MaxSnooze = 30 * 24 * time.Hour
	AskLife   = 24 * time.Hour
)

// MediaTime is the time in which a specialist says what becomes of the media of a case, from its
// first reason of child safety on.
const MediaTime = time.Hour

// SkipsToLead is the number of people who skip a case before it goes to a lead.
const SkipsToLead = 3

// Snooze returns the case asleep until a time. A case of the highest severity does not sleep
// past its promise.
func (c Case) Snooze(until, now canonical.Time) (Case, error) {
	switch {
	case !until.After(now.Time):
		return c, fault.New(fault.Invalid, "bad-deed", "A case sleeps until a time that is still to come; %s is over.", until)
	case until.After(now.Add(MaxSnooze)):
		return c, fault.New(fault.Invalid, "bad-deed", "A case sleeps for 30 days at most: until %s.", canonical.At(now.Add(MaxSnooze)))
	case c.Grave() && until.After(c.Due.Time):
		return c, fault.New(fault.Forbidden, "grave-case", "The case %s is of the highest severity, and is never put off past its promise: until %s at most.", c.ID, c.Due)
	}
	c = c.To(Snoozed, now)
	c.Until = until
	return c, nil
}

// Ask returns the case with a question to somebody else, held by nobody.
func (c Case) Ask(o Order, now canonical.Time) Case {
	c = c.To(Asked, now)
	c.Until, c.Question, c.Escalate = canonical.At(now.Add(AskLife)), o.Note, string(o.Role)
	if o.Role == AskLanguage {
		c.Escalate += " " + o.Language
	}
	return c
}

// For reports whether a case that may be claimed is for somebody who took no part in it so far:
// one that was escalated is for leads, and one about which a specialist was asked for
// specialists.
func (c Case) For(lead, specialist bool) bool {
	switch c.State {
	case Escalated:
		return lead
	case Asked:
		return specialist || !c.AsksSpecialist()
	}
	return c.State == Waiting
}

// AsksSpecialist reports whether a specialist was asked about the case, and nobody has taken it
// since.
func (c Case) AsksSpecialist() bool { return c.State == Asked && c.Escalate == string(AskSpecialist) }

// ChildSafety reports whether somebody reported the case for a reason of child safety.
func (c Case) ChildSafety() bool { return slices.ContainsFunc(c.Reasons, Reason.ChildSafety) }

// ToLead returns the case with a question to a lead.
func (c Case) ToLead(question string, now canonical.Time) Case {
	c = c.To(Escalated, now)
	c.Question, c.Escalate = question, string(AskLead)
	return c
}

// Skip returns the case after somebody skipped it; first says that this person had not
// skipped it before.
func (c Case) Skip(first bool, now canonical.Time) Case {
	if first {
		c.Skips++
	}
	if first && c.Skips == SkipsToLead {
		return c.ToLead("Three people skipped the case.", now)
	}
	return c.To(Waiting, now)
}

// Younger refuses a merge into a younger case. Identifiers sort by the time at which they were
// made. So of two merges in both directions at once, one is refused.
func (c Case) Younger(older Case) error {
	if c.ID < older.ID {
		return fault.New(fault.Conflict, "merge-direction", "The case %s is older than %s. A younger case is merged into an older one: merge %[2]s into %[1]s.", c.ID, older.ID)
	}
	return nil
}

// Join returns both cases after a younger one was merged into an older one. fresh is how many
// of the younger one's reporters had not reported in the older one.
func (c Case) Join(older Case, fresh int64, now canonical.Time) (merged, joined Case, err error) {
	switch {
	case c.ID == older.ID:
		return c, older, fault.New(fault.Invalid, "bad-deed", "A case is not merged into itself.")
	case c.Subject.Platform != older.Subject.Platform || c.Sort != older.Sort:
		return c, older, fault.New(fault.Conflict, "cases-differ", "The cases %s and %s are of different platforms or sorts, so that nobody judges them together.", c.ID, older.ID)
	case (c.Grave() || older.Grave()) && c.Subject.ID != older.Subject.ID:
		return c, older, fault.New(fault.Forbidden, "grave-case", "A case of the highest severity is never merged across subjects. Decide %s and %s apart.", c.ID, older.ID)
	}
	for _, one := range []Case{c, older} {
		if err := one.mayWork(); err != nil {
			return c, older, err
		}
		if one.State == Held {
			return c, older, fault.New(fault.Conflict, "case-held", "A measure of the case %s waits for signatures. Merge once it is decided.", one.ID)
		}
	}
	joined = older
	joined.Reports += c.Reports
	joined.Reporters += fresh
	for _, r := range c.Reasons {
		joined.Reasons = include(joined.Reasons, r)
	}
	for _, s := range c.Sources {
		joined.Sources = include(joined.Sources, s)
	}
	if c.Severity.Rank() > joined.Severity.Rank() {
		joined.Severity = c.Severity
	}
	joined.Likely, joined.Score = max(joined.Likely, c.Likely), max(joined.Score, c.Score)
	if joined.Language == Undetermined {
		joined.Language, joined.LanguageTold = c.Language, c.LanguageTold
	}
	joined.Version++
	joined.Updated = now
	joined = joined.Woken()
	merged = c.To(Merged, now)
	merged.Into, merged.Reports, merged.Reporters = older.ID, 0, 0
	merged.Turn, merged.TurnWhy = "", ""
	return merged, joined, nil
}

// Woken returns the case awake if it slept: what is new wakes it.
func (c Case) Woken() Case {
	if c.State == Snoozed {
		c.State, c.Until = Waiting, canonical.Time{}
	}
	return c
}

// SameAccount reports whether two cases are known to be about one account, or about what one
// account published.
func (c Case) SameAccount(o Case) bool { return c.Owner != "" && c.Owner == o.Owner }

// Counted returns the case with what its reports say now, after some left it.
func (c Case) Counted(n Counts) Case {
	c.Reports, c.Reporters, c.Reasons, c.Sources = n.Reports, n.Reporters, n.Reasons, n.Sources
	c.Severity = n.Severity
	return c
}

// Worse returns the case with a severity, if that is higher than its own.
func (c Case) Worse(s Severity) Case {
	if s.Rank() > c.Severity.Rank() {
		c.Severity = s
	}
	return c
}

// Counts is what the reports of a case add up to.
type Counts struct {
	Reports   int64
	Reporters int64
	Reasons   []Reason // sorted
	Sources   []string // sorted
	Severity  Severity
}

// MoveTo returns the case waiting in another queue, which a lead chose. Its promise does not
// grow by that.
func (c Case) MoveTo(q *Queue, now canonical.Time) (Case, error) {
	if err := c.mayWork(); err != nil {
		return c, err
	}
	switch {
	case c.State == Held:
		return c, fault.New(fault.Conflict, "case-held", "A measure of the case %s waits for signatures. Move it once it is decided.", c.ID)
	case q.Name == c.Queue:
		return c, fault.New(fault.Conflict, "wrong-state", "The case %s is in the queue %s already.", c.ID, c.Queue)
	case c.Grave() && !q.TakesHighest():
		return c, fault.New(fault.Forbidden, "grave-case", "The case %s is of the highest severity, and the queue %s takes no such cases.", c.ID, q.Name)
	}
	due := q.Due(c)
	if c.Due.Before(due.Time) {
		due = c.Due
	}
	c = c.To(Waiting, now)
	c.Queue, c.Due, c.Turn, c.TurnWhy, c.MovedAt = q.Name, due, "", "", c.Severity
	return c, nil
}

// TakesHighest reports whether the filter of the queue lets cases of the highest severity in.
func (q *Queue) TakesHighest() bool {
	return len(q.Where.Severity) == 0 || slices.Contains(q.Where.Severity, Highest)
}

// Refers refuses the referral of a case that is about neither child safety nor a threat to
// life.
func (c Case) Refers() error {
	if c.Grave() || c.ChildSafety() {
		return nil
	}
	return fault.New(fault.Forbidden, "not-referred", "Only cases of child safety and of threats to life are referred to others. The case %s is of the severity %s.", c.ID, c.Severity)
}

// Lesser reports whether a verdict ends a case of the highest severity with less than is usual
// for it, so that a second person judges it: with no violation, with other measures than the
// usual ones, or under a rule that is less severe than what was reported.
func (c Case) Lesser(v actions.CaseVerdict, rule *Rule, departs bool) bool {
	return c.Grave() && (BuriesBy(v) || departs || rule == nil || rule.Severity != Highest)
}
