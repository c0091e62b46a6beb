package casework

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Taken is a case that somebody has claimed, with what the screen shows.
type Taken struct {
	Case     cases.Case
	Claim    cases.Claim
	Shown    cases.Shown
	Document canonical.Digest // of Shown, as it is stored
	Draft    []byte           // what the caller wrote earlier on the case and did not hand in; nil: nothing
	Drafts   []store.CaseDraft
	Notes    []store.CaseNote // oldest first, under the names that the caller may have
	Renewed  bool             // the case has changed since this claim showed it, so that what is shown is new
	Why      string           // it is due when it is, in one sentence
	Press    bool             // the caller says what becomes of its pictures: a specialist, on a case of child safety
}

// Next claims the case that is reserved for the caller, else the most urgent case that the caller may
// work on: first one that comes back to the caller, then that with the earliest due time among the caller's queues, or in one queue
// if it is named. Cases that others handed on are among them: what was escalated for leads, what was
// asked of a specialist for specialists, and what was asked of somebody who reads a language
// for everybody; not for whoever handed it on. A fault "nothing-waits" says that there is none.
// The caller may leave cases out.
func (d *Room) Next(ctx context.Context, by kernel.Caller, queue string, without ...string) (Taken, error) {
	for {
		claimed, claim, err := d.next(ctx, by, queue, without)
		if err != nil {
			return Taken{}, err
		}
		d.desk.Step(StepClaimed)
		// The case may turn out to be the caller's own affair; then it waits again, and is not
		// offered to the caller any more, since its owner is known now.
		if claimed, mine, err := d.owned(ctx, claimed); err != nil {
			return Taken{}, err
		} else if mine {
			return d.show(ctx, by, claimed, claim)
		}
	}
}

// owned reads whose the subject of a claimed case is, where that is not known yet. mine reports
// whether the case is still with its holder: it is not if it is the holder's own affair. If the
// platform does not answer, or the subject is gone, nobody can tell, and the work goes on.
func (d *Room) owned(ctx context.Context, c cases.Case) (_ cases.Case, mine bool, err error) {
	if c.Owner != "" {
		return c, true, nil
	}
	s, err := d.desk.State(ctx)
	if err != nil {
		return c, false, err
	}
	if ctx, err = d.asShown(ctx, c); err != nil {
		return c, true, err
	}
	reading, err := d.desk.Read(ctx, s, c.Subject.String())
	if err != nil {
		return c, true, nil
	}
	if err := d.saw(ctx, c, reading); err != nil {
		return c, false, err
	}
	now := c
	err = d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		now, err = stx.Case(c.ID)
		return err
	})
	return now, now.State == cases.Claimed && now.Holder == c.Holder && now.Claim == c.Claim, err
}

// next claims a case for Next.
func (d *Room) next(ctx context.Context, by kernel.Caller, queue string, without []string) (claimed cases.Case, claim cases.Claim, err error) {
	var nothing error
	err = d.desk.Change(ctx, by, "next case", func(s *proof.State) (func(*kernel.Tx) error, error) {
		st, _, queues, err := d.atWork(ctx, s, by)
		if err != nil {
			return nil, err
		}
		names, err := d.queuesOf(s, st, queues, queue)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			if err := d.mayClaim(t, by.Worker); err != nil {
				return err
			}
			if err := d.present(t, by.Worker); err != nil {
				return err
			}
			nothing = nil
			c, dropped, err := d.reserved(t, s, st, by.Worker, names, without)
			if err == nil && c.ID == "" {
				c, err = d.mostUrgent(t, s, st, by.Worker, names, without)
			}
			if err != nil {
				return err
			}
			if c.ID == "" {
				nothing = fault.New(fault.NotFound, "nothing-waits", "No case waits for you.")
				if dropped { // and stays so
					return nil
				}
				return nothing
			}
			claimed, claim, err = d.claim(t, queues, by, st, c, false)
			return err
		}, nil
	})
	return claimed, claim, cmp.Or(err, nothing)
}

// mostUrgent locks the most urgent case that a worker may have; without an identifier there is
// none.
func (d *Room) mostUrgent(t *kernel.Tx, s *proof.State, st workforce.Standing, w workforce.WorkerID, queues, without []string) (none cases.Case, err error) {
	but := slices.Clone(without)
	for range nextRounds {
		waiting, err := t.Candidates(queues, w, st.Has(workforce.Lead), st.Has(workforce.Specialist), but, t.Now())
		if err != nil || len(waiting) == 0 {
			return none, err
		}
		for _, id := range waiting {
			if c, err := d.offered(t, s, st, w, queues, id); err != nil || c.ID != "" {
				return c, err
			}
		}
		but = append(but, waiting...)
	}
	return none, nil
}

