package plaza

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

const (
	eventBatch = 256
	// A reader that takes nothing for this long is dropped; it comes back with
	// its cursor.
	streamPatience = 30 * time.Second
)

// cursorGone refuses to continue a stream after an event that is not kept any more.
// Events may have been missed, so the reader must read the subjects themselves.
type cursorGone struct {
	why            *fault.Error
	oldest, newest int64
}

func (e *cursorGone) Error() string { return e.why.Error() }
func (e *cursorGone) Unwrap() error { return e.why }

// cursor returns the event after which the reader wants to go on. A reader that was cut
// off sends Last-Event-ID by itself, so that takes precedence.
func (c call) cursor() (after int64, given bool, err error) {
	text := c.r.Header.Get("Last-Event-ID")
	if text == "" {
		text = c.r.URL.Query().Get("after")
	}
	if text == "" {
		return 0, false, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		return 0, false, fault.New(fault.Invalid, "bad-cursor", "%s is not a cursor; send the id of the last event seen, or 0.", quote(text))
	}
	return n, true, nil
}

// getEvents streams changes of status, mark and locks in the order of their commits. It
// reads them from the database, where they were committed with the change, so a frame
// never announces a change that might still be undone.
func (s *Server) getEvents(c call) error {
	after, given, err := c.cursor()
	if err != nil {
		return err
	}
	var oldest, newest int64
	err = s.db.Read(c.r.Context(), func(tx *sqldb.Tx) (err error) {
		oldest, newest, err = eventRange(tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the range of events: %w", err)
	}
	if !given {
		after = newest
	}
	if after < oldest-1 || after > newest {
		return &cursorGone{fault.New(fault.Expired, "cursor-gone",
			"Events after %d cannot be told apart any more; read the subjects, then go on after %d.", after, newest), oldest - 1, newest}
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		return fault.New(fault.Unavailable, "too-many-streams", "Too many event streams are open; close one or try again.")
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	c.w.WriteHeader(http.StatusOK)
	// From here on an error only ends the stream; the reader resumes.
	if err := s.stream(c, after); err != nil && c.r.Context().Err() == nil {
		s.log.InfoContext(c.r.Context(), "event stream ended", "holder", c.holder, "error", err)
	}
	return nil
}

func (s *Server) stream(c call, after int64) error {
	out := http.NewResponseController(c.w)
	send := func(format string, args ...any) error {
		if err := out.SetWriteDeadline(time.Now().Add(streamPatience)); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.w, format, args...)
		return err
	}
	if err := send("event: open\nid: %d\ndata: {\"after\":%d}\n\n", after, after); err != nil {
		return err
	}
	woken, stop := s.db.Listen(eventSignal)
	defer stop()
	beat := time.NewTicker(s.heartbeat)
	defer beat.Stop()
	for {
		var events []announcement
		err := s.db.Read(c.r.Context(), func(tx *sqldb.Tx) (err error) {
			events, err = eventsAfter(tx, after, eventBatch)
			return err
		})
		if err != nil {
			return fmt.Errorf("reading events: %w", err)
		}
		for _, e := range events {
			if e.ID != after+1 {
				return fmt.Errorf("the reader fell behind: after %d comes %d", after, e.ID)
			}
			after = e.ID
			if err := send("event: %s\nid: %d\ndata: %s\n\n", e.name, e.ID, canonical.MustMarshal(e.Event)); err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
		if len(events) == eventBatch {
			continue
		}
		select {
		case <-woken:
		case <-beat.C:
			// The tables are read again as well, in case another process
			// on the same database made a change.
			if err := send(": still here\n\n"); err != nil {
				return err
			}
			if _, err := s.authenticate(c.r, StaffScope); err != nil {
				return err // the token was revoked meanwhile
			}
		case <-s.closed:
			return nil
		case <-c.r.Context().Done():
			return nil
		}
	}
}
