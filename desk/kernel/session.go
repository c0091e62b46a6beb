package kernel

import (
	"context"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// SessionsOf returns the sessions that statements name, sorted by their digests, each once.
// A session that was ended by a newer one of its key is refused: it signs nothing more here.
func (k *Kernel) SessionsOf(ctx context.Context, statements ...actions.Statement) (all []actions.SignedSession, err error) {
	var named []canonical.Digest
	for _, st := range statements {
		if !st.Session.IsZero() {
			named = append(named, st.Session)
		}
	}
	if len(named) == 0 {
		return nil, nil
	}
	slices.SortFunc(named, func(a, b canonical.Digest) int { return slices.Compare(a[:], b[:]) })
	err = k.Store.Read(ctx, func(stx *store.Tx) error {
		all = nil
		for _, digest := range slices.Compact(named) {
			s, err := stx.Session(digest)
			if err != nil {
				return err
			}
			if !s.Ended.IsZero() {
				return fault.New(fault.Forbidden, "session-replaced", "The session of %s was ended at %s by a newer one of the same key.", s.Signed.Session.Worker, s.Ended)
			}
			all = append(all, s.Signed)
		}
		return nil
	})
	return all, err
}

// MayDo checks the signed statement of a deed that is done now. The session under which it
// is signed, if there is one, must be the newest of its key here.
func (k *Kernel) MayDo(ctx context.Context, s *proof.State, d actions.SignedDeed) error {
	if _, err := k.SessionsOf(ctx, d.Signed.Statement); err != nil {
		return err
	}
	return s.MayDo(d, k.Now())
}
