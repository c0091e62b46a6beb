package bluesky

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"countersign.dev/fault"
)

// FromNow asks Events for changes that happen from now on.
const FromNow int64 = -1

// frameLimit bounds a frame; the protocol's own limit for one is 5 MB.
const frameLimit = 5 << 20

// Stream is an open event stream. It is for one goroutine, only Close may be
// called by another; end it by Close or by the context it was opened with.
type Stream struct {
	c        *Connector
	ctx      context.Context
	conn     *websocket.Conn
	cursor   int64
	arrived  atomic.Int64 // frames and failures: a probe that sees a new one need not judge
	silent   atomic.Bool  // a probe ended the connection
	released func() error
}

// Events follows the PDS's com.atproto.sync.subscribeRepos after the event with
// the number after, or FromNow. The stream is public: the administrator's
// password is not sent.
//
// A fault of type "cursor-gone", which Next returns, means that events may have
// been missed, since the PDS replays those of one day only, unless it is set
// otherwise, or was put back to an older state. Then, and whenever a stream
// begins FromNow, open first and read the subjects after (ListRepos), so that
// nothing falls between the two.
// The PDS does not say when it began to listen: a change within the very moment
// of opening may show in neither, but does in the next sweep.
//
// What the PDS shows: each change of an account's standing (taken down,
// deactivated, deleted, active again), of its handle or keys, and each commit
// to its repository. Setting what is already set is announced as well.
//
// What it does not show:
//
//   - who did it: a staff member, another tool or, of a deactivation, the holder;
//   - a takedown's ref, and so whether the measure is ours: read the state;
//   - takedowns of records, and an administrator's change of password or e-mail;
//   - a deactivation under a takedown: it is announced as "takendown" again;
//   - the change itself: it reads the account after the change and announces
//     what it finds, so two changes at once may both show as the later;
//   - what came between two reports of a cursor, if the account was deleted:
//     its older events are removed. Numbers may therefore be left out, and that
//     nothing was lost cannot be seen from them; they only ever rise.
//
// It backs off when quiet: a change after some seconds of rest is announced up
// to a second late, in a busy stream within milliseconds. Where that is too
// late, the state has to be asked for.
func (c *Connector) Events(ctx context.Context, after int64) (*Stream, error) {
	if after < FromNow {
		return nil, fault.New(fault.Invalid, "bad-cursor", "%d is not a place in an event stream; give a number that was reported, or FromNow.", after)
	}
	address := c.base + "com.atproto.sync.subscribeRepos"
	if after != FromNow {
		address += "?cursor=" + strconv.FormatInt(after, 10)
	}
	// The client's timeout, which is our patience, bounds only the handshake.
	conn, res, err := websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPClient: c.client,
		HTTPHeader: http.Header{"User-Agent": {"countersign"}},
	})
	if err != nil {
		return nil, c.noStream(res, err)
	}
	conn.SetReadLimit(frameLimit)
	s := &Stream{c: c, ctx: ctx, conn: conn, cursor: after}
	s.released = sync.OnceValue(conn.CloseNow)
	return s, nil
}

// noStream says why there was no handshake.
func (c *Connector) noStream(res *http.Response, cause error) error {
	switch {
	case res == nil:
		return unavailable("The event stream of the PDS cannot be reached.").Because(cause)
	case res.StatusCode == http.StatusTooManyRequests:
		return throttled(res.Header.Get("Retry-After")).Because(cause)
	case res.StatusCode == http.StatusRequestTimeout, res.StatusCode >= 500 && res.StatusCode != http.StatusNotImplemented:
		return unavailable("The PDS answers with an error of its own (%d) instead of an event stream.", res.StatusCode).Because(cause)
	default:
		return fault.New(fault.Unsupported, "not-a-pds",
			"What answers there (%d) gives no event stream; check the address, and that WebSocket passes whatever stands before the PDS.", res.StatusCode).Because(cause)
	}
}

// Cursor is the event after which the stream goes on. It is FromNow until an event has
// come: a stream that ends before leaves no event to go on after.
func (s *Stream) Cursor() int64 { return s.cursor }

// Close ends the stream, even while a Next waits.
func (s *Stream) Close() error {
	if err := s.released(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Next waits for the next event. Frames of unknown types move the cursor and are skipped.
// After an error the stream is closed: open another one after Cursor.
//
// While nothing comes it asks the PDS, every Patience, whether the connection lives. A
// fault of type "stream-silent" means that no answer came either.
func (s *Stream) Next() (Event, error) {
	for {
		data, err := s.receive()
		if err == nil {
			var e Event
			if e, err = parseFrame(data); err == nil {
				err = s.follow(e)
			}
			if err == nil && e.Kind != "" {
				e.Subject.Platform = s.c.config.Name
				return e, nil
			}
		}
		if err != nil {
			_ = s.released() // the failure that matters is the one that is returned
			return Event{}, err
		}
	}
}

// follow moves the cursor. A frame without a number, such as a note, leaves it.
func (s *Stream) follow(e Event) error {
	switch {
	case e.ID == 0 && e.Kind == "":
		return nil
	case e.ID <= s.cursor:
		return unreadable("The PDS sent event %d after event %d.", e.ID, s.cursor)
	}
	s.cursor = e.ID
	return nil
}

// receive reads one message.
func (s *Stream) receive() ([]byte, error) {
	waiting := s.arrived.Load()
	probe := time.AfterFunc(s.c.config.Patience, func() { s.probe(waiting) })
	kind, data, err := s.conn.Read(s.ctx)
	s.arrived.Add(1)
	probe.Stop()
	switch {
	case s.silent.Load():
		return nil, fault.New(fault.Unavailable, "stream-silent",
			"The PDS's event stream is dead: it sends nothing and does not answer; open it again.").Because(err)
	case errors.Is(err, websocket.ErrMessageTooBig):
		return nil, unreadable("The PDS sent a frame of more than %d bytes.", frameLimit)
	case err != nil:
		return nil, ended(err)
	case kind != websocket.MessageBinary:
		return nil, unreadable("The PDS sent text where a frame was due.")
	}
	return data, nil
}

// probe asks whether the other end lives, again and again while the same message is
// waited for. It judges only if no frame came while it asked: without a Next that reads,
// a pong is not received.
func (s *Stream) probe(waiting int64) {
	if s.arrived.Load() != waiting {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.c.config.Patience)
	defer cancel()
	err := s.conn.Ping(ctx)
	switch {
	case s.arrived.Load() != waiting || s.ctx.Err() != nil:
	case err != nil:
		s.silent.Store(true)
		_ = s.released() // Next reports it
	default:
		time.AfterFunc(s.c.config.Patience, func() { s.probe(waiting) })
	}
}
