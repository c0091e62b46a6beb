package main

import (
	queue "container/heap"
	"crypto/ed25519"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// BenchmarkReserved has agents work on open cases for as long as people take (casework, section 7:
// lognormal with medians of 12 s spam, 45 s text, 150 s harassment, 16 in 100 with a measure), and
// counts how many calls of next give a case that was reserved. Time is the desk's clock, which goes
// from one thing that somebody does to the next one. The agents do what the script of the page does.
// A measure takes three presses of a second each, so that its rule is pressed 3 s before the end;
// *no violation* is one press.
func BenchmarkReserved(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			for _, c := range []struct {
				name   string
				people int
				each   int
				of     []sort
			}{
				{"spam", 40, 40, []sort{spamSort}}, {"text", 40, 40, []sort{textSort}}, {"harassment", 40, 40, []sort{harassmentSort}},
				{"mixed", 40, 40, mixedSorts}, {"mixed-200", 200, 12, mixedSorts},
			} {
				b.Run(c.name, func(b *testing.B) {
					w := newShift(b, kind.url(b), c.people, c.each+warmEach, c.of)
					w.work(c.each + warmEach)
					all := float64(w.calls)
					b.ReportMetric(100*float64(w.before+w.at)/all, "reserved-%")
					b.ReportMetric(100*float64(w.before)/all, "before-the-last-key-%")
					b.ReportMetric(100*float64(w.lapsed)/all, "lapsed-%")
					b.ReportMetric(all, "calls")
					b.ReportMetric(0, "ns/op")
				})
			}
		})
	}
}

// warmEach is how many cases each agent decides before calls are counted, so that the desk knows the
// median of the queue.
const warmEach = 4

// sort is a sort of cases that takes a median time.
type sort struct {
	reason cases.Reason
	median time.Duration
}

var (
	spamSort       = sort{"MisleadingSpam", 12 * time.Second}
	textSort       = sort{"Other", 45 * time.Second}
	harassmentSort = sort{"HarassmentTroll", 150 * time.Second}
	mixedSorts     = []sort{spamSort, textSort, spamSort, harassmentSort, textSort, spamSort, spamSort, textSort, spamSort, textSort}
)

// spread is that of the logarithms of handling times.
const spread = 0.5

// shift is an office in which agents work by its clock.
type shift struct {
	*desktest.Office
	b      *testing.B
	random *rand.Rand
	agents []*atWork
	todo   events

	calls, before, at, lapsed int
	left                      int // cases that are to be decided
}

// atWork is an agent with the case on their screen.
type atWork struct {
	agent
	n      int // cases that were begun
	taken  casework.Taken
	number int64 // of the reservation; 0: none
	until  canonical.Time
	early  bool // it was made before the last key
}

func newShift(b *testing.B, url string, people, each int, of []sort) *shift {
	b.Helper()
	w := &shift{b: b, random: rand.New(rand.NewPCG(40, 2017)), left: people * each}
	w.Office = desktest.NewOffice(b, desktest.Options{URL: url, Budgets: actions.DefaultBudgets(), Formats: actions.NewestFormats})
	w.Clock().Hold()
	w.admit(people)
	var all []cases.Report
	for i := range people * (each + 2) {
		kind := of[i%len(of)]
		all = append(all, cases.Report{At: canonical.At(w.Clock().Now()), ExternalID: fmt.Sprint("report-", i), Reason: string(kind.reason), Text: "Look at it.", Language: "en", Scores: []cases.Score{},
			Reporter: cases.Reporter{ID: fmt.Sprint("acct/", 1_000_000+i)}, Evidence: cases.Told{Language: "en"}})
		all[i].Subject.Platform, all[i].Subject.ID = "plaza", fmt.Sprint("post/", 2_000_000+i)
	}
	from := w.AdmitProgram("bench", "ann", cases.SourcePerson)
	for some := range slices.Chunk(all, 1000) {
		got, err := w.Desk.TakeReports(b.Context(), from, some)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range got {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
		}
	}
	return w
}

// admit brings agents in, who have no accounts of their own, and starts their sessions.
func (w *shift) admit(n int) {
	now := w.Clock().Now()
	for first := 0; first < n; first += 50 { // as many as one change may enrol
		var records []workforce.Record
		var enrol []actions.Enrolment
		for i := first; i < min(first+50, n); i++ {
			r := workforce.Record{Worker: workforce.WorkerID(fmt.Sprintf("agent%03d", i)), Vendor: "acme", Roles: []workforce.Role{workforce.Agent}, Team: "support", Manager: "gus",
				Site: "site", Zone: "Europe/Lisbon", Start: canonical.At(now.AddDate(-1, 0, 0)), Last: canonical.At(now.AddDate(1, 0, 0))}
			records = append(records, r)
			enrol = append(enrol, w.Enrolment(r.Worker))
		}
		w.Admit(false, records...)
		w.Change(actions.DeskKey, actions.Keys{Enrol: enrol})
		for _, r := range records {
			w.Owns(r.Worker)
			s, key := w.Session(r.Worker)
			if _, err := w.Desk.StartSession(w.b.Context(), desktest.As(r.Worker), s); err != nil {
				w.b.Fatal(err)
			}
			w.agents = append(w.agents, &atWork{agent: agent{id: r.Worker, session: s.Session.Digest(), key: key}})
		}
	}
}

