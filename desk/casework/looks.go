package casework

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// This file serves copies of decided cases, which somebody judges again without knowing that (law 14):
// a copy goes the ways of every case, and shows what the first claim showed, and nothing newer. What
// decides which cases are judged again, and what follows, is in package looks.

// Looks is the room of second looks, as far as this room asks it.
type Looks interface {
	// Draw decides in the change of a decision whether it is judged again.
	Draw(t *kernel.Tx, c cases.Case, d store.CaseDecision, vendor workforce.VendorID) error
	// Bars reports whether somebody may not judge a copy: they know the case, or are not independent of
	// whoever decided it.
	Bars(t *kernel.Tx, w workforce.WorkerID, copied cases.Case) (bool, error)
	// Judged takes the verdict on a copy.
	Judged(t *kernel.Tx, v store.LookVerdict) error
	// Again has a look judged by somebody else: whoever had its copy moved that away.
	Again(t *kernel.Tx, look string, w workforce.WorkerID) error
}

// Serve says which room draws and takes second verdicts. It is called once, before the desk is used.
func (d *Room) Serve(l Looks) { d.looks = l }

// LookView is what a copy shows besides what stands in rows of its own.
type LookView struct {
	// Readings are of the subject and of the account that owns it, by identifier, as they were.
	Readings map[string]linkv1.Reading `json:"readings"`
	// Reports are the reports for which those of the copy stand, by the identifiers that the copy
	// gives them.
	Reports map[string]string `json:"reports"`
	Shown   cases.Shown       `json:"shown"` // with the copy's identifiers and times
}

// SealOf authenticates the view of a copy.
func (v LookView) SealOf(secret []byte) canonical.Digest {
	return cases.SealLook(cases.LookSecret(secret), canonical.MustMarshal(v))
}

// view returns what a copy shows. A view that was edited in the database is refused.
func (d *Room) view(stx *store.Tx, c cases.Case) (v LookView, err error) {
	body, seal, err := stx.LookView(c.ID)
	if err != nil {
		return v, err
	}
	if err := canonical.UnmarshalExact(body, &v); err != nil || v.SealOf(d.secret) != seal {
		return v, fault.New(fault.Conflict, "ledger-tampered", "What the case %s shows is not what the desk put there: somebody edited the database.", c.ID)
	}
	return v, nil
}

// shownOfCopy completes the document of a copy.
func (d *Room) shownOfCopy(stx *store.Tx, c cases.Case, out cases.Shown) (cases.Shown, error) {
	v, err := d.view(stx, c)
	if err != nil {
		return out, err
	}
	out.Counts, out.Reports, out.Strikes, out.Decisions = v.Shown.Counts, v.Shown.Reports, v.Shown.Strikes, v.Shown.Decisions
	if out.Evidence, err = shownEvidence(stx, c.ID); err != nil {
		return out, err
	}
	out.Seen, err = stx.SeenState(c.ID)
	return out, err
}

// asShown returns a context in which the subject of a copy, and the account that owns it, are read as
// they were when the case was decided first. For every other case it is ctx.
func (d *Room) asShown(ctx context.Context, c cases.Case) (context.Context, error) {
	if c.Look == "" {
		return ctx, nil
	}
	var v LookView
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
		v, err = d.view(stx, c)
		return err
	}); err != nil {
		return ctx, err
	}
	return kernel.AsKept(ctx, func(of platform.Subject) (linkv1.Reading, error, bool) {
		if of.Platform != c.Subject.Platform {
			return linkv1.Reading{}, nil, false
		}
		if of.ID == "" && of.Handle == c.Subject.Handle {
			of.ID = c.Subject.ID
		}
		if r, ok := v.Readings[of.ID]; ok {
			r.State.Seen = d.desk.TimeNow()
			r.State.Facts = wholeFacts(r.State.Facts)
			if r.Owner != nil {
				owner := *r.Owner
				owner.Seen, owner.Facts = d.desk.TimeNow(), wholeFacts(owner.Facts)
				r.Owner = &owner
			}
			return r, nil, true
		}
		if of.ID == c.Subject.ID || of.ID == c.Owner {
			return linkv1.Reading{}, fault.New(fault.Unavailable, "executor-unreachable", "The executor does not answer."), true
		}
		return linkv1.Reading{}, nil, false
	}), nil
}

