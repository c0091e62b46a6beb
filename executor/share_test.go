package executor

import (
	"testing"
	"time"
)

// TestShare: restorations of critical subjects take together no more than their
// share, counted over ten seconds; and one subject that is attacked all the time
// makes another wait for one restoration, however long it has been at it.
func TestShare(t *testing.T) {
	s := newShare(0.5)
	const cost = 100 * time.Millisecond
	now, made := time.Duration(0), 0
	restore := func() time.Duration {
		wait := s.turnAt(now)
		now += wait + cost
		s.took(cost)
		made++
		return wait
	}
	for restore() == 0 {
	}
	if took := time.Duration(made) * cost; took < 9*time.Second || took > 11*time.Second {
		t.Errorf("%s were restored before anything waited; half of the time since then and ten seconds, half of them, are 10 s", took)
	}
	began, before := now, made
	for now-began < time.Minute {
		restore()
	}
	if took := time.Duration(made-before) * cost; took < 29*time.Second || took > 31*time.Second {
		t.Errorf("in a minute restorations took %s, the share is 30 s", took)
	}
	// The one who attacks all the time has a turn, and so has another.
	first, second := s.turnAt(now), s.turnAt(now)
	if later := (second - first).Round(time.Millisecond); later != 2*cost {
		t.Errorf("another subject waits %s longer, one restoration is worth %s", later, 2*cost)
	}
	now += time.Hour // nobody does anything
	if wait := s.turnAt(now); wait != 0 {
		t.Errorf("after an hour of calm a restoration waits %s", wait)
	}
}