// nextRounds is how often one call looks for a case that is not barred, a few dozen cases each
// time.
const nextRounds = 50

// offered locks a case that was listed for a worker, if the worker may have it; else the case that
// it returns is empty.
func (d *Room) offered(t *kernel.Tx, s *proof.State, st workforce.Standing, w workforce.WorkerID, queues []string, id string) (none cases.Case, err error) {
	c, free, err := t.TryCase(id)
	if err != nil || !free {
		return none, err
	}
	// If another node has reserved it since it was listed, that reservation ends with this claim.
	return d.mayHave(t, s, st, w, queues, c)
}

// mayHave returns a locked case if a worker may have it; else the case that it returns is empty.
func (d *Room) mayHave(t *kernel.Tx, s *proof.State, st workforce.Standing, w workforce.WorkerID, queues []string, c cases.Case) (none cases.Case, err error) {
	if !contains(queues, c.Queue) || !c.For(st.Has(workforce.Lead), st.Has(workforce.Specialist)) || !d.worksOn(s, st, c) {
		return none, nil
	}
	if c.State != cases.Waiting { // it may have been handed on again since it was listed
		last, err := t.Tx.Claim(c.ID, c.Claim)
		if err != nil || last.Worker == w {
			return none, err
		}
	}
	if err := d.barred(t, w, c); fault.Is(err, "own-affair") {
		return none, nil
	} else if err != nil {
		return none, err
	}
	return c, nil
}

// Claim claims a case by its identifier. That is for leads, for the last holder, and for those
// who were asked; it is counted.
func (d *Room) Claim(ctx context.Context, by kernel.Caller, id string) (Taken, error) {
	var claimed cases.Case
	var claim cases.Claim
	err := d.desk.Change(ctx, by, "claim a case", func(s *proof.State) (func(*kernel.Tx) error, error) {
		st, _, queues, err := d.atWork(ctx, s, by)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			c, err := t.CaseLocked(id)
			if err != nil {
				return err
			}
			if !d.worksOn(s, st, c) {
				return d.noCaseFor(s, st, c)
			}
			if err := d.byName(t.Tx, st, by.Worker, c); err != nil {
				return err
			}
			if err := d.barred(t, by.Worker, c); err != nil {
				return err
			}
			if c.State == cases.Claimed && t.Now().Before(c.Until.Time) {
				if c.Holder == by.Worker {
					claimed = c
					claim, err = t.Claim(c.ID, c.Claim)
					return err // the caller lost the answer, or works in another window
				}
				return fault.New(fault.Conflict, "case-taken", "%s holds the case %s until %s.", upper(who(s, st)(c.Holder)), c.ID, c.Until)
			}
			if err := d.mayClaim(t, by.Worker); err != nil {
				return err
			}
			claimed, claim, err = d.claim(t, queues, by, st, c, true)
			return err
		}, nil
	})
	if err != nil {
		return Taken{}, err
	}
	d.desk.Step(StepClaimed)
	claimed, mine, err := d.owned(ctx, claimed)
	if err != nil {
		return Taken{}, err
	}
	if !mine {
		return Taken{}, ownAffair(id)
	}
	return d.show(ctx, by, claimed, claim)
}

// byName refuses a claim by identifier of somebody who is neither a lead, nor the last holder,
// nor asked.
func (d *Room) byName(stx *store.Tx, st workforce.Standing, w workforce.WorkerID, c cases.Case) error {
	if st.Has(workforce.Lead) || c.Turn == w || c.By == w || c.State == cases.Asked && c.For(false, st.Has(workforce.Specialist)) || c.State == cases.Claimed && c.Holder == w {
		return nil
	}
	if c.Claim > 0 {
		last, err := stx.Claim(c.ID, c.Claim)
		if err != nil {
			return err
		}
		if last.Worker == w {
			return nil
		}
	}
	return fault.New(fault.Forbidden, "not-by-name", "Cases are taken with `countersign case next`. Only leads, the last holder, and those who were asked claim one by its identifier.")
}

