package acts

import (
	"context"
	"fmt"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/incidents"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// enterTaken enters in the governance chain a change that the executor took directly. It
// may run any number of times: a change that is in the chain already is left alone, and the
// refusal of one by the chain is entered once.
func (d *Room) enterTaken(ctx context.Context, j incidents.TakenJob) error {
	var data []byte
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
		data, err = stx.Execution(j.Executor, j.Sequence)
		return err
	}); err != nil {
		return err
	}
	var e proof.SignedExecution
	if err := canonical.Unmarshal(data, &e); err != nil {
		return jobs.GiveUp(fmt.Errorf("the executor's record %d in the database: %w", j.Sequence, err))
	}
	why := d.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) { return d.judgeTaken(ctx, s, e) })
	switch fault.KindOf(why) {
	case fault.Internal, fault.Unavailable:
		return why // nil, or to be tried again
	}
	a := e.Execution.Taken
	return d.desk.TryChange(ctx, func(*proof.State) (func(*kernel.Tx) error, error) {
		return func(t *kernel.Tx) error {
			st := a.Request.Statement
			known, err := t.EntriesAbout(st.Request, canonical.Time{}, kernel.MaxPage)
			if err != nil || slices.ContainsFunc(known, func(e ledger.Entry) bool { return e.Body.Kind == entry.KindTakenRefused }) {
				return err // the refusal is entered already: the process died after that
			}
			t.Enter(entry.KindTakenRefused, entry.TakenRefused{Request: st.Request, Kind: a.Action.Kind, Worker: st.Signer, Type: fault.TypeOf(why)}).About(st.Request)
			return d.alarms.Raise(t, notEntered(*a, why))
		}, nil
	})
}

// notEntered returns the alarm that a change which the executor took directly has no effect
// in the governance chain.
func notEntered(a proof.Authority, why error) alarms.Alarm {
	severity, goesOn := alarms.Page, " The executor keeps it in force."
	switch {
	case fault.Is(why, "wrong-state"):
		severity, goesOn = alarms.Info, "" // the chain says the same already
	case fault.Is(why, "not-relieving"):
		goesOn = "" // no executor takes it
	}
	st := a.Request.Statement
	return alarms.Alarm{Kind: string(alarm.NotEntered), Severity: severity, Request: st.Request,
		Text: fmt.Sprintf("The executor took %s from %s directly, but it has no effect in the governance chain: %s%s", a.Action.Kind, st.Signer, fault.TextOf(why), goesOn)}
}

// judgeTaken works out how a change that the executor took directly is entered. The chain
// judges it as of the instant at which it was taken (proof.State.Apply). A change that the
// chain does not find authorised is entered all the same, as spent and without effect, so
// that the executor learns that.
func (d *Room) judgeTaken(ctx context.Context, s *proof.State, e proof.SignedExecution) (func(*kernel.Tx) error, error) {
	a, id := *e.Execution.Taken, e.Execution.Request
	if s.Spent(id) {
		return func(*kernel.Tx) error { return nil }, nil
	}
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return nil, err
	}
	why := s.Clone().Join(a, e.Execution.At)
	if fault.Is(why, "not-relieving") {
		return nil, why
	}
	now := d.desk.TimeNow()
	r, err := d.desk.Load(ctx, id)
	isNew := fault.Is(err, "no-such-request")
	switch {
	case isNew:
		r = store.Request{Entry: -1, Request: actions.Request{ID: id, Version: 1, Action: a.Action, Signed: a.Request, Created: now}}
	case err != nil:
		return nil, err
	default:
		r.Version++ // it was handed in here as well, and had no effect
	}
	r.Signers, r.Updated = a.Countersignatures, now
	if why == nil {
		r.Request = r.Apply(e.Execution.At)
	} else {
		r.Status, r.Missing, r.Outcome, r.OutcomeText = actions.StatusVoid, "", fault.TypeOf(why), fault.TextOf(why)
	}
	return func(t *kernel.Tx) error {
		entered := t.Append(ledger.Draft{Class: ledger.Governance, Kind: proof.KindTaken, Data: e, Expect: t.State.Next}).About(id)
		if c, ok := ch.(actions.Keys); ok && c.Void != nil && why == nil {
			entered.About(store.ByVoid(*c.Void))
		}
		if isNew {
			t.InsertRequest(r)
		} else {
			t.SaveRequest(r)
			t.DropRows(id)
		}
		t.Signal(requestSignal(id))
		if why != nil {
			return d.alarms.Raise(t, notEntered(a, why))
		}
		return d.alarms.RaiseFreeze(t, ch, a.Request.Statement)
	}, nil
}
