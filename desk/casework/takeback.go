package casework

import (
	"context"
	"fmt"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// TakeBackFor is how long a decision may be taken back.
const TakeBackFor = 15 * time.Second

// DraftedTakeBack is what the caller signs to take a decision back.
type DraftedTakeBack struct {
	Deed     actions.Deed     // to be completed and signed with an empty order
	Undos    []acts.Draft     // of the measures that were carried out
	Withdraw map[string]int64 // requests that wait for signatures, by their versions
}

// DraftTakeBack says what the caller signs to take back a decision of their own.
func (d *Room) DraftTakeBack(ctx context.Context, by kernel.Caller, decision string, key workforce.KeyID, session canonical.Digest) (DraftedTakeBack, error) {
	row, err := d.ownDecision(ctx, by, decision)
	if err != nil {
		return DraftedTakeBack{}, err
	}
	if err := inTime(row, d.desk.Now()); err != nil {
		return DraftedTakeBack{}, err
	}
	out := DraftedTakeBack{Deed: actions.Deed{What: actions.DeedTakeBack, Of: row.ID, Version: row.Version}}
	out.Undos, out.Withdraw, err = d.acts.DraftLifts(ctx, by, row.Requests, acts.UndoWish{Reason: "The decision " + row.ID + " is taken back.", Key: key, Session: session})
	return out, err
}

// ownDecision returns a decision that the caller made; one of somebody else is not there.
func (d *Room) ownDecision(ctx context.Context, by kernel.Caller, id string) (row store.CaseDecision, err error) {
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		row, err = stx.CaseDecision(id)
		return err
	})
	if err == nil && row.Worker != by.Worker {
		return row, fault.New(fault.NotFound, "no-such-decision", "There is no such decision of yours. A decision is taken back by whoever made it.")
	}
	return row, err
}

// inTime refuses to take back a decision after its time.
func inTime(row store.CaseDecision, now time.Time) error {
	if !row.TakenBack.IsZero() {
		return fault.New(fault.Conflict, "taken-back", "The decision %s was taken back at %s already.", row.ID, row.TakenBack)
	}
	if now.Sub(row.Time.Time) <= TakeBackFor {
		return nil
	}
	no := fault.New(fault.Expired, "take-back-over", "A decision is taken back within %d seconds; this one was made at %s.", int(TakeBackFor.Seconds()), row.Time)
	if len(row.Requests) == 0 {
		no.Text += " It has no measure that could be lifted; a new report opens the case anew: `countersign report add --subject SUBJECT --reason REASON --text TEXT`."
	} else {
		no.Text += " Lift its measures instead, each with `countersign action undo REQUEST --reason WHY`:"
		for _, r := range row.Requests {
			no.Text += " " + r
		}
		no.Text += "."
	}
	return no
}

// TakeBack takes back a decision of the caller's within 15 seconds: its measures end, its
// strike ends, and the caller holds the case again under a new claim. Reports that came in
// meanwhile stay in the case; if they opened another one of the same subject, that one is
// merged into it. The caller's other claims go on beside it. The same deed again gives the case
// as it is now.
func (d *Room) TakeBack(ctx context.Context, by kernel.Caller, deed actions.SaltedDeed, text string, undone acts.Undone) (Taken, error) {
	var out cases.Case
	var claim cases.Claim
	var back *acts.TakenBack
	var undos []actions.Request
	repeated := false
	err := d.desk.Change(ctx, by, string(actions.DeedTakeBack), func(s *proof.State) (func(*kernel.Tx) error, error) {
		back, undos, repeated = nil, nil, false
		known, ok, err := d.done(ctx, by, deed)
		if err != nil || ok {
			out, repeated = known, ok
			return func(t *kernel.Tx) (err error) {
				claim, err = lastClaim(t, known)
				return err
			}, err
		}
		row, err := d.ownDecision(ctx, by, deed.Deed.Of)
		if err != nil {
			return nil, err
		}
		if deed.Deed.What != actions.DeedTakeBack || deed.Deed.Version != row.Version {
			return nil, fault.New(fault.Invalid, "bad-deed", "The deed does not take back the decision %s on version %d of its case.", row.ID, row.Version)
		}
		if err := inTime(row, d.desk.Now()); err != nil {
			return nil, err
		}
		h, err := d.take1(ctx, s, by, row.ID, row.Claim, deed, text)
		if err != nil {
			return nil, err
		}
		if back, err = d.acts.JudgeLifts(ctx, s, by, row.Requests, undone); err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) (err error) {
			if have, err := t.CaseDecision(row.ID); err != nil {
				return err
			} else if err := inTime(have, t.Now().Time); err != nil {
				return err
			}
			h.id = d.desk.IDs.New(DeedPrefix)
			if undos, err = back.Store(t, by); err != nil {
				return err
			}
			out, claim, err = h.takeBack(t, row)
			return err
		}, nil
	})
	if err != nil {
		return Taken{}, err
	}
	if back != nil && !repeated {
		back.Carry(undos)
	}
	if out.State != cases.Claimed || out.Holder != by.Worker {
		return Taken{Case: d.namedFor(by, out)}, nil
	}
	return d.show(ctx, by, out, claim)
}

