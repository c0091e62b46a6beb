package store

import (
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// ProgramToken is a bearer token of a program.
type ProgramToken struct {
	ID      string
	Hash    []byte // SHA-256 of the secret
	Nonce   []byte // of the ask; it is good for one token of its program
	Ask     []byte // the signed ask, canonical JSON
	Program string
	Created canonical.Time
	Expires canonical.Time
}

const programTokenColumns = `id, hash, nonce, ask, program, created, expires`

func scanProgramToken(row sqldb.Row) (t ProgramToken, err error) {
	var created, expires int64
	err = row.Scan(&t.ID, &t.Hash, &t.Nonce, &t.Ask, &t.Program, &created, &expires)
	t.Created, t.Expires = canonical.FromMicro(created), canonical.FromMicro(expires)
	return t, err
}

// ProgramTokenByHash returns the program's token with a secret's hash; ok is false if there
// is none.
func (tx *Tx) ProgramTokenByHash(hash []byte) (t ProgramToken, ok bool, err error) {
	t, err = scanProgramToken(tx.QueryRow(`select `+programTokenColumns+` from program_token where hash = $1`, hash))
	if sqldb.IsNotFound(err) {
		return t, false, nil
	}
	return t, err == nil, err
}

// ProgramTokensSince returns how many tokens a program got after an instant.
func (tx *Tx) ProgramTokensSince(program string, from canonical.Time) (n int64, err error) {
	return n, tx.QueryRow(`select count(*) from program_token where program = $1 and created > $2`, program, from.Micro()).Scan(&n)
}

// InsertProgramToken stores a new token, and removes the program's tokens that expired before
// an instant: the ledger has that they were given. It returns a fault "token-ask-spent" if
// there is a token already for the ask's nonce, or for the secret.
func (tx *Tx) InsertProgramToken(t ProgramToken, expired canonical.Time) error {
	if _, err := tx.Exec(`delete from program_token where program = $1 and expires < $2`, t.Program, expired.Micro()); err != nil {
		return err
	}
	n, err := tx.Exec(`insert into program_token (`+programTokenColumns+`) values (`+sqldb.Places(1, 7)+`) on conflict do nothing`,
		t.ID, t.Hash, t.Nonce, t.Ask, t.Program, t.Created.Micro(), t.Expires.Micro())
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "token-ask-spent", "This ask has given a token already; it is good once. Sign a new one.")
	}
	return err
}
