package executor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/canonical"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
)

// tolerance is how far an entry may be dated ahead of our own clock.
const tolerance = 60 * time.Second

// stop is a reason for which burdening acts are refused.
type stop string

// The stops. Those of the first group end with their cause. The others last as long as
// the process, and come back after a restart, which reads the same ledger again.
const (
	stopStart    stop = "starting"    // nothing has been followed yet
	stopFeed     stop = "feed"        // the desk's answer contradicts its own checkpoint, or is not signed by the log's key
	stopWithheld stop = "withheld"    // a body that we must have was not given or does not open its leaf
	stopUnheard  stop = "unheard"     // entries are missing that may hold somebody's refusal of a change of the desk
	stopRollback stop = "rolled back" // the ledger is shorter than one that we saw

	stopForked  stop = "forked"  // the ledger is not the one that we saw
	stopBroken  stop = "broken"  // a governance entry does not verify
	stopForeign stop = "foreign" // the ledger holds a record in our name that our journal lacks
	stopTiers   stop = "tiers"   // it is not known which subjects rules have raised
)

// view is the knowledge about the ledger at one moment. It is never changed.
type view struct {
	size       int64
	governance int64 // number of the governance leaves in it
	tree       canonical.Digest
	edge       ledger.Edge  // of the same tree
	remembered int64        // size of a longer ledger that the journal has seen
	state      *proof.State // folded as far as it verifies
	settled    *proof.State // the state before an admission that lacks some of its rows; relieving acts go by it
	stops      map[stop]string
	ours       bool // the ledger continues the one that the journal has seen, so that it may be journalled
}

// followedEntry is a leaf whose body is needed.
type followedEntry struct {
	index int64
	leaf  ledger.Leaf
	body  *ledger.Body // nil until a body was given that opens the leaf; of the desk's class only if it may be a refusal
	read  bool         // of the desk's class: a body was given that opens the leaf
	raw   []byte       // the body as it was given
	salt  canonical.Bytes
	seals []ledger.Opening // of a batch of tiers, as they were given
}

// follower follows the ledger. Its fields belong to the goroutine of follow, save
// those that the lock guards.
type follower struct {
	e    *Executor
	root canonical.Digest

	key        note.Verifier   // of the log, from entry 0
	verified   tip             // up to a checkpoint whose root we computed ourselves
	batch      []followedEntry // leaves after it that no checkpoint has covered yet
	tentative  tip             // verified and batch
	state      *proof.State
	settled    *proof.State
	kept       *proof.State    // from the journal, until the ledger has been read up to its end
	governance []followedEntry // to fold, in order
	executions []followedEntry // to compare, in order
	tiers      []followedEntry // batches of tiers that are not in the journal, to adopt
	broken     bool
	remembered journal.Head
	matched    bool                        // the remembered head was met
	foreign    bool                        // the ledger is not the one that the journal has seen
	fresh      bool                        // the journal is new
	unheard    stretch                     // to be read before the first of governance is folded
	void       map[canonical.Digest]string // reasons why governance entries were found void earlier, by leaf
	stops      map[stop]string

	current atomic.Pointer[view]

	mu      sync.Mutex
	changed chan struct{} // closed when there is a new view
	hashes  []tlog.Hash   // of the newest verified leaves
	base    int64         // index of the first of them
	begun   int64         // size of the ledger when the executor began to follow it
	floor   ledger.Edge   // of the ledger before them
	newest  canonical.Time
	ahead   canonical.Time
	renewed int64                // index of the entry by which the desk changed its formats; -1: not met
	unkept  []journal.ChainEntry // governance entries that the journal lacks
	chain   []canonical.Digest   // of the leaves of the governance entries that are in the journal or unkept
	voided  []journal.Void       // void governance entries that the journal lacks
	over    []journal.Taken      // in force here, and not by the chain
	laid    laid
	nos     nos
	bare    *view // the view by the chain alone, without over
}

// tip is the end of a ledger.
type tip struct {
	edge ledger.Edge
	next map[ledger.Class]int64
	past canonical.Digest // root at the remembered size, once that is reached
}

func (t tip) clone() tip {
	t.next = maps.Clone(t.next)
	return t
}

