package cases_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"countersign.dev/canonical"
	"countersign.dev/cases"
)

// queueWith returns the first queue of a set of two, with some members more.
func queueWith(members string) (*cases.Queue, *cases.QueueSet, error) {
	s, err := cases.ParseQueues(fmt.Sprintf(`{"v": "countersign/queues/v1", "queues": [
		{"name": "first", "title": {"en": "First"}, "where": {"language": ["de"]}, "promise": {"low": 1440, "medium": 720, "high": 240, "highest": 60}%s},
		{"name": "last", "title": {"en": "Last"}, "where": {}, "promise": {"low": 1440, "medium": 720, "high": 240, "highest": 60}}], "tests": []}`, members), nil)
	if err != nil {
		return nil, nil, err
	}
	return &s.Queues[0], s, nil
}

func mustQueue(t testing.TB, members string) *cases.Queue {
	t.Helper()
	q, _, err := queueWith(members)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

const week = `"mon": ["08:00-12:00", "13:00-18:00"], "tue": ["08:00-18:00"], "wed": ["08:00-18:00"], "thu": ["08:00-18:00"], "fri": ["08:00-18:00"]`

// TestBusinessHours: a promise counts open time alone, by the clock on the wall of the queue's zone;
// where clocks are put forward or back, it counts the time that passes.
func TestBusinessHours(t *testing.T) {
	q := mustQueue(t, `, "hours": {"zone": "Europe/Berlin", "open": {`+week+`, "sun": ["00:00-06:00"]}, "closed": ["2026-12-25"]}`)
	for _, c := range []struct {
		opened, due string
		severity    cases.Severity
	}{
		{"2026-11-30T09:00:00Z", "2026-11-30T10:00:00Z", cases.Highest}, // Monday, 10:00 in Berlin
		{"2026-11-30T10:30:00Z", "2026-11-30T12:30:00Z", cases.Highest}, // over lunch
		{"2026-11-30T16:30:00Z", "2026-12-01T07:30:00Z", cases.Highest}, // over night
		{"2026-12-04T15:00:00Z", "2026-12-06T01:00:00Z", cases.High},    // Friday 16:00; two hours on Sunday
		{"2026-12-24T16:30:00Z", "2026-12-26T23:30:00Z", cases.Highest}, // Christmas is closed, Sunday is open
		{"2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", cases.Highest}, // 01:30; at 02:00 it is 03:00
		{"2026-03-29T00:30:00Z", "2026-03-30T06:30:00Z", cases.High},    // 04:00 UTC is 06:00: three and a half hours until then
		{"2026-10-24T22:30:00Z", "2026-10-25T02:30:00Z", cases.High},    // 00:30; the hour from 02:00 is there twice
		{"2026-11-30T11:15:00Z", "2026-11-30T13:00:00Z", cases.Highest}, // at lunch
	} {
		at, err := time.Parse(time.RFC3339, c.opened)
		if err != nil {
			t.Fatal(err)
		}
		if due := q.Due(cases.Case{Opened: canonical.At(at), Severity: c.severity}); due.Format(time.RFC3339) != c.due {
			t.Errorf("opened at %s, severity %s: due at %s, want %s", c.opened, c.severity, due.Format(time.RFC3339), c.due)
		}
	}
	if got, want := q.Hours.Words(), "mon 08:00-12:00, 13:00-18:00; tue-fri 08:00-18:00; sun 00:00-06:00 (Europe/Berlin)"; got != want {
		t.Errorf("the hours in words: %s, want %s", got, want)
	}
}

// TestOpenTime: what After adds, Between counts; and where there are no hours both are plain time.
func TestOpenTime(t *testing.T) {
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca"} {
		q := mustQueue(t, `, "hours": {"zone": "`+zone+`", "open": {`+week+`}, "closed": ["2026-12-25", "2027-01-01"]}`)
		rapid.Check(t, func(t *rapid.T) {
			from := canonical.At(time.Unix(rapid.Int64Range(1_760_000_000, 1_860_000_000).Draw(t, "from"), 0))
			length := time.Duration(rapid.Int64Range(1, 20*24*60).Draw(t, "minutes")) * time.Minute
			due := q.Hours.After(from, length)
			if got := q.Hours.Between(from, due); got != length {
				t.Errorf("%s after %s is %s, and between them are %s", length, from, due, got)
			}
			if later := q.Hours.After(from, length+time.Minute); !later.After(due.Time) {
				t.Errorf("a minute more ends at %s, not after %s", later, due)
			}
		})
	}
	var always *cases.Hours
	at := canonical.At(time.Unix(1_800_000_000, 0))
	if due := always.After(at, time.Hour); due.Sub(at.Time) != time.Hour || always.Between(at, due) != time.Hour || always.Words() != "always" {
		t.Error("without hours, all time is open")
	}
}

