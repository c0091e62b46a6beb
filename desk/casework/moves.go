package casework

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/prose"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// DeedPrefix is that of the identifiers of deeds on cases.
const DeedPrefix = "dee"

// hand is one deed on a case while it is judged and done.
type hand struct {
	room   *Room
	s      *proof.State
	st     workforce.Standing
	rules  *cases.RuleSet
	queues *cases.QueueSet
	by     kernel.Caller
	claim  int64
	deed   actions.SaltedDeed
	order  cases.Order
	sealed ledger.Opening
	id     string // of the deed's document
	spent  vendorSpent
	crowd  bool   // of a merge: it would bar more than half of those eligible
	made   string // the case that took the reports of a split
	look   string // that the deed ended
	deedOf string // the case of a deed that is of something else; empty: the deed is of its case
}

// Do does a signed deed on a case, under the caller's claim or, where none is needed, under 0.
// text is the order that the deed commits to. The same deed again changes nothing, and gets
// the case as it is now.
func (d *Room) Do(ctx context.Context, by kernel.Caller, caseID string, claim int64, deed actions.SaltedDeed, text string) (cases.Case, error) {
	var out cases.Case
	kind := deed.Deed.What
	err := d.desk.Change(ctx, by, string(kind), func(s *proof.State) (func(*kernel.Tx) error, error) {
		if known, ok, err := d.done(ctx, by, deed); err != nil || ok {
			out = known
			return func(*kernel.Tx) error { return nil }, err
		}
		if kind == actions.DeedTakeBack {
			return nil, fault.New(fault.Invalid, "bad-deed", "%s takes back a decision, and is handed in with what lifts its measures: `countersign case undo DECISION`.", kind)
		}
		h, err := d.take1(ctx, s, by, caseID, claim, deed, text)
		if err != nil {
			return nil, err
		}
		if kind == actions.DeedMerge {
			if h.crowd, err = d.crowds(ctx, s, caseID, h.order.Into); err != nil {
				return nil, err
			}
		}
		return func(t *kernel.Tx) (err error) {
			if _, done, err := t.CaseDeed(deed.Deed.Digest()); err != nil || done {
				if err == nil {
					out, err = t.Case(caseID)
				}
				return err
			}
			h.id = d.desk.IDs.New(DeedPrefix)
			out, err = h.do(t, caseID)
			return err
		}, nil
	})
	return d.namedFor(by, out), err
}

// done returns the case on which exactly this deed was done before, by the caller.
func (d *Room) done(ctx context.Context, by kernel.Caller, deed actions.SaltedDeed) (c cases.Case, ok bool, err error) {
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		known, found, err := stx.CaseDeed(deed.Deed.Digest())
		if err != nil || !found || known.Worker != by.Worker || known.Signed != canonical.DigestOf(deed.SignedDeed()) {
			return err
		}
		ok = true
		c, err = stx.Case(known.Case)
		return err
	})
	return c, ok, err
}

// take1 checks a deed on a case by itself: that it is the caller's own, signed lately, of this
// case, and fits its order.
func (d *Room) take1(ctx context.Context, s *proof.State, by kernel.Caller, of string, claim int64, deed actions.SaltedDeed, text string) (*hand, error) {
	h := &hand{room: d, s: s, by: by, claim: claim, deed: deed}
	var err error
	if h.st, h.rules, h.queues, err = d.atWork(ctx, s, by); err != nil {
		return nil, err
	}
	if err := d.desk.HandedIn(by, deed.Signed); err != nil {
		return nil, err
	}
	if h.order, err = cases.ParseOrder(text); err != nil {
		return nil, err
	}
	if err := h.order.Check(deed.Deed.What); err != nil {
		return nil, err
	}
	if h.order.Note != "" {
		if err := prose.Check("The note", h.order.Note); err != nil {
			return nil, err
		}
	}
	if h.order.Reference != "" {
		if err := prose.Check("The reference", h.order.Reference); err != nil {
			return nil, err
		}
	}
	h.sealed = proof.Sealing(deed.Deed.What, text, deed.Salt)
	commitment, err := h.sealed.Commitment()
	if err != nil || deed.Deed.Text != commitment || deed.Deed.Of != of || deed.Deed.To != "" {
		return nil, fault.New(fault.Forbidden, "bad-deed", "The deed that %s signed is not the one that is handed in here.", by.Worker)
	}
	if err := d.desk.MayDo(ctx, s, deed.SignedDeed()); err != nil {
		return nil, err
	}
	h.spent, err = d.vendorSpent(ctx, s, h.st.Vendor)
	return h, err
}

