package plaza

import (
	"bufio"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// FromNow asks Events for changes that happen from now on.
const FromNow int64 = -1

const frameLimit = 16 << 10

// Event is one change of a layer of a subject, or of its owner's lock, as the platform
// announced it. It says only where to look; the state is read.
type Event struct {
	ID      int64 // the cursor to go on after
	Subject platform.Subject
	Layer   platform.Layer // that has changed; Status, Mark and Rev are its own
	Status  platform.Status
	Mark    platform.Mark
	Rev     string
	By      string // the holder of the token that made the change, or the owner's handle, as far as the platform says
	At      canonical.Time
	Locks   bool // the owner's lock changed; status and mark did not
}

// Stream is an open event stream. It is for one goroutine, only Close may be
// called by another; end it by Close or by the context it was opened with.
type Stream struct {
	p      *Connector
	body   io.ReadCloser
	lines  *bufio.Scanner
	cursor int64
	end    context.CancelFunc
	guard  *time.Timer // ends the stream when it was silent for too long
	silent atomic.Bool // set once the stream was silent for too long
}

// Events follows changes after the event with the number after, or FromNow. A
// fault of type "cursor-gone" means that events may have been missed: follow from
// now on, then read the subjects.
func (p *Connector) Events(ctx context.Context, after int64) (*Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &Stream{p: p, end: cancel}
	s.guard = time.AfterFunc(p.silence, func() {
		s.silent.Store(true)
		cancel()
	})
	if err := s.open(ctx, after); err != nil {
		s.guard.Stop()
		cancel()
		return nil, err
	}
	return s, nil
}

func (s *Stream) open(ctx context.Context, after int64) error {
	p := s.p
	u := p.base.JoinPath("staff/v1/events")
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Accept", "text/event-stream, application/problem+json")
	if after != FromNow {
		r.Header.Set("Last-Event-ID", strconv.FormatInt(after, 10))
	}
	client := *p.client
	client.Timeout = 0 // the context ends a stream
	res, err := client.Do(r)
	if err != nil {
		return p.unreachable(err)
	}
	mediaType, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err == nil && res.StatusCode == http.StatusOK && mediaType == "text/event-stream" {
		s.body, s.lines = res.Body, bufio.NewScanner(res.Body)
		s.lines.Buffer(nil, frameLimit)
		return s.opened(after)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, answerLimit))
	if err != nil {
		return p.unreachable(err)
	}
	var w wireProblem
	if mediaType == "application/problem+json" && json.Unmarshal(b, &w) == nil && w.Status == res.StatusCode {
		return p.refusal(w)
	}
	return unclear("%s answered %d with the type %.80q instead of an event stream.", p.name, res.StatusCode, mediaType)
}

// opened reads the first frame, which gives the event after which the stream goes on.
func (s *Stream) opened(after int64) error {
	f, err := s.frame()
	if err == nil && (f.event != "open" || after != FromNow && f.id != after) {
		err = unclear("The event stream of %s does not begin where it was asked to.", s.p.name)
	}
	if err != nil {
		_ = s.body.Close() // the failure that matters is the one that is returned
		return err
	}
	s.cursor = f.id
	return nil
}

// Cursor is the event after which the stream goes on.
func (s *Stream) Cursor() int64 { return s.cursor }

// Close ends the stream, even while a Next waits.
func (s *Stream) Close() error {
	s.guard.Stop()
	s.end()
	return s.body.Close()
}

// Next waits for the next change. After an error the stream is useless: open another one
// after Cursor. A fault of type "stream-silent" means that nothing came for too long, not
// even the comment by which a server says that it is still there.
func (s *Stream) Next() (Event, error) {
	f, err := s.frame()
	if err != nil {
		return Event{}, err
	}
	var w struct {
		ID      int64           `json:"id"`
		Subject string          `json:"subject"`
		Handle  string          `json:"handle"`
		Layer   string          `json:"layer"`
		Status  platform.Status `json:"status"`
		Mark    *platform.Mark  `json:"mark"`
		Rev     string          `json:"rev"`
		By      string          `json:"by"`
		At      canonical.Time  `json:"at"`
	}
	if err := json.Unmarshal([]byte(f.data), &w); err != nil {
		return Event{}, unclear("%s sent an event that cannot be read.", s.p.name).Because(err)
	}
	layer, known := eventLayer(f.event, w.Layer)
	_, err = s.p.Sort(w.Subject)
	if !known || w.ID != f.id || err != nil || !layer.Knows(w.Status) || w.Mark == nil || !markForm.MatchString(string(*w.Mark)) {
		return Event{}, unclear("%s sent an event that this connector does not know.", s.p.name)
	}
	if f.id != s.cursor+1 {
		return Event{}, unclear("%s left out events between %d and %d.", s.p.name, s.cursor, f.id)
	}
	s.cursor = f.id
	return Event{ID: f.id, Subject: platform.Subject{Platform: s.p.name, ID: w.Subject, Handle: w.Handle},
		Layer: layer, Status: w.Status, Mark: *w.Mark, Rev: w.Rev, By: w.By, At: w.At, Locks: f.event == lockEvent}, nil
}

// The names of events.
const (
	changeEvent = "change" // of the visibility
	layerEvent  = "layer"  // of another layer, which the event names
	lockEvent   = "lock"   // of the owner's lock
)

// eventLayer returns the layer that an event of a name is about; ok is false if there is
// no such event. What an event of the visibility says of layers is not read.
func eventLayer(name, text string) (l platform.Layer, ok bool) {
	switch name {
	case changeEvent, lockEvent:
		return platform.VisibilityLayer, true
	case layerEvent:
		l, err := platform.ParseLayer(text)
		return l, err == nil && l != platform.VisibilityLayer
	}
	return "", false
}

// scan waits for the next line, for a limited time.
func (s *Stream) scan() bool {
	s.guard.Reset(s.p.silence)
	defer s.guard.Stop()
	return s.lines.Scan()
}

type frame struct {
	event, data string
	id          int64
}

// frame reads one frame. It skips comments, which only say that the stream lives.
func (s *Stream) frame() (frame, error) {
	f := frame{id: -1}
	for s.scan() {
		line := s.lines.Text()
		if line == "" {
			if f.event == "" && f.data == "" {
				continue // the end of a comment
			}
			if f.id < 0 {
				return f, unclear("%s sent a frame without its number.", s.p.name)
			}
			return f, nil
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			f.event = value
		case "data":
			f.data += value
		case "id":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 {
				return f, unclear("%s numbered a frame %.40q.", s.p.name, value)
			}
			f.id = n
		}
	}
	err := s.lines.Err()
	if s.silent.Load() {
		return f, fault.New(fault.Unavailable, "stream-silent", "The event stream of %s is dead: nothing came for %v; open it again.", s.p.name, s.p.silence).Because(err)
	}
	if err == nil {
		err = io.EOF
	}
	if errors.Is(err, bufio.ErrTooLong) {
		return f, unclear("%s sent a frame of more than %d bytes.", s.p.name, frameLimit)
	}
	return f, fault.New(fault.Unavailable, "stream-ended", "The event stream of %s ended.", s.p.name).Because(err)
}