// wholeFacts returns the facts of a state as the executor gives them: numbers are whole ones, and JSON does
// not say so.
func wholeFacts(facts map[platform.Fact]any) map[platform.Fact]any {
	out := map[platform.Fact]any{}
	for f, v := range facts {
		if x, ok := v.(float64); ok {
			v = int64(x)
		}
		out[f] = v
	}
	return out
}

// keptEvidence returns what the subject of a copy showed, in the place of what it shows now.
func (d *Room) keptEvidence(ctx context.Context, c cases.Case) (e platform.Evidence, is bool, err error) {
	if c.Look == "" {
		return e, false, nil
	}
	var kept []Kept
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
		kept, err = KeptIn(stx, c.ID)
		return err
	}); err != nil {
		return e, true, err
	}
	for _, k := range kept {
		if k.Shown != nil && k.Shown.Read != nil {
			return *k.Shown.Read, true, nil
		}
	}
	return e, true, fault.New(fault.NotFound, "no-such-subject", "There is no such subject.")
}

// strikes returns the strikes of the account that owns the subject of a case: those of now, and of a copy
// those of then.
func (d *Room) strikes(stx *store.Tx, c cases.Case, account string) (map[int64]int64, error) {
	if c.Look == "" {
		return stx.Strikes(c.Subject.Platform, account, d.desk.TimeNow())
	}
	v, err := d.view(stx, c)
	by := map[int64]int64{}
	for rule, n := range v.Shown.Strikes {
		number, bad := strconv.ParseInt(rule, 10, 64)
		if bad != nil {
			return nil, fmt.Errorf("the strikes that the case %s shows: %w", c.ID, bad)
		}
		by[number] = n
	}
	return by, err
}

// reportOf returns a report of a case. Those of a copy stand for others, and are named as the copy
// names them.
func (d *Room) reportOf(stx *store.Tx, c cases.Case, id string) (store.Report, error) {
	if c.Look == "" {
		return stx.Report(id)
	}
	v, err := d.view(stx, c)
	if err != nil {
		return store.Report{}, err
	}
	of, ok := v.Reports[id]
	if !ok {
		return store.Report{}, store.NoReport()
	}
	row, err := stx.Report(of)
	row.Case = c.ID
	return row, err
}

// FivePeople reports whether FivePeople or more are at work who judge cases.
func FivePeople(s *proof.State, now time.Time) bool {
	n := 0
	for _, seat := range s.People.Seats() {
		st := s.People.StandingOf(&seat.Worker, now)
		if st.Engaged && (st.Has(workforce.Agent) || st.Has(workforce.Lead) || st.Has(workforce.Specialist)) && s.MayWork(seat.Worker.Worker, st) == nil {
			if n++; n >= cases.FivePeople {
				return true
			}
		}
	}
	return false
}

// judgedAgain ends a copy with a verdict. What the verdict asks for was checked, and is carried out by
// nobody: no request of it is stored, and its digests stand in the signed decision alone.
func (d *Room) judgedAgain(t *kernel.Tx, st workforce.Standing, held cases.Case, id string, v Verdict) (cases.Case, error) {
	c := v.Decision.Decision
	found, err := foundBy(c, v.Decision.Signed.Statement.NotBefore, measuresOf(v))
	if err != nil {
		return held, err
	}
	if err := d.looks.Judged(t, store.LookVerdict{Look: held.Look, ID: id, Copy: held.ID, Worker: st.Worker, Vendor: st.Vendor, Found: found, Digest: c.Digest(), Document: c.Evidence, Time: t.Now()}); err != nil {
		return held, err
	}
	next := held.To(cases.Closed, t.Now())
	d.moved(t, st.Worker, next, "decided", map[string]any{"decision": id, "verdict": string(c.Verdict), "rule": c.Rule.Number})
	t.MeetClock(held.ID, store.PromiseClock, t.Now())
	t.KeepDraft(store.CaseDraft{Case: held.ID, Worker: st.Worker})
	return next, mediaOver(t, held)
}

func measuresOf(v Verdict) (all []actions.Action) {
	for _, m := range v.Measures {
		all = append(all, m.Action)
	}
	return all
}

// foundBy returns what a decision found, to be compared with another one.
func foundBy(c actions.Decision, since canonical.Time, measures []actions.Action) (cases.Found, error) {
	out := cases.Found{Verdict: c.Verdict, Rule: c.Rule.Number, Language: c.Language, Measures: []string{}}
	for _, m := range measures {
		out.Measures = append(out.Measures, measureIn(m, c.Subject.ID, since))
	}
	slices.Sort(out.Measures)
	return out, nil
}

