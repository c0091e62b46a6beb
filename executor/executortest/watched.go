package executortest

import (
	"context"
	"slices"
	"strconv"
	"time"

	"countersign.dev/fault"
	"countersign.dev/platform"
)

// Executor is the holder that the event stream names for the effects of commands.
const Executor = "executor"

// accountsPage is how many accounts are on a page of the list: few, so that a sweep
// of some accounts has several.
const accountsPage = 3

// watched is what a watcher may see of the platform, guarded by the platform's mutex.
type watched struct {
	events    []platform.Happening // the n-th, counted from 1, is behind the cursor n-1
	forgotten int                  // how many of the first events are no longer kept
	hidden    bool
	names     bool
	streams   map[*stream]bool
	locks     map[string]platform.Lock
	notices   []Notice
	peeks     int
	opened    int           // streams that were ever opened
	silence   time.Duration // see Stay
	garbled   map[int]error // by the number of the event that cannot be read
	garbling  error         // every event from now on is unreadable, with this error
	moved     chan struct{} // closed and made anew when anything that a stream waits for changes
}

func (w *watched) init() {
	w.streams, w.locks, w.moved = map[*stream]bool{}, map[string]platform.Lock{}, make(chan struct{})
	w.garbled, w.silence = map[int]error{}, time.Millisecond
}

func (w *watched) wake() {
	close(w.moved)
	w.moved = make(chan struct{})
}

// Notice is a message that was sent to an owner.
type Notice struct {
	Key         string
	Subject     platform.Subject
	Title, Text string
}

var (
	_ platform.Watcher  = (*Platform)(nil)
	_ platform.Notifier = (*Platform)(nil)
)

func (p *Platform) announce(h platform.Happening) {
	if !p.watched.hidden {
		if p.watched.garbling != nil {
			p.watched.garbled[len(p.watched.events)] = p.watched.garbling
		}
		p.watched.events = append(p.watched.events, h)
		p.watched.wake()
	}
}

// Tell has the stream say something that did not happen, or say it once more.
func (p *Platform) Tell(h platform.Happening) { p.set(func() { p.announce(h) }) }

// Hide has changes make no events, so that only reading shows them.
func (p *Platform) Hide(hidden bool) { p.set(func() { p.watched.hidden = hidden }) }

// Names has the platform promise that its stream says whose credential it was.
func (p *Platform) Names(names bool) { p.set(func() { p.watched.names = names }) }

// Cut ends the open streams, as a server that is restarted does.
func (p *Platform) Cut() {
	p.breakAll(fault.New(fault.Unavailable, "stream-ended", "The event stream of %s ended.", p.name))
}

// Silence has the open streams found dead.
func (p *Platform) Silence() {
	p.breakAll(fault.New(fault.Unavailable, "stream-silent", "The event stream of %s says nothing.", p.name))
}

// Contradict makes the open streams say something impossible.
func (p *Platform) Contradict() {
	p.breakAll(fault.New(fault.Unavailable, "stream-unreadable", "The event stream of %s contradicts itself.", p.name))
}

// Garble makes every event from now on unreadable: each stream that gets to it ends with
// err, the error of a connector that cannot read it; nil ends this.
func (p *Platform) Garble(err error) { p.set(func() { p.watched.garbling = err }) }

// Stay is how long a stream may say nothing before it would be found dead.
func (p *Platform) Stay(silence time.Duration) { p.set(func() { p.watched.silence = silence }) }

// Opened returns how many streams were opened.
func (p *Platform) Opened() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.watched.opened
}

// Forget drops all events and one that nobody saw, so that no stream can go on from its
// cursor.
func (p *Platform) Forget() {
	p.set(func() {
		p.watched.events = append(p.watched.events, platform.Happening{})
		p.watched.forgotten = len(p.watched.events)
	})
	p.breakAll(p.gone())
}

func (p *Platform) gone() error {
	return fault.New(fault.Expired, "cursor-gone", "%s keeps no events of then.", p.name)
}

// breakAll ends the open streams with an error.
func (p *Platform) breakAll(err error) {
	p.set(func() {
		for s := range p.watched.streams {
			s.broken = err
		}
		p.watched.wake()
	})
}

// Streams returns how many streams are open.
func (p *Platform) Streams() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.watched.streams)
}

