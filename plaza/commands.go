package plaza

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

var keyForm = regexp.MustCompile(`^[A-Za-z0-9._~:-]{1,200}$`)

func checkKey(key string) error {
	if !keyForm.MatchString(key) {
		return fault.New(fault.Invalid, "bad-key", "An Idempotency-Key is 1 to 200 letters, digits, dots, dashes, underscores, tildes and colons.")
	}
	return nil
}

func (s *Server) postCommand(c call) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	command, err := ParseCommand(body)
	if err != nil {
		return err
	}
	e, err := s.carryOut(c.r.Context(), c.holder, key, command, c.arrived)
	if err != nil {
		return err
	}
	e.write(c)
	return nil
}

// key returns the one key of a request.
func (c call) key() (string, error) {
	keys := c.r.Header.Values("Idempotency-Key")
	if len(keys) != 1 {
		return "", fault.New(fault.Invalid, "bad-key", "Send one Idempotency-Key header; it is what the command can be asked about by.")
	}
	return keys[0], checkKey(keys[0])
}

// write repeats the first answer.
func (e entry) write(c call) {
	mediaType := jsonType
	if e.http != http.StatusOK {
		mediaType = problemType
	}
	writeBytes(c.w, e.http, mediaType, []byte(e.answer))
}

// carryOut carries out a command once for its key, in one transaction with its event and
// the row that remembers its answer. An error means that nothing happened and nothing was
// remembered, unless it is sqldb.ErrUnknown.
func (s *Server) carryOut(ctx context.Context, holder, key string, c Command, arrived time.Time) (entry, error) {
	return s.once(ctx, holder, key, canonical.DigestOf(c).String(), arrived, func(tx *sqldb.Tx, now time.Time) (any, error) {
		return s.change(tx, holder, key, c, now)
	})
}

// once does something once for a holder's key and remembers the answer in the same
// transaction; digest identifies the request. Errors are those of carryOut.
func (s *Server) once(ctx context.Context, holder, key, digest string, arrived time.Time, do func(tx *sqldb.Tx, now time.Time) (any, error)) (entry, error) {
	var e entry
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		e = entry{}
		now := s.now()
		if now.Sub(arrived) >= RequestLife {
			return fault.New(fault.Unavailable, "too-late", "The command waited longer than %v and was dropped.", RequestLife)
		}
		prior, found, err := commandEntry(tx, holder, key)
		if err != nil {
			return fmt.Errorf("reading command %q: %w", key, err)
		}
		if found {
			e, err = prior.again(digest)
			return err
		}
		receipt, err := do(tx, now)
		switch kind := fault.KindOf(err); {
		case errors.Is(err, sqldb.ErrAgain):
			return err // nothing was decided yet
		case err == nil:
			e = entry{digest, done, http.StatusOK, string(canonical.MustMarshal(receipt))}
		case kind == fault.Conflict || kind == fault.NotFound:
			// A refusal is remembered as well: a refused command must not take effect when it is
			// sent again later.
			p := problemOf(err)
			e = entry{digest, refused, p.Status, string(canonical.MustMarshal(p))}
		default:
			return err
		}
		return keepCommand(tx, holder, key, e, now)
	})
	return e, err
}

// again answers a command whose key was used before.
func (e entry) again(digest string) (entry, error) {
	switch {
	case e.outcome == fenced:
		return entry{}, fault.New(fault.Conflict, "key-fenced", "This key was asked about before its command arrived, so the command is not carried out.")
	case e.digest != digest:
		return entry{}, fault.New(fault.Invalid, keyReused, "This key belongs to another command.")
	}
	return e, nil
}

