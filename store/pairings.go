package store

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// Pairing is a browser's sign-in that waits for a person whose key is a file.
type Pairing struct {
	Code    string // which the person carries from the browser to the command line
	Worker  workforce.WorkerID
	Key     actions.SessionKey // made by the browser
	Signed  []byte             // the session that the person has certified, canonical; nil: not yet
	Expires canonical.Time
}

// InsertPairing adds a pairing, and removes those whose time is over.
func (tx *Tx) InsertPairing(p Pairing) error {
	if _, err := tx.Exec(`delete from pairing where expires <= $1`, tx.Now().Micro()); err != nil {
		return err
	}
	_, err := tx.Exec(`insert into pairing (code, worker, algorithm, public, expires) values ($1, $2, $3, $4, $5)`,
		p.Code, string(p.Worker), string(p.Key.Algorithm), []byte(p.Key.Public), p.Expires.Micro())
	return err
}

// Pairings counts the pairings whose time is not over: those of a worker, and all.
func (tx *Tx) Pairings(w workforce.WorkerID) (of, all int, err error) {
	err = tx.QueryRow(`select coalesce(sum(case when worker = $1 then 1 else 0 end), 0), count(*) from pairing where expires > $2`, string(w), tx.Now().Micro()).Scan(&of, &all)
	return of, all, err
}

// Pairing returns a pairing whose time is not over. Otherwise the error is a fault of type
// "no-pairing".
func (tx *Tx) Pairing(code string) (p Pairing, err error) {
	var worker, algorithm string
	var public []byte
	var expires int64
	err = tx.QueryRow(`select worker, algorithm, public, signed, expires from pairing where code = $1 and expires > $2`, code, tx.Now().Micro()).
		Scan(&worker, &algorithm, &public, &p.Signed, &expires)
	if sqldb.IsNotFound(err) {
		return p, fault.New(fault.NotFound, "no-pairing", "No browser waits with this code. A code is good for five minutes and for one sign-in; have the page make a new one.")
	}
	p.Code, p.Worker, p.Expires = code, workforce.WorkerID(worker), canonical.FromMicro(expires)
	p.Key = actions.SessionKey{Algorithm: actions.SessionAlgorithm(algorithm), Public: public}
	return p, err
}

// CertifyPairing keeps the session that a person has certified.
func (tx *Tx) CertifyPairing(code string, signed []byte) error {
	_, err := tx.Exec(`update pairing set signed = $2 where code = $1`, code, signed)
	return err
}

// DropPairing removes a pairing.
func (tx *Tx) DropPairing(code string) error {
	_, err := tx.Exec(`delete from pairing where code = $1`, code)
	return err
}