// do does the deed in its transaction, and returns its case after it.
func (h *hand) do(t *kernel.Tx, caseID string) (cases.Case, error) {
	kind := h.deed.Deed.What
	switch kind {
	case actions.DeedMerge:
		return h.merge(t, caseID)
	case actions.DeedSplit:
		return h.split(t, caseID)
	}
	c, err := t.CaseLocked(caseID)
	if err != nil {
		return c, err
	}
	if kind == actions.DeedNote {
		return h.note(t, c)
	}
	if kind == actions.DeedMove {
		return h.move(t, c)
	}
	if err := h.holds(t, c); err != nil {
		return c, err
	}
	now := t.Now()
	var next cases.Case
	detail := map[string]any{"deed": h.id}
	name := ""
	switch kind {
	case actions.DeedSnooze:
		next, err = c.Snooze(h.order.Until, now)
		name, detail["until"] = "snoozed", h.order.Until
	case actions.DeedSkip:
		var first bool
		if first, err = t.Skip(c.ID, h.by.Worker, now); err != nil {
			return c, err
		}
		next, name = c.Skip(first, now), "skipped"
	case actions.DeedAsk:
		if h.order.Role == cases.AskSpecialist {
			if why := h.room.noSpecialist(h.s, c, h.by.Worker); why != "" {
				return c, fault.New(fault.Conflict, "no-specialist", "The question would reach nobody. %s Until then a lead decides what to do: `countersign case escalate %s --question TEXT`.", why, c.ID)
			}
		}
		next, name = c.Ask(h.order, now), "asked"
		detail["whom"] = next.Escalate
		if !c.Grave() { // the promise of the most severe cases waits for nobody
			t.PauseClock(c.ID, store.PromiseClock, now)
		}
	case actions.DeedEscalate:
		next, name = c.ToLead(h.order.Note, now), "escalated"
	case actions.DeedRefer:
		if next, err = h.refer(t, c); err != nil {
			return c, err
		}
		name, detail["referral"] = "referred", h.order.Referral
	case actions.DeedLanguage:
		next, err = h.language(t, c)
		name, detail["language"], detail["was"] = "language", h.order.Language, c.Language
	}
	if err != nil {
		return c, err
	}
	if cases.Buries(kind) || kind == actions.DeedLanguage && next.Queue != c.Queue {
		if err := h.bury(t, string(kind), c.ID); err != nil {
			return c, err
		}
	}
	h.room.moved(t, h.by.Worker, next, name, detail)
	h.record(t, next)
	return next, nil
}

// holds refuses a deed of somebody who does not hold the case under the claim, who saw another
// version, or whose own affair it is. Who finds out while holding a case that it is their own
// affair may still skip it, release it and hand it to a lead.
func (h *hand) holds(t *kernel.Tx, c cases.Case) error {
	d := h.room
	if !d.worksOn(h.s, h.st, c) && c.Holder != h.by.Worker {
		return store.NoCase(c.ID)
	}
	if err := c.HeldBy(h.by.Worker, h.claim, t.Now().Time, who(h.s, h.st)); err != nil {
		return err
	}
	if err := c.Moved(h.deed.Deed.Version); err != nil {
		return err
	}
	if k := h.deed.Deed.What; k == actions.DeedSkip || k == actions.DeedEscalate {
		return nil
	}
	return d.barred(t, h.by.Worker, c)
}

