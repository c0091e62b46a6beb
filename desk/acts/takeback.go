package acts

import (
	"context"

	"countersign.dev/actions"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// Undone takes back the measures of a decision: an undo for each that was carried out, and a
// withdrawal for each that waits for signatures.
type Undone struct {
	Undos       []Submission
	Withdrawals map[string]Withdrawal // by request
}

// TakenBack is the end of a decision's measures that was judged, to be stored in one change.
type TakenBack struct {
	Measures
	ended []ended
}

type ended struct {
	request store.Request
	next    actions.Request
	end     entry.End
	sealed  ledger.Opening
}

// JudgeLifts judges what takes back the measures of a decision, given by their requests.
// What it returns is stored with Store, in the change that was judged.
func (d *Room) JudgeLifts(ctx context.Context, s *proof.State, by kernel.Caller, requests []string, u Undone) (*TakenBack, error) {
	out := &TakenBack{Measures: Measures{room: d}}
	undo := map[string]Submission{}
	for _, sub := range u.Undos {
		undo[sub.Action.Reverses] = sub
	}
	for _, id := range requests {
		r, err := d.desk.Load(ctx, id)
		if err != nil {
			return nil, err
		}
		spec, _ := actions.SpecOf(r.Action.Kind)
		switch r.Status {
		case actions.StatusApproved:
			return nil, fault.New(fault.Conflict, "under-way", "The measure %s (%s) is being carried out. Take the decision back in a moment, with what undoes it.", id, r.Action.Kind)
		case actions.StatusHeld:
			w, ok := u.Withdrawals[id]
			if !ok {
				return nil, lacking(id, r, "the deed that withdraws it")
			}
			one, err := d.endOf(ctx, s, by, r, w)
			if err != nil {
				return nil, err
			}
			out.ended = append(out.ended, one)
		case actions.StatusExecuted, actions.StatusUnknown:
			if spec.Says() {
				continue // a message stays
			}
			sub, ok := undo[id]
			if !ok {
				return nil, lacking(id, r, "the signed undo of it")
			}
			if err := kernel.OwnStatement(by, sub.Signed); err != nil {
				return nil, err
			}
			request, v, err := d.judgeNew(ctx, s, by, sub)
			if err != nil {
				return nil, err
			}
			out.requests, out.judged = append(out.requests, request), append(out.judged, v)
		}
	}
	return out, nil
}

func lacking(id string, r store.Request, what string) error {
	return fault.New(fault.Conflict, "measure-stands", "The measure %s (%s) of the decision is %s, and %s is missing. Draft what takes the decision back again.", id, r.Action.Kind, r.Status.Word(), what)
}

// endOf judges the withdrawal of a request that is held.
func (d *Room) endOf(ctx context.Context, s *proof.State, by kernel.Caller, r store.Request, w Withdrawal) (e ended, err error) {
	if err := d.desk.HandedIn(by, w.statement()); err != nil {
		return e, err
	}
	next, err := r.Withdraw(by.Worker, d.desk.TimeNow())
	if err != nil {
		return e, err
	}
	e = ended{request: r, next: next, end: entry.End{Request: r.ID, Status: next.Status, Type: next.Outcome, Worker: by.Worker}}
	if e.end.Deed, err = d.withdrawal(ctx, s, r, w); err != nil {
		return e, err
	}
	e.sealed = proof.Sealing(e.end.Deed.Deed.What, "", w.Deed.Salt)
	return e, nil
}

// Store stores the undos and the withdrawals, and returns the requests of the undos.
func (m *TakenBack) Store(t *kernel.Tx, by kernel.Caller) ([]actions.Request, error) {
	for _, e := range m.ended {
		t.Enter(entry.KindWithdraw, e.end, e.sealed).About(e.request.ID)
		if err := m.room.end(t, with(e.request, e.next)); err != nil {
			return nil, err
		}
	}
	return m.Measures.Store(t, by)
}

// DraftLifts drafts what takes back the measures of a decision: the undos, and the requests
// that the caller withdraws, by their versions. It stores nothing.
func (d *Room) DraftLifts(ctx context.Context, by kernel.Caller, requests []string, w UndoWish) (undos []Draft, withdraw map[string]int64, err error) {
	withdraw = map[string]int64{}
	for _, id := range requests {
		r, err := d.desk.Load(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		spec, _ := actions.SpecOf(r.Action.Kind)
		switch r.Status {
		case actions.StatusApproved:
			return nil, nil, fault.New(fault.Conflict, "under-way", "The measure %s (%s) is being carried out. Take the decision back in a moment.", id, r.Action.Kind)
		case actions.StatusHeld:
			withdraw[id] = r.Version
		case actions.StatusExecuted, actions.StatusUnknown:
			if spec.Says() {
				continue
			}
			undo, err := d.DraftUndo(ctx, by, id, w)
			if err != nil {
				return nil, nil, err
			}
			undos = append(undos, undo)
		}
	}
	return undos, withdraw, nil
}
