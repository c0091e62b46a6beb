package cli

import (
	"testing"

	"countersign.dev/api/v1"
)

// TestHoursWords: the hours in which nobody is to spare are told in a sentence.
func TestHoursWords(t *testing.T) {
	for want, c := range map[string]v1.Coverage{
		"3 at least, 4 at most": {Hours: []int{3, 4, 4}},
		"2 at least, 2 at most; one person less would be too few in 3 of 3 hours, the first of them now":        {Hours: []int{2, 2, 2}, Short: []int{0, 1, 2}},
		"2 at least, 3 at most; one person less would be too few in 1 of 3 hours, the first of them in 2 hours": {Hours: []int{3, 3, 2}, Short: []int{2}},
		"1 at least, 3 at most; one person less would be too few in 1 of 2 hours, the first of them in 1 hour":  {Hours: []int{3, 1}, Short: []int{1}},
	} {
		if got := hoursWords(c); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