// SetLock puts an owner's lock in place, as its owner would.
func (p *Platform) SetLock(id string, l platform.Lock) {
	p.set(func() {
		p.watched.locks[id] = l
		p.announce(platform.Happening{Subject: platform.Subject{Platform: p.name, ID: id, Handle: p.handles[id]}, Locks: true})
	})
}

// Notices returns what was sent to owners.
func (p *Platform) Notices() []Notice {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.watched.notices)
}

// Peeks returns how often the state was read by Peek.
func (p *Platform) Peeks() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.watched.peeks
}

type stream struct {
	p      *Platform
	ctx    context.Context
	after  int
	broken error
}

// Watch implements platform.Watcher.
func (p *Platform) Watch(ctx context.Context, cursor string) (platform.Stream, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return nil, p.lost()
	}
	after := len(p.watched.events)
	if cursor != "" {
		n, err := strconv.Atoi(cursor)
		if err != nil || n < 0 {
			return nil, fault.New(fault.Invalid, "bad-cursor", "%q is no cursor of %s.", cursor, p.name)
		}
		if n > after || n < p.watched.forgotten {
			return nil, p.gone()
		}
		after = n
	}
	s := &stream{p: p, ctx: ctx, after: after}
	p.watched.streams[s] = true
	p.watched.opened++
	return s, nil
}

func (s *stream) Next() (platform.Happening, error) {
	for {
		s.p.mu.Lock()
		w := &s.p.watched
		err, moved := s.broken, w.moved
		if err == nil && s.p.away {
			err = s.p.lost()
		}
		var h platform.Happening
		if err == nil {
			err = w.garbled[s.after]
		}
		there := err == nil && s.after < len(w.events)
		if there {
			h = w.events[s.after]
			s.after++
		}
		if err != nil {
			delete(w.streams, s)
		}
		s.p.mu.Unlock()
		if there || err != nil {
			return h, err
		}
		select {
		case <-moved:
		case <-s.ctx.Done():
			return platform.Happening{}, fault.New(fault.Unavailable, "stream-ended", "The event stream was ended.").Because(s.ctx.Err())
		}
	}
}

func (s *stream) Cursor() string { return strconv.Itoa(s.after) }

func (s *stream) Silence() time.Duration {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	return s.p.watched.silence
}

func (s *stream) Close() error {
	s.p.set(func() {
		s.broken = fault.New(fault.Unavailable, "stream-ended", "The event stream was closed.")
		delete(s.p.watched.streams, s)
		s.p.watched.wake()
	})
	return nil
}

// Peek implements platform.Watcher.
func (p *Platform) Peek(ctx context.Context, s platform.Subject) (platform.State, error) {
	p.set(func() { p.watched.peeks++ })
	return p.Read(ctx, s)
}

// Accounts implements platform.Watcher: three accounts a page, in the order of
// their identifiers, with their marks.
func (p *Platform) Accounts(_ context.Context, cursor string) ([]platform.Listed, string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return nil, "", p.lost()
	}
	var ids []string
	for id := range p.handles {
		if id > cursor && p.states[id].Status != platform.Deleted && !p.absent[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	next := ""
	if len(ids) > accountsPage {
		ids = ids[:accountsPage]
		next = ids[accountsPage-1]
	}
	var page []platform.Listed
	for _, id := range ids {
		st := p.shown(id, p.states[id])
		page = append(page, platform.Listed{Subject: platform.Subject{Platform: p.name, ID: id, Handle: p.handles[id]},
			Status: st.Status, Mark: st.Mark, Marked: true, Layers: st.Layers, Layered: p.can.Layered()})
	}
	return page, next, nil
}

// Lock implements platform.Watcher.
func (p *Platform) Lock(_ context.Context, s platform.Subject) (platform.Lock, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return platform.Lock{}, p.lost()
	}
	return p.watched.locks[s.ID], nil
}

// Shows implements platform.Watcher.
func (p *Platform) Shows() []platform.Showing {
	p.mu.Lock()
	defer p.mu.Unlock()
	return []platform.Showing{{Change: platform.AccountDeactivated, What: "a subject's status or mark changes", Stream: true, Sweep: true, Late: "at once", Names: p.watched.names}}
}

// Notify implements platform.Notifier.
func (p *Platform) Notify(_ context.Context, key string, s platform.Subject, title, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return p.lost()
	}
	for _, n := range p.watched.notices {
		if n.Key == key {
			return nil
		}
	}
	p.watched.notices = append(p.watched.notices, Notice{key, s, title, text})
	return nil
}
