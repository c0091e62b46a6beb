package cli

import (
	"context"
	"fmt"
	"time"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/wording"
)

type caseEvidence struct {
	Case string `arg:"" help:"cas_…"`
	Now  bool   `help:"Read the subject on its platform as it is now, as well."`
}

func (c *caseEvidence) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	page, err := d.CaseEvidence(ctx, c.Case)
	if err != nil {
		return err
	}
	read := make([]cases.EvidenceDocument, len(page.Items))
	for i, e := range page.Items {
		if len(e.Document) == 0 {
			continue
		}
		if read[i], err = cases.ParseEvidence(e.Document); err != nil || canonical.Sum(e.Document) != e.Digest {
			return fault.New(fault.Conflict, "evidence-altered", "The evidence %s is not what its digest names: somebody changed the desk's database.", e.ID)
		}
	}
	doc := struct {
		Items []v1.KeptEvidence  `json:"items"`
		Now   *platform.Evidence `json:"now,omitempty"`
	}{Items: page.Items}
	if c.Now {
		now, err := d.EvidenceNow(ctx, c.Case)
		if err != nil {
			return err
		}
		doc.Now = &now
	}
	return s.Answer(doc, func(p *Page) {
		if len(page.Items) == 0 {
			p.Line("The case %s has no evidence.", c.Case)
		}
		for i, e := range page.Items {
			describeKept(p, e, read[i], s.Now())
		}
		if doc.Now != nil {
			p.Line("As it is now:")
			describeRead(p, *doc.Now)
		}
	})
}

// describeKept writes one evidence of a case. Strangers' text is shown as text.
func describeKept(p *Page, e v1.KeptEvidence, doc cases.EvidenceDocument, now time.Time) {
	p.Line("%s: %s, reported %s", e.ID, e.State, until(e.At, now))
	if e.State == cases.EvidencePending {
		return
	}
	p.Facts(
		[2]string{"digest", e.Digest.String()},
		[2]string{"copied", wording.When(e.Copied)},
		[2]string{"not read since", e.Why},
		[2]string{"on the hash list", e.Matched},
	)
	switch ch := doc.Changed; {
	case !ch.Edited.IsZero():
		p.Line("  It was edited after the report, %s.", wording.When(ch.Edited))
	case !ch.Told.IsZero():
		p.Line("  The text that was read is another one than the text that was told.")
	case !ch.Before.IsZero():
		p.Line("  It is not what the evidence before this showed.")
	}
	if doc.Told.Text != "" {
		p.Line("  Told with the report:")
		excerpt(p, doc.Told.Text, evidenceMost, evidenceRows)
	}
	if doc.Read != nil {
		p.Line("  Read by the desk:")
		describeRead(p, *doc.Read)
	}
	for _, x := range doc.Pictures {
		what := string(x.State)
		if x.Format.Type != "" {
			what += fmt.Sprintf(", %s, %d × %d", x.Format.Type, x.Format.Width, x.Format.Height)
		}
		if x.State == cases.PictureKept && !x.Format.Shown {
			what += ", not to be drawn"
		}
		if x.Other {
			what += ", other bytes than the platform told"
		}
		p.Line("  Picture %s: %s", x.Name, what)
		if !x.Digest.IsZero() {
			p.Line("    %s", x.Digest)
		}
	}
}

// describeRead writes what a subject shows.
func describeRead(p *Page, e platform.Evidence) {
	p.Facts(
		[2]string{"author", e.Author.Handle + " " + e.Author.ID},
		[2]string{"name", e.Author.Name},
		[2]string{"language", e.Language},
		[2]string{"made", wording.When(e.Created)},
	)
	excerpt(p, e.Author.Bio.Text, shownRunes, shownLines)
	excerpt(p, e.Text.Text, evidenceMost, evidenceRows)
	for _, l := range e.Links {
		p.Line("  Leads to %s", l.Address)
	}
	for _, t := range e.Thread {
		if t.Subject {
			p.Line("  In the thread, here: %s", t.ID)
			continue
		}
		p.Line("  In the thread, %s by %s:", t.ID, t.Author.Handle)
		excerpt(p, t.Text.Text, shownRunes, shownLines)
	}
}
