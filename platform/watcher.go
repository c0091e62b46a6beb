package platform

import (
	"context"
	"strings"
	"time"

	"countersign.dev/canonical"
)

// Watcher is a connector that can also be watched. A change on its platform around the desk
// is seen, at once or later, or the Watcher says that such a change is not seen.
// Implementations are safe for concurrent use; a Stream is for one goroutine.
type Watcher interface {
	Connector

	// Watch follows the platform's event stream after a cursor that a stream of
	// this platform gave, or from now on if it is empty. A fault of type
	// "cursor-gone", from Watch or from Next, means that events may have been
	// missed: open from now on first, then sweep.
	Watch(ctx context.Context, cursor string) (Stream, error)

	// Peek reads the layers of a subject, and no facts, in as few calls as the platform
	// allows, since critical subjects are read again and again. Errors are those of Read, so
	// that a deleted subject is a fault "no-such-subject".
	Peek(ctx context.Context, s Subject) (State, error)

	// Accounts returns a page of all accounts and the cursor of the next page, empty after
	// the last. It begins with the empty cursor. An account that exists from the first page
	// to the last is on one of them. A deleted account is on none, and so shows only by its
	// absence. A fault of type "not-offered" means that this platform lists nothing: then
	// only known subjects can be read.
	Accounts(ctx context.Context, cursor string) (page []Listed, next string, err error)

	// Lock reads the lock that the owner of an account has set on the platform. A platform
	// without locks gives the zero Lock. After any error nothing is known about the lock,
	// and the last sight of it holds.
	Lock(ctx context.Context, s Subject) (Lock, error)

	// Shows says for each kind of change where it is seen.
	Shows() []Showing
}

// Stream is an open event stream.
type Stream interface {
	// Next waits for the next event. After an error the stream is useless. A fault of type
	// "stream-ended" means that it was cut off, and nothing was missed before Cursor;
	// "stream-silent" means that the other end does not answer. After any other fault but
	// "cursor-gone" go on after Cursor, and sweep, since a stream that contradicts itself
	// may have hidden something. If the fault comes again after the same Cursor, go on from
	// now. A Happening whose Subject has no ID says only that the Cursor has moved on, past
	// events that need no look: keep it, so that they are not read again.
	Next() (Happening, error)
	// Cursor is the event after which the stream goes on; empty as long as there is none.
	Cursor() string
	// Silence is the time for which the stream may be silent before Next finds it dead. A
	// stream that is older and was never found dead is alive.
	Silence() time.Duration
	// Close ends the stream, even while a Next waits in another goroutine.
	Close() error
}

// Happening is an event of a platform's stream. It says only where to look; the state is
// read. So an event that comes twice, late or in another order does no harm.
type Happening struct {
	Subject Subject
	// Locks says that the owner's lock may have changed, and not only the state.
	Locks bool
	// Layer is the layer that the event is about. Status is its value after the event, as
	// the event tells it; empty if it does not tell it, or tells one that has no counterpart
	// here. Mark is the mark beside it if Marked is true; otherwise the event does not tell
	// it. They say which change By and At belong to.
	Layer  Layer
	Status Status
	Mark   Mark
	Marked bool
	// By is who made the change, as far as the platform says: the name of a staff
	// credential, or the owner's handle with its @. It is not proven, and decides nothing.
	By string
	At canonical.Time // the platform's date; zero if it gives none
}

// ByOwner reports whether the platform says that the owner made the change.
func (h Happening) ByOwner() bool { return strings.HasPrefix(h.By, "@") }

// ByStaff reports whether the platform says that a staff credential made the change.
func (h Happening) ByStaff() bool { return h.By != "" && !h.ByOwner() }

// Brought reports whether the event may have brought a layer into a state.
func (h Happening) Brought(l Layer, e Expect) bool {
	return h.Layer == l && h.Status == e.Status && (!h.Marked || h.Mark == e.Mark)
}

// Notifier is a connector that can send the owner of an account a message.
type Notifier interface {
	// Notify sends a text once for each key, if the platform keeps keys. A platform without
	// keys (mail) sends again at every call, so the caller's journal must prevent that. A
	// fault of kind Unavailable or an unknown error means that the text may or may not have
	// been sent, except one of type "not-sent". Any other fault means that it was not sent
	// and will not be.
	Notify(ctx context.Context, key string, s Subject, title, text string) error
}

