package cli

import (
	"context"
	"slices"
	"strings"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/wording"
)

// This file holds what rule sets, queue sets and lists of hashes have in common: they are
// texts that the chain names by their digest.

// readText reads a file that is to become a text of the desk.
func readText(path string) (string, error) {
	b, err := ReadFile(path, actions.MaxTextSize)
	return string(b), err
}

// naming returns the setting that puts a text of a part in force.
func naming(part string, t actions.Text) actions.Setting {
	c := actions.Setting{Of: part}
	switch part {
	case actions.PartRules:
		c.Rules = &t
	case actions.PartQueues:
		c.Queues = &t
	case actions.PartHashes:
		c.Hashes = &t
	}
	return c
}

// present returns the digest of the text in force that a change would replace; zero if
// there is none.
func (d deskClient) present(ctx context.Context, part, name string) (canonical.Digest, error) {
	var set v1.Set
	var err error
	switch part {
	case actions.PartRules:
		set, err = d.Rules(ctx)
	case actions.PartQueues:
		set, err = d.Queues(ctx)
	default:
		page, err := d.HashLists(ctx)
		for _, l := range page.Items {
			if l.Name == name {
				return l.Digest, err
			}
		}
		return canonical.Digest{}, err
	}
	if fault.Is(err, "no-rules") || fault.Is(err, "no-queues") {
		return canonical.Digest{}, nil
	}
	return set.Digest, err
}

// adopt puts a text to the desk, and asks for the change that puts it in force.
func (c *asking) adopt(ctx context.Context, s *Session, part, text, name, source string) error {
	if err := checkReason(c.Reason); err != nil {
		return err
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	t := actions.Text{Digest: actions.DigestOfText(text), Size: int64(len(text)), Name: name, Source: source}
	if t.Replaces, err = d.present(ctx, part, name); err != nil {
		return err
	}
	if t.Replaces == t.Digest {
		return nothingChanges("This text is in force")
	}
	put, err := d.PutText(ctx, v1.NewText{Part: part, Text: text})
	if err != nil {
		return err
	}
	if put.Digest != t.Digest {
		return tricked("it says that it keeps another text than the one that you sent")
	}
	return c.change(ctx, s, actions.DeskChange, naming(part, t), c.Reason)
}

// textOf reads a text from the desk, and compares its bytes with its digest.
func (d deskClient) textOf(ctx context.Context, digest canonical.Digest) (string, error) {
	t, err := d.Text(ctx, digest)
	if err == nil && actions.DigestOfText(t.Body) != digest {
		return "", tricked("the text that it shows is not the one with the digest %s", digest)
	}
	return t.Body, err
}

// wholeText writes what a text changes against the one that it replaces: both come from the
// desk and have the digests that are signed.
func (s *Session) wholeText(ctx context.Context, p *Page, d deskClient, c actions.Setting) error {
	t := c.TextOf()
	var old, fresh string
	var err error
	if !t.Replaces.IsZero() {
		if old, err = d.textOf(ctx, t.Replaces); err != nil {
			return err
		}
	}
	until := actions.Text{Digest: t.Replaces, Size: int64(len(old))}
	if c.Of == actions.PartHashes {
		page, err := d.HashLists(ctx)
		if err != nil {
			return err
		}
		for _, l := range page.Items {
			if l.Name == t.Name {
				until.Source = l.Source
			}
		}
	}
	says(p, wording.TextBefore(until))
	if t.Ends() {
		p.Line("The list has %s.", wording.Many(strings.Count(old, "\n"), "digest"))
		return nil
	}
	if fresh, err = d.textOf(ctx, t.Digest); err != nil {
		return err
	}
	lines, err := wording.TextChanges(c.Of, old, fresh)
	if err != nil {
		return err
	}
	says(p, lines)
	if c.Of == actions.PartHashes {
		return nil
	}
	noun := map[string]string{actions.PartRules: "rule", actions.PartQueues: "queue"}[c.Of]
	if old == "" {
		p.Line("To read it whole: countersign %s show --text %s", noun, t.Digest)
		return nil
	}
	says(p, wording.TextAgainst(old, fresh))
	return nil
}

// showText answers with a text as it is, or writes it to a file.
func (s *Session) showText(text, out string) error {
	if out != "" {
		if err := WriteFile(out, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return s.Answer(textAnswer{actions.DigestOfText(text), text, out}, func(p *Page) {
		if out != "" {
			p.Line("%s, %s", out, actions.DigestOfText(text))
			return
		}
		p.Block(text)
	})
}

// textAnswer is the answer of commands that show a text.
type textAnswer struct {
	Digest canonical.Digest `json:"digest"`
	Text   string           `json:"text"`
	Out    string           `json:"out,omitzero"` // the file to which it was written
}

// setReport holds all findings about a file of a set.
type setReport struct {
	OK       bool             `json:"ok"`
	Digest   canonical.Digest `json:"digest"`
	Count    int              `json:"count"` // rules, or queues
	Tests    int              `json:"tests"` // of a queue set
	Problems []problemDetail  `json:"problems"`

	// NotCompared says why a rule set was not compared with the set in force; empty: it was.
	NotCompared string `json:"not_compared,omitzero"`

	Kind string `json:"-"` // "rule" or "queue"
}

// inFile names in a refusal the file that somebody gave, in the place of the usual name of such
// a file.
func inFile(err error, usual, path string) error {
	f := fault.As(err)
	if f == nil || len(f.Detail) == 0 {
		return err
	}
	named := *f
	named.Detail = slices.Clone(f.Detail)
	for i, d := range named.Detail {
		if rest, ok := strings.CutPrefix(d.At, usual); ok {
			named.Detail[i].At = path + rest
		}
	}
	return &named
}

// reported answers with the findings about a file, whose usual name they have.
func (s *Session) reported(path, usual, text string, doc setReport, err error) error {
	doc.OK, doc.Digest, doc.Problems = err == nil, actions.DigestOfText(text), []problemDetail{}
	if err = inFile(err, usual, path); err != nil {
		f := fault.As(err)
		if f == nil {
			return err
		}
		for _, d := range f.Detail {
			doc.Problems = append(doc.Problems, problemDetail(d))
		}
		if len(f.Detail) == 0 {
			doc.Problems = append(doc.Problems, problemDetail{At: doc.Kind, Text: f.Text})
		}
		s.End(Refused)
	}
	return s.Answer(doc, func(p *Page) {
		for _, d := range doc.Problems {
			p.Line("%s %s: %s", p.Bad("problem"), d.At, d.Text)
		}
		if !doc.OK {
			p.Line("%s.", p.Bad("The set cannot be used"))
			return
		}
		line := wording.Many(doc.Count, doc.Kind)
		if doc.Tests > 0 {
			line += ", " + wording.Many(doc.Tests, "test") + " run"
		}
		p.Line("%s: %s.", p.Good("The set can be used"), line)
		if doc.NotCompared != "" {
			p.Line("It was not compared with the set in force: %s.", strings.TrimSuffix(doc.NotCompared, "."))
		}
		p.Line("%s", doc.Digest)
	})
}

// out is the flag of commands that show a text.
type out struct {
	Out string `placeholder:"FILE" help:"Write the text here, to be changed and proposed."`
}