// claim gives a locked case to a worker, and writes what follows.
func (d *Room) claim(t *kernel.Tx, queues *cases.QueueSet, by kernel.Caller, st workforce.Standing, c cases.Case, asked bool) (cases.Case, cases.Claim, error) {
	lease := time.Duration(cases.UsualLease) * time.Minute
	if q, _, ok := queues.Queue(c.Queue); ok {
		lease = q.Lease()
	}
	if c.State == cases.Claimed {
		t.EndClaim(c.ID, c.Claim, t.Now(), "lease-over")
	}
	if c.State == cases.Asked {
		if _, err := d.resumed(t, &c); err != nil {
			return c, cases.Claim{}, err
		}
	}
	next, err := c.Take(by.Worker, t.Now(), lease)
	if err != nil {
		return c, cases.Claim{}, err
	}
	claim := cases.Claim{Case: c.ID, Number: next.Claim, Worker: by.Worker, Vendor: st.Vendor, Token: by.Token, Started: t.Now(), Until: next.Until, Asked: asked}
	t.SaveCase(next)
	t.InsertClaim(claim)
	if asked {
		t.InsertMove(store.Move{Case: c.ID, Version: next.Version, Move: "claimed", Worker: by.Worker, Time: t.Now()})
	}
	t.OpenedCase(c.ID, by.Worker, t.Now(), string(SawByClaim))
	t.Signal(caseSignal(c.ID))
	return next, claim, nil
}

// mayClaim refuses a claim of somebody who holds as many as one may.
func (d *Room) mayClaim(t *kernel.Tx, w workforce.WorkerID) error {
	if err := t.LockOwn(w); err != nil {
		return err
	}
	live, err := t.LiveClaims(w)
	if err != nil {
		return err
	}
	n := 0
	for _, c := range live {
		if t.Now().Before(c.Until.Time) {
			n++
		}
	}
	if n >= cases.MaxClaims {
		return fault.New(fault.Conflict, "too-many-claims", "You hold %d cases, and nobody holds more. Decide or release one first: `countersign case list --mine`.", n)
	}
	return nil
}

// show stores what a claim shows, and returns it.
func (d *Room) show(ctx context.Context, by kernel.Caller, c cases.Case, claim cases.Claim) (Taken, error) {
	kept := false
	s := d.desk.Newest()
	rules, queues, err := d.rules(ctx, s)
	if err != nil {
		return Taken{}, err
	}
	reader := s.People.Standing(by.Worker, d.desk.Now())
	out := Taken{Case: namedIn(s, reader, c), Claim: claim, Why: d.because(ctx, s, queues, c)}
	out.Press = c.ChildSafety() && d.maySee(s, reader, c, ReleaseMedia) == nil
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		var err error
		if out.Drafts, err = stx.CaseDrafts(c.ID); err != nil {
			return err
		}
		for i, draft := range out.Drafts {
			if draft.Worker == by.Worker {
				out.Draft = draft.Body
			}
			out.Drafts[i].Worker = named(s, reader, draft.Worker)
		}
		if err := withMedia(stx, &out.Case); err != nil {
			return err
		}
		if out.Notes, err = notes(stx, s, reader, c.ID); err != nil {
			return err
		}
		if !claim.Document.IsZero() {
			body, err := stx.Shown(claim.Document)
			if err != nil {
				return err
			}
			out.Document = claim.Document
			if err := canonical.UnmarshalExact(body, &out.Shown); err != nil {
				return err
			}
			if kept = out.Shown.Version == c.Version; kept {
				return nil
			}
			// Its holder looks again, and decides on what is there now.
			out.Renewed = true
		}
		out.Shown, err = d.document(stx, rules, c)
		return err
	}); err != nil {
		return out, err
	}
	if kept { // in another window, or since an answer was lost
		if err := d.keepOpened(ctx, by, c, SawByClaim); err != nil {
			return Taken{}, err
		}
		return out, nil
	}
	tier := tierOf(s, c, out.Shown.Seen)
	body := canonical.MustMarshal(out.Shown)
	out.Document = canonical.Sum(body)
	err = d.desk.Store.Write(ctx, func(stx *store.Tx) error {
		if have, err := stx.Claim(c.ID, claim.Number); err != nil || have.Document != claim.Document {
			if err == nil {
				err = fault.New(fault.Conflict, "case-moved", "The case %s was shown to you in another window at the same time. Look at it again: `countersign case show %[1]s`.", c.ID)
			}
			return err
		}
		// What must be entered of a claim is committed with what the claim shows.
		switch {
		case out.Renewed:
			if err := d.openedAs(stx, by, c, SawByClaim, tier); err != nil {
				return err
			}
		case tier != actions.Standard:
			enterRead(stx, by, c, entry.CaseRead{How: string(SawByClaim), Tier: tier})
		}
		stx.ShowClaim(c.ID, claim.Number, out.Document, body, stx.Now())
		stx.Record(ledger.DocumentDraft{Sort: ledger.OpeningDocument, ID: openingID(c.ID, claim.Number, c.Version), Data: cases.OpeningData{Case: c.ID, Claim: claim.Number, Document: out.Document, Version: c.Version, Worker: by.Worker}})
		return nil
	})
	if err != nil {
		return Taken{}, err
	}
	d.desk.Step(StepShown)
	out.Claim.Document, out.Claim.Shown = out.Document, d.desk.TimeNow()
	return out, nil
}