func newFollower(e *Executor, root canonical.Digest, remembered journal.Head, kept *proof.State, chain []journal.ChainEntry, over []journal.Taken, marks []journal.Mark, voids []journal.Void) *follower {
	f := &follower{e: e, root: root, renewed: -1, state: proof.NewState(root), settled: proof.NewState(root), kept: kept, remembered: remembered, matched: remembered.Size == 0,
		verified: tip{next: map[ledger.Class]int64{}}, changed: make(chan struct{}), over: over, void: map[canonical.Digest]string{}, nos: nos{marks: marks},
		stops: map[stop]string{stopStart: "The executor has just started and has not read the ledger yet."}}
	f.tentative = tip{next: map[ledger.Class]int64{}}
	for _, c := range chain {
		f.chain = append(f.chain, c.Leaf.Digest())
		if b, err := ledger.ParseBody(c.Body); err == nil && c.Place >= 0 {
			f.nos.kept = append(f.nos.kept, stamp{c.Place, b.Time})
		}
		if c.Leaf.Number == kept.Renewed() {
			f.renewed = c.Place
		}
	}
	for _, v := range voids {
		f.void[v.Leaf] = v.Why
	}
	f.publish()
	return f
}

func (f *follower) view() *view { return f.current.Load() }

// publish shows the follower's state to everybody.
func (f *follower) publish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := &view{size: f.verified.edge.Size(), governance: f.verified.next[ledger.Governance], tree: canonical.Digest(f.verified.edge.Root()), edge: f.verified.edge, state: f.state, settled: f.settled, stops: maps.Clone(f.stops), ours: f.matched && !f.foreign}
	if f.kept.Next > f.settled.Next {
		v.settled = f.kept
		if f.kept.Next > f.state.Next {
			v.state = f.kept
		}
	}
	if !f.matched {
		v.remembered = f.remembered.Size
	}
	f.bare = v
	f.show()
}

// show makes the view current. It is called with the lock held.
func (f *follower) show() {
	f.current.Store(f.lay(f.bare))
	close(f.changed)
	f.changed = make(chan struct{})
}

// await waits until a view meets the condition, and reports whether one did before ctx
// ended.
func (f *follower) await(ctx context.Context, holds func(*view) bool) bool {
	for {
		f.mu.Lock()
		changed := f.changed
		f.mu.Unlock()
		if holds(f.view()) {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return holds(f.view())
		}
	}
}

// leafAt returns the hash of a verified leaf; ok is false if it is not
// remembered, or is not there yet.
func (f *follower) leafAt(index int64) (h tlog.Hash, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if index < f.base || index >= f.base+int64(len(f.hashes)) {
		return h, false
	}
	return f.hashes[index-f.base], true
}

// rootAt returns the root that the ledger had at a size; ok is false if that is
// not remembered, or not reached yet.
func (f *follower) rootAt(size int64) (root tlog.Hash, ok bool) {
	f.mu.Lock()
	hashes, edge := f.hashes, f.floor
	f.mu.Unlock()
	n := size - edge.Size()
	if n < 0 || n > int64(len(hashes)) {
		return root, false
	}
	for _, h := range hashes[:n] {
		edge.Add(h)
	}
	return edge.Root(), true
}

// at returns the instant to judge by: the later of our own clock and the time of the
// newest entry that we believe.
func (f *follower) at(own time.Time) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := canonical.At(own)
	for _, t := range []canonical.Time{f.newest, f.ahead} {
		if t.After(at.Time) && t.Sub(own) <= tolerance {
			at = t
		}
	}
	return at.Time
}

// clocks says which clock disagrees with ours; empty if none does.
func (f *follower) clocks(own time.Time) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ahead.IsZero() || f.ahead.Sub(own) <= tolerance {
		return ""
	}
	return fmt.Sprintf("An entry of the ledger is dated %s, and this executor's clock says %s: one of the two clocks is wrong; burdening acts wait until they agree.",
		f.ahead, canonical.At(own))
}

// dated takes note of the time of a verified entry.
func (f *follower) dated(t canonical.Time, own time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.Sub(own) > tolerance {
		if t.After(f.ahead.Time) {
			f.ahead = t
		}
		return
	}
	if t.After(f.newest.Time) {
		f.newest = t
	}
}

