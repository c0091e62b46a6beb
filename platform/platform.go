// Package platform says what a platform is to Countersign: subjects with a
// state and a mark, commands that change one subject, receipts, and the
// Connector that carries them. It is pure; connectors live in its subfolders.
//
// A connector does I/O and decides nothing. It is not trusted to know whether
// an act is allowed; it is trusted to say truthfully what it saw.
package platform

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// Subject names an account or a piece of content on a platform. ID never changes and is
// never used again. Handle is the public name and may move to another account, so both
// are signed. Burdening acts compare both. Relieving acts go by the identifier and the
// mark, even if the handle has changed meanwhile.
type Subject struct {
	Handle   string `json:"handle"`   // "@president" or "alice.test"; empty for content
	ID       string `json:"id"`       // "acct/17", "post/93", "did:plc:…", "at://did:plc:…/app.bsky.feed.post/…"
	Platform string `json:"platform"` // name of the connected platform: "plaza", "bluesky"
}

// Sort says whether a subject is an account or content.
type Sort string

// The sorts.
const (
	Account Sort = "account"
	Content Sort = "content"
)

// Noun returns the sort as it stands in a sentence: "an account", "content".
func (s Sort) Noun() string {
	if s == Account {
		return "an account"
	}
	return string(s)
}

// String returns "plaza:acct/17", or "plaza:@handle" before it is resolved.
func (s Subject) String() string {
	if s.ID == "" {
		return s.Platform + ":" + s.Handle
	}
	return s.Platform + ":" + s.ID
}

var (
	platformName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	subjectRest  = regexp.MustCompile(`^[!-~]{1,512}$`)
	handleRest   = regexp.MustCompile(`^@[A-Za-z0-9._-]{1,253}$`)
)

