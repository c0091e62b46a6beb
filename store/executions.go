package store

import (
	"context"
	"errors"

	"countersign.dev/sqldb"
)

// ErrOutOfTurn ends a change with an executor's record that is not its next one.
var ErrOutOfTurn = errors.New("store: the executor's record is not its next")

// Executions returns the sequence number of an executor's next record, and the ledger
// data that was recorded for a given number (nil: none).
func (s *Store) Executions(ctx context.Context, executor string, sequence int64) (next int64, known []byte, err error) {
	err = s.ReadOne(ctx, func(tx *Tx) error {
		return tx.QueryRow(`select (select coalesce(max(sequence) + 1, 0) from execution where executor = $1),
			(select data from execution where executor = $1 and sequence = $2)`, executor, sequence).Scan(&next, &known)
	})
	return next, known, err
}

// InsertExecution notes a record that is entered in the same transaction, so that
// one handed over twice is entered once. If it is not the executor's next, the
// change fails with ErrOutOfTurn.
func (tx *Tx) InsertExecution(executor string, sequence int64, request, kind string, data []byte) {
	tx.Later(sqldb.Statement{SQL: `insert into execution (executor, sequence, request, kind, data)
		select $1, $2, $3, $4, $5 where $2 = (select coalesce(max(sequence) + 1, 0) from execution where executor = $1)
		on conflict (executor, sequence) do nothing`, Args: []any{executor, sequence, request, kind, data}},
		func(n int64) error {
			if n == 0 {
				return ErrOutOfTurn
			}
			return nil
		})
}
