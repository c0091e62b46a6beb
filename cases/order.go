package cases

import (
	"fmt"
	"slices"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// MaxNote is the largest length of a note or of a question, in bytes.
const MaxNote = 8 << 10

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
	Into      string         `json:"into,omitzero"`      // merge: the older case that takes the reports
	Language  string         `json:"language,omitzero"`  // of the content: to correct, or to ask for
	Note      string         `json:"note,omitzero"`      // a note, a question, a reason
	Public    bool           `json:"public,omitzero"`    // the note may be told to people outside
	Queue     string         `json:"queue,omitzero"`     // move: the queue that takes the case
	Reference string         `json:"reference,omitzero"` // refer: of the referral, at the other side
	Referral  string         `json:"referral,omitzero"`  // refer: the identifier in the rule set
	Reports   []string       `json:"reports,omitzero"`   // split: that leave the case, sorted
	Role      Role           `json:"role,omitzero"`      // ask, escalate
	Until     canonical.Time `json:"until,omitzero"`     // snooze; refer: preserved until
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
	case o.Language != "" && !ValidLanguage(o.Language):
		return o, bad("a language is a BCP 47 tag such as en or de-AT")
	case o.Role != "" && !slices.Contains([]Role{AskLead, AskSpecialist, AskLanguage}, o.Role):
		return o, bad("the role is lead, specialist or language")
	}
	return o, nil
}
