package news

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func topic(sort Sort, id string) Topic { return Topic{sort, id} }

func event(sort Sort, id string, version int64) Event { return Event{topic(sort, id), version} }

// settle waits until a hub has given out what it was told.
func (h *Hub) settle() {
	for {
		h.in.Lock()
		giving := h.giving
		h.in.Unlock()
		if !giving {
			return
		}
		runtime.Gosched()
	}
}

func TestLineOfAnEvent(t *testing.T) {
	for _, e := range []Event{event(Case, "cas_1", 7), event(Request, "req_1", 1), event(Queue, "spam", 0), event(Work, "wrk_1", 0),
		event(Waiting, "", 0), event(Alarms, "", 0), event(Inbox, "wrk_1", 0), event(Session, "tok_1", 0), event(Chain, "", 12)} {
		if got, err := Parse(e.Text()); err != nil || got != e {
			t.Errorf("%v became %q and then %v, %v", e, e.Text(), got, err)
		}
	}
	for _, line := range []string{"", "c", "x cas_1 7", "c cas_1 seven", "c cas_1 7 8"} {
		if e, err := Parse(line); err == nil {
			t.Errorf("%q was read as %v", line, e)
		}
	}
}

func TestOnlyOwnTopics(t *testing.T) {
	h := New()
	s := h.Subscribe([]Topic{topic(Case, "a"), topic(Queue, "q")}, h.Position())
	h.Tell([]Event{event(Case, "b", 1), event(Case, "a", 2), event(Request, "a", 3), event(Case, "a", 4), event(Queue, "q", 0), event(Queue, "r", 0)})
	h.settle()
	got, again, _ := s.Take()
	if want := []Event{event(Case, "a", 4), event(Queue, "q", 0)}; !slices.Equal(got, want) || again {
		t.Errorf("heard %v, again %v; want %v", got, again, want)
	}
	if got, again, _ := s.Take(); len(got) > 0 || again {
		t.Errorf("heard %v, again %v a second time", got, again)
	}
	s.Close()
	s.Close()
	h.Tell([]Event{event(Case, "a", 5)})
	h.settle()
	if got, _, _ := s.Take(); len(got) > 0 {
		t.Errorf("heard %v after the end", got)
	}
	if topics, subs := h.Subscriptions(); topics+subs > 0 {
		t.Errorf("%d topics and %d subscriptions are left", topics, subs)
	}
}

// TestReturnAfterTooLong: whoever comes back after more events than the hub remembers reads
// everything again, and so does one who comes with another process's position.
func TestReturnAfterTooLong(t *testing.T) {
	h := New()
	before := h.Position()
	for i := range remembered {
		h.Tell([]Event{event(Case, fmt.Sprint(i%100), int64(i))})
	}
	h.settle()
	if got, again, _ := h.Subscribe([]Topic{topic(Case, "7")}, before).Take(); again || len(got) != 1 {
		t.Errorf("just in time: heard %v, again %v", got, again)
	}
	h.Tell([]Event{event(Case, "x", 1)})
	h.settle()
	for _, after := range []string{before, "", "-", "x-1", New().Position(), h.epoch + "-zzzz", h.epoch + "-!"} {
		if got, again, _ := h.Subscribe([]Topic{topic(Case, "7")}, after).Take(); !again || len(got) > 0 {
			t.Errorf("after %q: heard %v, again %v; want again alone", after, got, again)
		}
	}
	if len(h.newest) > 101 {
		t.Errorf("the hub remembers %d topics", len(h.newest))
	}
}

// TestNothingIsLost: random histories of changes, of losses between nodes, and of subscribers who
// come and go. Whoever listens knows the newest version of each thing that they show, once they
// have taken what there was.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := New()
		all := []string{"a", "b", "c", "d"}
		now := map[string]int64{} // the versions, as the database has them
		type reader struct {
			shows   []string
			knows   map[string]int64
			after   string
			sub     *Subscription
			reading bool
		}
		var readers []*reader
		read := func(r *reader) {
			for _, id := range r.shows {
				r.knows[id] = now[id]
			}
		}
		take := func(r *reader) {
			got, again, position := r.sub.Take()
			for _, e := range got {
				r.knows[e.ID] = max(r.knows[e.ID], e.Version)
			}
			if again {
				read(r)
			}
			r.after = position
		}
		for range 3 {
			r := &reader{shows: rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 3, rapid.ID[string]).Draw(t, "shows"), knows: map[string]int64{}}
			readers = append(readers, r)
		}
		change := func(lost bool) {
			id := rapid.SampledFrom(all).Draw(t, "changes")
			now[id]++
			if !lost {
				h.Tell([]Event{event(Case, id, now[id])})
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			r := rapid.SampledFrom(readers).Draw(t, "who")
			switch rapid.SampledFrom([]string{"change", "change", "lost", "drop", "come", "take", "open"}).Draw(t, "step") {
			case "change":
				change(false)
			case "lost": // commits elsewhere of which no message came; then the connection stands again
				for range rapid.IntRange(1, 3).Draw(t, "changes") {
					change(true)
				}
				h.Again()
			case "drop":
				if r.sub != nil {
					r.sub.Close()
					r.sub = nil
				}
			case "open": // a new page: first the position, then what it shows
				if r.sub == nil {
					h.settle()
					r.after = h.Position()
					change(false)
					read(r)
				}
			case "come":
				if r.sub == nil {
					r.sub = h.Subscribe([]Topic{topic(Case, r.shows[0]), topic(Case, r.shows[len(r.shows)-1]), topic(Case, r.shows[len(r.shows)/2])}, r.after)
				}
			case "take":
				if r.sub != nil {
					take(r)
				}
			}
		}
		h.settle()
		for _, r := range readers {
			if r.sub == nil {
				continue
			}
			take(r)
			for _, id := range []string{r.shows[0], r.shows[len(r.shows)/2], r.shows[len(r.shows)-1]} {
				if r.knows[id] != now[id] {
					t.Fatalf("a reader of %s knows version %d; it has %d", id, r.knows[id], now[id])
				}
			}
		}
	})
}
