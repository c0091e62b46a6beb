package cli

import (
	"bytes"
	"context"
	"fmt"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/ledger/proof"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// incidentEvidence has the commands that carry an incident out of the desk.
type incidentEvidence struct {
	Export incidentExport `cmd:"" help:"Write one to a file: a page, Markdown, or the bundle that proves it."`
	Verify incidentVerify `cmd:"" help:"Check a bundle offline, against a trust folder and nothing else."`
}

type incidentExport struct {
	Incident   string `arg:"" help:"inc_…"`
	Format     string `enum:"bundle,html,md" default:"bundle" help:"bundle: everything with its proofs. html: one page that needs nothing else. md: Markdown."`
	Out        string `required:"" placeholder:"FILE" help:"Where to write."`
	Personal   bool   `help:"Include the fields that the ledger seals: the subject, the credential, names, texts that people wrote; and the warrants."`
	Trust      string `placeholder:"FOLDER" help:"Your trust folder. Without it the page is checked against the entry 0 in the bundle itself, and says so."`
	Historical bool   `help:"On a page, beside the times: how long it took in November 2017."`
}

func (c *incidentExport) Help() string {
	return "Whatever the format, the desk makes a bundle and enters in the ledger that it did, and for whom; the bundle is verified here before anything is written. " +
		"A bundle proves itself for years; a page or Markdown is for reading, and proves nothing."
}

// exported is the answer of incident export.
type exported struct {
	File     string           `json:"file"`
	Format   string           `json:"format"`
	Incident string           `json:"incident"`
	Personal bool             `json:"personal"`
	Bytes    int              `json:"bytes"`
	Seal     int64            `json:"seal"` // the ledger entry that commits to it
	Root     canonical.Digest `json:"root"`
	Compared bool             `json:"root_compared"` // with a trust folder's
}

func (c *incidentExport) Run(ctx context.Context, s *Session) error {
	trust, err := incidentTrust(c.Trust)
	if err != nil {
		return err
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	raw, err := d.IncidentBundle(ctx, c.Incident, c.Personal)
	if err != nil {
		return err
	}
	if c.Trust == "" {
		b, err := incident.Parse(raw)
		if err != nil {
			return bundleFails(err)
		}
		if trust.Root, err = b.Root(); err != nil {
			return bundleFails(err)
		}
	}
	v, err := incident.Verify(raw, trust)
	if err != nil {
		return bundleFails(err)
	}
	out, err := c.rendered(raw, v)
	if err != nil {
		return err
	}
	if err := WriteFile(c.Out, out, 0o644); err != nil {
		return err
	}
	doc := exported{File: c.Out, Format: c.Format, Incident: v.Report.Incident.ID, Personal: v.By.Personal, Bytes: len(out), Seal: v.Seal, Root: v.Root, Compared: c.Trust != ""}
	return s.Answer(doc, func(p *Page) {
		p.Line("Wrote %s, %d bytes. Entry %d of the ledger commits to it.", c.Out, len(out), v.Seal)
		if !c.Personal {
			p.Line("What the ledger seals is withheld: --personal includes it.")
		}
		if c.Trust == "" {
			p.Line("Its entry 0 is %s, which was not compared with one that you trust: --trust FOLDER does.", v.Root)
		}
		if c.Format == "bundle" {
			p.Line("Anybody may check it: countersign incident verify %s --trust FOLDER", c.Out)
		}
	})
}

// rendered puts a verified bundle into the wanted format.
func (c *incidentExport) rendered(raw []byte, v incident.Verified) ([]byte, error) {
	o := incident.Options{Personal: v.By.Personal, Names: v.Names, Historical: c.Historical, Verified: &v, Unrooted: c.Trust == ""}
	switch c.Format {
	case "html":
		return incident.HTML(v.Report, o)
	case "md":
		return incident.Markdown(v.Report, o), nil
	}
	return raw, nil
}

// incidentTrust reads a trust folder; without one it returns the zero trust.
func incidentTrust(dir string) (proof.Trust, error) {
	if dir == "" {
		return proof.Trust{}, nil
	}
	trust, _, err := rooted{Trust: dir}.read()
	return trust, err
}

type incidentVerify struct {
	Bundle string `arg:"" help:"The bundle's file."`
	rooted
	HTML string `name:"html" placeholder:"FILE" help:"Also write the report as a page with the findings."`
}

func (c *incidentVerify) Help() string {
	return "Needs no desk, network or database, and no key. Checks the governance chain from entry 0 with every signature, each of the executor's records and people's statements, " +
		"that the ledger holds every entry, the warrants, and that each line which claims the ledger is what an entry says. What is only somebody's word is listed as told. " +
		"Exit 0: the bundle holds. Exit 1: it does not, and why."
}

// verifiedIncident is the answer of incident verify.
type verifiedIncident struct {
	OK          bool                 `json:"ok"`
	Incident    string               `json:"incident"`
	Cause       incident.Cause       `json:"cause"`
	Status      incident.Status      `json:"status"`
	Tier        actions.Tier         `json:"tier"`
	Subject     string               `json:"subject"` // the platform alone if it is withheld
	Down        canonical.Time       `json:"down"`
	Up          canonical.Time       `json:"up"`
	Attribution incident.Attribution `json:"attribution"`
	Timeline    []incident.Moment    `json:"timeline"`
	Claims      []incident.Claim     `json:"claims"`
	Personal    bool                 `json:"personal"`
	ExportedBy  workforce.WorkerID   `json:"exported_by"`
	Origin      string               `json:"origin"`
	Size        int64                `json:"ledger_size"`
	Root        canonical.Digest     `json:"root"`
	Entries     int                  `json:"entries"`
	Governance  int64                `json:"governance"`
	Records     int                  `json:"records"`
	Warrants    int                  `json:"warrants"`
	Seal        int64                `json:"seal"`
	Sealed      canonical.Time       `json:"sealed"`
}

func (c *incidentVerify) Run(_ context.Context, s *Session) error {
	raw, err := ReadFile(c.Bundle, incident.MaxBundle+2)
	if err != nil {
		return err
	}
	// Editors add a line feed at the end; it is not part of the document.
	raw = bytes.TrimSuffix(raw, []byte("\n"))
	trust, _, err := c.read()
	if err != nil {
		return err
	}
	v, err := incident.Verify(raw, trust)
	if err != nil {
		return bundleFails(err)
	}
	if c.HTML != "" {
		page, err := incident.HTML(v.Report, incident.Options{Personal: v.By.Personal, Names: v.Names, Verified: &v})
		if err != nil {
			return err
		}
		if err := WriteFile(c.HTML, page, 0o644); err != nil {
			return err
		}
	}
	r := v.Report
	doc := verifiedIncident{OK: true, Incident: r.Incident.ID, Cause: r.Incident.Cause, Status: r.Incident.Status, Tier: r.Incident.Tier, Subject: r.Incident.Subject.Platform,
		Down: r.Down, Up: r.Up, Attribution: r.Attribution, Timeline: r.Timeline, Claims: v.Claims, Personal: v.By.Personal, ExportedBy: v.By.By, Origin: v.Origin, Size: v.Size,
		Root: v.Root, Entries: v.Entries, Governance: v.Chain, Records: v.Records, Warrants: v.Warrants, Seal: v.Seal, Sealed: v.Sealed}
	if r.Incident.Subject.ID != "" {
		doc.Subject = wording.Subject(r.Incident.Subject)
	}
	return s.Answer(doc, func(p *Page) {
		p.Line("%s", p.Good("The bundle holds."))
		p.Facts([2]string{"incident", fmt.Sprintf("%s, %s", doc.Incident, doc.Status)}, [2]string{"subject", fmt.Sprintf("%s, %s", doc.Subject, doc.Tier)},
			[2]string{"ledger", fmt.Sprintf("%s, %d entries", doc.Origin, doc.Size)}, [2]string{"entry 0", doc.Root.String()},
			[2]string{"governance", fmt.Sprintf("%d entries, each authorised by what came before it", doc.Governance)},
			[2]string{"records", fmt.Sprintf("%d, signed by the executor that the chain named", doc.Records)}, [2]string{"warrants", fmt.Sprint(doc.Warrants)},
			[2]string{"sealed", fmt.Sprintf("%s, entry %d, for %s", wording.When(doc.Sealed), doc.Seal, doc.ExportedBy)}, [2]string{"why", r.Attribution.Why})
		for _, m := range doc.Timeline {
			known := "told by the " + string(m.Source)
			if m.Source == incident.FromLedger {
				known = fmt.Sprintf("entry %d", m.Entry)
			}
			p.Line("%s  %s  %s", m.At, m.Text, "("+known+")")
		}
		for _, claim := range doc.Claims {
			word := "told  "
			if claim.Proven {
				word = p.Good("proven")
			}
			p.Line("%s  %s: %s.", word, claim.What, claim.How)
		}
		p.Line("What the desk did not gather, and what came after the seal, is not known from here.")
		if c.HTML != "" {
			p.Line("Written to %s.", c.HTML)
		}
	})
}

// bundleFails turns every fault of a bundle into the answer no, and not into bad input:
// the person asked whether the bundle holds.
func bundleFails(err error) error {
	f := fault.As(err)
	if f == nil || f.Kind == fault.Internal {
		return err
	}
	return fault.New(fault.Forbidden, f.Type, "This bundle does not hold. %s", f.Text).With(f.Detail...)
}
