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
	reports   map[string]string // the case that each report is in
	cases     map[string]bool
	decisions []decision
	deeds     []deed
	openings  map[claim][]cases.OpeningData // a claim shows its case again when the case has changed
	said      []proof.StatedAt
	of        []string // what said is of
}

type claim struct {
	caseID string
	number int64
}

type decision struct {
	id   string
	at   canonical.Time
	data cases.DecisionData
	back bool
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
	return &Recount{out: Count{Findings: []Finding{}}, reports: map[string]string{}, cases: map[string]bool{}, openings: map[claim][]cases.OpeningData{}}
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
		r.out.Reports++
		r.reports[id], r.cases[data.Case] = data.Case, true
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
		if have := r.openings[at]; len(have) > 0 && have[0].Worker != data.Worker {
			r.found("claimed-twice", data.Case, "Claim %d of the case %s was shown to %s and to %s.", data.Claim, data.Case, have[0].Worker, data.Worker)
		}
		r.openings[at] = append(r.openings[at], data)
	}
	return nil
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
	r.decisions = append(r.decisions, decision{id: id, at: d.Body.Time, data: data})
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
		switch {
		case whole.Digest() != st.Document:
			r.found("bad-decision", id, "%s signed another decision than the one that the document holds.", st.Signer)
		case whole.Case != data.Case, whole.Version != data.Version, whole.Claim != data.Claim, whole.Evidence != data.Evidence, whole.Verdict != data.Verdict, whole.Rule.Rule() != data.Rule, len(whole.Measures) != len(data.Requests):
			r.found("bad-decision", id, "The document says something else than the decision that %s signed.", st.Signer)
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

// Count works out where each report is, and compares decisions with what was shown and with
// the measures that name them. named are the decisions that the ledger's requests name; shown
// returns the bytes that were shown under a digest.
func (r *Recount) Count(named []proof.NamedDecision, shown func(canonical.Digest) ([]byte, error)) (Count, error) {
	r.moves()
	if err := r.judged(shown); err != nil {
		return r.out, err
	}
	r.measures(named)
	decided := map[string]bool{}
	for _, d := range r.decisions {
		if !d.back {
			decided[d.data.Case] = true
		}
	}
	for _, of := range r.reports {
		if decided[of] {
			r.out.InDecided++
		} else {
			r.out.InOpen++
		}
	}
	r.out.Cases = int64(len(r.cases))
	r.sort()
	return r.out, nil
}

// moves applies merges, splits and take-backs in the order of their times.
func (r *Recount) moves() {
	slices.SortStableFunc(r.deeds, func(a, b deed) int { return a.at.Compare(b.at.Time) })
	for _, d := range r.deeds {
		switch d.data.Deed.Deed.What {
		case actions.DeedMerge:
			if !d.open {
				r.found("erased", d.id, "The order of a merge of %s is erased, so that nobody can tell where its reports are.", d.data.Case)
				continue
			}
			if !r.cases[d.order.Into] {
				r.found("no-case", d.id, "The case %s was merged into %s, which no report ever opened.", d.data.Case, d.order.Into)
			}
			for id, of := range r.reports {
				if of == d.data.Case {
					r.reports[id] = d.order.Into
				}
			}
		case actions.DeedSplit:
			for _, id := range d.order.Reports {
				if r.reports[id] != d.data.Case {
					r.found("not-in-case", d.id, "The report %s was split from the case %s, and was in %q.", id, d.data.Case, r.reports[id])
					continue
				}
				r.reports[id] = d.data.Made
			}
			if d.data.Made != "" {
				r.cases[d.data.Made] = true
			}
		case actions.DeedTakeBack:
			i := slices.IndexFunc(r.decisions, func(x decision) bool { return x.id == d.data.Deed.Deed.Of })
			switch {
			case i < 0:
				r.found("no-decision", d.id, "Somebody took back the decision %s, which is not there.", d.data.Deed.Deed.Of)
			case r.decisions[i].data.Signed.Statement.Signer != d.data.Deed.Signed.Statement.Signer:
				r.found("not-own", d.id, "%s took back the decision %s of %s.", d.data.Deed.Signed.Statement.Signer, r.decisions[i].id, r.decisions[i].data.Signed.Statement.Signer)
			default:
				r.decisions[i].back = true
				r.out.TakenBack++
			}
		}
	}
}

// judged compares each decision with the claim that it names and with what the claim showed.
func (r *Recount) judged(shown func(canonical.Digest) ([]byte, error)) error {
	once := map[claim]string{} // by case and version
	hashed := map[canonical.Digest]bool{}
	for _, d := range r.decisions {
		at := claim{d.data.Case, d.data.Version}
		if other, twice := once[at]; twice {
			r.found("decided-twice", d.id, "The case %s was decided in version %d by %s as well.", d.data.Case, d.data.Version, other)
		}
		once[at] = d.id
		signer := d.data.Signed.Statement.Signer
		shownTo := r.openings[claim{d.data.Case, d.data.Claim}]
		switch {
		case !r.cases[d.data.Case]:
			r.found("no-case", d.id, "The case %s was decided, and no report ever opened it.", d.data.Case)
		case len(shownTo) == 0:
			r.found("not-shown", d.id, "The case %s was decided under claim %d, under which it was shown to nobody.", d.data.Case, d.data.Claim)
		case shownTo[0].Worker != signer:
			r.found("other-claim", d.id, "%s decided the case %s under claim %d, which is of %s.", signer, d.data.Case, d.data.Claim, shownTo[0].Worker)
		case !slices.ContainsFunc(shownTo, func(o cases.OpeningData) bool { return o.Document == d.data.Evidence }):
			r.found("not-shown", d.id, "%s decided the case %s on something else than claim %d showed.", signer, d.data.Case, d.data.Claim)
		}
		if hashed[d.data.Evidence] {
			continue
		}
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
		if err := r.copied(d, body, hashed, shown); err != nil {
			return err
		}
	}
	return nil
}

// copied hashes the documents of evidence that what was shown names by their digests.
func (r *Recount) copied(d decision, body []byte, hashed map[canonical.Digest]bool, shown func(canonical.Digest) ([]byte, error)) error {
	var screen cases.Shown
	if err := canonical.Unmarshal(body, &screen); err != nil {
		r.found("evidence-altered", d.id, "What was shown for the decision on %s is no %s.", d.data.Case, cases.ShownVersion)
		return nil
	}
	for _, e := range screen.Evidence {
		if e.Digest.IsZero() || hashed[e.Digest] {
			continue
		}
		hashed[e.Digest] = true
		document, err := shown(e.Digest)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		r.out.Hashed++
		if err != nil || canonical.Sum(document) != e.Digest {
			r.found("evidence-altered", d.id, "The evidence %s, which was shown for the decision on %s, is not what the desk keeps under its digest.", e.Digest, d.data.Case)
		}
	}
	return nil
}

// measures demands that each decision that a request names is in a document, and lists it.
func (r *Recount) measures(named []proof.NamedDecision) {
	by := map[canonical.Digest]decision{}
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

// Held is what the desk says of one case, to be compared.
type Held struct {
	Case    string
	Reports int64
}

// Compare compares the desk's own counters with the recount, after Count, and returns the
// count with what it found.
func (r *Recount) Compare(all []Held) Count {
	n := map[string]int64{}
	for _, of := range r.reports {
		n[of]++
	}
	seen := map[string]bool{}
	for _, h := range all {
		seen[h.Case] = true
		if n[h.Case] != h.Reports {
			r.found("counter-differs", h.Case, "The desk says that the case %s has %d reports; there are documents of %d.", h.Case, h.Reports, n[h.Case])
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