// head returns the head of the ledger for the journal. It is empty for a ledger that is
// not known to continue the one that the journal has seen: else an executor that is
// started twice on a fork would take the fork for its own.
func (f *follower) head() journal.Head {
	v := f.view()
	if !v.ours {
		return journal.Head{}
	}
	return journal.Head{Size: v.size, Tree: v.tree, Edge: v.edge, Entered: f.e.outbox.entered()}
}

// save journals the newest head and the governance entries from time to time, and once
// more at the end. So an idle executor notices too when the ledger was cut back while it
// was down, and an executor that starts without its desk knows who may undo.
func (f *follower) save(ctx context.Context) error {
	saved := f.remembered.Size
	for over := false; !over; {
		over = sleep(ctx, f.e.limits.Save) != nil
		var err error
		if saved, err = f.saveNow(ctx, saved); err != nil {
			return err
		}
	}
	return nil
}

// saveTime bounds one such save.
const saveTime = 5 * time.Second

// saveNow journals what was followed since the ledger had the size saved, and returns its
// size now. The end of ctx does not interrupt it: the entries were taken out of the queue
// for the journal, and would be in no journal.
func (f *follower) saveNow(ctx context.Context, saved int64) (int64, error) {
	h := f.head()
	f.mu.Lock()
	if h.Size == 0 || h.Size <= saved && len(f.unkept)+len(f.nos.fresh)+len(f.voided) == 0 {
		f.mu.Unlock()
		return saved, nil
	}
	chain, voids := f.unkept, f.voided
	// A mark says that we had seen a ledger of its size. It comes into the journal only with a
	// head of at least that size, which shows after a restart that it is the same ledger.
	marks, later := splitMarks(f.nos.fresh, h.Size)
	f.unkept, f.nos.fresh, f.voided = nil, later, nil
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	f.e.step(StepSaving)
	if len(chain) > 0 {
		if err := f.e.journal.Keep(ctx, chain); err != nil {
			return saved, err
		}
	}
	if len(voids) > 0 {
		if err := f.e.journal.Avoid(ctx, voids); err != nil {
			return saved, err
		}
	}
	return max(saved, h.Size), f.e.journal.Saw(ctx, h, marks...)
}

// splitMarks returns the marks, which are in order, up to a size and those beyond it.
func splitMarks(marks []journal.Mark, size int64) (upTo, beyond []journal.Mark) {
	n := slices.IndexFunc(marks, func(m journal.Mark) bool { return m.Size > size })
	if n < 0 {
		n = len(marks)
	}
	return marks[:n:n], marks[n:]
}

// follow reads the ledger for as long as ctx lives. It answers the desk's errors and lies
// by asking again.
func (f *follower) follow(ctx context.Context) error {
	p := f.e.pause()
	for ctx.Err() == nil {
		wait := f.e.limits.Poll
		if f.lacks() {
			wait = f.e.limits.Pause
		}
		feed, err := f.e.desk.Feed(ctx, f.tentative.edge.Size(), wait)
		if err == nil {
			err = f.addFeed(feed)
			if err != nil || len(f.batch) == 0 { // no checkpoint covers a part yet
				f.note(stopFeed, err)
			}
			f.publish()
		}
		if err != nil {
			if p.wait(ctx) != nil {
				return nil
			}
			continue
		}
		if f.lacks() {
			f.askAgain(ctx)
			if f.lacks() && p.wait(ctx) != nil {
				return nil
			}
			continue
		}
		p = f.e.pause()
	}
	return nil
}

func (f *follower) note(s stop, err error) {
	if err == nil {
		delete(f.stops, s)
		return
	}
	f.stops[s] = fault.TextOf(err)
}

// withheld returns the index of the first leaf whose body is missing, or -1.
func (f *follower) withheld() int64 {
	first := int64(-1)
	for _, q := range [][]followedEntry{f.governance, f.executions} {
		if len(q) > 0 && q[0].body == nil && (first < 0 || q[0].index < first) {
			first = q[0].index
		}
	}
	return first
}

// lacks reports whether bodies have to be asked for.
func (f *follower) lacks() bool { return f.withheld() >= 0 || f.unheard != (stretch{}) }

