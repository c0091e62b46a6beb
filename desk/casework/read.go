package casework

import (
	"context"
	"fmt"
	"slices"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// View is a case as somebody may read it.
type View struct {
	Case      cases.Case
	Shown     cases.Shown
	Moves     []store.Move
	Decisions []store.CaseDecision
	Requests  map[string]string // status by request
	Holder    string            // in the words that the reader may have; empty: nobody
	Drafts    []store.CaseDraft // of the caller, and for whoever holds the case of others
	Notes     []store.CaseNote  // oldest first, under the names that the reader may have
	Preserved []store.Preservation
	Why       string // it is due when it is, in one sentence
	MayTake   bool   // the caller is one of those who claim the case by its identifier, and nobody else holds it
	Lately    []Look // who else had the case before them in the last ten minutes, newest first
}

// Look is that somebody had a case before them.
type Look struct {
	Who workforce.WorkerID // in the words that the reader may have
	At  canonical.Time
}

// lately is how long a look counts as one that others at the case hear of.
const lately = 10 * time.Minute

// Case returns a case that the caller may read. That it was opened is kept.
func (d *Room) Case(ctx context.Context, by kernel.Caller, id string) (View, error) {
	s, st, c, err := d.load(ctx, by, id)
	if err != nil {
		return View{}, err
	}
	rules, queues, err := d.rules(ctx, s)
	if err != nil {
		return View{}, err
	}
	out := View{Case: c, Why: d.because(ctx, s, queues, c), Requests: map[string]string{}}
	if c.Holder != "" {
		out.Holder = string(named(s, st, c.Holder))
	}
	out.Case = namedIn(s, st, c)
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		var err error
		if out.Shown, err = d.document(stx, rules, c); err != nil {
			return err
		}
		if err := withMedia(stx, &out.Case); err != nil {
			return err
		}
		if out.Preserved, err = stx.Preservations(id); err != nil {
			return err
		}
		if out.Moves, err = stx.Moves(id); err != nil {
			return err
		}
		if out.Decisions, err = stx.CaseDecisions(id); err != nil {
			return err
		}
		for i, decision := range out.Decisions {
			out.Decisions[i].Worker = named(s, st, decision.Worker)
			for _, request := range decision.Requests {
				r, err := stx.Request(request)
				if err != nil {
					return err
				}
				out.Requests[request] = string(r.Status)
			}
		}
		free := c.State.Takeable() || c.State == cases.Claimed && !d.desk.Now().Before(c.Until.Time)
		if free && d.worksOn(s, st, c) {
			err := d.byName(stx, st, by.Worker, c)
			if out.MayTake = err == nil; err != nil && !fault.Is(err, "not-by-name") {
				return err
			}
		}
		if out.Lately, err = d.lately(stx, s, st, c); err != nil {
			return err
		}
		if out.Notes, err = notes(stx, s, st, id); err != nil {
			return err
		}
		drafts, err := stx.CaseDrafts(id)
		for _, draft := range drafts {
			if draft.Worker == by.Worker || c.Holder == by.Worker {
				draft.Worker = named(s, st, draft.Worker)
				out.Drafts = append(out.Drafts, draft)
			}
		}
		return err
	}); err != nil {
		return View{}, err
	}
	for i := range out.Moves {
		out.Moves[i].Worker = named(s, st, out.Moves[i].Worker)
		if out.Moves[i].Detail, err = toldDetail(s, st, out.Moves[i].Detail); err != nil {
			return View{}, err
		}
	}
	if err := d.keepOpened(ctx, by, c, SawByRead); err != nil {
		return View{}, err
	}
	return out, nil
}

// lately returns who else had a case before them: of those who work on its queue, and without its
// holder, who is named anyway. Whoever reads it
// for an investigation or an audit is not told of.
func (d *Room) lately(stx *store.Tx, s *proof.State, reader workforce.Standing, c cases.Case) (all []Look, err error) {
	now := d.desk.Now()
	openings, err := stx.LastOpenings(c.ID, canonical.At(now.Add(-lately)))
	if err != nil {
		return nil, err
	}
	for _, o := range openings {
		if o.Worker == reader.Worker || c.State == cases.Claimed && o.Worker == c.Holder || !d.worksOn(s, s.People.Standing(o.Worker, now), c) {
			continue
		}
		who := named(s, reader, o.Worker)
		if !slices.ContainsFunc(all, func(l Look) bool { return l.Who == who }) {
			all = append(all, Look{who, o.Time})
		}
	}
	return all, nil
}

// CaseVersion returns the version of a case that the caller may read. It says nothing else of the
// case, and is not noted as an opening.
func (d *Room) CaseVersion(ctx context.Context, by kernel.Caller, id string) (int64, error) {
	_, _, c, err := d.load(ctx, by, id)
	return c.Version, err
}