// Release gives a claimed case back to its queue.
func (d *Room) Release(ctx context.Context, by kernel.Caller, id string, number int64) (cases.Case, error) {
	return d.write(ctx, by, "release a case", id, number, func(t *kernel.Tx, c cases.Case, _ *cases.QueueSet) (cases.Case, string, error) {
		return c.To(cases.Waiting, t.Now()), "released", nil
	})
}

// Extend moves the end of the caller's claim, and counts seconds of activity since the last
// time.
func (d *Room) Extend(ctx context.Context, by kernel.Caller, id string, number, active int64) (out cases.Case, err error) {
	if active < 0 || active > 3600 {
		return out, fault.New(fault.Invalid, "bad-parameter", "The seconds of activity are 0 to 3600.")
	}
	err = d.desk.Change(ctx, by, "extend a claim", func(s *proof.State) (func(*kernel.Tx) error, error) {
		st, _, queues, err := d.atWork(ctx, s, by)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			c, err := d.mine(t, s, st, by, id, number)
			if err != nil {
				return err
			}
			lease := time.Duration(cases.UsualLease) * time.Minute
			if q, _, ok := queues.Queue(c.Queue); ok {
				lease = q.Lease()
			}
			c.Until = canonical.At(t.Now().Add(lease))
			c.Updated = t.Now()
			t.SaveCase(c)
			t.ExtendClaim(id, number, c.Until, active)
			out = c
			return d.works(t, by.Worker)
		}, nil
	})
	return d.namedFor(by, out), err
}

// KeepDraft keeps what the caller has written on a case and not handed in; empty: nothing is
// kept any more. It needs no live claim, so that nothing is lost when a lease ends;
// but the caller had a claim of the case, since the next holder reads the draft.
func (d *Room) KeepDraft(ctx context.Context, by kernel.Caller, id string, body []byte) error {
	if len(body) > 64<<10 {
		return fault.New(fault.TooLarge, "too-large", "A draft has at most 64 KiB.")
	}
	return d.desk.Change(ctx, by, "keep a draft", func(s *proof.State) (func(*kernel.Tx) error, error) {
		st, _, _, err := d.atWork(ctx, s, by)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			c, err := t.Case(id)
			if err != nil {
				return err
			}
			if !d.worksOn(s, st, c) && c.Holder != by.Worker {
				return store.NoCase(id)
			}
			// The next holder reads what is kept here.
			had, err := t.HadClaim(id, by.Worker)
			if err != nil {
				return err
			}
			if !had {
				return fault.New(fault.Conflict, "claim-ended", "The case %s was never with you. Drafts are of those who work on it: take a case with `countersign case next`.", id)
			}
			if err := d.barred(t, by.Worker, c); err != nil {
				return err
			}
			t.KeepDraft(store.CaseDraft{Case: id, Worker: by.Worker, Body: body, Updated: t.Now()})
			return nil
		}, nil
	})
}

// mine returns a case, locked, that the caller holds under a claim.
func (d *Room) mine(t *kernel.Tx, s *proof.State, st workforce.Standing, by kernel.Caller, id string, number int64) (cases.Case, error) {
	c, err := t.CaseLocked(id)
	if err != nil {
		return c, err
	}
	if !d.worksOn(s, st, c) && c.Holder != by.Worker {
		return c, store.NoCase(id)
	}
	return c, c.HeldBy(by.Worker, number, t.Now().Time, who(s, st))
}

// write makes a move of a case that the caller holds. move returns the case after it and the
// name of the move; it ends the claim unless the case is still claimed.
func (d *Room) write(ctx context.Context, by kernel.Caller, what, id string, number int64, move func(*kernel.Tx, cases.Case, *cases.QueueSet) (cases.Case, string, error)) (out cases.Case, err error) {
	err = d.desk.Change(ctx, by, what, func(s *proof.State) (func(*kernel.Tx) error, error) {
		st, _, queues, err := d.atWork(ctx, s, by)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			c, err := d.mine(t, s, st, by, id, number)
			if err != nil {
				return err
			}
			next, name, err := move(t, c, queues)
			if err != nil {
				return err
			}
			d.moved(t, by.Worker, next, name, nil)
			out = next
			return nil
		}, nil
	})
	return d.namedFor(by, out), err
}

