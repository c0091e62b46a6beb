package cases

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/actions"
	"countersign.dev/canonical"
)

// Weights are how the cases of a queue are ordered within their promise. A case is due after the part
//
//	f = 1 - likely × L - reach × R, at least 1/4
//
// of its promise. L, from 0 to 1, is how likely it violates: the record of its reporters or the highest
// score of a program, whichever is larger. R, from 0 to 1, is how many it reaches: the logarithm of
// followers or views, of which half count for each half-life that the subject is old when the promise
// begins; ten millions are 1. Numbers of reports are no part of it. (casework, section 5, Queues.)
type Weights struct {
	Likely   int64 `json:"likely,omitzero"`    // percent
	Reach    int64 `json:"reach,omitzero"`     // percent
	HalfLife int64 `json:"half_life,omitzero"` // hours; 0: UsualHalfLife
}

// The bounds of a factor, in thousandths, and of what a formula may say.
const (
	LeastFactor   = 250
	WholeFactor   = 1000
	MostWeights   = 75 // percent, together
	UsualHalfLife = 48 // hours
	maxHalfLife   = 24 * 365
)

func (w *Weights) check(f *file, at jsontext.Pointer, about string) {
	if w == nil {
		return
	}
	if w.Likely < 0 || w.Reach < 0 || w.Likely+w.Reach > MostWeights {
		f.wrong(at, about, "the weights likely and reach are percents that add up to %d at most, so that no case is due before a quarter of its promise", MostWeights)
	}
	if w.HalfLife < 0 || w.HalfLife > maxHalfLife {
		f.wrong(member(at, "half_life"), about, "the half-life of reach is 1 to %d hours; leave it out for %d", maxHalfLife, UsualHalfLife)
	}
}

// likelihood is L of the formula, in thousandths.
func (c Case) likelihood() int64 { return min(max(c.Likely, c.Score, 0), WholeFactor) }

// spread is R of the formula, in thousandths.
func (w *Weights) spread(c Case) int64 {
	if c.Reach <= 0 {
		return 0
	}
	half := float64(UsualHalfLife)
	if w.HalfLife > 0 {
		half = float64(w.HalfLife)
	}
	decayed := float64(c.Reach)
	if age := c.Age(); age >= 0 {
		decayed *= math.Exp2(-float64(age) / half)
	}
	return int64(math.Round(1000 * min(1, math.Log10(1+decayed)/7)))
}

// Factor returns the part of a case's promise after which it is due in the queue, in thousandths:
// LeastFactor to WholeFactor.
func (q *Queue) Factor(c Case) int64 {
	f := int64(WholeFactor)
	if w := q.Order; w != nil {
		f -= (w.Likely*c.likelihood() + w.Reach*w.spread(c)) / 100
	}
	if q.ahead.Factor > 0 {
		f = f * q.ahead.Factor / WholeFactor
	}
	return min(max(f, LeastFactor), WholeFactor)
}

// Age returns how old the subject was when the case's promise began, in whole hours; -1: nobody knows.
func (c Case) Age() int64 {
	if c.Born.IsZero() {
		return -1
	}
	return max(0, int64(c.begun().Sub(c.Born.Time)/time.Hour))
}

// begun returns when the promise of the case began.
func (c Case) begun() canonical.Time {
	if c.Started.IsZero() {
		return c.Opened
	}
	return c.Started
}

// Ahead is a lead's order for a queue: its cases are due after this part of what they would have been
// due after otherwise.
type Ahead struct {
	Number int64 // grows; 0: there is none
	Factor int64 // thousandths, LeastFactor to WholeFactor
}

// With returns the set as leads have ordered its queues. Names that it does not have are left out.
func (s *QueueSet) With(orders map[string]Ahead) *QueueSet {
	if len(orders) == 0 {
		return s
	}
	out := *s
	out.Queues = slices.Clone(s.Queues)
	for i := range out.Queues {
		out.Queues[i].ahead = orders[out.Queues[i].Name]
	}
	return &out
}