// MayReadQueue refuses a queue whose cases the caller may not read; see QueueBoard.
func (d *Room) MayReadQueue(ctx context.Context, by kernel.Caller, name string) error {
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return err
	}
	_, queues, err := d.rules(ctx, s)
	if err != nil {
		return err
	}
	if !contains(d.readable(s, st, queues), name) {
		return d.noQueueFor(s, st, queues, name)
	}
	return nil
}

// toldDetail returns the detail of a move as somebody may read it: it may say to whom the case came
// back.
func toldDetail(s *proof.State, reader workforce.Standing, detail []byte) ([]byte, error) {
	var all map[string]any
	if err := canonical.Unmarshal(detail, &all); err != nil {
		return nil, fmt.Errorf("the detail of a move is not as it was written: %w", err)
	}
	w, ok := all["worker"].(string)
	if !ok || w == "" {
		return detail, nil
	}
	all["worker"] = string(named(s, reader, workforce.WorkerID(w)))
	return canonical.Marshal(all)
}

// notes returns the notes on a case, each under the name of its writer that the reader may have.
func notes(stx *store.Tx, s *proof.State, reader workforce.Standing, id string) ([]store.CaseNote, error) {
	all, err := stx.Notes(id)
	for i := range all {
		all[i].Worker = named(s, reader, all[i].Worker)
	}
	return all, err
}

// Filter chooses cases; empty members choose all that the caller may read.
type Filter struct {
	State   cases.State
	Queue   string
	Subject string // PLATFORM:ID
	Mine    bool   // held by the caller, coming back to the caller, or handed on by the caller and open
	Cursor  string
	Limit   int
}

// Cases returns cases that the caller may read, newest first, and the cursor of the next page.
func (d *Room) Cases(ctx context.Context, by kernel.Caller, f Filter) ([]cases.Case, string, error) {
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, "", err
	}
	_, queues, err := d.rules(ctx, s)
	if err != nil {
		return nil, "", err
	}
	limit := f.Limit
	if limit <= 0 || limit > kernel.MaxPage {
		limit = kernel.MaxPage
	}
	q := store.CaseFilter{State: f.State, Before: f.Cursor, Limit: limit + 1}
	if f.Subject != "" {
		subject, err := platform.ParseSubject(f.Subject)
		if err != nil {
			return nil, "", err
		}
		if subject.ID == "" {
			return nil, "", fault.New(fault.Invalid, "bad-subject", "Cases are found by the identifier of their subject, PLATFORM:ID, and not by the handle %q.", f.Subject)
		}
		q.Platform, q.Subject = subject.Platform, subject.ID
	}
	if f.Mine {
		q.Holder = by.Worker
	} else {
		q.Queues = d.readable(s, st, queues)
		if f.Queue != "" {
			if !contains(q.Queues, f.Queue) {
				return nil, "", d.noQueueFor(s, st, queues, f.Queue)
			}
			q.Queues = []string{f.Queue}
		}
	}
	if f.Subject != "" {
		if err := d.asks(ctx, by, q.Platform, q.Subject); err != nil {
			return nil, "", err
		}
	}
	out := []cases.Case{}
	for {
		all, err := d.listed(ctx, f, q)
		if err != nil {
			return nil, "", err
		}
		hidden, err := d.hidden(ctx, by.Worker, all)
		if err != nil {
			return nil, "", err
		}
		more := len(all) >= q.Limit && !f.Mine
		for _, c := range all {
			// A queue may hold cases that the caller may not know of: by their severity, or language. They are
			// passed over: a cursor that named one of them, or stood behind the last that the caller reads, would
			// tell of it.
			if !f.Mine && !d.reads(s, st, by.Worker, c) || hidden[c.ID] {
				continue
			}
			if len(out) == limit && !f.Mine {
				return out, out[limit-1].ID, nil
			}
			out = append(out, namedIn(s, st, c))
		}
		if !more {
			return out, "", nil
		}
		q.Before, q.Limit = all[len(all)-1].ID, kernel.MaxPage
	}
}

// listed reads cases as a filter and what its caller may read have them.
func (d *Room) listed(ctx context.Context, f Filter, q store.CaseFilter) (all []cases.Case, err error) {
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		if all, err = stx.Cases(q); err != nil {
			return err
		}
		if f.Mine {
			turn := q
			turn.Holder, turn.Turn = "", q.Holder
			back, err := stx.Cases(turn)
			if err != nil {
				return err
			}
			all = append(all, back...)
			if f.State != cases.Claimed {
				handed, err := stx.HandedOn(q.Holder, f.Cursor, q.Limit)
				if err != nil {
					return err
				}
				all = append(all, handed...)
			}
			all = slices.DeleteFunc(all, func(c cases.Case) bool {
				return f.State != "" && c.State != f.State || f.Queue != "" && c.Queue != f.Queue || q.Subject != "" && (c.Subject.ID != q.Subject || c.Subject.Platform != q.Platform)
			})
		}
		each := make([]*cases.Case, len(all))
		for i := range all {
			each[i] = &all[i]
		}
		return withMedia(stx, each...)
	})
	return all, err
}

