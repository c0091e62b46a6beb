package casework

import (
	"context"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/store"
)

// Day is what one person has to do, and has done.
type Day struct {
	Cases     []cases.Case         // as Cases returns them for Mine
	Drafts    []store.CaseDraft    // newest first
	Decisions []store.CaseDecision // of the last 24 hours, newest first, without their requests
}

// mostOfDay is how many drafts and decisions a Day lists.
const mostOfDay = 50

// Day returns what the caller has to do, and has decided in the last 24 hours.
func (d *Room) Day(ctx context.Context, by kernel.Caller) (out Day, err error) {
	if out.Cases, _, err = d.Cases(ctx, by, Filter{Mine: true}); err != nil {
		return Day{}, err
	}
	since := canonical.At(d.desk.Now().Add(-24 * time.Hour))
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
		if out.Drafts, err = stx.DraftsOf(by.Worker, mostOfDay); err != nil {
			return err
		}
		if out.Decisions, err = stx.DecisionsOf(by.Worker, since, mostOfDay); err != nil {
			return err
		}
		for i := range out.Decisions {
			row := &out.Decisions[i]
			if inTime(*row, d.desk.Now()) != nil {
				continue // only what can be taken back says what that lifts
			}
			if row.Requests, err = stx.RequestsOfDecision(row.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}
