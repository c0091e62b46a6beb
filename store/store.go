// Package store holds every table of the desk and every query on them. A change
// and the ledger entries that record it commit together: drafts recorded by the
// changes of a batch get their places last of all in its transaction, under the
// lock of the head row, and the checkpoint over them is signed there. Nobody
// sees it before the commit is known. On PostgreSQL any node appends; there is
// no leader.
//
// It trusts the database to keep rows, not to keep them unchanged: what it
// serves is checked by whoever reads the ledger, and Audit recomputes it here.
// It decides nothing about who may do what.
package store

import (
	"context"
	"embed"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/fault"
	"countersign.dev/ledger"
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
}

// Guard sees the entries of a batch before they are committed; its error stops
// the change that causes it. The function it returns (nil: none) runs once the
// commit is known.
type Guard func(entries []ledger.Entry) (committed func(), err error)

// SetGuard sets the guard. It is called once, before anything is written.
func (s *Store) SetGuard(g Guard) { s.guard = g }

// Options say what a store is opened with.
type Options struct {
	// Now is the clock; nil: the machine's.
	Now func() time.Time
}

// Open opens the desk's database at url and brings its tables up to date. A
// database without a ledger gets an empty one, signed; one whose head was not
// signed by the log's key, which verifier checks, is refused.
func Open(ctx context.Context, url string, log *ledger.Log, verifier note.Verifier, o Options) (*Store, error) {
	s := &Store{log: log, verifier: verifier}
	files, err := migrationFiles()
	if err != nil {
		return nil, err
	}
	s.db, err = sqldb.Open(ctx, url, sqldb.Options{Migrations: files, Line: line, Finish: s.append, Hold: holdHead, Now: o.Now})
	if err != nil {
		return nil, fmt.Errorf("open the desk's database: %w", err)
	}
	if err := s.found(ctx); err != nil {
		s.db.Close()
		return nil, err
	}
	return s, nil
}

// DB is the database, for those who keep tables of their own beside these.
func (s *Store) DB() *sqldb.DB { return s.db }

// Shared reports whether other nodes may write to the database as well.
func (s *Store) Shared() bool { return s.db.Dialect() == sqldb.PostgreSQL }

// Close completes what has begun and closes the database.
func (s *Store) Close() error { return s.db.Close() }

// Tx is a change or a read in progress. Its methods beside those of sqldb.Tx are
// this package's queries.
type Tx struct{ *sqldb.Tx }

// Write runs fn as one change; see sqldb.DB.Write. What fn recorded in the
// ledger commits with it.
func (s *Store) Write(ctx context.Context, fn func(*Tx) error) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return fn(&Tx{tx}) })
}

// Read runs fn against one snapshot; see sqldb.DB.Read.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	return s.db.Read(ctx, func(tx *sqldb.Tx) error { return fn(&Tx{tx}) })
}

// ReadOne runs fn, which is one statement, without a transaction around it; see
// sqldb.DB.ReadOne.
func (s *Store) ReadOne(ctx context.Context, fn func(*Tx) error) error {
	return s.db.ReadOne(ctx, func(tx *sqldb.Tx) error { return fn(&Tx{tx}) })
}

// tampered is the error for rows that contradict each other.
func tampered(format string, args ...any) *fault.Error {
	return fault.New(fault.Conflict, "ledger-tampered", format, args...)
}
