package agreement_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"countersign.dev/agreement"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > within {
		t.Errorf("%s is %.7f, want %.7f", what, got, want)
	}
}

// table makes pairs of a contingency table.
func table(categories []string, rows [][]int) (pairs []agreement.Pair) {
	for i, row := range rows {
		for j, n := range row {
			for range n {
				pairs = append(pairs, agreement.Pair{First: categories[i], Second: categories[j]})
			}
		}
	}
	return pairs
}

// TestPublishedTable: Gwet (2014), the table of 100 pregnancies that two abstractors sorted. The
// package irrCAC, which is of the same author, publishes kappa 0.7964094 with the standard error
// 0.05891072 and the interval 0.680 to 0.913, and AC1 0.8493305 with 0.04321747 and 0.764 to 0.935.
func TestPublishedTable(t *testing.T) {
	categories := []string{"ectopic", "AIU", "NIU"}
	f := agreement.Of(table(categories, [][]int{{13, 0, 0}, {0, 20, 7}, {0, 4, 56}}), categories, func(c string) bool { return c == "ectopic" }, agreement.Least)
	if !f.Enough || f.N != 100 || f.Effective != 100 {
		t.Fatalf("the figure is %+v", f)
	}
	near(t, "raw agreement", f.Raw.Value, 0.89, 1e-9)
	near(t, "kappa", f.Kappa.Value, 0.7964094, 1e-7)
	near(t, "the error of kappa", f.Kappa.Error, 0.05891072, 4e-4)
	near(t, "the lower end of kappa", f.Kappa.Low, 0.680, 1.5e-3)
	near(t, "the upper end of kappa", f.Kappa.High, 0.913, 1.5e-3)
	near(t, "AC1", f.AC1.Value, 0.8493305, 1e-7)
	near(t, "the error of AC1", f.AC1.Error, 0.04321747, 4e-4)
	near(t, "the lower end of AC1", f.AC1.Low, 0.764, 1.5e-3)
	near(t, "the upper end of AC1", f.AC1.High, 0.935, 1.5e-3)
	near(t, "agreement on ectopic", f.Positive.Value, 1, 1e-9)
}

// TestPublishedTwoByTwo: Fleiss and Paik (2003), as the package statpsych publishes it: of 105 things
// 31 and 58 alike, 12 and 4 not; kappa 0.6756757, error 0.07344761.
func TestPublishedTwoByTwo(t *testing.T) {
	categories := []string{"0", "1"}
	f := agreement.Of(table(categories, [][]int{{31, 12}, {4, 58}}), categories, func(c string) bool { return c == "1" }, agreement.Least)
	near(t, "kappa", f.Kappa.Value, 0.6756757, 1e-7)
	near(t, "the error of kappa", f.Kappa.Error, 0.07344761, 5e-4)
	near(t, "agreement on 1", f.Positive.Value, 2*58/(2*58+12+4.0), 1e-9)
}

// TestPublishedSeveral: the twelve units that four people judged, some of them not all, of
// Krippendorff; irrCAC publishes raw agreement 0.8181818, AC1 0.77544 (error 0.14295) and Fleiss'
// kappa 0.76117 (error 0.15302).
func TestPublishedSeveral(t *testing.T) {
	var items []agreement.Item
	for _, unit := range []string{"1.11", "2232", "3333", "3333", "2222", "1234", "4444", "1121", "2222", ".555", "..11", ".3.."} {
		var it agreement.Item
		for _, c := range unit {
			if c != '.' {
				it.Ratings = append(it.Ratings, string(c))
			}
		}
		items = append(items, it)
	}
	f := agreement.OfSeveral(items, []string{"1", "2", "3", "4", "5"}, 2)
	if !f.Enough || f.N != 11 {
		t.Fatalf("the figure is %+v", f)
	}
	near(t, "raw agreement", f.Raw.Value, 0.8181818, 1e-7)
	near(t, "AC1", f.AC1.Value, 0.77544, 1e-5)
	near(t, "the error of AC1", f.AC1.Error, 0.14295, 1e-5)
	near(t, "Fleiss' kappa", f.Fleiss.Value, 0.76117, 1e-5)
	near(t, "the error of Fleiss' kappa", f.Fleiss.Error, 0.15302, 1e-5)
}

// TestNothingUnderLeast: a few pairs give no figure at all.
func TestNothingUnderLeast(t *testing.T) {
	categories := []string{"yes", "no"}
	pairs := table(categories, [][]int{{20, 4}, {5, 20}})
	if f := agreement.Of(pairs, categories, func(c string) bool { return c == "yes" }, agreement.Least); f.Enough || f.Raw.Defined || f.Kappa.Defined || f.AC1.Defined || f.N != 49 {
		t.Errorf("49 pairs give %+v", f)
	}
	pairs = append(pairs, agreement.Pair{First: "no", Second: "no"})
	if f := agreement.Of(pairs, categories, func(c string) bool { return c == "yes" }, agreement.Least); !f.Enough || !f.AC1.Defined {
		t.Errorf("50 pairs give %+v", f)
	}
	if e, _ := agreement.Share([]bool{true}, []float64{1}, agreement.Least); e.Defined {
		t.Errorf("one thing gives the share %+v", e)
	}
}

// TestAllAlike: where everything is judged alike, kappa says nothing, and AC1 says 1.
func TestAllAlike(t *testing.T) {
	categories := []string{"yes", "no"}
	f := agreement.Of(table(categories, [][]int{{0, 0}, {0, 60}}), categories, func(c string) bool { return c == "yes" }, agreement.Least)
	if f.Kappa.Defined || f.Positive.Defined {
		t.Errorf("kappa is %+v, agreement on yes %+v", f.Kappa, f.Positive)
	}
	near(t, "AC1", f.AC1.Value, 1, 1e-12)
	if f.Raw.Low < 0.9 || f.Raw.High < 1-1e-9 {
		t.Errorf("raw agreement of 60 of 60 is %+v", f.Raw)
	}
}

// TestWeights: things that were drawn with different probabilities give the figures of all from which
// they were drawn; the interval holds in 95 of 100 draws.
func TestWeights(t *testing.T) {
	categories := []string{"yes", "no"}
	rng := rand.New(rand.NewPCG(1, 2))
	// 20,000 pairs, of which few are findings; these are drawn ten times as often.
	all := table(categories, [][]int{{1800, 500}, {300, 17400}})
	truth := agreement.Of(all, categories, func(c string) bool { return c == "yes" }, 2)
	inside := map[string]int{}
	const draws = 400
	for range draws {
		var drawn []agreement.Pair
		for _, p := range all {
			probability := 0.02
			if p.First == "yes" {
				probability = 0.2
			}
			if rng.Float64() < probability {
				p.Weight = 1 / probability
				drawn = append(drawn, p)
			}
		}
		f := agreement.Of(drawn, categories, func(c string) bool { return c == "yes" }, 2)
		for name, e := range map[string][2]agreement.Estimate{"raw": {f.Raw, truth.Raw}, "positive": {f.Positive, truth.Positive}, "kappa": {f.Kappa, truth.Kappa}, "AC1": {f.AC1, truth.AC1}} {
			if e[0].Low <= e[1].Value && e[1].Value <= e[0].High {
				inside[name]++
			}
		}
	}
	for name, n := range inside {
		if share := float64(n) / draws; share < 0.90 {
			t.Errorf("the interval of %s holds in %.1f %% of the draws", name, 100*share)
		}
	}
}
