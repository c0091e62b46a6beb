package casework

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// TrialDays is how far back a queue set is tried, and MostTried the largest number of cases for it.
const (
	TrialDays = 30
	MostTried = 100_000
	// shownMoves and shownExamples bound what a trial names.
	shownMoves    = 50
	shownExamples = 3
	trialPage     = 2000
)

// Trial is what a queue set would have done with the cases of the last days.
type Trial struct {
	Since canonical.Time // the cases that were opened from here on
	Tried int64
	All   bool // all cases since then; otherwise the newest MostTried
	Moved int64
	Moves []TrialMove // the most frequent first
	Late  []TrialLate // by queue of the tried set, in its order, those with cases
	Staff []TrialStaff
	Needs []string // why a second person signs it, each in a sentence; empty: since several sign every set
}

// TrialMove is that cases would have waited in another queue.
type TrialMove struct {
	From, To string
	Count    int64
	Sooner   int64    // of these, due sooner
	Later    int64    // of these, due later
	Examples []string // cases that the caller may read
}

// TrialLate is how many cases of a queue of the tried set would have been decided late, if they had been
// decided when they were, and how many of the same cases were.
type TrialLate struct {
	Queue   string
	Cases   int64
	Decided int64
	Late    int64
	Was     int64
	Waiting int64 // not decided yet, and late by now
}

// TrialStaff is who may work on a queue of the tried set now.
type TrialStaff struct {
	Queue string
	All   int64 // for a vendor's people: at that vendor
	Own   int64 // at the caller's company
	New   bool  // the set in force has no queue of the name
}

// TryQueues tries a queue set on the cases of the last days. It stores nothing. It is for leads and
// officers.
func (d *Room) TryQueues(ctx context.Context, by kernel.Caller, text string) (Trial, error) {
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return Trial{}, err
	}
	if !st.Has(workforce.Lead) && !st.Has(workforce.Officer) {
		return Trial{}, fault.New(fault.Forbidden, "not-a-lead", "Leads and officers try queue sets: what one shows is about everybody's work.")
	}
	rules, old, err := d.rules(ctx, s)
	if err != nil {
		return Trial{}, err
	}
	fresh, err := cases.ParseQueues(text, rules)
	if err != nil {
		return Trial{}, err
	}
	d.trying.Lock() // one at a time: each reads many cases
	defer d.trying.Unlock()
	now := d.desk.Now()
	out := Trial{Since: canonical.At(now.AddDate(0, 0, -TrialDays)), All: true}
	staff := d.staff(s, old)
	freshStaff := d.staff(s, fresh)
	moves := map[[2]string]*TrialMove{}
	late := map[string]*TrialLate{}
	before := ""
	for {
		var page []store.TriedCase
		if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
			page, err = stx.TriedCases(before, out.Since, trialPage)
			return err
		}); err != nil {
			return Trial{}, err
		}
		for _, c := range page {
			before = c.ID
			if out.Tried == MostTried {
				out.All = false
				break
			}
			out.Tried++
			next := c.Case.Placed(fresh, canonical.Digest{})
			l := late[next.Queue]
			if l == nil {
				l = &TrialLate{Queue: next.Queue}
				late[next.Queue] = l
			}
			l.count(c, next.Due, now, st.Vendor == "" || c.Vendor == st.Vendor)
			if next.Queue == c.Queue {
				continue
			}
			out.Moved++
			m := moves[[2]string{c.Queue, next.Queue}]
			if m == nil {
				m = &TrialMove{From: c.Queue, To: next.Queue}
				moves[[2]string{c.Queue, next.Queue}] = m
			}
			m.Count++
			switch {
			case next.Due.Before(c.Due.Time):
				m.Sooner++
			case c.Due.Before(next.Due.Time):
				m.Later++
			}
			if len(m.Examples) < shownExamples && d.reads(s, st, by.Worker, c.Case) {
				m.Examples = append(m.Examples, c.ID)
			}
		}
		if len(page) < trialPage || !out.All {
			break
		}
	}
	for _, m := range slices.SortedFunc(maps.Values(moves), func(a, b *TrialMove) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	}) {
		if len(out.Moves) < shownMoves {
			out.Moves = append(out.Moves, *m)
		}
	}
	for i := range fresh.Queues {
		q := &fresh.Queues[i]
		if l := late[q.Name]; l != nil {
			out.Late = append(out.Late, *l)
		}
		_, _, known := old.Queue(q.Name)
		who := TrialStaff{Queue: q.Name, All: freshStaff[q.Name].all, Own: freshStaff[q.Name].vendors[st.Vendor], New: !known}
		if st.Vendor != "" {
			who.All = who.Own
		}
		out.Staff = append(out.Staff, who)
	}
	out.Needs = needs(old, fresh, staff, freshStaff, out.Moves)
	return out, nil
}

// count counts one case. When others' people decided is their company's figure.
func (l *TrialLate) count(c store.TriedCase, due canonical.Time, now time.Time, own bool) {
	l.Cases++
	switch {
	case !c.Met.IsZero() && !own:
	case !c.Met.IsZero():
		l.Decided++
		if due.Before(c.Met.Time) {
			l.Late++
		}
		if c.Due.Before(c.Met.Time) {
			l.Was++
		}
	case c.State.Open() && due.Before(now):
		l.Waiting++
	}
}

// staffed is how many people may work on a queue, by company.
type staffed struct {
	all     int64
	vendors map[workforce.VendorID]int64
}

// staff counts who may work on each queue of a set now.
func (d *Room) staff(s *proof.State, set *cases.QueueSet) map[string]staffed {
	out := map[string]staffed{}
	now := d.desk.Now()
	for i := range set.Queues {
		of := staffed{vendors: map[workforce.VendorID]int64{}}
		for _, seat := range s.People.Seats() {
			if st := s.People.StandingOf(&seat.Worker, now); st.Engaged && d.mayWorkQueue(s, st, &set.Queues[i]) {
				of.all++
				of.vendors[st.Vendor]++
			}
		}
		out[set.Queues[i].Name] = of
	}
	return out
}

// needs says what of a change a second person looks at.
func needs(old, fresh *cases.QueueSet, was, is map[string]staffed, moves []TrialMove) (all []string) {
	for i := range fresh.Queues {
		q := &fresh.Queues[i]
		if is[q.Name].all == 0 {
			all = append(all, fmt.Sprintf("Nobody may work on the queue %s: its cases would wait for ever.", q.Name))
		}
		before, _, ok := old.Queue(q.Name)
		if !ok {
			continue
		}
		for _, sev := range cases.Severities {
			if q.Promise[sev] > before.Promise[sev] {
				all = append(all, fmt.Sprintf("In the queue %s, cases of the severity %s may wait longer: %s in the place of %s.", q.Name, sev, wording.Many(int(q.Promise[sev]), "minute"), wording.Many(int(before.Promise[sev]), "minute")))
			}
		}
		if q.Hours != nil && q.Hours.Words() != before.Hours.Words() {
			all = append(all, fmt.Sprintf("In the queue %s, promises count other hours: %s in the place of %s.", q.Name, q.Hours.Words(), before.Hours.Words()))
		}
	}
	for _, m := range moves {
		if a, b := was[m.From].vendors, is[m.To].vendors; !slices.Equal(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))) {
			all = append(all, fmt.Sprintf("%s would move from the queue %s to %s, on which other companies work.", wording.Many(int(m.Count), "case"), m.From, m.To))
		}
		if m.Later > 0 {
			all = append(all, fmt.Sprintf("%s would be due later in the queue %s than in %s.", wording.Many(int(m.Later), "case"), m.To, m.From))
		}
	}
	return all
}
