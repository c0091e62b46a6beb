package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

const (
	// batchSize bounds how many changes share a commit, and so how long the
	// first of them waits for the last.
	batchSize = 1024
	// losses is how often the transaction of a change that runs alone may break
	// before the change gets its error.
	losses = 3
	// again is how often a change is run again because of others.
	again = 25
	// begins is how often the database is asked for a transaction.
	begins = 3
)

// change is one call of Write.
type change struct {
	fn    func(*Tx) error
	state atomic.Int32 // waiting, begun, withdrawn
	done  chan error   // of capacity 1: the answer never waits for its reader

	runs sync.Mutex  // held while fn runs
	left atomic.Bool // the caller does not wait any more: fn is not run again

	// Of the latest run:
	err      error
	attached []any
	signals  []string
	told     []string
	unsent   []unsent // left for Finish to send with its first statement

	// Over all runs:
	alone bool // run in a transaction of its own
	ahead bool // and take Options.Hold's lock first
	lost  int  // how often the transaction broke under it
	tries int  // how often it was to be run again
	doubt bool // a commit failed in a way that a crash might turn into success
}

const (
	waiting int32 = iota
	begun
	withdrawn
)

// writer is the goroutine that runs all changes.
type writer struct {
	db     *DB
	pool   *sql.DB
	finish func(*Tx, []any) (func(), error)
	hold   func(*Tx) error

	mu     sync.Mutex
	queue  []*change
	closed bool
	wake   chan struct{}
	gone   chan struct{} // closed when the goroutine has ended

	// The goroutine's own:
	link    *link
	todo    []*change // begun and not yet answered
	running *change
}

func startWriter(db *DB, pool *sql.DB, o Options) *writer {
	w := &writer{db: db, pool: pool, finish: o.Finish, hold: o.Hold, wake: make(chan struct{}, 1), gone: make(chan struct{})}
	go w.loop()
	return w
}

func (w *writer) write(ctx context.Context, fn func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &change{fn: fn, done: make(chan error, 1)}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return ErrClosed
	}
	w.queue = append(w.queue, c)
	w.mu.Unlock()
	w.nudge()
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
	}
	if c.state.CompareAndSwap(waiting, withdrawn) {
		return ctx.Err()
	}
	select {
	case err := <-c.done: // both had come
		return err
	default:
	}
	// The caller goes on with the variables that fn sets. So the run of fn that is under way ends first,
	// and there is no other one after it.
	c.left.Store(true)
	c.runs.Lock()
	defer c.runs.Unlock()
	return fmt.Errorf("stopped waiting for a change that has begun: %w: %w", ErrUnknown, ctx.Err())
}

// errLeft is the answer to a change whose caller has left before this run of it.
var errLeft = errors.New("sqldb: nobody waits for this change any more")

// run is one run of the change's function.
func (c *change) run(tx *Tx) error {
	c.runs.Lock()
	defer c.runs.Unlock()
	if c.left.Load() {
		return errLeft
	}
	return c.fn(tx)
}

func (w *writer) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// drain runs the waiting changes and lets no more in.
func (w *writer) drain() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.nudge()
	<-w.gone
}

// close is called once drained.
func (w *writer) close() error {
	w.unlink()
	return w.pool.Close()
}

// nextBatch returns the waiting changes, at most a batch of them, and whether there will be
// more.
func (w *writer) nextBatch() (batch []*change, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.queue), batchSize)
	for _, c := range w.queue[:n] {
		if c.state.CompareAndSwap(waiting, begun) {
			batch = append(batch, c)
		}
	}
	if w.queue = w.queue[n:]; len(w.queue) == 0 {
		w.queue = nil // free the answered ones
	} else {
		w.nudge()
	}
	return batch, len(w.queue) > 0 || !w.closed
}

// loop is the goroutine.
func (w *writer) loop() {
	defer w.survive()
	for {
		w.run()
		var more bool
		if w.todo, more = w.nextBatch(); len(w.todo) > 0 {
			continue
		}
		if !more {
			close(w.gone)
			return
		}
		<-w.wake
	}
}

