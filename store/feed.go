package store

import (
	"context"
	"fmt"

	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/sqldb"
)

// FeedEntry is an entry in the form for followers: it holds no personal field.
type FeedEntry struct {
	Index int64
	Class ledger.Class
	Leaf  []byte
	Body  canonical.Raw
	Salt  canonical.Bytes
	// Sealed opens the sealed fields of an execution entry of the one kind that was asked
	// for, as far as they were not erased.
	Sealed []ledger.Opening
}

// FeedEntries returns the entries from one index up to, and without, another;
// the bodies of the desk's class only if whole is set, the openings only of
// execution entries of a kind.
func (s *Store) FeedEntries(ctx context.Context, from, to int64, whole bool, opened string) (entries []FeedEntry, err error) {
	sealed := false
	err = s.ReadOne(ctx, func(tx *Tx) error {
		entries, sealed, err = tx.feedEntries(from, to, whole, opened)
		return err
	})
	if err == nil && sealed {
		err = s.ReadOne(ctx, func(tx *Tx) error { return tx.openFeed(entries, from, to, opened) })
	}
	if err != nil {
		return nil, fmt.Errorf("read ledger entries for a follower: %w", err)
	}
	return entries, nil
}

// Fresh returns the entries from one index on and the checkpoint after the last of them,
// if this process has just committed them. A follower that the commit woke need not read
// them from the database.
func (s *Store) Fresh(from int64, opened string) (entries []FeedEntry, checkpoint []byte, ok bool) {
	checkpoint, fresh := s.recent.from(from)
	for _, e := range fresh {
		entry := FeedEntry{Index: e.Index, Class: e.Leaf.Class, Leaf: e.Leaf.Bytes(), Body: e.BodyBytes, Salt: e.Salt}
		if e.Leaf.Class == ledger.Execution && e.Body.Kind == opened {
			entry.Sealed = e.Openings
		}
		entries = append(entries, entry)
	}
	return entries, checkpoint, len(entries) > 0
}

// feedEntries reads entries without their openings, which openFeed adds; sealed reports
// whether any entry is of the kind that has some.
func (tx *Tx) feedEntries(from, to int64, whole bool, opened string) (entries []FeedEntry, sealed bool, err error) {
	which := ""
	if !whole {
		which = " and (e.class <> 'desk' or e.kind in ('decline', 'withdraw'))"
	}
	entries, err = sqldb.All(tx.Tx, func(r sqldb.Row) (FeedEntry, error) {
		var e FeedEntry
		var kind string
		var body, salt []byte
		err := r.Scan(&e.Index, &e.Class, &kind, &e.Leaf, &body, &salt)
		e.Body, e.Salt = body, salt
		sealed = sealed || kind == opened && e.Class == ledger.Execution
		return e, err
	}, `select e.idx, e.class, e.kind, e.leaf, b.body, b.salt from ledger_entry e
		left join ledger_body b on b.idx = e.idx`+which+`
		where e.idx >= $1 and e.idx < $2 order by e.idx`, from, to)
	return entries, sealed, err
}

// openFeed adds the openings of execution entries of a kind.
func (tx *Tx) openFeed(entries []FeedEntry, from, to int64, opened string) error {
	_, err := sqldb.All(tx.Tx, func(r sqldb.Row) (struct{}, error) {
		var index int64
		var o ledger.Opening
		var salt, value []byte
		err := r.Scan(&index, &o.Name, &salt, &value)
		if err == nil {
			o.Salt, o.Value = salt, value
			e := &entries[index-from]
			e.Sealed = append(e.Sealed, o)
		}
		return struct{}{}, err
	}, `select o.idx, o.name, o.salt, o.value from ledger_entry e join ledger_opening o on o.idx = e.idx
		where e.class = 'execution' and e.kind = $1 and e.idx >= $2 and e.idx < $3 order by o.idx, o.name`, opened, from, to)
	return err
}
