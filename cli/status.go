package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/wording"
)

type statusCommand struct{}

func (c *statusCommand) Help() string {
	return "Exit 1 if something needs a person, and also if the desk or its executor does not answer. It is for leads, officers, those on call, investigators and auditors."
}

// statusDoc is the answer of status.
type statusDoc struct {
	Origin string         `json:"origin"`
	Name   string         `json:"enrol_name"` // the desk's name in enrolments, as key make --desk takes it
	Size   int64          `json:"size"`       // entries of the ledger
	At     canonical.Time `json:"at"`         // by this machine's clock
	v1.Matters
}

func (c *statusCommand) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	st, err := d.Status(ctx)
	if err != nil {
		return err
	}
	all, err := d.Matters(ctx)
	if err != nil {
		return err
	}
	if all.Needed {
		s.End(Refused)
	}
	return s.Answer(statusDoc{st.Origin, st.EnrolName, st.Ledger.Size, canonical.At(s.Now()), all}, func(p *Page) {
		p.Line("%s, %d entries", cmp.Or(st.EnrolName, st.Origin), st.Ledger.Size)
		for _, section := range all.Sections {
			var items []v1.Matter
			for _, m := range all.Items {
				if m.Section == section {
					items = append(items, m)
				}
			}
			if len(items) == 0 {
				p.Line("%-12s %s", section, p.Good("well"))
				continue
			}
			for i, m := range items {
				name := section
				if i > 0 {
					name = ""
				}
				p.Line("%-12s %s", name, matterWords(p, m))
				if m.Do != "" {
					p.Line("%-12s   %s", "", m.Do)
				}
			}
		}
	})
}

// matterWords puts one matter on a line.
func matterWords(p *Page, m v1.Matter) string {
	text := m.Text
	var about []string
	for _, x := range []string{m.Request, m.Incident, string(m.Tier)} {
		if x != "" && !strings.Contains(text, x) {
			about = append(about, x)
		}
	}
	if !m.Since.IsZero() {
		about = append(about, "since "+wording.When(m.Since))
	}
	if len(about) > 0 {
		text += fmt.Sprintf(" (%s)", strings.Join(about, ", "))
	}
	if m.Severity != "info" {
		return p.Bad(text)
	}
	return text
}

// whyWaiting says why an approved request has no outcome yet, as far as the desk knows.
func whyWaiting(ctx context.Context, d deskClient, platform string) string {
	st, err := d.Status(ctx)
	switch {
	case err != nil:
		return "The desk does not answer any more: " + fault.TextOf(err)
	case st.Executor == nil:
		return "The executor does not answer the desk; the request waits for it."
	case st.Executor.Stopped != "":
		return "The executor refuses burdening acts: " + st.Executor.Stopped
	}
	for _, w := range st.Executor.Watches {
		if w.Platform == platform && w.Blind != "" {
			return fmt.Sprintf("The executor has trouble with %s: %s.", platform, strings.ReplaceAll(w.Blind, "-", " "))
		}
	}
	return "The executor answers and is still at it."
}