// survive goes on in a new goroutine when a closure has ended this one (runtime.Goexit,
// as a test's FailNow does). Without it all callers would wait for ever.
func (w *writer) survive() {
	select {
	case <-w.gone:
		return
	default:
	}
	w.unlink()
	err := fault.New(fault.Internal, "change-exited", "A change ended the goroutine it ran on.")
	if w.running == nil { // it was Finish, for all of them
		for _, c := range w.todo {
			c.done <- err
		}
		w.todo = nil
	} else {
		w.running.done <- err
		w.todo = without(w.todo, w.running)
		w.running = nil
	}
	go w.loop()
}

func without(all []*change, one *change) []*change {
	var rest []*change
	for _, c := range all {
		if c != one {
			rest = append(rest, c)
		}
	}
	return rest
}

// run carries out the begun changes until all of them are answered.
func (w *writer) run() {
	for len(w.todo) > 0 {
		n := 1
		if !w.todo[0].alone {
			for n < len(w.todo) && !w.todo[n].alone {
				n++
			}
		}
		batch := w.todo[:n]
		repeat := w.attempt(batch)
		// Changes that run alone come last, so that they keep nobody waiting.
		var together, alone []*change
		for _, c := range append(repeat, w.todo[n:]...) {
			if c.alone {
				alone = append(alone, c)
			} else {
				together = append(together, c)
			}
		}
		w.todo = append(together, alone...)
	}
}

// attempt runs the batch in one transaction, answers the changes that it can and returns
// those that have to run again.
func (w *writer) attempt(batch []*change) (repeat []*change) {
	if err := w.begin(); err != nil {
		return answer(batch, err)
	}
	now := canonical.At(w.db.now())
	var attached []any
	var kept, later []*change
	for _, c := range batch {
		tx := &Tx{ctx: context.Background(), run: w.link.statements, dialect: w.db.dialect, now: now, earlier: attached}
		err := w.savepoint(c, tx, len(batch) > 1)
		switch {
		case !w.alive():
			return w.broken(batch, c, err)
		case err == nil:
			c.attached, c.signals, c.told, c.unsent = tx.attached, tx.signals, tx.told, tx.unsent
			attached = append(attached, tx.attached...)
			kept = append(kept, c)
		case isAgain(err) && c.tries < again:
			c.tries++
			later = append(later, c)
		default:
			c.err = translate(err)
		}
	}
	if len(kept) == 0 {
		w.rollback()
		return append(refused(batch, kept, later), later...)
	}
	committed, signals, err := w.end(now, attached, kept)
	switch {
	case !w.alive():
		return w.broken(batch, nil, err)
	case err != nil:
		w.rollback()
		var moved *MovedError
		if errors.As(err, &moved) {
			return w.moved(batch, kept, moved)
		}
		return w.unfinished(batch, err)
	}
	told := toldBy(kept)
	if err := w.link.commit(); err != nil {
		how := w.link.settle(err)
		w.rollback()
		if how == unknown {
			w.db.tell(told) // perhaps it was made
			for _, c := range kept {
				c.err = fmt.Errorf("commit: %w: %w", ErrUnknown, err)
			}
			refused(batch, nil, later)
			return later
		}
		for _, c := range kept {
			c.doubt = c.doubt || how == inDoubt
		}
		return w.broken(batch, nil, fmt.Errorf("commit: %w", err))
	}
	if committed != nil {
		committed()
	}
	for _, c := range kept {
		signals = append(signals, c.signals...)
	}
	w.db.signal(signals)
	w.db.tell(told)
	for _, c := range kept {
		c.done <- nil
	}
	return append(refused(batch, kept, later), later...)
}

// savepoint runs one change. A lone one needs no savepoint: the transaction is it.
func (w *writer) savepoint(c *change, tx *Tx, nested bool) error {
	marked := false
	if nested {
		// The savepoint is made only before the first statement: many changes only attach a
		// value, and on PostgreSQL a savepoint is a round trip.
		tx.first = func() error {
			if err := w.link.mark(); err != nil {
				w.rollback() // earlier changes may be undone with it
				return err
			}
			marked = true
			return nil
		}
	}
	fn := c.run
	if c.ahead && !nested && w.hold != nil {
		fn = func(tx *Tx) error {
			if err := w.hold(tx); err != nil {
				return err
			}
			return c.run(tx)
		}
	}
	w.running = c
	err := call(tx, func(tx *Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		if !nested && w.finishes(tx.attached) {
			return nil // from here on any failure is this change's own
		}
		return tx.flush()
	})
	w.running = nil
	if err == nil {
		err = w.passed(tx)
	}
	switch {
	case !w.alive():
		if err == nil {
			err = errors.New("the database ended the transaction")
		}
	case err != nil && marked:
		if back := w.link.undo(); back != nil {
			w.rollback()
			err = errors.Join(err, back)
		}
	}
	return err
}

