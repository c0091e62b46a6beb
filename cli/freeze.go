package cli

import (
	"context"

	"countersign.dev/actions"
	"countersign.dev/api/v1"
)

type freezeCommands struct {
	Worker   freezeWorker   `cmd:"" help:"Freeze the acts of one worker."`
	Vendor   freezeVendor   `cmd:"" help:"Freeze the acts of everybody at a vendor."`
	Platform freezePlatform `cmd:"" help:"Freeze all acts on a platform."`
	All      freezeAll      `cmd:"" help:"Freeze everything."`
	List     freezeList     `cmd:"" help:"List what is frozen."`
}

func (freezeCommands) Help() string {
	return "A freeze stops burdening acts and no others: undo, the end of a suspension, standing orders, declines and votes to thaw go on. " +
		"Any one worker who is on call, a lead or an officer may freeze; every officer is paged. Several together thaw. " +
		"It goes through the desk, and straight to the executor if the desk does not answer, or with --direct."
}

type freezeWorker struct {
	Worker string `arg:"" help:"Identifier of the worker."`
	freezing
}

type freezeVendor struct {
	Vendor string `arg:"" help:"Identifier of the vendor."`
	freezing
}

type freezePlatform struct {
	Platform string `arg:"" help:"Name of the platform."`
	freezing
}

type freezeAll struct{ freezing }

type freezing struct {
	Reason string `help:"Why, for the ledger. No personal data."`
	straight
}

func (c *freezing) freeze(ctx context.Context, s *Session, scope, of string) error {
	return c.relieve(ctx, s, actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: scope, Of: of}, c.Reason)
}

func (c *freezeWorker) Run(ctx context.Context, s *Session) error {
	return c.freeze(ctx, s, actions.ScopeWorker, c.Worker)
}

func (c *freezeVendor) Run(ctx context.Context, s *Session) error {
	return c.freeze(ctx, s, actions.ScopeVendor, c.Vendor)
}

func (c *freezePlatform) Run(ctx context.Context, s *Session) error {
	return c.freeze(ctx, s, actions.ScopePlatform, c.Platform)
}

func (c *freezeAll) Run(ctx context.Context, s *Session) error {
	return c.freeze(ctx, s, actions.ScopeAll, "")
}

type freezeList struct{}

func (c *freezeList) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	set, err := d.Desk(ctx)
	if err != nil {
		return err
	}
	return s.Answer(items(set.Freezes), func(p *Page) {
		if len(set.Freezes) == 0 {
			p.Line("Nothing is frozen.")
			return
		}
		rows := [][]string{{"FROZEN", "BY", "SINCE", "REQUEST"}}
		for _, f := range set.Freezes {
			rows = append(rows, []string{frozenWords(f.Scope, f.Of), string(f.By), when(f.At), f.Request})
		}
		p.Table(rows)
	})
}

func frozenWords(scope, of string) string {
	switch {
	case scope == actions.ScopeAll:
		return "everything"
	case scope == actions.ScopeVendor && of == "":
		return "the acts of all employees"
	case scope == actions.ScopeVendor:
		return "the acts of everybody at the vendor " + of
	case scope == actions.ScopeWorker:
		return "the acts of " + of
	}
	return "all acts on " + of
}

type thawCommands struct {
	Worker   thawWorker   `cmd:"" help:"Thaw a worker."`
	Vendor   thawVendor   `cmd:"" help:"Thaw a vendor."`
	Platform thawPlatform `cmd:"" help:"Thaw a platform."`
	All      thawAll      `cmd:"" help:"Thaw what was frozen as everything. What was frozen besides stays so."`
}

func (thawCommands) Help() string {
	return "A thaw is a request that others countersign, none of them frozen themselves: action countersign REQUEST."
}

type thawWorker struct {
	Worker string `arg:"" help:"Identifier of the worker."`
	thawing
}

type thawVendor struct {
	Vendor string `arg:"" help:"Identifier of the vendor."`
	thawing
}

type thawPlatform struct {
	Platform string `arg:"" help:"Name of the platform."`
	thawing
}

type thawAll struct{ thawing }

type thawing struct {
	Reason string `required:"" help:"Why, for those who countersign and for the ledger."`
	signing
}

func (c *thawing) thaw(ctx context.Context, s *Session, scope, of string) error {
	return c.request(ctx, s, v1.Wish{Kind: actions.DeskFreeze, Reason: c.Reason}, actions.Freeze{Op: "thaw", Scope: scope, Of: of}, nil)
}

func (c *thawWorker) Run(ctx context.Context, s *Session) error {
	return c.thaw(ctx, s, actions.ScopeWorker, c.Worker)
}

func (c *thawVendor) Run(ctx context.Context, s *Session) error {
	return c.thaw(ctx, s, actions.ScopeVendor, c.Vendor)
}

func (c *thawPlatform) Run(ctx context.Context, s *Session) error {
	return c.thaw(ctx, s, actions.ScopePlatform, c.Platform)
}

func (c *thawAll) Run(ctx context.Context, s *Session) error {
	return c.thaw(ctx, s, actions.ScopeAll, "")
}
