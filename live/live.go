// Package live tells a page what has changed, as server-sent events: “case 12 changed, its version
// is 7”. The page then reads again what it shows. A stream carries a sort, an identifier and a
// version, and nothing else ever; whether somebody may hear of a thing is decided by the desk, at
// the beginning and again whenever the thing or the rights have changed.
//
// It trusts Config.Caller to know who asks. It promises that a reader who is slow or gone costs
// nobody else anything, and that whoever comes back with the position of the last event hears
// of all that was missed, or is told to read everything again.
package live

import (
	"cmp"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"countersign.dev/desk"
	"countersign.dev/fault"
	"countersign.dev/httpd"
	"countersign.dev/news"
)

// Times of a stream. Lists change with many things, so that a stream tells of them at its own beat,
// which begins at a moment left to chance: a page that shows lists reads about once a second, and
// the pages of many people read one after the other. A case and a request are told of at once.
const (
	beat      = 900 * time.Millisecond
	heartbeat = 25 * time.Second // shorter than the patience of proxies
	writeTime = 10 * time.Second // a reader who has not taken an event by then is cut, and comes back
	comeBack  = 1500             // milliseconds before a page comes back, and up to as many more
)

// mostStreams is the largest number of streams of one sign-in: eight tabs, and those that a
// browser has left and the desk does not know of yet.
const mostStreams = 24

// Follower is the part of the desk that a stream needs.
type Follower interface {
	Follow(ctx context.Context, by desk.Caller, sight desk.Sight, after string) (*desk.Following, error)
}

// Config holds what a handler needs.
type Config struct {
	Desk   Follower
	Caller func(*http.Request) (desk.Caller, error)
}

// Handler answers GET /live. The query says what the page shows: case=ID, request=ID and
// queue=NAME, each perhaps several times, and list=work, list=waiting, list=alarms or list=inbox. after=MOMENT
// is the moment (desk.Desk.Moment) before the page read what it shows; a browser that comes back
// sends Last-Event-ID instead. Without either the stream begins with “again”.
//
// The events are
//
//	change  {"sort":"case","id":"cas_…","version":7}   sorts are those of package news; lists have no version, and work, waiting, alarms and inbox no id; a case with version 0 is not the caller's to read any more
//	again   {}   read everything again
//	over    {}   the sign-in has ended
type Handler struct {
	config Config

	mu      sync.Mutex
	streams map[string]int // by token
}

// New returns a handler.
func New(c Config) *Handler { return &Handler{config: c, streams: map[string]int{}} }

// Streams returns how many streams are open.
func (h *Handler) Streams() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, of := range h.streams {
		n += of
	}
	return n
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	by, err := h.config.Caller(r)
	if err != nil {
		httpd.Fail(w, r, err)
		return
	}
	query := r.URL.Query()
	sight, err := sightOf(query)
	if err != nil {
		httpd.Fail(w, r, err)
		return
	}
	if !h.enter(by.Token) {
		httpd.Fail(w, r, fault.New(fault.Exhausted, "too-many-streams", "%d pages of this sign-in are live already. Close some of them.", mostStreams))
		return
	}
	defer h.leave(by.Token)
	f, err := h.config.Desk.Follow(r.Context(), by, sight, cmp.Or(r.Header.Get("Last-Event-ID"), query.Get("after")))
	if err != nil {
		httpd.Fail(w, r, err)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		return
	}
	s := stream{f: f, w: w, rc: http.NewResponseController(w)}
	// The server's time for reading a request is over before a stream is.
	_ = s.rc.SetReadDeadline(time.Time{})
	s.run(r.Context(), httpd.Ended(r.Context()))
}

func (h *Handler) enter(token string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams[token] >= mostStreams {
		return false
	}
	h.streams[token]++
	return true
}

func (h *Handler) leave(token string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams[token]--; h.streams[token] == 0 {
		delete(h.streams, token)
	}
}

// sightOf reads what a page shows.
func sightOf(query url.Values) (desk.Sight, error) {
	s := desk.Sight{Cases: only(query["case"]), Requests: only(query["request"]), Queues: only(query["queue"])}
	for _, list := range query["list"] {
		switch list {
		case string(news.Work):
			s.Work = true
		case string(news.Waiting):
			s.Waiting = true
		case string(news.Alarms):
			s.Alarms = true
		case string(news.Inbox):
			s.Inbox = true
		default:
			return s, fault.New(fault.Invalid, "bad-parameter", "A page follows the lists work, waiting, alarms and inbox.")
		}
	}
	for _, id := range slices.Concat(s.Cases, s.Requests, s.Queues) {
		if id == "" || len(id) > 100 {
			return s, fault.New(fault.Invalid, "bad-parameter", "A page names what it follows.")
		}
	}
	return s, nil
}

