package journal

import (
	"context"
	"fmt"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/sqldb"
)

// Mark says how many entries of the ledger had been followed at a time of the
// executor's own clock.
type Mark struct {
	At   canonical.Time
	Size int64
}

// markLife is how long marks are kept: longer than any request is open.
const markLife = 60 * 24 * time.Hour

// Marks returns the marks that are kept, the oldest first.
func (j *Journal) Marks(ctx context.Context) (all []Mark, err error) {
	err = j.db.Read(ctx, func(tx *sqldb.Tx) error {
		all, err = sqldb.All(tx, func(row sqldb.Row) (m Mark, err error) {
			var at int64
			err = row.Scan(&at, &m.Size)
			m.At = canonical.FromMicro(at)
			return m, err
		}, "select at, size from mark order by at")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the ledger's sizes in the journal: %w", err)
	}
	return all, nil
}

// mark keeps marks, and drops those that are too old to be needed.
func mark(tx *sqldb.Tx, marks []Mark) error {
	for _, m := range marks {
		if _, err := tx.Exec("insert into mark (at, size) values ($1, $2) on conflict (at) do nothing", m.At.Micro(), m.Size); err != nil {
			return err
		}
		if _, err := tx.Exec("delete from mark where at < $1", canonical.At(m.At.Add(-markLife)).Micro()); err != nil {
			return err
		}
	}
	return nil
}
