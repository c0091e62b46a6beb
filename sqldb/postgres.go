package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"countersign.dev/fault"
)

// postgresSource is a PostgreSQL database.
type postgresSource struct {
	config *pgx.ConnConfig
}

func newPostgres(url string) (source, error) {
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fault.New(fault.Invalid, "database-url", "The PostgreSQL address cannot be read; see the log.").Because(err)
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 5 * time.Second
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "countersign"
	}
	return postgresSource{c}, nil
}

func (postgresSource) dialect() Dialect { return PostgreSQL }

// postgresReaders bounds the connections that read.
const postgresReaders = 16

func (p postgresSource) open() (*sql.DB, error) {
	db := stdlib.OpenDB(*p.config)
	db.SetMaxOpenConns(2) // the writer's, and one to take over when it breaks
	return db, nil
}

func (p postgresSource) openReaders() (*sql.DB, error) {
	c := p.config.Copy()
	// The transactions are read-only already. This holds for statements outside of them.
	c.RuntimeParams["default_transaction_read_only"] = "on"
	db := stdlib.OpenDB(*c)
	db.SetMaxOpenConns(postgresReaders)
	db.SetMaxIdleConns(postgresReaders)
	return db, nil
}

func (p postgresSource) check(ctx context.Context, db *sql.DB) error {
	// Text must sort by its bytes, as on SQLite, or keyset paging would skip rows. The
	// collation is tried out, since its name differs by provider.
	var bytewise bool
	var durable string
	err := db.QueryRowContext(ctx,
		`select 'Z' < 'a' and 'a-c' < 'ab' and 'z' < 'é', current_setting('synchronous_commit')`).Scan(&bytewise, &durable)
	if err != nil {
		return translate(err)
	}
	if !bytewise {
		return fault.New(fault.Unsupported, "database-collation",
			"The PostgreSQL database does not sort text by its bytes. Create it with: create database … template template0 encoding 'UTF8' locale 'C'.")
	}
	if durable == "off" {
		return fault.New(fault.Unsupported, "database-not-durable",
			"synchronous_commit is off for this PostgreSQL database, so that a crash would lose acknowledged changes. Set it to on.")
	}
	return nil
}

func (p postgresSource) name() string {
	return fmt.Sprintf("%s on the PostgreSQL server %s, port %d", p.config.Database, p.config.Host, p.config.Port)
}

func (postgresSource) exists() (bool, error) { return true, nil } // a server makes no database when it is asked for one

func (postgresSource) hold(context.Context, *sql.DB) error { return nil } // the server knows who is connected

// migrationLock is the advisory lock that a migrating process holds.
const migrationLock = 0x636f756e74657273

func (p postgresSource) exclude(ctx context.Context, db *sql.DB) (func() error, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, translate(err)
	}
	if _, err := conn.ExecContext(ctx, "select pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", int64(migrationLock))
		return errors.Join(err, conn.Close())
	}, nil
}

func (postgresSource) link(conn *sql.Conn) (*link, error) {
	statements := &postgresConn{Conn: conn}
	l := &link{conn: conn, statements: statements, release: func() {}, joined: true, unbegun: &statements.begin}
	status := func() (status byte) {
		err := conn.Raw(func(c any) error {
			pc, ok := c.(*stdlib.Conn)
			if !ok {
				return fmt.Errorf("driver connection is a %T", c)
			}
			if !pc.Conn().IsClosed() {
				status = pc.Conn().PgConn().TxStatus()
			}
			return nil
		})
		if err != nil {
			return 0
		}
		return status
	}
	l.alive = func() bool { s := status(); return s == 'T' || s == 'E' || s == 'I' && statements.begin != "" }
	l.failed = func() bool { return status() == 'E' }
	// Only an answer of severity ERROR to a commit says that the commit was refused. If
	// nothing was sent, nothing was committed. Any other error, such as that of a server
	// which shuts down, may have come after the commit was made.
	l.settle = func(err error) outcome {
		var e *pgconn.PgError
		switch {
		case errors.As(err, &e) && e.SeverityUnlocalized == "ERROR" && e.Code != "08007":
			return notCommitted
		case pgconn.SafeToRetry(err):
			return notCommitted
		}
		return unknown
	}
	return l, nil
}

