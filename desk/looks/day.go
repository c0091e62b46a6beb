package looks

import (
	"context"
	"fmt"

	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/kernel"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// This file sees to it that of what somebody buried on a day one at least is looked at, where five or more
// people work. Which one is drawn when the day is over, so that nobody knows during the day: a rule that
// took the first or the last of the day could be served with an honest verdict.

// closeDays closes the days that are over.
func (d *Room) closeDays(ctx context.Context) error {
	const page = 200
	for {
		var open []store.LookDay
		if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
			// What was decided in the last seconds of a day may be taken back in the first of the next.
			now := canonical.At(d.desk.Now().Add(-CopyAfter))
			open, err = stx.OpenLookDays(dayOf(now), page)
			return err
		}); err != nil || len(open) == 0 {
			return err
		}
		for _, one := range open {
			if err := d.closeDay(ctx, one); err != nil {
				return err
			}
			d.desk.Step(StepLookDayClosed)
		}
	}
}

// closeDay chooses one of the buried decisions of a person's day if no draw of the day has, and writes down
// how likely each was to be looked at. It draws the day again: a look that is missing, since somebody
// removed its row, is put there again.
func (d *Room) closeDay(ctx context.Context, day store.LookDay) error {
	return d.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
		return func(t *kernel.Tx) error {
			all, err := t.DrawnDecisions(day.Worker, startOf(day.Day), startOf(day.Day+1))
			if err != nil {
				return err
			}
			var buried []store.CaseDecision
			var shares []int64
			looked := false
			for _, row := range all {
				drawn := cases.Drawn(cases.LookNumber(d.secret, "draw", row.Digest), row.Share)
				if drawn {
					if err := d.demand(t, row); err != nil {
						return err
					}
				}
				if row.Buried {
					buried, shares = append(buried, row), append(shares, row.Share)
					looked = looked || drawn
				}
			}
			day.Closed, day.Buried = t.Now(), int64(len(buried))
			if casework.FivePeople(s, t.Now().Time) && len(buried) > 0 {
				chances := cases.LookChances(shares)
				least, number := -1, uint64(0)
				for i, row := range buried {
					if n := cases.LookNumber(d.secret, "day", row.Digest); least < 0 || n < number {
						least, number = i, n
					}
					looks, err := t.LooksOf(row.ID)
					if err != nil {
						return err
					}
					for _, l := range looks {
						if l.Kind == cases.SecondLook {
							l.Chance = chances[i]
							t.SaveLook(l.Look)
						}
					}
				}
				if !looked {
					row := buried[least]
					c, err := t.Case(row.Case)
					if err != nil {
						return err
					}
					day.Chosen = row.ID
					if err := d.insert(t, c, row, vendorOf(t, row), chances[least], "one of the day"); err != nil {
						return err
					}
				}
			}
			_, err = t.CloseLookDay(day)
			return err
		}, nil
	})
}

// vendorOf returns the vendor of whoever decided, as the claim has it.
func vendorOf(t *kernel.Tx, row store.CaseDecision) workforce.VendorID {
	claim, err := t.Tx.Claim(row.Case, row.Claim)
	if err != nil {
		return ""
	}
	return claim.Vendor
}

// demand puts a look there that the draw of its decision chose, and that is missing.
func (d *Room) demand(t *kernel.Tx, row store.CaseDecision) error {
	looks, err := t.LooksOf(row.ID)
	if err != nil {
		return err
	}
	for _, l := range looks {
		switch {
		case l.Kind != cases.SecondLook:
		case d.sealed(l) == nil:
			return nil
		default:
			t.DropLook(l.ID)
		}
	}
	c, err := t.Case(row.Case)
	if err != nil {
		return err
	}
	if err := d.alarms.Raise(t, alarms.Alarm{Kind: string(alarm.DocumentAltered), Severity: alarms.Page,
		Text: fmt.Sprintf("The decision %s was drawn for a second look, and the look was gone from the database, or altered: somebody edited it. The look is there again.", row.ID)}); err != nil {
		return err
	}
	return d.insert(t, c, row, vendorOf(t, row), row.Share*cases.MaxChance/cases.AllShare, "put there again")
}
