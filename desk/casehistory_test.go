package desk_test

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/sqldb"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// history is a random history of an office, and what must be true of it.
type history struct {
	office
	name    string
	n       int
	known   map[string]bool // identifiers of the reports that were acknowledged
	held    map[workforce.WorkerID][]casework.Taken
	decided []decided
	from    map[ledger.DocumentSort]int64 // the documents of earlier histories come before
	entries int64                         // and their entries
	did     map[string]int                // what was not refused, over all histories
}

type decided struct {
	by workforce.WorkerID
	id string
}

// staff is who works in a history.
var staff = []workforce.WorkerID{"ann", "abe", "dan", "sue", "bob", "lee", "kim"}

// generous is a list of budgets that no history spends.
func generous() []actions.Budget {
	all := actions.DefaultBudgets()
	for i := range all {
		all[i].Limit = 1_000_000
	}
	return all
}

func newHistory(o office, name string) *history {
	h := &history{office: o, name: name, known: map[string]bool{}, held: map[workforce.WorkerID][]casework.Taken{}, from: map[ledger.DocumentSort]int64{}}
	if err := o.Store.Read(o.t.Context(), func(tx *store.Tx) error {
		heads, err := tx.RollHeads()
		for _, head := range heads {
			h.from[head.Sort] = head.Next
		}
		return err
	}); err != nil {
		o.t.Fatal(err)
	}
	head, err := o.Store.Head(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	h.entries = head.Size
	return h
}

func (h *history) subject(i int) string { return fmt.Sprintf("post/%s-%d", h.name, i) }

const subjects = 4

// may fails the test unless an error is none or a refusal: what the desk does not do, it says.
func (h *history) may(t failer, what string, err error) bool {
	if kind := fault.KindOf(err); err != nil && (kind == fault.Internal || kind == fault.Unavailable) {
		t.Fatalf("%s: %v", what, err)
	}
	if err == nil {
		h.did[what]++
	}
	return err == nil
}

type failer interface{ Fatalf(string, ...any) }

func pick[T any](r *rapid.T, what string, from []T) T { return rapid.SampledFrom(from).Draw(r, what) }

// one draws a case that somebody holds or, sometimes, one that somebody held.
func (h *history) one(r *rapid.T) (workforce.WorkerID, casework.Taken, bool) {
	if rapid.IntRange(0, 9).Draw(r, "earlier") > 0 {
		all := slices.DeleteFunc(h.cases(), func(c cases.Case) bool { return c.State != cases.Claimed })
		if len(all) == 0 {
			return "", casework.Taken{}, false
		}
		c := pick(r, "case", all)
		return c.Holder, casework.Taken{Case: c, Claim: cases.Claim{Number: c.Claim}}, true
	}
	by := pick(r, "who", staff)
	if len(h.held[by]) == 0 {
		return by, casework.Taken{}, false
	}
	return by, pick(r, "case", h.held[by]), true
}

// fresh is a case as it is now: its version and its claim are those of the row.
func (h *history) fresh(r *rapid.T, taken casework.Taken) cases.Case {
	c := taken.Case
	if rapid.IntRange(0, 9).Draw(r, "stale") > 0 {
		c.Version = h.now(c.ID).Version
	}
	return c
}

func (h *history) steps() map[string]func(*rapid.T) {
	took := func(r *rapid.T, by workforce.WorkerID, taken casework.Taken, err error) {
		if h.may(r, "claim", err) {
			h.held[by] = append(h.held[by], taken)
		}
	}
	deed := func(k actions.DeedKind, order func(*rapid.T, cases.Case) cases.Order) func(*rapid.T) {
		return func(r *rapid.T) {
			by, taken, ok := h.one(r)
			if !ok {
				return
			}
			c := h.fresh(r, taken)
			_, err := h.try(by, k, c, order(r, c))
			h.may(r, string(k), err)
		}
	}
	steps := map[string]func(*rapid.T){
		"": func(r *rapid.T) { h.check(r) },
		"report": func(r *rapid.T) {
			h.n++
			got, err := h.TryFlag(fmt.Sprint(h.name, "-", h.n), h.subject(rapid.IntRange(0, subjects-1).Draw(r, "subject")), pick(r, "reason", []cases.Reason{"MisleadingSpam", "HarassmentTroll", "MisleadingSpam", "MisleadingBot", "HarassmentTroll", "ViolenceThreats"}),
				pick(r, "reporter", []string{"acct/50", "acct/51", "acct/52", ""}))
			if h.may(r, "report", err) {
				h.known[got.Report.ID] = true
			}
		},
		"next": func(r *rapid.T) {
			by := pick(r, "who", staff)
			taken, err := h.Desk.Next(h.t.Context(), desktest.As(by), "")
			took(r, by, taken, err)
		},
		"claim": func(r *rapid.T) {
			all := h.cases()
			if len(all) == 0 {
				return
			}
			by := pick(r, "who", staff)
			taken, err := h.Desk.Claim(h.t.Context(), desktest.As(by), pick(r, "case", all).ID)
			took(r, by, taken, err)
		},
		"release": func(r *rapid.T) {
			if by, taken, ok := h.one(r); ok {
				_, err := h.Desk.Release(h.t.Context(), desktest.As(by), taken.Case.ID, taken.Claim.Number)
				h.may(r, "release", err)
			}
		},
		"decide": func(r *rapid.T) {
			if by, taken, ok := h.one(r); ok {
				if rapid.IntRange(0, 9).Draw(r, "looks again") > 0 {
					if again, err := h.Desk.Claim(h.t.Context(), desktest.As(by), taken.Case.ID); err == nil && again.Claim.Number == taken.Claim.Number {
						taken = again
					}
				}
				taken.Case = h.fresh(r, taken)
				j := casework.Judgement{Verdict: actions.CaseNoViolation}
				if rapid.Bool().Draw(r, "violation") {
					j = casework.Judgement{Verdict: actions.CaseViolation, Rule: 1}
				}
				out, err := h.TryDecide(by, taken, j)
				if h.may(r, "decide", err) && !out.Proposed {
					h.decided = append(h.decided, decided{by, out.ID})
				}
			}
		},
		"take back": func(r *rapid.T) {
			if len(h.decided) == 0 {
				return
			}
			last := h.decided[len(h.decided)-1]
			taken, _, _, err := back(h.World, last.by, last.id)
			if err == nil {
				h.did["take back"]++
			}
			took(r, last.by, taken, err)
		},
		"skip":     deed(actions.DeedSkip, func(*rapid.T, cases.Case) cases.Order { return cases.Order{} }),
		"note":     deed(actions.DeedNote, func(*rapid.T, cases.Case) cases.Order { return cases.Order{Note: "A note."} }),
		"escalate": deed(actions.DeedEscalate, func(*rapid.T, cases.Case) cases.Order { return cases.Order{Role: cases.AskLead, Note: "What?"} }),
		"ask":      deed(actions.DeedAsk, func(*rapid.T, cases.Case) cases.Order { return cases.Order{Role: cases.AskSpecialist, Note: "What?"} }),
		"snooze": deed(actions.DeedSnooze, func(*rapid.T, cases.Case) cases.Order {
			return cases.Order{Until: h.in(20 * time.Minute), Note: "Later."}
		}),
		"language": deed(actions.DeedLanguage, func(r *rapid.T, _ cases.Case) cases.Order {
			return cases.Order{Language: pick(r, "language", []string{"de", "en", "tr"})}
		}),
		"move": deed(actions.DeedMove, func(r *rapid.T, _ cases.Case) cases.Order {
			return cases.Order{Queue: pick(r, "queue", []string{"general", "high", "safety", "spam"})}
		}),
		"merge": deed(actions.DeedMerge, func(r *rapid.T, c cases.Case) cases.Order {
			older := slices.DeleteFunc(h.cases(), func(o cases.Case) bool {
				return !o.State.Open() || o.ID == c.ID || o.ID > c.ID && rapid.IntRange(0, 9).Draw(r, "younger") > 0
			})
			if len(older) == 0 {
				return cases.Order{Into: c.ID}
			}
			return cases.Order{Into: pick(r, "into", older).ID, Note: "One seller."}
		}),
		"split": deed(actions.DeedSplit, func(r *rapid.T, c cases.Case) cases.Order {
			order := cases.Order{Reports: []string{"rep_none"}}
			if rows := h.reports(c.ID); len(rows) > 0 {
				row := pick(r, "report", rows)
				order.Reports = []string{row.ID}
				if row.Subject == c.Subject.ID || rapid.IntRange(0, 3).Draw(r, "elsewhere") == 0 {
					order.Subject = "plaza:" + h.subject(rapid.IntRange(0, subjects-1).Draw(r, "subject"))
				}
			}
			return order
		}),
		"time": func(r *rapid.T) {
			h.Clock().Advance(pick(r, "time", []time.Duration{time.Second, time.Second, casework.TakeBackFor, 11 * time.Minute, 2 * time.Hour, 25 * time.Hour}))
			if rapid.Bool().Draw(r, "sweep") {
				h.sweep()
			}
		},
		"restart": func(r *rapid.T) {
			if rapid.IntRange(0, 4).Draw(r, "really") == 0 {
				h.Reopen()
			}
		},
	}
	for _, often := range []string{"report", "next", "merge", "split", "decide", "take back"} {
		steps[often+" "] = steps[often]
	}
	return steps
}

// cases returns the cases of the history, oldest first.
func (h *history) cases() (all []cases.Case) {
	if err := h.Store.Read(h.t.Context(), func(tx *store.Tx) error {
		all = nil
		for i := range subjects {
			of, err := tx.Cases(store.CaseFilter{Platform: "plaza", Subject: h.subject(i), Limit: 1000})
			if err != nil {
				return err
			}
			all = append(all, of...)
		}
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b cases.Case) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// check demands what is always true.
func (h *history) check(t failer) {
	rows := map[string]string{} // the case of each report
	open := map[string]string{}
	for _, c := range h.cases() {
		var claims []cases.Claim
		var clocks []store.Clock
		var reports []store.Report
		var counts cases.Counts
		if err := h.Store.Read(h.t.Context(), func(tx *store.Tx) (err error) {
			if claims, err = tx.Claims(c.ID); err != nil {
				return err
			}
			if clocks, err = tx.Clocks(c.ID); err != nil {
				return err
			}
			reports, err = tx.ReportsOf(c.ID, "", 100_000)
			return err
		}); err != nil {
			t.Fatalf("%v", err)
		}
		live := slices.DeleteFunc(claims, func(x cases.Claim) bool { return !x.Ended.IsZero() })
		switch {
		case len(live) > 1:
			t.Fatalf("the case %s is at %d people: %+v", c.ID, len(live), live)
		case (c.State == cases.Claimed) != (len(live) == 1):
			t.Fatalf("the case %s is %s and has %d live claims", c.ID, c.State, len(live))
		case len(live) == 1 && (live[0].Worker != c.Holder || live[0].Number != c.Claim || !live[0].Until.Equal(c.Until.Time)):
			t.Fatalf("the live claim of %+v is %+v", c, live[0])
		}
		if c.State.Open() {
			if other := open[c.Subject.ID]; other != "" {
				t.Fatalf("%s has two open cases, %s and %s", c.Subject, other, c.ID)
			}
			open[c.Subject.ID] = c.ID
		}
		reporters := map[string]bool{}
		for _, r := range reports {
			if at, twice := rows[r.ID]; twice {
				t.Fatalf("the report %s is in %s and %s", r.ID, at, c.ID)
			}
			rows[r.ID] = c.ID
			reporters[r.Reporter] = true
			counts.Reasons, counts.Sources = append(counts.Reasons, r.Reason), append(counts.Sources, r.Source)
			if r.Severity.Rank() > counts.Severity.Rank() {
				counts.Severity = r.Severity
			}
		}
		if c.Reports != int64(len(reports)) || c.Reporters != int64(len(reporters)) {
			t.Fatalf("the case %s (%s) counts %d reports of %d, and its rows are %d of %d", c.ID, c.State, c.Reports, c.Reporters, len(reports), len(reporters))
		}
		slices.Sort(counts.Reasons)
		if c.State != cases.Merged && (!slices.Equal(c.Reasons, slices.Compact(counts.Reasons)) || c.Severity != counts.Severity) {
			t.Fatalf("the case %s says %v, %s; its reports say %v, %s", c.ID, c.Reasons, c.Severity, counts.Reasons, counts.Severity)
		}
		h.promised(t, c, clocks)
	}
	documents := h.documents(t)
	if len(rows) != len(h.known) || len(documents) != len(h.known) {
		t.Fatalf("%d reports were acknowledged; %d are in rows, %d in documents", len(h.known), len(rows), len(documents))
	}
	for id := range h.known {
		if rows[id] == "" || rows[id] != documents[id] {
			t.Fatalf("the report %s is in %q by its row, and in %q by the documents", id, rows[id], documents[id])
		}
	}
}

// promised demands that the clocks of a case say what its state does.
func (h *history) promised(t failer, c cases.Case, clocks []store.Clock) {
	clocks = slices.DeleteFunc(clocks, func(k store.Clock) bool { return k.Kind != store.PromiseClock })
	if len(clocks) != 1 {
		t.Fatalf("the case %s has %d promises", c.ID, len(clocks))
	}
	k := clocks[0]
	done := c.State == cases.Decided || c.State == cases.Closed
	switch {
	case done == k.Met.IsZero(), (c.State == cases.Merged) == k.Ended.IsZero(), c.State.Open() && !k.Due.Equal(c.Due.Time), !k.Paused.IsZero() && c.State != cases.Asked && c.State != cases.Merged:
		t.Fatalf("the case %+v has the promise %+v", c, k)
	}
}

// documents says in which case each report is, by the documents and the ledger alone.
func (h *history) documents(t failer) map[string]string {
	at := map[string]string{}
	type change struct {
		time canonical.Time
		do   func()
	}
	var changes []change
	into := func(from, to string) func() {
		return func() {
			for id, c := range at {
				if c == from {
					at[id] = to
				}
			}
		}
	}
	if err := h.Store.Read(h.t.Context(), func(tx *store.Tx) error {
		reports, err := tx.Documents(ledger.ReportDocument, h.from[ledger.ReportDocument], 1<<40)
		if err != nil {
			return err
		}
		for _, doc := range reports {
			var data cases.ReportData
			if err := canonical.Unmarshal(doc.Body.Data, &data); err != nil {
				return err
			}
			changes = append(changes, change{doc.Body.Time, func() { at[doc.Body.ID] = data.Case }})
		}
		deeds, err := tx.Documents(ledger.DeedDocument, h.from[ledger.DeedDocument], 1<<40)
		if err != nil {
			return err
		}
		for _, doc := range deeds {
			var data cases.DeedData
			if err := canonical.Unmarshal(doc.Body.Data, &data); err != nil {
				return err
			}
			openings, err := tx.DocumentOpenings(ledger.DeedDocument, doc.Number)
			if err != nil {
				return err
			}
			var text string
			if err := canonical.Unmarshal(openings[0].Value, &text); err != nil {
				return err
			}
			order, err := cases.ParseOrder(text)
			if err != nil {
				return err
			}
			switch data.Deed.Deed.What {
			case actions.DeedMerge:
				changes = append(changes, change{doc.Body.Time, into(data.Case, order.Into)})
			case actions.DeedSplit:
				changes = append(changes, change{doc.Body.Time, func() {
					for _, id := range order.Reports {
						at[id] = data.Made
					}
				}})
			}
		}
		return nil
	}); err != nil {
		t.Fatalf("%v", err)
	}
	head, err := h.Store.Head(h.t.Context())
	if err != nil {
		t.Fatalf("%v", err)
	}
	if err := h.Store.Read(h.t.Context(), func(tx *store.Tx) error {
		raw, err := tx.RawEntries(h.entries, head.Size, int(head.Size-h.entries), entry.KindCaseJoined)
		for _, e := range raw {
			if e.Kind != entry.KindCaseJoined {
				continue
			}
			body, err := ledger.Verify(e.Leaf, e.Body, e.Salt)
			if err != nil {
				return err
			}
			var data entry.CaseJoined
			if err := canonical.Unmarshal(body.Data, &data); err != nil {
				return err
			}
			changes = append(changes, change{e.Time, into(data.Case, data.Into)})
		}
		return err
	}); err != nil {
		t.Fatalf("%v", err)
	}
	slices.SortStableFunc(changes, func(a, b change) int { return a.time.Compare(b.time.Time) })
	for _, c := range changes {
		c.do()
	}
	return at
}

// finish brings every open case to its end: whatever has happened, people can.
func (h *history) finish(t failer) {
	h.Clock().Advance(48 * time.Hour)
	h.sweep()
	for _, c := range h.cases() {
		if !c.State.Open() {
			continue
		}
		taken, err := h.Desk.Claim(h.t.Context(), desktest.As("eva"), c.ID)
		if err != nil {
			t.Fatalf("the case %+v cannot be claimed at the end: %v", c, err)
		}
		j := casework.Judgement{Verdict: actions.CaseNoViolation}
		if taken.Case.Grave() {
			j = casework.Judgement{Verdict: actions.CaseViolation, Rule: 6}
		}
		if out, err := h.TryDecide("eva", taken, j); err != nil || out.Case.State.Open() {
			t.Fatalf("the case %+v cannot be decided at the end: %v", c, err)
		}
	}
	h.check(t)
	if got := recounted(t, h.World, h.from, h.entries); len(got.Findings) > 0 || got.Reports != int64(len(h.known)) || got.InDecided != got.Reports {
		t.Fatalf("a recount of %d reports: %+v", len(h.known), got)
	}
}

// TestCaseHistories: over random histories of reports, claims, decisions, moves, merges,
// splits, take-backs, lease ends and restarts no case is at two people, every report is in
// exactly one case, and what the counters say is what the rows say, and what the documents say.
func TestCaseHistories(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		options.Budgets = generous()
		o := newOffice(t, options)
		few := o.Store.DB().Dialect() == sqldb.PostgreSQL
		o.Owns("abe", "plaza:acct/50")
		// A history is long; rapid's own number of them would take minutes.
		if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
			checks := "50"
			if few {
				checks = "8"
			}
			if err := f.Value.Set(checks); err != nil {
				t.Fatal(err)
			}
			defer func() { f.Value.Set(f.DefValue) }()
		}
		n, did := 0, map[string]int{}
		rapid.Check(t, func(r *rapid.T) {
			n++
			h := newHistory(o, fmt.Sprint("h", n))
			h.did = did
			steps := h.steps()
			for range 6 {
				steps["report"](r)
			}
			for range 3 {
				steps["next"](r)
				r.Repeat(steps)
			}
			h.finish(r)
		})
		t.Log(did)
		for _, what := range []string{"report", "claim", "release", "decide", "take back", "case.skip", "case.note", "case.escalate", "case.ask", "case.snooze", "case.language", "case.move", "case.merge", "case.split"} {
			if did[what] == 0 && !few {
				t.Errorf("no history had a %s that was not refused, so that nothing was tried", what)
			}
		}
	})
}
