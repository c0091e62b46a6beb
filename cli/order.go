package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/wording"
)

type orderCommands struct {
	Place  orderPlace  `cmd:"" help:"Place a standing order, or another in its place. Officers countersign."`
	Revoke orderRevoke `cmd:"" help:"Revoke a standing order. Officers countersign."`
	List   orderList   `cmd:"" help:"List the standing orders."`
}

func (orderCommands) Help() string {
	return "A standing order lets the executor lift by itself what a breach has left on the subjects of a tier. It only ever relieves. " +
		"Once placed it stands until its end or its revocation, whoever of its signers leaves. " +
		"It covers the layers that --layers names. Left out, an order in the place of one in force covers what that one covers, and a first order the visibility alone: with --layers visibility,limit,label the executor also lifts limits and labels that were set around the desk."
}

type orderPlace struct {
	Platform   string               `arg:"" help:"Name of the platform."`
	Tier       actions.Tier         `arg:"" enum:"protected,critical" help:"protected or critical."`
	Until      moment               `required:"" placeholder:"TIME" help:"Its end: a time such as 2027-03-31T18:00:00Z, or a length from now such as 90d."`
	PerSubject int64                `default:"20" help:"Restorations of one subject in an hour. More of them page people, and stop a protected subject, that one alone, until the hour is over."`
	PerTier    int64                `default:"200" help:"Restorations of the whole tier in an hour. More of them page people and stop nothing."`
	Layers     []actions.OrderLayer `default:"" enum:"visibility,limit,label" placeholder:"LAYER" help:"The layers in which the executor restores: visibility, limit, and label for every label. A breach in another layer pages people and is left to them. Left out: the layers of the order in force, and the visibility alone if there is none."`
	Vouched    string               `default:"" placeholder:"TIME" help:"now, or a time: you say that the states which the ledger held by then are right, though they are younger than a day. Left out: you vouch for nothing."`
	Never      []string             `placeholder:"MARK" help:"Marks of the platform's own that are never lifted under the order and page instead: a mark such as LEGAL-1, or the beginning of marks and an asterisk, such as CSAM-*. May be given several times."`
	CutAfter   int64                `placeholder:"N" help:"Cut off a credential of the platform after so many breaches, where the platform names it and can cut it off; else people are paged with what to do. Left out: never."`
	CutWithin  *time.Duration       `placeholder:"10m" help:"The time in which the breaches of --cut-after count. Left out: 10m."`
	asking
}

func (c *orderPlace) Run(ctx context.Context, s *Session) error {
	o := actions.Order{Op: "place", Platform: c.Platform, Tier: c.Tier, Until: c.Until.from(s.Now()), PerSubject: c.PerSubject, PerTier: c.PerTier, Never: sortedOnce(c.Never)}
	switch {
	case c.CutAfter != 0:
		within := 10 * time.Minute
		if c.CutWithin != nil {
			within = *c.CutWithin
		}
		o.Cut = &actions.Cut{Breaches: c.CutAfter, Within: int64(within / time.Second)}
	case c.CutWithin != nil:
		return fault.New(fault.Invalid, "cut-within-alone", "--cut-within says in what time breaches count, and not after how many a credential is cut off. Give --cut-after N too.")
	}
	switch c.Vouched {
	case "":
	case "now":
		unbased, err := c.unbased(ctx, s)
		if err != nil {
			return err
		}
		c.answer = func(r v1.Request) any { return placed{r, unbased} }
		// The instant is read after the count, so that it covers every baseline that was
		// counted.
		o.Vouched = canonical.At(s.Now())
	default:
		m, err := parseMoment(c.Vouched)
		if err != nil || m.after > 0 {
			return fault.New(fault.Invalid, "bad-time", "--vouched is now, or a time that has been, such as 2026-11-30T18:00:00Z.")
		}
		o.Vouched = m.from(s.Now())
	}
	var err error
	if o.Layers, err = c.covered(ctx, s); err != nil {
		return err
	}
	return c.change(ctx, s, actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &o}, c.Reason)
}

// covered returns the layers that the order covers: those that the person named, else those
// of the order in force. It tells the person what they did not name.
func (c *orderPlace) covered(ctx context.Context, s *Session) ([]actions.OrderLayer, error) {
	d, err := s.desk()
	if err != nil {
		return nil, err
	}
	layers := sortedOnce(c.Layers)
	if layers == nil {
		now, err := d.Desk(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range now.Orders {
			if o.InForce && o.Platform == c.Platform && o.Tier == c.Tier {
				layers = sortedOnce(o.Layers)
			}
		}
		if more := (actions.Order{Layers: layers}); !slices.Equal(more.Covered(), []actions.OrderLayer{actions.OrderVisibility}) {
			s.Say("This covers what the order in force covers: %s. To cover other layers, name them all: --layers LAYER,LAYER", wording.OrderLayers(more))
			return layers, nil
		}
	}
	if len(layers) == 0 || slices.Equal(layers, []actions.OrderLayer{actions.OrderVisibility}) {
		s.Say("This covers the visibility alone: a limit or a label that is set around the desk is left to people. To cover them too: --layers visibility,limit,label")
		return nil, nil // as an order from before there were layers: it reads back as it was signed
	}
	return layers, nil
}

// sortedOnce returns texts sorted, each once; nil for none.
func sortedOnce[T ~string](texts []T) []T {
	if len(texts) == 0 {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(texts)))
}

