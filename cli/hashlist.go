package cli

import (
	"context"
	"fmt"
	"strings"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/wording"
)

type hashlistCommands struct {
	List   hashlistList   `cmd:"" default:"withargs" help:"List the lists of hashes in force, with those who made them."`
	Import hashlistImport `cmd:"" help:"Ask the desk to put a list of SHA-256 digests in force. Officers countersign."`
	End    hashlistEnd    `cmd:"" help:"Ask the desk to end a list. Officers countersign."`
}

const aboutHashes = "A list of hashes names files, exactly as they are, by their SHA-256 digests. Evidence that a list in force names is removed from the desk; digest, address and time stay. " +
	"A list comes from somebody who is trusted to make it, such as a hotline for child safety, and is put in force and ended by several officers. The import takes the place of a list of the same name."

type hashlistList struct{}

func (*hashlistList) Help() string { return aboutHashes }

func (*hashlistList) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	page, err := d.HashLists(ctx)
	if err != nil {
		return err
	}
	return s.Answer(page, func(p *Page) {
		if len(page.Items) == 0 {
			p.Line("No list of hashes is in force.")
			return
		}
		rows := [][]string{{"LIST", "SOURCE", "DIGESTS", "TEXT"}}
		for _, l := range page.Items {
			rows = append(rows, []string{l.Name, l.Source, fmt.Sprint(l.Size / hashLine), l.Digest.String()})
		}
		p.Table(rows)
	})
}

// hashLine is the length of a line of a list's text.
const hashLine = 65

type hashlistImport struct {
	File   string `arg:"" help:"A file with one SHA-256 digest on each line, in hex. Empty lines, and lines that begin with #, are left out."`
	Source string `required:"" help:"Who made the list, for those who sign and for the ledger."`
	Name   string `help:"The list's name at this desk. Left out: made from the source."`
	asking
}

func (*hashlistImport) Help() string { return aboutHashes }

// maxHashFile bounds the file of a list: twice the text, for remarks and other spellings.
const maxHashFile = 2 * actions.MaxTextSize

func (c *hashlistImport) Run(ctx context.Context, s *Session) error {
	b, err := ReadFile(c.File, maxHashFile)
	if err != nil {
		return err
	}
	l, err := cases.ReadHashes(string(b))
	if err != nil {
		return inFile(err, cases.HashesFile, c.File)
	}
	name := c.Name
	if name == "" {
		name = listName(c.Source)
	}
	if name == "" {
		return fault.New(fault.Invalid, "wrong-use", "The source %q makes no name; give one with --name.", c.Source)
	}
	return c.adopt(ctx, s, actions.PartHashes, l.Text(), name, c.Source)
}

// listName makes a name out of a source: "The Hotline, Berlin" becomes "the-hotline-berlin".
func listName(source string) string {
	words := strings.FieldsFunc(strings.ToLower(source), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	name := strings.TrimLeft(strings.Join(words, "-"), "0123456789-")
	return strings.TrimRight(name[:min(len(name), 64)], "-")
}

type hashlistEnd struct {
	Name string `arg:"" help:"The list, as hashlist list names it."`
	asking
}

func (*hashlistEnd) Help() string { return aboutHashes }

func (c *hashlistEnd) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	page, err := d.HashLists(ctx)
	if err != nil {
		return err
	}
	for _, l := range page.Items {
		if l.Name == c.Name {
			return c.change(ctx, s, actions.DeskChange, naming(actions.PartHashes, actions.Text{Name: l.Name, Replaces: l.Digest}), c.Reason)
		}
	}
	return fault.New(fault.NotFound, "no-such-list", "There is no list of hashes %q at this desk; in force are: %s.", c.Name, orNothing(wording.Joined(namesOf(page.Items))))
}

func namesOf(all []v1.HashList) []string {
	var names []string
	for _, l := range all {
		names = append(names, l.Name)
	}
	return names
}
