package executor

import (
	"sync"
	"time"
)

// share keeps what the restorations of a platform's critical subjects take,
// together, to a share of one connection's time. Nothing else ever holds such a
// restoration back.
//
// It gives turns in the order in which they are asked for, and a subject asks for
// one at a time: whoever takes one account down a thousand times makes the turn of
// another later by one restoration. It counts in the time since it was made, which
// no clock that is set can move.
type share struct {
	of    float64
	began time.Time

	mu   sync.Mutex
	next time.Duration // when all turns that were given are paid for, since began
	cost time.Duration // of one restoration, smoothed
}

// spread is over how long the share is counted: so much may be restored at once
// before anything waits.
const spread = 10 * time.Second

func newShare(of float64) *share { return &share{of: of, began: time.Now()} }

// turn returns how long the next restoration has to wait.
func (s *share) turn() time.Duration { return s.turnAt(time.Since(s.began)) }

func (s *share) turnAt(now time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = max(s.next, now)
	wait := max(0, s.next-spread-now)
	s.next += s.paid(s.cost)
	return wait
}

// took corrects what a turn was thought to take.
func (s *share) took(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next += s.paid(d - s.cost)
	s.cost += (d - s.cost) / 8
}

// paid returns the time for which the share has to be saved up before work that takes d
// may begin.
func (s *share) paid(d time.Duration) time.Duration { return time.Duration(float64(d) / s.of) }