// TestFormula: a case is due sooner the likelier it violates and the more it reaches, never before a
// quarter of the promise nor after it, and the number of its reports changes nothing.
func TestFormula(t *testing.T) {
	q := mustQueue(t, `, "order": {"likely": 40, "reach": 35, "half_life": 24}`)
	opened := canonical.At(time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC))
	with := func(edit func(*cases.Case)) int64 {
		c := cases.Case{Opened: opened, Started: opened, Severity: cases.Low}
		edit(&c)
		return q.Factor(c)
	}
	for name, x := range map[string]struct {
		edit func(*cases.Case)
		want int64
	}{
		"nothing is known":     {func(*cases.Case) {}, 1000},
		"half of them right":   {func(c *cases.Case) { c.Likely = 500 }, 800},
		"a high score":         {func(c *cases.Case) { c.Likely, c.Score = 200, 1000 }, 600},
		"ten million":          {func(c *cases.Case) { c.Reach = 10_000_000 }, 650},
		"more than that":       {func(c *cases.Case) { c.Reach = 1 << 40 }, 650},
		"old":                  {func(c *cases.Case) { c.Reach, c.Born = 10_000_000, canonical.At(opened.AddDate(0, -3, 0)) }, 1000},
		"one day old":          {func(c *cases.Case) { c.Reach, c.Born = 2_000_000, canonical.At(opened.AddDate(0, 0, -1)) }, 701},
		"all of it":            {func(c *cases.Case) { c.Reach, c.Likely = 1<<40, 1000 }, 250},
		"many reports":         {func(c *cases.Case) { c.Reports, c.Reporters = 100_000, 90_000 }, 1000},
		"born after it opened": {func(c *cases.Case) { c.Reach, c.Born = 10_000_000, canonical.At(opened.Add(time.Hour)) }, 650},
	} {
		if got := with(x.edit); got != x.want {
			t.Errorf("%s: the factor is %d, want %d", name, got, x.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		_, set, err := queueWith(fmt.Sprintf(`, "order": {"likely": %d, "reach": %d, "half_life": %d}`, rapid.IntRange(0, 40).Draw(t, "likely"), rapid.IntRange(0, 35).Draw(t, "reach"), rapid.IntRange(1, 500).Draw(t, "half")))
		if err != nil {
			t.Fatal(err)
		}
		set = set.With(map[string]cases.Ahead{"first": {Number: 3, Factor: rapid.SampledFrom([]int64{0, 250, 600, 1000}).Draw(t, "ahead")}})
		q := &set.Queues[0]
		c := cases.Case{Opened: opened, Started: opened, Severity: rapid.SampledFrom(cases.Severities).Draw(t, "severity"), Likely: rapid.Int64Range(0, 1000).Draw(t, "c.likely"), Score: rapid.Int64Range(0, 1000).Draw(t, "c.score"),
			Reach: rapid.Int64Range(0, 1<<40).Draw(t, "c.reach"), Born: canonical.At(opened.Add(-time.Duration(rapid.Int64Range(0, 10_000).Draw(t, "c.age")) * time.Hour))}
		due := q.Due(c)
		promise := time.Duration(q.Promise[c.Severity]) * time.Minute
		if due.Before(opened.Add(promise/4)) || due.After(opened.Add(promise)) {
			t.Fatalf("due after %s of %s", due.Sub(opened.Time), promise)
		}
		more := c
		more.Likely = min(1000, c.Likely+100)
		more.Reach = 2*c.Reach + 1
		if q.Due(more).After(due.Time) {
			t.Fatalf("what is likelier and reaches more is due later: %s, %s", q.Due(more), due)
		}
		if !strings.Contains(q.Because(c), "promises") {
			t.Fatal(q.Because(c))
		}
	})
}

// TestBecause: the sentence has each term of the formula.
func TestBecause(t *testing.T) {
	_, set, err := queueWith(`, "order": {"likely": 40, "reach": 35, "half_life": 24}, "hours": {"zone": "Europe/Berlin", "open": {` + week + `}}`)
	if err != nil {
		t.Fatal(err)
	}
	opened := canonical.At(time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC))
	c := cases.Case{Opened: opened, Severity: cases.High, Likely: 800, Reach: 120_000, Born: canonical.At(opened.Add(-3 * time.Hour))}
	q := &set.With(map[string]cases.Ahead{"first": {Number: 1, Factor: 900}}).Queues[0]
	want := "The queue first promises 4 h for the severity high in its business hours, mon 08:00-12:00, 13:00-18:00; tue-fri 08:00-18:00 (Europe/Berlin); this case is due after 39 % of that, since the reports of those who reported it were right 80 of 100 times (-32 %) and it reaches 120000 and was 3 h old (-25 %) and a lead put the queue ahead (× 90 %)."
	if got := q.Because(c); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := set.Queues[1].Because(c), "The queue last promises 4 h for the severity high."; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestBadOrder: each wrong member of hours, formula, facts and trainings is refused with what to do.