// record notes the deed: its row, and its document in the rolls.
func (h *hand) record(t *kernel.Tx, c cases.Case) {
	t.InsertCaseDeed(store.CaseDeed{Digest: h.deed.Deed.Digest(), ID: h.id, Case: cmp.Or(h.deedOf, h.deed.Deed.Of), What: string(h.deed.Deed.What), Worker: h.by.Worker,
		Signed: canonical.DigestOf(h.deed.SignedDeed()), Version: c.Version, Time: t.Now()})
	h.recordDocument(t, c)
}

// recordDocument notes the deed's document alone.
func (h *hand) recordDocument(t *kernel.Tx, c cases.Case) {
	t.Record(ledger.DocumentDraft{Sort: ledger.DeedDocument, ID: h.id, Data: cases.DeedData{Case: c.ID, Claim: h.claim, Deed: h.deed.SignedDeed(), Look: h.look, Made: h.made, Version: c.Version},
		Sealed: []ledger.Opening{h.sealed}})
}

// note adds a note to a case. It needs no claim and is no move, so that nobody's decision is
// refused because somebody else wrote a note.
func (h *hand) note(t *kernel.Tx, c cases.Case) (cases.Case, error) {
	d := h.room
	switch {
	case !d.reads(h.s, h.st, h.by.Worker, c):
		return c, store.NoCase(c.ID)
	case h.deed.Deed.Version > c.Version || h.deed.Deed.Version < 1:
		return c, c.Moved(h.deed.Deed.Version)
	}
	if err := d.barred(t, h.by.Worker, c); err != nil {
		return c, err
	}
	if err := t.AddNote(store.CaseNote{Case: c.ID, Worker: h.by.Worker, Public: h.order.Public, Text: h.order.Note, Time: t.Now(), Deed: h.id}); err != nil {
		return c, err
	}
	h.record(t, c)
	t.Signal(caseSignal(c.ID))
	return c, nil
}

// move puts a case into another queue. It is for leads, who need no claim: so a lead also
// takes a case from somebody who is away.
func (h *hand) move(t *kernel.Tx, c cases.Case) (cases.Case, error) {
	d := h.room
	if !d.worksOn(h.s, h.st, c) {
		return c, store.NoCase(c.ID)
	}
	if !h.st.Has(workforce.Lead) {
		return c, fault.New(fault.Forbidden, "lead-needed", "A lead moves cases between queues. Escalate the case to one, and say which queue it belongs to.")
	}
	q, _, ok := h.queues.Queue(h.order.Queue)
	if !ok || !d.mayWorkQueue(h.s, h.st, q) {
		return c, noQueue(h.order.Queue)
	}
	if err := c.Moved(h.deed.Deed.Version); err != nil {
		return c, err
	}
	if err := d.barred(t, h.by.Worker, c); err != nil {
		return c, err
	}
	next, err := c.MoveTo(q, t.Now())
	if err != nil {
		return c, err
	}
	if c.State == cases.Asked {
		if _, err := d.resumed(t, &next); err != nil {
			return c, err
		}
	}
	if err := h.bury(t, string(actions.DeedMove), c.ID); err != nil {
		return c, err
	}
	t.MoveClock(c.ID, store.PromiseClock, next.Due)
	d.moved(t, h.by.Worker, next, "moved", map[string]any{"deed": h.id, "from": c.Queue, "to": q.Name})
	h.record(t, next)
	return next, nil
}

// language corrects the language of a case's content. If that changes its queue to one in
// which the caller does not work, the case waits there for somebody who does.
func (h *hand) language(t *kernel.Tx, c cases.Case) (cases.Case, error) {
	if c.Language == h.order.Language {
		return c, fault.New(fault.Conflict, "wrong-state", "The language of the case %s is %s already.", c.ID, c.Language)
	}
	next := c
	next.Language, next.LanguageTold = h.order.Language, true
	next = next.Placed(h.queues, h.s.Queues.Digest)
	t.MoveClock(c.ID, store.PromiseClock, next.Due)
	if next.Queue != c.Queue && !h.room.worksOn(h.s, h.st, next) {
		return next.To(cases.Waiting, t.Now()), nil
	}
	next.Version++
	next.Updated = t.Now()
	return next, nil
}