// WorksOn returns the names of the queues from which the caller may take cases; none for those who
// judge no cases.
func (d *Room) WorksOn(ctx context.Context, by kernel.Caller) ([]string, error) {
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, err
	}
	_, queues, err := d.rules(ctx, s)
	if err != nil {
		return nil, err
	}
	names, err := d.queuesOf(s, st, queues, "")
	if fault.Is(err, "no-queue") {
		return nil, nil
	}
	return names, err
}

// readable returns the queues whose cases the caller may read.
func (d *Room) readable(s *proof.State, st workforce.Standing, queues *cases.QueueSet) []string {
	names := []string{}
	for i := range queues.Queues {
		q := &queues.Queues[i]
		if d.reads(s, st, "", cases.Case{Queue: q.Name, Severity: gravest(q), Language: queueLanguage(q)}) {
			names = append(names, q.Name)
		}
	}
	return names
}

func gravest(q *cases.Queue) cases.Severity {
	if q.Grave() {
		return cases.Highest
	}
	return cases.Low
}

// Queue is one queue with what waits in it, for somebody who may read it.
type Queue struct {
	cases.Queue
	Place  int
	Counts []store.QueueCount
}

// QueueBoard returns the queues that the caller may read, in their order.
func (d *Room) QueueBoard(ctx context.Context, by kernel.Caller) ([]Queue, error) {
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, err
	}
	_, queues, err := d.rules(ctx, s)
	if err != nil {
		return nil, err
	}
	var counts []store.QueueCount
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		if st.Vendor == "" {
			counts, err = stx.QueueCounts()
		} else { // how much another company's people have in hand is that company's figure
			counts, err = stx.QueueCountsFor(st.Vendor)
		}
		return err
	}); err != nil {
		return nil, err
	}
	var out []Queue
	names := d.readable(s, st, queues)
	for i, q := range queues.Queues {
		if !contains(names, q.Name) {
			continue
		}
		one := Queue{Queue: q, Place: i}
		for _, n := range counts {
			if n.Queue == q.Name {
				one.Counts = append(one.Counts, n)
			}
		}
		out = append(out, one)
	}
	return out, nil
}

// Now reads the subject of a case as it is now, and keeps that as the state seen last.
func (d *Room) Now(ctx context.Context, by kernel.Caller, id string) (linkv1.Reading, error) {
	s, _, c, err := d.load(ctx, by, id)
	if err != nil {
		return linkv1.Reading{}, err
	}
	if ctx, err = d.asShown(ctx, c); err != nil {
		return linkv1.Reading{}, err
	}
	reading, err := d.desk.Read(ctx, s, c.Subject.String())
	if err != nil {
		return linkv1.Reading{}, err
	}
	if err := d.saw(ctx, c, reading); err != nil {
		return linkv1.Reading{}, err
	}
	if err := d.keepOpened(ctx, by, c, SawByNow); err != nil {
		return linkv1.Reading{}, err
	}
	return reading, nil
}

// saw keeps what a reading says of a case's subject: its state, its sort and its owner.
func (d *Room) saw(ctx context.Context, c cases.Case, r linkv1.Reading) error {
	seen := cases.ShownState{At: d.desk.TimeNow(), Tier: string(r.Tier), Facts: map[string]string{}, Layers: map[string]string{}, Why: []string{}}
	seen.Layers[platform.VisibilityLayer.String()] = platform.Describe(r.State.Status, r.State.Mark)
	for layer := range r.State.Layers {
		seen.Layers[layer.String()] = platform.DescribeIn(layer, r.State.At(layer))
	}
	for f, v := range r.State.Facts {
		seen.Facts[string(f)] = fmt.Sprint(v)
	}
	for _, why := range r.Why {
		seen.Why = append(seen.Why, why.Text)
	}
	body, err := canonical.Marshal(r)
	if err != nil {
		return err
	}
	return d.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
		_, queues, err := d.rules(ctx, s)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			have, err := t.CaseLocked(c.ID)
			if err != nil {
				return err
			}
			t.SaveSeen(c.ID, seen, body)
			next := have
			next.Of, next.Owner = r.Sort, r.Account()
			if r.Subject.Handle != "" {
				next.Subject.Handle = r.Subject.Handle
			}
			next = next.Known(subjectFacts(s, next, r, seen))
			if have.SameFacts(next) && have.Subject == next.Subject && have.SameOrder(next) {
				return nil
			}
			// Now that the owner is known, the case may be its holder's own affair.
			if freed, err := d.unbarred(t, next); err != nil {
				return err
			} else if freed.State != next.State {
				freed.Version++
				d.moved(t, "", freed, "own-affair", nil)
				return nil
			}
			if have.State.Open() {
				next = next.Placed(queues, s.Queues.Digest)
				t.MoveClock(c.ID, store.PromiseClock, next.Due)
			}
			t.SaveCase(next)
			return nil
		}, nil
	})
}

