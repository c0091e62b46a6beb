package store

import (
	"context"
	"fmt"

	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/sqldb"
)

// FeedEntry is an entry as a follower gets it: no personal field is read.
type FeedEntry struct {
	Index int64
	Class ledger.Class
	Leaf  []byte
	Body  canonical.Raw
	Salt  canonical.Bytes
}

// FeedEntries returns the entries from one index up to, and without, another;
// the bodies only of the classes that followers must have.
func (s *Store) FeedEntries(ctx context.Context, from, to int64) (entries []FeedEntry, err error) {
	err = s.ReadOne(ctx, func(tx *Tx) error {
		entries, err = tx.feedEntries(from, to)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read ledger entries for a follower: %w", err)
	}
	return entries, nil
}

func (tx *Tx) feedEntries(from, to int64) ([]FeedEntry, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (FeedEntry, error) {
		var e FeedEntry
		var body, salt []byte
		err := r.Scan(&e.Index, &e.Class, &e.Leaf, &body, &salt)
		e.Body, e.Salt = body, salt
		return e, err
	}, `select e.idx, e.class, e.leaf, b.body, b.salt from ledger_entry e
		left join ledger_body b on b.idx = e.idx and e.class <> 'desk'
		where e.idx >= $1 and e.idx < $2 order by e.idx`, from, to)
}