// measureIn writes a measure in words that another person's measure of the same effect has as well.
func measureIn(m actions.Action, subject string, since canonical.Time) string {
	value, _ := m.Command.Layer.Label()
	words := string(m.Kind)
	if value != "" {
		words += " " + value
	}
	words += " on " + standsOn(m, subject)
	if !m.Until.IsZero() {
		const day = 24 * time.Hour
		words += fmt.Sprintf(" for %d days", max(1, int64((m.Until.Sub(since.Time)+day/2)/day)))
	}
	return words
}

// decisionIn returns the signed decision that a document holds.
func decisionIn(stx *store.Tx, id string) (c actions.Decision, err error) {
	doc, err := stx.Document(ledger.DecisionDocument, id)
	if err != nil {
		return c, err
	}
	all, err := stx.DocumentOpenings(doc.Sort, doc.Number)
	for _, o := range all {
		if o.Name == cases.FieldDecision {
			return c, canonical.Unmarshal(o.Value, &c)
		}
	}
	if err != nil {
		return c, err
	}
	return c, fault.New(fault.NotFound, "no-such-document", "The decision %s is erased.", id)
}

// FirstFound returns what a decision on a case found, as its document and its requests say.
func FirstFound(stx *store.Tx, d store.CaseDecision) (cases.Found, error) {
	c, err := decisionIn(stx, d.ID)
	if err != nil {
		return cases.Found{}, err
	}
	var measures []actions.Action
	for _, id := range d.Requests {
		r, err := stx.Request(id)
		if err != nil {
			return cases.Found{}, err
		}
		measures = append(measures, r.Action)
	}
	return foundBy(c, d.Time, measures)
}

// judgedBefore finds a verdict on a copy that was handed in before.
func (d *Room) judgedBefore(stx *store.Tx, by kernel.Caller, id string, c actions.Decision, out *Outcome, ok *bool) error {
	l, err := stx.LookOfCopy(id)
	if fault.Is(err, "no-such-look") {
		return nil
	}
	if err != nil {
		return err
	}
	v, judged, err := stx.LookVerdict(l.ID)
	if err != nil || !judged || v.Digest != c.Digest() || v.Worker != by.Worker {
		return err
	}
	doc, err := stx.Document(ledger.DecisionDocument, v.ID)
	if err != nil {
		return err
	}
	*ok, out.ID, out.Known, out.Look, out.Document = true, v.ID, true, l.ID, &doc
	out.Case, err = stx.Case(id)
	return err
}

// endLook ends the copy that somebody merges with another case. Nothing of the other case is moved, and
// somebody else gets another copy: whoever moves a case away has not judged it.
func (h *hand) endLook(t *kernel.Tx, young, old cases.Case) (cases.Case, error) {
	held := young
	if err := held.HeldBy(h.by.Worker, h.claim, t.Now().Time, who(h.s, h.st)); err != nil {
		held = old
		if old.HeldBy(h.by.Worker, h.claim, t.Now().Time, who(h.s, h.st)) != nil {
			return young, err
		}
	}
	if err := young.Moved(h.deed.Deed.Version); err != nil {
		return young, err
	}
	if err := young.Younger(old); err != nil {
		return young, err
	}
	if _, _, err := young.Join(old, 0, t.Now()); err != nil {
		return young, err
	}
	if h.order.Note == "" && !young.SameAccount(old) {
		return young, fault.New(fault.Invalid, "reason-needed", "The cases %s and %s are about different accounts, as far as is known. Say why they are judged together, with --reason.", young.ID, old.ID)
	}
	for _, c := range []cases.Case{young, old} {
		if err := h.room.barred(t, h.by.Worker, c); err != nil {
			return young, err
		}
	}
	if err := h.bury(t, string(actions.DeedMerge), young.ID); err != nil {
		return young, err
	}
	ended := held
	for _, c := range []cases.Case{young, old} {
		if c.Look == "" {
			continue
		}
		next, err := h.endCopy(t, c, "merged")
		if err != nil {
			return young, err
		}
		if c.ID == held.ID {
			ended = next
		}
	}
	h.record(t, ended)
	return ended, nil
}

