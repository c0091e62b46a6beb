package desk_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// yearVariable has the whole year played, with so many reports a day on the mean. Without it a hundred days
// are.
const yearVariable = "COUNTERSIGN_YEAR_REPORTS"

// The year of a small desk, hour by hour, made from a seed with the loads of casework.md, section
// 7: 1.4 reports a subject, 16 % of the subjects violating, handling times by kind of case.
type year struct {
	t *testing.T
	*desktest.Office
	rng     *rand.Rand
	program kernel.ProgramCaller

	daily   float64 // reports a day, on the mean
	hour    int     // since the beginning
	number  int     // of the newest report
	newest  []string
	violate map[string]bool // by subject
	crew    []*crewMember

	reports, decided, violations, floods, brigades, kills, checked int
	longest                                                        map[string]time.Duration // from opening to decision, by queue
}

// crewMember is somebody who works at fixed hours of the day.
type crewMember struct {
	id       workforce.WorkerID
	from, to int // hours, UTC; from after to: over midnight
	weekends bool
}

func (m crewMember) on(at time.Time) bool {
	if !m.weekends && (at.Weekday() == time.Saturday || at.Weekday() == time.Sunday) {
		return false
	}
	h := at.Hour()
	if m.from <= m.to {
		return h >= m.from && h < m.to
	}
	return h >= m.from || h < m.to
}

// yearKind is a kind of report: how often it comes, in which language, and how long a person has it.
type yearKind struct {
	reason   cases.Reason
	language string
	share    float64
	handling time.Duration // median
}

var yearKinds = []yearKind{
	{"MisleadingSpam", "en", 0.52, 12 * time.Second},
	{"Other", "en", 0.17, 45 * time.Second},
	{"HarassmentTargeted", "en", 0.12, 150 * time.Second},
	{"MisleadingScam", "en", 0.08, 45 * time.Second},
	{"MisleadingSpam", "de", 0.06, 45 * time.Second},
	{"SelfHarmContent", "en", 0.03, 150 * time.Second},
	{"ViolenceThreats", "en", 0.02, 150 * time.Second},
}

// slowly is how much longer than at a call centre a case takes here: so few people feel a flood.
const slowly = 10

func newYear(t *testing.T, o desktest.Options, seed uint64, daily float64) *year {
	y := &year{t: t, Office: desktest.NewOffice(t, o), rng: rand.New(rand.NewPCG(seed, 16)), daily: daily, violate: map[string]bool{}, longest: map[string]time.Duration{}}
	y.program = kernel.ProgramCaller{ID: "square"}
	// Around the clock somebody is on; the day shifts are larger than they must be by a third.
	y.crew = []*crewMember{{"ann", 6, 14, true}, {"abe", 14, 22, true}, {"bob", 22, 6, true}, {"lee", 8, 16, false}, {"kim", 9, 17, false}, {"eva", 15, 23, true}, {"sue", 22, 6, true}}
	y.Clock().Hold()
	return y
}

func (y *year) now() time.Time { return y.Clock().Now().UTC() }

// poisson draws how often something happens that happens mean times on the mean.
func (y *year) poisson(mean float64) int {
	n, p, limit := 0, 1.0, math.Exp(-min(mean, 500))
	for {
		if p *= y.rng.Float64(); p <= limit {
			return n
		}
		n++
	}
}

// report is a report of an account on a subject, as the program hands it in.
func (y *year) report(k yearKind, subject, reporter string) cases.Report {
	y.number++
	return cases.Report{ExternalID: fmt.Sprintf("y%d", y.number), At: canonical.At(y.now()), Subject: platform.Subject{Platform: "plaza", ID: subject}, Reason: string(k.reason),
		Text: "Look at " + subject + ".", Scores: []cases.Score{}, Evidence: cases.Told{Text: "Words of " + subject, Language: k.language}, Reporter: cases.Reporter{ID: reporter}}
}

func (y *year) kind() yearKind {
	at := y.rng.Float64()
	for _, k := range yearKinds {
		if at -= k.share; at < 0 {
			return k
		}
	}
	return yearKinds[0]
}

func (y *year) subject() string {
	s := fmt.Sprintf("post/y%d", len(y.violate))
	y.violate[s] = y.rng.Float64() < 0.16
	return s
}

// take hands reports in; each is acknowledged.
func (y *year) take(reports []cases.Report) {
	for part := range slices.Chunk(reports, 100) {
		got, err := y.Desk.TakeReports(y.t.Context(), y.program, part)
		if err != nil {
			y.t.Fatal(err)
		}
		for _, r := range got {
			if r.Err != nil {
				y.t.Fatalf("report %s: %v", r.ExternalID, r.Err)
			}
		}
		y.reports += len(got)
	}
}

// arrive has the reports of an hour come in: of each hour as much as people are awake, of some days a
// flood of one reporter, of others a brigade of accounts that nobody saw before.
func (y *year) arrive() {
	at := y.now()
	awake := 1 + 0.8*math.Sin(2*math.Pi*float64(at.Hour()-8)/24)
	var all []cases.Report
	for range y.poisson(y.daily / 24 * awake / 1.4) {
		k, s := y.kind(), y.subject()
		for range 1 + y.poisson(0.4) {
			all = append(all, y.report(k, s, fmt.Sprintf("acct/r%d", y.rng.IntN(4000))))
		}
	}
	if y.hour%(24*45) == 24*20+11 {
		y.floods++
		for range 10 + int(8*y.daily) {
			all = append(all, y.report(yearKinds[0], y.subject(), "acct/flood"))
		}
	}
	if y.hour%(24*60) == 24*30+13 {
		y.brigades++
		s := y.subject()
		y.violate[s] = false
		for i := range 40 {
			all = append(all, y.report(yearKinds[2], s, fmt.Sprintf("acct/b%d-%d", y.brigades, i)))
		}
	}
	y.take(all)
}

