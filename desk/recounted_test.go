package desk_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/recount"
	"countersign.dev/store"
)

// recounted recounts what an office has done since documents and an entry: from its documents and
// entries, the bytes that were shown, and the rows of cases.
func recounted(t failer, w *desktest.World, from map[ledger.DocumentSort]int64, entries int64) recount.Count {
	r := recount.New()
	var named []proof.NamedDecision
	var held []recount.Held
	var joined []proof.JoinedCases
	var ended []proof.EndedMeasure
	head, err := w.Store.Head(w.Context())
	if err != nil {
		t.Fatalf("%v", err)
	}
	known := map[string]bool{}
	if err := w.Store.Read(w.Context(), func(tx *store.Tx) error {
		for _, sort := range ledger.DocumentSorts() {
			all, err := tx.Documents(sort, from[sort], 1<<40)
			if err != nil {
				return err
			}
			for _, d := range all {
				if d.Openings, err = tx.DocumentOpenings(sort, d.Number); err != nil {
					return err
				}
				if err := r.Add(d, true); err != nil {
					return err
				}
				data, err := caseIn(d)
				if err != nil {
					return err
				}
				known[data.Case], known[data.Made] = true, true
				for _, id := range data.Requests {
					request, err := tx.Request(id)
					if err != nil {
						return err
					}
					named = append(named, proof.NamedDecision{Request: id, Decision: request.Signed.Statement.Decision})
					switch request.Status {
					case actions.StatusHeld, actions.StatusApproved, actions.StatusExecuted, actions.StatusReversed, actions.StatusLifted:
					default:
						ended = append(ended, proof.EndedMeasure{At: request.Updated, Request: id})
					}
				}
			}
		}
		raw, err := tx.RawEntries(entries, head.Size, int(head.Size-entries), entry.KindCaseJoined)
		if err != nil {
			return err
		}
		for _, e := range raw {
			if e.Kind != entry.KindCaseJoined {
				continue
			}
			body, err := ledger.Verify(e.Leaf, e.Body, e.Salt)
			if err != nil {
				return err
			}
			var data entry.CaseJoined
			if err := canonical.Unmarshal(body.Data, &data); err != nil {
				return err
			}
			joined = append(joined, proof.JoinedCases{At: e.Time, Case: data.Case, Into: data.Into})
		}
		for after := ""; ; {
			page, err := tx.CaseReports(after, 1000)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, c := range page {
				if after = c.Case; known[c.Case] {
					held = append(held, recount.Held(c))
				}
			}
		}
	}); err != nil {
		t.Fatalf("%v", err)
	}
	r.Joined(joined)
	r.Ended(ended)
	if _, err := r.Count(named, func(digest canonical.Digest) (body []byte, err error) {
		err = w.Store.Read(w.Context(), func(tx *store.Tx) error {
			if body, err = tx.Shown(digest); fault.KindOf(err) == fault.NotFound {
				body, err = tx.EvidenceBytes(digest)
			}
			return err
		})
		return body, err
	}); err != nil {
		t.Fatalf("%v", err)
	}
	return r.Compare(held)
}

// caseIn returns the case of a document, the one that it made, and the requests that it lists.
func caseIn(d ledger.Document) (in struct {
	Case, Made string
	Requests   []string
}, err error) {
	switch d.Sort {
	case ledger.ReportDocument:
		var data cases.ReportData
		err = canonical.Unmarshal(d.Body.Data, &data)
		in.Case = data.Case
	case ledger.DecisionDocument:
		var data cases.DecisionData
		err = canonical.Unmarshal(d.Body.Data, &data)
		in.Case, in.Requests = data.Case, data.Requests
	case ledger.DeedDocument:
		var data cases.DeedData
		err = canonical.Unmarshal(d.Body.Data, &data)
		in.Case, in.Made = data.Case, data.Made
	case ledger.OpeningDocument:
		var data cases.OpeningData
		err = canonical.Unmarshal(d.Body.Data, &data)
		in.Case = data.Case
	}
	return in, err
}

// recounts recounts the office.
func (o office) recounts() recount.Count {
	o.t.Helper()
	return recounted(o.t, o.World, nil, 0)
}

