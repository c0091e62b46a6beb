package cases

import (
	"math"
	"time"

	"countersign.dev/canonical"
)

// Record is what became of the reports of one reporter for one group of reasons: a Beta distribution of
// how likely the next one is right. It begins as a report of somebody unknown, and forgets: half of what
// a report added is gone after RecordHalfLife. It orders cases and never drops a report (casework,
// section 5, Joining).
type Record struct {
	right, wrong float64 // decayed numbers of cases
}

// What is known of a reporter about whom nothing is known: as if one report of six had been right, which
// is the share of reports that find a violation (casework, section 7, Realistic loads).
const (
	priorRight = 1
	priorWrong = 5
)

// RecordHalfLife is the time after which a case counts half in its reporter's record, and RecordLife the
// time after which it counts no more.
const (
	RecordHalfLife = 90 * 24 * time.Hour
	RecordLife     = 4 * RecordHalfLife
)

// With returns the record with a number of cases that were decided at a time: they confirmed the reporter,
// or refuted them.
func (r Record) With(right bool, n int64, at, now canonical.Time) Record {
	age := max(0, now.Sub(at.Time))
	if age >= RecordLife || n <= 0 {
		return r
	}
	weight := float64(n) * math.Exp2(-float64(age)/float64(RecordHalfLife))
	if right {
		r.right += weight
	} else {
		r.wrong += weight
	}
	return r
}

// Mean is how likely the reporter's next report is right, in thousandths.
func (r Record) Mean() int64 {
	return int64(math.Round(1000 * (priorRight + r.right) / (priorRight + priorWrong + r.right + r.wrong)))
}

// Likely returns how likely a case violates by the record of this reporter, in thousandths; 0: the record
// says no more than that of somebody unknown. So whoever has no record, or a bad one, moves no case up,
// however many of them report.
func (r Record) Likely() int64 {
	if mean := r.Mean(); mean > (Record{}).Mean() {
		return mean
	}
	return 0
}

// LikelyBy returns the case with one more report by somebody with a record. The best record counts. A sum
// would let numbers raise a case, and a mean would let a crowd of unknown accounts hold down the case that
// a good reporter reported.
func (c Case) LikelyBy(r Record) Case {
	c.Likely = max(c.Likely, r.Likely())
	return c
}
