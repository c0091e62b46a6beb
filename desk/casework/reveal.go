package casework

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/prose"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// What is private at the desk is who reported: the account stands sealed in the report's document, and
// no screen, list, export or audit shows it. Somebody with a task that needs it has it revealed,
// one report at a time: for a reason, out of a budget, and on record (law 17).

// The bounds of the reason for a reveal, in characters.
const (
	minRevealReason = 10
	maxRevealReason = 500
)

// Revealed is who reported.
type Revealed struct {
	Case     string
	Report   string
	Platform string
	Account  string // identifier of the reporter's account; empty if Worker
	Worker   bool   // somebody who works at the desk, whom nobody is told
	At       canonical.Time
}

// Reveal tells who handed a report of a case in. The policy's action read.contact judges it by
// the caller's task. It spends a budget, is a row, and is entered in the ledger before anything
// is told.
func (d *Room) Reveal(ctx context.Context, by kernel.Caller, caseID, report, reason string) (out Revealed, err error) {
	if n := utf8.RuneCountInString(strings.TrimSpace(reason)); n < minRevealReason || n > maxRevealReason {
		return out, fault.New(fault.Invalid, "bad-reason", "Say why you must know who reported, in %d to %d characters; these are %d.", minRevealReason, maxRevealReason, n)
	}
	if err := prose.CheckLine("The reason", reason); err != nil {
		return out, err
	}
	err = d.desk.Change(ctx, by, "reveal a reporter", func(s *proof.State) (func(*kernel.Tx) error, error) {
		st, _, _, err := d.atWork(ctx, s, by)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) (err error) {
			out, err = d.reveal(t, s, st, by, caseID, report, reason)
			return err
		}, nil
	})
	if err != nil {
		return Revealed{}, err
	}
	return out, nil
}

func (d *Room) reveal(t *kernel.Tx, s *proof.State, st workforce.Standing, by kernel.Caller, caseID, report, reason string) (out Revealed, err error) {
	c, err := t.CaseLocked(caseID) // so that nobody's task ends meanwhile
	if err != nil {
		return out, err
	}
	task, err := d.taskOn(t.Tx, s, st, by.Worker, c)
	if err != nil {
		return out, err
	}
	if !d.readsFor(s, st, by.Worker, c, task) {
		return out, store.NoCase(caseID)
	}
	if r := s.Policy.MayReadContact(policy.WorkerOf(st), queueOf(c), task); r.Verdict != policy.Permitted {
		no := fault.New(fault.Forbidden, "not-yours-to-reveal", "The policy does not let you know who reported in the case %s. By default it lets whoever holds the case, and whoever has a task of an incident about it.", caseID)
		for _, why := range r.Reasons {
			no.Detail = append(no.Detail, fault.Detail{At: why.Policy, Text: why.Text})
		}
		return out, no
	}
	// Whoever the case is about would learn who reported them.
	if err := d.barred(t, by.Worker, c); err != nil {
		return out, err
	}
	row, err := d.reportOf(t.Tx, c, report)
	if err == nil && row.Case != c.ID {
		err = store.NoReport()
	}
	if err != nil {
		return out, err
	}
	out = Revealed{Case: c.ID, Report: row.ID, Platform: row.Platform, At: t.Now()}
	if out.Account, out.Worker, err = d.reporter(t.Tx, row); err != nil {
		return out, err
	}
	if err := d.spendReveal(t, s, by, st); err != nil {
		return out, err
	}
	seen, err := t.SeenState(c.ID)
	if err != nil {
		return out, err
	}
	t.OpenedCase(c.ID, by.Worker, t.Now(), string(SawByReveal))
	enterRead(t.Tx, by, c, entry.CaseRead{How: string(SawByReveal), Report: row.ID, Tier: tierOf(s, c, seen)}, kernel.Field("reason", reason))
	return out, t.InsertReveal(store.Reveal{Worker: by.Worker, Vendor: st.Vendor, Case: c.ID, Report: row.ID, Platform: row.Platform, Account: out.Account, Reason: reason, Time: t.Now()})
}

// reporter returns the account that handed a report in, or that it is a worker of the desk.
func (d *Room) reporter(stx *store.Tx, row store.Report) (account string, worker bool, err error) {
	none := func(format string, args ...any) error {
		return fault.New(fault.Conflict, "no-reporter", format, args...)
	}
	if strings.HasPrefix(row.Program, workerOrigin) {
		return "", true, nil
	}
	if row.Anonymous {
		return "", false, none("The report %s is anonymous: no account stands behind it, so that there is nobody to reveal.", row.ID)
	}
	told, err := stx.ReportsTold([]string{row.ID}, cases.FieldReporter)
	if err != nil {
		return "", false, err
	}
	value, ok := told[row.ID]
	if !ok {
		return "", false, none("Who handed in the report %s was erased.", row.ID)
	}
	var r cases.Reporter
	if err := canonical.Unmarshal(value, &r); err != nil {
		return "", false, err
	}
	if r.ID == "" {
		return "", false, none("The report %s names no account: the program that handed it in did not tell who reported.", row.ID)
	}
	owners, err := stx.OwnersOf([]string{cases.OwnDigest(d.secret, row.Platform, r.ID)})
	if err != nil || len(owners) > 0 {
		return "", err == nil, err
	}
	return r.ID, false, nil
}

// spendReveal refuses a reveal for which a budget is spent. The budgets of the family "revealing"
// in force count it, or those that a new desk begins with if there are none.
func (d *Room) spendReveal(t *kernel.Tx, s *proof.State, by kernel.Caller, st workforce.Standing) error {
	spends := actions.Spending{Tier: actions.Standard, Direction: actions.Burdening, Family: actions.FamilyRevealing}
	return actions.Afford(budgetsOf(s, actions.FamilyRevealing), actions.Spender{Worker: by.Worker, Vendor: st.Vendor}, spends, t.Now().Time, func(b actions.Budget, _ actions.Spender, since time.Time) (int64, error) {
		return t.Revealed(by.Worker, st.Vendor, b.Per == "vendor", canonical.At(since))
	})
}
