// Package ledger is the form of Countersign's append-only record: what an entry
// is, how it is committed to, how entries become a tree and the tree a signed
// checkpoint, and how an outsider checks all of that again. It is pure: no file,
// no database, no network; whoever stores or serves a ledger is told here what
// to store and what to answer, byte for byte.
//
// # Formats
//
// These can never change; a later form gets another version in its first line.
//
// A leaf, the record the tree is built over, is four lines, each ended by a line
// feed, of a class, a number and a commitment, and tells nothing else:
//
//	countersign/leaf/v1
//	governance
//	17
//	q1vZ…=                                  (standard padded base64 of 32 bytes)
//
// The class is governance, desk or execution. Numbers are decimal, without
// leading zeros, at most 2^53-1, and count each class by itself from 0 without
// gap or repetition. A leaf's hash is that of RFC 6962: SHA-256(0x00 ‖ leaf).
//
// The commitment is SHA-256("countersign/entry/v1\n" ‖ salt ‖ body) with 32
// random bytes of salt; the body is one JSON document in the canonical form of
// RFC 8785 with exactly these members:
//
//	class   as in the leaf
//	data    an object; its members are the business of the kind
//	kind    1 to 64 characters a-z 0-9 . - _
//	number  as in the leaf
//	prev    governance, from number 1 on: "sha256:" and the SHA-256 in
//	        hexadecimal of the bytes of the governance leaf one number lower;
//	        otherwise the empty text
//	sealed  an object: name of a personal field → its commitment
//	time    UTC, to the microsecond, 27 characters; never before the time of
//	        the entry with the next lower index
//	v       "countersign/entry/v1"
//
// A personal field is not in data but sealed by itself, so that it can be erased
// by itself: SHA-256("countersign/field/v1\n" ‖ salt ‖ [name,value]) with 32
// random bytes of salt of its own and the pair as canonical JSON.
//
// The tree is that of RFC 6962; its head is a C2SP tlog-checkpoint without
// extension lines, a C2SP signed note whose log key (Ed25519, type 0x01) has the
// origin as its name; it is served as C2SP tlog-tiles, and a proof travels as
// c2sp.org/tlog-proof@v1 or inside a warrant. Witnesses cosign by C2SP
// tlog-cosignature v1 (type 0x04), and whom to believe is a C2SP tlog-policy.
//
// # Trust
//
// Nothing that is parsed is believed: every reader here accepts one spelling
// only and checks hashes and signatures itself. What Append is given as head is
// checked for inner agreement, but that it is the newest head is the store's
// promise (it holds the head row's lock), and that it was not rolled back is
// seen by followers and witnesses only.
package ledger

