package live

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/desk"
	"countersign.dev/fault"
	"countersign.dev/news"
)

// fake is a following whose changes a test makes.
type fake struct {
	mu     sync.Mutex
	woken  chan struct{}
	events []news.Event
	again  bool
	err    error
	moment string
	looked int
}

func newFake() *fake { return &fake{woken: make(chan struct{}, 1), moment: "e-0"} }

func (f *fake) Woken() <-chan struct{} { return f.woken }

func (f *fake) Take(context.Context) (desk.Change, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := desk.Change{Events: f.events, Again: f.again, Moment: f.moment}
	f.events, f.again = nil, false
	f.looked++
	return out, f.err
}

func (f *fake) change(moment string, events ...news.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events, f.moment = append(f.events, events...), moment
	f.wake()
}

func (f *fake) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
	f.wake()
}

func (f *fake) wake() {
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

// reader is a browser's side of a stream.
type reader struct {
	mu       sync.Mutex
	got      bytes.Buffer
	stuck    bool // it takes nothing any more
	deadline time.Time
}

func (r *reader) Header() http.Header { return http.Header{} }
func (r *reader) WriteHeader(int)     {}
func (r *reader) Flush()              {}

func (r *reader) SetWriteDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deadline = t
	return nil
}

func (r *reader) Write(b []byte) (int, error) {
	r.mu.Lock()
	stuck, deadline := r.stuck, r.deadline
	r.mu.Unlock()
	if stuck {
		time.Sleep(time.Until(deadline))
		return 0, os.ErrDeadlineExceeded
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got.Write(b)
}

// read returns what has come since the last time.
func (r *reader) read() string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.got.Reset()
	return r.got.String()
}

// open runs a stream until the end of the test or of the stream.
func open(t *testing.T, f *fake) (r *reader, ended <-chan struct{}) {
	r = &reader{}
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	s := stream{f: f, w: r, rc: http.NewResponseController(r)}
	go func() { defer close(done); s.run(ctx, nil) }()
	t.Cleanup(func() { cancel(); <-done })
	return r, done
}

func of(sort news.Sort, id string, version int64) news.Event {
	return news.Event{Topic: news.Topic{Sort: sort, ID: id}, Version: version}
}

// TestStream: a case at once, lists at the beat, and a position only while nothing is held back.
func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.events = []news.Event{of(news.Queue, "spam", 0)}
		r, _ := open(t, f)
		got := r.read()
		if !strings.HasPrefix(got, "retry: ") || !strings.HasSuffix(got, "\n\nevent: change\ndata: {\"sort\":\"queue\",\"id\":\"spam\"}\n\nid: e-0\n\n") {
			t.Fatalf("it begins with %q", got)
		}
		f.change("e-1", of(news.Case, "cas_1", 7))
		if got, want := r.read(), "event: change\ndata: {\"sort\":\"case\",\"id\":\"cas_1\",\"version\":7}\n\nid: e-1\n\n"; got != want {
			t.Errorf("a case: %q, want %q", got, want)
		}
		f.change("e-2", of(news.Queue, "spam", 0), of(news.Work, "", 0))
		if got := r.read(); got != "" {
			t.Errorf("lists came at once: %q", got)
		}
		f.change("e-3", of(news.Case, "cas_1", 0))
		if got, want := r.read(), "event: change\ndata: {\"sort\":\"case\",\"id\":\"cas_1\",\"version\":0}\n\n"; got != want {
			t.Errorf("a case, while lists wait: %q, want %q", got, want)
		}
		f.change("e-4", of(news.Queue, "spam", 0))
		time.Sleep(beat)
		if got, want := r.read(), "event: change\ndata: {\"sort\":\"queue\",\"id\":\"spam\"}\n\nevent: change\ndata: {\"sort\":\"work\"}\n\nid: e-4\n\n"; got != want {
			t.Errorf("lists: %q, want %q", got, want)
		}
		f.mu.Lock()
		f.again, f.moment = true, "e-5"
		f.wake()
		f.mu.Unlock()
		time.Sleep(beat)
		if got, want := r.read(), "event: again\ndata: {}\n\nid: e-5\n\n"; got != want {
			t.Errorf("again: %q, want %q", got, want)
		}
	})
}

