package looks

import (
	"context"
	"fmt"
	"slices"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/id"
	"countersign.dev/jobs"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/store"
)

// This file makes the copies of decided cases: under fresh identifiers, with times that are shifted, and
// with what the claim of the first verdict showed. A copy is an ordinary row among the cases, and goes all
// their ways.

// errNotYet has the job try again later: evidence that the first claim named is still being copied.
var errNotYet = fault.New(fault.Unavailable, "busy", "Evidence of the case is still being copied.")

// source is what a copy is made of.
type source struct {
	look     store.SealedLook
	decision store.CaseDecision
	first    cases.Case
	shown    cases.Shown
	reports  map[string]store.Report // those that were shown
	evidence []copied                // those that were shown, as they were shown
	moves    []store.Move
}

type copied struct {
	store.Evidence
	doc      cases.EvidenceDocument
	pictures []store.EvidencePicture
}

// copy makes the copy of a look, if that is still to be made.
func (d *Room) copy(ctx context.Context, lookID string) error {
	var src source
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
		src, err = d.source(stx, lookID)
		return err
	}); err != nil {
		return err
	}
	if src.look.State != cases.LookDrawn {
		return nil
	}
	readings, err := d.readings(ctx, src)
	if err != nil {
		return err
	}
	if err := d.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
		queues, err := d.sets.Queues(ctx, s)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			l, err := t.LookLocked(lookID)
			if err != nil || l.State != cases.LookDrawn {
				return err
			}
			row, err := t.CaseDecision(l.Decision)
			if err != nil {
				return err
			}
			if !row.TakenBack.IsZero() && l.Kind == cases.SecondLook {
				l.State, l.Why = cases.LookVoid, "the decision was taken back"
				t.SaveLook(l.Look)
				return nil
			}
			m := d.maker(src, t.Now())
			c, view, err := m.make(t, readings)
			if err != nil {
				return err
			}
			c.Look = l.ID
			c = c.Placed(queues, s.Queues.Digest)
			view.Shown.Queue = c.Queue
			t.InsertCase(c)
			t.StartClock(store.Clock{Case: c.ID, Kind: store.PromiseClock, Started: c.Opened, Due: c.Due})
			t.InsertMoves(m.moved)
			t.CopyReporters(src.first.ID, c.ID)
			t.KeepLookView(c.ID, canonical.MustMarshal(view), view.SealOf(d.own))
			l.State, l.Copy, l.Queue, l.Copied = cases.LookWaiting, c.ID, c.Queue, t.Now()
			t.SaveLook(l.Look)
			t.BarFromLook(l.ID, l.Worker)
			return nil
		}, nil
	}); err != nil {
		return err
	}
	d.desk.Step(StepLookCopied)
	return nil
}

// source reads what a copy is made of.
func (d *Room) source(stx *store.Tx, lookID string) (src source, err error) {
	if src.look, err = stx.Look(lookID); err != nil || src.look.State != cases.LookDrawn {
		return src, err
	}
	if err := d.sealed(src.look); err != nil {
		return src, jobs.GiveUp(err)
	}
	if src.decision, err = stx.CaseDecision(src.look.Decision); err != nil {
		return src, err
	}
	if src.first, err = stx.Case(src.look.Case); err != nil {
		return src, err
	}
	body, err := stx.Shown(src.decision.Document)
	if err != nil {
		return src, err
	}
	if canonical.Sum(body) != src.decision.Document || canonical.UnmarshalExact(body, &src.shown) != nil {
		return src, jobs.GiveUp(fault.New(fault.Conflict, "ledger-tampered", "What is kept as shown for the decision %s is not what was shown: somebody edited the database.", src.decision.ID))
	}
	src.reports = map[string]store.Report{}
	for _, r := range src.shown.Reports {
		if src.reports[r.ID], err = stx.Report(r.ID); err != nil {
			return src, err
		}
	}
	all, err := stx.NewestEvidence(src.first.ID, 1000)
	if err != nil {
		return src, err
	}
	for _, e := range src.shown.Evidence {
		i := slices.IndexFunc(all, func(have store.Evidence) bool {
			return have.At == e.At && (e.Digest.IsZero() || have.Document == e.Digest)
		})
		switch {
		case i < 0:
			continue // it went to another case with its reports
		case all[i].State == cases.EvidencePending:
			return src, errNotYet
		}
		one := copied{Evidence: all[i]}
		b, err := stx.EvidenceText(one.Document)
		if err != nil {
			return src, err
		}
		if one.doc, err = cases.ParseEvidence(b); err != nil {
			return src, err
		}
		if one.pictures, err = stx.EvidencePictures(one.ID); err != nil {
			return src, err
		}
		src.evidence = append(src.evidence, one)
	}
	src.moves, err = stx.Moves(src.first.ID)
	return src, err
}

