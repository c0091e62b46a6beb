package executor

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/watch"
)

// watcher watches one platform: it follows the event stream, reads critical subjects
// directly, and sweeps. Each of these only says where to look; sight.go judges the state
// that is seen, and restore.go acts on it.
//
// It needs neither the desk nor anybody's word: the explanation of each state stands in
// the journal. If we die at any point, the stream goes on after the last cursor before
// which everything was looked at, and open breaches are looked at again.
type watcher struct {
	e    *Executor
	name string
	c    platform.Watcher

	mu       sync.Mutex
	known    map[string]journal.Watched // visibilities, by subject identifier; standard accounts that are just up have none
	layers   layersOf                   // the other layers, by subject identifier; see aside.go
	plain    map[string]bool            // accounts that were read once and found standard
	gone     map[string]bool            // raised subjects that were never seen and were not there when they were read
	open     map[spot]journal.Breach
	recent   map[spot]unnamedBreach // the newest breach in each place whose credential is not named yet
	ended    []ending               // breaches that are over, and whose end is not journalled yet
	critical []string               // identifiers of critical subjects
	place    journal.StreamPlace
	cursor   string // of the newest event that was queued
	brief    []line // changes of standard subjects that no record tells yet
	baseline int64  // sequence number of the newest baseline; -1: none
	basis    canonical.Digest
	head     canonical.Digest // the head of the chain whose tiers the watch has taken over
	raised   int64            // its number of entries
	due      bool             // a baseline is due, since other subjects may matter now
	sees     sees
	// Deactivations that may be the owner's. unsaid: until when the stream may still say who
	// made each. asked: the state from before each that somebody was paged for; nil: nothing
	// was known.
	unsaid   map[string]time.Time
	asked    map[string]*journal.Watched
	names    bool                 // the stream names credentials
	attacked map[string]time.Time // critical subjects that had a breach lately, and until when they are read more often
	beyond   map[string]time.Time // when people were told that a number of an order was exceeded

	restores *share        // of the visibility of critical subjects
	weaker   *share        // of their other layers
	basing   sync.Mutex    // one baseline at a time
	placing  sync.Mutex    // see keep
	queue    queue         // looks at visibilities
	aside    queue         // looks at other layers; see aside.go
	sweeps   chan struct{} // a sweep is wanted
	cutting  chan struct{} // a credential may have to be cut off
	turned   chan struct{} // the list of critical subjects has changed
	stream   atomic.Bool   // is the stream open?
	interval atomic.Int64  // nanoseconds between two direct reads of one critical subject
	cost     atomic.Int64  // nanoseconds that a direct read takes, smoothed
}

// sees holds the facts that decide whether all of a platform is seen again.
type sees struct {
	opened time.Time       // when the open stream was opened
	heard  bool            // the stream has delivered an event, or has lived longer than it may stay silent
	asked  int64           // sweeps that were asked for; the one at the start is the first
	swept  int64           // how many of them are over
	told   map[string]bool // types of the reasons for blindness that were told since all was last seen
	since  time.Time       // when it was last recorded that all is seen
	turns  int             // how often that was taken back soon after
}

// ending is a breach that is over, with the record that says so. There is no sight if
// another record says it already.
type ending struct {
	breach   string
	sight    *proof.Sight
	openings []ledger.Opening
}

// line is one subject in a baseline, or one change in a count of foreign ones.
type line struct {
	Layer   platform.Layer  `json:"layer,omitzero"`
	Locked  bool            `json:"locked"`
	State   platform.Expect `json:"state"`
	Subject string          `json:"subject"`
	Tier    actions.Tier    `json:"tier"`
	Verdict watch.Verdict   `json:"verdict"`
}

// watchWorkers is how many subjects are looked at side by side, and layerWorkers how many
// of their other layers.
const (
	watchWorkers = 16
	layerWorkers = 4
)

func newWatcher(e *Executor, name string, c platform.Watcher) *watcher {
	return &watcher{e: e, name: name, c: c, known: map[string]journal.Watched{}, plain: map[string]bool{}, gone: map[string]bool{}, layers: layersOf{}, open: map[spot]journal.Breach{},
		recent: map[spot]unnamedBreach{}, unsaid: map[string]time.Time{}, asked: map[string]*journal.Watched{}, sees: sees{told: map[string]bool{}, asked: 1}, beyond: map[string]time.Time{}, attacked: map[string]time.Time{}, restores: newShare(e.limits.Restore), weaker: newShare(e.limits.Restore / 2), baseline: -1,
		names: slices.ContainsFunc(c.Shows(), func(s platform.Showing) bool { return s.Change == platform.AccountDeactivated && s.Names }),
		queue: newQueue(), aside: newQueue(), sweeps: make(chan struct{}, 1), turned: make(chan struct{}, 1), cutting: make(chan struct{}, 1)}
}

