package sqldb

import (
	"database/sql"
	"strconv"
	"strings"
)

// Dialect is one of the two databases. Its methods are all that queries may
// depend on; everything else is one text for both.
type Dialect int

// The databases. The zero value is none.
const (
	SQLite Dialect = iota + 1
	PostgreSQL
)

func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "SQLite"
	case PostgreSQL:
		return "PostgreSQL"
	}
	return "no"
}

// folder is where the migrations for d lie.
func (d Dialect) folder() string {
	if d == PostgreSQL {
		return "postgres"
	}
	return "sqlite"
}

// ForUpdate ends a select whose rows must not change before the commit. On
// SQLite it is empty: there the transaction has locked everything.
func (d Dialect) ForUpdate() string {
	if d == PostgreSQL {
		return " for update"
	}
	return ""
}

// SkipLocked is ForUpdate for queries that any row will do for: it passes by rows that
// somebody else has locked.
func (d Dialect) SkipLocked() string {
	if d == PostgreSQL {
		return " for update skip locked"
	}
	return ""
}

// Like compares without regard to case: column like parameter, where the
// parameter is $n and has been through EscapeLike.
func (d Dialect) Like(column string, n int) string {
	op := " like $"
	if d == PostgreSQL {
		op = " ilike $"
	}
	return column + op + strconv.Itoa(n) + ` escape '\'`
}

// EscapeLike makes s stand for itself in a pattern.
func EscapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// Places returns n parameters from $first on, for "in (…)" and for the rows of
// an insert: Places(3, 2) is "$3,$4".
func Places(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(first + i))
	}
	return b.String()
}

// tables asks for the names of the tables that statements without a schema can mean.
func (d Dialect) tables() string {
	if d == PostgreSQL {
		return "select tablename from pg_catalog.pg_tables where schemaname = current_schema() order by tablename"
	}
	return `select name from sqlite_schema where type = 'table' and name not like 'sqlite\_%' escape '\' order by name`
}

// snapshot returns the options of a read: all that it sees is of one moment. On SQLite
// any transaction does this.
func (d Dialect) snapshot() *sql.TxOptions {
	if d == PostgreSQL {
		return &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
	}
	return &sql.TxOptions{ReadOnly: true}
}

// begin starts a batch. SQLite takes its write lock at once, since a
// transaction that reads first cannot wait for it later.
func (d Dialect) begin() string {
	if d == PostgreSQL {
		return "begin isolation level read committed read write"
	}
	return "begin immediate"
}
