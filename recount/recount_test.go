package recount_test

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/recount"
	"countersign.dev/workforce"
)

// day is a day's work of two reports in a case that is decided with one measure, one report in
// a case that is merged into it, and one in an open case.
type day struct {
	t     *testing.T
	at    time.Time
	docs  map[ledger.DocumentSort][]ledger.Document
	named []proof.NamedDecision
	shown map[canonical.Digest][]byte
	held  []recount.Held
}

func newDay(t *testing.T) *day {
	d := &day{t: t, at: time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC), docs: map[ledger.DocumentSort][]ledger.Document{}, shown: map[canonical.Digest][]byte{}}
	d.report("rep_1", "cas_1")
	d.report("rep_2", "cas_1")
	d.report("rep_3", "cas_2")
	d.report("rep_4", "cas_3")
	d.merge("dee_1", "cas_2", "cas_1")
	d.opening("cas_1", 1, "ann", "shown to ann")
	d.decision("dec_1", "cas_1", 1, 4, "ann", "shown to ann", "req_1")
	d.held = []recount.Held{{Case: "cas_1", Reports: 3}, {Case: "cas_2", Reports: 0}, {Case: "cas_3", Reports: 1}}
	return d
}

func (d *day) add(sort ledger.DocumentSort, id string, data any, sealed ...ledger.Opening) {
	d.t.Helper()
	d.at = d.at.Add(time.Minute)
	log := ledger.Log{Origin: "desk.example.com/ledger", Rand: rand.Reader}
	doc, err := log.Document(ledger.DocumentDraft{Sort: sort, ID: id, Data: data, Sealed: sealed}, canonical.At(d.at))
	if err != nil {
		d.t.Fatal(err)
	}
	doc.Number = int64(len(d.docs[sort]))
	if err := doc.Verify(); err != nil {
		d.t.Fatal(err)
	}
	d.docs[sort] = append(d.docs[sort], doc)
}

func (d *day) report(id, in string) {
	d.add(ledger.ReportDocument, id, cases.ReportData{Case: in, Program: "square", Reason: "MisleadingSpam", Severity: cases.Low, Source: cases.SourcePerson})
}

// card is what was shown, with a word of its own.
func card(word string) []byte {
	return canonical.MustMarshal(cases.Shown{V: cases.ShownVersion, Case: "cas_1", Question: word, Counts: []cases.ShownCount{}, Decisions: []cases.ShownDecision{},
		Evidence: []cases.ShownEvidence{}, Reports: []cases.ShownReport{}, Strikes: map[string]int64{}})
}

func (d *day) opening(in string, claim int64, by workforce.WorkerID, word string) {
	d.shown[canonical.Sum(card(word))] = card(word)
	d.add(ledger.OpeningDocument, in+"."+string(rune('0'+claim)), cases.OpeningData{Case: in, Claim: claim, Document: canonical.Sum(card(word)), Version: 2, Worker: by})
}

func (d *day) merge(id, from, into string) {
	order := cases.Order{Into: into, Note: "the same person"}
	deed := actions.Deed{V: actions.DeedVersion, What: actions.DeedMerge, Of: from, Version: 1, Nonce: make([]byte, 32)}
	d.add(ledger.DeedDocument, id, cases.DeedData{Case: from, Deed: actions.SignedDeed{Deed: deed, Signed: said("ann", actions.VerdictAct, deed.Digest())}, Version: 2},
		ledger.Opening{Name: cases.FieldOrder, Value: canonical.MustMarshal(order.Text())})
}

func (d *day) takeBack(id, decision string, by workforce.WorkerID) {
	deed := actions.Deed{V: actions.DeedVersion, What: actions.DeedTakeBack, Of: decision, Version: 4, Nonce: make([]byte, 32)}
	d.add(ledger.DeedDocument, id, cases.DeedData{Case: "cas_1", Deed: actions.SignedDeed{Deed: deed, Signed: said(by, actions.VerdictWithdraw, deed.Digest())}, Version: 6},
		ledger.Opening{Name: cases.FieldOrder, Value: canonical.MustMarshal(cases.Order{}.Text())})
}

func said(by workforce.WorkerID, v actions.Verdict, of canonical.Digest) actions.Signed {
	return actions.Signed{Statement: actions.Statement{V: actions.StatementV2, Verdict: v, Signer: by, Document: of}}
}