// run watches until ctx ends. An error means that the journal could not be read
// or written.
func (w *watcher) run(ctx context.Context) error {
	// Both the tiers and the desk's platforms stand in the chain: the watch begins once the
	// chain has its platform.
	if !w.e.ledger.await(ctx, func(v *view) bool { _, ok := v.state.Platforms[w.name]; return ok }) {
		return nil
	}
	if err := w.load(ctx); err != nil {
		return ended(ctx, err)
	}
	own, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var loops sync.WaitGroup
	work := []func(context.Context) error{w.follow, w.read, w.sweepAll, w.tick, w.cutAll}
	for range watchWorkers {
		work = append(work, func(ctx context.Context) error { return w.work(ctx, &w.queue) })
	}
	for range layerWorkers {
		work = append(work, func(ctx context.Context) error { return w.work(ctx, &w.aside) })
	}
	for _, loop := range work {
		loops.Go(func() {
			if err := loop(own); err != nil && own.Err() == nil {
				stop(err)
			}
		})
	}
	<-own.Done()
	loops.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(own)
}

// ended hides an error that only says that the executor is shutting down.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (w *watcher) load(ctx context.Context) error {
	known, err := w.e.journal.Watched(ctx, w.name)
	if err != nil {
		return err
	}
	breaches, err := w.e.journal.Breaches(ctx, w.name)
	if err != nil {
		return err
	}
	place, err := w.e.journal.Place(ctx, w.name)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.place, w.cursor = place, place.Cursor
	if place.Blind != "" {
		w.sees.told[place.Blind] = true
	}
	for _, k := range known {
		if k.Layer == platform.VisibilityLayer {
			w.known[k.Subject.ID] = k
		} else {
			w.layers.put(k)
		}
		w.baseline = max(w.baseline, k.Baseline)
	}
	w.sortCritical()
	for _, b := range breaches {
		w.open[spotOf(b)] = b
		w.look(again(b))
	}
	return nil
}

// sortCritical is called with the lock held.
func (w *watcher) sortCritical() {
	w.critical = w.critical[:0:0]
	for id, k := range w.known {
		if k.Tier == actions.Critical && k.State.Status != platform.Deleted {
			w.critical = append(w.critical, id)
		}
	}
	slices.Sort(w.critical)
	select {
	case w.turned <- struct{}{}:
	default:
	}
}

func (w *watcher) get(id string) (journal.Watched, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k, ok := w.known[id]
	return k, ok
}

// put notes the known state of a layer, in the memory only.
func (w *watcher) put(k journal.Watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k.Layer != platform.VisibilityLayer {
		w.layers.put(k)
		return
	}
	old, ok := w.known[k.Subject.ID]
	w.known[k.Subject.ID] = k
	delete(w.plain, k.Subject.ID)
	delete(w.gone, k.Subject.ID)
	readable := func(k journal.Watched) bool {
		return k.Tier == actions.Critical && k.State.Status != platform.Deleted
	}
	if (ok && readable(old)) != readable(k) {
		w.sortCritical()
	}
}

// left notes the state that an act of ours is known to have left; the journal has it
// already.
func (e *Executor) left(a journal.Act, after platform.Expect, at canonical.Time) error {
	w := e.watches[a.Subject.Platform]
	if w == nil {
		return nil
	}
	place := spot{a.Subject.ID, a.Command.Layer}
	k, ok := w.in(place)
	if !ok {
		k = journal.Watched{Subject: a.Subject, Layer: a.Command.Layer, Tier: a.Tier, State: a.Command.Expect}
	}
	k.Beneath = k.Under(after)
	k.State, k.Since, k.Request, k.Baseline, k.Entered = after, at, a.Request, -1, canonical.Time{}
	w.put(k)
	if a.Duty == proof.DutyRestore {
		w.over(place) // the receipt of the act says so
		return nil
	}
	return w.lifted(glance{id: a.Subject.ID, layer: a.Command.Layer, via: viaRead}, after, at, a.Request)
}

// over notes in the memory that a breach has ended; tick journals it. Another record says
// so in the ledger.
func (w *watcher) over(at spot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end(at, nil, nil)
}

// end is called with the lock held.
func (w *watcher) end(at spot, s *proof.Sight, openings []ledger.Opening) {
	if b, ok := w.open[at]; ok {
		delete(w.open, at)
		w.ended = append(w.ended, ending{b.ID, s, openings})
	}
}

