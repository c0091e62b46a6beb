package sqldb

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"countersign.dev/fault"
)

var (
	// ErrUnknown is in the chain of an error after which nobody can say
	// whether the change was made: the connection broke during the commit, or
	// the caller stopped waiting for a change that had begun. Look before
	// trying again.
	ErrUnknown = fault.New(fault.Unavailable, "outcome-unknown",
		"It is not known whether the change was made. Look before you try again.")

	// ErrAgain is returned by a change or by Finish to run it again in a new transaction,
	// because somebody else changed the rows that it read. After several tries the caller
	// gets it.
	ErrAgain = fault.New(fault.Conflict, "changed-meanwhile",
		"This was changed by others again and again while it was being done. Please try again.")

	// ErrClosed is returned once Close has been called.
	ErrClosed = fault.New(fault.Unavailable, "shutting-down", "The database is being closed. Please try again later.")

	errUnavailable = fault.New(fault.Unavailable, "database-unavailable",
		"The database cannot be reached or is busy. Please try again later.")
	errFull = fault.New(fault.Unavailable, "database-full",
		"The database has no room left. Nothing was changed; tell whoever runs this server.")

	errEnded  = errors.New("sqldb: a transaction was used after its function returned")
	errSingle = errors.New("sqldb: ReadOne is for one statement")
)

// MovedError is returned by Finish to run one change of the batch again, in a transaction
// of its own after the others, because somebody else changed the rows that it read.
// Attached is the position of a value that the change attached.
type MovedError struct {
	Attached int
	Err      error
}

func (e *MovedError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *MovedError) Unwrap() error { return e.Err }

// IsUnique reports whether err is a violated unique constraint or primary key.
func IsUnique(err error) bool {
	return isPostgres(err, "23505") || isSQLite(err, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// IsForeignKey reports whether err is a violated foreign key.
func IsForeignKey(err error) bool {
	return isPostgres(err, "23503") || isSQLite(err, sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY)
}

// IsCheck reports whether err is a violated check constraint.
func IsCheck(err error) bool {
	return isPostgres(err, "23514") || isSQLite(err, sqlite3.SQLITE_CONSTRAINT_CHECK)
}

// IsNotNull reports whether err is a missing value.
func IsNotNull(err error) bool {
	return isPostgres(err, "23502") || isSQLite(err, sqlite3.SQLITE_CONSTRAINT_NOTNULL)
}

// IsAppendOnly reports whether err is the refusal of an append-only table.
func IsAppendOnly(err error) bool {
	return isPostgres(err, "CSAPP") || isSQLite(err, sqlite3.SQLITE_CONSTRAINT_TRIGGER)
}

// IsReadOnly reports whether err is a write on a reader's connection.
func IsReadOnly(err error) bool {
	return isPostgres(err, "25006") || isSQLite(err, sqlite3.SQLITE_READONLY)
}

// IsFull reports whether err says that there is no room left.
func IsFull(err error) bool {
	return isPostgres(err, "53100") || isSQLite(err, sqlite3.SQLITE_FULL)
}

// IsNotFound reports whether err says that there is no such row.
func IsNotFound(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// isAgain reports whether running the change again in a new transaction may help.
func isAgain(err error) bool {
	return errors.Is(err, ErrAgain) || isPostgres(err, "40001", "40P01") ||
		isSQLite(err, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_SNAPSHOT)
}

func isPostgres(err error, codes ...string) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.Code == c {
			return true
		}
	}
	return false
}

// isSQLite compares extended codes, or primary ones with the code's lower byte.
func isSQLite(err error, codes ...int) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.Code() == c || c < 256 && e.Code()&0xff == c {
			return true
		}
	}
	return false
}

// translate replaces errors that a caller can do something about by faults, whose text
// may be shown; all other errors pass through.
func translate(err error) error {
	switch {
	case err == nil || fault.As(err) != nil:
		return err
	case IsFull(err):
		return errFull.Because(err)
	case isAgain(err):
		return fmt.Errorf("%w: %w", ErrAgain, err)
	case isUnreachable(err):
		return errUnavailable.Because(err)
	}
	return err
}

// isUnreachable reports whether the database itself cannot be reached, as opposed to an
// error in a statement.
func isUnreachable(err error) bool {
	var connect *pgconn.ConnectError
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &connect):
		return true
	case errors.As(err, &pg):
		return len(pg.Code) == 5 && (pg.Code[:2] == "08" || pg.Code[:2] == "57" && pg.Code != "57014")
	}
	return isSQLite(err, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
}
