package store

import (
	"context"
	"fmt"

	"countersign.dev/ledger"
)

// NextGovernance returns the number that the governance chain's next entry will have.
func (s *Store) NextGovernance(ctx context.Context) (n int64, err error) {
	err = s.ReadOne(ctx, func(tx *Tx) error {
		n, err = tx.NextGovernance()
		return err
	})
	return n, err
}

// Governance returns at most limit entries of the governance chain from a number on.
func (s *Store) Governance(ctx context.Context, from int64, limit int) (entries []ledger.Entry, err error) {
	err = s.Read(ctx, func(tx *Tx) error {
		entries, err = tx.EntriesOf(ledger.Governance, from, from+int64(limit))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the governance chain: %w", err)
	}
	return entries, nil
}