// refer notes that a case was referred to somebody outside. The holder goes on judging it.
func (h *hand) refer(t *kernel.Tx, c cases.Case) (cases.Case, error) {
	if err := c.Refers(); err != nil {
		return c, err
	}
	to, ok := h.rules.Referral(h.order.Referral)
	switch {
	case !ok:
		return c, fault.New(fault.NotFound, "no-such-referral", "The rule set names no referral %q. Those that it names: `countersign rule list`.", h.order.Referral)
	case !h.order.Until.After(t.Now().Time):
		return c, fault.New(fault.Invalid, "bad-deed", "The platform preserves until a time that is still to come; %s is over.", h.order.Until)
	}
	next := c
	next.Version++
	next.Updated = t.Now()
	t.InsertReferral(store.Referral{ID: h.id, Case: c.ID, Referral: to.ID, Name: to.Name, Address: to.To, Until: h.order.Until, Worker: h.by.Worker, Time: t.Now()})
	t.StartClock(store.Clock{Case: c.ID, Kind: store.ReferralClock, Started: t.Now(), Due: h.order.Until})
	t.Enter(entry.KindReferral, entry.Referral{Case: c.ID, Deed: h.deed.SignedDeed(), Referral: to.ID, Rules: h.s.Rules.Digest, Until: h.order.Until, Worker: h.by.Worker}, h.sealed).About(c.ID)
	return next, nil
}

// merge puts the reports of a younger case into an older one. The caller holds one of the two,
// and nobody else holds the younger one.
func (h *hand) merge(t *kernel.Tx, caseID string) (cases.Case, error) {
	d := h.room
	both, err := t.CasesLocked(caseID, h.order.Into)
	if err != nil {
		return cases.Case{}, err
	}
	young, old := both[0], both[1]
	for _, c := range both {
		if !d.worksOn(h.s, h.st, c) && c.Holder != h.by.Worker {
			return young, store.NoCase(c.ID)
		}
	}
	for _, c := range both {
		if c.Look != "" {
			return h.endLook(t, young, old)
		}
	}
	now := t.Now()
	mine := func(c cases.Case) bool {
		return c.HeldBy(h.by.Worker, h.claim, now.Time, who(h.s, h.st)) == nil
	}
	switch {
	case mine(young):
	case !mine(old):
		return young, young.HeldBy(h.by.Worker, h.claim, now.Time, who(h.s, h.st))
	case young.State == cases.Claimed && young.Holder != h.by.Worker && now.Before(young.Until.Time):
		return young, fault.New(fault.Conflict, "case-taken", "%s holds the case %s until %s.", upper(who(h.s, h.st)(young.Holder)), young.ID, young.Until)
	}
	if err := young.Moved(h.deed.Deed.Version); err != nil {
		return young, err
	}
	if err := young.Younger(old); err != nil {
		return young, err
	}
	merged, joined, err := young.Join(old, 0, now)
	if err != nil {
		return young, err
	}
	if h.order.Note == "" && !young.SameAccount(old) {
		return young, fault.New(fault.Invalid, "reason-needed", "The cases %s and %s are about different accounts, as far as is known. Say why they are judged together, with --reason.", young.ID, old.ID)
	}
	for _, c := range both {
		if err := d.barred(t, h.by.Worker, c); err != nil {
			return young, err
		}
	}
	if h.crowd {
		if err := h.otherLine(t, young, old); err != nil {
			return young, err
		}
	}
	if err := h.bury(t, string(actions.DeedMerge), young.ID); err != nil {
		return young, err
	}
	if joined, err = d.join(t, h.queues, young, old, merged, joined); err != nil {
		return young, err
	}
	detail := map[string]any{"deed": h.id, "from": young.ID, "into": old.ID}
	d.moved(t, h.by.Worker, merged, "merged", detail)
	d.moved(t, h.by.Worker, joined, "joined", detail)
	h.record(t, merged)
	return merged, nil
}

