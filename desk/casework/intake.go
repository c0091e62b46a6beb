package casework

import (
	"context"
	"maps"
	"slices"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Origin is where reports come from: a program, by its admission, or a worker.
type Origin struct {
	Program   string // empty for a worker
	Platforms []string
	Source    string
	Worker    workforce.WorkerID // of an own finding
}

// Received is what became of one report that was handed in.
type Received struct {
	ExternalID string
	Report     store.Report
	Case       cases.Case
	New        bool             // it was not handed in before
	Document   *ledger.Document // of the report, with its number; nil of one that was refused
	Promise    string           // that the document will be in a roll; see ledger.Promise
	Err        error            // why it was refused; nil: it was taken
	KeptOut    string           // of an own finding that opened a case: why its finder may not work on that; empty: they may
}

// TakeReports takes the reports of a program. All that are well formed are taken in one
// transaction; one that is not is refused by itself, in its place of the answer. The same
// report again gets the same answer. A program brings in no more than its rate allows.
func (d *Room) TakeReports(ctx context.Context, by kernel.ProgramCaller, reports []cases.Report) ([]Received, error) {
	s, err := d.desk.State(ctx)
	if err != nil {
		return nil, err
	}
	p, err := s.Program(by.ID, d.desk.Now())
	if err != nil {
		return nil, d.desk.Noted(ctx, by.Caller(), "report", err)
	}
	if err := d.desk.TakeReports(p, len(reports)); err != nil {
		return nil, err
	}
	return d.intake(ctx, Origin{Program: p.ID, Platforms: p.Platforms, Source: p.Source}, reports)
}

// Find takes an own finding of a worker: a report of a subject that the worker saw, with the
// reason in its text. The worker may decide the case under the usual rules.
func (d *Room) Find(ctx context.Context, by kernel.Caller, report cases.Report) (Received, error) {
	s, err := d.desk.State(ctx)
	if err != nil {
		return Received{}, err
	}
	st, rules, _, err := d.atWork(ctx, s, by)
	if err != nil {
		return Received{}, d.desk.Noted(ctx, by, "own finding", err)
	}
	if _, ok := rules.ReasonOf(report.Subject.Platform, report.Reason); !ok {
		return Received{}, unknownReason(rules, report)
	}
	if strings.TrimSpace(report.Text) == "" {
		return Received{}, fault.New(fault.Invalid, "bad-report", "An own finding says in its text what you found.")
	}
	report.Reporter = cases.Reporter{}
	all, err := d.intake(ctx, Origin{Worker: by.Worker, Source: cases.SourceWorker}, []cases.Report{report})
	if err != nil {
		return Received{}, err
	}
	if c := all[0].Case; c.By == by.Worker {
		all[0].KeptOut = d.keptOut(s, st, c)
	}
	all[0].Case = d.namedFor(by, all[0].Case)
	return all[0], all[0].Err
}

// unknownReason refuses the reason of an own finding, and says which there are. What a program
// hands in under a word that nobody knows is taken: the program cannot ask anybody.
func unknownReason(rules *cases.RuleSet, r cases.Report) error {
	words := func(all []string) string { return strings.Join(all, ", ") }
	var reasons []string
	for _, one := range cases.Reasons() {
		reasons = append(reasons, string(one))
	}
	own := "The rule set has no words of the platform " + r.Subject.Platform + " itself."
	if names := slices.Sorted(maps.Keys(rules.Platforms[r.Subject.Platform])); len(names) > 0 {
		own = "Words of the platform " + r.Subject.Platform + ": " + words(names) + "."
	}
	return fault.New(fault.Invalid, "bad-report", "%q is no reason. The reasons: %s. %s", r.Reason, words(reasons), own)
}

// intake takes reports. All that are well formed are taken in one transaction, or none is;
// one that is not is refused by itself, in its place of the answer. The same report again
// gets the same answer.
func (d *Room) intake(ctx context.Context, from Origin, reports []cases.Report) ([]Received, error) {
	if len(reports) == 0 || len(reports) > cases.MaxReports {
		return nil, fault.New(fault.Invalid, "bad-report", "Hand in 1 to %d reports at once.", cases.MaxReports)
	}
	out := make([]Received, len(reports))
	ready := make([]cases.Report, len(reports))
	state, err := d.desk.State(ctx)
	if err != nil {
		return nil, err
	}
	for i, r := range reports {
		out[i] = Received{ExternalID: r.ExternalID}
		ready[i], out[i].Err = d.resolved(ctx, state, from, r)
		switch kind := fault.KindOf(out[i].Err); {
		case out[i].Err != nil && (kind == fault.Internal || kind == fault.Unavailable):
			return nil, out[i].Err // it may be taken later: nothing is acknowledged now
		}
	}
	var recorded []*store.Recorded
	err = d.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
		rules, queues, err := d.rules(ctx, s)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			recorded = make([]*store.Recorded, len(ready))
			m, err := d.meet(t, from, ready, out)
			if err != nil {
				return err
			}
			for i, r := range ready {
				if out[i].Err != nil {
					continue
				}
				draft, err := d.take(t, m, s, rules, queues, from, reports[i], r, &out[i])
				if fault.Is(err, "report-differs") {
					out[i].Err, err = err, nil
				}
				if err != nil {
					return err
				}
				if draft != nil {
					recorded[i] = t.Record(*draft)
				}
			}
			m.write(t)
			var wanted []Wanted
			for i := range recorded {
				if recorded[i] == nil {
					continue
				}
				c := m.open[subjectOf(ready[i])]
				if c.childSafety {
					if err := d.preserve(t, c.ID, c.Subject); err != nil {
						return err
					}
				}
				w := wants(c.Case, out[i].Report, ready[i], c.opened)
				w.Asked, c.asked = c.asked, true
				wanted = append(wanted, w)
			}
			return d.Keep(t, wanted...)
		}, nil
	})
	if err != nil {
		return nil, err
	}
	d.desk.Step(StepReported)
	for i, r := range recorded {
		if r != nil {
			doc := r.Document()
			out[i].Document = &doc
		}
	}
	if err := d.known(ctx, out); err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].Document != nil {
			if out[i].Promise, err = d.promise(*out[i].Document); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// promise returns the signed promise of a document that is committed.
func (d *Room) promise(doc ledger.Document) (string, error) {
	p, err := d.desk.Log.Promise(doc)
	return string(p), err
}

// known fills in the documents of reports that were handed in before.
func (d *Room) known(ctx context.Context, all []Received) error {
	return d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		for i := range all {
			if all[i].Err != nil || all[i].Document != nil {
				continue
			}
			doc, err := stx.Document(ledger.ReportDocument, all[i].Report.ID)
			if err != nil {
				return err
			}
			all[i].Document = &doc
			if all[i].Case, err = stx.Case(all[i].Report.Case); err != nil {
				return err
			}
		}
		return nil
	})
}

