package bluesky

import (
	"context"
	"errors"
	"html"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

var (
	_ platform.Watcher  = (*Connector)(nil)
	_ platform.Notifier = (*Connector)(nil)
)

// LockCollection and LockKey name the record by which the holder of an account
// says that it is never deactivated without telling us, in the account's own
// repository:
//
//	at://did:plc:…/dev.countersign.ownerLock/self
//	{"$type":"dev.countersign.ownerLock","createdAt":"2026-11-23T05:39:46.000Z"}
//
// Putting it there sets the lock, deleting it takes it back.
const (
	LockCollection = "dev.countersign.ownerLock"
	LockKey        = "self"
)

const lockPath = LockCollection + "/" + LockKey

// passedOver is the number of irrelevant events after which Next returns all the same, so
// that a busy stream of posts is not read again from far back.
const passedOver = 1000

// Watch follows the PDS's event stream: see Events for its content. It reports commits
// that touch the owner's lock, and repositories that were replaced as a whole. The PDS
// checks a given cursor only after the stream is open, so "cursor-gone" comes from Next.
func (c *Connector) Watch(ctx context.Context, cursor string) (platform.Stream, error) {
	after := FromNow
	if cursor != "" {
		n, err := strconv.ParseInt(cursor, 10, 64)
		if err != nil || n < 0 || strconv.FormatInt(n, 10) != cursor {
			return nil, fault.New(fault.Invalid, "bad-cursor", "%.40q is not a place in a PDS's event stream.", cursor)
		}
		after = n
	}
	s, err := c.Events(ctx, after)
	if err != nil {
		return nil, err
	}
	return &watching{s}, nil
}

// watching is a Stream that reports where to look.
type watching struct{ s *Stream }

func (w *watching) Next() (platform.Happening, error) {
	for range passedOver {
		e, err := w.s.Next()
		if err != nil {
			return platform.Happening{}, err
		}
		if locks := touchesLock(e); locks || e.Kind == AccountEvent {
			return platform.Happening{Subject: e.Subject, Locks: locks, Status: e.Status, At: e.At}, nil
		}
	}
	return platform.Happening{}, nil
}

func touchesLock(e Event) bool {
	return e.Kind == SyncEvent || e.Kind == CommitEvent &&
		(e.Untold || slices.ContainsFunc(e.Operations, func(o Operation) bool { return o.Path == lockPath }))
}

func (w *watching) Cursor() string {
	if after := w.s.Cursor(); after != FromNow {
		return strconv.FormatInt(after, 10)
	}
	return ""
}

// Silence is twice the patience: the stream asks after the first, and waits for the
// answer during the second.
func (w *watching) Silence() time.Duration { return 2 * w.s.c.config.Patience }

func (w *watching) Close() error { return w.s.Close() }

// Peek asks for status and mark, which is one call. A PDS has no other layers.
func (c *Connector) Peek(ctx context.Context, s platform.Subject) (platform.State, error) {
	sort, err := c.Sort(s.ID)
	if err != nil {
		return platform.State{}, err
	}
	now, err := c.measure(ctx, s, sort)
	return now.State, err
}

// Accounts returns 1,000 accounts a page, in the order in which they were made. A PDS
// does not list marks. A standing that has no counterpart here, such as a suspension by
// another part of the network, is listed with the empty status.
func (c *Connector) Accounts(ctx context.Context, cursor string) ([]platform.Listed, string, error) {
	page, next, err := c.ListRepos(ctx, cursor)
	if err != nil {
		return nil, "", err
	}
	listed := make([]platform.Listed, len(page))
	for i, r := range page {
		listed[i] = platform.Listed{Subject: platform.Subject{Platform: c.config.Name, ID: r.DID}, Status: r.Status}
	}
	return listed, next, nil
}

// Lock looks for the record in the repository itself, as the administrator. So it also
// finds the lock of an account that is taken down or deactivated, and a record that
// somebody has taken down. (Asked by com.atproto.repo.getRecord, a PDS would say for all
// of these that there is no such record, or let another server answer.) Since is the time
// in the record, which its writer may have made up. A lock that was removed leaves no
// trace.
func (c *Connector) Lock(ctx context.Context, s platform.Subject) (platform.Lock, error) {
	sort, err := c.Sort(s.ID)
	if err != nil {
		return platform.Lock{}, err
	}
	if sort != platform.Account {
		return platform.Lock{}, fault.New(fault.Invalid, "bad-subject", "%s is not an account; only those have locks.", s)
	}
	record, found, err := c.record(ctx, s.ID, LockCollection, LockKey)
	if errors.Is(err, errNotThere) {
		return platform.Lock{}, noSuchSubject(s, err)
	}
	if err != nil {
		return platform.Lock{}, err
	}
	if !found {
		return platform.Lock{}, nil
	}
	// The record locks by being there, whatever it holds.
	lock := platform.Lock{Set: true}
	var w struct {
		CreatedAt string `cbor:"createdAt"`
	}
	if err := strictly.Unmarshal(record, &w); err == nil {
		if at, err := parseTime(w.CreatedAt); err == nil {
			lock.Since = canonical.At(at)
		}
	}
	return lock, nil
}

// Limits of a message, in bytes.
const (
	maxTitle = 200
	maxText  = 20_000
)

// Notify sends the holder a mail. A PDS keeps no keys: Notify called twice sends twice,
// and after an unclear outcome only a person can find out whether the mail was sent.
func (c *Connector) Notify(ctx context.Context, _ string, s platform.Subject, title, text string) error {
	sort, err := c.Sort(s.ID)
	if err != nil {
		return err
	}
	if sort != platform.Account || title == "" || text == "" || len(title) > maxTitle || len(text) > maxText || strings.ContainsAny(title, "\r\n") {
		return fault.New(fault.Invalid, "bad-notice", "A message goes to an account and has a title of up to %d bytes in one line and a text of up to %d.", maxTitle, maxText)
	}
	var about struct {
		DID string `json:"did"`
	}
	if err := c.query(ctx, "com.atproto.server.describeServer", nil, &about); err != nil {
		return notSent(err)
	}
	if !isDID(about.DID) {
		return notPDS(nil)
	}
	err = c.procedure(ctx, "com.atproto.admin.sendEmail", map[string]any{
		"recipientDid": s.ID, "senderDid": about.DID, "subject": title,
		// The PDS sends it as HTML.
		"content": `<div style="white-space: pre-line">` + html.EscapeString(text) + `</div>`,
	})
	if r := asRefusal(err); r != nil && r.said.Message == "Recipient not found" {
		return noSuchSubject(s, err)
	}
	return err
}

// How late changes are seen.
const (
	backsOff = "a few milliseconds in a busy stream; up to 1 s in a quiet one, since the PDS looks for events more and more rarely"
	asRead   = "as late as the subject is read"
	never    = "never"
)

// record reads a record of an account, also while either is down. found is false if the PDS
// proves that there is no such record; an account that is not there is errNotThere.
func (c *Connector) record(ctx context.Context, did, collection, key string) (record []byte, found bool, err error) {
	car, err := c.fetch(ctx, "com.atproto.sync.getRecord", params{{"did", did}, {"collection", collection}, {"rkey", key}})
	if r := asRefusal(err); r != nil && r.name == "RepoNotFound" {
		return nil, false, errNotThere
	}
	if err != nil {
		return nil, false, err
	}
	record, found, err = findRecord(car, did, collection+"/"+key)
	if err != nil {
		return nil, false, unavailable("The PDS's answer about the record %s/%s of %s cannot be read.", collection, key, did).Because(err)
	}
	return record, found, nil
}

// Shows says which changes around the desk a PDS shows.
func (c *Connector) Shows() []platform.Showing {
	stream := func(change platform.Change, what, note string) platform.Showing {
		return platform.Showing{Change: change, What: what, Stream: true, Sweep: true, Late: backsOff, Note: note}
	}
	return []platform.Showing{
		stream(platform.AccountTakenDown, "an account is taken down", "Neither who did it nor the mark is told. The mark is read; a list of accounts has none."),
		stream(platform.AccountRestored, "an account is brought back", "Who did it is not told."),
		{Change: platform.AccountRemarked, What: "an account that is down comes under another mark", Stream: true, Sweep: true, Late: backsOff,
			Note: "It is announced as one more takedown. A list of accounts does not show it, reading the account does."},
		stream(platform.AccountDeactivated, "an account is deactivated", "By its holder or by an administrator: the PDS does not tell them apart, so somebody is paged to ask the holder. With the owner's lock it is a breach."),
		stream(platform.AccountReactivated, "an account is reactivated", "By its holder or by an administrator: the PDS does not tell them apart."),
		{Change: "account-deactivate-under-takedown", What: "an account that is down is deactivated as well", Late: "when the takedown is lifted",
			Note: "It is announced as one more takedown and reads as one."},
		stream(platform.AccountDeleted, "an account is deleted", "A sweep shows it by its absence. Nothing brings it back."),
		stream(platform.LockSet, "the owner's lock is set", "It is read from the repository itself, also while the account is down, and no takedown of the record hides it. Its date is its writer's word. The holder is told."),
		stream(platform.LockCleared, "the owner's lock is taken back", "The record is gone without a trace, and a PDS does not tell by which session: who has seen it counts the 72 hours from when they first saw it gone, also where the holder took back what somebody else had set."),
		{Change: platform.ContentTakenDown, What: "a record is taken down", Sweep: true, Late: asRead, Note: "The PDS announces nothing and lists no records: only reading the record shows it."},
		{Change: platform.ContentRestored, What: "a record is brought back", Sweep: true, Late: asRead, Note: "The PDS announces nothing and lists no records: only reading the record shows it."},
		{Change: platform.ContentDeleted, What: "a record is deleted", Sweep: true, Late: asRead, Note: "By its account, or by who signs in as it. The stream tells it as a commit, which is not followed."},
		{Change: "content-edit", What: "a record is edited", Late: never, Note: "By its account, or by who signs in as it."},
		{Change: "blob-takedown", What: "a picture or film is taken down by itself", Late: never, Note: "The PDS announces nothing, and blobs are no subjects here."},
		{Change: "handle", What: "an account's handle or keys change", Late: "when the account is next acted on", Note: "The stream tells it, but status and mark are the same. What burdens it under the old handle is refused; what relieves goes by the identifier."},
		{Change: "password", What: "an administrator changes an account's password", Late: never,
			Note: "Nothing shows it. Whoever did it can sign in as the owner, deactivate the account and take the owner's lock back; therefore a lock holds for 72 hours more, and the owner is told meanwhile."},
		{Change: "email", What: "an administrator changes an account's e-mail address", Late: never, Note: "Nothing shows it. Messages to the owner then go to the new address."},
		{Change: "sessions", What: "an account's sessions are ended", Late: never, Note: "Each call that sets or lifts a takedown does so, even one that changes nothing; that one is announced."},
	}
}
