// Package executor acts on platforms, on a warrant or not at all. It is a process
// of its own, holds the platforms' credentials, keeps a journal, and checks
// everything itself, when it acts and before every attempt.
//
// It trusts its own clock within 60 seconds, its journal, the connectors' word on
// what they saw, and the hash of entry 0 that it was given. It does not trust the
// desk: whatever the desk says is checked against the ledger, which it follows
// from entry 0, and whatever the desk withholds stops burdening acts. What
// relieves (an undo, the end of a suspension) goes on without the desk.
//
// It promises that no call is made but under a warrant that its own state of the
// governance chain permits at that moment; that a warrant is spent once; that an
// intent is journalled, and for a burdening act is in the ledger under a verified
// checkpoint, before the call; that a freeze, an end or a revocation handed straight
// to it is in force at once; that a call whose outcome is not known is asked
// about and never repeated blindly; and that every record is handed to the desk
// until it stands in the ledger.
package executor

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/id"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
)

// Desk is what the executor asks of the desk: the ledger, and a place for its
// records. It asks for nothing that it cannot check. All may be called concurrently.
type Desk interface {
	// Feed returns the ledger from an index on, all of it or the first part. If
	// nothing is there yet it waits for as long as wait, and then returns a feed
	// without leaves.
	Feed(ctx context.Context, from int64, wait time.Duration) (linkv1.Feed, error)

	// Bodies returns the bodies that open the leaves of the ledger in [from, to), in their
	// order: all of them, or the first part.
	Bodies(ctx context.Context, from, to int64) ([]proof.ServedBody, error)

	// Record enters a record in the ledger, exactly once for each sequence
	// number however often it is handed over, and returns after the commit.
	Record(ctx context.Context, r proof.SignedExecution) error
}

// Limits are the executor's patience. A zero value means the default.
type Limits struct {
	Entry          time.Duration // for a burdening act's intent to be in the ledger, 10 s; else the act is dropped
	RelievingEntry time.Duration // the same for a relieving act, and for the ledger that its warrant names, 1 s; then the act goes on without it
	Poll           time.Duration // for the desk to answer that nothing is new, 20 s
	Pause          time.Duration // before something that failed is tried again, at first, 50 ms
	LongestPause   time.Duration // the longest such pause, 5 s
	Tick           time.Duration // between two looks at what is due, 500 ms
	Save           time.Duration // between two notes of the ledger's head where nothing else is journalled, 1 s
	Direct         time.Duration // between two direct reads of one critical subject, at least, 40 ms
	Share          float64       // of one connection's time that direct reads of a platform may take, 0.2
	Restore        float64       // of one connection's time that restorations of a platform's critical subjects may take, 0.5
	Sweep          time.Duration // between two sweeps of a platform, 10 min
	Word           time.Duration // for the stream to say who made a deactivation that was seen before its event, 2 s
	Blind          time.Duration // for a stream to be down before the watch reports itself blind, 5 s
	Answer         time.Duration // for the desk to take a breach before the fixed address is alarmed, 2 s
	Attempts       int64         // calls that the platform says it did not carry out, before an act has failed, 5
	// Leaves is the number of newest leaves of the ledger that are remembered, 1,048,576. A
	// warrant is found by its leaf; a warrant with an older leaf has expired.
	Leaves int
}

func (l *Limits) fill() {
	for _, d := range []struct {
		of      *time.Duration
		usually time.Duration
	}{{&l.Entry, 10 * time.Second}, {&l.RelievingEntry, time.Second}, {&l.Poll, 20 * time.Second}, {&l.Pause, 50 * time.Millisecond},
		{&l.LongestPause, 5 * time.Second}, {&l.Tick, 500 * time.Millisecond}, {&l.Save, time.Second}, {&l.Direct, 40 * time.Millisecond},
		{&l.Sweep, 10 * time.Minute}, {&l.Word, 2 * time.Second}, {&l.Blind, 5 * time.Second}, {&l.Answer, 2 * time.Second}} {
		if *d.of == 0 {
			*d.of = d.usually
		}
	}
	if l.Share == 0 {
		l.Share = 0.2
	}
	if l.Restore == 0 {
		l.Restore = 0.5
	}
	if l.Attempts == 0 {
		l.Attempts = 5
	}
	if l.Leaves == 0 {
		l.Leaves = 1 << 20
	}
}

