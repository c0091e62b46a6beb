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
	// Another node's entries wake nobody here, and an act approved there waits
	// for them.
	elsewhere := time.NewTicker(kernel.LookElsewhere)
	defer elsewhere.Stop()
	for {
		feed, err := d.feed(ctx, from)
		if err != nil || len(feed.Leaves) > 0 || wait <= 0 {
			return feed, err
		}
		select {
		case <-woken:
			// Who waited for a commit is given what it made. Everybody else reads
			// the database, and finds there what somebody did to it since.
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

// feedStretch is how many leaves one answer has at most.
const feedStretch = 100_000

// feed reads the head first: what it covers is there by then, and never changes.
func (d *Desk) feed(ctx context.Context, from int64) (linkv1.Feed, error) {
	feed := linkv1.Feed{From: from}
	size, checkpoint, err := d.kernel.Store.Newest(ctx)
	if err != nil {
		return feed, err
	}
	if from < 0 || from > size {
		return feed, fault.New(fault.Conflict, "ledger-shorter", "The ledger has %d entries; you ask from %d on.", size, from)
	}
	to := min(size, from+feedStretch)
	if from < to {
		entries, err := d.kernel.Store.FeedEntries(ctx, from, to, to-from <= bodiesStretch, proof.KindTiers)
		if err != nil {
			return feed, err
		}
		addEntries(&feed, entries)
	}
	// A checkpoint fits its own size only; in the middle of a long catch-up
	// there is none, and the follower asks for more.
	if to == size {
		feed.Checkpoint = string(checkpoint)
	}
	return feed, nil
}

// bodiesStretch is how many entries an answer has at most that gives the bodies of
// the desk's own entries, and bodiesSize how many bytes of bodies Bodies gives.
const (
	bodiesStretch = 1000
	bodiesSize    = 16 << 20
)

// Bodies returns what opens the leaves of the ledger from an index on and before
// another, in their order: all of them, or the first part.
func (d *Desk) Bodies(ctx context.Context, from, to int64) ([]proof.ServedBody, error) {
	size, _, err := d.kernel.Store.Newest(ctx)
	if err != nil {
		return nil, err
	}
	if from < 0 || to > size || from > to {
		return nil, fault.New(fault.Conflict, "ledger-shorter", "The ledger has %d entries; you ask for those from %d on and before %d.", size, from, to)
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

// addEntries adds entries to a feed. Where the desk's own would make it larger than
// a follower takes, the follower asks for their bodies by itself.
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
