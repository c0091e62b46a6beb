// Package recount counts the day's work anew: reports, cases, decisions and measures, from the
// documents of the rolls and the entries of the ledger, and never from a counter of the desk's.
//
// It is pure. It trusts only what it is given with proof: documents that fit their commitments
// and are in rolls, and what an audit of the ledger has found. It says of each report in which
// case it is now, and of each decision whether it was signed by the holder of the claim, on
// what was shown, once.
package recount

import (
	"cmp"
	"fmt"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
)

// Finding is something that does not agree.
type Finding struct {
	Type string `json:"type"` // stable
	Of   string `json:"of"`   // the report, case, decision or deed
	Text string `json:"text"`
}

// Count is the result of a recount.
type Count struct {
	Reports   int64 `json:"reports"`    // that came in
	InOpen    int64 `json:"in_open"`    // in cases without a decision that stands
	InDecided int64 `json:"in_decided"` // in cases with one

	Cases     int64     `json:"cases"`
	Decisions int64     `json:"decisions"` // all that were made
	TakenBack int64     `json:"taken_back"`
	Measures  int64     `json:"measures"` // that decisions list
	Deeds     int64     `json:"deeds"`
	Openings  int64     `json:"openings"`
	Hashed    int64     `json:"hashed"` // documents that were shown, whose bytes were hashed again
	Findings  []Finding `json:"findings"`
}

// Recount takes documents, in the order of each sort, and counts.
type Recount struct {
	out       Count
	reports   map[string]*report
	handed    map[string]string // by program and external_id: the report
	subjects  map[string]string // of cases, by the reports that they took
	cases     map[string]bool
	decisions []*decision
	deeds     []deed
	joined    []proof.JoinedCases
	ended     []proof.EndedMeasure
	openings  map[claim][]opening // a claim shows its case again when the case has changed
	said      []proof.StatedAt
	of        []string // what said is of
}

// report is where a report is, and which decision judged it.
type report struct {
	at       canonical.Time
	severity cases.Severity
	in       string         // the case that it is in
	since    canonical.Time // when it came there
	judged   *decision      // that stands; nil: none has judged it
	ever     bool           // some decision judged it
}

type claim struct {
	caseID string
	number int64
}

type opening struct {
	at   canonical.Time
	data cases.OpeningData
}

type decision struct {
	id      string
	at      canonical.Time
	data    cases.DecisionData
	whole   *actions.Decision // nil: erased
	screen  *cases.Shown      // that was shown for it; nil: it cannot be read
	shownAt canonical.Time    // zero: it was not shown
	back    bool
}

type deed struct {
	id    string
	at    canonical.Time
	data  cases.DeedData
	order cases.Order
	open  bool // its order was not erased
}

// New begins a recount.
func New() *Recount {
	return &Recount{out: Count{Findings: []Finding{}}, reports: map[string]*report{}, handed: map[string]string{}, subjects: map[string]string{}, cases: map[string]bool{}, openings: map[claim][]opening{}}
}

func (r *Recount) found(typ, of, format string, args ...any) {
	r.out.Findings = append(r.out.Findings, Finding{typ, of, fmt.Sprintf(format, args...)})
}

// Add takes a document that fits its commitment. It has the form of the last argument of
// proof.AuditDocuments.
func (r *Recount) Add(d ledger.Document, _ bool) error {
	id := d.Body.ID
	unreadable := func(err error) error {
		r.found("unreadable", id, "The %s document %d cannot be read: %s", d.Sort, d.Number, fault.TextOf(err))
		return nil
	}
	switch d.Sort {
	case ledger.ReportDocument:
		var data cases.ReportData
		if err := canonical.UnmarshalExact(d.Body.Data, &data); err != nil {
			return unreadable(err)
		}
		r.report(d, data)
	case ledger.DecisionDocument:
		var data cases.DecisionData
		if err := canonical.UnmarshalExact(d.Body.Data, &data); err != nil {
			return unreadable(err)
		}
		r.decision(d, data)
	case ledger.DeedDocument:
		var data cases.DeedData
		if err := canonical.UnmarshalExact(d.Body.Data, &data); err != nil {
			return unreadable(err)
		}
		one := deed{id: id, at: d.Body.Time, data: data}
		r.deedFits(d, data)
		if value, ok := opened(d, cases.FieldOrder); ok {
			order, err := cases.ParseOrder(value)
			if err != nil {
				return unreadable(err)
			}
			one.order, one.open = order, true
		}
		r.out.Deeds++
		r.deeds = append(r.deeds, one)
		r.say(id, d.Body.Time, entry.Said{Signed: data.Deed.Signed, Deed: &data.Deed})
	case ledger.OpeningDocument:
		var data cases.OpeningData
		if err := canonical.UnmarshalExact(d.Body.Data, &data); err != nil {
			return unreadable(err)
		}
		r.out.Openings++
		at := claim{data.Case, data.Claim}
		if have := r.openings[at]; len(have) > 0 && have[0].data.Worker != data.Worker {
			r.found("claimed-twice", data.Case, "Claim %d of the case %s was shown to %s and to %s.", data.Claim, data.Case, have[0].data.Worker, data.Worker)
		}
		r.openings[at] = append(r.openings[at], opening{d.Body.Time, data})
	}
	return nil
}

