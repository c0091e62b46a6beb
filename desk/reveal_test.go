package desk_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/ledger/entry"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

const whyReveal = "The police asks who reported this, file 4711."

// reveals returns what was revealed in a case.
func (o office) reveals(id string) (all []store.Reveal) {
	o.t.Helper()
	if err := o.Store.Read(o.t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.Reveals(id, 100)
		return err
	}); err != nil {
		o.t.Fatal(err)
	}
	return all
}

// TestReveal: whoever holds a case has revealed who reported in it, for a reason and on record: a row
// that holds whom it is about, and an entry of the ledger that names neither that account nor the
// reason.
func TestReveal(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		report := o.Flag("a", "post/1", "MisleadingSpam", "acct/9").Report.ID
		taken := o.Take("ann")
		id := taken.Case.ID
		got, err := o.Desk.Reveal(t.Context(), desktest.As("ann"), id, report, whyReveal)
		want := casework.Revealed{Case: id, Report: report, Platform: "plaza", Account: "acct/9", At: got.At}
		if err != nil || got != want || got.At.IsZero() {
			t.Errorf("revealed %+v, %v; want %+v", got, err, want)
		}
		row := store.Reveal{Worker: "ann", Vendor: "acme", Case: id, Report: report, Platform: "plaza", Account: "acct/9", Reason: whyReveal, Time: got.At}
		if all := o.reveals(id); len(all) != 1 || all[0] != row {
			t.Errorf("the rows are %+v, want %+v", all, row)
		}
		if n := o.openings(id, "ann")["reveal"]; n != 1 {
			t.Errorf("%d openings by reveal", n)
		}
		entered := o.sights(id) // which demands that they name no account
		if !slices.Equal(entered, []entry.CaseRead{{Case: id, How: "reveal", Report: report, Tier: actions.Standard, Worker: "ann"}}) {
			t.Errorf("entered is %+v", entered)
		}
		for _, e := range since(t, o.World, 0) {
			if strings.Contains(string(e.BodyBytes), whyReveal) {
				t.Errorf("an entry tells the reason: %s", e.BodyBytes)
			}
		}
		// Each is entered, however many there are in an hour.
		if _, err := o.Desk.Reveal(t.Context(), desktest.As("ann"), id, report, whyReveal); err != nil || len(o.sights(id)) != 2 {
			t.Errorf("a second reveal: %v, %d entries", err, len(o.sights(id)))
		}
	})
}

// TestRevealRefused: nobody but whoever has the task learns who reported, and what is refused spends
// nothing and leaves no entry about a reading.
func TestRevealRefused(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	report := o.Flag("a", "post/1", "MisleadingSpam", "acct/9").Report.ID
	elsewhere := o.Flag("b", "post/2", "MisleadingSpam", "acct/9").Report.ID
	taken := o.Take("ann")
	id := taken.Case.ID
	try := func(by workforce.WorkerID, report, reason, typ string) {
		t.Helper()
		got, err := o.Desk.Reveal(t.Context(), desktest.As(by), id, report, reason)
		if !fault.Is(err, typ) || got != (casework.Revealed{}) || strings.Contains(fault.TextOf(err), "acct/9") {
			t.Errorf("%s: %+v, %v; want %s", by, got, err, typ)
		}
	}
	try("ann", report, "too short", "bad-reason")
	try("ann", report, strings.Repeat("x", 501), "bad-reason")
	try("ann", report, "a reason\u202e that turns round", "bad-text")
	try("bob", report, whyReveal, "not-yours-to-reveal") // works on the queue, and holds another case or none
	try("sue", report, whyReveal, "not-yours-to-reveal") // leads, and does not hold it
	try("ole", report, whyReveal, "no-such-case")
	try("ann", elsewhere, whyReveal, "no-such-report")
	try("ann", "rep_none", whyReveal, "no-such-report")
	o.Owns("ann", "plaza:post/1")
	try("ann", report, whyReveal, "own-affair")
	if err := o.Store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`delete from own_account`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	o.Owns("ann")
	o.Clock().Advance(time.Hour)
	try("ann", report, whyReveal, "not-yours-to-reveal") // the lease is over
	if len(o.reveals(id)) != 0 || len(o.sights(id)) != 0 {
		t.Errorf("refused reveals left %+v and %+v", o.reveals(id), o.sights(id))
	}
}

