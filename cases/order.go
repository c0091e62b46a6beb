package cases

import (
	"cmp"
	"fmt"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// MaxNote is the largest length of a note or of a question, in bytes.
const MaxNote = 8 << 10

// MaxHandOver is the largest number of people whose cases one order hands over, and who get them.
const MaxHandOver = 100

// Role is whom a case is escalated to, or who is asked.
type Role string

// The roles.
const (
	AskLead       Role = "lead"
	AskSpecialist Role = "specialist"
	AskLanguage   Role = "language" // somebody who reads the language of the order
)

// Order is what a deed on a case says beside its kind: its canonical JSON is the deed's
// text, sealed, so that the signature covers all of it.
type Order struct {
	Factor    int64                `json:"factor,omitzero"`    // reorder: thousandths, LeastFactor to WholeFactor
	From      []workforce.WorkerID `json:"from,omitzero"`      // hand-over: whose cases, sorted
	Into      string               `json:"into,omitzero"`      // merge: the older case that takes the reports
	Language  string               `json:"language,omitzero"`  // of the content: to correct, or to ask for
	Note      string               `json:"note,omitzero"`      // a note, a question, a reason
	Public    bool                 `json:"public,omitzero"`    // the note may be told to people outside
	Queue     string               `json:"queue,omitzero"`     // move: the queue that takes the case
	Reference string               `json:"reference,omitzero"` // refer: of the referral, at the other side
	Referral  string               `json:"referral,omitzero"`  // refer: the identifier in the rule set
	Reports   []string             `json:"reports,omitzero"`   // split: that leave the case, sorted
	Role      Role                 `json:"role,omitzero"`      // ask, escalate
	// Subject is PLATFORM:ID: the subject to whose open case a split's reports go. Empty:
	// each report goes to the open case of the subject that it names itself.
	Subject string               `json:"subject,omitzero"`
	To      []workforce.WorkerID `json:"to,omitzero"`    // hand-over: who gets them in turn, sorted; none: their queues
	Until   canonical.Time       `json:"until,omitzero"` // snooze; refer: preserved until
}

// Text returns the order as the text of its deed.
func (o Order) Text() string { return string(canonical.MustMarshal(o)) }

// ParseOrder reads the text of a deed on a case.
func ParseOrder(text string) (Order, error) {
	var o Order
	if err := canonical.UnmarshalExact([]byte(text), &o); err != nil {
		return o, fault.New(fault.Invalid, "bad-deed", "The text of the deed is no order on a case in canonical JSON.").Because(err)
	}
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "bad-deed", "The order is not well formed: %s.", fmt.Sprintf(format, args...))
	}
	switch {
	case len(o.Note) > MaxNote:
		return o, fault.New(fault.TooLarge, "too-large", "A note has at most %d bytes.", MaxNote)
	case len(o.Reports) > MaxReports || !slices.IsSorted(o.Reports) || len(slices.Compact(slices.Clone(o.Reports))) != len(o.Reports):
		return o, bad("the reports are sorted, each once, at most %d", MaxReports)
	case !eachOnce(o.From) || !eachOnce(o.To):
		return o, bad("people are sorted, each once, at most %d", MaxHandOver)
	case o.Language != "" && !ValidLanguage(o.Language):
		return o, bad("a language is a BCP 47 tag such as en or de-AT")
	case o.Role != "" && !slices.Contains([]Role{AskLead, AskSpecialist, AskLanguage}, o.Role):
		return o, bad("the role is lead, specialist or language")
	}
	return o, nil
}

func eachOnce(all []workforce.WorkerID) bool {
	return len(all) <= MaxHandOver && slices.IsSorted(all) && len(slices.Compact(slices.Clone(all))) == len(all)
}