// TestRowsAreRecounted (law 12): what somebody edits in the rows of cases and reports is found by
// a recount: a case that is closed without a decision, a report in another case, a lower severity,
// a report that is hidden from whoever judges.
func TestRowsAreRecounted(t *testing.T) {
	for what, edit := range map[string]struct{ sql, finds string }{
		"nothing":               {"", ""},
		"a case is closed":      {`update case_file set state = 'closed' where subject = 'post/1'`, "unjudged"},
		"a case is decided":     {`update case_file set state = 'decided' where subject = 'post/1'`, "unjudged"},
		"a report is moved":     {`update report set case_id = (select id from case_file where subject = 'post/2') where subject = 'post/1'`, "rows-differ"},
		"a counter is altered":  {`update case_file set reports = reports + 1 where subject = 'post/1'`, "counter-differs"},
		"a severity is lowered": {`update case_file set severity = 'low' where subject = 'post/1'`, "severity-differs"},
	} {
		t.Run(what, func(t *testing.T) {
			o := newOffice(t, desktest.Options{})
			o.Flag("1", "post/1", "ViolenceThreats", "acct/9")
			o.Flag("2", "post/2", "MisleadingSpam", "acct/9")
			if edit.sql != "" {
				sql(t, &desktest.Town{World: o.World}, edit.sql)
			}
			got := o.recounts()
			if edit.finds == "" {
				if len(got.Findings) > 0 || got.InOpen != 2 {
					t.Errorf("%+v", got)
				}
				return
			}
			for _, f := range got.Findings {
				if f.Type == edit.finds {
					return
				}
			}
			t.Errorf("found %+v, want %s", got.Findings, edit.finds)
		})
	}
}

// TestWithdrawnMarkHidesNothing (laws 12 and 14): that a report is marked as taken back does not
// hide it from whoever judges, so that a mark in its row makes nothing vanish.
func TestWithdrawnMarkHidesNothing(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		got := o.Flag("1", "post/1", "ViolenceThreats", "acct/9")
		o.Flag("2", "post/1", "MisleadingSpam", "acct/8")
		sql(t, &desktest.Town{World: o.World}, `update report set withdrawn = 7 where id = '`+got.Report.ID+`'`)
		shown := o.Take("ann").Shown
		if len(shown.Reports) != 2 || shown.Reports[1].ID != got.Report.ID || shown.Reports[1].Withdrawn.IsZero() || shown.Reports[1].Text == "" {
			t.Errorf("%+v", shown.Reports)
		}
		for _, c := range shown.Counts {
			if c.Withdrawn != (c.Reason == "ViolenceThreats") || c.Count != 1 {
				t.Errorf("%+v", c)
			}
		}
	})
}

// TestDecisionIsOnWhatWasShown (law 14): whoever knows the newest version of a case without having
// looked at it does not decide on what was shown of an older one.
func TestDecisionIsOnWhatWasShown(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
	taken := o.Take("ann")
	old, err := o.Judged("ann", taken, casework.Judgement{Verdict: actions.CaseNoViolation})
	if err != nil {
		t.Fatal(err)
	}
	o.Flag("2", "post/1", "HarassmentTroll", "acct/9")
	stale := taken
	stale.Case.Version = o.now(taken.Case.ID).Version
	_, err = o.TryDecide("ann", stale, casework.Judgement{Verdict: actions.CaseNoViolation})
	refused(t, err, "case-moved")
	old.Decision.Decision.Version = stale.Case.Version
	old.Decision.Signed.Statement.Document = old.Decision.Decision.Digest()
	old.Decision.Signed.Signature = o.Sign("ann", old.Decision.Signed.Statement.Challenge())
	_, err = o.Desk.Decide(t.Context(), desktest.As("ann"), taken.Case.ID, old)
	refused(t, err, "case-moved")
	if _, err := o.TryDecide("ann", o.claim("ann", taken.Case.ID), casework.Judgement{Verdict: actions.CaseNoViolation}); err != nil {
		t.Error(err)
	}
	if got := o.recounts(); len(got.Findings) > 0 || got.InDecided != 2 {
		t.Errorf("%+v", got)
	}
}