func lastClaim(t *kernel.Tx, c cases.Case) (cases.Claim, error) {
	if c.Claim == 0 {
		return cases.Claim{}, nil
	}
	return t.Tx.Claim(c.ID, c.Claim)
}

// takeBack gives a decided case back to whoever decided it.
func (h *hand) takeBack(t *kernel.Tx, row store.CaseDecision) (c cases.Case, claim cases.Claim, err error) {
	d, now := h.room, t.Now()
	if c, err = t.CaseLocked(row.Case); err != nil {
		return c, claim, err
	}
	if c.State != cases.Closed && c.State != cases.Decided && c.State != cases.Held {
		// One of its measures failed, so that the case has come back already.
		return c, claim, fault.New(fault.Conflict, "wrong-state", "The case %s is %s again: its decision is not in force any more.", c.ID, c.State)
	}
	t.TakeBackDecision(row.ID, now)
	t.ForgetOutcome(row.ID)
	t.EndStrike(row.ID, now)
	t.UnmeetClock(c.ID, store.PromiseClock)
	t.ThawClock(c.ID, store.MediaClock, row.Time)
	detail := map[string]any{"deed": h.id, "decision": row.ID}
	next, err := d.reopened(t, h.queues, h.by.Worker, c, c.To(cases.Waiting, now), detail)
	if err != nil {
		return c, claim, err
	}
	bar := d.barred(t, h.by.Worker, next)
	if bar != nil && !fault.Is(bar, "own-affair") {
		return c, claim, bar
	}
	if bar != nil || !d.worksOn(h.s, h.st, next) { // by what joined meanwhile
		d.moved(t, h.by.Worker, next, "taken-back", detail)
		h.recordOn(t, next)
		return next, claim, nil
	}
	version := next.Version
	lease := time.Duration(cases.UsualLease) * time.Minute
	if q, _, ok := h.queues.Queue(next.Queue); ok {
		lease = q.Lease()
	}
	if next, err = next.Take(h.by.Worker, now, lease); err != nil {
		return c, claim, err
	}
	next.Version = version // one move, one version
	claim = cases.Claim{Case: c.ID, Number: next.Claim, Worker: h.by.Worker, Vendor: h.st.Vendor, Token: h.by.Token, Started: now, Until: next.Until}
	d.moved(t, h.by.Worker, next, "taken-back", detail)
	t.InsertClaim(claim)
	t.OpenedCase(c.ID, h.by.Worker, now, string(SawByClaim))
	h.recordOn(t, next)
	return next, claim, nil
}

// recordOn is record for a deed that is of something else than the case.
func (h *hand) recordOn(t *kernel.Tx, c cases.Case) {
	h.deedOf = c.ID
	h.record(t, c)
}

// reopened makes room for an ended case that is about to be open again, as next. If a report
// has opened another case of the subject in the meantime, that one is merged into it, since a
// subject has one open case: whoever held that one loses it.
func (d *Room) reopened(t *kernel.Tx, queues *cases.QueueSet, by workforce.WorkerID, c, next cases.Case, detail map[string]any) (cases.Case, error) {
	other, err := t.OpenCaseID(c.Subject.Platform, c.Subject.ID, c.Sort)
	if err != nil || other == "" || other == c.ID {
		return next, err
	}
	young, err := t.CaseLocked(other)
	if err != nil {
		return next, err
	}
	if !young.State.Open() {
		return next, fmt.Errorf("the case %s is open no longer: %w", other, store.ErrAgain)
	}
	merged, joined, err := young.Join(next, 0, t.Now())
	if err != nil {
		return next, err
	}
	joined.Version = next.Version // one move, one version
	if joined, err = d.join(t, queues, young, c, merged, joined); err != nil {
		return next, err
	}
	detail["from"] = young.ID
	d.moved(t, by, merged, "merged", map[string]any{"from": young.ID, "into": c.ID})
	t.Enter(entry.KindCaseJoined, entry.CaseJoined{Case: young.ID, Into: c.ID}).About(young.ID, c.ID)
	return joined, nil
}
