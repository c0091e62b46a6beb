package executor

import (
	"sync"
	"time"
)

// share limits the time that restorations of a platform's critical subjects take,
// together, to a share of one connection's time. Nothing else ever delays such a
// restoration.
//
// It gives turns in the order in which they are asked for, and a subject asks for one at
// a time: an attacker who takes one account down a thousand times delays the turn of
// another account by one restoration only. It measures time since it was made, so that
// setting a clock does not change it.
type share struct {
	of    float64
	began time.Time

	mu   sync.Mutex
	next time.Duration // the time since began at which all turns given so far are paid for
	cost time.Duration // of one restoration, smoothed
}

// spread is the time over which the share is counted: restorations that take the share of
// so much time may begin at once before one has to wait.
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

// took corrects the assumed cost of a turn by the time that it took.
func (s *share) took(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next += s.paid(d - s.cost)
	s.cost += (d - s.cost) / 8
}

// paid returns the time for which the share has to be saved up before work that takes d
// may begin.
func (s *share) paid(d time.Duration) time.Duration { return time.Duration(float64(d) / s.of) }
