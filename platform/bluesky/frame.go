package bluesky

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// Kind is the kind of an Event.
type Kind string

// The kinds of events that are reported.
const (
	AccountEvent  Kind = "account"  // the account's standing was set
	CommitEvent   Kind = "commit"   // its repository changed
	SyncEvent     Kind = "sync"     // its repository was replaced as a whole
	IdentityEvent Kind = "identity" // its handle or keys may have changed
)

// Event is an announcement of the PDS about an account. It says only where to look; the
// state is read.
type Event struct {
	ID      int64 // the cursor to go on after
	Kind    Kind
	Subject platform.Subject // an account; with the handle if an identity event tells it
	At      canonical.Time   // when the PDS put it in order

	// The next three are of account events. Standing is the PDS's own word, "" if active
	// with nothing to say. Status is "" if that word has no counterpart here.
	Active   bool
	Standing string // "takendown", "deactivated", "suspended", "deleted" …
	Status   platform.Status

	// The rest is of commit and sync events.
	Rev        string
	Operations []Operation // of a commit only
	Untold     bool        // the commit did more than the PDS lists: any record may have changed
}

// Operation is the change of one record by a commit.
type Operation struct {
	Action string // "create", "update", "delete"
	Path   string // "COLLECTION/KEY"
}

// The longest strings by the protocol, rounded up.
const (
	maxWord       = 64  // a type, an action, a standing, a revision, a time
	maxHandle     = 253 //
	maxPath       = 317 + 1 + 512
	maxOperations = 10_000 // 200 by the protocol; earlier versions allowed more for imports
	maxDepth      = 16
)

// strictly reads DAG-CBOR with the strictness that is needed here: each frame has one
// reading, and nothing in it can grow without bound.
var strictly = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		MaxNestedLevels:   maxDepth,
		MaxArrayElements:  maxOperations,
		MaxMapPairs:       maxOperations,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		TimeTag:           cbor.DecTagIgnored,
		NaN:               cbor.NaNDecodeForbidden,
		Inf:               cbor.InfDecodeForbidden,
	}.DecMode()
	if err != nil {
		panic(err) // the options above are constants
	}
	return m
}()

// parseFrame reads one message: a header and a body, one after the other. The Kind is ""
// for a frame that is to be skipped. An error that the other end sent is returned as one.
func parseFrame(data []byte) (Event, error) {
	var header struct {
		Op   int64  `cbor:"op"`
		Type string `cbor:"t"`
	}
	rest, err := strictly.UnmarshalFirst(data, &header)
	if err != nil {
		return Event{}, unreadable("The PDS sent a frame whose header cannot be read.").Because(err)
	}
	switch {
	case header.Op == -1:
		return Event{}, parseError(rest)
	case header.Op != 1 || header.Type == "" || len(header.Type) > maxWord:
		return Event{}, unreadable("The PDS sent a frame that is neither a message nor an error.")
	}
	switch header.Type {
	case "#account", "#commit", "#sync", "#identity":
		return parseEvent(Kind(header.Type[1:]), rest)
	case "#info":
		return Event{}, parseInfo(rest)
	}
	var w struct {
		Seq int64 `cbor:"seq"`
	}
	if err := strictly.Unmarshal(rest, &w); err != nil || w.Seq < 0 {
		return Event{}, unreadable("The PDS sent a frame of type %q that cannot be read.", header.Type).Because(err)
	}
	return Event{ID: w.Seq}, nil
}

