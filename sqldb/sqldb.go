// Package sqldb opens a database, brings its tables up to date and runs
// changes against it, the same on SQLite and on PostgreSQL. It knows nothing of
// what the tables hold.
//
// Changes of one process go through one goroutine, which takes everything that
// waits, runs each change in a savepoint of one transaction, lets Options.Finish
// end it and commits: one flush to disk for all who waited, and no timer.
// Reads run beside it on connections that cannot write.
//
// It trusts the database to keep what it acknowledged (synchronous FULL on
// SQLite, synchronous_commit on PostgreSQL) and nobody's context: a caller who
// stops waiting never cuts a change in half.
//
// It promises that a change whose Write returned nil is durable and was made
// exactly once; that a change whose Write returned an error other than
// ErrUnknown was not made at all; and that one change's error, panic or refusal
// does not touch the others it was committed with. A closure may run several
// times, so it does nothing but read and write through its Tx.
//
// One text of SQL serves both databases: parameters are $1 … $n, times are
// bigint microseconds, identifiers text. What cannot be one text is in
// dialect.go. On PostgreSQL a change runs at READ COMMITTED: a race that matters
// is settled in the statement (where id = $1 and version = $2) or by a row lock
// (Tx.ForUpdate), never by an earlier read.
//
// # Append-only tables
//
// A table whose rows never change gets triggers that refuse update and delete
// in its first migration, so that a mistake in a query fails instead of
// rewriting history. On SQLite:
//
//	create trigger entry_no_update before update on entry
//	begin select raise(abort, 'entry is append-only'); end;
//	create trigger entry_no_delete before delete on entry
//	begin select raise(abort, 'entry is append-only'); end;
//
// and on PostgreSQL, where one trigger per statement covers truncate as well:
//
//	create function entry_append_only() returns trigger language plpgsql as
//	$$ begin raise exception using errcode = 'CSAPP', message = 'entry is append-only'; end $$;
//	create trigger entry_append_only before update or delete or truncate on entry
//	for each statement execute function entry_append_only();
//
// IsAppendOnly knows both. In earnest the role that the program signs in with on
// PostgreSQL owns none of these tables and is granted select and insert only.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// Options say how a database is opened.
type Options struct {
	// Migrations has the folders sqlite and postgres; see DB.Migrate. Nil: none.
	Migrations fs.FS
	// Line names the owner of these migrations: a database can have several.
	Line string
	// Finish runs last in the transaction of a batch, with the values that its changes
	// attached, in their order; it is skipped if there are none. The function it returns
	// (nil: none) is called once the commit is known, before anybody is answered; it must
	// not use the database. An error of Finish makes every change run again in a transaction
	// of its own, so that the error reaches only the change that causes it. ErrAgain makes
	// the batch run again, MovedError one change of it.
	Finish func(tx *Tx, attached []any) (committed func(), err error)
	// Hold takes the lock that Finish takes. It runs first in the transaction of a change
	// that Finish has sent back, so that other nodes do not overtake it again and again.
	// Nil: nothing.
	Hold func(tx *Tx) error
	// Before sees the database as it was found, before anything in it is made or changed;
	// its error stops Open. found is nil if there is no database yet, which only SQLite
	// would make. Nil: no check is made.
	Before func(found *Tx) error
	// Told gets the lines that the changes of a commit of this process told, in order and each
	// once, after the commit and before anybody is answered. It returns at once and does not use
	// the database. Nil: nobody listens.
	Told func(lines []string)
	// Now is the clock; nil: the machine's.
	Now func() time.Time
}

// DB is an open database.
type DB struct {
	dialect Dialect
	now     func() time.Time
	source  source
	readers *sql.DB
	cached  *statementCache // of readers; nil where the driver caches by itself
	// reading, where there is such a cache, has a place for each reader that may be in a
	// transaction: one fewer than the readers have connections. A reader that needs a new
	// statement has it prepared on another connection than its own. If all of them were held
	// by readers who wait for one, none would ever go on.
	reading chan struct{}
	writer  *writer
	told    func([]string)
	teller  *teller // nil: no other process uses the database

	listening sync.Mutex
	listeners map[string]map[chan struct{}]bool
}