// Config holds all that an executor needs.
type Config struct {
	ID        string
	Key       ed25519.PrivateKey
	Root      canonical.Digest // hash of entry 0 of the desk that it serves
	Platforms map[string]platform.Connector
	Journal   *journal.Journal // the caller closes it after Run has returned
	Desk      Desk
	Limits    Limits
	Now       func() time.Time // nil: the machine's clock
	Rand      io.Reader        // nil: the machine's randomness
	// Alarm, if set, sends a record to the one address that the executor knows by itself. It
	// is called for a breach, or a freeze that was taken directly, that the desk did not
	// accept.
	Alarm func(ctx context.Context, r proof.SignedExecution) error
	// Step, if set, is called between any two steps of an act, with the name of
	// the one just done; see the constants.
	Step func(name string)
}

// The steps between which an executor may die.
const (
	StepJudged     = "judged"       // nothing is journalled yet
	StepIntended   = "intended"     // the intent is journalled
	StepEntered    = "entered"      // the intent is in the ledger
	StepAgain      = "judged again" // the next thing is the call
	StepCalled     = "called"       // the platform has answered
	StepEnded      = "ended"        // the receipt is journalled
	StepHandedOver = "handed over"  // the desk has a record
	StepSeen       = "seen"         // a breach is established and nothing is journalled yet
	StepTaken      = "taken"        // a change that its signer handed over directly is in force
	StepBreached   = "breached"     // the breach is journalled, and its restoration if it is due at once
	StepSaving     = "saving"       // the governance entries that were followed are about to be journalled
)

// Executor is one executor. Its methods may be called by several goroutines.
type Executor struct {
	id        string
	key       ed25519.PrivateKey
	platforms map[string]platform.Connector
	journal   *journal.Journal
	desk      Desk
	limits    Limits
	now       func() time.Time
	step      func(string)
	alarm     func(context.Context, proof.SignedExecution) error
	watches   map[string]*watcher
	ledger    *follower
	outbox    *outbox
	heights   *heights
	subjects  *locks

	taking sync.Mutex // one change is taken at a time, so that the check of the next one sees it

	random   sync.Mutex
	source   io.Reader
	mu       sync.Mutex
	run      context.Context // Run's context; nil before and after Run
	tasks    map[journal.Key]*task
	finished sync.WaitGroup // of tasks
	wake     chan struct{}  // a lift may be due

	// Of each platform that was reached: the facts that its connector gives, and the labels
	// that it offers, sorted.
	gives  map[string][]platform.Fact
	labels map[string][]string
}

// New returns an executor. A journal that belongs to another executor or another
// desk is a fault of type "foreign-journal".
func New(ctx context.Context, c Config) (*Executor, error) {
	c.Limits.fill()
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Step == nil {
		c.Step = func(string) {}
	}
	if len(c.Key) != ed25519.PrivateKeySize || c.ID == "" || c.Root.IsZero() {
		return nil, fault.New(fault.Invalid, "bad-executor", "An executor has an identifier, a key, and the hash of the desk's entry 0.")
	}
	head, err := c.Journal.Claim(ctx, journal.Owner{Executor: c.ID, Root: c.Root})
	if err != nil {
		return nil, err
	}
	digests, err := c.Journal.Digests(ctx)
	if err != nil {
		return nil, err
	}
	chain, err := c.Journal.Chain(ctx)
	if err != nil {
		return nil, err
	}
	kept, err := refold(c.Root, chain)
	if err != nil {
		return nil, err
	}
	over, err := c.Journal.Taken(ctx)
	if err == nil {
		err = readTaken(over)
	}
	if err != nil {
		return nil, err
	}
	stood, err := c.Journal.Heights(ctx)
	if err != nil {
		return nil, err
	}
	marks, err := c.Journal.Marks(ctx)
	if err != nil {
		return nil, err
	}
	voids, err := c.Journal.Voids(ctx)
	if err != nil {
		return nil, err
	}
	e := &Executor{id: c.ID, heights: newHeights(stood), key: c.Key, platforms: maps.Clone(c.Platforms), journal: c.Journal, desk: c.Desk, limits: c.Limits, now: c.Now,
		step: c.Step, source: c.Rand, subjects: newLocks(), tasks: map[journal.Key]*task{}, wake: make(chan struct{}, 1)}
	e.outbox = newOutbox(e, digests, head.Entered)
	e.ledger = newFollower(e, c.Root, head, kept, chain, over, marks, voids)
	e.alarm, e.watches = c.Alarm, map[string]*watcher{}
	for name, p := range e.platforms {
		if w, ok := p.(platform.Watcher); ok {
			e.watches[name] = newWatcher(e, name, w)
		}
	}
	return e, nil
}

