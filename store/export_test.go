package store

import (
	"context"

	"countersign.dev/ledger"
)

// AuditIn is Audit inside a transaction that has not been committed.
func AuditIn(_ context.Context, s *Store, tx *Tx) error {
	_, err := s.audit(tx)
	return err
}

var _ ledger.Source = (*Store)(nil)
