package cases

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"countersign.dev/canonical"
)

func TestRecord(t *testing.T) {
	now := canonical.At(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	ago := func(d time.Duration) canonical.Time { return canonical.At(now.Add(-d)) }
	for _, c := range []struct {
		about        string
		r            Record
		mean, likely int64
	}{
		{"nothing is known", Record{}, 167, 0},
		{"six were right", Record{}.With(true, 6, now, now), 583, 583},
		{"six were right, a half-life ago", Record{}.With(true, 6, ago(RecordHalfLife), now), 444, 444},
		{"six were right, too long ago", Record{}.With(true, 6, ago(RecordLife), now), 167, 0},
		{"six were wrong", Record{}.With(false, 6, now, now), 83, 0},
		{"one was right, nine wrong", Record{}.With(true, 1, now, now).With(false, 9, now, now), 125, 0},
		{"a clock runs behind", Record{}.With(true, 6, canonical.At(now.Add(time.Hour)), now), 583, 583},
	} {
		if c.r.Mean() != c.mean || c.r.Likely() != c.likely {
			t.Errorf("%s: mean %d and likely %d; want %d and %d", c.about, c.r.Mean(), c.r.Likely(), c.mean, c.likely)
		}
	}
}

// Numbers alone raise nothing: any number of people without a record, or with a bad one, leave a case
// where it was, and they cannot hold down what a good reporter reported.
func TestNumbersRaiseNothing(t *testing.T) {
	now := canonical.At(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	rapid.Check(t, func(t *rapid.T) {
		var c Case
		crowd := func() {
			for range rapid.IntRange(0, 1000).Draw(t, "people") {
				c = c.LikelyBy(Record{}.With(false, int64(rapid.IntRange(0, 5).Draw(t, "wrong")), now, now))
			}
		}
		crowd()
		if c.Likely != 0 {
			t.Fatalf("people without a good record made the case %d ‰ likely", c.Likely)
		}
		good := Record{}.With(true, 10, now, now)
		c = c.LikelyBy(good)
		crowd()
		if c.Likely != good.Mean() {
			t.Fatalf("the case of a good reporter is %d ‰ likely, want %d", c.Likely, good.Mean())
		}
	})
}
