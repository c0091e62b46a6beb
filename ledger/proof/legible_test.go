package proof_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

// TestLegible: the second laws refuse what people cannot read and a suspension that
// is a takedown, also from a desk that lets it through. The first laws take it,
// since chains of before hold such acts.
func TestLegible(t *testing.T) {
	for _, first := range []bool{true, false} {
		w := prooftest.Found(t, prooftest.Options{FirstLaws: first})
		w.Staff()
		for name, c := range map[string]struct {
			kind actions.Kind
			edit func(*actions.Action)
			typ  string // under the second laws
		}{
			"plain":              {actions.AccountTakedown, func(*actions.Action) {}, ""},
			"a blank reason":     {actions.AccountTakedown, func(a *actions.Action) { a.Reason = "  " }, "bad-text"},
			"no width":           {actions.AccountTakedown, func(a *actions.Action) { a.Reason = "\u200b" }, "bad-text"},
			"a blank case":       {actions.AccountTakedown, func(a *actions.Action) { a.Case = "  " }, "bad-text"},
			"a year":             {actions.AccountSuspend, func(a *actions.Action) { a.Until = canonical.At(w.Now().AddDate(1, 0, 0)) }, ""},
			"a thousand years":   {actions.AccountSuspend, func(a *actions.Action) { a.Until = canonical.At(w.Now().AddDate(1000, 0, 0)) }, "suspension-too-long"},
			"an end in the past": {actions.AccountSuspend, func(a *actions.Action) { a.Until = canonical.At(w.Now().Add(-time.Hour)) }, "end-is-past"},
		} {
			r := w.Request("ann", c.kind, prooftest.Account("acct/17"), actions.Standard, c.edit)
			_, err := w.State().Judge(w.Ask(r))
			if want := c.typ; first || want == "" {
				if fault.Is(err, "bad-text") || fault.Is(err, "suspension-too-long") {
					t.Errorf("first laws %t, %s: %v", first, name, err)
				}
			} else if !fault.Is(err, want) {
				t.Errorf("%s: %v, not %s", name, err, want)
			}
		}
	}
}

// TestManagersInACircle: two people who are above each other are admitted by no
// chain of the second laws.
func TestManagersInACircle(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{})
	w.Staff()
	worker := func(id, manager workforce.WorkerID) workforce.Record {
		r, ok := w.State().People.Worker(id)
		if !ok {
			t.Fatalf("no worker %s", id)
		}
		r.Record.Manager = manager
		return r.Record
	}
	// Under the first laws the same chain is good.
	for _, first := range []bool{false, true} {
		if first {
			w = prooftest.Found(t, prooftest.Options{FirstLaws: true})
			w.Staff()
		}
		change, rows, opened := w.Rows(worker("ann", "bob"), worker("bob", "ann"))
		e := w.Change(actions.DeskAdmit, change)
		var err error
		for i, row := range rows {
			err = w.Govern(proof.KindRow, proof.RowDataOf(w.State(), row, canonical.At(w.Now()), e.Body.Number, int64(i)), opened[i]...)
			if i == 0 && err != nil {
				t.Fatal(err)
			}
		}
		if circle := fault.Is(err, "manager-circle"); circle == first {
			t.Errorf("first laws %t: %v", first, err)
		}
	}
}