// report takes the document of a report.
func (r *Recount) report(d ledger.Document, data cases.ReportData) {
	id := d.Body.ID
	r.out.Reports++
	r.reports[id] = &report{at: d.Body.Time, severity: data.Severity, in: data.Case, since: d.Body.Time}
	r.cases[data.Case] = true
	for _, o := range d.Openings {
		if o.Name != cases.FieldReport {
			continue
		}
		var told cases.Report
		if err := canonical.Unmarshal(o.Value, &told); err != nil {
			r.found("unreadable", id, "The words of the report cannot be read: %s", fault.TextOf(err))
			return
		}
		handed := data.Program + "\x00" + told.ExternalID
		if other, twice := r.handed[handed]; twice {
			r.found("counted-twice", id, "%s handed in %q once, and it is counted as %s as well.", data.Program, told.ExternalID, other)
		}
		r.handed[handed] = id
		subject := subjectName(told.Subject.Platform, told.Subject.ID)
		if other, known := r.subjects[data.Case]; known && other != subject {
			r.found("other-subject", id, "The report is about %s, and the case %s, which took it, is about %s.", subject, data.Case, other)
		}
		r.subjects[data.Case] = subject
	}
}

func subjectName(on, id string) string { return on + ":" + id }

// deedFits compares the document of a deed with what was signed: the case, and the text.
func (r *Recount) deedFits(d ledger.Document, data cases.DeedData) {
	id, signed := d.Body.ID, data.Deed.Deed
	ofCase := signed.What.OfCase()
	if ofCase && signed.Of != data.Case {
		r.found("bad-deed", id, "%s signed a deed on %s, and the document says that it was done on %s.", data.Deed.Signed.Statement.Signer, signed.Of, data.Case)
	}
	for _, o := range d.Openings {
		if commitment, err := o.Commitment(); o.Name == signed.What.SealedBy() && (err != nil || commitment != signed.Text) {
			r.found("bad-deed", id, "%s signed another text of %s than the document holds.", data.Deed.Signed.Statement.Signer, signed.What)
		}
	}
}

// opened returns the text of a sealed field that was not erased.
func opened(d ledger.Document, name string) (string, bool) {
	for _, o := range d.Openings {
		var text string
		if o.Name == name && canonical.Unmarshal(o.Value, &text) == nil {
			return text, true
		}
	}
	return "", false
}

func (r *Recount) say(of string, at canonical.Time, said entry.Said) {
	r.said, r.of = append(r.said, proof.StatedAt{At: at, Said: said}), append(r.of, of)
}

func (r *Recount) decision(d ledger.Document, data cases.DecisionData) {
	id := d.Body.ID
	r.out.Decisions++
	r.out.Measures += int64(len(data.Requests))
	one := &decision{id: id, at: d.Body.Time, data: data}
	r.decisions = append(r.decisions, one)
	st := data.Signed.Statement
	if st.Verdict != actions.VerdictDecide {
		r.found("bad-decision", id, "What %s signed is no decision.", st.Signer)
	}
	r.say(id, d.Body.Time, entry.Said{Signed: data.Signed, Sessions: data.Sessions})
	for _, o := range d.Openings {
		if o.Name != cases.FieldDecision {
			continue
		}
		var whole actions.Decision
		if err := canonical.UnmarshalExact(o.Value, &whole); err != nil {
			r.found("bad-decision", id, "The decision cannot be read: %s", fault.TextOf(err))
			return
		}
		measures := len(whole.Measures)
		if data.Proposal { // which has no effect
			measures = 0
		}
		switch {
		case whole.Digest() != st.Document:
			r.found("bad-decision", id, "%s signed another decision than the one that the document holds.", st.Signer)
		case whole.Case != data.Case, whole.Version != data.Version, whole.Claim != data.Claim, whole.Evidence != data.Evidence, whole.Verdict != data.Verdict, whole.Rule.Rule() != data.Rule, len(data.Requests) != measures:
			r.found("bad-decision", id, "The document says something else than the decision that %s signed.", st.Signer)
		default:
			one.whole = &whole
			r.said[len(r.said)-1].Rules = whole.Rule.Set
		}
	}
}

// Statements returns what people signed in the documents, for proof.AuditStatements.
func (r *Recount) Statements() []proof.StatedAt { return r.said }