// source holds the differences between the databases in opening one.
type source interface {
	dialect() Dialect
	// name names the database to people, without a secret.
	name() string
	// exists reports whether there is a database. If not, open would make one.
	exists() (bool, error)
	// open returns a pool whose connections may write.
	open() (*sql.DB, error)
	// openReaders returns a pool whose connections cannot write.
	openReaders() (*sql.DB, error)
	// check refuses a database that cannot keep our promises.
	check(ctx context.Context, db *sql.DB) error
	// hold marks the database as open for as long as the pool is open, if the database needs
	// that.
	hold(ctx context.Context, db *sql.DB) error
	// exclude keeps other processes from migrating until release is called.
	exclude(ctx context.Context, db *sql.DB) (release func() error, err error)
	// openTeller returns a pool of one connection, which tells and does nothing else. It is for
	// databases that several processes use.
	openTeller() (*sql.DB, error)
	// listen calls ready once all that is told from then on is heard, and then heard with each
	// of the messages, until ctx ends or the connection breaks. In silence it calls heard with an
	// empty message now and then. shared is false if no other process can tell anything; then
	// it returns at once.
	listen(ctx context.Context, ready func(), heard func(message string)) (shared bool, err error)
	// link makes conn the writer's.
	link(conn *sql.Conn) (*link, error)
}

// Open opens the database at url, "sqlite:/path/file.db" or "postgres://…",
// and applies o.Migrations.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	src, err := parse(url)
	if err != nil {
		return nil, err
	}
	db := &DB{dialect: src.dialect(), now: o.Now, source: src, told: o.Told, listeners: map[string]map[chan struct{}]bool{}}
	if db.now == nil {
		db.now = time.Now
	}
	if o.Before != nil {
		if err := db.before(ctx, o.Before); err != nil {
			return nil, fmt.Errorf("open %s database: %w", db.dialect, err)
		}
	}
	pool, err := src.open()
	if err != nil {
		return nil, fmt.Errorf("open %s database: %w", db.dialect, err)
	}
	if err := src.check(ctx, pool); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open %s database: %w", db.dialect, err)
	}
	if o.Migrations != nil {
		if err := db.Migrate(ctx, o.Line, o.Migrations); err != nil {
			pool.Close()
			return nil, err
		}
	}
	if err := src.hold(ctx, pool); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open %s database: %w", db.dialect, err)
	}
	if db.readers, err = src.openReaders(); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open %s database for reading: %w", db.dialect, err)
	}
	if db.dialect == SQLite {
		db.cached = newStatementCache(db.readers.PrepareContext)
		db.reading = make(chan struct{}, sqliteReaders-1)
	}
	if db.dialect == PostgreSQL {
		telling, err := src.openTeller()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open %s database for telling: %w", db.dialect, err), db.readers.Close(), pool.Close())
		}
		db.teller = startTeller(telling)
	}
	db.writer = startWriter(db, pool, o)
	return db, nil
}

// before shows the database as it was found, on a connection that cannot write.
func (db *DB) before(ctx context.Context, look func(*Tx) error) (err error) {
	there, err := db.source.exists()
	if err != nil {
		return err
	}
	if !there {
		return look(nil)
	}
	pool, err := db.source.openReaders()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	stx, err := pool.BeginTx(ctx, db.dialect.snapshot())
	if err != nil {
		return translate(err)
	}
	defer stx.Rollback()
	return read(&Tx{ctx: ctx, run: stx, dialect: db.dialect, now: canonical.At(db.now())}, look)
}

// parse finds out which database url names.
func parse(url string) (source, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch {
	case scheme == "sqlite" && rest != "" && rest != ":memory:":
		return newSQLite(rest)
	case scheme == "postgres" || scheme == "postgresql":
		return newPostgres(url)
	}
	// The url may hold a password, so that the message does not repeat it.
	return nil, fault.New(fault.Invalid, "database-url",
		"The database is given as sqlite:/path/to/file.db or postgres://user@host/name.")
}

