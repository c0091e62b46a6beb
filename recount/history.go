package recount

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
)

// This file plays the day again: what moves reports between cases and what judges them, in the
// order of their times.

// event is one thing that happened. Of things at one instant those of a lower rank come first, so
// that nobody is found out by a clock that stood still.
type event struct {
	at   canonical.Time
	rank int
	do   func()
}

// player plays the history.
type player struct {
	*Recount
	in     map[string]map[string]bool // the reports in each case
	stands map[string]*decision       // the newest decision on each case that stands
}

// history plays reports, merges, splits, decisions, take-backs and failed measures again.
func (r *Recount) history() {
	p := player{Recount: r, in: map[string]map[string]bool{}, stands: map[string]*decision{}}
	var events []event
	add := func(at canonical.Time, rank int, do func()) { events = append(events, event{at, rank, do}) }
	for _, id := range slices.Sorted(maps.Keys(r.reports)) {
		add(r.reports[id].at, 0, func() { p.put(id, r.reports[id].in, r.reports[id].at) })
	}
	for _, d := range r.deeds {
		if d.data.Look != "" { // it moved no report
			continue
		}
		switch d.data.Deed.Deed.What {
		case actions.DeedMerge:
			add(d.at, 1, func() { p.merged(d) })
		case actions.DeedSplit:
			add(d.at, 1, func() { p.split(d) })
		case actions.DeedTakeBack:
			add(d.at, 3, func() { p.takenBack(d) })
		}
	}
	byRequest := map[string]*decision{}
	for _, d := range r.decisions {
		if d.data.Look != "" { // it judged no report
			continue
		}
		for _, request := range d.data.Requests {
			byRequest[request] = d
		}
		add(d.at, 2, func() { p.decided(d) })
	}
	for _, e := range r.ended {
		if d := byRequest[e.Request]; d != nil {
			add(e.At, 3, func() { p.falls(d) })
		}
	}
	for _, j := range r.joined {
		add(j.At, 4, func() { p.move(j.Case, j.Into, j.At) })
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Or(a.at.Compare(b.at.Time), cmp.Compare(a.rank, b.rank)) })
	for _, e := range events {
		e.do()
	}
}

// put puts a report into a case. What is decided there was decided without it.
func (p player) put(id, into string, at canonical.Time) {
	one := p.reports[id]
	delete(p.in[one.in], id)
	if p.in[into] == nil {
		p.in[into] = map[string]bool{}
	}
	p.in[into][id] = true
	one.in, one.since, one.judged = into, at, nil
}

// move puts all reports of a case into another one.
func (p player) move(from, into string, at canonical.Time) {
	for _, id := range slices.Sorted(maps.Keys(p.in[from])) {
		p.put(id, into, at)
	}
}

// leaves says that reports leave a case that is decided, which nobody may do.
func (p player) leaves(d deed) {
	if by := p.stands[d.data.Case]; by != nil && !slices.ContainsFunc(slices.Collect(maps.Keys(p.in[d.data.Case])), func(id string) bool { return p.reports[id].judged == nil }) {
		p.found("case-closed", d.id, "%s moved reports out of the case %s, which %s has decided.", d.data.Deed.Signed.Statement.Signer, d.data.Case, by.id)
	}
}

func (p player) merged(d deed) {
	if !d.open {
		p.found("erased", d.id, "The order of a merge of %s is erased, so that nobody can tell where its reports are.", d.data.Case)
		return
	}
	if !p.cases[d.order.Into] {
		p.found("no-case", d.id, "The case %s was merged into %s, which no report ever opened.", d.data.Case, d.order.Into)
	}
	p.leaves(d)
	p.move(d.data.Case, d.order.Into, d.at)
}

func (p player) split(d deed) {
	p.leaves(d)
	for _, id := range d.order.Reports {
		one, known := p.reports[id]
		if !known || one.in != d.data.Case {
			in := "no case"
			if known {
				in = one.in
			}
			p.found("not-in-case", d.id, "The report %s was split from the case %s, and was in %s.", id, d.data.Case, in)
			continue
		}
		p.put(id, d.data.Made, d.at)
	}
	if d.data.Made != "" {
		p.cases[d.data.Made] = true
	}
}

