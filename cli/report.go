package cli

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/wording"
)

type reportCommands struct {
	Add    reportAdd    `cmd:"" help:"Report what you came upon yourself. It opens a case, which you may decide, or joins the open one, which somebody else decides."`
	Show   reportShow   `cmd:"" help:"Say what became of a report that you, or your program, handed in."`
	Import reportImport `cmd:"" help:"Hand in a file of reports as a program: JSON lines or CSV. It can be run again after it was stopped."`
}

// nameBytes is the length of the name that report add makes up for a finding.
const nameBytes = 16

type reportAdd struct {
	Subject  string `required:"" help:"PLATFORM:@HANDLE or PLATFORM:ID, such as plaza:@someone or plaza:post/93."`
	Reason   string `required:"" help:"One of the desk's reasons, such as MisleadingSpam, or the platform's own word for it. A word that is neither is refused, with all that there are."`
	Text     string `required:"" help:"What you found."`
	Language string `placeholder:"TAG" help:"The language of your text, such as en."`
	ID       string `placeholder:"NAME" help:"Your own name of the finding. The same again gets the first answer. Without it: a new one each time."`
}

func (c *reportAdd) Help() string {
	return "If the subject has no open case, the finding opens one, and you may decide it: countersign case claim CASE. " +
		"If it has one, the finding joins it. You reported it then, so somebody else decides it."
}

func (c *reportAdd) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	f := v1.OwnFinding{ExternalID: c.ID, Subject: c.Subject, Reason: c.Reason, Text: c.Text, Language: c.Language}
	if c.ID == "" {
		random := make([]byte, nameBytes)
		if _, err := io.ReadFull(s.Rand, random); err != nil {
			return fmt.Errorf("name the finding: %w", err)
		}
		f.ExternalID, f.At = hex.EncodeToString(random), canonical.At(s.Now())
	}
	t, err := d.Find(ctx, f)
	if err != nil {
		return err
	}
	return s.Answer(t, func(p *Page) {
		p.Line("%s is in the case %s, which is %s.", t.ID, t.Case, t.State)
		if !t.Opened {
			p.Line("The case was open already. You reported it, so somebody else decides it.")
			return
		}
		if t.KeptOut != "" {
			p.Line("%s", t.KeptOut)
			return
		}
		p.Line("To work on it: countersign case claim %s", t.Case)
	})
}

type reportShow struct {
	Report string `arg:"" help:"rep_…"`
}

func (c *reportShow) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	r, err := d.ReportState(ctx, c.Report)
	if err != nil {
		return err
	}
	return s.Answer(r, func(p *Page) {
		p.Line("%s is in the case %s, which is %s.", r.ID, r.Case, r.State)
		named := r.ExternalID
		if b, err := hex.DecodeString(named); err == nil && len(b) == nameBytes {
			named = "" // report add made it up
		}
		p.Facts([2]string{"your name of it", named}, [2]string{"received", wording.When(r.Received)}, [2]string{"outcome", r.Outcome}, [2]string{"decided", wording.When(r.Decided)}, [2]string{"taken back", wording.When(r.Withdrawn)})
	})
}
