package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	"modernc.org/sqlite"

	"countersign.dev/fault"
)

// backupStep is the number of pages that are copied between two looks at the context.
const backupStep = 4096

// Backup copies a SQLite file, which another process may be using, into a new one, and
// checks the copy. The copy shows the database at one moment. Changes go on meanwhile,
// and the write-ahead log grows until the copy is made. After an error the file must not
// be used.
func Backup(ctx context.Context, from, to string) error {
	src, err := parse("sqlite:" + from)
	if err != nil {
		return err
	}
	target, err := parse("sqlite:" + to)
	if err != nil {
		return err
	}
	if there, err := src.exists(); err != nil {
		return err
	} else if !there {
		return fault.New(fault.NotFound, "database-missing", "There is no database at %s.", src.name())
	}
	if there, err := target.exists(); err != nil {
		return err
	} else if there {
		return fault.New(fault.Conflict, "exists", "%s is there already. A backup overwrites nothing.", target.name())
	}
	if err := copyPages(ctx, src.(sqliteSource), target.(sqliteSource)); err != nil {
		return fmt.Errorf("copy %s: %w", from, translate(err))
	}
	if err := target.(sqliteSource).whole(ctx); err != nil {
		return fmt.Errorf("check %s: %w", to, translate(err))
	}
	return nil
}

// plain opens the database as any client does that changes nothing.
func (s sqliteSource) plain() (*sql.DB, error) {
	return sql.Open("sqlite", s.dsn(url.Values{"mode": {"rw"}, "_pragma": {"query_only(1)"}}))
}

func copyPages(ctx context.Context, from, to sqliteSource) (err error) {
	if err := to.make(); err != nil {
		return err
	}
	pool, err := from.plain()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// A transaction that has read keeps its moment. Without it each step would see another
	// moment, and the backup would begin again after every change.
	if _, err := conn.ExecContext(ctx, "begin"); err != nil {
		return err
	}
	var n int
	if err := conn.QueryRowContext(ctx, "select count(*) from sqlite_schema").Scan(&n); err != nil {
		return err
	}
	err = conn.Raw(func(c any) error {
		b, ok := c.(interface {
			NewBackup(string) (*sqlite.Backup, error)
		})
		if !ok {
			return fmt.Errorf("driver connection %T makes no backups", c)
		}
		copying, err := b.NewBackup(to.dsn(url.Values{"mode": {"rw"}, "_pragma": {"synchronous(full)"}}))
		if err != nil {
			return err
		}
		for more := true; more && err == nil; {
			if err = ctx.Err(); err == nil {
				more, err = copying.Step(backupStep)
			}
		}
		return errors.Join(err, copying.Finish())
	})
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "rollback")
	return err
}

// whole reads every page of a file and compares tables with their indexes.
func (s sqliteSource) whole(ctx context.Context) (err error) {
	pool, err := s.plain()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	var said string
	if err := pool.QueryRowContext(ctx, "pragma integrity_check(1)").Scan(&said); err != nil {
		return err
	}
	if said != "ok" {
		return fault.New(fault.Conflict, "database-damaged", "%s is damaged: %s.", s.path, said)
	}
	return nil
}