// lifted notes that a breach has ended otherwise than by its restoration, and
// has tick record it. by is the request whose warrant ended it, if one did.
//
// If we die before tick, the breach is found open and its subject is looked at again.
func (w *watcher) lifted(l glance, found platform.Expect, seen canonical.Time, by string) error {
	w.mu.Lock()
	b, open := w.open[l.spot()]
	w.mu.Unlock()
	if !open {
		return nil
	}
	s, openings, err := w.tellOf(l, journal.Watched{Subject: b.Subject, Layer: b.Layer, Tier: b.Tier, State: b.Found}, found, seen)
	if err != nil {
		return err
	}
	s.Warrant = by
	switch {
	case by != "":
		s.Why = proof.OverByWarrant
	case found.Status == platform.Deactivated:
		s.Why = proof.OverSwitchedOff
	case b.Found.Status == platform.Deactivated:
		s.Why = proof.OverReactivated
	default:
		s.Why = proof.OverByOthers
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end(l.spot(), s, openings)
	return nil
}

// endedBy returns the request whose warrant left a layer as it was found after a breach,
// empty if none did.
func (w *watcher) endedBy(ctx context.Context, at spot, found platform.Expect) (string, error) {
	w.mu.Lock()
	b, open := w.open[at]
	w.mu.Unlock()
	if !open {
		return "", nil
	}
	a, ok, err := w.e.journal.Newest(ctx, b.Subject, b.Layer, w.e.subjects.away(placeOf(b.Subject, b.Layer))...)
	if err != nil || !ok || a.Duty == proof.DutyRestore || !a.Intended.After(b.Seen.Time) || !a.Command.Leaves(found) {
		return "", err
	}
	return a.Request, nil
}

// --- the stream

// follow keeps the platform's event stream open.
//
// An event that ends a stream twice would end it for ever. The second time it is a gap:
// the stream goes on from now, and the platform is swept.
func (w *watcher) follow(ctx context.Context) error {
	var cut time.Time // since when there is no stream; zero: there is
	stuck := ""       // the cursor after which an event could not be read
	for p := w.e.pause(); ctx.Err() == nil; {
		w.mu.Lock()
		cursor := w.cursor
		w.mu.Unlock()
		s, err := w.c.Watch(ctx, cursor)
		gap := fault.Is(err, "bad-cursor") // the platform has begun its cursors anew
		if err == nil {
			opened := time.Now()
			w.begun(opened, s.Silence(), cursor == "")
			if err := w.from(ctx, s.Cursor()); err != nil {
				return errors.Join(err, s.Close())
			}
			err = w.events(ctx, s)
			w.stream.Store(false)
			whole := fault.Is(err, "stream-ended") || fault.Is(err, "cursor-gone")
			w.mu.Lock()
			at, heard := w.cursor, w.sees.heard
			w.mu.Unlock()
			if whole && heard || time.Since(opened) >= w.e.limits.Blind {
				cut, p = time.Time{}, w.e.pause()
			}
			if !whole {
				// The stream is dead or contradicts itself. On a platform that leaves numbers out, an
				// event that the next one has overtaken would not be sent again, so a sweep has to
				// look. A stream that soon fails so again and again counts as cut all the time.
				w.askSweep()
			}
			if !whole && !fault.Is(err, "stream-silent") && !fault.Is(err, "platform-unavailable") {
				gap = at != "" && at == stuck
				stuck = at
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if gap || fault.Is(err, "cursor-gone") {
			// A sweep fills the gap, while a stream is open already. A change that was made and
			// taken back within the gap is seen by nobody.
			if err := w.blind(ctx, err); err != nil {
				return err
			}
			w.mu.Lock()
			w.cursor = ""
			w.mu.Unlock()
			if !gap && cursor != "" {
				continue
			}
		} else if err := w.without(ctx, &cut, err); err != nil {
			return err
		}
		if p.wait(ctx) != nil {
			return nil
		}
	}
	return nil
}

// from journals the place where the very first stream begins, before anything is read
// from it. An executor that stops before it has journalled a later place goes on from
// here. So it sees later changes in the stream, which may name who made them, and not
// only in a sweep, which never does.
func (w *watcher) from(ctx context.Context, cursor string) error {
	w.mu.Lock()
	known := w.place.Cursor != "" || cursor == ""
	if !known {
		w.place.Cursor = cursor
	}
	w.mu.Unlock()
	if known {
		return nil
	}
	return w.keep(func(place journal.StreamPlace) error { return w.e.journal.Follow(ctx, w.name, place) })
}

// keep journals the watch's present place. Writers wait for each other, so that no older
// place is written over a newer one.
func (w *watcher) keep(write func(journal.StreamPlace) error) error {
	w.placing.Lock()
	defer w.placing.Unlock()
	w.mu.Lock()
	place := w.place
	w.mu.Unlock()
	return write(place)
}

// without records that the watch is blind if there was no stream for too long.
func (w *watcher) without(ctx context.Context, cut *time.Time, why error) error {
	if cut.IsZero() {
		*cut = time.Now()
	}
	if time.Since(*cut) < w.e.limits.Blind && !fault.Is(why, "stream-silent") {
		return nil
	}
	w.askSweep()
	return w.blind(ctx, why)
}

// begun notes that a stream is open. It may be silent at first.
func (w *watcher) begun(opened time.Time, silence time.Duration, fromNow bool) {
	w.mu.Lock()
	w.sees.opened, w.sees.heard = opened, false
	w.mu.Unlock()
	w.stream.Store(true)
	if fromNow {
		// A sweep has to find the changes from before this moment.
		w.askSweep()
	}
	time.AfterFunc(silence, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.sees.opened.Equal(opened) {
			w.sees.heard = true
		}
	})
}

// events queues a look for each event until the stream ends.
func (w *watcher) events(ctx context.Context, s platform.Stream) error {
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	defer s.Close()
	w.mu.Lock()
	w.cursor = cmp.Or(s.Cursor(), w.cursor)
	w.mu.Unlock()
	for {
		h, err := s.Next()
		if err != nil {
			return err
		}
		k, _ := w.get(h.Subject.ID)
		w.mu.Lock()
		w.cursor, w.sees.heard = s.Cursor(), true
		if h.Subject.ID == "" { // nothing to look at
			w.mu.Unlock()
			continue
		}
		w.look(glance{id: h.Subject.ID, layer: h.Layer, handle: h.Subject.Handle, via: viaStream, events: []platform.Happening{h}, locks: h.Locks, urgent: k.Tier == actions.Critical})
		w.mu.Unlock()
	}
}

func (w *watcher) askSweep() {
	w.mu.Lock()
	w.sees.asked++
	w.mu.Unlock()
	select {
	case w.sweeps <- struct{}{}:
	default:
	}
}

// blind records that not all of the platform is seen any more: each reason once, until
// all is seen again.
func (w *watcher) blind(ctx context.Context, why error) error {
	typ := fault.TypeOf(why)
	w.mu.Lock()
	known := w.sees.told[typ]
	if w.place.Blind == "" {
		w.sees.turns++
		if time.Since(w.sees.since) > w.e.limits.Sweep {
			w.sees.turns = 0
		}
	}
	w.sees.told[typ], w.place.Blind = true, typ
	w.mu.Unlock()
	if known {
		return nil
	}
	return w.keep(func(place journal.StreamPlace) error {
		r, err := w.journalSight(ctx, w.e.newID(proof.BreachPrefix), proof.KindBlind, &proof.Sight{Platform: w.name}, typ, fault.TextOf(why), nil, journal.At(w.name, place))
		if err == nil {
			w.e.raise(r)
		}
		return err
	})
}

// sighted records that all of the platform is seen again. For that the stream has
// delivered an event, or has lived longer than a dead one may, and every sweep that was
// asked for is over. A stream that fails soon after has to live twice as long the next
// time, so that the ledger is not filled with its turns.
func (w *watcher) sighted(ctx context.Context) error {
	w.mu.Lock()
	was, s := w.place.Blind, &w.sees
	calm := time.Duration(0)
	if s.turns > 0 {
		calm = min(w.e.limits.Blind<<min(s.turns-1, mostTurns), w.e.limits.Sweep)
	}
	if was == "" || !w.stream.Load() || !s.heard || s.swept < s.asked || time.Since(s.opened) < calm {
		w.mu.Unlock()
		return nil
	}
	w.place.Blind, s.told, s.since = "", map[string]bool{}, time.Now()
	w.mu.Unlock()
	return w.keep(func(place journal.StreamPlace) error {
		return w.tell(ctx, proof.KindSighted, was, "", journal.At(w.name, place))
	})
}

// mostTurns bounds how often the time is doubled for which a stream has to live.
const mostTurns = 10

// refused records that the platform does not accept our credential. This may be the only
// sign: a platform may show its stream to everybody.
func (w *watcher) refused(ctx context.Context, err error) error {
	if ctx.Err() != nil || !platform.RefusesCredential(fault.TypeOf(err)) {
		return nil
	}
	return w.blind(ctx, err)
}

// tell records something about the platform as a whole.
func (w *watcher) tell(ctx context.Context, kind, typ, text string, more ...journal.Note) error {
	_, err := w.journalSight(ctx, w.e.newID(proof.BreachPrefix), kind, &proof.Sight{Platform: w.name}, typ, text, nil, more...)
	return err
}

// journalSight journals a record of the watch and hands it over.
func (w *watcher) journalSight(ctx context.Context, request, kind string, s *proof.Sight, typ, text string, openings []ledger.Opening, more ...journal.Note) (proof.SignedExecution, error) {
	r, err := w.e.journal.Tell(ctx, request, w.e.ledger.head(), w.sign(request, kind, s, typ, text, openings), more...)
	if err == nil {
		w.e.outbox.add(r)
	}
	return r, err
}

func (w *watcher) sign(request, kind string, s *proof.Sight, typ, text string, openings []ledger.Opening) journal.Sign {
	return w.e.signWatch(request, kind, s, typ, text, openings)
}

// signWatch signs a record of what was seen.
func (e *Executor) signWatch(request, kind string, s *proof.Sight, typ, text string, openings []ledger.Opening) journal.Sign {
	at := canonical.At(e.now())
	return func(sequence int64) proof.SignedExecution {
		r := proof.Execution{V: e.recordVersion(), Executor: e.id, Sequence: sequence, Kind: kind, Duty: proof.DutyWatch, Request: request,
			At: at, Type: typ, Text: text, Sight: s}.Sign(e.key)
		r.Openings = openings
		return r
	}
}

// --- direct reads

// read reads one critical subject after another, as often as their number and the
// platform's share allow.
func (w *watcher) read(ctx context.Context) error {
	for t := (turns{}); ctx.Err() == nil; {
		w.mu.Lock()
		id, n := t.next(w.critical, w.attacked, time.Now())
		w.mu.Unlock()
		if n == 0 {
			w.interval.Store(0)
			select {
			case <-w.turned:
			case <-ctx.Done():
			}
			continue
		}
		began := time.Now()
		if err := w.peek(ctx, id); err != nil {
			return ended(ctx, err)
		}
		took := time.Since(began)
		gap := max(w.e.limits.Direct/time.Duration(n), time.Duration(float64(w.cost.Load())/w.e.limits.Share))
		w.interval.Store(int64(gap) * int64(n))
		if sleep(ctx, gap-took) != nil {
			return nil
		}
	}
	return nil
}

// turns decides which subject is read next.
type turns struct{ all, attacked, last int }

// next returns the subject to be read, and the number of turns until each had one. During
// an attack every other turn goes to the subjects that were attacked lately: a takedown
// of these is seen sooner, and all others are read half as often and never less.
func (t *turns) next(critical []string, attacked map[string]time.Time, now time.Time) (id string, n int) {
	if n = len(critical); n == 0 {
		return "", 0
	}
	var hot []string
	for _, id := range critical {
		if until, is := attacked[id]; is && now.Before(until) {
			hot = append(hot, id)
		}
	}
	if t.last++; len(hot) > 0 {
		if n *= 2; t.last%2 == 0 {
			t.attacked++
			return hot[t.attacked%len(hot)], n
		}
	}
	t.all++
	return critical[t.all%len(critical)], n
}

// attackTime is the time for which a subject is read more often after a breach.
const attackTime = time.Minute

// smooth takes in the duration of a direct read. Work that follows from it, such as a
// restoration, is not counted: that has a share of its own.
func (w *watcher) smooth(took time.Duration) {
	old := time.Duration(w.cost.Load())
	if old == 0 {
		old = took
	}
	// One slow read does not blind us for the next second.
	took = min(took, 4*old+time.Millisecond)
	now := old + (took-old)/16
	w.cost.Store(int64(now))
}

// peek reads one critical subject, unless an act on it is under way: the act reads it
// itself.
func (w *watcher) peek(ctx context.Context, id string) error {
	k, ok := w.get(id)
	if !ok {
		return nil
	}
	release, ok := w.e.subjects.try(k.Subject.String())
	if !ok {
		return nil
	}
	defer release()
	began := time.Now()
	found, err := w.c.Peek(ctx, k.Subject)
	w.smooth(time.Since(began))
	if fault.Is(err, "no-such-subject") {
		found, err = platform.State{Status: platform.Deleted}, nil
	}
	if err != nil || ctx.Err() != nil {
		return w.refused(ctx, err) // the stream and the next read will show all other errors
	}
	l := glance{id: id, handle: k.Subject.Handle, via: viaRead}
	if err := w.judge(ctx, l, k.Tier, found.At(platform.VisibilityLayer)); err != nil {
		return err
	}
	return w.beside(ctx, l, k.Tier, found)
}

// --- sweeps

// sweepAll sweeps at start, when somebody asks for it, and at an interval.
func (w *watcher) sweepAll(ctx context.Context) error {
	p := w.e.pause()
	for ctx.Err() == nil {
		w.mu.Lock()
		asked := w.sees.asked
		w.mu.Unlock()
		if err := w.sweep(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if fault.KindOf(err) == fault.Internal {
				return err
			}
			if p.wait(ctx) != nil {
				return nil
			}
			continue
		}
		p = w.e.pause()
		w.mu.Lock()
		w.sees.swept = asked
		w.mu.Unlock()
		if err := w.sighted(ctx); err != nil {
			return ended(ctx, err)
		}
		timer := time.NewTimer(w.e.limits.Sweep)
		select {
		case <-timer.C:
		case <-w.sweeps:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// sweep lists all accounts. It looks at each account whose listed state differs from the
// known one, and at each known subject that is not listed. An error of the platform's
// makes the sweep begin anew.
func (w *watcher) sweep(ctx context.Context) error {
	listed := map[string]bool{} // true: with its layers
	for cursor := ""; ; {
		page, next, err := w.c.Accounts(ctx, cursor)
		if fault.Is(err, "not-offered") {
			break // the platform does not list: only known subjects can be read
		}
		if err != nil {
			return unwell(err)
		}
		if err := w.remember(ctx, page); err != nil {
			return err
		}
		for _, l := range page {
			listed[l.Subject.ID] = l.Layered
			if err := w.listed(ctx, l); err != nil {
				return err
			}
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	w.mu.Lock()
	for id, k := range w.known {
		if _, told := listed[id]; !told && k.State.Status != platform.Deleted {
			w.queue.add(glance{id: id, handle: k.Subject.Handle, via: viaSweep, urgent: k.Tier == actions.Critical})
		}
	}
	w.sweepLayers(listed)
	w.mu.Unlock()
	w.raise()
	if !w.queue.drained(ctx) {
		return ctx.Err()
	}
	// An act in a layer may wait for its platform as long as it likes. The sweep waits for
	// the looks at layers, and not for ever.
	patient, cancel := context.WithTimeout(ctx, w.e.limits.LongestPause)
	w.aside.drained(patient)
	cancel()
	return w.base(ctx, canonical.At(w.e.now()))
}

// unwell turns any error of a platform's into one that is met by asking again.
func unwell(err error) error {
	if fault.KindOf(err) == fault.Internal {
		return fault.New(fault.Unavailable, "platform-unwell", "The platform does not list its accounts.").Because(err)
	}
	return err
}

// remember journals the tiers that rules give a page of accounts, if the platform lists
// facts. It does so for the page as a whole, since the first sweep may raise many.
func (w *watcher) remember(ctx context.Context, page []platform.Listed) error {
	var rs []reading
	for _, l := range page {
		if l.Facts != nil {
			rs = append(rs, asListed(w.name, l))
		}
	}
	return w.e.remember(ctx, w.e.ledger.view().state, rs...)
}

// asListed is a reading of an account as its platform lists it.
func asListed(name string, l platform.Listed) reading {
	return reading{subject: platform.Subject{Platform: name, ID: l.Subject.ID, Handle: l.Subject.Handle}, sort: platform.Account,
		state: platform.State{Status: l.Status, Facts: l.Facts, Unread: l.Unread}}
}

// listed compares one account as the platform lists it with its known state.
func (w *watcher) listed(ctx context.Context, l platform.Listed) error {
	k, ok := w.get(l.Subject.ID)
	w.mu.Lock()
	plain := w.plain[l.Subject.ID]
	w.mu.Unlock()
	tier := actions.Standard
	if ok {
		tier = k.Tier
	}
	if l.Facts != nil {
		tier = tier.Max(w.tier(asListed(w.name, l)))
	}
	same := l.Status == platform.Up && !ok || ok && l.Status == k.State.Status && (!l.Marked || l.Mark == k.State.Mark)
	switch {
	case ok && same && tier == k.Tier && tier == actions.Standard:
	case !ok && same && tier == actions.Standard && (l.Facts != nil || plain):
	default:
		// A subject that matters is read even if the list agrees: a list may lack the mark, and
		// the owner's lock is read with the subject.
		w.queue.add(glance{id: l.Subject.ID, handle: l.Subject.Handle, via: viaSweep, sort: true, locks: true, urgent: tier == actions.Critical})
		return nil // the look compares the other layers
	}
	if !l.Layered {
		return nil
	}
	return w.beside(ctx, glance{id: l.Subject.ID, handle: l.Subject.Handle, via: viaSweep}, tier, platform.State{Status: l.Status, Mark: l.Mark, Layers: l.Layers})
}

// raise asks for a look at every subject that people raised to a tier which the watch
// does not know of it yet.
func (w *watcher) raise() {
	s := w.e.ledger.view().state
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.unread(s) {
		w.queue.add(glance{id: id, via: viaRead, sort: true, locks: true, urgent: true})
	}
	for name, falls := range s.Fallen {
		if subject, err := platform.ParseSubject(name); err == nil && subject.Platform == w.name && falls.Newest() >= w.raised {
			w.queue.add(glance{id: subject.ID, via: viaRead, sort: true})
		}
	}
	w.head, w.raised = s.Head, s.Next
}

// unread returns the subjects that people raised to tiers which the watch does not know
// of them yet, with these tiers. It is called with the lock held.
func (w *watcher) unread(s *proof.State) map[string]actions.Tier {
	all := map[string]actions.Tier{}
	for name, tier := range s.Raised {
		subject, err := platform.ParseSubject(name)
		if err != nil || subject.Platform != w.name {
			continue
		}
		if k, ok := w.known[subject.ID]; !ok || k.Tier.Rank() < tier.Rank() {
			all[subject.ID] = tier
		}
	}
	return all
}

// tier returns the tier of a subject as it was read.
func (w *watcher) tier(r reading) actions.Tier {
	if r.subject.Platform == "" {
		r.subject.Platform = w.name
	}
	t, _ := w.e.tierOf(w.e.ledger.view().state, w.c, r)
	return t
}

// base makes a baseline, if it would differ from the last: it enters the states of all
// subjects that matter, as a root, in the ledger. swept is when all of the platform was
// last seen.
func (w *watcher) base(ctx context.Context, swept canonical.Time) error {
	w.basing.Lock()
	defer w.basing.Unlock()
	w.mu.Lock()
	w.due = false
	var lines []line
	var fresh []journal.Watched
	now, subjects := w.e.now(), int64(0)
	add := func(id string, k journal.Watched) (added bool) {
		if k.Tier == actions.Standard || k.State.Status == "" {
			return false
		}
		if _, broken := w.open[spot{id, k.Layer}]; broken {
			return false // nobody vouches for its state
		}
		lines = append(lines, line{Layer: k.Layer, Subject: k.Subject.String(), Tier: k.Tier, State: k.State, Locked: k.Lock.Holds(now), Verdict: watch.Unchanged})
		if k.Baseline < 0 {
			fresh = append(fresh, k)
		}
		return true
	}
	for id, k := range w.known {
		if add(id, k) {
			subjects++
		}
		for _, beside := range w.layers[id] {
			beside.Tier = beside.Tier.Max(k.Tier)
			add(id, beside)
		}
	}
	w.mu.Unlock()
	at := func(place journal.StreamPlace) journal.StreamPlace {
		place.Swept = swept
		return place
	}
	root, text := rootOf(lines)
	if root == w.basis && len(fresh) == 0 && w.baseline >= 0 {
		return w.keep(func(place journal.StreamPlace) error {
			err := w.e.journal.Follow(ctx, w.name, at(place))
			w.mu.Lock()
			w.place.Swept = swept
			w.mu.Unlock()
			return err
		})
	}
	s := &proof.Sight{Platform: w.name, Via: viaSweep, Seen: canonical.At(now), Count: subjects, Root: root}
	return w.keep(func(place journal.StreamPlace) error {
		r, err := w.journalSight(ctx, w.e.newID(proof.BreachPrefix), proof.KindBaseline, s, "", "", nil, journal.Basis(w.name, text, fresh), journal.At(w.name, at(place)))
		if err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.basis, w.baseline, w.place.Swept = root, r.Execution.Sequence, swept
		for _, as := range fresh {
			// A subject that was seen in another state meanwhile is in the next baseline.
			k, ok := w.known[as.Subject.ID]
			if as.Layer != platform.VisibilityLayer {
				k, ok = w.layers[as.Subject.ID][as.Layer]
			}
			if !ok || k.Baseline >= 0 || k.State != as.State || !k.Since.Equal(as.Since.Time) {
				continue
			}
			if k.Baseline, k.Entered = r.Execution.Sequence, r.Execution.At; as.Layer != platform.VisibilityLayer {
				w.layers.put(k)
			} else {
				w.known[as.Subject.ID] = k
			}
		}
		return nil
	})
}

// rootOf returns the RFC 6962 root over lines, sorted, and their text.
func rootOf(lines []line) (canonical.Digest, []byte) {
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Layer, b.Layer))
	})
	var edge ledger.Edge
	var text bytes.Buffer
	for _, l := range lines {
		b := canonical.MustMarshal(l)
		edge.Add(tlog.RecordHash(b))
		text.Write(b)
		text.WriteByte('\n')
	}
	return canonical.Digest(edge.Root()), text.Bytes()
}

// --- what is due

// tick does the work that is due: restorations that wait, counts of changes by others,
// the place in the stream, subjects that were raised.
func (w *watcher) tick(ctx context.Context) error {
	told := w.tells()
	for sleep(ctx, w.e.limits.Tick) == nil {
		now := w.e.now()
		w.mu.Lock()
		for _, b := range w.open {
			if !b.Due.IsZero() && !waits(b, now) || b.Due.IsZero() && b.Sight.Order == "" {
				w.look(again(b))
			}
		}
		for id, until := range w.unsaid {
			if !now.Before(until) {
				w.queue.add(glance{id: id, via: viaRead, urgent: true})
			}
		}
		finished, brief := w.ended, w.brief
		w.ended, w.brief = nil, nil
		reached := w.cursor
		moved := reached != w.place.Cursor && w.queue.idle() && w.aside.idle()
		turned := w.head != w.e.ledger.view().state.Head
		w.mu.Unlock()
		if turned {
			w.raise()
		}
		if tells := w.tells(); tells != told {
			told = tells
			w.askSweep() // the layers are read from now on
		}
		if err := w.note(ctx, finished, brief, moved, reached); err != nil {
			return ended(ctx, err)
		}
		if err := w.rebase(ctx, turned); err != nil {
			return ended(ctx, err)
		}
		if err := w.sighted(ctx); err != nil {
			return ended(ctx, err)
		}
	}
	return nil
}

// rebase makes a baseline as soon as the subjects that people have raised were looked
// at, so that people can vouch for them before the next sweep.
func (w *watcher) rebase(ctx context.Context, turned bool) error {
	w.mu.Lock()
	w.due = w.due || turned
	due, swept := w.due, w.place.Swept
	w.mu.Unlock()
	if !due || swept.IsZero() || !w.queue.idle() {
		return nil // the first sweep makes a baseline, and the next tick looks again
	}
	return w.base(ctx, swept)
}

// note journals ended breaches and brief changes, and after them the place up to which
// the stream is read.
func (w *watcher) note(ctx context.Context, finished []ending, brief []line, moved bool, reached string) error {
	for _, x := range finished {
		err := error(nil)
		if x.sight == nil {
			err = w.e.journal.Overcome(ctx, x.breach)
		} else {
			_, err = w.journalSight(ctx, x.breach, proof.KindOver, x.sight, "", "", x.openings, journal.Over(x.breach))
		}
		if err != nil {
			return err
		}
	}
	if len(brief) > 0 {
		root, text := rootOf(brief)
		s := &proof.Sight{Platform: w.name, Count: int64(len(brief)), Root: root, Seen: canonical.At(w.e.now()), Why: string(watch.Foreign)}
		if _, err := w.journalSight(ctx, w.e.newID(proof.BreachPrefix), proof.KindForeign, s, "", "", nil, journal.Basis(w.name, text, nil)); err != nil {
			return err
		}
	}
	if !moved {
		return nil
	}
	w.mu.Lock()
	w.place.Cursor = reached
	w.mu.Unlock()
	return w.keep(func(place journal.StreamPlace) error { return w.e.journal.Follow(ctx, w.name, place) })
}

// status returns the present state of the watch.
func (w *watcher) status() linkv1.WatchStatus {
	chain, entered := w.e.ledger.view().state, w.e.outbox.entered()
	w.mu.Lock()
	defer w.mu.Unlock()
	s := linkv1.WatchStatus{Platform: w.name, Blind: w.place.Blind, Streaming: w.stream.Load(), Swept: w.place.Swept, Baseline: w.baseline,
		Entered: w.baseline >= 0 && entered > w.baseline, Every: w.interval.Load() / int64(time.Microsecond),
		Share: int64(w.e.limits.Share * 1000), Restore: int64(w.e.limits.Restore * 1000), Breaches: int64(len(w.open)), Shows: w.c.Shows()}
	if facts, ok := w.e.given(w.name); ok {
		s.Unranked = chain.Unranked(w.name, facts)
	}
	unread := w.unread(chain)
	watched, unbased := map[actions.Tier]int64{}, map[actions.Tier]int64{}
	for id, k := range w.known {
		watched[k.Tier]++
		if k.Request == "" && (k.Baseline < 0 || k.Baseline >= entered) { // see ordered
			unbased[cmp.Or(unread[id], k.Tier)]++
		}
		delete(unread, id)
	}
	for id, tier := range unread {
		if !w.gone[id] {
			unbased[tier]++
		}
	}
	s.Protected, s.Critical = watched[actions.Protected], watched[actions.Critical]
	s.UnbasedProtected, s.UnbasedCritical = unbased[actions.Protected], unbased[actions.Critical]
	return s
}

// --- the queue of looks

// glance asks for a look at one layer of a subject, and names its source.
type glance struct {
	id, handle string
	layer      platform.Layer
	via        string
	events     []platform.Happening // what the stream told since the last look, the newest few
	sort       bool                 // the tier may have changed
	locks      bool                 // the owner's lock may have changed
	urgent     bool
	tries      int
}

// The sources of a look.
const (
	viaStream = "stream"
	viaRead   = "read"
	viaSweep  = "sweep"
)

// spot is one layer of a subject of the platform.
type spot struct {
	id    string
	layer platform.Layer
}

func (l glance) spot() spot { return spot{l.id, l.layer} }

// queue holds each layer of a subject once, urgent ones first.
type queue struct {
	mu      *sync.Mutex
	changed chan struct{} // closed when something was added, or done
	waiting map[spot]glance
	order   [2][]spot
	busy    map[spot]bool
	again   map[spot]glance // added while they were looked at
	parked  int             // the platform did not answer for them; they come back
}

func newQueue() queue {
	return queue{mu: &sync.Mutex{}, changed: make(chan struct{}), waiting: map[spot]glance{}, busy: map[spot]bool{}, again: map[spot]glance{}}
}

func merge(a, b glance) glance {
	a.sort, a.locks, a.urgent = a.sort || b.sort, a.locks || b.locks, a.urgent || b.urgent
	a.events = slices.Concat(a.events, b.events)
	a.events = a.events[max(0, len(a.events)-mostEvents):]
	a.handle, a.tries = cmp.Or(b.handle, a.handle), min(a.tries, b.tries)
	return a
}

// mostEvents bounds the events that are kept of a subject that changes faster than it is
// looked at.
const mostEvents = 16

// brought returns the event that brought the layer into a state: the newest such event by
// the platform's own dates, since a stream may repeat old events. An event about another
// change names nobody for this one. It returns the zero event if none is known.
func (l glance) brought(found platform.Expect) (newest platform.Happening) {
	for _, h := range l.events {
		if h.Brought(l.layer, found) && !h.At.Before(newest.At.Time) {
			newest = h
		}
	}
	return newest
}

func (q *queue) add(l glance) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy[l.spot()] {
		if have, ok := q.again[l.spot()]; ok {
			l = merge(have, l)
		}
		q.again[l.spot()] = l
		return
	}
	q.push(l)
}

func (q *queue) push(l glance) {
	have, ok := q.waiting[l.spot()]
	if ok {
		l = merge(have, l)
	}
	q.waiting[l.spot()] = l
	if !ok || l.urgent && !have.urgent {
		i := 1
		if l.urgent {
			i = 0
		}
		q.order[i] = append(q.order[i], l.spot())
	}
	q.signal()
}

func (q *queue) signal() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// next waits for the next glance; ok is false once ctx has ended.
func (q *queue) next(ctx context.Context) (l glance, ok bool) {
	for {
		q.mu.Lock()
		for i := range q.order {
			for len(q.order[i]) > 0 {
				at := q.order[i][0]
				q.order[i] = q.order[i][1:]
				// A place that became urgent stands in both lists.
				if l, ok := q.waiting[at]; ok {
					delete(q.waiting, at)
					q.busy[at] = true
					q.mu.Unlock()
					return l, true
				}
			}
		}
		changed := q.changed
		q.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return glance{}, false
		}
	}
}

func (q *queue) done(at spot) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.busy, at)
	if l, ok := q.again[at]; ok {
		delete(q.again, at)
		q.push(l)
		return
	}
	q.signal()
}

