package store

import (
	"countersign.dev/sqldb"
)

// ExecutionKnown returns the ledger data recorded for one of an executor's
// sequence numbers, so that a record handed over twice is entered once.
func (tx *Tx) ExecutionKnown(executor string, sequence int64) ([]byte, bool, error) {
	var data []byte
	err := tx.QueryRow(`select data from execution where executor = $1 and sequence = $2`, executor, sequence).Scan(&data)
	if sqldb.IsNotFound(err) {
		return nil, false, nil
	}
	return data, err == nil, err
}

// ExecutionNext returns the sequence number that an executor's next record has.
func (tx *Tx) ExecutionNext(executor string) (int64, error) {
	var n int64
	err := tx.QueryRow(`select coalesce(max(sequence) + 1, 0) from execution where executor = $1`, executor).Scan(&n)
	return n, err
}

// InsertExecution notes a record that is entered in the same transaction.
func (tx *Tx) InsertExecution(executor string, sequence int64, request, kind string, data []byte) error {
	_, err := tx.Exec(`insert into execution (executor, sequence, request, kind, data) values ($1, $2, $3, $4, $5)`,
		executor, sequence, request, kind, data)
	return err
}
