package store

import (
	"slices"

	"countersign.dev/canonical"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// Declared is a worker's newest declaration of their own accounts on the platforms.
type Declared struct {
	Worker   workforce.WorkerID
	Accounts int64 // how many it names
	Time     canonical.Time
	Deed     string // its digest
	Seal     string // over all accounts that the worker ever declared; see cases.OwnSeal
}

// Declared returns a worker's newest declaration; ok is false if there is none.
func (tx *Tx) Declared(w workforce.WorkerID) (d Declared, ok bool, err error) {
	var at int64
	d.Worker = w
	err = tx.QueryRow(`select accounts, time, deed from own_declared where worker = $1`, string(w)).Scan(&d.Accounts, &at, &d.Deed)
	if sqldb.IsNotFound(err) {
		return d, false, nil
	}
	d.Time = canonical.FromMicro(at)
	return d, err == nil, err
}

// OwnAccounts returns the keyed digests of all accounts that a worker ever declared to be
// their own, with the seal over them. declared is false if the worker has declared nothing yet.
func (tx *Tx) OwnAccounts(w workforce.WorkerID) (declared bool, own []string, seal string, err error) {
	all, err := sqldb.All(tx.Tx, func(r sqldb.Row) (digest string, err error) { return digest, r.Scan(&digest, &seal) },
		`select coalesce(a.digest, ''), d.seal from own_declared d left join own_account a on a.worker = d.worker where d.worker = $1 order by a.digest`, string(w))
	own = slices.DeleteFunc(slices.Clone(all), func(digest string) bool { return digest == "" })
	return len(all) > 0, own, seal, err
}

// LockOwn keeps others from changing what a worker holds until the change commits: who asks two
// nodes at once is answered one after the other. It locks nothing of somebody who has declared no
// accounts, and who may hold nothing.
func (tx *Tx) LockOwn(w workforce.WorkerID) error {
	var worker string
	err := tx.QueryRow(`select worker from own_declared where worker = $1`+tx.Dialect().ForUpdate(), string(w)).Scan(&worker)
	if sqldb.IsNotFound(err) {
		return nil
	}
	return err
}

// IsOwn reports whether anybody at the desk has declared the account with this keyed digest.
func (tx *Tx) IsOwn(digest string) (bool, error) {
	var n int64
	err := tx.QueryRow(`select count(*) from own_account where digest = $1`, digest).Scan(&n)
	return n > 0, err
}

// Declare stores a worker's newest declaration and the keyed digests of its accounts. Those of
// earlier declarations stay: what was one's own is not judged by oneself later either.
func (tx *Tx) Declare(d Declared, digests []string) error {
	if _, err := tx.Exec(`insert into own_declared (worker, accounts, time, deed, seal) values ($1, $2, $3, $4, $5)
		on conflict (worker) do update set accounts = excluded.accounts, time = excluded.time, deed = excluded.deed, seal = excluded.seal`, string(d.Worker), d.Accounts, d.Time.Micro(), d.Deed, d.Seal); err != nil {
		return err
	}
	for _, digest := range digests {
		if _, err := tx.Exec(`insert into own_account (worker, digest) values ($1, $2) on conflict do nothing`, string(d.Worker), digest); err != nil {
			return err
		}
	}
	return nil
}