// Signed takes what proof.AuditStatements found.
func (r *Recount) Signed(found []error) {
	for i, err := range found {
		if err != nil {
			r.found("unsigned", r.of[i], "What %s signed does not count: %s", r.said[i].Said.Statement.Signer, fault.TextOf(err))
		}
	}
}

// Joined takes the cases that the desk merged by itself, as an audit of the ledger found them.
func (r *Recount) Joined(all []proof.JoinedCases) { r.joined = all }

// Ended takes the measures that ended without being carried out: the decisions that list them do
// not stand.
func (r *Recount) Ended(all []proof.EndedMeasure) { r.ended = all }

// Count works out where each report is and which decision judged it, and compares decisions with
// what was shown and with the measures that name them. named are the decisions that the ledger's
// requests name; shown returns the bytes that were shown under a digest.
func (r *Recount) Count(named []proof.NamedDecision, shown func(canonical.Digest) ([]byte, error)) (Count, error) {
	if err := r.judged(shown); err != nil {
		return r.out, err
	}
	r.history()
	r.measures(named)
	for _, one := range r.reports {
		if one.judged != nil {
			r.out.InDecided++
		} else {
			r.out.InOpen++
		}
	}
	r.out.Cases = int64(len(r.cases))
	r.sort()
	return r.out, nil
}

// judged compares each decision with the claim that it names and with what the claim showed.
func (r *Recount) judged(shown func(canonical.Digest) ([]byte, error)) error {
	once := map[claim]string{} // by case and version
	screens := map[canonical.Digest]*cases.Shown{}
	hashed := map[canonical.Digest]bool{}
	for _, d := range r.decisions {
		at := claim{d.data.Case, d.data.Version}
		if other, twice := once[at]; twice {
			r.found("decided-twice", d.id, "The case %s was decided in version %d by %s as well.", d.data.Case, d.data.Version, other)
		}
		once[at] = d.id
		signer := d.data.Signed.Statement.Signer
		shownTo := r.openings[claim{d.data.Case, d.data.Claim}]
		i := slices.IndexFunc(shownTo, func(o opening) bool { return o.data.Document == d.data.Evidence })
		switch {
		case d.data.Look != "" && (r.cases[d.data.Case] || r.made(d.data.Case)):
			r.found("no-copy", d.id, "The decision on %s is one of a second look, which carries nothing out, and reports opened the case.", d.data.Case)
		case d.data.Look != "" && len(d.data.Requests) > 0:
			r.found("no-copy", d.id, "The decision on %s is one of a second look, which carries nothing out, and lists requests.", d.data.Case)
		case d.data.Look == "" && !r.cases[d.data.Case] && !r.made(d.data.Case):
			r.found("no-case", d.id, "The case %s was decided, and no report ever opened it.", d.data.Case)
		case len(shownTo) == 0:
			r.found("not-shown", d.id, "The case %s was decided under claim %d, under which it was shown to nobody.", d.data.Case, d.data.Claim)
		case shownTo[0].data.Worker != signer:
			r.found("other-claim", d.id, "%s decided the case %s under claim %d, which is of %s.", signer, d.data.Case, d.data.Claim, shownTo[0].data.Worker)
		case i < 0:
			r.found("not-shown", d.id, "%s decided the case %s on something else than claim %d showed.", signer, d.data.Case, d.data.Claim)
		case shownTo[i].at.After(d.at.Time):
			r.found("not-shown", d.id, "%s decided the case %s before it was shown.", signer, d.data.Case)
		default:
			d.shownAt = shownTo[i].at
		}
		if !hashed[d.data.Evidence] {
			hashed[d.data.Evidence] = true
			body, err := shown(d.data.Evidence)
			if err != nil && fault.KindOf(err) != fault.NotFound {
				return err
			}
			r.out.Hashed++
			if err != nil || canonical.Sum(body) != d.data.Evidence {
				r.found("evidence-altered", d.id, "What was shown to %s for the decision on %s is not what the desk keeps under its digest.", signer, d.data.Case)
				continue
			}
			if screens[d.data.Evidence], err = r.copied(d, body, hashed, shown); err != nil {
				return err
			}
		}
		if d.screen = screens[d.data.Evidence]; d.screen == nil {
			continue
		}
		switch x := d.screen; {
		case x.Case != d.data.Case, x.Claim != d.data.Claim, x.Version != d.data.Version:
			r.found("not-shown", d.id, "%s decided the case %s in version %d under claim %d, and was shown the case %s in version %d under claim %d.", signer, d.data.Case, d.data.Version, d.data.Claim, x.Case, x.Version, x.Claim)
		case d.whole != nil && (d.whole.Subject.Platform != x.Subject.Platform || d.whole.Subject.ID != x.Subject.ID):
			r.found("other-subject", d.id, "%s decided on %s, and was shown %s.", signer, subjectName(d.whole.Subject.Platform, d.whole.Subject.ID), subjectName(x.Subject.Platform, x.Subject.ID))
		}
	}
	return nil
}