// readings returns the readings of the subject, and of the account that owns it, as they were before the
// decision: the first was kept with the draw, and the second is read now, without what this desk has done
// since.
func (d *Room) readings(ctx context.Context, src source) (map[string]linkv1.Reading, error) {
	out := map[string]linkv1.Reading{}
	if src.look.Reading != nil {
		var r linkv1.Reading
		if err := canonical.Unmarshal(src.look.Reading, &r); err != nil {
			return nil, jobs.GiveUp(fmt.Errorf("the reading of the look %s: %w", src.look.ID, err))
		}
		out[src.shown.Subject.ID] = r
	}
	owner := src.shown.Owner
	if owner == "" || out[owner].Subject.ID != "" {
		return out, nil
	}
	s, err := d.desk.State(ctx)
	if err != nil {
		return nil, err
	}
	r, err := d.desk.Read(ctx, s, platform.Subject{Platform: src.shown.Subject.Platform, ID: owner}.String())
	if err != nil {
		return out, nil // as if the platform did not answer
	}
	var since []string
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		rs, err := stx.Requests(store.RequestFilter{Platform: src.shown.Subject.Platform, Subject: owner, Limit: kernel.MaxPage})
		for _, one := range rs {
			if !one.Created.Before(src.decision.Time.Time) {
				since = append(since, one.ID)
			}
		}
		return err
	}); err != nil {
		return nil, err
	}
	r.State = without(r.State, since)
	out[owner] = r
	return out, nil
}

// without returns a state without what requests left in it.
func without(s platform.State, requests []string) platform.State {
	ours := func(m platform.Mark) bool { return slices.Contains(requests, m.Request()) && m.Request() != "" }
	if ours(s.Mark) {
		s.Status, s.Mark = platform.Up, ""
	}
	layers := map[platform.Layer]platform.Stood{}
	for l, v := range s.Layers {
		if !ours(v.Mark) {
			layers[l] = v
		}
	}
	if s.Layers != nil {
		s.Layers = layers
	}
	return s
}

// maker makes one copy.
type maker struct {
	*Room
	src   source
	now   canonical.Time
	last  canonical.Time // the newest thing that the copy shows
	spans float64        // the part of the time since the case was opened that the copy keeps
	moved []store.Move

	reports  map[string]string // by the first one's identifiers
	evidence map[string]string
	digests  map[canonical.Digest]canonical.Digest
}

// maker prepares a copy that is made now. The newest thing that it shows happens now; so the copy comes in
// as a case does whose last report has just come in. A case that grew for long is older then than its
// promise lets it wait: its times are drawn together, to a quarter of the promise.
func (d *Room) maker(src source, now canonical.Time) *maker {
	m := &maker{Room: d, src: src, now: now, last: src.shown.Opened, spans: 1, reports: map[string]string{}, evidence: map[string]string{}, digests: map[canonical.Digest]canonical.Digest{}}
	later := func(at canonical.Time) {
		if at.After(m.last.Time) {
			m.last = at
		}
	}
	for _, r := range src.reports {
		later(r.Received)
	}
	for _, e := range src.evidence {
		later(e.At)
		later(e.Copied)
		later(e.doc.At)
	}
	for _, move := range src.moves {
		if told(move, src.shown.Version) {
			later(move.Time)
		}
	}
	span := m.last.Sub(src.shown.Opened.Time)
	if most := src.first.Due.Sub(src.first.Opened.Time) / 4; span > most && most > 0 {
		m.spans = float64(most) / float64(span)
	}
	return m
}

// told reports whether a move stands in the history of a copy: what came in, and nothing that people did.
func told(m store.Move, version int64) bool {
	if m.Version > version {
		return false
	}
	switch m.Move {
	case "opened", "reported", "evidence", "matched":
		return true
	}
	return false
}

// at shifts a time.
func (m *maker) at(was canonical.Time) canonical.Time {
	opened := m.src.shown.Opened
	begins := m.now.Add(-time.Duration(float64(m.last.Sub(opened.Time)) * m.spans))
	switch {
	case was.IsZero():
		return was
	case !was.After(opened.Time):
		return canonical.At(begins.Add(was.Sub(opened.Time)))
	case !was.Before(m.last.Time):
		return m.now
	}
	return canonical.At(begins.Add(time.Duration(float64(was.Sub(opened.Time)) * m.spans)))
}

// id makes an identifier as of a time.
func (m *maker) id(prefix string, at canonical.Time) string {
	return id.Source{Now: func() time.Time { return at.Time }, Rand: m.desk.IDs.Rand}.New(prefix)
}

