package journal

import (
	"context"
	"fmt"

	"countersign.dev/canonical"
	"countersign.dev/sqldb"
)

// Void is a governance entry that carried out a request which somebody had refused.
type Void struct {
	Leaf canonical.Digest
	Why  string
}

// Voids returns all void governance entries that were ever met.
func (j *Journal) Voids(ctx context.Context) (all []Void, err error) {
	err = j.db.Read(ctx, func(tx *sqldb.Tx) error {
		all, err = sqldb.All(tx, func(row sqldb.Row) (v Void, err error) {
			return v, row.Scan(text(&v.Leaf), &v.Why)
		}, "select leaf, why from void order by leaf")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the void changes in the journal: %w", err)
	}
	return all, nil
}

// Avoid journals governance entries as void.
func (j *Journal) Avoid(ctx context.Context, voids []Void) error {
	return j.write(ctx, "keep that a change is void", func(tx *sqldb.Tx) error {
		for _, v := range voids {
			if _, err := tx.Exec("insert into void (leaf, why) values ($1, $2) on conflict (leaf) do nothing", v.Leaf.String(), v.Why); err != nil {
				return err
			}
		}
		return nil
	})
}