// Run follows the ledger, settles all acts that were under way when the executor last
// stopped, lifts suspensions that are due, and hands records over, until ctx ends. Carry
// works while it runs. The error is nil after ctx has ended. Any other error means that
// Run could not go on and nobody knows what the journal holds: a new Executor has to
// begin from the journal.
func (e *Executor) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	e.mu.Lock()
	if e.run != nil {
		e.mu.Unlock()
		return fault.New(fault.Conflict, "running", "The executor is running already.")
	}
	e.run = ctx
	e.mu.Unlock()

	var loops sync.WaitGroup
	work := []func(context.Context) error{e.ledger.follow, e.ledger.hearNews, e.ledger.save, e.outbox.handOver, e.settleAll, e.liftAll, e.tellTiers}
	for _, w := range e.watches {
		work = append(work, w.run)
	}
	for name, c := range e.platforms {
		work = append(work, func(ctx context.Context) error { e.learn(ctx, name, c); return nil })
	}
	for _, loop := range work {
		loops.Go(func() {
			if err := loop(ctx); err != nil && ctx.Err() == nil {
				stop(err)
			}
		})
	}
	<-ctx.Done()
	e.mu.Lock()
	e.run = nil // nothing is begun from here on
	e.mu.Unlock()
	loops.Wait()
	e.finished.Wait()
	if err := context.Cause(ctx); err != context.Canceled && err != context.DeadlineExceeded {
		return err
	}
	return nil
}

// learn asks a connector which facts it gives and which labels it offers, until its
// platform was reached. It runs apart, since some connectors connect when they are first
// asked, and Status must not wait for a platform.
func (e *Executor) learn(ctx context.Context, name string, c platform.Connector) {
	for p := e.pause(); ctx.Err() == nil; p.wait(ctx) {
		can := c.Capabilities()
		if len(can.Abilities) == 0 {
			continue // it was not reached
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.gives == nil {
			e.gives, e.labels = map[string][]platform.Fact{}, map[string][]string{}
		}
		e.gives[name] = slices.Sorted(slices.Values(can.Facts))
		e.labels[name] = append([]string{}, can.Labels...)
		return
	}
}

// given returns the facts that a platform's connector gives; ok is false while the
// platform was never reached.
func (e *Executor) given(name string) (facts []platform.Fact, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	facts, ok = e.gives[name]
	return facts, ok
}

// Status returns the executor's present state.
func (e *Executor) Status() linkv1.ExecutorStatus {
	v := e.ledger.view()
	s := linkv1.ExecutorStatus{Executor: e.id, Size: v.size, Clock: canonical.At(e.now()), Stopped: e.stopped(v), Platforms: slices.Sorted(maps.Keys(e.platforms))}
	s.Size = max(s.Size, v.remembered)
	if v.state.Founded() {
		s.Governance = v.state.Next
	}
	e.mu.Lock()
	s.Facts, s.Labels = maps.Clone(e.gives), maps.Clone(e.labels)
	e.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(e.watches)) {
		s.Watches = append(s.Watches, e.watches[name].status())
	}
	return s
}

// stopped says why burdening acts are refused; empty if they are not.
func (e *Executor) stopped(v *view) string {
	var why []string
	for _, k := range slices.Sorted(maps.Keys(v.stops)) {
		why = append(why, v.stops[k])
	}
	if text := e.ledger.clocks(e.now()); text != "" {
		why = append(why, text)
	}
	if v.state.Founded() {
		if t := v.state.Trust; t.Executor != e.id || !e.key.Public().(ed25519.PublicKey).Equal(ed25519.PublicKey(t.ExecutorKey)) {
			why = append(why, fmt.Sprintf("The governance chain trusts the executor %q, with another key or name than this one's.", t.Executor))
		}
	}
	return strings.Join(why, " ")
}

func (e *Executor) nonce() (canonical.Bytes, error) {
	e.random.Lock()
	defer e.random.Unlock()
	b := make([]byte, 32)
	if _, err := io.ReadFull(e.source, b); err != nil {
		return nil, fmt.Errorf("no randomness for a nonce: %w", err)
	}
	return b, nil
}

