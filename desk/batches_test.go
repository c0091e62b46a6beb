package desk_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/store"
)

// TestBatchesOfReports: however reports and their duplicates are spread over calls, in one call
// or several, with the same body or another one, by one program or two: the first of a name is
// taken, the same again gets its answer, another body is refused by itself, and every report is
// counted once, in the open case of its subject.
func TestBatchesOfReports(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		programs := []desk.ProgramCaller{of.AdmitProgram("one", "ann", cases.SourcePerson), of.AdmitProgram("two", "bob", cases.SourceAuthority)}
		type handed struct {
			name, subject int
			text          string
		}
		type named struct{ program, name int }
		round := 0
		rapid.Check(t, func(r *rapid.T) {
			round++
			one := rapid.Custom(func(r *rapid.T) handed {
				return handed{rapid.IntRange(0, 4).Draw(r, "name"), rapid.IntRange(0, 2).Draw(r, "subject"), rapid.SampledFrom([]string{"buy", "sell"}).Draw(r, "text")}
			})
			first, answer := map[named]handed{}, map[named]casework.Received{}
			caseOf, counts := map[int]string{}, map[string]int64{}
			for range rapid.IntRange(1, 3).Draw(r, "calls") {
				p := rapid.IntRange(0, 1).Draw(r, "program")
				batch := rapid.SliceOfN(one, 1, 8).Draw(r, "batch")
				var reports []cases.Report
				for _, h := range batch {
					reports = append(reports, flagged(fmt.Sprintf("%d-%d", round, h.name), fmt.Sprintf("post/%d-%d", round, h.subject), h.text))
				}
				got, err := of.Desk.TakeReports(t.Context(), programs[p], reports)
				if err != nil || len(got) != len(batch) {
					r.Fatalf("%d answers: %v", len(got), err)
				}
				for i, h := range batch {
					at := named{p, h.name}
					before, known := first[at]
					switch {
					case known && before != h:
						if err := got[i].Err; err == nil || got[i].Document != nil {
							r.Fatalf("%+v was taken after %+v", h, before)
						}
						refused(t, got[i].Err, "report-differs")
						continue
					case got[i].Err != nil || got[i].New == known || got[i].Document == nil || got[i].Promise == "":
						r.Fatalf("%+v, known: %t, is answered with %+v", h, known, got[i])
					case known && (got[i].Report.ID != answer[at].Report.ID || got[i].Promise != answer[at].Promise || got[i].Document.Number != answer[at].Document.Number):
						r.Fatalf("%+v is answered with %+v, and was with %+v", h, got[i], answer[at])
					}
					if id, open := caseOf[h.subject]; open && got[i].Report.Case != id {
						r.Fatalf("%+v is in the case %s, and not in %s", h, got[i].Report.Case, id)
					}
					if !known {
						first[at], answer[at], caseOf[h.subject] = h, got[i], got[i].Report.Case
						counts[got[i].Report.Case]++
					}
				}
			}
			if err := of.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
				for id, want := range counts {
					c, unread := tx.Case(id)
					rows, unheard := tx.ReportsOf(id, "", 100)
					if err = errors.Join(err, unread, unheard); c.Reports != want || int64(len(rows)) != want {
						r.Errorf("the case %s counts %d reports and has %d, want %d", id, c.Reports, len(rows), want)
					}
				}
				return err
			}); err != nil {
				r.Fatal(err)
			}
		})
	})
}

// TestMeasuresInAnotherOrder: the measures of a decision are handed in together, in its order.
// Otherwise nothing of it is taken; in its order it is.
func TestMeasuresInAnotherOrder(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		of.Flag("a", "post/1", "Other", "acct/9")
		taken := of.Take("ann")
		v, err := of.Judged("ann", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: 12, Reasons: "More than is usual.",
			Measures: []casework.Measure{{Kind: actions.ContentRemove}, {Kind: actions.AccountWarn}, {Kind: actions.ContentLabel, Value: desktest.Labels[0]}}})
		if err != nil {
			t.Fatal(err)
		}
		listed := slices.Clone(v.Measures)
		for what, order := range map[string][]int{"the first two exchanged": {1, 0, 2}, "backwards": {2, 1, 0}, "one left out": {0, 2}, "one twice": {0, 1, 1}, "one more": {0, 1, 2, 2}, "none": {}} {
			v.Measures = nil
			for _, i := range order {
				v.Measures = append(v.Measures, listed[i])
			}
			if _, err := of.Desk.Decide(t.Context(), desktest.As("ann"), taken.Case.ID, v); err == nil {
				t.Errorf("%s: it was taken", what)
			} else {
				refused(t, err, "bad-decision")
			}
		}
		count := func(query string) (n int) {
			if err := of.Store.Read(t.Context(), func(tx *store.Tx) error { return tx.QueryRow(query).Scan(&n) }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := count("select count(*) from case_decision") + count("select count(*) from case_measure"); n != 0 {
			t.Errorf("%d rows of a refused decision", n)
		}
		v.Measures = listed
		out, err := of.Desk.Decide(t.Context(), desktest.As("ann"), taken.Case.ID, v)
		if err != nil || len(out.Requests) != len(listed) {
			t.Fatalf("%+v: %v", out, err)
		}
		for i, r := range out.Requests {
			if r.ID != listed[i].Signed.Statement.Request {
				t.Errorf("the measure %d became the request %s", i+1, r.ID)
			}
		}
	})
}