func TestBadOrder(t *testing.T) {
	for members, what := range map[string]string{
		`, "hours": {"zone": "Berlin", "open": {` + week + `}}`:                                      "Europe/Berlin",
		`, "hours": {"zone": "Local", "open": {` + week + `}}`:                                       "Europe/Berlin",
		`, "hours": {"zone": "UTC", "open": {"monday": ["08:00-18:00"]}}`:                            "the days are mon",
		`, "hours": {"zone": "UTC", "open": {"mon": ["18:00-08:00"]}}`:                               "the earlier time first",
		`, "hours": {"zone": "UTC", "open": {"mon": ["8-18"]}}`:                                      "the earlier time first",
		`, "hours": {"zone": "UTC", "open": {"mon": ["08:00-25:00"]}}`:                               "the earlier time first",
		`, "hours": {"zone": "UTC", "open": {"mon": ["08:00-12:00", "11:00-18:00"]}}`:                "has ended",
		`, "hours": {"zone": "UTC", "open": {"mon": ["08:00-08:30"]}}`:                               "at least 300",
		`, "hours": {"zone": "UTC", "open": {` + week + `}, "closed": ["25.12."]}`:                   "2026-12-25",
		`, "hours": {"zone": "UTC", "open": {` + week + `}, "closed": ["2026-12-25", "2026-12-25"]}`: "twice",
		`, "order": {"likely": 50, "reach": 26}`:                                                     "add up to 75",
		`, "order": {"likely": -1}`:                                                                  "add up to 75",
		`, "order": {"likely": 1, "half_life": 100000}`:                                              "half-life",
	} {
		_, _, err := queueWith(members)
		refusal(t, err, "bad-queues", "queues.json:2 queue first", what)
	}
	for where, what := range map[string]string{
		`{"tier": ["vital"]}`:                "standard, protected or critical",
		`{"reach": {}}`:                      "a range is",
		`{"reach": {"least": -1}}`:           "a range is",
		`{"reach": {"least": 2, "most": 1}}`: "a range is",
		`{"likely": {"least": 101}}`:         "a range is",
		`{"reporters": {"least": 10}}`:       "numbers of reports alone",
	} {
		_, err := cases.ParseQueues(fmt.Sprintf(`{"v": "countersign/queues/v1", "queues": [
			{"name": "first", "title": {"en": "First"}, "where": %s, "promise": {"low": 4, "medium": 3, "high": 2, "highest": 1}},
			{"name": "last", "title": {"en": "Last"}, "where": {}, "promise": {"low": 5, "medium": 3, "high": 2, "highest": 1}}], "tests": []}`, where), nil)
		refusal(t, err, "bad-queues", "queues.json:2 queue first", what)
	}
}

// TestPlaceByFacts: a queue takes cases by what is known of them; what is not known fits no range.
func TestPlaceByFacts(t *testing.T) {
	born := canonical.At(time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC))
	c := cases.Case{Opened: canonical.At(born.Add(10 * time.Hour)), Reach: 5000, Born: born, Reporters: 7, Likely: 804, Score: 600, Tier: "protected", Severity: cases.Low}
	for where, takes := range map[string]bool{
		`{"tier": ["protected"]}`: true, `{"tier": ["critical"]}`: false,
		`{"reach": {"least": 5000}}`: true, `{"reach": {"least": 5001}}`: false, `{"reach": {"most": 4999}}`: false,
		`{"age": {"most": 10}}`: true, `{"age": {"most": 9}}`: false,
		`{"reporters": {"least": 7, "most": 7}}`: true, `{"reporters": {"most": 6}}`: false,
		`{"likely": {"least": 80}}`: true, `{"likely": {"least": 81}}`: false,
		`{"score": {"least": 60}}`: true, `{"score": {"least": 61}}`: false,
	} {
		s, err := cases.ParseQueues(fmt.Sprintf(`{"v": "countersign/queues/v1", "queues": [
			{"name": "first", "title": {"en": "First"}, "where": %s, "promise": {"low": 4, "medium": 3, "high": 2, "highest": 1}},
			{"name": "last", "title": {"en": "Last"}, "where": {}, "promise": {"low": 4, "medium": 3, "high": 2, "highest": 1}}], "tests": []}`, where), nil)
		if err != nil {
			t.Fatal(err)
		}
		if q, _ := s.Place(c.Facts()); (q.Name == "first") != takes {
			t.Errorf("%s takes the case: %v", where, !takes)
		}
		if q, _ := s.Place(cases.Case{Opened: c.Opened, Severity: cases.Low}.Facts()); q.Name == "first" && !strings.Contains(where, "reporters") {
			t.Errorf("%s takes a case of which nothing is known", where)
		}
	}
}