// TestRevealNobody: of an anonymous report, and of one whose program did not tell, there is nobody
// to reveal; of a worker of the desk, nothing but that is told.
func TestRevealNobody(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	nameless := o.Flag("a", "post/1", "MisleadingSpam", "").Report.ID
	from := o.AdmitProgram("square2", "ann", cases.SourcePerson)
	got, err := o.Desk.TakeReports(t.Context(), from, []cases.Report{{ExternalID: "b", At: canonical.At(o.Clock().Now()), Subject: platform.Subject{Platform: "plaza", ID: "post/1"}, Reason: "MisleadingSpam",
		Scores: []cases.Score{}, Reporter: cases.Reporter{Anonymous: true}}})
	if err != nil || got[0].Err != nil {
		t.Fatal(err, got)
	}
	o.Owns("kim", "plaza:acct/kim")
	colleague := o.Flag("c", "post/1", "MisleadingSpam", "acct/kim").Report.ID
	found, err := o.Desk.Find(t.Context(), desktest.As("bob"), cases.Report{ExternalID: "d", Subject: platform.Subject{Platform: "plaza", ID: "post/1"}, Reason: "MisleadingSpam", Text: "I saw it.", Scores: []cases.Score{}})
	if err != nil {
		t.Fatal(err)
	}
	erased := o.Flag("e", "post/1", "MisleadingSpam", "acct/9").Report.ID
	if err := o.Store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`delete from document_opening where sort = 'report' and name = 'reporter' and number = (select number from document where sort = 'report' and id = $1)`, erased)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	id := o.Take("ann").Case.ID
	for _, report := range []string{nameless, got[0].Report.ID, erased} {
		_, err := o.Desk.Reveal(t.Context(), desktest.As("ann"), id, report, whyReveal)
		refused(t, err, "no-reporter")
	}
	if _, err := o.Desk.Reveal(t.Context(), desktest.As("ann"), id, got[0].Report.ID, whyReveal); !strings.Contains(fault.TextOf(err), "anonymous") {
		t.Errorf("of an anonymous report: %v", err)
	}
	if all := o.reveals(id); len(all) != 0 {
		t.Errorf("of nobody was revealed %+v", all)
	}
	for _, report := range []string{colleague, found.Report.ID} {
		out, err := o.Desk.Reveal(t.Context(), desktest.As("ann"), id, report, whyReveal)
		if err != nil || !out.Worker || out.Account != "" {
			t.Errorf("of a worker was revealed %+v: %v", out, err)
		}
	}
	if all := o.reveals(id); len(all) != 2 || all[0].Account != "" || all[1].Account != "" {
		t.Errorf("the rows of workers who reported: %+v", all)
	}
}

// TestRevealBudget: reveals spend a budget of their own: those in force, else those that a new desk
// begins with. A vendor's people share one.
func TestRevealBudget(t *testing.T) {
	limit := func(per string, n int64) []actions.Budget {
		all := actions.DefaultBudgets()
		for i, b := range all {
			if b.Family == actions.FamilyRevealing && b.Per == per && b.Window == "hour" {
				all[i].Limit = n
			}
		}
		return all
	}
	for name, c := range map[string]struct {
		budgets []actions.Budget
		n       int  // reveals of ann before one is refused
		vendor  bool // abe is refused then too
	}{
		"worker":  {limit("worker", 2), 2, false},
		"vendor":  {limit("vendor", 3), 3, true},
		"default": {slices.DeleteFunc(actions.DefaultBudgets(), func(b actions.Budget) bool { return b.Family == actions.FamilyRevealing }), 20, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, desktest.Options{Budgets: c.budgets})
			mine, his := o.Flag("a", "post/1", "MisleadingSpam", "acct/9").Report.ID, o.Flag("b", "post/2", "MisleadingSpam", "acct/9").Report.ID
			id, other := o.Take("ann").Case.ID, o.Take("abe").Case.ID
			if mineOf := o.reports(id); mineOf[0].ID != mine {
				mine, his = his, mine
			}
			for i := range c.n {
				if _, err := o.Desk.Reveal(t.Context(), desktest.As("ann"), id, mine, whyReveal); err != nil {
					t.Fatalf("reveal %d: %v", i+1, err)
				}
			}
			_, err := o.Desk.Reveal(t.Context(), desktest.As("ann"), id, mine, whyReveal)
			refused(t, err, "budget-spent")
			if _, err = o.Desk.Reveal(t.Context(), desktest.As("abe"), other, his, whyReveal); fault.Is(err, "budget-spent") != c.vendor {
				t.Errorf("abe: %v", err)
			}
			if len(o.reveals(id)) != c.n {
				t.Errorf("%d rows", len(o.reveals(id)))
			}
			o.Clock().Advance(time.Hour + time.Second)
			if _, err := o.Desk.Claim(t.Context(), desktest.As("ann"), id); err != nil {
				t.Fatal(err)
			}
			if _, err := o.Desk.Reveal(t.Context(), desktest.As("ann"), id, mine, whyReveal); err != nil {
				t.Errorf("an hour later: %v", err)
			}
		})
	}
}

// TestRevealToInvestigator: an investigator with a task of an incident about the subject has
// revealed who reported it, as long as the task is to do.
func TestRevealToInvestigator(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Admit(false, workforce.Record{Worker: "ivy", Roles: []workforce.Role{workforce.Investigator}, Team: "truth", Manager: "pia", Site: "site", Zone: "Europe/Lisbon", Start: canonical.At(o.Clock().Now().AddDate(-1, 0, 0))})
	o.Owns("ivy")
	o.Clock().Advance(31 * 24 * time.Hour) // she is no newcomer any more
	flagged := o.Flag("a", "post/1", "MisleadingSpam", "acct/9")
	id, report := flagged.Case.ID, flagged.Report.ID
	reveal := func() error {
		_, err := o.Desk.Reveal(t.Context(), desktest.As("ivy"), id, report, whyReveal)
		return err
	}
	refused(t, reveal(), "not-yours-to-reveal")
	task := incident.Task{Number: 1, Text: "Look.", Owner: "ivy"}
	write := func(apply func(*store.Tx)) {
		t.Helper()
		if err := o.Store.Write(t.Context(), func(tx *store.Tx) error { apply(tx); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	write(func(tx *store.Tx) {
		tx.InsertIncident(incident.Incident{ID: "inc_1", Version: 1, Status: incident.Open, Cause: incident.Breach, Subject: platform.Subject{Platform: "plaza", ID: "post/1"}, Tier: actions.Standard, Opened: tx.Now()})
		tx.SaveTask("inc_1", task)
	})
	if err := reveal(); err != nil {
		t.Errorf("with a task: %v", err)
	}
	task.Done = canonical.At(o.Clock().Now())
	write(func(tx *store.Tx) { tx.SaveTask("inc_1", task) })
	refused(t, reveal(), "not-yours-to-reveal")
}
