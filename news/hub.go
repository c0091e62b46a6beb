package news

import (
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// remembered is how many events a hub remembers for those who come back. At 2,000 changes a
// second that is half a minute, and a page comes back after 2 or 3 seconds.
const remembered = 1 << 16

// Hub tells subscriptions what has changed. Its zero value is not ready; see New.
type Hub struct {
	epoch string // names this hub: positions of another one say nothing here

	in     sync.Mutex
	inbox  []Event
	lost   bool // Again was called, before the events in the inbox
	giving bool // a goroutine is at work

	mu     sync.Mutex
	seq    uint64 // of the newest event
	ring   []Topic
	next   int                // in a full ring: the place of the oldest event
	floor  uint64             // what happened up to here is forgotten
	newest map[Topic]happened // of the events in the ring, the newest of each topic
	subs   map[Topic]map[*Subscription]struct{}
}

// happened is the newest event of a topic.
type happened struct {
	seq     uint64
	version int64
}

// New returns a hub.
func New() *Hub {
	return &Hub{epoch: rand.Text()[:10], ring: make([]Topic, 0, 64), newest: map[Topic]happened{}, subs: map[Topic]map[*Subscription]struct{}{}}
}

// Tell takes the events of a commit. It returns at once; the events are given out, in order, by
// a goroutine that ends when none is left.
func (h *Hub) Tell(events []Event) {
	h.in.Lock()
	defer h.in.Unlock()
	h.inbox = append(h.inbox, events...)
	h.start()
}

// Again says that events may have been missed: everybody reads everything again, and so does
// whoever comes back from before.
func (h *Hub) Again() {
	h.in.Lock()
	defer h.in.Unlock()
	h.inbox, h.lost = nil, true // whoever reads everything again sees these too
	h.start()
}

// start is called with the lock of the inbox.
func (h *Hub) start() {
	if !h.giving && (len(h.inbox) > 0 || h.lost) {
		h.giving = true
		go h.give()
	}
}

func (h *Hub) give() {
	for {
		h.in.Lock()
		events, lost := h.inbox, h.lost
		h.inbox, h.lost = nil, false
		if len(events) == 0 && !lost {
			h.giving = false
			h.in.Unlock()
			return
		}
		h.in.Unlock()
		if lost {
			h.forget()
		}
		// The lock is let go between stretches, so that nobody who comes waits long.
		for stretch := range slices.Chunk(events, 64) {
			h.hand(stretch)
		}
	}
}

// forget tells everybody to read again, and remembers nothing of before.
func (h *Hub) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	h.floor = h.seq
	h.ring, h.next = h.ring[:0], 0
	clear(h.newest)
	told := map[*Subscription]bool{}
	for _, subs := range h.subs {
		for s := range subs {
			if !told[s] {
				told[s] = true
				s.again()
			}
		}
	}
}

func (h *Hub) hand(events []Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range events {
		h.seq++
		h.remember(e)
		for s := range h.subs[e.Topic] {
			s.take(e)
		}
	}
}

// remember is called with the lock.
func (h *Hub) remember(e Event) {
	if len(h.ring) < remembered {
		h.ring = append(h.ring, e.Topic)
	} else {
		h.floor = h.seq - remembered
		if old := h.ring[h.next]; h.newest[old].seq <= h.floor {
			delete(h.newest, old)
		}
		h.ring[h.next] = e.Topic
		h.next = (h.next + 1) % remembered
	}
	was := h.newest[e.Topic]
	h.newest[e.Topic] = happened{h.seq, max(was.version, e.Version)}
}

// Position names the present moment. A subscription that begins with it hears of all that is
// told from now on. Whoever takes it before reading misses nothing between reading and
// subscribing.
func (h *Hub) Position() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.position(h.seq)
}

func (h *Hub) position(seq uint64) string { return h.epoch + "-" + strconv.FormatUint(seq, 36) }

// known returns the number in a position, if this hub made it and still knows all that was told
// since. It is called with the lock.
func (h *Hub) known(position string) (seq uint64, ok bool) {
	epoch, number, ok := strings.Cut(position, "-")
	if !ok || epoch != h.epoch {
		return 0, false
	}
	seq, err := strconv.ParseUint(number, 36, 64)
	return seq, err == nil && seq >= h.floor && seq <= h.seq
}

// Subscription is somebody who hears of topics. It keeps, for each of its topics, no more than
// that it has changed and its newest version: so a listener who is slow costs no more than one
// who is not, and nothing overflows.
type Subscription struct {
	hub    *Hub
	topics []Topic
	woken  chan struct{}

	// Under the hub's lock:
	pending []Event
	anew    bool
	closed  bool
}

// Subscribe begins a subscription after a position. An empty one, one of another process, and
// one that is too old begin with Again.
func (h *Hub) Subscribe(topics []Topic, after string) *Subscription {
	s := &Subscription{hub: h, topics: topics, woken: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range topics {
		if h.subs[t] == nil {
			h.subs[t] = map[*Subscription]struct{}{}
		}
		h.subs[t][s] = struct{}{}
	}
	since, ok := h.known(after)
	if !ok {
		s.again()
		return s
	}
	for _, t := range topics {
		if last := h.newest[t]; last.seq > since {
			s.take(Event{t, last.version})
		}
	}
	return s
}

// take is called with the hub's lock.
func (s *Subscription) take(e Event) {
	if s.anew {
		return // all is read again anyway
	}
	for i, p := range s.pending {
		if p.Topic == e.Topic {
			s.pending[i].Version = max(p.Version, e.Version)
			return
		}
	}
	s.pending = append(s.pending, e)
	s.wake()
}

// again is called with the hub's lock.
func (s *Subscription) again() {
	s.anew, s.pending = true, nil
	s.wake()
}

func (s *Subscription) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// Woken has a value when there may be something to take.
func (s *Subscription) Woken() <-chan struct{} { return s.woken }

// Take returns what has changed since it was called last, and whether everything is to be read
// again. The position is that of the moment: who begins with it hears of all that comes after.
func (s *Subscription) Take() (changed []Event, again bool, position string) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	changed, again = s.pending, s.anew
	s.pending, s.anew = nil, false
	return changed, again, s.hub.position(s.hub.seq)
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	for _, t := range s.topics {
		delete(s.hub.subs[t], s)
		if len(s.hub.subs[t]) == 0 {
			delete(s.hub.subs, t)
		}
	}
}

// Subscriptions returns how many topics somebody listens to, and how many subscriptions there
// are on them.
func (h *Hub) Subscriptions() (topics, subscriptions int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, subs := range h.subs {
		subscriptions += len(subs)
	}
	return len(h.subs), subscriptions
}
