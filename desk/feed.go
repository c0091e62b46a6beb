package desk

import (
	"context"
	"time"

	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/store"
)

// Feed returns a stretch of the ledger for the executor, waiting up to a time if
// there is nothing new.
func (d *Desk) Feed(ctx context.Context, from int64, wait time.Duration) (linkv1.Feed, error) {
	woken, stop := d.kernel.Store.DB().Listen(store.LedgerSignal)
	defer stop()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	// Entries of another node do not wake this one, and an act that was approved there
	// waits until the executor has read them.
	elsewhere := time.NewTicker(kernel.LookElsewhere)
	defer elsewhere.Stop()
	for {
		feed, err := d.feed(ctx, from)
		if err != nil || len(feed.Leaves) > 0 || wait <= 0 {
			return feed, err
		}
		select {
		case <-woken:
			// A follower that waited for a commit gets its entries from memory. Every other
			// one reads the database, and so finds out if somebody has edited it since.
			if entries, checkpoint, ok := d.kernel.Store.Fresh(from, proof.KindTiers); ok {
				feed.Checkpoint = string(checkpoint)
				addEntries(&feed, entries)
				return feed, nil
			}
		case <-elsewhere.C:
		case <-timer.C:
			return feed, nil
		case <-ctx.Done():
			return feed, nil
		}
	}
}

// feedStretch is the largest number of leaves in one answer.
const feedStretch = 100_000

// feed reads the checkpoint first: the entries that it covers are stored by then, and never
// change.
func (d *Desk) feed(ctx context.Context, from int64) (linkv1.Feed, error) {
	feed := linkv1.Feed{From: from}
	size, checkpoint, err := d.kernel.Store.Newest(ctx)
	if err != nil {
		return feed, err
	}
	if from < 0 || from > size {
		return feed, fault.New(fault.Conflict, "ledger-shorter", "The ledger has %d entries; entries from %d on were asked for.", size, from)
	}
	to := min(size, from+feedStretch)
	if from < to {
		entries, err := d.kernel.Store.FeedEntries(ctx, from, to, to-from <= bodiesStretch, proof.KindTiers)
		if err != nil {
			return feed, err
		}
		addEntries(&feed, entries)
	}
	// A checkpoint is valid for one size only. An answer that ends before that size has
	// none, and the follower asks for more.
	if to == size {
		feed.Checkpoint = string(checkpoint)
	}
	return feed, nil
}

// bodiesStretch is the largest number of entries in an answer that includes the bodies of
// the desk's own entries. bodiesSize is the largest size of these bodies, in bytes.
const (
	bodiesStretch = 1000
	bodiesSize    = 16 << 20
)

// Bodies returns the bodies and salts that open the leaves of the ledger from one index up
// to another, in order: all of them, or the first part.
func (d *Desk) Bodies(ctx context.Context, from, to int64) ([]proof.ServedBody, error) {
	size, _, err := d.kernel.Store.Newest(ctx)
	if err != nil {
		return nil, err
	}
	if from < 0 || to > size || from > to {
		return nil, fault.New(fault.Conflict, "ledger-shorter", "The ledger has %d entries; those from %d on and before %d were asked for.", size, from, to)
	}
	const none = "" // no kind's sealed fields are asked for
	entries, err := d.kernel.Store.FeedEntries(ctx, from, min(to, from+bodiesStretch), true, none)
	if err != nil {
		return nil, err
	}
	total := 0
	for i, e := range entries {
		if total += len(e.Body); total > bodiesSize && i > 0 {
			entries = entries[:i]
			break
		}
	}
	var feed linkv1.Feed
	addEntries(&feed, entries)
	return feed.Bodies, nil
}

// addEntries adds entries to a feed. It leaves out bodies of the desk's own entries once
// they would make the answer larger than a follower accepts. The follower then asks for
// these by Bodies.
func addEntries(feed *linkv1.Feed, entries []store.FeedEntry) {
	total := 0
	for _, e := range entries {
		feed.Leaves = append(feed.Leaves, string(e.Leaf))
		if e.Class == ledger.Desk {
			if total += len(e.Body); total > bodiesSize {
				continue
			}
		}
		if len(e.Body) > 0 {
			feed.Bodies = append(feed.Bodies, proof.ServedBody{Index: e.Index, Body: e.Body, Salt: e.Salt, Sealed: e.Sealed})
		}
	}
}
