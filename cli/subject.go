package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/prose"
	"countersign.dev/wording"
)

type subjectCommands struct {
	Show subjectShow `cmd:"" help:"Read a subject on its platform now: state, tier, what can be done to it."`
	Tier subjectTier `cmd:"" help:"Raise how protected a subject is, which one person may; or lower it, which several must sign."`
}

type subjectShow struct {
	Subject string `arg:"" help:"PLATFORM:@HANDLE or PLATFORM:ID."`
}

func (c *subjectShow) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	r, err := d.Subject(ctx, c.Subject)
	if err != nil {
		return err
	}
	return s.Answer(r, func(p *Page) {
		p.Line("%s, %s", wording.Subject(r.Subject), r.Sort)
		pairs := [][2]string{
			{"state", platform.Describe(r.State.Status, r.State.Mark)},
			{"read", wording.When(r.State.Seen)},
			{"tier", string(r.Tier)},
		}
		for _, m := range r.Measures {
			if m.Layer == platform.VisibilityLayer {
				pairs = append(pairs, [2]string{"measure", measureWords(m)})
			}
		}
		for _, why := range r.Why {
			pairs = append(pairs, [2]string{"because", why.Text})
		}
		for _, f := range slices.Sorted(maps.Keys(r.State.Facts)) {
			pairs = append(pairs, [2]string{string(f), wording.FactValue(f, r.State.Facts[f])})
		}
		for _, f := range r.State.Unread {
			pairs = append(pairs, [2]string{string(f), "promised, and could not be read"})
		}
		p.Facts(pairs...)
		describeLayers(p, r)
		describeForeign(p, r)
	})
}

// describeForeign writes the commands that lift what is not this desk's, or not known here,
// in any layer.
func describeForeign(p *Page, r v1.Subject) {
	on := r.Subject
	on.Handle = ""
	var lines []string
	foreign := func(l platform.Layer, e platform.Expect) {
		ours := slices.ContainsFunc(r.Measures, func(m v1.Measure) bool { return m.Layer == l })
		if kind, _ := actions.LiftingKind(l.Lifts(), r.Sort); !ours && e.Status == l.Bears() {
			lines = append(lines, fmt.Sprintf("  countersign action request %s %s%s --reason WHY", kind, on, valueFlag(l)))
		}
	}
	foreign(platform.VisibilityLayer, r.State.At(platform.VisibilityLayer))
	for _, l := range r.State.Layers {
		foreign(l.Layer, r.State.At(l.Layer))
	}
	if len(lines) == 0 {
		return
	}
	for _, b := range r.Breaches {
		p.Line("A breach: %s was put there around the desk, as the incident %s tells.", platform.DescribeIn(b.Layer, r.State.At(b.Layer)), b.Incident)
	}
	p.Line("To lift what is not this desk's, or not known here:")
	for _, l := range lines {
		p.Line("%s", l)
	}
}

// describeLayers writes what stands on a subject besides its visibility, and whose it is.
func describeLayers(p *Page, r v1.Subject) {
	if len(r.State.Layers) == 0 {
		return
	}
	p.Line("")
	p.Line("What else stands on it, each apart from the others:")
	rows := [][]string{{"LAYER", "STATE", "WHOSE"}}
	for _, l := range r.State.Layers {
		whose := "not this desk's, or not known here"
		for _, m := range r.Measures {
			if m.Layer == l.Layer {
				whose = measureWords(m)
			}
		}
		rows = append(rows, []string{l.Layer.String(), platform.DescribeIn(l.Layer, r.State.At(l.Layer)), whose})
	}
	p.Table(rows)
	if slices.ContainsFunc(r.Measures, func(m v1.Measure) bool { return m.Layer != platform.VisibilityLayer }) {
		p.Line("To lift one that is this desk's: countersign action undo REQUEST --reason WHY")
	}
}

// measureWords says whose measure it is, since when it stands, and until when.
func measureWords(m v1.Measure) string {
	by := string(m.Requester)
	if by == "" {
		by = "somebody at another company"
	}
	s := prose.Sprintf("%s, by %s, since %s", m.Request, by, wording.When(m.Executed))
	if !m.Until.IsZero() {
		s += ", until " + wording.When(m.Until)
	}
	return s
}

type subjectTier struct {
	Subject string       `arg:"" help:"PLATFORM:@HANDLE or PLATFORM:ID."`
	To      actions.Tier `arg:"" enum:"standard,protected,critical" help:"standard, protected or critical."`
	Confirm bool         `help:"Ask others to stand by the tier, so that standing orders cover the subject: they countersign."`
	From    actions.Tier `enum:"standard,protected,critical," default:"" help:"What people raised it to until now, if the desk's present tier comes from a rule. Default: read from the desk."`
	Reason  string       `required:"" help:"Why, for the ledger. No personal data."`
	signing
}

func (c *subjectTier) Help() string {
	return "Rules and people only raise, and the highest tier that rules ever gave a subject stands. Lowering takes back what people raised and what rules once said; " +
		"what a rule says of today's facts stays. One person's raise protects at the desk at once; with --confirm several stand by it, and the executor restores the subject under a standing order."
}

func (c *subjectTier) Run(ctx context.Context, s *Session) error {
	r, err := s.subject(ctx, c.Subject)
	if err != nil {
		return err
	}
	from := c.From
	if from == "" {
		from = cmp.Or(r.Raised, actions.Standard)
	}
	raise := actions.Raise{Subject: r.Subject, From: from, To: c.To, Confirm: c.Confirm, Resolved: r.Resolution}
	if r.Stands != "" && r.Stands.Rank() > c.To.Rank() && !c.Confirm {
		raise.Fall = r.Stands
	}
	if from == c.To && raise.Fall == "" && !c.Confirm {
		return fault.New(fault.Conflict, "same-tier", "People raised %s to %s already.", wording.Subject(r.Subject), from)
	}
	change := actions.Setting{Of: actions.PartTiers, Raise: &raise}
	return c.change(ctx, s, actions.DeskChange, change, c.Reason)
}