// subjectFacts returns what a reading says that queues order by: of content, how many follow the account
// that owns it.
func subjectFacts(s *proof.State, c cases.Case, r linkv1.Reading, seen cases.ShownState) cases.SubjectFacts {
	f := cases.SubjectFacts{Tier: tierOf(s, c, &seen)}
	number := func(of map[platform.Fact]any, name platform.Fact) int64 {
		n, _ := of[name].(int64)
		return n
	}
	f.Reach = number(r.State.Facts, platform.FactFollowers)
	if f.Reach == 0 && r.Owner != nil {
		f.Reach = number(r.Owner.Facts, platform.FactFollowers)
	}
	if at := number(r.State.Facts, platform.FactCreated); at > 0 {
		f.Born = canonical.At(time.Unix(at, 0))
	}
	return f
}

// What is known of a report by the program that handed it in: nothing about people.
type Progress struct {
	Report  store.Report
	State   cases.State
	Outcome string         // of the decision: its verdict; empty: none yet
	Decided canonical.Time // zero: not yet
	Into    string         // the case that it is in
}

// Progress returns what became of a report, for the program or the worker who handed it in.
func (d *Room) Progress(ctx context.Context, by kernel.Caller, id string) (out Progress, err error) {
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		if out.Report, err = stx.Report(id); err != nil {
			return err
		}
		if out.Report.Program != (Origin{Program: by.Program, Worker: by.Worker}).name() {
			return store.NoReport()
		}
		c, err := stx.Case(out.Report.Case)
		if err != nil {
			return err
		}
		out.State, out.Into = c.State, c.ID
		all, err := stx.CaseDecisions(c.ID)
		for _, one := range all {
			if one.TakenBack.IsZero() && c.State == cases.Closed {
				out.Outcome, out.Decided = one.Verdict, one.Time
			}
		}
		return err
	})
	return out, err
}

// ProgressNamed is Progress of the report that the caller handed in under an external_id.
func (d *Room) ProgressNamed(ctx context.Context, by kernel.Caller, external string) (Progress, error) {
	var r store.Report
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		all, err := stx.ReportsBy(Origin{Program: by.Program, Worker: by.Worker}.name(), []string{external})
		if err != nil {
			return err
		}
		found := false
		if r, found = all[external]; !found {
			return store.NoReport()
		}
		return nil
	}); err != nil {
		return Progress{}, err
	}
	return d.Progress(ctx, by, r.ID)
}

// Rows as the store has them, under the names by which surfaces know them.
type (
	CaseDraft    = store.CaseDraft
	CaseMove     = store.Move
	CaseNote     = store.CaseNote
	CaseDecision = store.CaseDecision
	QueueCount   = store.QueueCount
	Preservation = store.Preservation
)

// ShownUnder returns the bytes that were shown under a digest, to those who read evidence. It
// does not compare them: whoever asks computes the digest anew.
func (d *Room) ShownUnder(ctx context.Context, by kernel.Caller, digest canonical.Digest) (body []byte, err error) {
	if err := d.desk.MayReadAll(ctx, by, "What claims showed and evidence"); err != nil {
		return nil, err
	}
	err = d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		body, err = stx.Shown(digest)
		return err
	})
	if fault.KindOf(err) == fault.NotFound { // what was shown names documents of evidence by their digests
		err = d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
			body, err = stx.EvidenceBytes(digest)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	if err := d.audited(ctx, by, digest, body); err != nil {
		return nil, err
	}
	return body, nil
}

// CaseReports returns what the desk's rows count, for those who read evidence and count anew:
// pages of cases with their reports, and nothing else of them.
func (d *Room) CaseReports(ctx context.Context, by kernel.Caller, after string) (all []store.CaseReports, err error) {
	if err := d.desk.MayReadAll(ctx, by, "The counts of cases"); err != nil {
		return nil, err
	}
	err = d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		all, err = stx.CaseReports(after, 1000)
		return err
	})
	return all, err
}