// resolved checks a report by itself, and gives its subject the identifier if it has only a
// handle.
func (d *Room) resolved(ctx context.Context, s *proof.State, from Origin, r cases.Report) (cases.Report, error) {
	if err := r.Check(); err != nil {
		return r, err
	}
	if _, ok := s.Platforms[r.Subject.Platform]; !ok {
		return r, fault.New(fault.Invalid, "bad-report", "The report is not well formed: there is no platform %q at this desk.", r.Subject.Platform)
	}
	if from.Program != "" && !contains(from.Platforms, r.Subject.Platform) {
		return r, fault.New(fault.Forbidden, "not-your-platform", "The program %s reports from %v, and not from %s. Officers admit it for other platforms.", from.Program, from.Platforms, r.Subject.Platform)
	}
	if r.Subject.ID == "" {
		reading, err := d.desk.Read(ctx, s, platform.Subject{Platform: r.Subject.Platform, Handle: r.Subject.Handle}.String())
		if err != nil {
			return r, err
		}
		r.Subject = reading.Subject
		return r, nil
	}
	return r, d.there(ctx, s, from, r)
}

// there refuses an own finding about a subject that the platform does not have, since nobody
// could work on its case. What a program reports is taken: it told what was there. The same
// finding again gets its first answer, whatever became of the subject.
func (d *Room) there(ctx context.Context, s *proof.State, from Origin, r cases.Report) error {
	if from.Worker == "" {
		return nil
	}
	var known map[string]store.Report
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
		known, err = stx.ReportsBy(from.name(), []string{r.ExternalID})
		return err
	}); err != nil || len(known) > 0 {
		return err
	}
	reading, err := d.desk.Read(ctx, s, platform.Subject{Platform: r.Subject.Platform, ID: r.Subject.ID}.String())
	if err == nil && reading.State.Status == platform.Deleted {
		err = fault.New(fault.NotFound, "no-such-subject", "%s is deleted, so there is nothing that a case about it could lead to.", reading.Subject)
	}
	return err
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

