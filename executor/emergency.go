package executor

import (
	"context"
	"fmt"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/workforce"
)

func isEmergency(k actions.Kind) bool {
	spec, _ := actions.SpecOf(k)
	return spec.Emergency
}

// emergencies is the name of the lock that an emergency act holds while it is taken on.
// Only one is taken on at a time, so that the check of the next one sees it, whoever
// asks.
const emergencies = "emergencies"

// reviewed refuses an emergency act while an earlier one waits for its review, if the
// earlier one is about the same subject or has a signer in common with this one. Our own
// journal says which acts there were; the chain says which reviews were closed.
func (e *Executor) reviewed(ctx context.Context, w proof.Warrant, s *proof.State) error {
	acts, err := e.journal.Emergencies(ctx)
	if err != nil {
		return err
	}
	asks := signersOf(w)
	for _, a := range acts {
		if a.Request == w.Request.Statement.Request {
			continue
		}
		signed, err := e.signersOf(ctx, a)
		if err != nil {
			return err
		}
		if _, closed := s.ReviewOf(a.Request, signed, a.Intended); closed {
			continue
		}
		if a.Subject.Platform == w.Action.Subject.Platform && a.Subject.ID == w.Action.Subject.ID {
			return notReviewed("The subject", a.Request)
		}
		for _, p := range asks {
			if slices.Contains(signed, p) {
				return notReviewed(string(p), a.Request)
			}
		}
	}
	return nil
}

func notReviewed(who, request string) error {
	return fault.New(fault.Forbidden, "not-reviewed",
		"%s is locked for emergency acts until the review of the emergency act %s is closed, by people who had no part in it.", who, request)
}

// signersOf returns all people who signed the warrant of an act.
func (e *Executor) signersOf(ctx context.Context, a journal.Act) ([]workforce.WorkerID, error) {
	raw, err := e.journal.Document(ctx, a.Request)
	if err != nil {
		return nil, err
	}
	w, err := proof.ParseWarrant(raw)
	if err != nil {
		return nil, fmt.Errorf("the warrant of %s in the journal: %w", a.Request, err)
	}
	return signersOf(w), nil
}

func signersOf(w proof.Warrant) []workforce.WorkerID {
	people, _ := w.Core().Signers()
	return people
}

// confirms checks a measure that takes the place of a timed one. The timed one must be
// ours, about the same subject and of the same sort (see Outlasts); it was carried out, stands, ends earlier, and is not
// being lifted.
func (e *Executor) confirms(ctx context.Context, w proof.Warrant) error {
	request := w.Action.Command.Confirms()
	if request == "" {
		return nil
	}
	a, ok, err := e.journal.Act(ctx, journal.Key{Request: request, Duty: proof.DutyAct})
	if err != nil {
		return err
	}
	none := fault.New(fault.Forbidden, "no-such-emergency", "The request %s is no timed measure on this subject that is in force, of the same category, and ends before this one; no other measure's place is taken.", request)
	if !ok || a.Subject.Platform != w.Action.Subject.Platform || a.Subject.ID != w.Action.Subject.ID ||
		a.Outcome != proof.Executed && a.Outcome != proof.Unknown {
		return none
	}
	lift, ok, err := e.journal.Act(ctx, journal.Key{Request: request, Duty: proof.DutyLift})
	if err != nil {
		return err
	}
	if !ok || lift.Stage != journal.Owed || !w.Action.Outlasts(a.Kind, lift.Due, a.Category) {
		return none
	}
	if seen := e.watches[a.Subject.Platform]; seen != nil {
		if k, ok := seen.in(spot{a.Subject.ID, a.Command.Layer}); ok && k.Gone == a.Key {
			return none // somebody lifted it, and its mark was put on again
		}
	}
	return nil
}
