package journal

import (
	"context"
	"fmt"

	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/sqldb"
)

// Taken is a change of the desk that its signer handed straight to the executor.
type Taken struct {
	Authority proof.Authority
	At        canonical.Time
}

// Request is the request that the change's signature names.
func (t Taken) Request() string { return t.Authority.Request.Statement.Request }

// Took journals a taken change, in the transaction of its record. If we die after this,
// the change is in force again from the start.
func Took(t Taken) Note {
	return func(tx *sqldb.Tx, _ proof.SignedExecution) error {
		_, err := tx.Exec("insert into taken (request, at, authority) values ($1, $2, $3)", t.Request(), t.At.Micro(), string(canonical.MustMarshal(t.Authority)))
		return err
	}
}

// Taken returns all changes that were ever taken, in order.
func (j *Journal) Taken(ctx context.Context) ([]Taken, error) {
	var all []Taken
	err := j.db.Read(ctx, func(tx *sqldb.Tx) error {
		var err error
		all, err = sqldb.All(tx, func(row sqldb.Row) (t Taken, err error) {
			var at int64
			var authority []byte
			if err := row.Scan(&at, &authority); err != nil {
				return t, err
			}
			t.At = canonical.FromMicro(at)
			return t, canonical.UnmarshalExact(authority, &t.Authority)
		}, "select at, authority from taken order by at, request")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what was taken in the journal: %w", err)
	}
	return all, nil
}

// Emergencies returns the emergency acts that were carried out, may have been, or
// are about to be.
func (j *Journal) Emergencies(ctx context.Context) ([]Act, error) {
	return j.some(ctx, "kind = 'account.contain' and duty = 'act' and intended > 0 and outcome in ('', 'executed', 'unknown') order by intended")
}