import (
	"fmt"
	"io"
	"maps"
	"time"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// maxNumber is the greatest integer that canonical JSON writes exactly.
const maxNumber = 1<<53 - 1

// saltSize is the length of every salt, so that none can be guessed and the
// salt's end needs no mark in what is hashed.
const saltSize = 32

// Class is one of the numbered sequences that the ledger interleaves. A class
// is in clear in the leaf so that a follower knows which bodies it must have.
type Class string

// The classes. The list is closed.
const (
	Governance Class = "governance" // who may do what: people, keys, tiers, policy, trust; one chain
	Desk       Class = "desk"       // what people did at the desk
	Execution  Class = "execution"  // the executor's intents, receipts and sightings
)

// Classes lists every class.
func Classes() []Class { return []Class{Governance, Desk, Execution} }

func (c Class) valid() bool { return c == Governance || c == Desk || c == Execution }

// Log is the writing end of one ledger.
type Log struct {
	Origin string      // the checkpoint's first line and the log key's name
	Signer note.Signer // the log key
	Rand   io.Reader   // source of salts
}

// Head is all that is needed to append: a holder of the head under a lock need not read
// an entry. It is a value; Append does not change the one it is given.
type Head struct {
	Size       int64            // number of entries
	Edge       Edge             // the tree's right edge
	Time       canonical.Time   // of the newest entry, or of the start
	Next       map[Class]int64  // the number that each class's next entry gets
	Governance canonical.Digest // SHA-256 of the newest governance leaf's bytes; zero before the first
	Checkpoint []byte           // signed note over Size and the edge's root
}

// AnyNumber as Draft.Expect means that the draft does not depend on the
// governance chain's length.
const AnyNumber int64 = -1

// Draft is an entry before it has a place.
type Draft struct {
	Class Class
	Kind  string
	Data  any // becomes canonical JSON, an object; nil is the empty one

	// Sealed are the personal fields. Append gives a salt to each that has none; fields that
	// were signed before bring theirs.
	Sealed []Opening

	// Expect is the number that the governance chain's next entry must have when this
	// draft's turn comes, counting earlier drafts of the same call; or AnyNumber. The zero
	// value is the strictest: an empty chain.
	Expect int64
}

// Entry is an entry in its place with everything that is kept about it. Anybody may have
// Leaf; rules say who may read the rest, and Openings and Salt may be erased.
type Entry struct {
	Index     int64 // in the tree
	Leaf      Leaf
	Body      Body
	BodyBytes []byte // Body in canonical form: what is committed to
	Salt      canonical.Bytes
	Openings  []Opening
}

// ErrMoved is in the chain of Append's error when a draft expected another length of the
// governance chain than it has by now. The draft has to be judged again.
var ErrMoved = fault.New(fault.Conflict, "governance-moved",
	"The rules or the people changed while this was being decided. Try again.")

// MovedError says which draft met ErrMoved, so that the others of its batch can go on without it.
type MovedError struct {
	Draft            int // position in the call
	Expected, Actual int64
}

func (e *MovedError) Error() string {
	return fmt.Sprintf("draft %d expected governance number %d, but %d is next", e.Draft, e.Expected, e.Actual)
}

// Unwrap returns ErrMoved.
func (e *MovedError) Unwrap() error { return ErrMoved }

// Start returns the head of the empty log, signed.
func (l *Log) Start(now time.Time) (Head, error) {
	h := Head{Time: canonical.At(now), Next: make(map[Class]int64, 3)}
	for _, c := range Classes() {
		h.Next[c] = 0
	}
	var err error
	h.Checkpoint, err = l.sign(h)
	return h, err
}

// Append gives the drafts their places after h, in their order, and returns the
// head after them, the entries, and the roots of the tiles that became full. It
// takes all drafts or, with an error, none. The new checkpoint must be shown to
// nobody before everything returned is durably stored: a checkpoint that was
// seen and then not kept is a fork.
func (l *Log) Append(h Head, drafts []Draft, now time.Time) (Head, []Entry, []Node, error) {
	if err := l.check(h); err != nil {
		return Head{}, nil, nil, fmt.Errorf("appending to the ledger: %w", err)
	}
	if len(drafts) == 0 {
		return h, nil, nil, nil
	}
	next := h
	next.Next = maps.Clone(h.Next)
	if t := canonical.At(now); t.After(h.Time.Time) {
		next.Time = t
	}
	entries := make([]Entry, 0, len(drafts))
	var nodes []Node
	for i, d := range drafts {
		if at := next.Next[Governance]; d.Expect != AnyNumber && d.Expect != at {
			return Head{}, nil, nil, &MovedError{Draft: i, Expected: d.Expect, Actual: at}
		}
		e, err := l.place(&next, d)
		if err != nil {
			return Head{}, nil, nil, fmt.Errorf("appending draft %d (%s, %s): %w", i, d.Class, d.Kind, err)
		}
		nodes = append(nodes, next.Edge.Add(e.Leaf.Hash())...)
		next.Size++
		entries = append(entries, e)
	}
	var err error
	if next.Checkpoint, err = l.sign(next); err != nil {
		return Head{}, nil, nil, err
	}
	return next, entries, nodes, nil
}

// place turns d into the next entry of its class and advances h's counters.
func (l *Log) place(h *Head, d Draft) (Entry, error) {
	body, openings, err := l.body(h, d)
	if err != nil {
		return Entry{}, err
	}
	raw, err := canonical.Marshal(body)
	if err != nil {
		return Entry{}, fmt.Errorf("writing the body: %w", err)
	}
	// An entry must be readable for ever, so it has to pass the reader's own checks.
	if body, err = ParseBody(raw); err != nil {
		return Entry{}, err
	}
	salt, err := l.salt()
	if err != nil {
		return Entry{}, err
	}
	leaf := Leaf{Class: d.Class, Number: body.Number, Commitment: Commitment(raw, salt)}
	h.Next[d.Class]++
	if d.Class == Governance {
		h.Governance = leaf.Digest()
	}
	return Entry{Index: h.Size, Leaf: leaf, Body: body, BodyBytes: raw, Salt: salt, Openings: openings}, nil
}

func (l *Log) body(h *Head, d Draft) (Body, []Opening, error) {
	b := Body{V: entryVersion, Class: d.Class, Number: h.Next[d.Class], Kind: d.Kind, Time: h.Time,
		Data: canonical.Raw("{}")}
	if d.Class == Governance {
		b.Prev = h.Governance
	}
	if d.Data != nil {
		data, err := canonical.Marshal(d.Data)
		if err != nil {
			return Body{}, nil, fmt.Errorf("writing the data: %w", err)
		}
		b.Data = data
	}
	var openings []Opening
	var err error
	b.Sealed, openings, err = l.seal(d.Sealed)
	return b, openings, err
}

// seal returns the commitments to personal fields, and the fields with their salts.
func (l *Log) seal(fields []Opening) (map[string]canonical.Digest, []Opening, error) {
	sealed := make(map[string]canonical.Digest, len(fields))
	openings := make([]Opening, 0, len(fields))
	for _, o := range fields {
		if len(o.Salt) == 0 {
			var err error
			if o.Salt, err = l.salt(); err != nil {
				return nil, nil, err
			}
		}
		c, err := o.Commitment()
		if err != nil {
			return nil, nil, err
		}
		if _, ok := sealed[o.Name]; ok {
			return nil, nil, fault.New(fault.Invalid, "entry-malformed", "The field %q is sealed twice.", o.Name)
		}
		sealed[o.Name] = c
		openings = append(openings, o)
	}
	return sealed, openings, nil
}

func (l *Log) salt() (canonical.Bytes, error) {
	s := make([]byte, saltSize)
	if _, err := io.ReadFull(l.Rand, s); err != nil {
		return nil, fmt.Errorf("no randomness for a salt: %w", err)
	}
	return s, nil
}

// check refuses a head whose parts do not belong together: signing over one
// would fork the log.
func (l *Log) check(h Head) error {
	var sum int64
	for c, n := range h.Next {
		if !c.valid() || n < 0 {
			return tampered("The ledger's head counts a class %q up to %d.", c, n)
		}
		sum += n
	}
	switch {
	case h.Size != sum:
		return tampered("The ledger's head says %d entries, its classes %d.", h.Size, sum)
	case h.Governance.IsZero() != (h.Next[Governance] == 0):
		return tampered("The ledger's head and its governance chain disagree.")
	case h.Time.IsZero():
		return tampered("The ledger's head has no time.")
	}
	c, err := unsigned(h.Checkpoint)
	if err != nil {
		return err
	}
	if want := (Checkpoint{Origin: l.Origin, Size: h.Size, Root: h.Edge.Root()}); c != want {
		return tampered("The ledger's head, with an edge of %d entries, and its checkpoint, of %d, disagree.", h.Edge.Size(), c.Size)
	}
	return nil
}

// Check makes the checks that Append makes of a head, and verifies the log key's
// signature on its checkpoint. It is for a head that was read from a store at start.
func (l *Log) Check(h Head, v note.Verifier) error {
	if err := l.check(h); err != nil {
		return err
	}
	_, err := ParseCheckpoint(h.Checkpoint, v)
	return err
}

func (l *Log) sign(h Head) ([]byte, error) {
	return Checkpoint{Origin: l.Origin, Size: h.Size, Root: h.Edge.Root()}.Sign(l.Signer)
}

// tampered is the error for stored or served parts of a ledger that contradict each other.
func tampered(format string, args ...any) *fault.Error {
	return fault.New(fault.Conflict, "ledger-tampered", format, args...)
}