// made reports whether a split made a case.
func (r *Recount) made(caseID string) bool {
	return slices.ContainsFunc(r.deeds, func(d deed) bool { return d.data.Made == caseID })
}

// copied hashes the documents of evidence that what was shown names by their digests.
// It returns what was shown; nil if it cannot be read.
func (r *Recount) copied(d *decision, body []byte, hashed map[canonical.Digest]bool, shown func(canonical.Digest) ([]byte, error)) (*cases.Shown, error) {
	var screen cases.Shown
	if err := canonical.Unmarshal(body, &screen); err != nil {
		r.found("evidence-altered", d.id, "What was shown for the decision on %s is no %s.", d.data.Case, cases.ShownVersion)
		return nil, nil
	}
	for _, e := range screen.Evidence {
		if e.Digest.IsZero() || hashed[e.Digest] {
			continue
		}
		hashed[e.Digest] = true
		document, err := shown(e.Digest)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return nil, err
		}
		r.out.Hashed++
		if err != nil || canonical.Sum(document) != e.Digest {
			r.found("evidence-altered", d.id, "The evidence %s, which was shown for the decision on %s, is not what the desk keeps under its digest.", e.Digest, d.data.Case)
		}
	}
	return &screen, nil
}

// measures demands that each decision that a request names is in a document, and lists it.
func (r *Recount) measures(named []proof.NamedDecision) {
	by := map[canonical.Digest]*decision{}
	for _, d := range r.decisions {
		by[d.data.Signed.Statement.Document] = d
	}
	asked := map[string]bool{}
	for _, n := range named {
		asked[n.Request] = true
		d, ok := by[n.Decision]
		switch {
		case !ok:
			r.found("decision-missing", n.Request, "The request %s (entry %d of the ledger) is a measure of a decision that is in no document.", n.Request, n.Index)
		case !slices.Contains(d.data.Requests, n.Request):
			r.found("not-listed", n.Request, "The request %s (entry %d of the ledger) names the decision %s, which does not list it.", n.Request, n.Index, d.id)
		}
	}
	for _, d := range r.decisions {
		for _, request := range d.data.Requests {
			if !asked[request] {
				r.found("measure-missing", d.id, "The decision %s lists the request %s, which the ledger does not have.", d.id, request)
			}
		}
	}
}

// Held is what the desk's rows say of one case, to be compared.
type Held struct {
	Case     string
	Reports  int64 // that the case counts
	Rows     int64 // of reports that are in it
	Severity cases.Severity
	State    cases.State
}

// Compare compares the desk's own counters and states with the recount, after Count, and returns
// the count with what it found.
func (r *Recount) Compare(all []Held) Count {
	n, unjudged, never := map[string]int64{}, map[string]int64{}, map[string]int64{}
	worst := map[string]cases.Severity{}
	for _, one := range r.reports {
		n[one.in]++
		if one.severity.Rank() > worst[one.in].Rank() {
			worst[one.in] = one.severity
		}
		if one.judged == nil {
			unjudged[one.in]++
		}
		if !one.ever {
			never[one.in]++
		}
	}
	seen := map[string]bool{}
	for _, h := range all {
		seen[h.Case] = true
		if n[h.Case] != h.Reports {
			r.found("counter-differs", h.Case, "The desk says that the case %s has %d reports; there are documents of %d.", h.Case, h.Reports, n[h.Case])
		}
		if n[h.Case] != h.Rows {
			r.found("rows-differ", h.Case, "The desk keeps rows of %d reports in the case %s; there are documents of %d.", h.Rows, h.Case, n[h.Case])
		}
		if h.State.Open() && h.Severity.Rank() < worst[h.Case].Rank() {
			r.found("severity-differs", h.Case, "The desk says that the case %s is of the severity %s; it was reported as %s.", h.Case, h.Severity, worst[h.Case])
		}
		// Of a decision that fell a moment ago, the case comes back by a job.
		if left := unjudged[h.Case]; h.State == cases.Closed && left > 0 {
			r.found("unjudged", h.Case, "The desk says that the case %s is closed, and no decision that stands judged %d of its reports.", h.Case, left)
		} else if left := never[h.Case]; h.State == cases.Decided && left > 0 {
			r.found("unjudged", h.Case, "The desk says that the case %s is decided, and no decision ever judged %d of its reports.", h.Case, left)
		}
	}
	for id, count := range n {
		if !seen[id] {
			r.found("case-missing", id, "There are %d reports in the case %s, which the desk does not have.", count, id)
		}
	}
	r.sort()
	return r.out
}

func (r *Recount) sort() {
	slices.SortFunc(r.out.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Of, b.Of), cmp.Compare(a.Text, b.Text))
	})
}
