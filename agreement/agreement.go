// Package agreement measures how far people who judged the same things agree: raw agreement,
// agreement on what one of them at least found, Cohen's kappa and Gwet's AC1, each with a 95 %
// interval.
//
// Kappa falls towards 0 where nearly everything is judged alike, however rarely people differ; with
// 16 % of cases violating that is the rule, not the exception. AC1 does not, so both are given.
//
// Each judged thing has a weight, one over the probability with which it was drawn. Standard errors
// are those of the linearised estimate, which for equal weights are the ones that the literature
// publishes.
//
// Sources: J. Cohen, A Coefficient of Agreement for Nominal Scales (1960); J. L. Fleiss, Measuring
// Nominal Scale Agreement Among Many Raters (1971); D. V. Cicchetti and A. R. Feinstein, High
// Agreement but Low Kappa II (1990); K. L. Gwet, Computing Inter-Rater Reliability and Its Variance
// in the Presence of High Agreement (2008) and Handbook of Inter-Rater Reliability, 4th edition
// (2014), chapters 4 and 5; L. Kish, Survey Sampling (1965), for the effective number.
package agreement

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Least is the number of judged things under which no figure of people's work is given.
const Least = 50

// Pair is one thing that two people judged: its category by each, and its weight.
type Pair struct {
	First, Second string
	Weight        float64 // at least 1; 0 counts as 1
}

// Estimate is an estimated figure. It is not defined where there is nothing to divide by: kappa where
// both people put everything into one category.
type Estimate struct {
	Defined   bool
	Value     float64
	Error     float64 // standard error
	Low, High float64 // 95 % interval
}

// Figure is how far two people, or two groups of people, agree.
type Figure struct {
	N         int     // pairs
	Effective float64 // as many pairs of equal weight would tell as much
	// Enough says that there are at least as many pairs as were asked for. Otherwise all that follows is
	// zero: a few pairs tell of chance, and point at single people.
	Enough   bool
	Raw      Estimate // the share of pairs in which both said the same
	Positive Estimate // of what either put into a positive category, the share that both did
	Kappa    Estimate // Cohen's
	AC1      Estimate // Gwet's
}

// Of returns how far the two sides of pairs agree. categories are all that either could choose, and
// positive are those that count as a finding. With fewer pairs than least there is no figure.
func Of(pairs []Pair, categories []string, positive func(string) bool, least int) Figure {
	f := Figure{N: len(pairs)}
	s := newSample(len(pairs), func(i int) float64 { return pairs[i].Weight })
	f.Effective = s.effective
	if f.Enough = f.N >= max(least, 2); !f.Enough {
		return f
	}
	n, at := len(pairs), index(categories)
	same := make([]float64, n)
	first, second := make([]float64, len(at)), make([]float64, len(at))
	for i, p := range pairs {
		if p.First == p.Second {
			same[i] = 1
		}
		first[at[p.First]] += s.share[i]
		second[at[p.Second]] += s.share[i]
	}
	pa := s.mean(same)
	f.Raw = s.proportion(same)

	// Kappa: chance agreement is that of two people with these habits who do not look.
	byChance, each := 0.0, make([]float64, n)
	for k := range first {
		byChance += first[k] * second[k]
	}
	for i, p := range pairs {
		each[i] = second[at[p.First]] + first[at[p.Second]] - byChance
	}
	f.Kappa = s.corrected(same, pa, each, byChance)

	// AC1: chance agreement is that of what is hard to judge alone.
	mean := make([]float64, len(at))
	for k := range mean {
		mean[k] = (first[k] + second[k]) / 2
	}
	f.AC1 = s.ac1(func(float64) []float64 { return same }, pa, mean, func(i int) []float64 {
		of := make([]float64, len(at))
		of[at[pairs[i].First]] += 0.5
		of[at[pairs[i].Second]] += 0.5
		return of
	})

	// Positive agreement is a ratio: twice what both found, to all that either did.
	both, either := make([]float64, n), make([]float64, n)
	for i, p := range pairs {
		a, b := positive(p.First), positive(p.Second)
		if a {
			either[i]++
		}
		if b {
			either[i]++
		}
		if a && b {
			both[i] = 2
		}
	}
	f.Positive = s.ratio(both, either)
	return f
}

// Item is one thing that several people judged.
type Item struct {
	Ratings []string // a category for each who judged it
}

// Several is how far several people agree.
type Several struct {
	N      int // things that at least two people judged
	Enough bool
	Raw    Estimate // the share of pairs of people who said the same, on the mean over the things
	Fleiss Estimate // Fleiss' kappa
	AC1    Estimate // Gwet's, for several people
}

