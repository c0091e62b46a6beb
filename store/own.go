package store

import (
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// OwnAccounts returns the keyed digests of the accounts that a worker declared to be their own.
// declared is false if the worker has declared nothing yet.
func (tx *Tx) OwnAccounts(w workforce.WorkerID) (declared bool, own []string, err error) {
	var n int64
	err = tx.QueryRow(`select accounts from own_declared where worker = $1`, string(w)).Scan(&n)
	if sqldb.IsNotFound(err) {
		return false, nil, nil
	}
	if err != nil || n == 0 {
		return err == nil, nil, err
	}
	own, err = sqldb.All(tx.Tx, scanText, `select digest from own_account where worker = $1 order by digest`, string(w))
	return err == nil, own, err
}