// event is something that an agent does on a case at an instant.
type event struct {
	at time.Time
	of *atWork
	n  int // of the agent's case
	do func()
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// in has an agent do something after a time, if the same case is on the screen then.
func (w *shift) in(d time.Duration, of *atWork, do func()) {
	queue.Push(&w.todo, event{w.Clock().Now().Add(d), of, of.n, do})
}

// work has everybody work until so many cases are decided.
func (w *shift) work(each int) {
	for i, a := range w.agents {
		w.in(time.Duration(i)*time.Second/4, a, func() { w.next(a) })
	}
	var swept time.Time
	for w.left > 0 && len(w.todo) > 0 && !w.b.Failed() {
		e := queue.Pop(&w.todo).(event)
		if e.n != e.of.n {
			continue
		}
		if d := e.at.Sub(w.Clock().Now()); d > 0 {
			w.Clock().Advance(d)
		}
		if e.at.Sub(swept) >= 5*time.Second { // a desk does it every second
			swept = e.at
			w.check(w.Desk.Sweep(w.b.Context()))
		}
		e.do()
	}
}

func (w *shift) check(err error) {
	if err != nil {
		w.b.Error(err)
	}
}

// next claims the next case, and plans what its agent does with it.
func (w *shift) next(a *atWork) {
	had := w.reservation(a.id)
	taken, err := w.Desk.Next(w.b.Context(), desktest.As(a.id), "")
	if err != nil {
		w.b.Error(err)
		return
	}
	if a.n++; a.n > warmEach+1 {
		w.calls++
		switch {
		case had == taken.Case.ID && a.early:
			w.before++
		case had == taken.Case.ID:
			w.at++
		case a.early:
			w.lapsed++
		}
	}
	a.taken, a.number, a.early = taken, 0, false
	median := textSort.median
	switch taken.Case.Reasons[0] {
	case spamSort.reason:
		median = spamSort.median
	case harassmentSort.reason:
		median = harassmentSort.median
	}
	takes := time.Duration(float64(median) * math.Exp(spread*w.random.NormFloat64()))
	after, err := w.Desk.ReserveAfter(w.b.Context(), taken.Case.Queue)
	w.check(err)
	w.in(after, a, func() { w.reserve(a, 0, true) })
	if w.random.Float64() < 0.16 {
		w.in(max(takes/2, takes-3*time.Second), a, func() { w.reserve(a, 0, true) })
	}
	w.in(takes, a, func() { w.decide(a) })
	w.extend(a)
}

// extend has the claim go on a minute before its end.
func (w *shift) extend(a *atWork) {
	w.in(a.taken.Case.Until.Sub(w.Clock().Now())-time.Minute, a, func() {
		c, err := w.Desk.Extend(w.b.Context(), desktest.As(a.id), a.taken.Case.ID, a.taken.Claim.Number, 60)
		w.check(err)
		a.taken.Case.Until = c.Until
		w.extend(a)
	})
}

// reserve does what the page's script does; early: it is not the last key.
func (w *shift) reserve(a *atWork, number int64, early bool) {
	now := w.Clock().Now()
	if number == 0 && a.number > 0 && now.Before(a.until.Time) {
		return
	}
	r, err := w.Desk.Reserve(w.b.Context(), desktest.As(a.id), casework.ReserveWish{Case: a.taken.Case.ID, Claim: a.taken.Claim.Number, Number: number})
	w.check(err)
	more := r.Number > 0 && !(number > 0 && r.Until == a.until)
	if r.Number > 0 && number == 0 {
		a.early = early
	}
	a.number, a.until = r.Number, r.Until
	if more {
		w.in(r.Until.Sub(now)-10*time.Second, a, func() { w.reserve(a, r.Number, early) })
	}
}

// decide hands in that the case breaks no rule, and goes on to the next one.
func (w *shift) decide(a *atWork) {
	ctx := w.b.Context()
	w.reserve(a, 0, false)
	d, err := w.Desk.DraftDecision(ctx, desktest.As(a.id), a.taken.Case.ID, casework.Judgement{Claim: a.taken.Claim.Number, Version: a.taken.Case.Version, Verdict: actions.CaseNoViolation, Session: a.session})
	if err != nil {
		w.b.Error(err)
		return
	}
	c := d.Decision.Signed.Statement.Challenge()
	d.Decision.Signed.Signature = actions.Signature{Signature: ed25519.Sign(a.key, c[:])}
	if _, err := w.Desk.Decide(ctx, desktest.As(a.id), a.taken.Case.ID, casework.Verdict{Decision: d.Decision}); err != nil {
		w.b.Error(err)
		return
	}
	w.left--
	w.next(a)
}

// reservation returns the case that is reserved for an agent; empty: none is.
func (w *shift) reservation(of workforce.WorkerID) (id string) {
	if err := w.Store.ReadOne(w.b.Context(), func(tx *store.Tx) error {
		r, ok, err := tx.Reservation(of)
		if ok && !r.Over(tx.Now()) {
			id = r.Case
		}
		return err
	}); err != nil {
		w.b.Error(err)
	}
	return id
}