// OfSeveral returns how far people agree of whom not each judged everything. categories are as in Of.
func OfSeveral(items []Item, categories []string, least int) Several {
	var f Several
	n, at := 0, index(categories)
	counts := make([][]float64, 0, len(items)) // shares of the categories
	same, judged := []float64{}, []bool{}
	for _, it := range items {
		if len(it.Ratings) == 0 {
			continue
		}
		of := make([]float64, len(at))
		for _, r := range it.Ratings {
			of[at[r]]++
		}
		r, pairs := float64(len(it.Ratings)), 0.0
		for k := range of {
			pairs += of[k] * (of[k] - 1)
			of[k] /= r
		}
		counts = append(counts, of)
		judged = append(judged, r > 1)
		if r > 1 {
			n++
			same = append(same, pairs/(r*(r-1)))
		} else {
			same = append(same, 0)
		}
	}
	f.N = n
	if f.Enough = n >= max(least, 2); !f.Enough {
		return f
	}
	s := newSample(len(counts), func(int) float64 { return 1 })
	mean := make([]float64, len(at))
	for _, of := range counts {
		for k := range of {
			mean[k] += of[k] / float64(len(counts))
		}
	}
	pa := 0.0
	for i := range counts {
		if judged[i] {
			pa += same[i] / float64(n)
		}
	}
	// What one person alone judged says nothing of agreement, and yet what is usual here. How many such
	// things there are is chance as well (Gwet 2014, section 5.3).
	agreed := func(pe float64) []float64 {
		of := make([]float64, len(counts))
		for i := range of {
			if of[i] = pe; judged[i] {
				of[i] += float64(len(counts)) / float64(n) * (same[i] - pe)
			}
		}
		return of
	}
	f.Raw = s.estimate(pa, s.deviations(agreed(0), pa), 0, 1)
	byChance, each := 0.0, make([]float64, len(counts))
	for _, m := range mean {
		byChance += m * m
	}
	for i, of := range counts {
		for k := range of {
			each[i] += 2 * of[k] * mean[k]
		}
		each[i] -= byChance
	}
	f.Fleiss = s.corrected(agreed(byChance), pa, each, byChance)
	f.AC1 = s.ac1(agreed, pa, mean, func(i int) []float64 { return counts[i] })
	return f
}

// Share returns the weighted share of things that are so, with its interval. With fewer than least
// there is none.
func Share(so []bool, weights []float64, least int) (e Estimate, effective float64) {
	s := newSample(len(so), func(i int) float64 { return weights[i] })
	if len(so) < max(least, 1) {
		return e, s.effective
	}
	x := make([]float64, len(so))
	for i := range so {
		if so[i] {
			x[i] = 1
		}
	}
	return s.proportion(x), s.effective
}

func index(categories []string) map[string]int {
	at := make(map[string]int, len(categories))
	for _, c := range categories {
		if _, ok := at[c]; !ok {
			at[c] = len(at)
		}
	}
	return at
}

// sample is the weights of things that were drawn.
type sample struct {
	share     []float64 // of the whole weight
	effective float64
}

func newSample(n int, weight func(int) float64) sample {
	s := sample{share: make([]float64, n)}
	sum, squares := 0.0, 0.0
	for i := range n {
		w := weight(i)
		if w <= 0 {
			w = 1
		}
		s.share[i] = w
		sum, squares = sum+w, squares+w*w
	}
	for i := range s.share {
		s.share[i] /= sum
	}
	if squares > 0 {
		s.effective = sum * sum / squares
	}
	return s
}

func (s sample) mean(x []float64) (m float64) {
	for i, v := range x {
		m += s.share[i] * v
	}
	return m
}

func (s sample) deviations(x []float64, from float64) []float64 {
	d := make([]float64, len(x))
	for i := range x {
		d[i] = x[i] - from
	}
	return d
}

// estimate is a value with the interval that the linearised deviations of each thing give, within
// bounds.
func (s sample) estimate(value float64, deviations []float64, low, high float64) Estimate {
	v := 0.0
	for i, d := range deviations {
		v += s.share[i] * s.share[i] * d * d
	}
	n := float64(len(deviations))
	e := Estimate{Defined: true, Value: value, Error: math.Sqrt(v * n / (n - 1))}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: max(s.effective-1, 1)}.Quantile(0.975)
	e.Low, e.High = max(low, value-t*e.Error), min(high, value+t*e.Error)
	return e
}

// corrected is an agreement corrected for chance: (pa - pe) / (1 - pe). each is what each thing adds
// to pe, with the mean pe.
func (s sample) corrected(same []float64, pa float64, each []float64, pe float64) Estimate {
	if 1-pe < 1e-12 {
		return Estimate{}
	}
	value := (pa - pe) / (1 - pe)
	d := make([]float64, len(same))
	for i := range d {
		d[i] = (same[i]-pa)/(1-pe) - (1-value)*(each[i]-pe)/(1-pe)
	}
	return s.estimate(value, d, -1, 1)
}

// ac1 is Gwet's coefficient. mean are the shares of the categories over both sides or all people, and of
// gives those of one thing.
func (s sample) ac1(same func(pe float64) []float64, pa float64, mean []float64, of func(int) []float64) Estimate {
	q := float64(len(mean))
	if q < 2 {
		return Estimate{}
	}
	pe := 0.0
	for _, m := range mean {
		pe += m * (1 - m) / (q - 1)
	}
	each := make([]float64, len(s.share))
	for i := range each {
		// The derivative of m(1-m) is 1-2m; the sum of the deviations it stands for is 0.
		for k, x := range of(i) {
			each[i] += 2 * x * (1 - mean[k]) / (q - 1)
		}
		each[i] -= pe
	}
	return s.corrected(same(pe), pa, each, pe)
}

// ratio is the ratio of two sums.
func (s sample) ratio(above, below []float64) Estimate {
	a, b := s.mean(above), s.mean(below)
	if b == 0 {
		return Estimate{}
	}
	d := make([]float64, len(above))
	for i := range d {
		d[i] = (above[i] - a/b*below[i]) / b
	}
	return s.estimate(a/b, d, 0, 1)
}

// proportion is a share with Wilson's interval, which holds near 0 and 1 too, for as many things of
// equal weight as would have the same standard error.
//
// Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference (1927).
func (s sample) proportion(x []float64) Estimate {
	p, n, v := min(1, s.mean(x)), s.effective, 0.0
	for i := range x {
		v += s.share[i] * s.share[i] * (x[i] - p) * (x[i] - p)
	}
	if spread := p * (1 - p); v > 0 && spread > 0 {
		n = spread / v
	}
	const z = 1.959963984540054
	centre := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return Estimate{Defined: true, Value: p, Error: math.Sqrt(v), Low: max(0, centre-half), High: min(1, centre+half)}
}