// askAgain asks once more for missing bodies.
func (f *follower) askAgain(ctx context.Context) {
	defer f.publish()
	f.hearChange(ctx)
	from := f.withheld()
	if from < 0 {
		return
	}
	feed, err := f.e.desk.Feed(ctx, from, 0)
	if err != nil {
		return
	}
	bodies := bodiesOf(feed)
	for _, q := range [][]followedEntry{f.governance, f.executions} {
		for i := range q {
			if q[i].body == nil {
				q[i].open(bodies)
			}
		}
	}
	f.fold()
}

func bodiesOf(feed linkv1.Feed) map[int64]proof.ServedBody {
	bodies := make(map[int64]proof.ServedBody, len(feed.Bodies))
	for _, b := range feed.Bodies {
		bodies[b.Index] = b
	}
	return bodies
}

// open takes the body of an entry if it was given and opens the leaf.
func (n *followedEntry) open(bodies map[int64]proof.ServedBody) {
	given, ok := bodies[n.index]
	if !ok {
		return
	}
	b, err := ledger.Verify(n.leaf, given.Body, given.Salt)
	if err != nil {
		return
	}
	n.body, n.raw, n.salt, n.seals = &b, given.Body, given.Salt, given.Sealed
}

func lie(format string, args ...any) *fault.Error {
	return fault.New(fault.Conflict, "ledger-tampered", format, args...)
}

// addFeed adds a feed. Its contents are believed only when a checkpoint signed by the log's
// key covers them.
func (f *follower) addFeed(feed linkv1.Feed) error {
	if from := f.tentative.edge.Size(); feed.From != from {
		return lie("The desk answered with the ledger from %d where it was asked from %d.", feed.From, from)
	}
	bodies := bodiesOf(feed)
	batch, end, err := f.read(feed, bodies)
	if err != nil {
		f.forget()
		return err
	}
	if feed.Checkpoint == "" && len(batch) > 0 { // the middle of a long ledger: the next part is asked for
		f.batch, f.tentative = append(f.batch, batch...), end
		return nil
	}
	signed, err := f.open(feed, batch)
	if err != nil {
		f.forget()
		return err
	}
	switch size := end.edge.Size(); {
	case signed.Size < f.verified.edge.Size():
		f.forget()
		if root, known := f.rootAt(signed.Size); known && root != signed.Root {
			f.forked(signed.Size)
			return nil
		}
		f.rolledBack(signed.Size, f.verified.edge.Size())
		return nil
	case size > signed.Size:
		f.forget()
		return lie("The desk gave %d entries and a checkpoint over %d.", size, signed.Size)
	case size < signed.Size && len(feed.Leaves) == 0:
		f.forget()
		return lie("The desk withholds the entries from %d on: its checkpoint has %d.", size, signed.Size)
	case size < signed.Size:
		f.batch, f.tentative = append(f.batch, batch...), end
		return nil
	case end.edge.Root() != signed.Root:
		same := size == f.verified.edge.Size()
		f.forget()
		if same {
			f.forked(size)
			return nil
		}
		return lie("The entries that the desk gave do not hash to its checkpoint of size %d.", size)
	}
	f.accept(append(f.batch, batch...), end, signed.Size)
	return nil
}

// forget drops all leaves that no checkpoint has covered.
func (f *follower) forget() {
	f.batch = nil
	f.tentative = f.verified.clone()
}

// another notes that the ledger is not the one that the journal has seen. From then on
// nothing of it is journalled.
func (f *follower) another(size int64) {
	f.matched, f.foreign = true, true
	f.stops[stopForked] = fmt.Sprintf("The ledger's first %d entries are not the ones that this executor saw before.", size)
}

func (f *follower) forked(size int64) {
	f.stops[stopForked] = fmt.Sprintf("The log's key has signed two different ledgers of %d entries: it is forked.", size)
}

func (f *follower) rolledBack(now, before int64) {
	f.stops[stopRollback] = fmt.Sprintf("The ledger has %d entries; this executor has seen %d: an old ledger was put in its place.", now, before)
}