// change compares and sets one layer of one subject and records the event, or sends a
// warning.
func (s *Server) change(tx *sqldb.Tx, holder, key string, c Command, now time.Time) (Receipt, error) {
	id, err := parseID(c.Subject.ID)
	if err != nil {
		return Receipt{}, err
	}
	if err := s.offers(c); err != nil {
		return Receipt{}, err // asked here, so that a key that was used keeps its answer
	}
	if err := inOrder(tx); err != nil {
		return Receipt{}, err
	}
	before, err := stateOf(tx, id, now)
	if err != nil {
		return Receipt{}, err
	}
	leave, err := c.decide(before)
	if err != nil {
		return Receipt{}, err
	}
	after := before
	switch {
	case c.Verb == Warn:
		err = s.warn(tx, holder, key, id, c.Text, now)
	case c.Layer != VisibilityLayer:
		after, err = s.cover(tx, holder, id, before, c.Layer, leave, now)
	default:
		after, err = s.move(tx, holder, id, before, leave, now)
	}
	if err != nil {
		return Receipt{}, err
	}
	if leave.status == Deleted {
		if err := s.deleteRest(tx, holder, id, now); err != nil {
			return Receipt{}, err
		}
	}
	return Receipt{Key: key, Verb: c.Verb, Before: before, After: after}, nil
}

// move sets a subject and records the event, in the name of by. A takedown remembers
// whether the account was deactivated. If a deactivation shows when the takedown is
// lifted, its event names the person who made it.
func (s *Server) move(tx *sqldb.Tx, by string, id subjectID, before State, leave left, now time.Time) (State, error) {
	after, status := before, leave.status
	after.Status, after.Mark, after.span.until = status, leave.mark, leave.until
	if status != before.Status {
		after.span.since = canonical.At(now)
	}
	if status == Deleted {
		after.Layers = nil // erased with it
	}
	switch {
	case status == Deactivated && before.Status == Down:
		by = before.off.by
	case status == Deactivated:
		after.off = off{true, by}
	case status != Down:
		after.off = off{}
	}
	rev, ok, err := set(tx, id, before, after)
	if err != nil {
		return State{}, fmt.Errorf("changing %s: %w", id, err)
	}
	if !ok {
		return State{}, sqldb.ErrAgain // another process was faster
	}
	after.Rev = rev
	if err := record(tx, changeEvent, after, by, now, s.backlog); err != nil {
		return State{}, fmt.Errorf("recording the change of %s: %w", id, err)
	}
	return after, nil
}

// deleteRest deletes an account's posts with it and erases their texts.
func (s *Server) deleteRest(tx *sqldb.Tx, holder string, id subjectID, now time.Time) error {
	if err := keep(tx, id, now); err != nil {
		return err
	}
	if id.sort == Account {
		posts, err := postsLeft(tx, id.number)
		if err != nil {
			return err
		}
		for _, p := range posts {
			before, err := stateOf(tx, p, now)
			if err != nil {
				return err
			}
			if _, err := s.move(tx, holder, p, before, left{status: Deleted}, now); err != nil {
				return err
			}
		}
	}
	return erase(tx, id)
}

// lookup is the answer to a question about a key.
type lookup struct {
	Key     string         `json:"key"`
	Outcome string         `json:"outcome"` // done, refused or unknown
	Fenced  bool           `json:"fenced"`  // the outcome is unknown, and a later command with this key will be refused
	Receipt jsontext.Value `json:"receipt,omitempty"`
	Problem jsontext.Value `json:"problem,omitempty"`
}

// getCommand returns the outcome of a command. An unknown key is fenced in the same
// transaction, so that no command can slip in between the question and its answer.
func (s *Server) getCommand(c call) error {
	key := c.r.PathValue("key")
	if err := checkKey(key); err != nil {
		return err
	}
	var e entry
	var found bool
	err := s.db.Read(c.r.Context(), func(tx *sqldb.Tx) (err error) {
		e, found, err = commandEntry(tx, c.holder, key)
		return err
	})
	if err == nil && !found {
		err = s.db.Write(c.r.Context(), func(tx *sqldb.Tx) (err error) {
			if e, found, err = commandEntry(tx, c.holder, key); err != nil || found {
				return err
			}
			e = entry{outcome: fenced}
			return keepCommand(tx, c.holder, key, e, s.now())
		})
	}
	if err != nil {
		return fmt.Errorf("looking up command %q: %w", key, err)
	}
	l := lookup{Key: key, Outcome: string(e.outcome)}
	switch e.outcome {
	case done:
		l.Receipt = jsontext.Value(e.answer)
	case refused:
		l.Problem = jsontext.Value(e.answer)
	case fenced:
		l.Outcome, l.Fenced = "unknown", true
	}
	writeJSON(c.w, http.StatusOK, jsonType, l)
	return nil
}