func (p player) takenBack(d deed) {
	signer := d.data.Deed.Signed.Statement.Signer
	i := slices.IndexFunc(p.decisions, func(x *decision) bool { return x.id == d.data.Deed.Deed.Of })
	if i < 0 {
		p.found("no-decision", d.id, "Somebody took back the decision %s, which is not there.", d.data.Deed.Deed.Of)
		return
	}
	of := p.decisions[i]
	switch {
	case of.data.Signed.Statement.Signer != signer:
		p.found("not-own", d.id, "%s took back the decision %s of %s.", signer, of.id, of.data.Signed.Statement.Signer)
		return
	case of.data.Case != d.data.Case:
		p.found("bad-deed", d.id, "%s took back the decision %s, which is on %s and not on %s.", signer, of.id, of.data.Case, d.data.Case)
	case d.at.Sub(of.at.Time) > TakeBackFor:
		p.found("late", d.id, "%s took back the decision %s at %s. It was made at %s, and is taken back within %s.", signer, of.id, d.at, of.at, TakeBackFor)
	}
	of.back = true
	p.out.TakenBack++
	p.falls(of)
}

// TakeBackFor is how long a decision may be taken back.
const TakeBackFor = 15 * time.Second

// falls says that a decision does not stand: what it judged waits again.
func (p player) falls(d *decision) {
	for id := range p.in[d.data.Case] {
		if one := p.reports[id]; one.judged == d {
			one.judged = nil
		}
	}
	if p.stands[d.data.Case] == d {
		delete(p.stands, d.data.Case)
	}
}

// decided lets a decision judge all that is in its case.
func (p player) decided(d *decision) {
	p.hidden(d)
	if d.data.Proposal {
		return
	}
	severity := cases.Low
	anew := false
	for id := range p.in[d.data.Case] {
		one := p.reports[id]
		anew = anew || one.judged == nil
		if one.severity.Rank() > severity.Rank() {
			severity = one.severity
		}
	}
	if d.screen != nil && d.screen.Severity.Rank() > severity.Rank() {
		severity = d.screen.Severity
	}
	before := p.stands[d.data.Case]
	// A picture that came onto a hash list since makes a case grave, and is news without a report.
	graver := before != nil && before.screen != nil && d.screen != nil && d.screen.Severity.Rank() > before.screen.Severity.Rank()
	if before != nil && !anew && !graver {
		p.found("decided-again", d.id, "The case %s was decided by %s, which stands, and nothing came in since.", d.data.Case, before.id)
	}
	if severity == cases.Highest && (cases.BuriesBy(d.data.Verdict) || d.data.Departs) {
		p.alone(d)
	}
	for id := range p.in[d.data.Case] {
		p.reports[id].judged, p.reports[id].ever = d, true
	}
	p.stands[d.data.Case] = d
}

// alone names a decision that ended a case of the highest severity with less than is usual, unless
// another person had given a first verdict on the case.
func (p player) alone(d *decision) {
	signer := d.data.Signed.Statement.Signer
	i := slices.IndexFunc(p.decisions, func(x *decision) bool { return x.id == d.data.First && d.data.First != "" })
	switch {
	case i < 0:
		p.found("one-alone", d.id, "%s alone ended the case %s of the highest severity with less than is usual.", signer, d.data.Case)
	case !p.decisions[i].data.Proposal, p.decisions[i].data.Case != d.data.Case, p.decisions[i].at.After(d.at.Time), p.decisions[i].data.Signed.Statement.Signer == signer:
		p.found("one-alone", d.id, "%s ended the case %s of the highest severity with less than is usual, and %s is no first verdict of somebody else on it.", signer, d.data.Case, d.data.First)
	}
}

// settled is how long before a case was shown a report was in it for certain: what comes in the
// moment in which the screen is put together may be missing there.
const settled = time.Minute

// hidden names a decision for which fewer reports were shown than were in the case.
func (p player) hidden(d *decision) {
	if d.screen == nil || d.shownAt.IsZero() {
		return
	}
	var there, shown int64
	for id := range p.in[d.data.Case] {
		if one := p.reports[id]; d.shownAt.Sub(one.since.Time) > settled {
			there++
		}
	}
	for _, c := range d.screen.Counts {
		shown += c.Count
	}
	if shown < there {
		p.found("report-hidden", d.id, "%s was shown that the case %s has %d reports; it had %d.", d.data.Signed.Statement.Signer, d.data.Case, shown, there)
	}
}
