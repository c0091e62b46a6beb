package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"countersign.dev/canonical"
)

// Tx is a change or a read in progress. It is good until its function returns, and for
// one goroutine.
//
// A statement that fails, fails the change: on PostgreSQL nothing more can be done in it,
// and so that a closure does not behave differently on SQLite, the same holds there.
// Where rows may collide, ask first, or write with "on conflict".
type Tx struct {
	ctx     context.Context // a reader's; the writer's never ends
	run     statements
	dialect Dialect
	now     canonical.Time
	single  bool // one statement and no transaction around it

	unsent   []unsent
	used     bool         // single: it was run
	first    func() error // runs before the first statement; nil after it, or if there is nothing to do
	err      error        // of the first statement that failed
	ended    bool
	rows     []*sql.Rows
	earlier  []any // attached by the earlier changes of the batch
	attached []any
	signals  []string
	told     []string
}

// Tables returns the names of all tables.
func (tx *Tx) Tables() ([]string, error) {
	return All(tx, func(r Row) (name string, err error) { return name, r.Scan(&name) }, tx.dialect.tables())
}

// statements runs SQL: *sql.Conn, *sql.Tx, or one of these with a cache of prepared
// statements.
type statements interface {
	ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row
}

// Exec runs a statement and returns how many rows it touched.
func (tx *Tx) Exec(q string, args ...any) (int64, error) {
	touched, err := tx.send([]Statement{{q, args}}, nil)
	if err != nil {
		return 0, err
	}
	return touched[0], nil
}

// Statement is one of those that ExecAll runs.
type Statement struct {
	SQL  string
	Args []any
}

// ExecAll runs statements in order and returns how many rows each of them touched. On
// PostgreSQL all of them together are one round trip.
func (tx *Tx) ExecAll(all []Statement) ([]int64, error) { return tx.send(all, nil) }

// Later runs a statement before the next one, or at the end of the change if there is
// none; on PostgreSQL this needs no round trip of its own. check (nil: none) then gets
// the number of rows that it touched, and its error fails the change.
func (tx *Tx) Later(s Statement, check func(touched int64) error) {
	tx.unsent = append(tx.unsent, unsent{s, check})
}

// unsent is a statement of Later.
type unsent struct {
	Statement
	check func(touched int64) error
}

// question is a statement that answers with one row, and the variables for the row.
type question struct {
	Statement
	dest []any
}

// send runs the unsent statements, then all, and asks for a row if ask is not nil.
func (tx *Tx) send(all []Statement, ask *question) (touched []int64, err error) {
	if err := tx.usable(); err != nil {
		return nil, err
	}
	first := tx.unsent
	tx.unsent = nil
	var every []Statement
	for _, u := range first {
		every = append(every, u.Statement)
	}
	every = append(every, all...)
	if run, ok := tx.run.(togetherRunner); ok {
		touched, err = run.together(tx.ctx, every, ask)
	} else {
		touched, err = oneByOne(tx.ctx, tx.run, every, ask)
	}
	// A statement may fail since an earlier one did not touch what its check demands, such as
	// a row that another one was to refer to. Then the check has the better error.
	for i, u := range first[:min(len(first), len(touched))] {
		if u.check == nil {
			continue
		}
		if err := u.check(touched[i]); err != nil {
			return nil, tx.fail(err)
		}
	}
	if err != nil && !IsNotFound(err) {
		return nil, tx.fail(err)
	}
	return touched[len(first):], err
}

// flush runs the unsent statements.
func (tx *Tx) flush() error {
	if len(tx.unsent) == 0 {
		return nil
	}
	_, err := tx.send(nil, nil)
	return err
}

// togetherRunner is a connection to which several statements can be sent before
// the first answer is read. The first that fails, fails all after it; touched has the answers
// before it.
type togetherRunner interface {
	together(ctx context.Context, all []Statement, ask *question) (touched []int64, err error)
}

