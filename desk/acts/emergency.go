package acts

import (
	"context"
	"fmt"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// checkEmergency refuses two acts before anybody signs in vain: a second emergency act
// before the review of the first one, and a measure that would take the place of one
// that ends later. The executor refuses both by its own journal, whatever the desk says.
func (d *Room) checkEmergency(ctx context.Context, s *proof.State, a actions.Action, signer workforce.WorkerID) error {
	if request := a.Command.Confirms(); request != "" {
		ok, err := d.outlasts(ctx, a, a.Subject, request)
		if err == nil && !ok {
			err = fault.New(fault.Forbidden, "no-such-emergency", "An act may take the place only of a timed measure on the same subject that is in force, is of the same category and ends before it. The request %s has no such measure.", request)
		}
		return err
	}
	if spec, _ := actions.SpecOf(a.Kind); !spec.Emergency {
		return nil
	}
	return d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		for before := ""; ; {
			rs, err := stx.Requests(store.RequestFilter{Kind: a.Kind, Before: before, Limit: kernel.MaxPage})
			if err != nil || len(rs) == 0 {
				return err
			}
			for _, r := range rs {
				if err := openReview(s, r, a.Subject, signer); err != nil {
					return err
				}
			}
			before = rs[len(rs)-1].ID
		}
	})
}

// openReview refuses a further emergency act to a signer, and on the subject, of an
// emergency act whose review is open.
func openReview(s *proof.State, r store.Request, subject platform.Subject, signer workforce.WorkerID) error {
	if len(r.Core) == 0 || r.Status == actions.StatusVoid || r.Status == actions.StatusFailed {
		return nil // it was never carried out
	}
	var core proof.Core
	if err := canonical.Unmarshal(r.Core, &core); err != nil {
		return fmt.Errorf("the core of %s in the database: %w", r.ID, err)
	}
	people, _ := core.Signers()
	if _, closed := s.ReviewOf(r.ID, people, r.Created); closed {
		return nil
	}
	who := "The subject"
	switch {
	case slices.Contains(people, signer):
		who = string(signer)
	case r.Action.Subject.Platform != subject.Platform || r.Action.Subject.ID != subject.ID:
		return nil
	}
	return fault.New(fault.Forbidden, "not-reviewed",
		"%s is locked for emergency acts until the review of the emergency act %s is closed, by people who had no part in it.", who, r.ID)
}

// outlasts reports whether an action may take the place of the measure of a request. That
// must be a timed measure on the same subject that ends before the action's and that, as
// far as this desk knows, was carried out and is not lifted.
func (d *Room) outlasts(ctx context.Context, a actions.Action, subject platform.Subject, request string) (bool, error) {
	r, err := d.desk.Load(ctx, request)
	if fault.Is(err, "no-such-request") {
		return false, nil
	}
	return a.Outlasts(r.Action.Kind, r.Action.Until, r.Action.Category) && r.Action.Subject.Platform == subject.Platform && r.Action.Subject.ID == subject.ID &&
		(r.Status == actions.StatusExecuted || r.Status == actions.StatusUnknown), err
}