// only returns the values, each once.
func only(all []string) []string { return slices.Compact(slices.Sorted(slices.Values(all))) }

// following is what a stream asks of a desk.Following.
type following interface {
	Woken() <-chan struct{}
	Take(ctx context.Context) (desk.Change, error)
}

// stream is one open stream.
type stream struct {
	f  following
	w  http.ResponseWriter
	rc *http.ResponseController

	held  []news.Event // lists that wait for the beat
	again bool         // waits for it as well
}

// run writes until the reader, the sign-in or the server is gone.
func (s *stream) run(ctx context.Context, closing <-chan struct{}) {
	start := time.Now().Add(-rand.N(beat))
	// What was missed before the beginning is told at once.
	out := append(strconv.AppendInt([]byte("retry: "), int64(comeBack+rand.N(comeBack)), 10), "\n\n"...)
	moment, out, ok := s.take(ctx, out)
	out = s.release(out, moment)
	if s.write(out) != nil || !ok {
		return
	}
	timer := time.NewTimer(heartbeat)
	defer timer.Stop()
	for {
		beats := false
		select {
		case <-s.f.Woken():
		case <-timer.C:
			beats = true
		case <-ctx.Done():
			return
		case <-closing:
			return
		}
		holding := s.holding()
		moment, out, ok = s.take(ctx, nil)
		switch {
		case !ok:
		case beats && holding:
			out = s.release(out, moment)
		case beats:
			out = append(out, ":\n"...)
			fallthrough
		case len(out) > 0:
			out = s.position(out, moment)
		}
		if len(out) > 0 && s.write(out) != nil || !ok {
			return
		}
		switch {
		case !s.holding():
			timer.Reset(heartbeat)
		case !holding || beats: // from now on something waits for the beat
			timer.Reset(beat - time.Since(start)%beat)
		}
	}
}

func (s *stream) holding() bool { return s.again || len(s.held) > 0 }

// take reads what has changed. It appends the events that are told at once, and holds the others
// back. ok is false if the stream has to end.
func (s *stream) take(ctx context.Context, out []byte) (moment string, _ []byte, ok bool) {
	change, err := s.f.Take(ctx)
	switch kind := fault.KindOf(err); {
	case err == nil:
	case kind == fault.Unauthenticated || fault.Is(err, "engagement-ended"):
		return "", append(out, "event: over\ndata: {}\n\n"...), false
	default:
		return "", out, false // the page comes back, and is told why it may not
	}
	s.again = s.again || change.Again
	for _, e := range change.Events {
		switch {
		case !e.Sort.List():
			out = appendEvent(out, e)
		case !slices.Contains(s.held, e):
			s.held = append(s.held, e)
		}
	}
	return change.Moment, out, true
}

// release appends what is held back, and the position.
func (s *stream) release(out []byte, moment string) []byte {
	if s.again {
		out = append(out, "event: again\ndata: {}\n\n"...)
	} else {
		for _, e := range s.held {
			out = appendEvent(out, e)
		}
	}
	s.held, s.again = nil, false
	return s.position(out, moment)
}

// position appends the position from which a page that comes back goes on. There is none while
// something is held back: whoever comes back then is told of it from the position before.
func (s *stream) position(out []byte, moment string) []byte {
	if s.holding() || moment == "" {
		return out
	}
	return append(append(append(out, "id: "...), moment...), "\n\n"...)
}

func (s *stream) write(out []byte) error {
	if err := s.rc.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	if _, err := s.w.Write(out); err != nil {
		return err
	}
	if err := s.rc.Flush(); err != nil {
		return err
	}
	// Over HTTP/2 a deadline ends a stream also while nothing is written.
	return s.rc.SetWriteDeadline(time.Time{})
}

// told is the data of an event: it has no room for content.
type told struct {
	Sort    news.Sort `json:"sort"`
	ID      string    `json:"id,omitempty"`
	Version *int64    `json:"version,omitempty"`
}

func appendEvent(out []byte, e news.Event) []byte {
	t := told{Sort: e.Sort, ID: e.ID}
	if !e.Sort.List() {
		t.Version = &e.Version
	}
	data, err := json.Marshal(t)
	if err != nil {
		return out // strings and numbers always have a form
	}
	out = append(out, "event: change\ndata: "...)
	return append(append(out, data...), "\n\n"...)
}