func oneByOne(ctx context.Context, run statements, all []Statement, ask *question) (touched []int64, err error) {
	for _, s := range all {
		r, err := run.ExecContext(ctx, s.SQL, s.Args...)
		if err != nil {
			return touched, err
		}
		n, err := r.RowsAffected()
		if err != nil {
			return touched, err
		}
		touched = append(touched, n)
	}
	if ask != nil {
		err = run.QueryRowContext(ctx, ask.SQL, ask.Args...).Scan(ask.dest...)
	}
	return touched, err
}

// Query runs a statement that answers with rows. They are closed with the
// transaction if not before, but on PostgreSQL nothing else can run until they
// are: All reads them at once.
func (tx *Tx) Query(q string, args ...any) (*sql.Rows, error) {
	if err := tx.flush(); err != nil {
		return nil, err
	}
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

// QueryRow is a statement that answers with one row. It runs when its Scan is
// called, which returns sql.ErrNoRows if there is none (IsNotFound).
func (tx *Tx) QueryRow(q string, args ...any) Row { return asked{tx, Statement{q, args}} }

type asked struct {
	tx *Tx
	Statement
}

// Scan implements Row.
func (a asked) Scan(dest ...any) error {
	_, err := a.tx.send(nil, &question{a.Statement, dest})
	return err
}

// Now is the time of the transaction: the same for all changes of a batch.
func (tx *Tx) Now() canonical.Time { return tx.now }

// Dialect says which database this is.
func (tx *Tx) Dialect() Dialect { return tx.dialect }

// Attach adds a value to the change. Finish gets it if the change is among those that are
// about to be committed.
func (tx *Tx) Attach(v any) { tx.attached = append(tx.attached, v) }

// Attached returns the values that the changes of this batch have attached so far, this
// one included, in order: they are about to be committed and not yet in a table.
func (tx *Tx) Attached() []any {
	return append(append([]any(nil), tx.earlier...), tx.attached...)
}

// Signal wakes the listeners of the name (see Listen) once the change is committed.
func (tx *Tx) Signal(name string) { tx.signals = append(tx.signals, name) }

// Tell has a short line of text told to all processes that use the database, this one included,
// once the change is committed; see Options.Told and DB.Hear. The line has no line feed.
func (tx *Tx) Tell(line string) { tx.told = append(tx.told, line) }

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

// end closes the cursors that the closure left open, which would fail the statements of
// the next change.
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

// Row is a row to scan: that of QueryRow, and *sql.Rows.
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

// AllAnew is All, with a plan that is made for this run alone. PostgreSQL plans a prepared
// statement for good after a few runs. That is right for rows that are found by a key. It is wrong
// for a list of keys, and for a range: what was planned while the table was empty reads the whole
// table later, until the server counts its rows anew, which is up to a minute.
func AllAnew[T any](tx *Tx, scan func(Row) (T, error), q string, args ...any) ([]T, error) {
	if tx.dialect == PostgreSQL {
		args = append([]any{pgx.QueryExecModeCacheDescribe}, args...)
	}
	return All(tx, scan, q, args...)
}

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
	s, err := c.prepare(context.Background(), unnamed(q))
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

// unnamed returns q with ? in the place of its parameters, if these are $1, $2 … in this
// order and each once. To SQLite $1 is a name, and for each parameter that is bound it walks
// through the names of all: in an insert of many rows, most of the time goes there.
func unnamed(q string) string {
	var b strings.Builder
	next := 1
	for i := 0; i < len(q); {
		switch c := q[i]; c {
		case '\'', '"':
			end := strings.IndexByte(q[i+1:], c)
			if end < 0 {
				return q
			}
			b.WriteString(q[i : i+end+2])
			i += end + 2
		case '?', '-', '/': // a parameter of another form; perhaps a comment
			if c == '?' || strings.HasPrefix(q[i:], "--") || strings.HasPrefix(q[i:], "/*") {
				return q
			}
			b.WriteByte(c)
			i++
		case '$':
			end := i + 1
			for end < len(q) && '0' <= q[end] && q[end] <= '9' {
				end++
			}
			if q[i+1:end] != strconv.Itoa(next) || end < len(q) && (q[end] == '_' || 'a' <= q[end]|0x20 && q[end]|0x20 <= 'z') {
				return q
			}
			b.WriteByte('?')
			next++
			i = end
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
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
