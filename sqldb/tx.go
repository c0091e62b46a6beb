package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"countersign.dev/canonical"
)

// Tx is a change or a read in progress. It is good until its function returns,
// and for one goroutine.
//
// A statement that fails, fails the change: on PostgreSQL nothing more can be
// done in it, and so that a closure does not behave differently on SQLite, the
// same holds there. What may collide is asked first, or written with
// "on conflict".
type Tx struct {
	ctx     context.Context // a reader's; the writer's never ends
	run     statements
	dialect Dialect
	now     canonical.Time
	single  bool // one statement and no transaction around it

	used     bool         // single: it was run
	first    func() error // runs before the first statement; nil after it, or if there is nothing to do
	err      error        // of the first statement that failed
	ended    bool
	rows     []*sql.Rows
	earlier  []any // attached by the changes of the batch before this one
	attached []any
	signals  []string
}

// statements is what runs SQL: *sql.Conn, *sql.Tx, or one of these with a
// cache of prepared statements.
type statements interface {
	ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row
}

// Exec runs a statement and returns how many rows it touched.
func (tx *Tx) Exec(q string, args ...any) (int64, error) {
	if err := tx.usable(); err != nil {
		return 0, err
	}
	r, err := tx.run.ExecContext(tx.ctx, q, args...)
	if err != nil {
		return 0, tx.fail(err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return 0, tx.fail(err)
	}
	return n, nil
}

// Statement is one of those that ExecAll runs.
type Statement struct {
	SQL  string
	Args []any
}

// ExecAll runs statements in their order and returns how many rows each of them
// touched. On PostgreSQL all of them together are one round trip.
func (tx *Tx) ExecAll(all []Statement) ([]int64, error) {
	if err := tx.usable(); err != nil {
		return nil, err
	}
	if run, ok := tx.run.(togetherRunner); ok {
		touched, err := run.execTogether(tx.ctx, all)
		if err != nil {
			return nil, tx.fail(err)
		}
		return touched, nil
	}
	touched := make([]int64, len(all))
	for i, s := range all {
		var err error
		if touched[i], err = tx.Exec(s.SQL, s.Args...); err != nil {
			return nil, err
		}
	}
	return touched, nil
}

// togetherRunner is a connection to which several statements can be sent before
// the first answer is read. The first that fails, fails all after it.
type togetherRunner interface {
	execTogether(ctx context.Context, all []Statement) (touched []int64, err error)
}

// Query runs a statement that answers with rows. They are closed with the
// transaction if not before, but on PostgreSQL nothing else can run until they
// are: All reads them at once.
func (tx *Tx) Query(q string, args ...any) (*sql.Rows, error) {
	if err := tx.usable(); err != nil {
		return nil, err
	}
	rows, err := tx.run.QueryContext(tx.ctx, q, args...)
	if err != nil {
		return nil, tx.fail(err)
	}
	tx.rows = append(tx.rows, rows)
	return rows, nil
}

// QueryRow runs a statement that answers with one row; its Scan returns
// sql.ErrNoRows if there is none (IsNotFound).
func (tx *Tx) QueryRow(q string, args ...any) *sql.Row {
	ctx := tx.ctx
	if tx.usable() != nil {
		ctx = endedContext // makes a row whose Scan fails, without asking the database
	}
	row := tx.run.QueryRowContext(ctx, q, args...)
	if err := row.Err(); err != nil && !tx.ended {
		tx.fail(err)
	}
	return row
}

// Now is the time of the transaction: the same for all changes of a batch.
func (tx *Tx) Now() canonical.Time { return tx.now }

// Dialect says which database this is.
func (tx *Tx) Dialect() Dialect { return tx.dialect }

// Attach adds a value to the change, which Finish is given if the change is
// among those committed.
func (tx *Tx) Attach(v any) { tx.attached = append(tx.attached, v) }

// Attached returns what the changes of this batch have attached so far, this
// one included, in order: what is about to be committed but not yet in a table.
func (tx *Tx) Attached() []any {
	return append(append([]any(nil), tx.earlier...), tx.attached...)
}

// Signal wakes those who Listen to the name once the change is committed.
func (tx *Tx) Signal(name string) { tx.signals = append(tx.signals, name) }

// usable says whether a statement can run, and makes ready for the first one.
func (tx *Tx) usable() error {
	if tx.ended {
		return errEnded
	}
	if first := tx.first; first != nil && tx.err == nil {
		tx.first = nil
		if err := first(); err != nil {
			tx.fail(err)
		}
	}
	if tx.single && tx.err == nil {
		if tx.used {
			tx.fail(errSingle)
		}
		tx.used = true
	}
	return tx.err
}

func (tx *Tx) fail(err error) error {
	if tx.err == nil {
		tx.err = err
	}
	return err
}

// end closes what the closure left open: an open cursor would fail the
// statements of the next change.
func (tx *Tx) end() {
	tx.ended = true
	for _, r := range tx.rows {
		r.Close()
		if err := r.Err(); err != nil && tx.err == nil {
			tx.err = err
		}
	}
	tx.rows = nil
}

// Row is a row to scan: *sql.Row and *sql.Rows.
type Row interface{ Scan(dest ...any) error }

// All reads all rows that q answers with.
func All[T any](tx *Tx, scan func(Row) (T, error), q string, args ...any) ([]T, error) {
	rows, err := tx.Query(q, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// endedContext has been cancelled from the start.
var endedContext = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// statementCache keeps prepared statements by their text; SQLite spends half of
// a short query on preparing it. Texts beyond its size, which only generated
// ones can reach, are run without.
type statementCache struct {
	prepare func(context.Context, string) (*sql.Stmt, error)
	mu      sync.Mutex
	by      map[string]*sql.Stmt
}

const statementCacheSize = 500

func newStatementCache(prepare func(context.Context, string) (*sql.Stmt, error)) *statementCache {
	return &statementCache{prepare: prepare, by: map[string]*sql.Stmt{}}
}

// get returns the statement for q, nil if the cache is full.
func (c *statementCache) get(q string) (*sql.Stmt, error) {
	c.mu.Lock()
	s, full := c.by[q], len(c.by) >= statementCacheSize
	c.mu.Unlock()
	if s != nil || full {
		return s, nil
	}
	// Without the caller's context: the statement outlives this use of it.
	s, err := c.prepare(context.Background(), q)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.by[q]; other != nil {
		return other, errors.Join(s.Close())
	}
	c.by[q] = s
	return s, nil
}

func (c *statementCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.by {
		s.Close()
	}
	clear(c.by)
}

// cachedConn is the writer's connection with its prepared statements.
type cachedConn struct {
	*sql.Conn
	cache *statementCache
}

func (c cachedConn) ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error) {
	s, err := c.cache.get(q)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.Conn.ExecContext(ctx, q, args...)
	}
	return s.ExecContext(ctx, args...)
}

func (c cachedConn) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	s, err := c.cache.get(q)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.Conn.QueryContext(ctx, q, args...)
	}
	return s.QueryContext(ctx, args...)
}

