package cli

import (
	"context"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/wording"
)

type freezeCommands struct {
	Worker   freeze[ofWorker]   `cmd:"" help:"Freeze the acts of one worker."`
	Vendor   freeze[ofVendor]   `cmd:"" help:"Freeze the acts of everybody at a vendor."`
	Platform freeze[ofPlatform] `cmd:"" help:"Freeze burdening acts on a platform."`
	All      freeze[ofAll]      `cmd:"" help:"Freeze all burdening acts."`
	List     freezeList         `cmd:"" help:"List what is frozen."`
}

func (freezeCommands) Help() string {
	return "A freeze stops burdening acts and no others: undo, the end of a suspension, standing orders, declines and votes to thaw go on. " +
		"Any one worker who is on call, a lead or an officer may freeze; every officer is paged. Several together thaw. " +
		"It goes through the desk, and straight to the executor if the desk does not answer, or with --direct."
}

// scoped is what a freeze or a thaw goes for, as its command names it.
type scoped interface{ scope() (scope, of string) }

type ofWorker struct {
	Worker string `arg:"" help:"Identifier of the worker."`
}

type ofVendor struct {
	Vendor string `arg:"" help:"Identifier of the vendor."`
}

type ofPlatform struct {
	Platform string `arg:"" help:"Name of the platform."`
}

type ofAll struct{}

func (o ofWorker) scope() (scope, of string)   { return actions.ScopeWorker, o.Worker }
func (o ofVendor) scope() (scope, of string)   { return actions.ScopeVendor, o.Vendor }
func (o ofPlatform) scope() (scope, of string) { return actions.ScopePlatform, o.Platform }
func (ofAll) scope() (scope, of string)        { return actions.ScopeAll, "" }

type freeze[S scoped] struct {
	Of     S      `embed:""`
	Reason string `help:"Why, for the ledger. No personal data."`
	directCommand
}

func (c *freeze[S]) Run(ctx context.Context, s *Session) error {
	scope, of := c.Of.scope()
	return c.relieve(ctx, s, actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: scope, Of: of}, c.Reason)
}

type thaw[S scoped] struct {
	Of S `embed:""`
	asking
}

func (c *thaw[S]) Run(ctx context.Context, s *Session) error {
	scope, of := c.Of.scope()
	return c.change(ctx, s, actions.DeskFreeze, actions.Freeze{Op: "thaw", Scope: scope, Of: of}, c.Reason)
}

type freezeList struct{}

func (c *freezeList) Run(ctx context.Context, s *Session) error {
	return listed(ctx, s, func(d v1.Desk) []v1.Freeze { return d.Freezes }, "Nothing is frozen.", []string{"FROZEN", "BY", "SINCE", "REQUEST"},
		func(f v1.Freeze) []string {
			return []string{actions.Freeze{Scope: f.Scope, Of: f.Of}.Acts(), string(f.By), wording.When(f.At), f.Request}
		})
}

type thawCommands struct {
	Worker   thaw[ofWorker]   `cmd:"" help:"Thaw the acts of one worker."`
	Vendor   thaw[ofVendor]   `cmd:"" help:"Thaw the acts of everybody at a vendor."`
	Platform thaw[ofPlatform] `cmd:"" help:"Thaw burdening acts on a platform."`
	All      thaw[ofAll]      `cmd:"" help:"Thaw a freeze of all burdening acts. What was frozen besides stays frozen."`
}

func (thawCommands) Help() string {
	return "A thaw is a request that others countersign, none of them frozen themselves: action countersign REQUEST."
}