// Cutter is a connector that can cut off a credential of its platform. A Cutter whose
// Capabilities do not say so cuts off none.
type Cutter interface {
	// Cut ends a credential, once for each key: repeated with the same key it changes
	// nothing. It returns since when the credential is cut off. credential is its name in
	// the event stream. Cut refuses the connector's own credential with "own-token", and an
	// unknown one with "no-such-token". Errors are otherwise those of Apply.
	Cut(ctx context.Context, key, credential string) (canonical.Time, error)
}

// Listed is an account in the platform's list.
type Listed struct {
	Subject Subject // with its identifier; the handle only if the list tells it
	Status  Status  // empty if the platform's word has no counterpart here: read the subject
	// Mark is the mark beside the status if Marked is true; otherwise the list does not tell
	// it.
	Mark   Mark
	Marked bool
	// Layers are as in State, if Layered is true; otherwise the list does not tell them.
	Layers  map[Layer]Stood
	Layered bool
	// Facts and Unread are as in State, if the list tells them. nil Facts means that it does
	// not, and each account has to be read once to know its tier.
	Facts  map[Fact]any
	Unread []Fact
}

// Lock is an owner's promise, set on the platform, never to deactivate the account
// without telling us: with it, a deactivation is a breach.
//
// The platform tells only its present lock. A platform that keeps no trace of a removed
// lock (a PDS, where the owner deletes a record) then shows the zero Lock: a caller that
// has seen the lock set counts ClearingTime from its first sight without it. The times
// are as credible as the people who can write them, on a PDS the owner. A Cleared that is
// older than a sight of the lock without it is not credible.
type Lock struct {
	Set     bool
	Since   canonical.Time // when it was set, as far as the platform says
	Cleared canonical.Time // when the owner removed it, zero: not; the lock holds for ClearingTime after it
	// Session is the beginning of the session in which the owner removed the lock, by the
	// same clock as Since; zero: the platform does not say.
	Session canonical.Time
}

// ClearingTime is the time for which an owner's lock holds after the owner removed it. A
// person who secretly changed the password to act as the owner has to wait as long, and
// the owner is told meanwhile.
const ClearingTime = 72 * time.Hour

// Holds reports whether the lock is in effect at an instant.
func (l Lock) Holds(at time.Time) bool {
	return l.Set && (l.Cleared.IsZero() || at.Before(l.Cleared.Add(ClearingTime)))
}

// ByElder reports whether the lock was removed in a session that is older than the lock;
// such a removal is believed at once. A thief of the owner's password who set the lock
// against the owner has no such session. first is the time since which the lock was seen
// without a gap: a person who may set it again could otherwise make it younger.
func (l Lock) ByElder(first time.Time) bool {
	return !l.Cleared.IsZero() && !l.Session.IsZero() && l.Session.Before(l.Since.Time) && l.Session.Before(first)
}

// Change is a kind of change that may be made around the desk.
type Change string

// The changes that platforms tell apart. A platform may show others.
const (
	AccountTakenDown   Change = "account-takedown"
	AccountRestored    Change = "account-restore"
	AccountRemarked    Change = "account-remark" // down before and after, under another mark
	AccountDeactivated Change = "account-deactivate"
	AccountReactivated Change = "account-reactivate"
	AccountDeleted     Change = "account-delete"
	ContentTakenDown   Change = "content-takedown"
	ContentRestored    Change = "content-restore"
	ContentDeleted     Change = "content-delete"
	AccountLimited     Change = "account-limit"
	AccountUnlimited   Change = "account-unlimit"
	AccountLabelled    Change = "account-label"
	AccountUnlabelled  Change = "account-unlabel"
	ContentLimited     Change = "content-limit"
	ContentUnlimited   Change = "content-unlimit"
	ContentLabelled    Change = "content-label"
	ContentUnlabelled  Change = "content-unlabel"
	LockSet            Change = "lock-set"
	LockCleared        Change = "lock-clear"
)

// Showing says how a platform shows one kind of change around the desk.
type Showing struct {
	Change Change `json:"change"` // one of the list, or the platform's own; each once
	What   string `json:"what"`   // for a person: "an account is taken down"
	Stream bool   `json:"stream"` // the event stream shows it
	Sweep  bool   `json:"sweep"`  // a sweep, or a direct read, shows it
	Late   string `json:"late"`   // how late, for a person
	Note   string `json:"note"`   // the facts that are not told, and the consequence
	// Names says that the stream names the credential at once. Note says so to people.
	Names bool `json:"-"`
}