// newID makes an identifier.
func (e *Executor) newID(prefix string) string {
	e.random.Lock()
	defer e.random.Unlock()
	return id.Source{Now: e.now, Rand: e.source}.New(prefix)
}

// sealed makes an opening of a field, and the commitment to it that a record holds.
func (e *Executor) sealed(name, value string) (ledger.Opening, canonical.Digest, error) {
	o, err := ledger.Field(name, value)
	if err != nil {
		return o, canonical.Digest{}, err
	}
	if o.Salt, err = e.nonce(); err != nil {
		return o, canonical.Digest{}, err
	}
	d, err := o.Commitment()
	return o, d, err
}

// callKey names one call to a platform.
func callKey(a journal.Act) string {
	key := hex.EncodeToString(a.Nonce)
	if a.Attempt > 1 {
		// A platform that was asked about a key never acts on it afterwards, so each attempt
		// has its own.
		key += fmt.Sprintf("-%d", a.Attempt)
	}
	return key
}

// pause waits a little longer each time.
type pause struct{ next, most time.Duration }

func (e *Executor) pause() *pause { return &pause{e.limits.Pause, e.limits.LongestPause} }

func (p *pause) wait(ctx context.Context) error {
	err := sleep(ctx, p.next)
	p.next = min(2*p.next, p.most)
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// locks lets one act at a time work on a subject.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
	left map[string][]journal.Key // see turn.leave
}

type lock struct {
	turn    chan struct{} // holds one value while free
	waiting int
}

func newLocks() *locks { return &locks{held: map[string]*lock{}, left: map[string][]journal.Key{}} }

func (l *locks) acquire(ctx context.Context, name string) (release func(), err error) {
	l.mu.Lock()
	k, ok := l.held[name]
	if !ok {
		k = &lock{turn: make(chan struct{}, 1)}
		k.turn <- struct{}{}
		l.held[name] = k
	}
	k.waiting++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if k.waiting--; k.waiting == 0 {
			delete(l.held, name)
		}
	}
	select {
	case <-k.turn:
		return func() { k.turn <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// turn is the turn of an act at a subject. While the act has the subject, no other act and
// no look of the watch works on it.
type turn struct {
	of      *locks
	name    string
	act     journal.Key
	release func() // nil while the act has left the subject to others
}

func (l *locks) take(ctx context.Context, name string, act journal.Key) (*turn, error) {
	t := &turn{of: l, name: name, act: act}
	return t, t.back(ctx)
}

// end gives the subject up.
func (t *turn) end() {
	if t.release != nil {
		t.release()
		t.release = nil
	}
}

// leave leaves the subject to others until the act comes back. No call of the act may be
// under way.
func (t *turn) leave() {
	t.of.mu.Lock()
	t.of.left[t.name] = append(t.of.left[t.name], t.act)
	t.of.mu.Unlock()
	t.end()
}

// back waits for the subject, if the act does not have it.
func (t *turn) back(ctx context.Context) (err error) {
	if t.release != nil {
		return nil
	}
	if t.release, err = t.of.acquire(ctx, t.name); err != nil {
		return err
	}
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	left := slices.DeleteFunc(t.of.left[t.name], func(k journal.Key) bool { return k == t.act })
	if t.of.left[t.name] = left; len(left) == 0 {
		delete(t.of.left, t.name)
	}
	return nil
}

// away returns the acts that were taken on and have left a subject: no call of them is under
// way. The caller has the subject.
func (l *locks) away(name string) []journal.Key {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.left[name])
}

// try takes a subject if no act works on it.
func (l *locks) try(name string) (release func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, busy := l.held[name]; busy {
		return nil, false
	}
	k := &lock{turn: make(chan struct{}, 1), waiting: 1}
	l.held[name] = k
	return func() {
		k.turn <- struct{}{}
		l.mu.Lock()
		defer l.mu.Unlock()
		if k.waiting--; k.waiting == 0 {
			delete(l.held, name)
		}
	}, true
}

// Running reports whether Run is running, so that Carry works.
func (e *Executor) Running() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.run != nil
}

// Entered returns a sequence number: every record of this executor below it is in the
// ledger. Once all records have been handed over, it is the count of records signed.
func (e *Executor) Entered() int64 { return e.outbox.entered() }