func parseEvent(kind Kind, body []byte) (Event, error) {
	var w struct {
		Seq    int64  `cbor:"seq"`
		Time   string `cbor:"time"`
		DID    string `cbor:"did"`
		Repo   string `cbor:"repo"` // a commit's name for it
		Handle string `cbor:"handle"`
		Active *bool  `cbor:"active"`
		Status string `cbor:"status"`
		Rev    string `cbor:"rev"`
		TooBig bool   `cbor:"tooBig"`
		Ops    []struct {
			Action string `cbor:"action"`
			Path   string `cbor:"path"`
		} `cbor:"ops"`
	}
	bad := func(what string, cause error) (Event, error) {
		return Event{}, unreadable("The PDS sent a frame of type %q with %s that cannot be read.", kind, what).Because(cause)
	}
	if err := strictly.Unmarshal(body, &w); err != nil {
		return bad("a body", err)
	}
	if w.Seq < 1 {
		return bad("a number", nil)
	}
	e := Event{ID: w.Seq, Kind: kind, Subject: platform.Subject{ID: w.DID}}
	if kind == CommitEvent {
		e.Subject.ID = w.Repo
	}
	if !isDID(e.Subject.ID) {
		return bad("an account", nil)
	}
	if len(w.Time) > maxWord {
		return bad("a time", nil)
	}
	at, err := parseTime(w.Time)
	if err != nil {
		return bad("a time", err)
	}
	e.At = canonical.At(at)
	switch kind {
	case AccountEvent:
		if w.Active == nil || len(w.Status) > maxWord {
			return bad("a standing", nil)
		}
		e.Active, e.Standing = *w.Active, w.Status
		e.Status = standing(e.Active, e.Standing)
	case IdentityEvent:
		// The account is known by its identifier, so a handle that cannot be read does not end
		// the stream.
		if h := strings.ToLower(w.Handle); len(h) <= maxHandle && handleSyntax.MatchString(h) {
			e.Subject.Handle = h
		}
	case CommitEvent, SyncEvent:
		if w.Rev == "" || len(w.Rev) > maxWord {
			return bad("a revision", nil)
		}
		e.Rev, e.Untold = w.Rev, w.TooBig
		for _, o := range w.Ops {
			if o.Action == "" || len(o.Action) > maxWord || o.Path == "" || len(o.Path) > maxPath {
				return bad("an operation", nil)
			}
			e.Operations = append(e.Operations, Operation(o))
		}
	}
	return e, nil
}

// timeSyntax is RFC 3339's. Package time is looser: it accepts hours of one digit, and a
// comma before the fraction.
var timeSyntax = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$`)

// parseTime reads a time in the PDS's form.
func parseTime(text string) (time.Time, error) {
	if !timeSyntax.MatchString(text) {
		return time.Time{}, fmt.Errorf("%.64q is no time of RFC 3339", text)
	}
	return time.Parse(time.RFC3339, text)
}

// standing translates the PDS's word for an account. A suspension has no counterpart:
// this connector can neither set nor lift it.
func standing(active bool, word string) platform.Status {
	switch {
	case active:
		return platform.Up
	case word == "takendown":
		return platform.Down
	case word == "deactivated":
		return platform.Deactivated
	case word == "deleted":
		return platform.Deleted
	}
	return ""
}

// parseInfo reads a note about the stream; only one is known.
func parseInfo(body []byte) error {
	var w struct {
		Name string `cbor:"name"`
	}
	if err := strictly.Unmarshal(body, &w); err != nil {
		return unreadable("The PDS sent a note that cannot be read.").Because(err)
	}
	if w.Name == "OutdatedCursor" {
		return cursorGone("The PDS no longer keeps all events after this place")
	}
	return nil
}

func parseError(body []byte) error {
	var w struct {
		Error   string `cbor:"error"`
		Message string `cbor:"message"`
	}
	if err := strictly.Unmarshal(body, &w); err != nil || w.Error == "" {
		return unreadable("The PDS sent an error that cannot be read.").Because(err)
	}
	said := &refusal{name: w.Error}
	said.said.Error, said.said.Message = w.Error, w.Message
	switch w.Error {
	case "FutureCursor":
		return cursorGone("The PDS has not come to this place yet, so it was put back to an older state or is another one").Because(said)
	case "ConsumerTooSlow":
		return fault.New(fault.Unavailable, "stream-ended",
			"The PDS ended its event stream, since it was not read fast enough; open it again after the last event.").Because(said)
	}
	return fault.New(fault.Unavailable, "stream-ended",
		"The PDS ended its event stream with %q; open it again after the last event.", clip(w.Error)).Because(said)
}

func ended(cause error) *fault.Error {
	return fault.New(fault.Unavailable, "stream-ended", "The PDS's event stream ended; open it again after the last event.").Because(cause)
}

func cursorGone(why string) *fault.Error {
	return fault.New(fault.Expired, "cursor-gone", "%s; follow from now on and read the subjects.", why)
}

func unreadable(format string, args ...any) *fault.Error {
	return fault.New(fault.Unavailable, "stream-unreadable",
		format+" If it comes again, follow from now on and read the subjects.", args...)
}
