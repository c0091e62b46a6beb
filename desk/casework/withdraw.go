package casework

import (
	"context"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// WithdrawReport takes a report back, for the program that handed it in. The report stays in
// its case: that it was taken back is news for whoever judges next, who decides as before. Taking
// it back again changes nothing.
func (d *Room) WithdrawReport(ctx context.Context, by kernel.ProgramCaller, id string) (Progress, error) {
	if err := d.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
		if _, err := s.Program(by.ID, d.desk.Now()); err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			r, err := t.Report(id)
			if err != nil {
				return err
			}
			if r.Program != by.ID {
				return store.NoReport()
			}
			if !r.Withdrawn.IsZero() {
				return nil
			}
			c, err := t.CaseLocked(r.Case)
			if err != nil {
				return err
			}
			t.WithdrawReport(r.ID, t.Now())
			if !c.State.Open() || c.State == cases.Claimed {
				// Whoever holds the case decides on what was shown. Otherwise a program could keep
				// anybody from deciding, by handing reports in and taking them back.
				t.Signal(caseSignal(c.ID))
				return nil
			}
			c.Version++
			c.Updated = t.Now()
			t.SaveCase(c)
			t.InsertMove(store.Move{Case: c.ID, Version: c.Version, Move: "report-withdrawn", Time: t.Now(), Detail: canonical.MustMarshal(map[string]any{"report": r.ID})})
			t.Signal(caseSignal(c.ID))
			return nil
		}, nil
	}); err != nil {
		return Progress{}, err
	}
	return d.Progress(ctx, by.Caller(), id)
}
