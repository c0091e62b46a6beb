package store

import (
	"context"
	"fmt"

	"countersign.dev/ledger"
)

// AuditIn is Audit inside a transaction that has not been committed.
func AuditIn(_ context.Context, s *Store, tx *Tx) error {
	_, err := s.audit(tx)
	return err
}

var _ ledger.Source = (*Store)(nil)

// CaseRow returns what stands in each column of a case.
func (tx *Tx) CaseRow(id string) (map[string]string, error) {
	values := make([]any, len(caseNames))
	for i := range values {
		values[i] = new(any)
	}
	if err := tx.QueryRow(`select `+caseColumns+` from case_file where id = $1`, id).Scan(values...); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for i, name := range caseNames {
		all[name] = fmt.Sprintf("%v", *values[i].(*any))
	}
	return all, nil
}