// SubjectFacts is what was read of a case's subject that queues choose and order by.
type SubjectFacts struct {
	Tier  actions.Tier
	Reach int64          // 0: not known
	Born  canonical.Time // zero: not known
}

// Known returns the case with what was read of its subject. What a reading does not tell stays as it
// was known before.
func (c Case) Known(f SubjectFacts) Case {
	if f.Tier != "" {
		c.Tier = f.Tier
	}
	if f.Reach > 0 {
		c.Reach = f.Reach
	}
	if !f.Born.IsZero() {
		c.Born = f.Born
	}
	return c
}

// Scored returns the case with the scores of one more report: the highest one counts.
func (c Case) Scored(scores []Score) Case {
	for _, s := range scores {
		c.Score = max(c.Score, min(s.Value/1000, WholeFactor)) // millionths
	}
	return c
}

// SameOrder reports whether what queues order by, besides what was reported, is the same in two states of
// a case.
func (c Case) SameOrder(o Case) bool {
	return c.Tier == o.Tier && c.Reach == o.Reach && c.Born == o.Born && c.Likely == o.Likely && c.Score == o.Score && c.Reporters == o.Reporters && c.Started == o.Started
}

// promise returns the open time that a queue promises for a severity.
func (q *Queue) promise(s Severity) time.Duration {
	minutes, ok := q.Promise[s]
	if !ok {
		minutes = q.Promise[Low]
	}
	return time.Duration(minutes) * time.Minute
}

// Due returns by when somebody looks at a case that the queue takes: after its promise times its
// factor, in the queue's business hours. It is never after the promise.
func (q *Queue) Due(c Case) canonical.Time { return q.after(c, q.Factor(c)) }

// after returns the instant at which a part of the case's promise, in thousandths, is over.
func (q *Queue) after(c Case, factor int64) canonical.Time {
	return q.Hours.After(c.begun(), q.promise(c.Severity)*time.Duration(factor)/WholeFactor)
}

// dueBefore returns when the case was due in a queue that placed it once, by the factor that it had
// then.
func (q *Queue) dueBefore(c Case) canonical.Time {
	if c.Factor == 0 { // placed before there were factors
		return q.after(c, WholeFactor)
	}
	return q.after(c, c.Factor)
}

// Because says in one sentence why a case is due when it is, with the terms of the formula.
func (q *Queue) Because(c Case) string {
	severity := string(c.Severity)
	s := fmt.Sprintf("The queue %s promises %s for the severity %s", q.Name, duration(q.promise(c.Severity)), severity)
	if q.Hours != nil {
		s += " in its business hours, " + q.Hours.Words()
	}
	var terms []string
	if w := q.Order; w != nil {
		if l := c.likelihood(); w.Likely > 0 && l > 0 {
			what := fmt.Sprintf("the reports of those who reported it were right %d of 100 times", (c.Likely+5)/10)
			if c.Score > c.Likely {
				what = fmt.Sprintf("a program gives it the score %d of 100", (c.Score+5)/10)
			}
			terms = append(terms, fmt.Sprintf("%s (-%d %%)", what, (w.Likely*l+500)/1000))
		}
		if r := w.spread(c); w.Reach > 0 && r > 0 {
			what := fmt.Sprintf("it reaches %d", c.Reach)
			if age := c.Age(); age >= 0 {
				what += fmt.Sprintf(" and was %s old", duration(time.Duration(age)*time.Hour))
			}
			terms = append(terms, fmt.Sprintf("%s (-%d %%)", what, (w.Reach*r+500)/1000))
		}
	}
	if q.ahead.Factor > 0 && q.ahead.Factor < WholeFactor {
		terms = append(terms, fmt.Sprintf("a lead put the queue ahead (× %d %%)", q.ahead.Factor/10))
	}
	if f := q.Factor(c); f < WholeFactor && len(terms) > 0 {
		s += fmt.Sprintf("; this case is due after %d %% of that, since %s", (f+5)/10, strings.Join(terms, " and "))
	}
	return s + "."
}

// duration writes a length of time in its largest whole units: "4 h", "2 days", "90 min".
func duration(d time.Duration) string {
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d min", d/time.Minute)
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