// Check refuses an order that does not fit its kind of deed: it lacks what the kind needs, or
// says something that the kind does not read, so that nobody signs words without effect.
func (o Order) Check(k actions.DeedKind) error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "bad-deed", "The order does not fit %s: %s.", k, fmt.Sprintf(format, args...))
	}
	rest := o
	need := func(given bool, what string) error {
		if !given {
			return bad("%s is missing", what)
		}
		return nil
	}
	var err error
	switch k {
	case actions.DeedNote:
		err = need(o.Note != "", "the note")
		rest.Note, rest.Public = "", false
	case actions.DeedSnooze:
		err = cmp.Or(need(!o.Until.IsZero(), "the time until which the case sleeps"), need(o.Note != "", "the reason"))
		rest.Until, rest.Note = canonical.Time{}, ""
	case actions.DeedSkip:
		rest.Note = ""
	case actions.DeedAsk:
		err = cmp.Or(need(o.Role == AskLanguage && o.Language != "" || o.Role == AskSpecialist && o.Language == "", "the role, which is specialist, or language together with the language"),
			need(o.Note != "", "the question"))
		rest.Role, rest.Language, rest.Note = "", "", ""
	case actions.DeedEscalate:
		err = cmp.Or(need(o.Role == AskLead, "the role, which is lead"), need(o.Note != "", "the question"))
		rest.Role, rest.Note = "", ""
	case actions.DeedRefer:
		err = cmp.Or(need(o.Referral != "", "the identifier of the referral in the rule set"), need(o.Reference != "", "the reference at the other side"), need(!o.Until.IsZero(), "the time until which the platform preserves"))
		rest.Referral, rest.Reference, rest.Until, rest.Note = "", "", canonical.Time{}, ""
	case actions.DeedMerge:
		err = need(o.Into != "", "the older case that takes the reports")
		rest.Into, rest.Note = "", ""
	case actions.DeedSplit:
		err = need(len(o.Reports) > 0, "the list of reports")
		if subject, bad := platform.ParseSubject(o.Subject); err == nil && o.Subject != "" && (bad != nil || subject.ID == "") {
			err = need(false, "the identifier of the subject, PLATFORM:ID,")
		}
		rest.Reports, rest.Subject, rest.Note = nil, "", ""
	case actions.DeedMove:
		err = need(o.Queue != "", "the queue")
		rest.Queue, rest.Note = "", ""
	case actions.DeedLanguage:
		err = need(o.Language != "", "the language")
		rest.Language = ""
	case actions.DeedTakeBack:
		rest.Note = ""
	case actions.DeedReorder:
		err = cmp.Or(need(o.Factor >= LeastFactor && o.Factor <= WholeFactor, fmt.Sprintf("the factor in thousandths, %d to %d,", LeastFactor, WholeFactor)), need(!o.Until.IsZero(), "the time until which it holds"), need(o.Note != "", "the reason"))
		rest.Factor, rest.Until, rest.Note = 0, canonical.Time{}, ""
	case actions.DeedHandOver:
		err = cmp.Or(need(len(o.From) > 0, "whose cases they are"), need(o.Note != "", "the reason"))
		rest.From, rest.To, rest.Note = nil, nil, ""
	default:
		return bad("it is no deed on a case")
	}
	if err == nil && !rest.empty() {
		err = bad("it says something that this kind does not read")
	}
	return err
}

// empty reports whether the order says nothing.
func (o Order) empty() bool { return o.Text() == (Order{}).Text() }

// Buries reports whether a deed of a kind ends or delays a report with less than the usual
// measure of its rule (casework, law 14), so that it spends the budget of burying.
func Buries(k actions.DeedKind) bool {
	switch k {
	case actions.DeedSnooze, actions.DeedSkip, actions.DeedAsk, actions.DeedEscalate, actions.DeedMerge, actions.DeedSplit, actions.DeedMove:
		return true
	}
	return false
}

// BuriesBy reports whether a verdict ends a case without a measure.
func BuriesBy(v actions.CaseVerdict) bool { return v != actions.CaseViolation }
