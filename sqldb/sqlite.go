package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"countersign.dev/fault"
)

// sqliteSource is a SQLite file.
type sqliteSource struct {
	path string
}

func newSQLite(path string) (source, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("database path: %w", err)
	}
	if err := lockByDescriptor(); err != nil {
		return nil, fmt.Errorf("choose the locks of SQLite: %w", err)
	}
	return sqliteSource{abs}, nil
}

func (sqliteSource) dialect() Dialect { return SQLite }

// sqliteReaders bounds the connections that read; each has a page cache of its own.
const sqliteReaders = 8

func (s sqliteSource) dsn(more url.Values) string {
	v := url.Values{
		"_defensive": {"1"}, // no statement can damage the file on purpose
		"_dqs":       {"0"}, // a misspelt "column" is an error, not a string
		"_pragma":    append([]string{"busy_timeout(10000)", "foreign_keys(1)", "trusted_schema(0)", "temp_store(memory)"}, more["_pragma"]...),
	}
	for k, x := range more {
		if k != "_pragma" {
			v[k] = x
		}
	}
	return (&url.URL{Scheme: "file", Path: s.path, RawQuery: v.Encode()}).String()
}

// making lets one goroutine at a time check whether a database is there.
var making sync.Mutex

// make makes an empty file if there is none, readable by this program's user alone: it
// holds data that only this program may show. SQLite gives its side files the same mode.
//
// A file that is there is not opened, here or anywhere, but by the driver. Closing any
// descriptor of a file drops every POSIX lock that the process holds on it; another
// process that then opens and closes the database would believe to be the last, and
// delete the write-ahead log under us.
func (s sqliteSource) make() error {
	making.Lock() // until the file is closed no other goroutine finds it and has it locked
	defer making.Unlock()
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fault.New(fault.Unavailable, "database-unavailable",
			"The database file cannot be made: %v. Check that its folder exists and may be written to.", err)
	}
	return nil
}

// lockByDescriptor makes SQLite lock database files by descriptor and not by process,
// where the system can, which is on Linux. Then no other part of this process that opens
// and closes the file, such as a library, can take the locks away. On other systems the
// only protection is that nothing but the driver opens the file.
var lockByDescriptor = sync.OnceValue(func() error {
	_, err := sqlite.OFDLocking(true)
	if errors.Is(err, sqlite.ErrOFDLockingUnavailable) {
		return nil
	}
	return err
})

func (s sqliteSource) name() string { return s.path }

// exists looks by name: the file is not opened.
func (s sqliteSource) exists() (bool, error) {
	_, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fault.New(fault.Unavailable, "database-unavailable", "The database file cannot be reached: %v.", err)
	}
	return true, nil
}

func (s sqliteSource) open() (*sql.DB, error) {
	if err := s.make(); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", s.dsn(url.Values{"mode": {"rw"}, "_pragma": {
		"journal_mode(wal)",
		"synchronous(full)",  // an acknowledged change has been flushed to disk
		"cache_size(-65536)", // 64 MiB: the default of 2 MiB makes random indexes several times slower
	}}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func (s sqliteSource) openReaders() (*sql.DB, error) {
	db, err := sql.Open("sqlite", s.dsn(url.Values{"mode": {"ro"}, "_pragma": {"cache_size(-16384)"}}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(sqliteReaders)
	db.SetMaxIdleConns(sqliteReaders)
	return db, nil
}

// journalTries is how often a new file is looked at again: for two seconds.
const journalTries = 100

func (s sqliteSource) check(ctx context.Context, db *sql.DB) error {
	var mode string
	err := db.QueryRowContext(ctx, "pragma journal_mode").Scan(&mode)
	// The process that makes the file switches its journal over, and meanwhile SQLite does
	// not let others wait: it tells them at once that the file is locked.
	for try := 0; isSQLite(err, sqlite3.SQLITE_BUSY) && try < journalTries && ctx.Err() == nil; try++ {
		time.Sleep(20 * time.Millisecond)
		err = db.QueryRowContext(ctx, "pragma journal_mode").Scan(&mode)
	}
	if err != nil {
		return translate(err)
	}
	if mode != "wal" {
		// Network file systems cannot share memory between processes.
		return fault.New(fault.Unsupported, "database-journal",
			"SQLite cannot keep a write-ahead log here (it uses %q). Put the database on a local disk.", mode)
	}
	return nil
}

// hold reads once, since SQLite locks nothing before that. From then on the idle
// connection keeps its lock, so that no process takes itself for the only one.
func (sqliteSource) hold(ctx context.Context, db *sql.DB) error {
	var n int
	return translate(db.QueryRowContext(ctx, "select count(*) from sqlite_schema").Scan(&n))
}

func (sqliteSource) exclude(context.Context, *sql.DB) (func() error, error) {
	return func() error { return nil }, nil // Migrate tries again instead
}

func (sqliteSource) link(conn *sql.Conn) (*link, error) {
	l := &link{conn: conn}
	cache := newStatementCache(conn.PrepareContext)
	l.statements = cachedConn{conn, cache}
	l.release = cache.close
	// SQLite drops the whole transaction, not only the savepoint, on a full disk, an I/O
	// error, lack of memory or an interrupt; the first hook learns that. From then on each
	// statement would commit by itself. The second hook refuses that: only the writer's own
	// commit commits on this connection.
	err := conn.Raw(func(c any) error {
		h, ok := c.(sqlite.HookRegisterer)
		if !ok {
			return fmt.Errorf("driver connection %T has no hooks", c)
		}
		h.RegisterRollbackHook(func() { l.open = false })
		h.RegisterCommitHook(func() int32 {
			if l.committing {
				return 0
			}
			return 1
		})
		return nil
	})
	l.alive = func() bool { return l.open }
	l.failed = func() bool { return false } // a statement that fails undoes itself
	// A commit that failed has been rolled back. But if the disk failed, the commit's pages
	// may have reached the log, the last one included, and only the flush failed. Until they
	// are overwritten a crash could bring the change back.
	l.settle = func(err error) outcome {
		if isSQLite(err, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_BUSY) {
			return notCommitted
		}
		return inDoubt
	}
	return l, err
}

func (sqliteSource) listen(context.Context, func(), func(string)) (shared bool, err error) {
	return false, nil // one process has the file
}

func (sqliteSource) openTeller() (*sql.DB, error) { return nil, errors.ErrUnsupported }