func (c cachedConn) QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row {
	s, err := c.cache.get(q)
	if s == nil || err != nil {
		return c.Conn.QueryRowContext(ctx, q, args...) // fails again, as a row
	}
	return s.QueryRowContext(ctx, args...)
}

// cachedPool is the readers' connections, any of them for each statement, with
// their prepared statements.
type cachedPool struct {
	*sql.DB
	cache *statementCache
}

func (p cachedPool) ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error) {
	s, err := p.cache.get(q)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return p.DB.ExecContext(ctx, q, args...)
	}
	return s.ExecContext(ctx, args...)
}

func (p cachedPool) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	s, err := p.cache.get(q)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return p.DB.QueryContext(ctx, q, args...)
	}
	return s.QueryContext(ctx, args...)
}

func (p cachedPool) QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row {
	s, err := p.cache.get(q)
	if s == nil || err != nil {
		return p.DB.QueryRowContext(ctx, q, args...) // fails again, as a row
	}
	return s.QueryRowContext(ctx, args...)
}

// cachedTx is a reader's transaction with the pool's prepared statements.
type cachedTx struct {
	*sql.Tx
	cache *statementCache
}

func (t cachedTx) ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error) {
	s, err := t.cache.get(q)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return t.Tx.ExecContext(ctx, q, args...)
	}
	return t.Tx.StmtContext(ctx, s).ExecContext(ctx, args...)
}

func (t cachedTx) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	s, err := t.cache.get(q)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return t.Tx.QueryContext(ctx, q, args...)
	}
	return t.Tx.StmtContext(ctx, s).QueryContext(ctx, args...)
}

func (t cachedTx) QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row {
	s, err := t.cache.get(q)
	if s == nil || err != nil {
		return t.Tx.QueryRowContext(ctx, q, args...)
	}
	return t.Tx.StmtContext(ctx, s).QueryRowContext(ctx, args...)
}
