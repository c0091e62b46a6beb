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

// Fresh returns the entries from one index on and the checkpoint after the last
// of them, if there are any and this process has just committed them: whoever
// was woken by the commit need not read them from the database.
func (s *Store) Fresh(from int64) (entries []FeedEntry, checkpoint []byte, ok bool) {
	checkpoint, fresh := s.recent.from(from)
	for _, e := range fresh {
		entry := FeedEntry{Index: e.Index, Class: e.Leaf.Class, Leaf: e.Leaf.Bytes()}
		if e.Leaf.Class != ledger.Desk {
			entry.Body, entry.Salt = e.BodyBytes, e.Salt
		}
		entries = append(entries, entry)
	}
	return entries, checkpoint, len(entries) > 0
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