// call runs fn and makes its panic an error.
func call(tx *Tx, fn func(*Tx) error) (err error) {
	defer func() {
		tx.end()
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return fn(tx)
}

func panicked(p any) error {
	return fault.New(fault.Internal, "panic", "A change failed by a mistake in the program.").
		Because(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
}

// finishes reports whether Finish has something to do.
func (w *writer) finishes(attached []any) bool { return w.finish != nil && len(attached) > 0 }

// end runs Finish, and the statements that the changes left to be sent with it.
func (w *writer) end(now canonical.Time, attached []any, kept []*change) (committed func(), signals []string, err error) {
	if !w.finishes(attached) {
		return nil, nil, nil
	}
	tx := &Tx{ctx: context.Background(), run: w.link.statements, dialect: w.db.dialect, now: now, earlier: attached}
	for _, c := range kept {
		tx.unsent = append(tx.unsent, c.unsent...)
	}
	err = call(tx, func(tx *Tx) error {
		var err error
		if committed, err = w.finish(tx, attached); err != nil {
			return err
		}
		return tx.flush()
	})
	if err == nil {
		err = w.passed(tx)
	}
	return committed, tx.signals, err
}

// passed returns the error of a failed statement that a closure ignored. On PostgreSQL a
// commit after such an error would be a rollback, without an error.
func (w *writer) passed(tx *Tx) error {
	if tx.err == nil && w.alive() && w.link.failed() {
		return errors.New("a statement failed and its error was not returned")
	}
	return tx.err
}

// broken handles a transaction that is gone, with all that the batch did in it. The
// change under which it broke runs alone from now on; if it breaks again, each of the
// others runs alone too, so that only the change at fault is harmed.
func (w *writer) broken(batch []*change, culprit *change, err error) (repeat []*change) {
	w.rollback()
	if len(batch) == 1 {
		c := batch[0]
		if !c.alone {
			// Losses within a batch were the fault of another change.
			c.alone, c.lost = true, 0
		}
		if c.lost++; c.lost < losses {
			return batch
		}
		if err = translate(err); c.doubt {
			err = fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		return answer(batch, err)
	}
	for _, c := range batch {
		c.lost++
		c.alone = c == culprit || c.lost > 1
		if c.alone {
			c.lost = 0
		}
	}
	return batch
}

// unfinished handles a batch that Finish refused.
func (w *writer) unfinished(batch []*change, err error) (repeat []*change) {
	for _, c := range batch {
		c.tries++
		switch {
		case !isAgain(err):
			if len(batch) == 1 {
				c.done <- translate(err)
				continue
			}
			c.alone = true
		case c.tries > again:
			c.done <- translate(err)
			continue
		case c.tries > 2:
			c.alone, c.ahead = true, true
		}
		repeat = append(repeat, c)
	}
	return repeat
}

// moved handles a batch that Finish refused because of one attached value: its change
// runs again in a transaction of its own, after the others.
func (w *writer) moved(batch, kept []*change, err *MovedError) (repeat []*change) {
	n := 0
	for _, c := range kept {
		if n += len(c.attached); err.Attached >= n {
			continue
		}
		if c.tries++; c.tries > again {
			c.done <- fmt.Errorf("%w: %w", ErrAgain, err.Err)
			return without(batch, c)
		}
		c.alone, c.ahead = true, true
		return batch
	}
	return w.unfinished(batch, err)
}

// refused returns those of the batch that are neither kept nor to run later.
func refused(batch, kept, later []*change) []*change {
	skip := map[*change]bool{}
	for _, c := range kept {
		skip[c] = true
	}
	for _, c := range later {
		skip[c] = true
	}
	for _, c := range batch {
		if !skip[c] {
			c.done <- c.err
		}
	}
	return nil
}

func answer(batch []*change, err error) []*change {
	for _, c := range batch {
		c.done <- err
	}
	return nil
}

// alive asks the database whether we are still in the transaction.
func (w *writer) alive() bool { return w.link != nil && w.link.alive() }

// begin starts a transaction, on a new connection if need be.
func (w *writer) begin() error {
	var err error
	for try := range begins {
		if try > 0 {
			time.Sleep(time.Duration(try) * 20 * time.Millisecond)
		}
		if err = w.connect(); err != nil {
			continue
		}
		if err = w.link.begin(w.db.dialect); err == nil {
			return nil
		}
		w.unlink()
	}
	return errUnavailable.Because(fmt.Errorf("begin: %w", err))
}

func (w *writer) connect() error {
	if w.link != nil {
		return nil
	}
	conn, err := w.pool.Conn(context.Background())
	if err != nil {
		return err
	}
	l, err := w.db.source.link(conn)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	w.link = l
	return nil
}

// rollback ends the transaction in whatever state it is; a connection that cannot even do
// that is closed.
func (w *writer) rollback() {
	if w.link == nil {
		return
	}
	if w.link.drop() {
		return
	}
	if w.link.alive() {
		w.link.exec("rollback")
	}
	if w.link.alive() || !w.link.idle() {
		w.unlink()
	}
}

// unlink closes the connection for good, and with it any transaction on it.
func (w *writer) unlink() {
	if w.link == nil {
		return
	}
	w.link.release()
	w.link.conn.Raw(func(any) error { return driver.ErrBadConn }) // do not reuse it
	w.link.conn.Close()
	w.link = nil
}

// link is the writer's connection.
type link struct {
	conn       *sql.Conn
	statements statements
	release    func()              // frees the prepared statements
	alive      func() bool         // asks the database: are we still in the transaction?
	failed     func() bool         // asks it: has a statement failed that nothing has undone?
	settle     func(error) outcome // finds out the outcome of a failed commit
	joined     bool                // several statements can go in one round trip
	unbegun    *string             // where begin leaves its statement for the first one to take along; nil: it runs it
	open       bool                // in a transaction, as far as we know
	committing bool                // the commit under way is the writer's own
	marked     mark                // the savepoint
}

// mark says what has been done since the one savepoint of a batch.
type mark int

const (
	nothing mark = iota // there is none
	unused              // nothing has been done since
	used                // a change that is kept
)

// mark makes a savepoint for the next change, and drops the savepoint of a change that is
// kept.
func (l *link) mark() error {
	var statements []string
	switch {
	case l.marked == unused: // the savepoint serves again
	case l.marked == nothing:
		statements = []string{"savepoint change"}
	case l.joined:
		statements = []string{"release savepoint change; savepoint change"}
	default:
		statements = []string{"release savepoint change", "savepoint change"}
	}
	for _, q := range statements {
		if err := l.exec(q); err != nil {
			return err
		}
	}
	l.marked = used // undo sets it back
	return nil
}

// undo takes back all changes since mark.
func (l *link) undo() error {
	if err := l.exec("rollback to savepoint change"); err != nil {
		return err
	}
	l.marked = unused
	return nil
}

// outcome is the knowledge about a commit that failed.
type outcome int

const (
	unknown outcome = iota
	inDoubt
	notCommitted
)

func (l *link) exec(q string) error {
	_, err := l.statements.ExecContext(context.Background(), q)
	return err
}

func (l *link) begin(d Dialect) error {
	if l.unbegun != nil {
		*l.unbegun, l.marked = d.begin(), nothing
		return nil
	}
	if err := l.exec(d.begin()); err != nil {
		return err
	}
	l.open, l.marked = true, nothing
	return nil
}

// drop ends a transaction in which nothing was done, if there is one.
func (l *link) drop() bool {
	if l.unbegun == nil || *l.unbegun == "" {
		return false
	}
	*l.unbegun = ""
	return true
}

func (l *link) commit() error {
	if l.drop() {
		return nil
	}
	l.committing = true
	err := l.exec("commit")
	l.committing = false
	if err == nil {
		l.open = false
	}
	return err
}

// idle reports whether the connection can be used for another transaction.
func (l *link) idle() bool { return l.conn.PingContext(context.Background()) == nil }