func (d *day) decision(id, in string, claim, version int64, by workforce.WorkerID, word string, requests ...string) {
	whole := actions.Decision{V: actions.DecisionVersion, Case: in, Claim: claim, Version: version, Evidence: canonical.Sum(card(word)), Verdict: actions.CaseViolation, Nonce: []byte(id)}
	for range requests {
		whole.Measures = append(whole.Measures, canonical.Sum([]byte(id)))
	}
	d.add(ledger.DecisionDocument, id, cases.DecisionData{Case: in, Claim: claim, Version: version, Evidence: whole.Evidence, Requests: requests, Verdict: whole.Verdict,
		Signed: said(by, actions.VerdictDecide, whole.Digest())}, ledger.Opening{Name: cases.FieldDecision, Value: canonical.MustMarshal(whole)})
	for _, request := range requests {
		d.named = append(d.named, proof.NamedDecision{Index: 77, Request: request, Decision: whole.Digest()})
	}
}

func (d *day) count() recount.Count {
	d.t.Helper()
	r := recount.New()
	for _, sort := range ledger.DocumentSorts() {
		for _, doc := range d.docs[sort] {
			if err := r.Add(doc, true); err != nil {
				d.t.Fatal(err)
			}
		}
	}
	if _, err := r.Count(d.named, func(digest canonical.Digest) ([]byte, error) {
		if body, ok := d.shown[digest]; ok {
			return body, nil
		}
		return nil, fault.New(fault.NotFound, "no-such-document", "Nothing was shown.")
	}); err != nil {
		d.t.Fatal(err)
	}
	return r.Compare(d.held)
}

func TestRecount(t *testing.T) {
	got := newDay(t).count()
	if len(got.Findings) > 0 {
		t.Fatalf("a day on which all agrees has the findings %+v", got.Findings)
	}
	if got.Reports != 4 || got.InDecided != 3 || got.InOpen != 1 || got.Decisions != 1 || got.Measures != 1 || got.Deeds != 1 || got.Openings != 1 || got.Hashed != 1 {
		t.Errorf("got %+v", got)
	}
	back := newDay(t)
	back.takeBack("dee_2", "dec_1", "ann")
	if got := back.count(); got.TakenBack != 1 || got.InOpen != 4 || len(got.Findings) > 0 {
		t.Errorf("after a take-back: got %+v", got)
	}
}

// TestRecountFinds: each thing that does not agree is named.
func TestRecountFinds(t *testing.T) {
	for want, break_ := range map[string]func(*day){
		"counter-differs":  func(d *day) { d.held[0].Reports = 2 },
		"case-missing":     func(d *day) { d.held = d.held[:2] },
		"evidence-altered": func(d *day) { d.shown[canonical.Sum(card("shown to ann"))] = card("altered") },
		"decision-missing": func(d *day) { d.docs[ledger.DecisionDocument] = nil },
		"measure-missing":  func(d *day) { d.named = nil },
		"not-listed": func(d *day) {
			d.named = append(d.named, proof.NamedDecision{Index: 78, Request: "req_9", Decision: d.named[0].Decision})
		},
		"decided-twice": func(d *day) { d.decision("dec_2", "cas_1", 1, 4, "ann", "shown to ann") },
		"other-claim":   func(d *day) { d.decision("dec_2", "cas_1", 1, 5, "bob", "shown to ann") },
		"not-shown":     func(d *day) { d.decision("dec_2", "cas_3", 1, 2, "ann", "shown to ann") },
		"no-case":       func(d *day) { d.decision("dec_2", "cas_9", 1, 2, "ann", "shown to ann") },
		"claimed-twice": func(d *day) { d.opening("cas_1", 1, "bob", "shown to bob") },
		"no-decision":   func(d *day) { d.takeBack("dee_2", "dec_9", "ann") },
		"not-own":       func(d *day) { d.takeBack("dee_2", "dec_1", "bob") },
		"bad-decision": func(d *day) {
			last := &d.docs[ledger.DecisionDocument][0]
			var whole actions.Decision
			if err := canonical.UnmarshalExact(last.Openings[0].Value, &whole); err != nil {
				d.t.Fatal(err)
			}
			whole.Verdict, whole.Measures = actions.CaseNoViolation, nil
			last.Openings[0].Value = canonical.MustMarshal(whole)
		},
		"unreadable": func(d *day) { d.add(ledger.ReportDocument, "rep_9", map[string]string{"something": "else"}) },
		"erased":     func(d *day) { d.docs[ledger.DeedDocument][0].Openings = nil },
	} {
		t.Run(want, func(t *testing.T) {
			d := newDay(t)
			break_(d)
			got := d.count()
			if !slices.ContainsFunc(got.Findings, func(f recount.Finding) bool { return f.Type == want }) {
				t.Errorf("got the findings %+v, want one of type %s", got.Findings, want)
			}
		})
	}
}
