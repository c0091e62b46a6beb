package store

import (
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/news"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// Token is a bearer token. The desk takes the holder of its secret for the worker, with the
// right to read and to submit. Authority comes from signatures alone.
type Token struct {
	ID   string
	Hash []byte // SHA-256 of the secret
	// Nonce is the nonce of the ask; it is good for one token of its key.
	Nonce []byte
	// Ask is the signed ask, canonical JSON: it proves that the worker's key asked for the
	// token. It is empty in rows that are older than this column.
	Ask     []byte
	Worker  workforce.WorkerID
	Key     workforce.KeyID // the key that signed the ask
	Name    string
	Created canonical.Time
	Expires canonical.Time
	Revoked canonical.Time
}

const tokenColumns = `id, hash, worker, key_id, name, created, expires, revoked, nonce, ask`

func scanToken(row sqldb.Row) (Token, error) {
	var t Token
	var created, expires, revoked int64
	err := row.Scan(&t.ID, &t.Hash, &t.Worker, &t.Key, &t.Name, &created, &expires, &revoked, &t.Nonce, &t.Ask)
	t.Created, t.Expires, t.Revoked = canonical.FromMicro(created), canonical.FromMicro(expires), canonical.FromMicro(revoked)
	return t, err
}

// TokenByHash returns the token with a secret's hash.
func (tx *Tx) TokenByHash(hash []byte) (Token, bool, error) {
	t, err := scanToken(tx.QueryRow(`select `+tokenColumns+` from token where hash = $1`, hash))
	if sqldb.IsNotFound(err) {
		return t, false, nil
	}
	return t, err == nil, err
}

// Token returns a token; a fault "no-such-token" if there is none.
func (tx *Tx) Token(id string) (Token, error) {
	t, err := scanToken(tx.QueryRow(`select `+tokenColumns+` from token where id = $1`, id))
	if sqldb.IsNotFound(err) {
		return t, fault.New(fault.NotFound, "no-such-token", "There is no such token.")
	}
	return t, err
}

// Tokens returns a worker's tokens, newest first.
func (tx *Tx) Tokens(w workforce.WorkerID) ([]Token, error) {
	return sqldb.All(tx.Tx, scanToken, `select `+tokenColumns+` from token where worker = $1 order by id desc limit 1000`, string(w))
}

// InsertToken stores a new token. It returns a fault "token-ask-spent" if there is one
// already for the ask's nonce and key, or for the secret.
func (tx *Tx) InsertToken(t Token) error {
	n, err := tx.Exec(`insert into token (`+tokenColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing`,
		t.ID, t.Hash, string(t.Worker), string(t.Key), t.Name, t.Created.Micro(), t.Expires.Micro(), t.Revoked.Micro(), t.Nonce, t.Ask)
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "token-ask-spent", "This ask has given a token already; it is good once. Sign a new one with `countersign token create`.")
	}
	return err
}

// RevokeToken ends a token, and the reservation that was made under it; ending it twice changes
// nothing.
func (tx *Tx) RevokeToken(id string, now canonical.Time) error {
	tx.tell(news.Session, id, 0)
	tx.Later(sqldb.Statement{SQL: `update case_reservation set ended = $2, why = 'signed-out' where token = $1 and ended = 0`, Args: []any{id, now.Micro()}}, nil)
	_, err := tx.Exec(`update token set revoked = $2 where id = $1 and revoked = 0`, id, now.Micro())
	return err
}
