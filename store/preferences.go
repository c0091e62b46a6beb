package store

import (
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// Preference returns how a worker likes the pages, as it was kept; nil if nothing was.
func (tx *Tx) Preference(w workforce.WorkerID) (body []byte, err error) {
	err = tx.QueryRow(`select body from preference where worker = $1`, string(w)).Scan(&body)
	if sqldb.IsNotFound(err) {
		return nil, nil
	}
	return body, err
}

// KeepPreference keeps how a worker likes the pages.
func (tx *Tx) KeepPreference(w workforce.WorkerID, body []byte) error {
	_, err := tx.Exec(`insert into preference (worker, body, updated) values ($1, $2, $3)
		on conflict (worker) do update set body = excluded.body, updated = excluded.updated`, string(w), body, tx.Now().Micro())
	return err
}
