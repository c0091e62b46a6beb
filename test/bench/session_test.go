package main

import (
	"fmt"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
)

// BenchmarkSession measures standard takedowns on plaza, each with the decision of its
// case, under a session (formats 2), and in turns with them the same acts as a desk of the
// formats 1 takes them, signed with the person's own key.
//
// processor-us is the processor time, user and system, of desk and executor together for
// one executed act: from the submission until everything that follows from the act is done.
// Drafts are made and signed before. The platform is a process of its own and not counted.
func BenchmarkSession(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			c := newCommit(b, kind.url(b))
			first, now := newTownIn(b, kind.url(b), nil, actions.FirstFormats), newTown(b, kind.url(b), nil)
			now.start()
			var before, took times
			for i := range warm + rounds {
				if i == warm {
					before, took = nil, nil
					c.again()
				}
				c.once()
				for town, m := range map[*town]*times{first: &before, now: &took} {
					s := town.takedown(subjectOf(i))
					m.measure(func() { town.executed(s) })
					town.executed(town.undo(s.Signed.Statement.Request))
				}
			}
			b.Run("request", func(b *testing.B) {
				report(b, took, c)
				b.ReportMetric(before.p50(), "before-ms")
			})
			for _, x := range []struct {
				name string
				town *town
			}{{"processor", now}, {"processor-before", first}} {
				b.Run(x.name, func(b *testing.B) {
					v := newCheck(b)
					used := x.town.batch(&v)
					b.ReportMetric(used.Seconds()*1e6, "processor-us")
					b.ReportMetric(v.checks.p50(), "v-ms")
					b.ReportMetric(0, "ns/op")
				})
			}
		})
	}
}

// batch takes each account down once, twice over, and returns the processor time of one.
// The checks are measured between the batches.
func (t *town) batch(v *check) time.Duration {
	t.b.Helper()
	var used time.Duration
	for range batches {
		var all []acts.Submission
		for i := range accounts {
			w := wish(subjectOf(i))
			w.Case, w.Session = fmt.Sprintf("batch-%d", i), t.named()
			all = append(all, t.signed(t.Draft(t.b.Context(), desktest.As("ann"), w)))
		}
		t.followed()
		for range accounts {
			v.verify(t.b)
		}
		before := t.used()
		for _, s := range all {
			t.executed(s)
		}
		t.followed()
		used += t.used() - before
		for _, s := range all {
			t.executed(t.undo(s.Signed.Statement.Request))
		}
	}
	return used / (batches * accounts)
}

// batches is how often batch takes all accounts down.
const batches = 4

// used returns the processor time that desk and executor have used.
func (t *town) used() time.Duration { return processor(t.b) + t.calls.used(t.b) }
