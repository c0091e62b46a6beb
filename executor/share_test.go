package executor

import (
	"maps"
	"testing"
	"time"

	"countersign.dev/platform"
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

// TestTurns: each critical subject has its turn; while one is attacked, it has every
// other, and all others have half as many as before, however many are attacked.
func TestTurns(t *testing.T) {
	all := []string{"a", "b", "c", "d"}
	now := time.Now()
	count := func(attacked ...string) map[string]int {
		until := map[string]time.Time{"d": now} // is over
		for _, id := range attacked {
			until[id] = now.Add(time.Second)
		}
		reads, turns := map[string]int{}, turns{}
		for range 240 {
			id, _ := turns.next(all, until, now)
			reads[id]++
		}
		return reads
	}
	for _, c := range []struct {
		attacked []string
		want     map[string]int
	}{
		{nil, map[string]int{"a": 60, "b": 60, "c": 60, "d": 60}},
		{[]string{"b"}, map[string]int{"a": 30, "b": 150, "c": 30, "d": 30}},
		{[]string{"a", "b"}, map[string]int{"a": 90, "b": 90, "c": 30, "d": 30}},
		{all, map[string]int{"a": 60, "b": 60, "c": 60, "d": 60}},
	} {
		if got := count(c.attacked...); !maps.Equal(got, c.want) {
			t.Errorf("with %q attacked they are read %v times, want %v", c.attacked, got, c.want)
		}
	}
	if id, n := (&turns{}).next(nil, nil, now); id != "" || n != 0 {
		t.Errorf("of none, %q is read", id)
	}
}

// TestLabelsTakeNoTurn: restorations in other layers have a share of their own. However many
// there were, that of a takedown waits for no turn.
func TestLabelsTakeNoTurn(t *testing.T) {
	w := watcher{restores: newShare(0.5), weaker: newShare(0.25)}
	for range 100 {
		w.shareOf(platform.LabelLayer("spam")).turn()
		w.shareOf(platform.LimitLayer).took(time.Minute)
	}
	if wait := w.shareOf(platform.VisibilityLayer).turn(); wait != 0 {
		t.Errorf("the restoration of a takedown waits %s for labels", wait)
	}
	if w.shareOf(platform.LimitLayer).turn() == 0 {
		t.Error("labels and limits wait for no turn")
	}
}
