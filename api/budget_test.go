package api

import (
	"fmt"
	"testing"
	"time"

	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// TestBudget: a person may call so often and then as fast as calls come back, and
// one person's calls are not another's.
func TestBudget(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	b := newBudgets(func() time.Time { return now })
	spend := func(w workforce.WorkerID, c class) (int, error) {
		done, wait, err := b.begin(payer{worker: w}, c, false)
		if err == nil {
			done()
		}
		return wait, err
	}
	for c := range classes {
		for i := range int(allowances[c].most) {
			if _, err := spend("ann", c); err != nil {
				t.Fatalf("class %d: call %d: %v", c, i, err)
			}
		}
		wait, err := spend("ann", c)
		if !fault.Is(err, "asking-too-fast") || fault.KindOf(err) != fault.Exhausted || wait != 1 {
			t.Errorf("class %d: beyond the budget: %v, wait %d", c, err, wait)
		}
		if _, err := spend("bob", c); err != nil {
			t.Errorf("class %d: bob pays for ann: %v", c, err)
		}
		now = now.Add(time.Second)
		for range int(allowances[c].second) {
			if _, err := spend("ann", c); err != nil {
				t.Errorf("class %d: after a second: %v", c, err)
			}
		}
		if _, err := spend("ann", c); err == nil {
			t.Errorf("class %d: more came back in a second than should", c)
		}
	}
	now = now.Add(-time.Hour) // a clock that goes back gives nothing and takes nothing
	if _, err := spend("ann", entering); err == nil {
		t.Error("a clock that went back gave calls")
	}
}

// TestUnderWay: calls and streams that are not over are counted.
func TestUnderWay(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	b := newBudgets(func() time.Time { return now })
	for _, c := range []struct {
		stream bool
		most   int
	}{{false, mostCalls}, {true, mostStreams}} {
		var over []func()
		for range c.most {
			done, _, err := b.begin(payer{worker: "ann"}, reading, c.stream)
			if err != nil {
				t.Fatal(err)
			}
			over = append(over, done)
		}
		if _, _, err := b.begin(payer{worker: "ann"}, reading, c.stream); !fault.Is(err, "asking-too-fast") {
			t.Errorf("stream %v: one more is begun: %v", c.stream, err)
		}
		over[0]()
		if _, _, err := b.begin(payer{worker: "ann"}, reading, c.stream); err != nil {
			t.Errorf("stream %v: after one is over: %v", c.stream, err)
		}
	}
	b.streams = mostAllStreams
	if _, _, err := b.begin(payer{worker: "bob"}, reading, true); !fault.Is(err, "asking-too-fast") {
		t.Errorf("more streams than there may be in all: %v", err)
	}
}

// TestPursesAreForgotten: memory does not grow with everybody who ever called.
func TestPursesAreForgotten(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	b := newBudgets(func() time.Time { return now })
	if _, _, err := b.begin(payer{worker: "ann"}, reading, true); err != nil { // who stays
		t.Fatal(err)
	}
	for i := range 3 * mostPurses {
		now = now.Add(time.Second)
		done, _, err := b.begin(payer{worker: workforce.WorkerID(fmt.Sprint("w", i))}, reading, false)
		if err != nil {
			t.Fatal(err)
		}
		done()
	}
	if len(b.by) > mostPurses+1 || b.by[payer{worker: "ann"}] == nil {
		t.Errorf("%d purses are kept, ann's %v", len(b.by), b.by[payer{worker: "ann"}])
	}
}