// splitLook ends the copy from which somebody moves reports away.
func (h *hand) splitLook(t *kernel.Tx, id string) (cases.Case, error) {
	c, err := t.CaseLocked(id)
	if err != nil {
		return c, err
	}
	if err := h.holds(t, c); err != nil {
		return c, err
	}
	v, err := h.room.view(t.Tx, c)
	if err != nil {
		return c, err
	}
	missing := 0
	for _, id := range h.order.Reports {
		if _, ok := v.Reports[id]; !ok {
			missing++
		}
	}
	switch {
	case missing == len(h.order.Reports):
		return c, fault.New(fault.NotFound, "no-such-report", "None of the reports that are named is in the case %s.", c.ID)
	case missing > 0:
		return c, fault.New(fault.NotFound, "no-such-report", "%d of the reports that are named are not in the case %s.", missing, c.ID)
	case int64(len(h.order.Reports)) >= c.Reports:
		return c, fault.New(fault.Conflict, "case-empty", "No report would be left in the case %s. Decide it, or merge it.", c.ID)
	}
	if err := h.bury(t, string(actions.DeedSplit), c.ID); err != nil {
		return c, err
	}
	next, err := h.endCopy(t, c, "split")
	if err != nil {
		return c, err
	}
	h.record(t, next)
	return next, nil
}

// endCopy closes a copy that was not judged.
func (h *hand) endCopy(t *kernel.Tx, c cases.Case, move string) (cases.Case, error) {
	h.look = c.Look
	next := c.To(cases.Closed, t.Now())
	h.room.moved(t, h.by.Worker, next, move, map[string]any{"deed": h.id})
	t.EndClock(c.ID, store.PromiseClock, t.Now())
	t.EndClock(c.ID, store.MediaClock, t.Now())
	return next, h.room.looks.Again(t, c.Look, h.by.Worker)
}

// OpenAgain opens a decided case again, in the change that finds its newest decision wrong: it waits for
// somebody like every case, and its decision stands until then. A case that is open already, or that was
// decided again since, stays as it is.
func (d *Room) OpenAgain(t *kernel.Tx, caseID, decision string, atLeast cases.Severity, why string) error {
	c, err := t.CaseLocked(caseID)
	if err != nil || c.State.Open() || c.State == cases.Merged {
		return err
	}
	all, err := t.CaseDecisions(caseID)
	if err != nil || len(all) == 0 || all[len(all)-1].ID != decision {
		return err
	}
	queues, err := d.sets.Queues(context.Background(), t.State)
	if err != nil {
		return err
	}
	next := c.To(cases.Waiting, t.Now())
	next.Started = t.Now()
	detail := map[string]any{"why": why}
	if next, err = d.reopened(t, queues, "", c, next.Worse(atLeast), detail); err != nil {
		return err
	}
	next = next.Placed(queues, t.State.Queues.Digest)
	t.StartClock(store.Clock{Case: c.ID, Kind: store.PromiseClock, Started: t.Now(), Due: next.Due})
	d.moved(t, "", next, "reopened", detail)
	return nil
}

// NoteOn adds a note to a case, in a change that has checked its deed.
func (d *Room) NoteOn(t *kernel.Tx, n store.CaseNote) error {
	if err := t.AddNote(n); err != nil {
		return err
	}
	t.Signal(caseSignal(n.Case))
	return nil
}

// AtWork returns the standing of a caller who may work on cases now.
func (d *Room) AtWork(ctx context.Context, s *proof.State, by kernel.Caller) (workforce.Standing, error) {
	st, _, _, err := d.atWork(ctx, s, by)
	return st, err
}

// WorksOnCase reports whether somebody may know of a case since they work on its queue.
func (d *Room) WorksOnCase(s *proof.State, st workforce.Standing, c cases.Case) bool {
	return d.worksOn(s, st, c)
}

// Named returns a worker's name as a reader may have it: the pseudonym, or only the company.
func Named(s *proof.State, reader workforce.Standing, w workforce.WorkerID) workforce.WorkerID {
	return named(s, reader, w)
}

// ReasonsOf returns the reasons of a decision in its signer's words; empty if they are erased.
func ReasonsOf(stx *store.Tx, id string) (string, error) {
	doc, err := stx.Document(ledger.DecisionDocument, id)
	if err != nil {
		return "", err
	}
	all, err := stx.DocumentOpenings(doc.Sort, doc.Number)
	for _, o := range all {
		if o.Name == cases.FieldReasons {
			var text string
			return text, canonical.Unmarshal(o.Value, &text)
		}
	}
	return "", err
}

// For each person, a decided case and the copy of it that waits are one case. Whoever had to do with the
// decided one sees that, and no copy; everybody else sees the copy in lists, as a case like every other,
// and not the decided one. Who opens the decided one, or asks for its subject, has to do with it from
// then on, and does not judge the copy; but whoever has the copy in hand learns nothing by asking.