// join moves all that a younger case has into an older one. Both are locked. It returns the
// older one after that; the caller stores both.
func (d *Room) join(t *kernel.Tx, queues *cases.QueueSet, young, old, merged, joined cases.Case) (cases.Case, error) {
	fresh, err := t.MoveReporters(young.ID, old.ID)
	if err != nil {
		return joined, err
	}
	if _, err := t.MoveReports(young.ID, old.ID, nil); err != nil {
		return joined, err
	}
	if _, err := t.MoveEvidence(young.ID, old.ID, nil); err != nil {
		return joined, err
	}
	joined.Reporters += fresh
	joined = joined.Placed(queues, t.State.Queues.Digest)
	t.MoveDrafts(young.ID, old.ID)
	t.EndClock(young.ID, store.PromiseClock, t.Now())
	if young.ChildSafety() {
		if _, err := t.PassClocks(young.ID, old.ID, store.MediaClock); err != nil {
			return joined, err
		}
		t.EndClock(young.ID, store.MediaClock, t.Now())
		if err := t.PassPreservations(young.ID, old.ID); err != nil {
			return joined, err
		}
		if err := d.preserve(t, old.ID, old.Subject); err != nil {
			return joined, err
		}
	}
	if joined.ChildSafety() {
		t.StopMedia(old.ID)
	}
	t.EndProposal(young.ID, t.Now())
	t.MoveClock(old.ID, store.PromiseClock, joined.Due)
	return d.unbarred(t, joined)
}

// unbarred takes a claimed case from its holder if what joined it makes it the holder's own
// affair.
func (d *Room) unbarred(t *kernel.Tx, c cases.Case) (cases.Case, error) {
	if c.State != cases.Claimed {
		return c, nil
	}
	err := d.barred(t, c.Holder, c)
	if fault.Is(err, "own-affair") {
		version := c.Version
		c = c.To(cases.Waiting, t.Now())
		c.Version = version // one move, one version
		err = nil
	}
	return c, err
}

// crowds reports whether a merge would bar more than half of those who may work on the older
// case: since they reported in the younger one, or since its subject is theirs.
func (d *Room) crowds(ctx context.Context, s *proof.State, young, old string) (crowd bool, err error) {
	var a, b cases.Case
	var inYoung, inOld []workforce.WorkerID
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		if a, err = stx.Case(young); err != nil {
			return err
		}
		if b, err = stx.Case(old); err != nil {
			return err
		}
		if inYoung, err = d.concerned(stx, a); err != nil || len(inYoung) == 0 {
			return err
		}
		inOld, err = d.concerned(stx, b)
		return err
	}); err != nil || len(inYoung) == 0 {
		return false, err
	}
	eligible, barred := 0, 0
	for _, w := range s.People.Sorted() {
		st := s.People.Standing(w.Worker, d.desk.Now())
		if !st.Engaged || !d.worksOn(s, st, b) || slices.Contains(inOld, w.Worker) {
			continue
		}
		eligible++
		if slices.Contains(inYoung, w.Worker) {
			barred++
		}
	}
	return 2*barred > eligible, nil
}

// concerned returns the workers whose own affair a case is, as far as they declared it.
func (d *Room) concerned(stx *store.Tx, c cases.Case) ([]workforce.WorkerID, error) {
	all, err := stx.ReportersOf(c.ID)
	if err != nil {
		return nil, err
	}
	own := []string{cases.OwnDigest(d.secret, c.Subject.Platform, c.Subject.ID)}
	if c.Owner != "" {
		own = append(own, cases.OwnDigest(d.secret, c.Subject.Platform, c.Owner))
	}
	owners, err := stx.OwnersOf(own)
	all = append(all, owners...)
	if c.By != "" {
		all = append(all, c.By)
	}
	return all, err
}

// otherLine refuses a merge that bars many, unless the caller is a lead who is independent of
// everybody who held one of the cases: such a merge could choose the judge.
func (h *hand) otherLine(t *kernel.Tx, both ...cases.Case) error {
	no := func(why string) error {
		return fault.New(fault.Forbidden, "other-lead-needed", "This merge would bar more than half of those who may judge the case %s. A lead of another line makes it: %s. Escalate the case.", both[1].ID, why)
	}
	if !h.st.Has(workforce.Lead) {
		return no("you are no lead")
	}
	for _, c := range both {
		claims, err := t.Claims(c.ID)
		if err != nil {
			return err
		}
		for _, claim := range claims {
			if claim.Worker == h.by.Worker {
				continue
			}
			if why := dependence(h.s.People.Dependence(h.by.Worker, claim.Worker, t.Now().Time), h.s, h.st, claim.Worker); why != "" {
				return no(why)
			}
		}
	}
	return nil
}