// File returns the absolute path of the SQLite file that url names; ok is false if it
// names none.
func File(url string) (path string, ok bool) {
	src, err := parse(url)
	if err != nil {
		return "", false
	}
	s, ok := src.(sqliteSource)
	return s.path, ok
}

// Name returns a name for url that people may see: the path of a SQLite file, or server
// and name of a PostgreSQL database, without user and password.
func Name(url string) string {
	src, err := parse(url)
	if err != nil {
		return "the database"
	}
	return src.name()
}

// Close runs the waiting changes, refuses later ones and closes the database.
func (db *DB) Close() error {
	db.writer.drain()
	if db.teller != nil {
		db.teller.close()
	}
	if db.cached != nil {
		db.cached.close()
	}
	err := db.readers.Close()
	// The writer closes last: on SQLite it then folds the log into the file, which a reader
	// could not do, so that one file is all there is to copy.
	return errors.Join(err, db.writer.close())
}

// Dialect says which database this is.
func (db *DB) Dialect() Dialect { return db.dialect }

// Read runs fn against one snapshot, on a connection that cannot write. It ends
// when ctx does.
func (db *DB) Read(ctx context.Context, fn func(*Tx) error) error {
	if db.reading != nil {
		select {
		case db.reading <- struct{}{}:
			defer func() { <-db.reading }()
		case <-ctx.Done():
			return fmt.Errorf("begin reading: %w", translate(ctx.Err()))
		}
	}
	stx, err := db.readers.BeginTx(ctx, db.dialect.snapshot())
	if err != nil {
		return fmt.Errorf("begin reading: %w", translate(err))
	}
	defer stx.Rollback()
	var run statements = stx
	if db.cached != nil {
		run = cachedTx{stx, db.cached}
	}
	return read(&Tx{ctx: ctx, run: run, dialect: db.dialect, now: canonical.At(db.now())}, fn)
}

// ReadOne is Read for one statement, which is a snapshot by itself and needs no
// transaction around it: on PostgreSQL that is one round trip instead of three. A
// second statement fails.
func (db *DB) ReadOne(ctx context.Context, fn func(*Tx) error) error {
	var run statements = db.readers
	if db.cached != nil {
		run = cachedPool{db.readers, db.cached}
	}
	return read(&Tx{ctx: ctx, run: run, dialect: db.dialect, now: canonical.At(db.now()), single: true}, fn)
}

func read(tx *Tx, fn func(*Tx) error) error {
	defer tx.end()
	if err := fn(tx); err != nil {
		return translate(err)
	}
	return translate(tx.err)
}

// Write runs fn as one change and returns once it is durable, or has failed.
//
// If ctx ends while fn waits for its turn, fn is not run and the error is ctx's. A change
// that has begun is committed or not without regard to ctx: a caller who stops waiting gets
// ErrUnknown and ctx's error, both wrapped, as soon as fn is not running.
//
// fn runs on another goroutine, perhaps several times, and never after Write has returned.
// So the caller may read variables that fn sets; what they hold means something only if
// Write has returned nil.
// fn must not call Write, which would wait for itself for ever, nor begin or end a
// transaction.
func (db *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	return db.writer.write(ctx, fn)
}

// Listen returns a channel on which a value arrives after each commit of this
// process whose changes called Tx.Signal with the name; several commits may
// share one value. stop ends it.
func (db *DB) Listen(name string) (woken <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	db.listening.Lock()
	defer db.listening.Unlock()
	if db.listeners[name] == nil {
		db.listeners[name] = map[chan struct{}]bool{}
	}
	db.listeners[name][ch] = true
	return ch, func() {
		db.listening.Lock()
		defer db.listening.Unlock()
		delete(db.listeners[name], ch)
	}
}

func (db *DB) signal(names []string) {
	if len(names) == 0 {
		return
	}
	db.listening.Lock()
	defer db.listening.Unlock()
	for _, name := range names {
		for ch := range db.listeners[name] {
			select {
			case ch <- struct{}{}:
			default: // a value is waiting already, and its reader will see this commit too
			}
		}
	}
}