// moved stores a case after a move, with its row of history, and ends its claim unless it is
// still claimed.
func (d *Room) moved(t *kernel.Tx, by workforce.WorkerID, c cases.Case, name string, detail any) {
	if c.State != cases.Claimed {
		t.EndClaim(c.ID, c.Claim, t.Now(), name)
	}
	t.SaveCase(c)
	m := store.Move{Case: c.ID, Version: c.Version, Move: name, Worker: by, Time: t.Now()}
	if detail != nil {
		m.Detail = canonical.MustMarshal(detail)
	}
	t.InsertMove(m)
	t.Signal(caseSignal(c.ID))
}

// Sweep puts cases where a newer queue set or a lead's order puts them, and does what ends does. It may
// run at any time, on every node.
func (d *Room) Sweep(ctx context.Context) error {
	return errors.Join(d.placeAnew(ctx), d.ends(ctx)) // an error there keeps nobody's claim from ending
}

// ends returns cases to their queues whose claim or snooze is over, and those whose holder may not work
// any more.
func (d *Room) ends(ctx context.Context) error {
	for {
		var ids []string
		var more bool
		if err := d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
			const page = 200
			ids, err = stx.EndingCases(d.desk.TimeNow(), page)
			more = len(ids) >= page
			return err
		}); err != nil {
			return err
		}
		stopped, err := d.stopped(ctx)
		if err != nil {
			return err
		}
		for _, id := range append(ids, stopped...) {
			if err := d.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
				return func(t *kernel.Tx) error {
					c, err := t.CaseLocked(id)
					if err != nil {
						return err
					}
					over := !t.Now().Before(c.Until.Time)
					left := false
					if c.State == cases.Claimed {
						if left, err = t.LeftClaim(c.ID, c.Claim, t.Now()); err != nil {
							return err
						}
					}
					switch {
					case c.State == cases.Claimed && over:
						// Leases that end are no moves: the claim's own row says so.
						t.EndClaim(c.ID, c.Claim, t.Now(), "lease-over")
						c = c.To(cases.Waiting, t.Now())
						t.SaveCase(c)
						t.Signal(caseSignal(c.ID))
					case c.State == cases.Claimed && d.cannotWork(s, c.Holder, t.Now().Time) != "":
						d.moved(t, "", c.To(cases.Waiting, t.Now()), "holder-stopped", nil)
					case left:
						d.moved(t, "", c.To(cases.Waiting, t.Now()), "signed-out", nil)
					case c.State == cases.Snoozed && over:
						d.moved(t, "", c.To(cases.Waiting, t.Now()), "snooze-over", nil)
					case c.State == cases.Asked && over:
						next := c.To(cases.Waiting, t.Now())
						if _, err := d.resumed(t, &next); err != nil {
							return err
						}
						d.moved(t, "", next, "unanswered", nil)
					case c.State == cases.Waiting && c.Turn != "" && (over || d.cannotWork(s, c.Turn, t.Now().Time) != ""):
						next := c.To(cases.Waiting, t.Now())
						next.Turn = ""
						d.moved(t, "", next, "turn-over", map[string]string{"worker": string(c.Turn)})
					}
					return nil
				}, nil
			}); err != nil {
				return err
			}
		}
		if !more {
			return errors.Join(d.sweepReservations(ctx), d.sweepClocks(ctx))
		}
	}
}

// stopped returns the claimed cases, and those that come back to somebody, whose person's
// engagement has ended, or whose acts are frozen.
func (d *Room) stopped(ctx context.Context) (ids []string, err error) {
	s, err := d.desk.State(ctx)
	if err != nil {
		return nil, err
	}
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		if ids, err = stx.LeftClaims(d.desk.TimeNow(), 500); err != nil {
			return err
		}
		turns, err := stx.Turns(500)
		if err != nil {
			return err
		}
		for _, c := range turns {
			if d.cannotWork(s, c.Turn, d.desk.Now()) != "" {
				ids = append(ids, c.ID)
			}
		}
		for after := ""; ; {
			page, err := stx.HeldCases(after, 500)
			for _, c := range page {
				after = c.ID
				if d.cannotWork(s, c.Holder, d.desk.Now()) != "" {
					ids = append(ids, c.ID)
				}
			}
			if err != nil || len(page) < 500 {
				return err
			}
		}
	})
	return ids, err
}

func caseSignal(id string) string { return "case " + id }

// upper returns words with a capital letter in front.
func upper(words string) string { return strings.ToUpper(words[:1]) + words[1:] }

// openingID names the document of an opening: of a claim of a case, at a version of it.
func openingID(caseID string, number, version int64) string {
	return caseID + "." + strconv.FormatInt(number, 10) + "." + strconv.FormatInt(version, 10)
}