// make makes the case, and stores its evidence and what was seen.
func (m *maker) make(t *kernel.Tx, readings map[string]linkv1.Reading) (cases.Case, casework.LookView, error) {
	shown, first := m.src.shown, m.src.first
	opened := m.at(shown.Opened)
	c := cases.Case{ID: m.id(cases.CasePrefix, opened), Version: 1, State: cases.Waiting, Sort: first.Sort, Subject: shown.Subject, Of: shown.Of, Owner: shown.Owner, Reasons: []cases.Reason{}, Sources: []string{},
		Severity: shown.Severity, Language: shown.Language, Reporters: shown.Reporters, Opened: opened, Started: opened, Updated: opened, By: first.By, Tier: first.Tier, Reach: first.Reach, Born: first.Born, Likely: first.Likely, Score: first.Score}
	for _, n := range shown.Counts {
		c.Reports += n.Count
		c.Reasons, c.Sources = append(c.Reasons, n.Reason), append(c.Sources, n.Source)
	}
	slices.Sort(c.Reasons)
	slices.Sort(c.Sources)
	c.Reasons, c.Sources = slices.Compact(c.Reasons), slices.Compact(c.Sources)
	view := casework.LookView{Readings: readings, Reports: map[string]string{}, Shown: shown}
	view.Shown.Case, view.Shown.Opened, view.Shown.Claim, view.Shown.Version, view.Shown.Question = c.ID, opened, 0, 0, ""
	view.Shown.Reports = slices.Clone(shown.Reports)
	for i, r := range shown.Reports {
		fresh := m.report(r.ID, m.at(m.src.reports[r.ID].Received))
		view.Reports[fresh] = r.ID
		view.Shown.Reports[i].ID, view.Shown.Reports[i].At, view.Shown.Reports[i].Withdrawn = fresh, m.at(r.At), m.at(r.Withdrawn)
	}
	for _, e := range slices.Backward(m.src.evidence) { // the oldest first
		if err := m.copyEvidence(t, c.ID, e); err != nil {
			return c, view, err
		}
	}
	view.Shown.Evidence = nil // it stands in rows
	if shown.Seen != nil {
		seen := *shown.Seen
		seen.At = m.at(seen.At)
		reading := m.src.look.Reading
		t.SaveSeen(c.ID, seen, reading)
	}
	view.Shown.Seen = nil
	for _, move := range m.src.moves {
		if !told(move, shown.Version) {
			continue
		}
		c.Version = int64(len(m.moved)) + 1
		c.Updated = m.at(move.Time)
		detail, err := m.detail(move)
		if err != nil {
			return c, view, err
		}
		m.moved = append(m.moved, store.Move{Case: c.ID, Version: c.Version, Move: move.Move, Worker: move.Worker, Time: c.Updated, Detail: detail})
	}
	return c, view, nil
}

// report returns the identifier under which a copy has a report.
func (m *maker) report(of string, at canonical.Time) string {
	if of == "" {
		return ""
	}
	if _, ok := m.reports[of]; !ok {
		m.reports[of] = m.id(cases.ReportPrefix, at)
	}
	return m.reports[of]
}

// copyEvidence stores an evidence for the copy.
func (m *maker) copyEvidence(t *kernel.Tx, caseID string, e copied) error {
	doc, row := e.doc, e.Evidence
	row.ID, row.Case, row.At, row.Copied = m.id(cases.EvidencePrefix, m.at(e.At)), caseID, m.at(e.At), m.at(e.Copied)
	row.Report = m.report(e.Report, row.At)
	doc.ID, doc.Report, doc.At, doc.Reported = row.ID, m.report(doc.Report, row.At), m.at(doc.At), m.at(doc.Reported)
	b, digest, err := doc.Bytes()
	if err != nil {
		return err
	}
	row.Document = digest
	m.evidence[e.ID], m.digests[e.Document] = row.ID, digest
	t.KeepEvidenceText(digest, b)
	t.InsertEvidence(row)
	for _, p := range e.pictures {
		p.Evidence = row.ID
		t.SaveEvidencePicture(p)
	}
	return nil
}

// detail returns the detail of a move with the identifiers of the copy.
func (m *maker) detail(move store.Move) ([]byte, error) {
	var all map[string]any
	if err := canonical.Unmarshal(move.Detail, &all); err != nil {
		return nil, fmt.Errorf("the detail of a move is not as it was written: %w", err)
	}
	if of, ok := all["report"].(string); ok {
		all["report"] = m.report(of, m.at(move.Time))
	}
	if of, ok := all["evidence"].(string); ok {
		if _, known := m.evidence[of]; !known {
			m.evidence[of] = m.id(cases.EvidencePrefix, m.at(move.Time))
		}
		all["evidence"] = m.evidence[of]
	}
	if of, ok := all["document"].(string); ok {
		var was canonical.Digest
		if err := was.UnmarshalText([]byte(of)); err != nil {
			return nil, err
		}
		if now, known := m.digests[was]; known {
			all["document"] = now.String()
		}
	}
	return canonical.Marshal(all)
}