// read parses the leaves of a feed. Each class must continue without a gap.
func (f *follower) read(feed linkv1.Feed, bodies map[int64]proof.ServedBody) ([]followedEntry, tip, error) {
	end := f.tentative.clone()
	batch := make([]followedEntry, 0, len(feed.Leaves))
	for _, text := range feed.Leaves {
		leaf, err := ledger.ParseLeaf([]byte(text))
		if err != nil {
			return nil, end, err
		}
		if want := end.next[leaf.Class]; leaf.Number != want {
			return nil, end, lie("The ledger has the %s entry %d where number %d is next: an entry is missing or there are two chains.", leaf.Class, leaf.Number, want)
		}
		n := followedEntry{index: end.edge.Size(), leaf: leaf}
		if leaf.Class == ledger.Desk {
			n.hear(bodies)
		} else {
			n.open(bodies)
		}
		end.next[leaf.Class]++
		end.edge.Add(leaf.Hash())
		if end.edge.Size() == f.remembered.Size {
			end.past = canonical.Digest(end.edge.Root())
		}
		batch = append(batch, n)
	}
	return batch, end, nil
}

// open checks a feed's checkpoint, with the key that entry 0 names.
func (f *follower) open(feed linkv1.Feed, batch []followedEntry) (ledger.Signed, error) {
	if f.key == nil {
		key, err := f.logKey(append(f.batch, batch...))
		if err != nil {
			return ledger.Signed{}, err
		}
		f.key = key
	}
	return ledger.ParseCheckpoint([]byte(feed.Checkpoint), f.key)
}

// logKey reads the log's key from entry 0, which is known by its hash.
func (f *follower) logKey(all []followedEntry) (note.Verifier, error) {
	if len(all) == 0 {
		return nil, fault.New(fault.Unavailable, "not-founded", "The desk has no entry 0 yet: it has to be founded first.")
	}
	first := all[0]
	if d := first.leaf.Digest(); d != f.root {
		return nil, fault.New(fault.Forbidden, "foreign-desk", "The desk was founded by %s; this executor serves the one founded by %s.", d, f.root)
	}
	if first.body == nil {
		return nil, lie("The desk withholds entry 0.")
	}
	var c proof.Closed
	if err := canonical.UnmarshalExact(first.body.Data, &c); err != nil {
		return nil, err
	}
	return ledger.ParseVerifierKey(c.Founding.LogKey)
}

// accept adds leaves that a checkpoint covers to the verified ledger.
func (f *follower) accept(batch []followedEntry, end tip, signed int64) {
	first := f.verified.edge.Size() == 0
	f.verified, f.batch = end, nil
	f.tentative = end.clone()
	delete(f.stops, stopStart)
	f.mu.Lock()
	if first {
		f.fresh, f.begun = f.remembered.Size == 0 && len(f.chain) == 0, end.edge.Size()
	}
	for _, n := range batch {
		f.hashes = append(f.hashes, n.leaf.Hash())
	}
	if over := len(f.hashes) - f.e.limits.Leaves; over > f.e.limits.Leaves/4 {
		for _, h := range f.hashes[:over] {
			f.floor.Add(h)
		}
		f.hashes, f.base = append([]tlog.Hash(nil), f.hashes[over:]...), f.base+int64(over)
	}
	f.mu.Unlock()
	for _, n := range batch {
		switch {
		case n.leaf.Class == ledger.Governance && !f.broken:
			if k := n.leaf.Number; k < int64(len(f.chain)) && f.chain[k] != n.leaf.Digest() {
				f.another(n.index + 1)
			}
			f.governance = append(f.governance, n)
		case n.leaf.Class == ledger.Execution:
			f.executions = append(f.executions, n)
		}
	}
	delete(f.stops, stopRollback)
	if !f.matched {
		switch {
		case signed < f.remembered.Size:
			f.rolledBack(signed, f.remembered.Size)
		case f.foreign:
		case end.past != f.remembered.Tree:
			f.another(f.remembered.Size)
		default:
			f.matched = true
		}
	}
	f.mu.Lock()
	f.nos.accepted(batch, f.e.now())
	f.mu.Unlock()
	f.fold()
	own := f.e.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	// A ledger that is shorter than one in the journal says nothing about what there was not.
	if !f.matched || f.ahead.Sub(own) > tolerance {
		return
	}
	dated := datedBy(batch, own)
	if dated || len(batch) == 0 { // a desk at which nothing happens is heard of all the same
		f.nos.glance(end.edge.Size(), own)
	}
	if dated && f.nos.due(own) {
		f.nos.mark(end.edge.Size(), own)
	}
}
