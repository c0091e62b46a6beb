package store

// Executions returns the sequence number that an executor's next record has, and
// the ledger data recorded for a given one (nil: none), so that a record handed
// over twice is entered once.
func (tx *Tx) Executions(executor string, sequence int64) (next int64, known []byte, err error) {
	err = tx.QueryRow(`select (select coalesce(max(sequence) + 1, 0) from execution where executor = $1),
		(select data from execution where executor = $1 and sequence = $2)`, executor, sequence).Scan(&next, &known)
	return next, known, err
}

// InsertExecution notes a record that is entered in the same transaction.
func (tx *Tx) InsertExecution(executor string, sequence int64, request, kind string, data []byte) error {
	_, err := tx.Exec(`insert into execution (executor, sequence, request, kind, data) values ($1, $2, $3, $4, $5)`,
		executor, sequence, request, kind, data)
	return err
}