func (q *queue) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)+len(q.busy)+q.parked == 0
}

// drained waits until all queued subjects were looked at, save those for which the
// platform does not answer.
func (q *queue) drained(ctx context.Context) bool {
	for {
		q.mu.Lock()
		left, changed := len(q.waiting)+len(q.busy), q.changed
		q.mu.Unlock()
		if left == 0 {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// park queues a look again after a while, since the platform did not answer.
func (q *queue) park(l glance, after time.Duration) {
	q.done(l.spot())
	q.mu.Lock()
	q.parked++
	q.mu.Unlock()
	time.AfterFunc(after, func() {
		q.add(l)
		q.mu.Lock()
		q.parked--
		q.mu.Unlock()
	})
}

// work looks at what is in a queue.
func (w *watcher) work(ctx context.Context, q *queue) error {
	for {
		l, ok := q.next(ctx)
		if !ok {
			return nil
		}
		again, err := w.inspect(ctx, l)
		if err != nil {
			q.done(l.spot())
			return ended(ctx, fmt.Errorf("look at %s:%s: %w", w.name, l.id, err))
		}
		if again {
			l.tries++
			q.park(l, min(w.e.limits.Pause<<min(l.tries, 10), w.e.limits.LongestPause))
			continue
		}
		q.done(l.spot())
	}
}