// placed is the answer to an order by which people vouch for the present state of
// the subjects.
type placed struct {
	v1.Request
	Unbased *int64 `json:"unbased"` // subjects of the tier whose state nobody can vouch for yet; null: not known
}

// unbased returns the number of subjects of the tier whose state nobody can vouch for
// yet, nil if it is not known. It warns the signer, since the order covers less than it
// seems to.
func (c *orderPlace) unbased(ctx context.Context, s *Session) (*int64, error) {
	d, err := s.desk()
	if err != nil {
		return nil, err
	}
	status, err := d.Status(ctx)
	if err != nil {
		return nil, err
	}
	if status.Executor != nil {
		for _, w := range status.Executor.Watches {
			if w.Platform != c.Platform {
				continue
			}
			n := w.Unbased(c.Tier)
			who := wording.Plural(int(n), string(c.Tier)+" subject", string(c.Tier)+" subjects") + " of " + c.Platform
			if w.Swept.IsZero() {
				who = "what the watch has not seen yet: it never saw all of " + c.Platform
			}
			if n > 0 || w.Swept.IsZero() {
				s.Say("Warning: this does not vouch for %s. No baseline in the ledger holds them yet, and they are restored only once one has held them for 24 hours. "+
					"To vouch for them too, place the order when a later sweep has entered them (countersign watch says how many are in no baseline), or place it again.", who)
			}
			return &n, nil
		}
	}
	s.Say("Warning: how much this vouches for is not known, since no executor that watches %s answers. What no baseline in the ledger holds yet "+
		"is restored only once one has held it for 24 hours; place the order again to vouch for that too.", c.Platform)
	return nil, nil
}

type orderRevoke struct {
	Platform string       `arg:"" help:"Name of the platform."`
	Tier     actions.Tier `arg:"" enum:"protected,critical" help:"protected or critical."`
	asking
}

func (c *orderRevoke) Run(ctx context.Context, s *Session) error {
	o := actions.Order{Op: "revoke", Platform: c.Platform, Tier: c.Tier}
	return c.change(ctx, s, actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &o}, c.Reason)
}

type orderList struct{}

func (c *orderList) Run(ctx context.Context, s *Session) error {
	return listed(ctx, s, func(d v1.Desk) []v1.StandingOrder { return d.Orders }, "",
		[]string{"PLATFORM", "TIER", "IN FORCE", "UNTIL", "COVERS", "PER SUBJECT", "PER TIER", "VOUCHED", "NEVER LIFTS", "CUT", "REQUEST"}, func(o v1.StandingOrder) []string {
			return []string{o.Platform, string(o.Tier), yesNo(o.InForce), wording.When(o.Until), wording.Joined(o.Layers), fmt.Sprint(o.PerSubject), fmt.Sprint(o.PerTier), wording.When(o.Vouched), strings.Join(o.Never, " "), wording.CutAfter(o.Cut), o.Request}
		})
}

type modeCommands struct {
	Set  modeSet  `cmd:"" help:"Switch a tier of a platform between observe and enforce. Officers countersign."`
	List modeList `cmd:"" help:"List the mode of every tier of every platform."`
}

type modeSet struct {
	Platform string       `arg:"" help:"Name of the platform."`
	Tier     actions.Tier `arg:"" enum:"standard,protected,critical" help:"standard, protected or critical."`
	Mode     string       `arg:"" enum:"observe,enforce" help:"observe: the watch runs and rulings are shown, and nothing is done. enforce: all is done."`
	asking
}

func (c *modeSet) Run(ctx context.Context, s *Session) error {
	m := actions.Mode{Platform: c.Platform, Tier: c.Tier, Mode: c.Mode}
	return c.change(ctx, s, actions.DeskChange, actions.Setting{Of: actions.PartModes, Mode: &m}, c.Reason)
}

type modeList struct{}

func (c *modeList) Run(ctx context.Context, s *Session) error {
	return listed(ctx, s, func(d v1.Desk) []v1.Mode { return d.Modes }, "", []string{"PLATFORM", "TIER", "MODE"},
		func(m v1.Mode) []string { return []string{m.Platform, string(m.Tier), m.Mode} })
}

type lockCommands struct {
	Clear lockClear `cmd:"" help:"Take an owner's lock out of effect at the desk, at once. Officers countersign."`
}

type lockClear struct {
	Subject string `arg:"" help:"PLATFORM:@HANDLE or PLATFORM:ID of the account."`
	Reason  string `required:"" help:"Why, for the countersigners and for the ledger. No personal data."`
	signing
}

func (c *lockClear) Help() string {
	return "An owner's lock says: this account is never deactivated without telling us. The owner sets it on the platform, and takes it back there " +
		"with effect after 72 hours. This takes out of effect every lock that was set before; one that the owner sets afterwards holds."
}

func (c *lockClear) Run(ctx context.Context, s *Session) error {
	r, err := s.subject(ctx, c.Subject)
	if err != nil {
		return err
	}
	return c.change(ctx, s, actions.DeskChange, actions.Setting{Of: actions.PartLocks, Unlock: &actions.Unlock{Subject: r.Subject, Resolved: r.Resolution}}, c.Reason)
}
