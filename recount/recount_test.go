package recount_test

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
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
	ended []proof.EndedMeasure
	joins []proof.JoinedCases
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
	d.held = []recount.Held{row("cas_1", 3, cases.Closed), row("cas_2", 0, cases.Merged), row("cas_3", 1, cases.Waiting)}
	return d
}

// row is what the desk's rows say of a case.
func row(id string, reports int64, state cases.State) recount.Held {
	return recount.Held{Case: id, Reports: reports, Rows: reports, Severity: cases.Low, State: state}
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

func (d *day) report(id, in string) { d.reported(id, in, "square-"+id, cases.Low, "post/1") }

// reported takes a report in a case, handed in under a name of the program's, about a subject.
func (d *day) reported(id, in, external string, severity cases.Severity, subject string) {
	told := cases.Report{ExternalID: external, Subject: platform.Subject{Platform: "plaza", ID: subject}, Scores: []cases.Score{}}
	if in == "cas_2" || in == "cas_3" {
		told.Subject.ID = "post/" + in
	}
	d.add(ledger.ReportDocument, id, cases.ReportData{Case: in, Program: "square", Reason: "MisleadingSpam", Severity: severity, Source: cases.SourcePerson},
		ledger.Opening{Name: cases.FieldReport, Value: canonical.MustMarshal(told)})
}

// screen is what is shown of the case of most tests, with a word of its own.
func screen(word string) cases.Shown {
	return cases.Shown{V: cases.ShownVersion, Case: "cas_1", Claim: 1, Version: 4, Question: word, Severity: cases.Low, Subject: platform.Subject{Platform: "plaza", ID: "post/1"},
		Counts:    []cases.ShownCount{{Count: 3, Reason: "MisleadingSpam", Source: cases.SourcePerson}},
		Decisions: []cases.ShownDecision{}, Evidence: []cases.ShownEvidence{}, Reports: []cases.ShownReport{}, Strikes: map[string]int64{}}
}

func card(word string) []byte { return canonical.MustMarshal(screen(word)) }

func (d *day) opening(in string, claim int64, by workforce.WorkerID, word string) {
	d.opened(in, claim, by, screen(word))
}

// opened shows a screen to somebody.
func (d *day) opened(in string, claim int64, by workforce.WorkerID, x cases.Shown) {
	body := canonical.MustMarshal(x)
	d.shown[canonical.Sum(body)] = body
	d.add(ledger.OpeningDocument, in+"."+string(rune('0'+claim)), cases.OpeningData{Case: in, Claim: claim, Document: canonical.Sum(body), Version: x.Version, Worker: by})
}

// deed does a deed on a case, as it was signed.
func (d *day) deed(id, on string, deed actions.Deed, order cases.Order, data cases.DeedData) {
	d.t.Helper()
	sealed := proof.Sealing(deed.What, order.Text(), make([]byte, 32))
	commitment, err := sealed.Commitment()
	if err != nil {
		d.t.Fatal(err)
	}
	deed.V, deed.Text, deed.Nonce = actions.DeedVersion, commitment, make([]byte, 32)
	data.Case, data.Deed.Deed = on, deed
	data.Deed.Signed.Statement.Document = deed.Digest()
	d.add(ledger.DeedDocument, id, data, sealed)
}

func (d *day) merge(id, from, into string) {
	d.deed(id, from, actions.Deed{What: actions.DeedMerge, Of: from, Version: 1}, cases.Order{Into: into, Note: "the same person"},
		cases.DeedData{Version: 2, Deed: actions.SignedDeed{Signed: said("ann", actions.VerdictAct, canonical.Digest{})}})
}

func (d *day) takeBack(id, decision string, by workforce.WorkerID) {
	d.at = d.at.Add(-50 * time.Second)
	d.deed(id, "cas_1", actions.Deed{What: actions.DeedTakeBack, Of: decision, Version: 4}, cases.Order{},
		cases.DeedData{Version: 6, Deed: actions.SignedDeed{Signed: said(by, actions.VerdictWithdraw, canonical.Digest{})}})
}

func said(by workforce.WorkerID, v actions.Verdict, of canonical.Digest) actions.Signed {
	return actions.Signed{Statement: actions.Statement{V: actions.StatementV2, Verdict: v, Signer: by, Document: of}}
}

func (d *day) decision(id, in string, claim, version int64, by workforce.WorkerID, word string, requests ...string) {
	d.decides(id, by, cases.DecisionData{Case: in, Claim: claim, Version: version, Evidence: canonical.Sum(card(word)), Requests: requests, Verdict: actions.CaseViolation})
}

// decides makes a decision.
func (d *day) decides(id string, by workforce.WorkerID, data cases.DecisionData) {
	whole := actions.Decision{V: actions.DecisionVersion, Case: data.Case, Claim: data.Claim, Version: data.Version, Evidence: data.Evidence, Verdict: data.Verdict, Nonce: []byte(id),
		Subject: platform.Subject{Platform: "plaza", ID: "post/1"}}
	for range data.Requests {
		whole.Measures = append(whole.Measures, canonical.Sum([]byte(id)))
	}
	data.Signed = said(by, actions.VerdictDecide, whole.Digest())
	d.add(ledger.DecisionDocument, id, data, ledger.Opening{Name: cases.FieldDecision, Value: canonical.MustMarshal(whole)})
	for _, request := range data.Requests {
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
	r.Joined(d.joins)
	r.Ended(d.ended)
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
	back.held[0].State = cases.Claimed
	if got := back.count(); got.TakenBack != 1 || got.InOpen != 4 || len(got.Findings) > 0 {
		t.Errorf("after a take-back: got %+v", got)
	}
}

// TestRecountHistory: what is not judged counts as open: a first verdict judges nothing, and
// neither does a decision that fell, or that was made before a report came. What the desk joined
// by itself is where it says.
func TestRecountHistory(t *testing.T) {
	for what, test := range map[string]struct {
		open, decided int64
		happens       func(*day)
	}{
		"a first verdict": {2, 3, func(d *day) {
			d.reported("rep_5", "cas_4", "grave", cases.Highest, "post/4")
			d.decides("dec_2", "ann", cases.DecisionData{Case: "cas_4", Claim: 1, Version: 3, Proposal: true, Verdict: actions.CaseNoViolation, Evidence: d.grave("cas_4", 1, 3, "ann")})
			d.held = append(d.held, row("cas_4", 1, cases.Escalated))
			d.held[3].Severity = cases.Highest
		}},
		"a failed measure": {4, 0, func(d *day) {
			d.ended = append(d.ended, proof.EndedMeasure{At: canonical.At(d.at.Add(time.Second)), Request: "req_1"})
			d.held[0].State = cases.Waiting
		}},
		"a report after the decision, while its measure is held": {2, 3, func(d *day) {
			d.report("rep_5", "cas_1")
			d.held[0] = row("cas_1", 4, cases.Held)
		}},
		"a case that the desk joined": {4, 1, func(d *day) {
			d.takeBack("dee_2", "dec_1", "ann")
			d.reported("rep_5", "cas_4", "later", cases.Low, "post/1")
			d.joins = append(d.joins, proof.JoinedCases{At: canonical.At(d.at.Add(time.Second)), Case: "cas_4", Into: "cas_1"})
			d.at = d.at.Add(time.Hour)
			d.decision("dec_2", "cas_3", 1, 4, "ann", "shown of 3")
			d.held = append(d.held, row("cas_4", 0, cases.Merged))
			d.held[0] = row("cas_1", 4, cases.Waiting)
			d.held[2].State = cases.Closed
			x := screen("shown of 3")
			x.Case, x.Subject.ID = "cas_3", "post/cas_3"
			last := d.docs[ledger.DecisionDocument]
			d.docs[ledger.DecisionDocument] = last[:len(last)-1]
			d.opened("cas_3", 1, "ann", x)
			d.on("post/cas_3", "dec_2", "ann", cases.DecisionData{Case: "cas_3", Claim: 1, Version: 4, Verdict: actions.CaseNoViolation, Evidence: canonical.Sum(canonical.MustMarshal(x))})
		}},
	} {
		t.Run(what, func(t *testing.T) {
			d := newDay(t)
			test.happens(d)
			got := d.count()
			if len(got.Findings) > 0 || got.InOpen != test.open || got.InDecided != test.decided {
				t.Errorf("got %d open, %d decided and %+v; want %d and %d", got.InOpen, got.InDecided, got.Findings, test.open, test.decided)
			}
		})
	}
}

// grave shows a case of the highest severity to somebody, and returns the digest of what it shows.
func (d *day) grave(in string, claim, version int64, by workforce.WorkerID) canonical.Digest {
	x := screen("grave")
	x.Case, x.Claim, x.Version, x.Severity, x.Subject.ID = in, claim, version, cases.Highest, "post/1"
	d.opened(in, claim, by, x)
	return canonical.Sum(canonical.MustMarshal(x))
}

// on makes a decision on a subject.
func (d *day) on(subject, id string, by workforce.WorkerID, data cases.DecisionData) {
	whole := actions.Decision{V: actions.DecisionVersion, Case: data.Case, Claim: data.Claim, Version: data.Version, Evidence: data.Evidence, Verdict: data.Verdict, Nonce: []byte(id),
		Subject: platform.Subject{Platform: "plaza", ID: subject}}
	data.Signed = said(by, actions.VerdictDecide, whole.Digest())
	d.add(ledger.DecisionDocument, id, data, ledger.Opening{Name: cases.FieldDecision, Value: canonical.MustMarshal(whole)})
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
		"unreadable":        func(d *day) { d.add(ledger.ReportDocument, "rep_9", map[string]string{"something": "else"}) },
		"erased":            func(d *day) { d.docs[ledger.DeedDocument][0].Openings = nil },
		"unjudged":          func(d *day) { d.held[2].State = cases.Closed },
		"unjudged, decided": func(d *day) { d.held[2].State = cases.Decided },
		"unjudged, after it": func(d *day) {
			d.report("rep_5", "cas_1")
			d.held[0] = row("cas_1", 4, cases.Closed)
		},
		"rows-differ": func(d *day) { d.held[0].Rows-- },
		"severity-differs": func(d *day) {
			d.reported("rep_5", "cas_3", "grave", cases.Highest, "")
			d.held[2] = row("cas_3", 2, cases.Waiting)
		},
		"counted-twice": func(d *day) {
			d.reported("rep_5", "cas_3", "square-rep_4", cases.Low, "")
			d.held[2] = row("cas_3", 2, cases.Waiting)
		},
		"other-subject": func(d *day) {
			d.reported("rep_5", "cas_1", "elsewhere", cases.Low, "post/7")
		},
		"other-subject, decided": func(d *day) {
			x := screen("of another")
			x.Claim, x.Version, x.Subject.ID = 2, 5, "post/7"
			d.opened("cas_1", 2, "ann", x)
			d.decides("dec_2", "ann", cases.DecisionData{Case: "cas_1", Claim: 2, Version: 5, Verdict: actions.CaseNoViolation, Evidence: canonical.Sum(canonical.MustMarshal(x))})
		},
		"not-shown, but an older version": func(d *day) { d.decision("dec_2", "cas_1", 1, 5, "ann", "shown to ann") },
		"bad-deed": func(d *day) {
			d.deed("dee_2", "cas_3", actions.Deed{What: actions.DeedMerge, Of: "cas_7", Version: 1}, cases.Order{Into: "cas_1", Note: "a note"}, cases.DeedData{Version: 2})
		},
		"bad-deed, with another text": func(d *day) {
			deed := actions.Deed{V: actions.DeedVersion, What: actions.DeedMerge, Of: "cas_3", Version: 1, Nonce: make([]byte, 32), Text: canonical.Sum([]byte("another"))}
			d.add(ledger.DeedDocument, "dee_2", cases.DeedData{Case: "cas_3", Deed: actions.SignedDeed{Deed: deed}}, proof.Sealing(deed.What, cases.Order{Into: "cas_1", Note: "a note"}.Text(), make([]byte, 32)))
		},
		"case-closed": func(d *day) {
			d.merge("dee_2", "cas_1", "cas_3")
			d.held[0], d.held[2] = row("cas_1", 0, cases.Merged), row("cas_3", 4, cases.Waiting)
		},
		"late": func(d *day) {
			d.at = d.at.Add(time.Hour)
			d.takeBack("dee_2", "dec_1", "ann")
		},
		"decided-again": func(d *day) {
			x := screen("again")
			x.Claim, x.Version = 2, 6
			d.opened("cas_1", 2, "bob", x)
			d.decides("dec_2", "bob", cases.DecisionData{Case: "cas_1", Claim: 2, Version: 6, Verdict: actions.CaseNoViolation, Evidence: canonical.Sum(canonical.MustMarshal(x))})
		},
		"report-hidden": func(d *day) {
			x := screen("fewer")
			x.Claim, x.Version, x.Counts = 2, 6, x.Counts[:0]
			d.opened("cas_1", 2, "bob", x)
			d.decides("dec_2", "bob", cases.DecisionData{Case: "cas_1", Claim: 2, Version: 6, Verdict: actions.CaseNoViolation, Evidence: canonical.Sum(canonical.MustMarshal(x))})
		},
		"one-alone": func(d *day) {
			d.reported("rep_5", "cas_1", "grave", cases.Highest, "post/1")
			x := screen("milder than it is") // the desk shows that it is not grave
			x.Claim, x.Version = 2, 6
			d.opened("cas_1", 2, "bob", x)
			d.decides("dec_2", "bob", cases.DecisionData{Case: "cas_1", Claim: 2, Version: 6, Verdict: actions.CaseNoViolation, Evidence: canonical.Sum(canonical.MustMarshal(x))})
		},
		"one-alone, with a first verdict of one's own": func(d *day) {
			d.reported("rep_5", "cas_1", "grave", cases.Highest, "post/1")
			d.decides("dec_2", "bob", cases.DecisionData{Case: "cas_1", Claim: 2, Version: 6, Proposal: true, Verdict: actions.CaseNoViolation, Evidence: d.grave("cas_1", 2, 6, "bob")})
			d.decides("dec_3", "bob", cases.DecisionData{Case: "cas_1", Claim: 3, Version: 8, First: "dec_2", Verdict: actions.CaseNoViolation, Evidence: d.grave("cas_1", 3, 8, "bob")})
		},
	} {
		t.Run(want, func(t *testing.T) {
			d := newDay(t)
			break_(d)
			got := d.count()
			want, _, _ := strings.Cut(want, ",")
			if !slices.ContainsFunc(got.Findings, func(f recount.Finding) bool { return f.Type == want }) {
				t.Errorf("got the findings %+v, want one of type %s", got.Findings, want)
			}
		})
	}
}
