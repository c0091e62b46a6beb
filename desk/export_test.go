package desk

import (
	"context"

	"countersign.dev/actions"
)

// EnterSums enters what was counted of refusals in minutes that are over, as Run
// does every few seconds.
func EnterSums(d *Desk, ctx context.Context) error { return d.kernel.EnterRefusalSums(ctx) }

// TakeReports takes reports out of what a program may hand in.
func TakeReports(d *Desk, p actions.Program, n int) error { return d.kernel.TakeReports(p, n) }
