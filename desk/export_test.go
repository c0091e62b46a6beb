package desk

import "context"

// EnterSums enters what was counted of refusals in minutes that are over, as Run
// does every few seconds.
func EnterSums(d *Desk, ctx context.Context) error { return d.kernel.EnterRefusalSums(ctx) }
