package store_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/store"
	"countersign.dev/store/storetest"
	"countersign.dev/workforce"
)

// caseFields draw a new value for each field of a case that a change may write.
var caseFields = func() []func(*rapid.T, *cases.Case) {
	text := func(r *rapid.T) string {
		return rapid.SampledFrom([]string{"", "a", "b", "ü\u202e'\\"}).Draw(r, "text")
	}
	number := func(r *rapid.T) int64 { return rapid.SampledFrom([]int64{0, 1, 2, 1 << 40}).Draw(r, "number") }
	at := func(r *rapid.T) canonical.Time {
		return rapid.SampledFrom([]canonical.Time{{}, canonical.FromMicro(1), canonical.FromMicro(1_800_000_000_000_001)}).Draw(r, "time")
	}
	digest := func(r *rapid.T) canonical.Digest {
		return rapid.SampledFrom([]canonical.Digest{canonical.Sum(nil), canonical.Sum([]byte{1})}).Draw(r, "digest")
	}
	return []func(*rapid.T, *cases.Case){
		func(r *rapid.T, c *cases.Case) { c.Version = 1 + number(r) },
		func(r *rapid.T, c *cases.Case) {
			c.State = rapid.SampledFrom([]cases.State{cases.Waiting, cases.Claimed, cases.Held, cases.Asked, cases.Snoozed, cases.Escalated, cases.Decided, cases.Closed, cases.Merged}).Draw(r, "state")
		},
		func(r *rapid.T, c *cases.Case) { c.Subject.Handle = text(r) },
		func(r *rapid.T, c *cases.Case) { c.Owner = text(r) },
		func(r *rapid.T, c *cases.Case) {
			c.Reasons = rapid.SampledFrom([][]cases.Reason{{}, {"Other"}, {"MisleadingSpam", "Other"}}).Draw(r, "reasons")
		},
		func(r *rapid.T, c *cases.Case) {
			c.Sources = rapid.SampledFrom([][]string{{}, {"person"}, {"authority", "person"}}).Draw(r, "sources")
		},
		func(r *rapid.T, c *cases.Case) {
			c.Severity = rapid.SampledFrom([]cases.Severity{cases.Low, cases.Medium, cases.Highest}).Draw(r, "severity")
		},
		func(r *rapid.T, c *cases.Case) { c.Language = text(r) },
		func(r *rapid.T, c *cases.Case) { c.Reports = number(r) },
		func(r *rapid.T, c *cases.Case) { c.Reports, c.Reporters = max(c.Reports-1, 0), max(c.Reporters-1, 0) }, // what has come goes again
		func(r *rapid.T, c *cases.Case) { c.Reporters = number(r) },
		func(r *rapid.T, c *cases.Case) { c.Queue = text(r) },
		func(r *rapid.T, c *cases.Case) { c.QueueSet = digest(r) },
		func(r *rapid.T, c *cases.Case) { c.Due = at(r) },
		func(r *rapid.T, c *cases.Case) { c.Opened = at(r) },
		func(r *rapid.T, c *cases.Case) { c.Updated = at(r) },
		func(r *rapid.T, c *cases.Case) { c.By = workforce.WorkerID(text(r)) },
		func(r *rapid.T, c *cases.Case) { c.Claim = number(r) },
		func(r *rapid.T, c *cases.Case) { c.Holder = workforce.WorkerID(text(r)) },
		func(r *rapid.T, c *cases.Case) { c.Until = at(r) },
		func(r *rapid.T, c *cases.Case) { c.Turn = workforce.WorkerID(text(r)) },
		func(r *rapid.T, c *cases.Case) { c.TurnWhy = text(r) },
		func(r *rapid.T, c *cases.Case) { c.Skips = number(r) },
		func(r *rapid.T, c *cases.Case) { c.Question = text(r) },
		func(r *rapid.T, c *cases.Case) { c.Into = text(r) },
		func(r *rapid.T, c *cases.Case) { c.Escalate = text(r) },
	}
}()

// TestSaveCaseByDifference: a case of which only the columns are written that have changed is
// afterwards the same as one that was written whole, however a change mixes what writes cases.
func TestSaveCaseByDifference(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, nil)
		n := 0
		rapid.Check(t, func(r *rapid.T) {
			write := func(do func(tx *store.Tx) error) {
				if err := s.Write(t.Context(), do); err != nil {
					r.Fatal(err)
				}
			}
			row := func(id string) (all map[string]string) {
				if err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
					all, err = tx.CaseRow(id)
					return err
				}); err != nil {
					r.Fatal(err)
				}
				delete(all, "id")
				delete(all, "subject") // of two open cases of one sort the subjects differ
				return all
			}
			n++
			c := cases.Case{ID: fmt.Sprintf("cas_%d", n), Version: 1, State: cases.Waiting, Sort: cases.Flagged, Reasons: []cases.Reason{}, Sources: []string{}}
			c.Subject.Platform, c.Subject.ID = "plaza", fmt.Sprintf("post/%d", n)
			for _, draw := range caseFields {
				draw(r, &c)
			}
			write(func(tx *store.Tx) error { tx.InsertCase(c); return nil })
			steps := rapid.SliceOfN(rapid.SampledFrom([]string{"save", "save", "count", "save later"}), 1, 4).Draw(r, "steps")
			drawn := make([]cases.Case, len(steps))
			for i, step := range steps {
				if step == "count" {
					c.Reports, c.Reporters, c.Updated = c.Reports+1, c.Reporters+1, canonical.FromMicro(int64(2+i))
				} else {
					for _, k := range rapid.SliceOfN(rapid.IntRange(0, len(caseFields)-1), 0, 5).Draw(r, "fields") {
						caseFields[k](r, &c)
					}
				}
				drawn[i] = c
			}
			for len(steps) > 0 {
				done := 1
				write(func(tx *store.Tx) error {
					if _, err := tx.CaseLocked(c.ID); err != nil {
						return err
					}
					for done = 0; done < len(steps); done++ {
						if steps[done] == "save later" && done > 0 {
							break // in another change
						}
						next := drawn[done]
						if steps[done] == "count" {
							tx.CountReport(next)
						} else {
							tx.SaveCase(next)
						}
					}
					return nil
				})
				steps, drawn = steps[done:], drawn[done:]
			}
			whole := c
			whole.ID, whole.Subject.ID = c.ID+"_whole", c.Subject.ID+"_whole"
			write(func(tx *store.Tx) error { tx.InsertCase(whole); return nil })
			if diff := cmp.Diff(row(whole.ID), row(c.ID)); diff != "" {
				r.Fatalf("written whole (-), and by its differences (+): %s", diff)
			}
		})
	})
}
