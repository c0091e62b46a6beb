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

// Answered returns the answer that was given to a caller's idempotency key.
func (tx *Tx) Answered(caller, key string) (digest, body []byte, status int, ok bool, err error) {
	err = tx.QueryRow(`select digest, body, status from answered where caller = $1 and key = $2`, caller, key).Scan(&digest, &body, &status)
	if sqldb.IsNotFound(err) {
		return nil, nil, 0, false, nil
	}
	return digest, body, status, err == nil, err
}

// Answer keeps the answer given to an idempotency key; the first one stays.
func (tx *Tx) Answer(caller, key string, digest, body []byte, status int, now int64) error {
	_, err := tx.Exec(`insert into answered (caller, key, digest, body, status, at) values ($1, $2, $3, $4, $5, $6) on conflict (caller, key) do nothing`,
		caller, key, digest, body, status, now)
	return err
}

// ForgetAnswers removes answers given before an instant, in microseconds.
func (tx *Tx) ForgetAnswers(before int64) error {
	_, err := tx.Exec(`delete from answered where at < $1`, before)
	return err
}
