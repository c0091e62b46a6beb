// Package store holds every table of the desk and every query on them. A change and the
// ledger entries that record it commit together: the drafts of a batch get their places
// at the end of its transaction, under the lock of the head row, and the checkpoint over
// them is signed there. Nobody sees the checkpoint before the commit is known. On
// PostgreSQL any node appends; there is no leader.
//
// It trusts the database to keep rows, not to keep them unchanged: everybody who reads
// the ledger checks the rows that it serves, and Audit recomputes them here. It does not
// decide who may do what.
package store

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/news"
	"countersign.dev/sqldb"
)

// Migrations are the tables of this package, on both databases.
//
//go:embed migrations
var migrations embed.FS

// line is the name of this package's migrations.
const line = "store"

// Store is an open desk database.
type Store struct {
	db       *sqldb.DB
	log      *ledger.Log
	verifier note.Verifier
	guard    Guard
	recent   recent
	recorded atomic.Int64 // documents that were committed
	hub      *news.Hub
}

// Guard sees the entries of a batch before they are committed; its error stops
// the change that causes it. The function it returns (nil: none) runs once the
// commit is known.
type Guard func(entries []ledger.Entry) (committed func(), err error)

// SetGuard sets the guard. It is called once, before anything is written.
func (s *Store) SetGuard(g Guard) { s.guard = g }

// Options say how a store is opened.
type Options struct {
	// Root is the hash of the ledger's entry 0. A database that does not hold that ledger is
	// refused, and nothing in it is made or changed. Zero: the ledger is not founded yet,
	// and a database that belongs to somebody else is refused.
	Root canonical.Digest
	// Now is the clock; nil: the machine's.
	Now func() time.Time
}

// Open opens the desk's database at url and brings its tables up to date. A
// database without a ledger gets an empty one, signed; one whose head was not
// signed by the log's key, which verifier checks, is refused.
func Open(ctx context.Context, url string, log *ledger.Log, verifier note.Verifier, o Options) (*Store, error) {
	s := &Store{log: log, verifier: verifier, hub: news.New()}
	files, err := migrationFiles()
	if err != nil {
		return nil, err
	}
	s.db, err = sqldb.Open(ctx, url, sqldb.Options{Migrations: files, Line: line, Finish: s.finish, Hold: holdHead, Told: s.told, Now: o.Now,
		Before: func(found *sqldb.Tx) error { return belongs(found, sqldb.Name(url), o.Root) }})
	if err != nil {
		return nil, fmt.Errorf("open the desk's database: %w", err)
	}
	if err := s.found(ctx); err != nil {
		s.db.Close()
		return nil, err
	}
	return s, nil
}

// OpenCopy opens a copy of a desk's database to read and audit it. It changes nothing in
// it, not even its tables.
func OpenCopy(ctx context.Context, url string, verifier note.Verifier, root canonical.Digest) (*Store, error) {
	s := &Store{log: &ledger.Log{Origin: verifier.Name()}, verifier: verifier, hub: news.New()}
	var err error
	s.db, err = sqldb.Open(ctx, url, sqldb.Options{Before: func(found *sqldb.Tx) error { return belongs(found, sqldb.Name(url), root) }})
	if err != nil {
		return nil, fmt.Errorf("open the copy: %w", err)
	}
	return s, nil
}

// headTable is the table by which a database of ours is recognised.
const headTable = "ledger_head"

// belongs refuses a database, as it was found, that cannot be the one whose ledger begins
// with root: an empty one would be served as if nothing had ever happened.
func belongs(found *sqldb.Tx, name string, root canonical.Digest) error {
	var tables []string
	if found != nil {
		var err error
		if tables, err = found.Tables(); err != nil {
			return fmt.Errorf("look what the database holds: %w", err)
		}
	}
	ours := slices.Contains(tables, headTable)
	if root.IsZero() {
		// Our migrations come before those of other owners. So our own line tells a database
		// whose founding was broken off from a foreign one.
		if len(tables) > 0 && !ours && !slices.Contains(tables, "schema_version_"+line) {
			return fault.New(fault.Conflict, "database-not-empty",
				"The database %s holds tables of something else, such as %s. A desk is founded in a database of its own.", name, tables[0])
		}
		return nil
	}
	var leaf []byte
	origin := ""
	if ours {
		if err := found.QueryRow(`select origin from ledger_head where id = 1`).Scan(&origin); err != nil && !sqldb.IsNotFound(err) {
			return fmt.Errorf("look whose ledger the database holds: %w", err)
		}
		if err := found.QueryRow(`select leaf from ledger_entry where idx = 0`).Scan(&leaf); err != nil && !sqldb.IsNotFound(err) {
			return fmt.Errorf("look whose ledger the database holds: %w", err)
		}
	}
	if leaf == nil {
		return fault.New(fault.Conflict, "ledger-missing",
			"The desk's trust names the ledger whose entry 0 is %s, and the database %s holds no ledger. Nothing was made there. Check that the configuration names the desk's database.", root, name)
	}
	first, err := ledger.ParseLeaf(leaf)
	if err != nil {
		return fmt.Errorf("read entry 0: %w", err)
	}
	if first.Digest() != root {
		return fault.New(fault.Conflict, "ledger-other",
			"The desk's trust names the ledger whose entry 0 is %s, and the database %s holds %q, whose entry 0 is %s. Check that the configuration names the desk's database.",
			root, name, origin, first.Digest())
	}
	return nil
}

// DB is the database, for packages that keep tables of their own in it.
func (s *Store) DB() *sqldb.DB { return s.db }

// Shared reports whether other nodes may write to the database as well.
func (s *Store) Shared() bool { return s.db.Dialect() == sqldb.PostgreSQL }

// Close completes the changes that have begun and closes the database.
func (s *Store) Close() error { return s.db.Close() }

// Tx is a change or a read in progress. Its methods beside those of sqldb.Tx are
// this package's queries.
type Tx struct {
	*sqldb.Tx
	// locked are the cases that this change has read with their locks, by identifier, as the
	// database has them.
	locked map[string]cases.Case
}

// Write runs fn as one change; see sqldb.DB.Write. The ledger entries that fn recorded
// commit with it.
func (s *Store) Write(ctx context.Context, fn func(*Tx) error) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return fn(&Tx{Tx: tx}) })
}

// Read runs fn against one snapshot; see sqldb.DB.Read.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	return s.db.Read(ctx, func(tx *sqldb.Tx) error { return fn(&Tx{Tx: tx}) })
}

// ReadOne runs fn, which must make a single statement, without a transaction around it;
// see sqldb.DB.ReadOne.
func (s *Store) ReadOne(ctx context.Context, fn func(*Tx) error) error {
	return s.db.ReadOne(ctx, func(tx *sqldb.Tx) error { return fn(&Tx{Tx: tx}) })
}

// tampered is the error for rows that contradict each other.
func tampered(format string, args ...any) *fault.Error {
	return fault.New(fault.Conflict, "ledger-tampered", format, args...)
}
