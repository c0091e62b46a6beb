// Package jobs runs later the work that a change leaves to be done. A job is a row of the
// same database, inserted in the transaction of the change that needs it, so that neither
// is there without the other.
//
// It trusts its handlers to be safe to run twice: a job is run at least once. It promises
// that one job is run by one node at a time as long as handlers keep to their timeout;
// that a failed job is tried again, later each time; that a job which has failed too
// often is kept, dead, with its last error, until somebody revives or discards it; and
// that on the node that enqueued it a job that is due within a second starts at its time
// and not at the next poll.
//
// Its table has a line of migrations of its own (Line), which New applies.
package jobs

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

//go:embed migrations
var embedded embed.FS

// Line is the name of this package's migrations.
const Line = "jobs"

// signal wakes the runners of the process that enqueued a job.
const signal = "jobs"

// Migrations returns the files of Line, for DB.Migrate.
func Migrations() fs.FS {
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	return files
}

// Migrate brings the job table up to date. New does it too; a program that enqueues
// without running jobs calls it.
func Migrate(ctx context.Context, db *sqldb.DB) error {
	return db.Migrate(ctx, Line, Migrations())
}

// Job is a struct whose JSON describes the work. Its kind is stable: rows of it outlive
// the program that wrote them.
type Job interface{ Kind() string }

// Enqueue runs the job at or after a time, once the change is committed. If key is not
// empty and a job of this kind and key is waiting already, that one stands for both and
// keeps the earlier time. A job that is running does not stand for the new one, since it
// may have looked before this change.
func Enqueue(tx *sqldb.Tx, job Job, at canonical.Time, key string) error {
	args, err := canonical.Marshal(job)
	if err != nil {
		return fmt.Errorf("enqueue %s: %w", job.Kind(), err)
	}
	var unique *string
	if key != "" {
		unique = &key
	}
	tx.Later(sqldb.Statement{SQL: `insert into job (kind, args, unique_key, state, due, attempts, last_error, created)
		values ($1, $2, $3, 'waiting', $4, 0, '', $5)
		on conflict (kind, unique_key) where state = 'waiting'
		do update set due = case when job.due < excluded.due then job.due else excluded.due end`,
		Args: []any{job.Kind(), args, unique, at.Micro(), tx.Now().Micro()}}, nil)
	if at.Sub(tx.Now().Time) < latestPoll {
		tx.Signal(signal)
	}
	return nil
}

// EnqueueNew runs jobs of one kind at or after a time, once the change is committed, each under a
// key that no other job has.
func EnqueueNew[J Job](tx *sqldb.Tx, at canonical.Time, all map[string]J) error {
	keys := slices.Sorted(maps.Keys(all))
	for len(keys) > 0 {
		// Few sizes, so that each text is prepared once.
		n := 1
		for _, size := range []int{64, 8} {
			if len(keys) >= size {
				n = size
				break
			}
		}
		var rows []string
		var args []any
		for i, key := range keys[:n] {
			text, err := canonical.Marshal(all[key])
			if err != nil {
				return fmt.Errorf("enqueue %s: %w", all[key].Kind(), err)
			}
			rows = append(rows, fmt.Sprintf("($%d, $%d, $%d, 'waiting', $%d, 0, '', $%d)", 5*i+1, 5*i+2, 5*i+3, 5*i+4, 5*i+5))
			args = append(args, all[key].Kind(), text, key, at.Micro(), tx.Now().Micro())
		}
		tx.Later(sqldb.Statement{SQL: `insert into job (kind, args, unique_key, state, due, attempts, last_error, created) values ` + strings.Join(rows, ", "), Args: args}, nil)
		keys = keys[n:]
	}
	if at.Sub(tx.Now().Time) < latestPoll {
		tx.Signal(signal)
	}
	return nil
}

// Cancel removes a waiting job by its kind and key, if there is one. A change that does
// the job's work itself calls it.
func Cancel(tx *sqldb.Tx, job Job, key string) {
	tx.Later(sqldb.Statement{SQL: `delete from job where kind = $1 and unique_key = $2 and state = 'waiting'`, Args: []any{job.Kind(), key}}, nil)
}

// State is the stage of a job.
type State string

// The states.
const (
	Waiting State = "waiting" // due at its time
	Running State = "running" // claimed until its time; due again after it
	Dead    State = "dead"    // failed too often; nobody runs it
)

// Row is a job as it is stored.
type Row struct {
	ID        int64
	Kind      string
	Args      []byte // canonical JSON
	Key       string // empty: none
	State     State
	Due       canonical.Time
	Attempts  int
	LastError string // for the desk's operator; not safe to show to others
	Created   canonical.Time
}

const columns = `id, kind, args, unique_key, state, due, attempts, last_error, created`

func scan(r sqldb.Row) (Row, error) {
	var j Row
	var key *string
	var due, created int64
	err := r.Scan(&j.ID, &j.Kind, &j.Args, &key, &j.State, &due, &j.Attempts, &j.LastError, &created)
	if key != nil {
		j.Key = *key
	}
	j.Due, j.Created = canonical.FromMicro(due), canonical.FromMicro(created)
	return j, err
}

// List returns up to limit jobs in a state with ids above after, in order.
func List(tx *sqldb.Tx, state State, after int64, limit int) ([]Row, error) {
	all, err := sqldb.All(tx, scan, `select `+columns+` from job where state = $1 and id > $2 order by id limit $3`,
		string(state), after, limit)
	if err != nil {
		return nil, fmt.Errorf("list %s jobs: %w", state, err)
	}
	return all, nil
}

// Revive gives a dead job all its attempts again. If one of its kind and key is
// waiting, that one stands for both.
func Revive(tx *sqldb.Tx, id int64) error {
	j, err := dead(tx, id)
	if err != nil {
		return err
	}
	if err := j.wait(tx, tx.Now(), 0, j.LastError); err != nil {
		return fmt.Errorf("revive job %d: %w", id, err)
	}
	tx.Signal(signal)
	return nil
}

// Discard deletes a dead job.
func Discard(tx *sqldb.Tx, id int64) error {
	if _, err := dead(tx, id); err != nil {
		return err
	}
	if _, err := tx.Exec(`delete from job where id = $1 and state = 'dead'`, id); err != nil {
		return fmt.Errorf("discard job %d: %w", id, err)
	}
	return nil
}

func dead(tx *sqldb.Tx, id int64) (Row, error) {
	j, err := scan(tx.QueryRow(`select `+columns+` from job where id = $1 and state = 'dead'`+tx.Dialect().ForUpdate(), id))
	if sqldb.IsNotFound(err) {
		return Row{}, fault.New(fault.NotFound, "job-not-found", "There is no dead job %d.", id)
	}
	if err != nil {
		return Row{}, fmt.Errorf("read job %d: %w", id, err)
	}
	return j, nil
}

// wait puts j back among the waiting, unless another one waits in its stead.
func (j Row) wait(tx *sqldb.Tx, due canonical.Time, attempts int, lastError string) error {
	if j.Key != "" {
		n, err := tx.Exec(`delete from job where id = $1 and exists
			(select 1 from job o where o.kind = $2 and o.unique_key = $3 and o.state = 'waiting')`, j.ID, j.Kind, j.Key)
		if err != nil || n > 0 {
			return err
		}
	}
	_, err := tx.Exec(`update job set state = 'waiting', due = $2, attempts = $3, last_error = $4 where id = $1`,
		j.ID, due.Micro(), attempts, lastError)
	return err
}