// sides says of a look, which is not judged yet, whether a worker sees its copy or the decided case in a
// list, and whether the worker has or had the copy in hand.
func (d *Room) sides(stx *store.Tx, w workforce.WorkerID, l store.SealedLook) (copied, first, had bool, err error) {
	if l.Copy == "" {
		return false, true, false, nil
	}
	if had, err = stx.HadClaim(l.Copy, w); err != nil || had {
		return true, false, had, err
	}
	if l.Only != "" {
		return l.Only == w, l.Only != w, false, nil
	}
	c, err := stx.Case(l.Case)
	if err != nil {
		return false, false, false, err
	}
	knows, err := stx.Knows(w, c, true)
	knows = knows || w == l.Worker
	return !knows, knows, false, err
}

// hidden returns which of these cases a worker does not see in a list.
func (d *Room) hidden(ctx context.Context, w workforce.WorkerID, all []cases.Case) (map[string]bool, error) {
	out := map[string]bool{}
	ids := make([]string, 0, len(all))
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	err := d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		open, err := stx.OpenLooks(ids...)
		if err != nil {
			return err
		}
		waits := map[string]bool{}
		for _, l := range open {
			copied, first, _, err := d.sides(stx, w, l)
			if err != nil {
				return err
			}
			waits[l.Copy] = true
			out[l.Copy] = !copied
			out[l.Case] = out[l.Case] || !first
		}
		for _, c := range all { // a copy that was judged is of whoever judged it
			if c.Look == "" || waits[c.ID] {
				continue
			}
			had, err := stx.HadClaim(c.ID, w)
			if err != nil {
				return err
			}
			out[c.ID] = !had
		}
		return nil
	})
	return out, err
}

// hides reports whether a case is not there for a worker who names it: the copy of one with which the
// worker had to do, or the decided one whose copy the worker has in hand.
func (d *Room) hides(ctx context.Context, w workforce.WorkerID, c cases.Case) (hides bool, err error) {
	if w == "" || c.Look == "" && c.State.Open() {
		return false, nil
	}
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		open, err := stx.OpenLooks(c.ID)
		if err != nil {
			return err
		}
		for _, l := range open {
			copied, _, had, err := d.sides(stx, w, l)
			if err != nil {
				return err
			}
			hides = hides || l.Copy == c.ID && !copied || l.Case == c.ID && had
		}
		return nil
	})
	return hides, err
}

// asks keeps that somebody asks for what the desk has about a subject.
func (d *Room) asks(ctx context.Context, by kernel.Caller, on, subject string) error {
	if by.Worker == "" {
		return nil
	}
	return d.desk.Store.Write(ctx, func(stx *store.Tx) error {
		stx.AskedSubject(by.Worker, on, subject, stx.Now())
		return nil
	})
}

// asGiven keeps that somebody reads a subject, and returns a context in which it is read as it was if they
// judge a case about it again.
func (d *Room) asGiven(ctx context.Context, by kernel.Caller, name string) (context.Context, error) {
	subject, err := platform.ParseSubject(name)
	if err != nil || by.Worker == "" {
		return ctx, err
	}
	var of []cases.Case
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		held, err := stx.LooksHeldBy(by.Worker)
		if err != nil {
			return err
		}
		for _, l := range held {
			c, err := stx.Case(l.Copy)
			if err != nil {
				return err
			}
			if c.Subject.Platform == subject.Platform && (subject.ID != "" && (c.Subject.ID == subject.ID || c.Owner == subject.ID) || subject.Handle != "" && c.Subject.Handle == subject.Handle) {
				of = append(of, c)
			}
		}
		return nil
	}); err != nil {
		return ctx, err
	}
	if subject.ID != "" {
		if err := d.asks(ctx, by, subject.Platform, subject.ID); err != nil {
			return ctx, err
		}
	}
	if len(of) == 0 {
		return ctx, nil
	}
	return d.asShown(ctx, of[0])
}

// WithdrawCopy closes a copy that nobody judges any more; empty: there is none.
func (d *Room) WithdrawCopy(t *kernel.Tx, id string) error {
	if id == "" {
		return nil
	}
	c, err := t.CaseLocked(id)
	if err != nil || !c.State.Open() {
		return err
	}
	d.moved(t, "", c.To(cases.Closed, t.Now()), "withdrawn", nil)
	t.EndClock(id, store.PromiseClock, t.Now())
	return nil
}
