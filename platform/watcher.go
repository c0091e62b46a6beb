package platform

import (
	"context"
	"strings"
	"time"

	"countersign.dev/canonical"
)

// Watcher is a connector that can also be watched: what happens on its platform
// around the desk is seen, late or at once, or is said not to be. Implementations
// are safe for concurrent use; a Stream is for one goroutine.
type Watcher interface {
	Connector

	// Watch follows the platform's event stream after a cursor that a stream of
	// this platform gave, or from now on if it is empty. A fault of type
	// "cursor-gone", from Watch or from Next, means that events may have been
	// missed: open from now on first, then sweep.
	Watch(ctx context.Context, cursor string) (Stream, error)

	// Peek reads status and mark of a subject, and nothing else, in as few calls as
	// the platform allows: critical subjects are read so again and again. Errors
	// are those of Read, so that a deleted subject is a fault "no-such-subject".
	Peek(ctx context.Context, s Subject) (Expect, error)

	// Accounts returns a page of all accounts and the cursor of the next page, empty
	// after the last. It begins with the empty cursor. Whatever is there from the
	// first page to the last is on one of them; what is deleted is on none, and so
	// shows by its absence only. A fault of type "not-offered" means that this
	// platform lists nothing: then only subjects that are known can be read.
	Accounts(ctx context.Context, cursor string) (page []Listed, next string, err error)

	// Lock reads the lock that the owner of an account has set on the platform. A
	// platform that has none gives the zero Lock. Any error means that nothing is
	// known of the lock, and what was seen last holds.
	Lock(ctx context.Context, s Subject) (Lock, error)

	// Shows says, for each kind of change, how it is seen.
	Shows() []Showing
}

// Stream is an open event stream.
type Stream interface {
	// Next waits for the next event. After an error the stream is of no more use. A
	// fault of type "stream-ended" means that it was cut off, and nothing was missed
	// before Cursor; "stream-silent" that the other end does not answer. After any other
	// but "cursor-gone" go on after Cursor, and sweep: what cannot be right may have
	// hidden something. If it comes again after the same Cursor, go on from now. A
	// Happening whose Subject has no ID says only that the Cursor has moved on, past
	// events that are nothing to look at: keep it, so that they are not read again.
	Next() (Happening, error)
	// Cursor is after which event the stream goes on; empty if nothing was there to
	// go on after yet.
	Cursor() string
	// Silence is for how long the stream may say nothing before Next finds it
	// dead: one that has lived for longer without a word lives.
	Silence() time.Duration
	// Close ends the stream, also under a Next that waits in another goroutine.
	Close() error
}

// Happening is an event of a platform's stream. It says where to look and nothing
// else: what is so is read. So one that comes twice, late or in another order does
// no harm.
type Happening struct {
	Subject Subject
	// Locks says that the owner's lock may have changed, and not only the state.
	Locks bool
	// Status is what the event says that the subject was in after it; empty if it
	// says nothing of that, or what has no counterpart here. Mark is beside it where
	// Marked is true; else it was not told. They say which change By and At are of.
	Status Status
	Mark   Mark
	Marked bool
	// By is who did it, as far as the platform says: the name of a staff credential,
	// or the owner's handle with its @ if it was the owner. It is told, not proven,
	// and decides nothing.
	By string
	At canonical.Time // as the platform dates it; zero if it does not
}

// ByOwner reports whether the platform says that the owner did it.
func (h Happening) ByOwner() bool { return strings.HasPrefix(h.By, "@") }

// ByStaff reports whether the platform says that a credential of the staff did it.
func (h Happening) ByStaff() bool { return h.By != "" && !h.ByOwner() }

// Brought reports whether the event may be what brought a subject into a state.
func (h Happening) Brought(e Expect) bool {
	return h.Status == e.Status && (!h.Marked || h.Mark == e.Mark)
}

// Notifier is a connector that can send the owner of an account a message.
type Notifier interface {
	// Notify sends a text once for each key where the platform keeps keys. One that
	// keeps none (mail) sends again whenever it is called, so the caller's journal
	// must keep it from that. A fault of kind Unavailable or an unknown error means
	// that it may or may not have been sent, except one of type "not-sent"; any
	// other fault that it was not and will not be.
	Notify(ctx context.Context, key string, s Subject, title, text string) error
}

// Cutter is a connector that can cut a credential of its platform off. A Cutter whose
// Capabilities do not say so cuts nothing.
type Cutter interface {
	// Cut ends what a credential opens, once for each key: repeated with the same key it
	// changes nothing and returns since when it is cut off. The name is what the event
	// stream calls it. It refuses the connector's own with "own-token", and one that it
	// does not know with "no-such-token". Errors are otherwise those of Apply.
	Cut(ctx context.Context, key, credential string) (canonical.Time, error)
}

// Listed is an account as the platform lists it.
type Listed struct {
	Subject Subject // with its identifier; the handle only if the list tells it
	Status  Status  // empty if the platform says what has no counterpart here: read it
	// Mark is beside the status where Marked is true; else it was not told.
	Mark   Mark
	Marked bool
	// Facts and Unread are as in State where the list tells them; nil Facts: it does
	// not, and each account has to be read once to know its tier.
	Facts  map[Fact]any
	Unread []Fact
}

// Lock is an owner's promise, set on the platform, never to deactivate the account
// without telling us: with it, a deactivation is a breach.
//
// The platform tells what it has now. One that keeps no trace of a lock that was
// taken back (a PDS, where the owner deletes a record) shows the zero Lock then:
// who has seen it set counts ClearingTime from when they first saw it gone. The
// times are as far to be believed as who can write them, on a PDS the owner; a
// Cleared that is older than a sight of the lock without it is not.
type Lock struct {
	Set     bool
	Since   canonical.Time // when it was set, as far as the platform says
	Cleared canonical.Time // when the owner took it back; zero: not. It holds for ClearingTime after
	// Session is when the session began in which the owner took it back, by the same
	// clock as Since; zero: the platform does not say.
	Session canonical.Time
}

// ClearingTime is how long an owner's lock holds after the owner took it back:
// whoever changed the password unseen to act as the owner has to wait as long,
// and the owner is told meanwhile.
const ClearingTime = 72 * time.Hour

// Holds reports whether the lock is in effect at an instant.
func (l Lock) Holds(at time.Time) bool {
	return l.Set && (l.Cleared.IsZero() || at.Before(l.Cleared.Add(ClearingTime)))
}

// ByElder reports whether the lock was taken back in a session that is older than the
// lock. Whoever came by the owner's password, and set the lock against the owner, has
// no such session, so it is believed at once. first is since when the lock was seen
// without a gap: whoever may set it again could otherwise make it younger.
func (l Lock) ByElder(first time.Time) bool {
	return !l.Cleared.IsZero() && !l.Session.IsZero() && l.Session.Before(l.Since.Time) && l.Session.Before(first)
}

// Change is a kind of change that may come around the desk.
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
	LockSet            Change = "lock-set"
	LockCleared        Change = "lock-clear"
)

// Showing says how one kind of change around the desk is seen on a platform.
type Showing struct {
	Change Change `json:"change"` // one of the list, or the platform's own; no two alike
	What   string `json:"what"`   // for a person: "an account is taken down"
	Stream bool   `json:"stream"` // the event stream shows it
	Sweep  bool   `json:"sweep"`  // a sweep, or a direct read, shows it
	Late   string `json:"late"`   // how late, for a person
	Note   string `json:"note"`   // what is not told, and what follows
	// Names says that the stream tells whose credential it was, at once. Note says so
	// to people.
	Names bool `json:"-"`
}