// split moves named reports out of a case. A subject has one open case of a sort, so a split
// makes no second case of the same subject: the reports go to the open case of the subject that
// the order names or, if it names none, to that of the subject which they name themselves; if
// that has no open case, one is opened. So a wrong merge is taken apart again, and a report of
// the wrong post goes where it belongs. A merged case is not opened again: its history is over.
func (h *hand) split(t *kernel.Tx, caseID string) (cases.Case, error) {
	d := h.room
	// Where they go is looked up before anything is locked, and checked under the lock.
	rows, err := t.ReportsIn(caseID, h.order.Reports)
	if err != nil {
		return cases.Case{}, err
	}
	seen, err := t.Case(caseID)
	if err != nil {
		return seen, err
	}
	if seen.Look != "" {
		return h.splitLook(t, seen.ID)
	}
	to, err := h.splitTo(seen, rows)
	if err != nil {
		return seen, err
	}
	target, err := t.OpenCaseID(to.Platform, to.ID, seen.Sort)
	if err != nil {
		return seen, err
	}
	ids := []string{caseID}
	if target != "" {
		ids = append(ids, target)
	}
	locked, err := t.CasesLocked(ids...)
	if err != nil {
		return seen, err
	}
	c := locked[0]
	if err := h.holds(t, c); err != nil {
		return c, err
	}
	now := t.Now()
	next := cases.Case{ID: d.desk.IDs.New(cases.CasePrefix), Version: 0, State: cases.Waiting, Sort: c.Sort, Subject: to, Opened: now, Started: now, Reasons: []cases.Reason{}, Sources: []string{}}
	if target != "" {
		next = locked[1]
		switch {
		case !next.State.Open() || next.Subject.ID != to.ID:
			return c, fmt.Errorf("the case %s is open no longer: %w", target, store.ErrAgain)
		case next.State == cases.Held:
			return c, fault.New(fault.Conflict, "case-held", "A measure on %s, to whose case the reports would go, waits for signatures. Split once it is decided.", to)
		}
	}
	if err := d.barred(t, h.by.Worker, next); fault.Is(err, "own-affair") {
		return c, fault.New(fault.Forbidden, "own-affair", "You may not move reports to the case of %s: it is your own affair. Somebody else does it.", to)
	} else if err != nil {
		return c, err
	}
	if int64(len(rows)) != int64(len(h.order.Reports)) {
		return c, fault.New(fault.NotFound, "no-such-report", "%d of the reports that are named are not in the case %s.", len(h.order.Reports)-len(rows), c.ID)
	}
	if err := h.bury(t, string(actions.DeedSplit), c.ID); err != nil {
		return c, err
	}
	if target == "" { // before the reports, which refer to it
		for _, r := range rows {
			if r.Received.Before(next.Opened.Time) {
				next.Opened, next.Started = r.Received, r.Received // the promise to the reporters does not begin anew
			}
		}
		next.Updated = now
		next.Severity, next.Language = cases.Low, cases.Undetermined
		next = next.Placed(h.queues, h.s.Queues.Digest)
		placed := next
		placed.Version = 1
		t.InsertCase(placed)
	}
	before := next.ChildSafety()
	if _, err := t.MoveReports(c.ID, next.ID, h.order.Reports); err != nil {
		return c, err
	}
	if _, err := t.MoveEvidence(c.ID, next.ID, h.order.Reports); err != nil {
		return c, err
	}
	for _, r := range rows {
		first, err := t.CountReporter(next.ID, r.Reporter)
		if err != nil {
			return c, err
		}
		next = next.With(r.Reason, r.Severity, r.Source, r.Language, first)
	}
	counts, err := t.Recount(c.ID)
	if err != nil {
		return c, err
	}
	if counts.Reports == 0 {
		return c, fault.New(fault.Conflict, "case-empty", "No report would be left in the case %s. Decide it, or merge it.", c.ID)
	}
	// What evidence, and no report, made severe stays so on both sides.
	left := c.Counted(counts)
	if left.Severity.Rank() < c.Severity.Rank() && !slices.ContainsFunc(rows, func(r store.Report) bool { return r.Severity == c.Severity }) {
		left, next = left.Worse(c.Severity), next.Worse(c.Severity)
	}
	left = left.Placed(h.queues, h.s.Queues.Digest)
	next.Version++
	next.Updated = now
	next = next.Woken().Placed(h.queues, h.s.Queues.Digest)
	if target != "" {
		if err := d.graver(t, locked[1], next); err != nil {
			return c, err
		}
	}
	if next, err = d.unbarred(t, next); err != nil {
		return c, err
	}
	left.Version++
	left.Updated = now
	if target == "" {
		t.StartClock(store.Clock{Case: next.ID, Kind: store.PromiseClock, Started: next.Opened, Due: next.Due})
	} else {
		t.MoveClock(next.ID, store.PromiseClock, next.Due)
	}
	t.MoveClock(left.ID, store.PromiseClock, left.Due)
	if slices.ContainsFunc(rows, func(r store.Report) bool { return r.Reason.ChildSafety() }) {
		if err := h.splitMedia(t, left, next, before); err != nil {
			return c, err
		}
	}
	detail := map[string]any{"deed": h.id, "from": c.ID, "into": next.ID, "reports": len(rows)}
	d.moved(t, h.by.Worker, left, "split", detail)
	d.moved(t, h.by.Worker, next, "split-off", detail)
	h.made = next.ID
	h.record(t, left)
	return left, nil
}