// postgresConn is the writer's connection.
type postgresConn struct {
	*sql.Conn
	begin string // begins the transaction with the first statement; empty: it has begun
}

// start begins the transaction before a statement that is sent alone.
func (c *postgresConn) start(ctx context.Context) error {
	if c.begin == "" {
		return nil
	}
	_, err := c.together(ctx, nil, nil)
	return err
}

func (c *postgresConn) ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error) {
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	return c.Conn.ExecContext(ctx, q, args...)
}

func (c *postgresConn) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	return c.Conn.QueryContext(ctx, q, args...)
}

// together implements togetherRunner. The driver prepares each text once, as it does for
// a statement that is sent alone.
func (c *postgresConn) together(ctx context.Context, all []Statement, ask *question) (touched []int64, err error) {
	var batch pgx.Batch
	begin := c.begin != ""
	if begin {
		batch.Queue(c.begin)
	}
	for _, s := range all {
		if err := queue(&batch, s); err != nil {
			return nil, err
		}
	}
	if ask != nil {
		if err := queue(&batch, ask.Statement); err != nil {
			return nil, err
		}
	}
	c.begin = "" // from here on only the server knows whether it has begun
	err = c.Raw(func(dc any) (err error) {
		pc, ok := dc.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("driver connection is a %T", dc)
		}
		answers := pc.Conn().SendBatch(ctx, &batch)
		// Answers that are left unread would be taken for the answer to the next statement.
		defer func() { err = cmp.Or(err, answers.Close()) }()
		if begin {
			if _, err := answers.Exec(); err != nil {
				return err
			}
		}
		for range all {
			tag, err := answers.Exec()
			if err != nil {
				return err
			}
			touched = append(touched, tag.RowsAffected())
		}
		if ask == nil {
			return nil
		}
		err = answers.QueryRow().Scan(ask.dest...)
		if errors.Is(err, pgx.ErrNoRows) {
			return sql.ErrNoRows
		}
		return err
	})
	return touched, err
}

func queue(batch *pgx.Batch, s Statement) (err error) {
	args := make([]any, len(s.Args))
	for i, a := range s.Args {
		// database/sql does the same for the statements that go through it.
		if args[i], err = driver.DefaultParameterConverter.ConvertValue(a); err != nil {
			return fmt.Errorf("parameter $%d: %w", i+1, err)
		}
	}
	batch.Queue(s.SQL, args...)
	return nil
}

// quiet is how long a listening connection may be silent before it is tried: a peer that is gone
// without a word is noticed then. probe is how long it has for an answer.
const (
	quiet = 5 * time.Second
	probe = 5 * time.Second
)

func (p postgresSource) openTeller() (*sql.DB, error) {
	c := p.config.Copy()
	// What is told is not durable, so that nobody waits for a disk.
	c.RuntimeParams["synchronous_commit"] = "off"
	db := stdlib.OpenDB(*c)
	db.SetMaxOpenConns(1)
	return db, nil
}

func (p postgresSource) listen(ctx context.Context, ready func(), heard func(string)) (shared bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, p.config.Copy())
	if err != nil {
		return true, translate(err)
	}
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err = cmp.Or(err, conn.Close(last))
	}()
	var channel string
	if err := conn.QueryRow(ctx, "select "+tellChannel).Scan(&channel); err != nil {
		return true, translate(err)
	}
	if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return true, translate(err)
	}
	ready()
	for {
		wait, cancel := context.WithTimeout(ctx, quiet)
		n, err := conn.WaitForNotification(wait)
		cancel()
		switch {
		case err == nil:
			heard(n.Payload)
		case ctx.Err() != nil:
			return true, ctx.Err()
		case wait.Err() == nil:
			return true, translate(err)
		default:
			try, cancel := context.WithTimeout(ctx, probe)
			err := conn.Ping(try)
			cancel()
			if err != nil {
				return true, translate(err)
			}
			heard("")
		}
	}
}