// ParseSubject reads "plaza:acct/17", "plaza:@handle", "plaza:post/93",
// "bluesky:did:plc:…", "bluesky:at://…". A leading @ means a handle that a
// connector must resolve. Errors are faults of type "bad-subject".
func ParseSubject(s string) (Subject, error) {
	name, rest, ok := strings.Cut(s, ":")
	if !ok || !platformName.MatchString(name) || !subjectRest.MatchString(rest) {
		return Subject{}, fault.New(fault.Invalid, "bad-subject",
			"%q is not a subject; write PLATFORM:ID or PLATFORM:@HANDLE, such as plaza:acct/17.", clip(s))
	}
	if rest[0] == '@' {
		if !handleRest.MatchString(rest) {
			return Subject{}, fault.New(fault.Invalid, "bad-subject", "%q is not a handle.", clip(rest))
		}
		return Subject{Platform: name, Handle: rest}, nil
	}
	return Subject{Platform: name, ID: rest}, nil
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

// Status is the value of one layer of a subject. That of the visibility is the state of the
// subject that the public sees.
type Status string

// The values of the visibility. A suspension is Down with a lift that the executor owes.
const (
	Up          Status = "up"
	Down        Status = "down"        // taken down by staff
	Deactivated Status = "deactivated" // switched off, by its owner or by staff for the owner
	Deleted     Status = "deleted"     // gone for good, or never there
)

// The values of the other layers.
const (
	NoLimit Status = "none"
	Limited Status = "limited"
	Unset   Status = "unset"
	IsSet   Status = "set"
)

// Mark is a text that the platform keeps beside a measure to say whose it is. Ours are
// "CSGN-" and the request's identifier; any other is foreign. It is empty where there is
// no measure.
type Mark string

// MarkOf returns the mark of a request's execution.
func MarkOf(request string) Mark { return Mark("CSGN-" + request) }

// Fact is one thing that a platform can say about a subject and that rules about tiers
// read.
type Fact string

// The facts that the product knows. A connector declares which of them it can give.
const (
	FactFollowers Fact = "followers" // whole number
	FactVerified  Fact = "verified"  // true or false
	FactOffice    Fact = "office"    // public office held, such as "head of state"; empty for none
	FactCreated   Fact = "created"   // seconds since 1970
	FactOwner     Fact = "owner"     // for content: the subject identifier of its account
)

// Facts lists them, sorted.
var Facts = []Fact{FactCreated, FactFollowers, FactOffice, FactOwner, FactVerified}

// State is a subject as a connector read it. Status, Mark and Rev are those of its
// visibility.
type State struct {
	Status Status `json:"status"`
	Mark   Mark   `json:"mark"`
	// Rev changes with every change of status or mark where the platform can
	// compare and set, and is empty where it cannot.
	Rev string `json:"rev"`
	// Layers are the other layers that stand on the subject. One that is not there has its
	// clear value.
	Layers map[Layer]Stood `json:"layers,omitempty"`
	// Facts holds string, bool or int64 values. A promised fact that could not
	// be read is listed in Unread instead; it makes the subject critical (law 5).
	Facts  map[Fact]any   `json:"facts"`
	Unread []Fact         `json:"unread"`
	Seen   canonical.Time `json:"seen"`
}

// Is reports whether the visibility has this status and mark.
func (s State) Is(status Status, mark Mark) bool { return s.Status == status && s.Mark == mark }

// Request returns the request that the mark names, truly or not; empty if the mark is not
// one of ours.
func (m Mark) Request() string {
	if !m.Ours() {
		return ""
	}
	return string(m[len(ours):])
}

// Verb is the effect of a command on the platform. Kinds of action map to verbs in
// package actions; several kinds may share one.
type Verb string

// The verbs.
const (
	Takedown   Verb = "takedown"   // up, or an account that its owner has deactivated → down; account or content
	Restore    Verb = "restore"    // down → up, or what lies beneath; account or content
	Deactivate Verb = "deactivate" // up → deactivated; account
	Reactivate Verb = "reactivate" // deactivated → up; account
	Delete     Verb = "delete"     // → deleted; one-way
	Limit      Verb = "limit"      // none → limited; account or content
	Unlimit    Verb = "unlimit"    // limited → none
	Label      Verb = "label"      // unset → set; account or content
	Unlabel    Verb = "unlabel"    // set → unset
	Warn       Verb = "warn"       // a message to the account holder; it changes no layer
)

// Verbs lists them.
var Verbs = []Verb{Takedown, Restore, Deactivate, Reactivate, Delete, Limit, Unlimit, Label, Unlabel, Warn}

// Relieves reports whether the verb takes a measure away and puts none on.
func (v Verb) Relieves() bool {
	return v == Restore || v == Reactivate || v == Unlimit || v == Unlabel
}

// Fits reports whether the verb changes a layer. A warning changes none, and its commands
// have the zero Layer.
func (v Verb) Fits(l Layer) bool {
	switch v {
	case Limit, Unlimit:
		return l == LimitLayer
	case Label, Unlabel:
		value, ok := l.Label()
		return ok && labelForm.MatchString(value)
	}
	return l == VisibilityLayer
}

// Expect is the state of one layer that must be in place for a command to be carried out.
type Expect struct {
	Mark   Mark   `json:"mark"`
	Status Status `json:"status"`
}

// Command is one change to one subject, exactly as it was approved: it is
// hashed into the action that people sign, and handed to the connector
// unchanged, so that no step between can alter its meaning.
type Command struct {
	Expect  Expect  `json:"expect"`         // of the layer; compared and set where the platform can, else read last before the call
	Layer   Layer   `json:"layer,omitzero"` // the one that is changed
	Mark    Mark    `json:"mark"`           // the mark to leave; empty for verbs that lift a measure
	Subject Subject `json:"subject"`
	Told    Told    `json:"-"`
	Verb    Verb    `json:"verb"`
}

// ours is the beginning of every mark of ours.
var ours = string(MarkOf(""))

// Ours reports whether the mark has the form of ours; somebody may have copied it.
func (m Mark) Ours() bool { return strings.HasPrefix(string(m), ours) }

// Replaces reports whether the command puts a measure in the place of another one of the
// same sort: the subject is down, or limited, already.
func (c Command) Replaces() bool {
	return c.Verb == Takedown && c.Expect.Status == Down || c.Verb == Limit && c.Expect.Status == Limited
}

// Confirms returns the request whose measure a takedown or a limit replaces: the subject
// bears our own mark, and gets a new mark of ours without having been up, or without a
// limit, in between. It is empty for every other command.
func (c Command) Confirms() string {
	if c.Replaces() {
		return c.Expect.Mark.Request()
	}
	return ""
}

// After returns the status and mark that a carried-out command leaves in its layer; the
// zero value for a warning, which leaves nothing.
func (c Command) After() Expect {
	switch c.Verb {
	case Takedown, Limit, Label:
		return Expect{Status: c.Layer.Bears(), Mark: c.Mark}
	case Deactivate:
		return Expect{Status: Deactivated, Mark: c.Mark}
	case Delete:
		return Expect{Status: Deleted}
	case Warn:
		return Expect{}
	default:
		return Expect{Status: c.Layer.Clear()}
	}
}

// Leaves reports whether a carried-out command may have left a state in its layer. After the lift of a
// takedown a subject is up; or it is deactivated without a mark, if its owner has
// deactivated it, since the takedown hid that.
func (c Command) Leaves(e Expect) bool {
	return e == c.After() || c.Verb == Restore && e == Expect{Status: Deactivated}
}

// Receipt is the result of a call.
type Receipt struct {
	Before State `json:"before"`
	After  State `json:"after"` // read back after the call, never taken from its answer
	// Lifted is a foreign measure that this call may have lifted on a platform that cannot
	// compare and set; empty otherwise.
	Lifted Mark `json:"lifted"`
}

// Outcome is a platform's knowledge about a command that was sent earlier.
type Outcome struct {
	// Done is true if the command with this key took effect. It is false if the command did
	// not and, after being asked about, cannot take effect later.
	Done bool
	// Known is false if the platform cannot say; then a person decides.
	Known   bool
	Receipt Receipt // only if Done
}

// Ability says how a platform carries out one verb on one sort of subject.
type Ability struct {
	Verb  Verb   `json:"verb"`
	Sort  Sort   `json:"sort"`
	Lossy string `json:"lossy"` // the loss that an undo does not bring back, for a person; empty if there is none
	// Marks says whether the platform keeps our mark beside this measure.
	Marks bool `json:"marks"`
}

// Capabilities are the promises of a connector about its platform.
type Capabilities struct {
	Abilities []Ability `json:"abilities"`
	Facts     []Fact    `json:"facts"`
	// Labels are the values of labels that can be set, sorted.
	Labels []string `json:"labels,omitempty"`
	// CompareAndSet says that Apply changes nothing unless Expect holds at the moment of
	// change. If it is false, a race remains, and the executor looks for its effects
	// afterwards.
	CompareAndSet bool `json:"compare_and_set"`
	// Lookup says that the outcome of a command can be asked for by its key.
	Lookup bool `json:"lookup"`
	// RequestLife is the longest, in seconds, that a request already sent may
	// still take effect after we stopped waiting for its answer.
	RequestLife int `json:"request_life"`
	// Cuts says that credentials of the platform can be cut off: the connector is a Cutter.
	// Credential is then the event stream's name for the connector's own credential.
	Cuts       bool   `json:"cuts,omitempty"`
	Credential string `json:"credential,omitempty"`
	// Contents says that the platform tells what its subjects show: the connector is an
	// Evidencer.
	Contents bool `json:"contents,omitzero"`
	// Remedy tells a person how to stop a user of one of the platform's credentials that
	// cannot be cut off.
	Remedy string `json:"remedy,omitempty"`
}

// Layered reports whether the platform has layers besides the visibility.
func (c Capabilities) Layered() bool {
	return slices.ContainsFunc(c.Abilities, func(a Ability) bool { return a.Verb != Warn && !a.Verb.Fits(VisibilityLayer) })
}

// Instead names the verbs that a platform offers on a sort of subject, for a person who
// asked for another one.
func (c Capabilities) Instead(s Sort) []Verb {
	var vs []Verb
	for _, v := range Verbs {
		if _, ok := c.Can(v, s); ok {
			vs = append(vs, v)
		}
	}
	return vs
}

// Can returns the ability for a verb on a sort of subject.
func (c Capabilities) Can(v Verb, s Sort) (Ability, bool) {
	for _, a := range c.Abilities {
		if a.Verb == v && a.Sort == s {
			return a, true
		}
	}
	return Ability{}, false
}

// Connector carries commands to one platform. Implementations are safe for
// concurrent use, keep no state that a restart would miss, and honour ctx.
// platformtest is the suite that every implementation passes.
type Connector interface {
	// Capabilities answers without I/O after Connect time.
	Capabilities() Capabilities

	// Sort returns the sort of subject that an identifier names, without I/O.
	Sort(id string) (Sort, error)

	// Resolve completes a subject: handle to identifier, or identifier to
	// handle. A handle that names nothing is a fault "no-such-subject".
	Resolve(ctx context.Context, s Subject) (Subject, error)

	// Read returns the state now. A subject that does not exist, or exists no
	// more, is a fault "no-such-subject"; a platform that does not answer a
	// fault of kind Unavailable.
	Read(ctx context.Context, s Subject) (State, error)

	// Look is Resolve and Read of an identifier at once, in as few calls as the platform
	// allows, since an act waits for it.
	Look(ctx context.Context, s Subject) (Subject, State, error)

	// Apply carries the command out once for each key: with the same key it never acts
	// twice. A relieving verb does not compare the handle. If the state is not the expected
	// one it changes nothing and returns *WrongState. A fault of kind Unavailable or an
	// unknown error means that the command may or may not have taken effect; any other fault
	// means that it did not and will not. It compares, sets and reads back the command's
	// layer and no other. A warning is sent once for each key, and its receipt has the same
	// state twice. A fault of kind Unavailable and type
	// "not-in-place" means that the platform answered that the command took effect, but the
	// subject was then read in another state: somebody else has changed it since, or it is
	// still as before.
	Apply(ctx context.Context, key string, c Command) (Receipt, error)

	// Lookup returns the outcome of a command that was sent with this key.
	Lookup(ctx context.Context, key string, c Command) (Outcome, error)
}

// WrongState is returned by Apply when the expected state is not in place.
type WrongState struct {
	Layer Layer // of Want
	Want  Expect
	Now   State
}

func (e *WrongState) Error() string {
	return fmt.Sprintf("the subject is %s, expected %s", DescribeIn(e.Layer, e.Now.At(e.Layer)), DescribeIn(e.Layer, e.Want))
}

// DescribeIn puts the state of a layer in words.
func DescribeIn(l Layer, e Expect) string {
	if l == VisibilityLayer {
		return Describe(e.Status, e.Mark)
	}
	return describeLayer(l, e)
}

// Describe puts a status and mark of the visibility in words.
func Describe(s Status, m Mark) string {
	switch {
	case m == "":
		return string(s)
	default:
		return fmt.Sprintf("%s under the mark %q", s, string(m))
	}
}

// RefusesCredential reports whether a fault's stable type says that a platform does not
// accept the connector's credential. That is not the same as a platform that does not
// answer, and people have to do something else about it.
func RefusesCredential(typ string) bool {
	return typ == "platform-credentials" || typ == "bad-token" || typ == "wrong-scope"
}