// splitMedia gives the case that takes reports of child safety from another one the clock that
// runs there; if a specialist has said there what becomes of the media, that was of another
// subject, and the clock starts anew. before says that the case had such reports of its own.
func (h *hand) splitMedia(t *kernel.Tx, left, next cases.Case, before bool) error {
	t.StopMedia(next.ID)
	if err := h.room.preserve(t, next.ID, next.Subject); err != nil {
		return err
	}
	running, err := t.PassClocks(left.ID, next.ID, store.MediaClock)
	if err != nil {
		return err
	}
	if running == 0 && !before {
		t.StartClock(mediaClock(next.ID, t.Now()))
	}
	if !left.ChildSafety() {
		t.EndClock(left.ID, store.MediaClock, t.Now())
	}
	return nil
}

// splitTo returns the subject to whose case the reports of a split go.
func (h *hand) splitTo(c cases.Case, rows []store.Report) (platform.Subject, error) {
	if len(rows) == 0 {
		return c.Subject, fault.New(fault.NotFound, "no-such-report", "None of the reports that are named is in the case %s.", c.ID)
	}
	to := platform.Subject{Platform: rows[0].Platform, ID: rows[0].Subject}
	if h.order.Subject != "" {
		var err error
		if to, err = platform.ParseSubject(h.order.Subject); err != nil {
			return to, err
		}
	}
	own := platform.Subject{Platform: c.Subject.Platform, ID: c.Subject.ID}
	switch {
	case to.Platform != own.Platform:
		return to, fault.New(fault.Conflict, "cases-differ", "The case %s is about %s; its reports do not go to another platform.", c.ID, own)
	case to == own:
		return to, fault.New(fault.Conflict, "wrong-state", "These reports are about %s, as the case %s is. A subject has one open case: name the subject that they belong to.", own, c.ID)
	}
	for _, r := range rows {
		names := platform.Subject{Platform: r.Platform, ID: r.Subject}
		switch {
		case names == to:
		case h.order.Subject == "":
			return to, fault.New(fault.Invalid, "bad-deed", "The reports name different subjects, %s and %s. Split them one subject at a time.", to, names)
		case r.Severity == cases.Highest:
			return to, fault.New(fault.Forbidden, "grave-case", "The report %s is of the highest severity. It stays with the subject that it names.", r.ID)
		}
	}
	return to, nil
}
