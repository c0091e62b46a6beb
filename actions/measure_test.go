package actions

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// TestMeasureWith: what took the place of others is as old as the oldest, keeps the
// category that one of them had, and is nobody's own if somebody else began it. An
// emergency act that was confirmed leaves the confirmation whose it is.
func TestMeasureWith(t *testing.T) {
	early, late := noon, canonical.At(noon.Add(time.Hour))
	newer := Measure{Request: "req_2", Requester: "ann", Executed: late}
	older := Measure{Request: "req_1", Requester: "ann", Executed: early}
	for name, c := range map[string]struct {
		newer, older Measure
		emergency    bool
		want         Measure
	}{
		"one's own":            {newer, older, false, Measure{Request: "req_2", Requester: "ann", Executed: early}},
		"begun by somebody":    {newer, by(older, "bob"), false, Measure{Request: "req_2", Executed: early}},
		"after an emergency":   {newer, by(older, "bob"), true, Measure{Request: "req_2", Requester: "ann", Executed: early}},
		"older of a category":  {newer, of(older, CategoryLegal), false, Measure{Request: "req_2", Requester: "ann", Executed: early, Category: CategoryLegal}},
		"newer of a category":  {of(newer, CategoryChildSafety), older, false, Measure{Request: "req_2", Requester: "ann", Executed: early, Category: CategoryChildSafety}},
		"nobody's stays so":    {by(newer, ""), older, false, Measure{Request: "req_2", Executed: early}},
		"emergency of nobody":  {by(newer, ""), older, true, Measure{Request: "req_2", Executed: early}},
		"two categories (old)": {of(newer, CategoryLegal), of(older, CategoryChildSafety), false, Measure{Request: "req_2", Requester: "ann", Executed: early, Category: CategoryChildSafety}},
	} {
		if diff := cmp.Diff(c.want, c.newer.With(c.older, c.emergency)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	// What follows: the window counts from the oldest, and one's own is lifted as such.
	a := undo()
	newer.Subject, older.Subject = a.Subject, a.Subject
	whole := newer.With(older, false)
	for name, c := range map[string]struct {
		m    Measure
		at   time.Time
		want Lifts
	}{
		"own, in the window":    {whole, noon.AddDate(0, 0, 30).Add(-time.Second), LiftsOwn},
		"own, after it":         {whole, noon.AddDate(0, 0, 30), LiftsOlder},
		"begun by somebody":     {newer.With(by(older, "bob"), false), noon.Time, LiftsOurs},
		"of a category, by one": {newer.With(of(older, CategoryLegal), false), noon.Time, LiftsOlder},
	} {
		if got := LiftsOf(a, &c.m, "ann", c.at, 30); got != c.want {
			t.Errorf("%s: it lifts %q, expected %q", name, got, c.want)
		}
	}
}

func by(m Measure, w workforce.WorkerID) Measure {
	m.Requester = w
	return m
}

func of(m Measure, c Category) Measure {
	m.Category = c
	return m
}