// met is what the reports of one call meet, read in few queries, and what is to be written for
// them. It follows the call: a report meets what the reports before it have left.
type met struct {
	known     map[string]store.Report // by external_id
	open      map[subject]*metCase
	reporters map[store.Reporting]bool
	records   map[store.RecordOf]cases.Record

	changed    []*metCase
	clocks     []store.Clock // of media
	moves      []store.Move
	reports    []store.Report
	reportings []store.Reporting
}

type subject struct{ platform, id string }

func subjectOf(r cases.Report) subject { return subject{r.Subject.Platform, r.Subject.ID} }

// metCase is an open case that reports of a call have joined.
type metCase struct {
	cases.Case
	opened bool // by the call
	news   bool // something else than its counters has changed
	placed bool // the call has changed when it is due, or where it waits
	listed bool // among those to be written
	asked  bool // the call has asked for its evidence
	// answered says that the case is held, and that nobody has reported in it since its decision.
	answered bool

	childSafety bool // the call brought its first reason of child safety
}

// meet reads what reports meet. Reports that are refused by themselves are not asked for;
// of the others it forgets the refusals of an earlier run.
func (d *Room) meet(t *kernel.Tx, from Origin, reports []cases.Report, out []Received) (*met, error) {
	m := &met{open: map[subject]*metCase{}}
	var external, reporters []string
	subjects := map[string][]string{}
	for i, r := range reports {
		if out[i].Err != nil && !fault.Is(out[i].Err, "report-differs") {
			continue
		}
		out[i].Err = nil
		external = append(external, r.ExternalID)
		reporters = append(reporters, d.reporterOf(from, r))
		subjects[r.Subject.Platform] = append(subjects[r.Subject.Platform], r.Subject.ID)
	}
	var err error
	if m.known, err = t.ReportsBy(from.name(), external); err != nil {
		return nil, err
	}
	var ids []string
	for _, platform := range slices.Sorted(maps.Keys(subjects)) {
		open, err := t.OpenCases(platform, subjects[platform], cases.Flagged)
		if err != nil {
			return nil, err
		}
		for id, c := range open {
			one := &metCase{Case: c}
			if c.State == cases.Held {
				since, err := t.ReportedSinceDecision(c.ID)
				if err != nil {
					return nil, err
				}
				one.answered = !since
			}
			m.open[subject{platform, id}] = one
			ids = append(ids, c.ID)
		}
	}
	if m.reporters, err = t.Reportings(ids, reporters); err != nil {
		return nil, err
	}
	if from.Program != "" { // workers have no record as reporters
		m.records, err = t.Records(reporters, t.Now())
	}
	return m, err
}

// write writes what the reports have changed.
func (m *met) write(t *kernel.Tx) {
	var opened []cases.Case
	var clocks []store.Clock
	for _, c := range m.changed {
		switch {
		case c.opened:
			opened = append(opened, c.Case)
			clocks = append(clocks, promiseOf(c.Case))
		case c.news, c.placed:
			t.SaveCase(c.Case)
			t.MoveClock(c.ID, store.PromiseClock, c.Due)
		default:
			t.CountReport(c.Case)
		}
	}
	t.InsertCases(opened)
	t.StartClocks(append(clocks, m.clocks...))
	t.InsertMoves(m.moves)
	t.InsertReports(m.reports)
	t.InsertReportings(m.reportings)
}

