package desk_test

import (
	"context"
	"slices"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/incidents"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// Law 11: the policy in force says who reads evidence, whatever is read; under a set
// from before it could say so, those read who did.
func TestEvidenceIsRuled(t *testing.T) {
	before, own := policy.Default(), policy.Default()
	delete(before, "evidence.cedar")
	own["evidence.cedar"] = `@id("read-evidence") @reason("Agents read evidence, to learn from it, and so do employees who lead.")
permit (principal, action == Action::"read.evidence", resource)
when { principal.engaged && (principal in Role::"agent" || principal in Role::"lead" && principal.employee) };`
	for name, c := range map[string]struct {
		files map[string]string
		reads []workforce.WorkerID
	}{
		"as shipped":     {policy.Default(), []workforce.WorkerID{"ada", "sue", "lee", "kim", "ole"}},
		"from before it": {before, []workforce.WorkerID{"ada", "sue", "lee", "kim", "ole"}},
		"by its own set": {own, []workforce.WorkerID{"ann", "dan", "kim"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := staffed(t, desktest.Options{Policy: c.files})
			breach(w)
			r := w.Request("eva", acts.Wish{Kind: actions.DeskFreeze, Change: actions.Freeze{Op: "freeze", Scope: actions.ScopePlatform, Of: "plaza"}})
			for what, read := range map[string]func(ctx context.Context, by kernel.Caller) error{
				"incidents": func(ctx context.Context, by kernel.Caller) error {
					_, _, err := w.Incidents(ctx, by, incidents.Filter{})
					return err
				},
				"sightings": func(ctx context.Context, by kernel.Caller) error {
					_, _, err := w.Sightings(ctx, by, incidents.SightingFilter{})
					return err
				},
				"alarms": func(ctx context.Context, by kernel.Caller) error {
					_, _, err := w.Alarms(ctx, by, alarms.Filter{})
					return err
				},
				"matters":          func(ctx context.Context, by kernel.Caller) error { _, err := w.Matters(ctx, by); return err },
				"entries":          func(ctx context.Context, by kernel.Caller) error { _, err := w.Entries(ctx, by, -1, 5); return err },
				"governance chain": func(ctx context.Context, by kernel.Caller) error { _, err := w.Chain(ctx, by, 0, 5); return err },
				"tiers": func(ctx context.Context, by kernel.Caller) error {
					_, err := w.TierEntries(ctx, by, "plaza:acct/1")
					return err
				},
				"names":    func(ctx context.Context, by kernel.Caller) error { _, err := w.Person(ctx, by, "eva"); return err },
				"warrants": func(ctx context.Context, by kernel.Caller) error { _, err := w.Warrant(ctx, by, r.ID); return err },
				"rulings": func(ctx context.Context, by kernel.Caller) error {
					if by.Worker == "ada" {
						by.Worker = c.reads[0] // an officer may propose a policy and reads them for that
					}
					_, err := w.Backtest(ctx, by, policy.Default(), canonical.At(w.Clock().Now().AddDate(0, 0, -1)), canonical.Time{}, 5)
					return err
				},
			} {
				for _, by := range []workforce.WorkerID{"ada", "sue", "lee", "kim", "ole", "ann", "dan"} {
					err := read(t.Context(), desktest.As(by))
					may := slices.Contains(c.reads, by) || what == "rulings" && by == "ada"
					if fault.Is(err, "no-warrant") {
						err = nil // it was read that there is none
					}
					if may && err != nil || !may && !fault.Is(err, "not-yours-to-read") {
						t.Errorf("%s reads %s: %v", by, what, err)
					}
				}
			}
		})
	}
}