// TestLists: however often a list changes, a stream tells of it about once a second, and each
// change within a second; and not all streams at the same moment.
func TestLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := map[time.Duration]bool{}
		for range 8 {
			f := newFake()
			r, _ := open(t, f)
			r.read()
			told, last := 0, time.Now()
			begun := time.Now()
			for range 1000 {
				f.change("e-1", of(news.Queue, "spam", 0))
				time.Sleep(10 * time.Millisecond)
				if r.read() == "" {
					continue
				}
				if told++; told == 1 {
					first[time.Since(begun)] = true
				} else if between := time.Since(last); between > time.Second || between < beat-20*time.Millisecond {
					t.Fatalf("%s between two events of a list", between)
				}
				last = time.Now()
			}
			if told < 9 || told > 12 {
				t.Errorf("%d events of a list in ten seconds", told)
			}
		}
		if len(first) < 3 {
			t.Errorf("all streams have their beat at %v", first)
		}
	})
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r, _ := open(t, f)
		r.read()
		f.mu.Lock()
		f.moment = "e-9"
		f.mu.Unlock()
		time.Sleep(heartbeat - time.Millisecond)
		if got := r.read(); got != "" {
			t.Errorf("too early: %q", got)
		}
		time.Sleep(2 * time.Millisecond)
		if got, want := r.read(), ":\nid: e-9\n\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		// A sign-in that ends by the clock ends the stream at the next one.
		f.mu.Lock()
		f.err = fault.New(fault.Unauthenticated, "bad-token", "Over.")
		f.mu.Unlock()
		time.Sleep(heartbeat)
		if got, want := r.read(), "event: over\ndata: {}\n\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// TestEnds: a stream says that the sign-in is over, and says nothing when it cannot go on for
// another reason: the page comes back, and is told why it may not.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fault.New(fault.Unauthenticated, "bad-token", "Over."), "event: over\ndata: {}\n\n"},
		{fault.New(fault.Forbidden, "engagement-ended", "Gone."), "event: over\ndata: {}\n\n"},
		{fault.New(fault.NotFound, "no-such-queue", "No queue."), ""},
		{errors.New("the database is away"), ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			r, ended := open(t, f)
			r.read()
			f.fail(c.err)
			<-ended
			if got := r.read(); got != c.want {
				t.Errorf("%v: %q, want %q", c.err, got, c.want)
			}
		})
	}
}

// TestSlowReader: a reader who takes nothing is cut.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r, ended := open(t, f)
		r.read()
		r.mu.Lock()
		r.stuck = true
		r.mu.Unlock()
		begun := time.Now()
		f.change("e-1", of(news.Case, "cas_1", 7))
		<-ended
		if took := time.Since(begun); took != writeTime {
			t.Errorf("it was cut after %s", took)
		}
	})
}

func TestQuery(t *testing.T) {
	q, err := url.ParseQuery("case=cas_2&case=cas_1&case=cas_2&request=req_1&queue=spam&list=work&list=waiting&list=alarms&after=x")
	if err != nil {
		t.Fatal(err)
	}
	s, err := sightOf(q)
	if err != nil || len(s.Cases) != 2 || len(s.Requests) != 1 || len(s.Queues) != 1 || !s.Work || !s.Waiting || !s.Alarms {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{"list=everything", "case=", "queue=" + strings.Repeat("x", 101)} {
		q, err := url.ParseQuery(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sightOf(q); !fault.Is(err, "bad-parameter") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestQuietStreams: no deadline runs while nothing is written. Over HTTP/2 it would end the stream.
func TestQuietStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r, _ := open(t, f)
		for _, text := range []string{r.read(), func() string {
			f.change("e-1", news.Event{Topic: news.Topic{Sort: news.Case, ID: "cas_1"}, Version: 2})
			return r.read()
		}()} {
			if text == "" {
				t.Error("nothing was written")
			}
			r.mu.Lock()
			if !r.deadline.IsZero() {
				t.Errorf("a quiet stream ends at %s", r.deadline)
			}
			r.mu.Unlock()
		}
	})
}