// take puts one report into its case. told is the report as it was handed in, and r the same
// with its subject resolved. It returns the draft of its document; nil for a report that is
// there already.
func (d *Room) take(t *kernel.Tx, m *met, s *proof.State, rules *cases.RuleSet, queues *cases.QueueSet, from Origin, told, r cases.Report, out *Received) (*ledger.DocumentDraft, error) {
	body := told.Digest()
	if have, known := m.known[r.ExternalID]; known {
		if have.Body != body {
			return nil, fault.New(fault.Conflict, "report-differs", "Another report was handed in as %q already (%s). A changed report gets an external_id of its own.", r.ExternalID, have.ID)
		}
		out.Report, out.New = have, false
		return nil, nil
	}
	now := t.Now()
	reason, mapped := rules.ReasonOf(r.Subject.Platform, r.Reason)
	if !mapped {
		reason = cases.ReasonOther // the platform's own word stands beside it
	}
	severity := rules.Judged(reason).Severity
	c, open := m.open[subjectOf(r)]
	if !open {
		c = &metCase{opened: true, Case: cases.Case{ID: d.desk.IDs.New(cases.CasePrefix), Version: 1, State: cases.Waiting, Sort: cases.Flagged, Subject: r.Subject,
			Language: r.Evidence.Language, Opened: now, Started: now, Updated: now, By: from.Worker, Reasons: []cases.Reason{}, Sources: []string{}}}
		m.open[subjectOf(r)] = c
		m.moves = append(m.moves, store.Move{Case: c.ID, Version: c.Version, Move: "opened", Worker: from.Worker, Time: now})
	}
	row := store.Report{ID: d.desk.IDs.New(cases.ReportPrefix), Program: from.name(), ExternalID: r.ExternalID, Body: body, Case: c.ID, Platform: r.Subject.Platform, Subject: r.Subject.ID,
		Reason: reason, OwnReason: r.Reason, Severity: severity, Source: from.Source, Anonymous: r.Reporter.Anonymous, Language: r.Language, Reported: r.At, Received: now}
	if row.Reported.IsZero() {
		row.Reported = now
	}
	row.Reporter = d.reporterOf(from, r)
	reporting := store.Reporting{Case: c.ID, Reporter: row.Reporter}
	first := !m.reporters[reporting]
	if first {
		m.reporters[reporting] = true
		m.reportings = append(m.reportings, reporting)
	}
	before := c.Case
	c.Case = c.With(reason, severity, from.Source, language(r), first).Scored(r.Scores)
	if !row.Anonymous {
		c.Case = c.LikelyBy(m.records[store.RecordOf{Reporter: row.Reporter, Reasons: reason.Group()}])
	}
	c.Updated = now
	switch {
	case !open:
		c.Case = c.Placed(queues, s.Queues.Digest)
	case !before.SameFacts(c.Case) || c.answered:
		// A new reason, a higher severity or a known language is news for whoever judges, and so
		// is the first report that a decision of which a measure is held could not know.
		c.news, c.answered = true, false
		c.Version++
		c.Case = c.Woken().Placed(queues, s.Queues.Digest)
		if err := d.graver(t, before, c.Case); err != nil {
			return nil, err
		}
		m.moves = append(m.moves, store.Move{Case: c.ID, Version: c.Version, Move: "reported", Time: now, Detail: canonical.MustMarshal(map[string]any{"reason": reason, "report": row.ID})})
	case !before.SameOrder(c.Case):
		// That is nothing new to judge, and may be reason to look sooner.
		if placed := c.Placed(queues, s.Queues.Digest); placed.Queue != c.Queue || placed.Due != c.Due || placed.Factor != c.Factor || c.Score != before.Score {
			c.Case, c.placed = placed, true
		}
	}
	if c.ChildSafety() && !before.ChildSafety() {
		c.childSafety = true
		m.clocks = append(m.clocks, mediaClock(c.ID, now))
	}
	if !c.listed {
		c.listed = true
		m.changed = append(m.changed, c)
	}
	m.known[row.ExternalID] = row
	m.reports = append(m.reports, row)
	out.Report, out.Case, out.New = row, c.Case, true
	sealed := r
	sealed.Reporter = cases.Reporter{}
	return &ledger.DocumentDraft{Sort: ledger.ReportDocument, ID: row.ID,
		Data:   cases.ReportData{Anonymous: row.Anonymous, Case: c.ID, Program: row.Program, Reason: reason, Severity: severity, Source: row.Source},
		Sealed: []ledger.Opening{{Name: cases.FieldReport, Value: canonical.MustMarshal(sealed)}, {Name: cases.FieldReporter, Value: canonical.MustMarshal(r.Reporter)}}}, nil
}

// workerOrigin begins the names of origins that are workers.
const workerOrigin = "@"

// name is the name under which the origin's reports are told apart.
func (o Origin) name() string {
	if o.Program == "" {
		return workerOrigin + string(o.Worker)
	}
	return o.Program
}

func language(r cases.Report) string {
	if r.Evidence.Language != "" {
		return r.Evidence.Language
	}
	return r.Language
}

// reporterOf returns the keyed digest under which a reporter is counted. The account of a
// reporter has the digest under which workers declare their own.
func (d *Room) reporterOf(from Origin, r cases.Report) string {
	if from.Worker != "" {
		return workerKey(d.secret, from.Worker)
	}
	return r.ReporterDigest(d.secret, from.Program)
}

// workerKey is the keyed digest of a worker who reported by an own finding.
func workerKey(secret []byte, w workforce.WorkerID) string {
	return cases.OwnDigest(secret, "desk", string(w))
}
