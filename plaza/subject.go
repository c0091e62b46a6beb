package plaza

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// Sort says whether a subject is an account or a piece of content.
type Sort string

// The sorts.
const (
	Account Sort = "account"
	Content Sort = "content"
)

// Status is the state of a subject that the public sees, or of a layer of it.
type Status string

// The statuses.
const (
	Up          Status = "up"
	Down        Status = "down"        // taken down by staff
	Deactivated Status = "deactivated" // switched off
	Deleted     Status = "deleted"     // gone for good
)

// The statuses of a limit and of a label.
const (
	NoLimit Status = "none"
	Limited Status = "limited" // out of the public timeline, search and suggestions
	Unset   Status = "unset"
	IsSet   Status = "set"
)

func (s Status) known() bool {
	return s == Up || s == Down || s == Deactivated || s == Deleted
}

// Verb is the effect of a command on a subject.
type Verb string

// The verbs.
const (
	Takedown   Verb = "takedown"
	Restore    Verb = "restore"
	Deactivate Verb = "deactivate"
	Reactivate Verb = "reactivate"
	Delete     Verb = "delete"
	Limit      Verb = "limit"
	Unlimit    Verb = "unlimit"
	Label      Verb = "label"
	Unlabel    Verb = "unlabel"
	Warn       Verb = "warn" // a message to the account holder; changes nothing
)

// layered returns true for verbs that name the layer which they change.
func (v Verb) layered() bool {
	return v == Limit || v == Unlimit || v == Label || v == Unlabel
}

// Ability is a verb with the sort of subject it works on.
type Ability struct {
	Verb  Verb   `json:"verb"`
	Sort  Sort   `json:"sort"`
	Lossy string `json:"lossy"` // the loss that an undo does not bring back; empty if there is none
	Marks bool   `json:"marks"` // whether the mark is kept beside the measure
}

// transition holds the statuses from which a verb may start, and the one that it leaves.
type transition struct {
	from []Status
	to   Status
	mark bool // leaves the command's mark
}

var transitions = map[Verb]transition{
	Takedown:   {from: []Status{Up, Deactivated, Down}, to: Down, mark: true},
	Restore:    {from: []Status{Down}, to: Up}, // or deactivated, if that lay beneath
	Deactivate: {from: []Status{Up}, to: Deactivated, mark: true},
	Reactivate: {from: []Status{Deactivated}, to: Up},
	Delete:     {from: []Status{Up, Down, Deactivated}, to: Deleted},
	Limit:      {from: []Status{NoLimit, Limited}, to: Limited, mark: true},
	Unlimit:    {from: []Status{Limited}, to: NoLimit},
	Label:      {from: []Status{Unset}, to: IsSet, mark: true},
	Unlabel:    {from: []Status{IsSet}, to: Unset},
}

var abilities = []Ability{
	{Verb: Takedown, Sort: Account, Marks: true},
	{Verb: Restore, Sort: Account},
	{Verb: Deactivate, Sort: Account, Marks: true},
	{Verb: Reactivate, Sort: Account},
	{Verb: Delete, Sort: Account, Lossy: "the account with its profile and all its posts"},
	{Verb: Limit, Sort: Account, Marks: true},
	{Verb: Unlimit, Sort: Account},
	{Verb: Label, Sort: Account, Marks: true},
	{Verb: Unlabel, Sort: Account},
	{Verb: Warn, Sort: Account},
	{Verb: Takedown, Sort: Content, Marks: true},
	{Verb: Restore, Sort: Content},
	{Verb: Delete, Sort: Content, Lossy: "the post"},
	{Verb: Limit, Sort: Content, Marks: true},
	{Verb: Unlimit, Sort: Content},
	{Verb: Label, Sort: Content, Marks: true},
	{Verb: Unlabel, Sort: Content},
}

func able(v Verb, s Sort) bool {
	for _, a := range abilities {
		if a.Verb == v && a.Sort == s {
			return true
		}
	}
	return false
}

// Facts are the facts about a subject for staff. Those of a post are its owner's, except
// Created.
type Facts struct {
	Followers int64  `json:"followers"`
	Verified  bool   `json:"verified"`
	Office    string `json:"office"`  // public office held; empty for none
	Created   int64  `json:"created"` // seconds since 1970
	Owner     string `json:"owner,omitempty"`
}

// State is a subject as the staff API shows it.
type State struct {
	ID     string         `json:"id"`
	Handle string         `json:"handle"` // "@president"; empty for content
	Sort   Sort           `json:"sort"`
	Status Status         `json:"status"`
	Mark   string         `json:"mark"`
	Rev    string         `json:"rev"`              // changes with each change of status or mark
	Layers []Stood        `json:"layers,omitempty"` // that stand, in the order of their names
	Facts  Facts          `json:"facts"`
	At     canonical.Time `json:"at"` // when this was read

	off  off  // of an account; not told
	span span // not told
}

// span says since when a status holds and when it is to end.
type span struct {
	since canonical.Time // zero: not known
	until canonical.Time // zero: not said
}

// subjectID is a parsed identifier such as acct/17.
type subjectID struct {
	sort   Sort
	number int64
}

const (
	accountPrefix = "acct/"
	postPrefix    = "post/"
)

func (i subjectID) String() string {
	if i.sort == Account {
		return accountPrefix + strconv.FormatInt(i.number, 10)
	}
	return postPrefix + strconv.FormatInt(i.number, 10)
}

// parseID accepts one spelling of each identifier only, so that two texts never
// name one subject.
func parseID(s string) (subjectID, error) {
	sort := Account
	digits, ok := strings.CutPrefix(s, accountPrefix)
	if !ok {
		sort = Content
		digits, ok = strings.CutPrefix(s, postPrefix)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 1 || strconv.FormatInt(n, 10) != digits {
		return subjectID{}, fault.New(fault.Invalid, "bad-subject",
			"%s is not a subject; write acct/NUMBER or post/NUMBER.", quote(s))
	}
	return subjectID{sort, n}, nil
}

var handleForm = regexp.MustCompile(`^@[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$`)

// foldHandle returns the form in which a handle is looked up: handles that differ only in
// case are one handle.
func foldHandle(h string) (string, error) {
	if !handleForm.MatchString(h) {
		return "", fault.New(fault.Invalid, "bad-handle",
			"%s is not a handle; write @ and up to 63 letters, digits, dots, dashes and underscores.", quote(h))
	}
	return strings.ToLower(h[1:]), nil
}

var markForm = regexp.MustCompile(`^[!-~]{0,200}$`)

func quote(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return fmt.Sprintf("%q", s)
}

func noSuchSubject(name string) error {
	return fault.New(fault.NotFound, "no-such-subject", "There is no %s here.", name)
}