// works has one person do an hour's work.
func (y *year) works(m *crewMember) {
	left := 48 * time.Minute
	for left > 0 {
		taken, err := y.Desk.Next(y.t.Context(), desktest.As(m.id), "")
		if fault.Is(err, "nothing-waits") {
			return
		}
		if err != nil {
			y.t.Fatalf("the next case of %s: %v", m.id, err)
		}
		left -= time.Duration(float64(y.handling(taken)) * math.Exp(y.rng.NormFloat64()*0.5))
		y.decides(m, taken)
	}
}

func (y *year) handling(taken casework.Taken) time.Duration {
	for _, k := range yearKinds {
		if slices.Contains(taken.Case.Reasons, k.reason) {
			return slowly * k.handling
		}
	}
	return slowly * 45 * time.Second
}

func (y *year) decides(m *crewMember, taken casework.Taken) {
	violates := y.violate[taken.Case.Subject.ID]
	if y.rng.Float64() < 0.03 {
		violates = !violates
	}
	j := casework.Judgement{Verdict: actions.CaseNoViolation}
	if violates {
		q, _, _ := y.queues().Queue(taken.Case.Queue)
		j = casework.Judgement{Verdict: actions.CaseViolation, Rule: q.Digits["1"]}
		y.violations++
	}
	if _, err := y.TryDecide(m.id, taken, j); err != nil {
		y.t.Fatalf("%s decides %s: %v", m.id, taken.Case.ID, err)
	}
	y.decided++
	took := y.now().Sub(taken.Case.Opened.Time)
	y.longest[taken.Case.Queue] = max(y.longest[taken.Case.Queue], took)
}

func (y *year) queues() *cases.QueueSet {
	set, err := cases.ParseQueues(cases.DefaultQueues(), nil)
	if err != nil {
		y.t.Fatal(err)
	}
	return set
}

// checks looks at every open case: it waits in exactly the queue, and is due at the time, that its
// own set gives it anew.
func (y *year) checks() {
	set := y.queues()
	if err := y.Store.Read(y.t.Context(), func(tx *store.Tx) error {
		before := ""
		for {
			all, err := tx.Cases(store.CaseFilter{Before: before, Limit: 500})
			if err != nil || len(all) == 0 {
				return err
			}
			for _, c := range all {
				before = c.ID
				if !c.State.Open() {
					continue
				}
				y.checked++
				if anew := c.Placed(set, c.QueueSet); anew.Queue != c.Queue || anew.Due != c.Due {
					y.t.Errorf("the case %s is in %s, due %s; its set places it in %s, due %s", c.ID, c.Queue, c.Due, anew.Queue, anew.Due)
				}
			}
		}
	}); err != nil {
		y.t.Fatal(err)
	}
}

// counts compares what came in with what the rows have.
func (y *year) counts() {
	if err := y.Store.Read(y.t.Context(), func(tx *store.Tx) error {
		rows, counted, after := int64(0), int64(0), ""
		for {
			all, err := tx.CaseReports(after, 500)
			if err != nil {
				return err
			}
			for _, c := range all {
				after, rows, counted = c.Case, rows+c.Rows, counted+c.Reports
			}
			if len(all) < 500 {
				break
			}
		}
		if int(rows) != y.reports || int(counted) != y.reports {
			y.t.Errorf("%d reports came in; the cases have %d rows and count %d", y.reports, rows, counted)
		}
		return nil
	}); err != nil {
		y.t.Fatal(err)
	}
}

// run plays hours of the year.
func (y *year) run(hours int) {
	for range hours {
		y.arrive()
		at := y.now()
		for _, m := range y.crew {
			if m.on(at) {
				y.works(m)
			}
		}
		y.Clock().Advance(time.Hour)
		y.hour++
		if err := y.Desk.Sweep(y.t.Context()); err != nil {
			y.t.Fatal(err)
		}
		if y.hour%(24*30) == 0 {
			y.checks()
			y.kills++
			y.Reopen()
			y.checks()
		}
		if y.t.Failed() {
			return
		}
	}
}

// TestYear plays a year of reports: a loud queue beside quiet ones, floods of one reporter, brigades,
// nights, weekends and restarts. Every promise is kept or told of before it breaks, nothing starves,
// and each case waits where its own queue set places it.
func TestYear(t *testing.T) {
	daily, days := 8.0, 100 // the short form
	if v := os.Getenv(yearVariable); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			t.Fatalf("%s is a number of reports a day, not %q", yearVariable, v)
		}
		daily, days = float64(n), 350
	}
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		y := newYear(t, o, 2017, daily)
		y.run(days * 24)
		y.counts()
		for _, q := range slices.Sorted(maps.Keys(y.longest)) {
			t.Logf("queue %s: the longest from report to decision is %s", q, y.longest[q])
		}
		t.Logf("%d reports, %d decisions (%d violations), %d floods, %d brigades, %d restarts, %d open cases placed anew", y.reports, y.decided, y.violations, y.floods, y.brigades, y.kills, y.checked)
		if cmp.Or(y.floods, y.brigades, y.kills) == 0 || y.decided == 0 {
			t.Error("the year was empty")
		}
	})
}
