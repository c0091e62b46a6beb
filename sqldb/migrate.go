package sqldb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
)

var lineName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,30}$`)

// Migrate applies the missing migrations of an owner: files such as
// sqlite/00001_ledger.sql and postgres/00001_ledger.sql, forward only, each in a
// transaction. Each line has a version table of its own, so that several owners share a
// database.
func (db *DB) Migrate(ctx context.Context, line string, migrations fs.FS) error {
	if !lineName.MatchString(line) {
		return fmt.Errorf("migrate: %q is no name for a line of migrations", line)
	}
	err := db.migrate(ctx, line, migrations)
	// On SQLite another process may have been applying the same migrations. Then those of
	// the loser are rolled back, and the only question is whether any are still missing.
	for try := 0; err != nil && ctx.Err() == nil && db.dialect == SQLite && try < 3; try++ {
		err = db.migrate(ctx, line, migrations)
	}
	if err != nil {
		return fmt.Errorf("migrate %s: %w", line, translate(err))
	}
	return nil
}

func (db *DB) migrate(ctx context.Context, line string, migrations fs.FS) (err error) {
	files, err := fs.Sub(migrations, db.dialect.folder())
	if err != nil {
		return err
	}
	pool, err := db.source.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	release, err := db.source.exclude(ctx, pool)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	dialect := goose.DialectSQLite3
	if db.dialect == PostgreSQL {
		dialect = goose.DialectPostgres
	}
	p, err := goose.NewProvider(dialect, pool, files,
		goose.WithTableName("schema_version_"+line), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// CheckMigrations reports what is wrong with a set of migrations, for the test
// of its owner: both folders hold the same files, numbered from 1 without gap,
// none of which goes back or runs outside a transaction.
func CheckMigrations(migrations fs.FS) error {
	var names [2][]string
	for i, d := range []Dialect{SQLite, PostgreSQL} {
		entries, err := fs.ReadDir(migrations, d.folder())
		if err != nil {
			return err
		}
		for n, e := range entries {
			names[i] = append(names[i], e.Name())
			file := path.Join(d.folder(), e.Name())
			if want := fmt.Sprintf("%05d_", n+1); !strings.HasPrefix(e.Name(), want) || path.Ext(e.Name()) != ".sql" {
				return fmt.Errorf("%s: want a file named %s….sql here", file, want)
			}
			text, err := fs.ReadFile(migrations, file)
			if err != nil {
				return err
			}
			for _, bad := range []string{"+goose Down", "+goose NO TRANSACTION"} {
				if strings.Contains(string(text), bad) {
					return fmt.Errorf("%s: has a %q", file, bad)
				}
			}
		}
	}
	if !slices.Equal(names[0], names[1]) {
		return fmt.Errorf("the folders hold different files: sqlite %q, postgres %q", names[0], names[1])
	}
	return nil
}
