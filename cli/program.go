package cli

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/client"
	"countersign.dev/fault"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

type programCommands struct {
	Add      programAdd      `cmd:"" help:"Admit a program that brings reports in. Officers countersign."`
	List     programList     `cmd:"" help:"List the programs, and say why one does not stand."`
	End      programEnd      `cmd:"" help:"End a program, at once and for ever. One person may."`
	HandOver programHandOver `cmd:"" help:"Hand a program over to another worker, who answers for it then. Officers countersign."`
	Key      programKeys     `cmd:"" help:"A program's key."`
	Token    programToken    `cmd:"" help:"Get a token for a program, with its key. It lives for at most an hour."`
}

const aboutPrograms = "A program is a principal that is no person. It brings reports in and reads what became of them; it holds no claim, decides, signs and countersigns nothing. " +
	"It belongs to a worker, and stands only while that worker's engagement lasts: hand it over before the worker leaves."

type programAdd struct {
	Program   string             `arg:"" help:"Name of the program, such as plaza-reports. It is kept for ever and never used again."`
	Enrolment string             `required:"" placeholder:"FILE" help:"The enrolment of its key, as program key make writes it."`
	Owner     workforce.WorkerID `required:"" help:"The worker who answers for it."`
	Platform  []string           `required:"" help:"Platforms whose subjects it may report, with commas between."`
	Source    string             `required:"" enum:"person,trusted-flagger,authority,program" help:"Who stands behind its reports: ${enum}."`
	Rate      int64              `required:"" help:"Reports that it may bring in a minute."`
	asking
}

func (c *programAdd) Help() string {
	return aboutPrograms + "\nWhat is fixed here, no report changes: the platforms, and the class of its source. Whoever countersigns vouches that the key is the program's; ask its owner, by another way than the one the file came."
}

func (c *programAdd) Run(ctx context.Context, s *Session) error {
	b, err := ReadFile(c.Enrolment, 1<<16)
	if err != nil {
		return err
	}
	var e actions.ProgramEnrolment
	if err := json.Unmarshal(b, &e, json.RejectUnknownMembers(true)); err != nil || e.Program == "" {
		return fault.New(fault.Invalid, "bad-enrolment", "%s is not the enrolment of a program, as `countersign program key make FILE --program NAME --url http://DESK` writes it.", c.Enrolment)
	}
	if e.Program != c.Program {
		return fault.New(fault.Invalid, "bad-enrolment", "The enrolment in %s is that of the program %s, not of %s.", c.Enrolment, e.Program, c.Program)
	}
	platforms := slices.Clone(c.Platform)
	slices.Sort(platforms)
	p := actions.Program{Op: actions.ProgramAdd, ID: c.Program, Key: e.Key, Possession: e.Possession, Owner: c.Owner, Platforms: slices.Compact(platforms), Source: c.Source, Rate: c.Rate}
	return c.change(ctx, s, actions.DeskChange, actions.Setting{Of: actions.PartPrograms, Program: &p}, c.Reason)
}

type programList struct {
	All bool `help:"Programs that were ended as well."`
}

func (c *programList) Help() string { return aboutPrograms }

func (c *programList) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	all, err := d.Programs(ctx)
	if err != nil {
		return err
	}
	if !c.All {
		all = slices.DeleteFunc(all, func(p v1.Program) bool { return !p.Ended.IsZero() })
	}
	return s.Answer(items(all), func(p *Page) {
		if len(all) == 0 {
			p.Line("No program brings reports in here.")
			return
		}
		rows := [][]string{{"PROGRAM", "OWNER", "PLATFORMS", "SOURCE", "RATE", "STANDS", "ADDED", "ENDED"}}
		for _, x := range all {
			rows = append(rows, []string{x.ID, string(x.Owner), strings.Join(x.Platforms, ", "), x.Source, fmt.Sprintf("%d/min", x.Rate), yesNo(x.Stands), wording.When(x.Added), wording.When(x.Ended)})
		}
		p.Table(rows)
		for _, x := range all {
			if !x.Stands && x.Ended.IsZero() {
				p.Line("%s", x.Why)
			}
		}
	})
}

type programEnd struct {
	Program string `arg:"" help:"Name of the program."`
	Reason  string `required:"" help:"Why, for the ledger."`
	signing
}

func (c *programEnd) Help() string {
	return "Its tokens open nothing from then on; reports that it brought in stay. Its owner may end it, a lead above the owner, an officer, and who is on call.\n" +
		"A program reads only what became of its own reports, and this one reads nothing any more: a new program, which takes a new name and a new key, does not read the answers to the reports of this one. " +
		"Where only the owner leaves, `countersign program hand-over NAME --owner WORKER --reason WHY` keeps the program as it is, with its key and its reports."
}

func (c *programEnd) Run(ctx context.Context, s *Session) error {
	if _, err := s.desk(); err != nil {
		return err
	}
	s.Say("An end is for ever, and a new program may not read what became of the reports of %s. Where only the owner leaves, hand it over in the place of this: countersign program hand-over %[1]s --owner WORKER --reason WHY", c.Program)
	change := actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramEnd, ID: c.Program}}
	return c.change(ctx, s, actions.DeskChange, change, c.Reason)
}

type programHandOver struct {
	Program string             `arg:"" help:"Name of the program."`
	Owner   workforce.WorkerID `required:"" help:"The worker who answers for it from then on."`
	asking
}

func (c *programHandOver) Run(ctx context.Context, s *Session) error {
	change := actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramHandOver, ID: c.Program, Owner: c.Owner}}
	return c.change(ctx, s, actions.DeskChange, change, c.Reason)
}

type programKeys struct {
	Make programKeyMake `cmd:"" help:"Make a key for a program on this machine, with its enrolment. Its secret half never leaves the file."`
}

type programKeyMake struct {
	File    string `arg:"" help:"Where to write the key. Never overwritten, unless it is the key of this program: then only the enrolment is written anew."`
	Program string `required:"" placeholder:"NAME" help:"Name of the program at the desk."`
	Desk    string `placeholder:"NAME" help:"Full name of the desk's ledger, its origin with # and the hash of entry 0, if this machine does not reach the desk: an officer reads it off countersign status. Without it the desk is asked: give --url."`
}

func (c *programKeyMake) Help() string {
	return "Writes FILE, which only you may read, and FILE.enrolment, without the secret and signed with the new key to show that you hold it: send that to an officer, who runs " +
		"`countersign program add NAME --enrolment FILE.enrolment --owner WORKER --platform PLATFORM --source person --rate 600 --reason WHY`. It counts at that desk and under that name alone."
}

// madeProgramKey is the answer of program key make; nothing in it is secret.
type madeProgramKey struct {
	File      string          `json:"file"`
	Program   string          `json:"program"`
	Key       workforce.KeyID `json:"key"`
	Enrolment string          `json:"enrolment"`
	Desk      string          `json:"desk"`
}

func (c *programKeyMake) Run(ctx context.Context, s *Session) error {
	if !workforce.ValidIdentifier(c.Program) {
		return fault.New(fault.Invalid, "bad-program", "%q is no name of a program: lower-case letters, digits, dot, underscore and hyphen, at most 64.", c.Program)
	}
	desk, err := (&enrolling{Desk: c.Desk}).name(ctx, s)
	if err != nil {
		return err
	}
	if desk == "" {
		return fault.New(fault.Invalid, "no-desk", "Which desk? Give --url URL, COUNTERSIGN_URL, or a folder with client.json (--dir); or --desk with the full name that an officer reads off `countersign status`.")
	}
	k, err := client.ReadProgramKey(c.File)
	if err != nil || k.Program != c.Program {
		if k, err = client.NewProgramKey(s.Rand, c.Program); err != nil {
			return err
		}
		if err := newSecret(c.File, k); err != nil {
			return err
		}
	}
	doc := madeProgramKey{File: c.File, Program: c.Program, Key: k.Key, Enrolment: c.File + EnrolmentSuffix, Desk: desk}
	if err := WriteFile(doc.Enrolment, append(canonical.MustMarshal(k.Enrolment(desk)), '\n'), 0o644); err != nil {
		return err
	}
	return s.Answer(doc, func(p *Page) {
		p.Line("The key of %s is %s, in %s.", doc.Program, doc.Key, doc.File)
		p.Line("Send %s to an officer of the desk %s; it holds no secret:", doc.Enrolment, doc.Desk)
		p.Line("  countersign program add %s --enrolment %s --owner WORKER --platform PLATFORM --source person --rate 600 --reason WHY", doc.Program, doc.Enrolment)
		p.Line("The source says who stands behind its reports: person for a platform's own users, trusted-flagger, authority, or program for its own findings.")
	})
}

type programToken struct {
	For  time.Duration `default:"1h" help:"How long it lives; at most 1h."`
	Save bool          `help:"Keep token, address and key in DIR/client.json, which only you may read, and don't print the token. Commands with that folder are the program's then."`
}

func (c *programToken) Help() string {
	return "Give the program's key file: --key FILE. The token brings reports in and reads what became of them; it opens nothing else. Whoever is the program for long asks for a new one before the hour is over."
}

// createdProgramToken is the answer of program token.
type createdProgramToken struct {
	Token  v1.ProgramToken `json:"token"`
	Secret string          `json:"secret"` // empty if it was saved
	Saved  string          `json:"saved"`  // the file in which it was saved, if it was
}

func (c *programToken) Run(ctx context.Context, s *Session) error {
	if c.For <= 0 || c.For > actions.ProgramTokenLife {
		return fault.New(fault.Invalid, "bad-token-life", "A program's token lives for at most 1h; give --for a length such as 30m.")
	}
	set, err := s.load()
	if err != nil {
		return err
	}
	if set.Key == "" {
		return fault.New(fault.Invalid, "no-key", "This needs the program's key: --key FILE. `countersign program key make FILE --program NAME` makes one.")
	}
	k, err := client.ReadProgramKey(set.Key)
	if err != nil {
		return err
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	status, err := d.Status(ctx)
	if err != nil {
		return err
	}
	if !(identity{origin: set.Origin, log: set.Log}).knows(status.Log) {
		return fault.New(fault.Forbidden, "foreign-desk", "The desk at %s is %q, yours is %q. Nothing was signed.", set.URL, status.Log, cmp.Or(set.Log, set.Origin))
	}
	ask, secret, err := k.Ask(s.Rand, status.Log, s.Now(), c.For)
	if err != nil {
		return err
	}
	t, err := d.SignInProgram(ctx, ask)
	if err != nil {
		return err
	}
	doc := createdProgramToken{Token: t, Secret: secret}
	if c.Save {
		key, err := filepath.Abs(set.Key)
		if err != nil {
			return fmt.Errorf("name the key file: %w", err)
		}
		if doc.Saved, err = s.keep(func(f *settings) {
			f.URL, f.Token, f.Key, f.Worker, f.Origin, f.Log = set.URL, secret, key, "", status.Origin, status.Log
		}); err != nil {
			return err
		}
		doc.Secret = ""
	}
	return s.Answer(doc, func(p *Page) {
		if doc.Saved != "" {
			p.Line("This is %s at %s until %s. Kept in %s.", t.Program, status.Origin, until(t.Expires, s.Now()), doc.Saved)
			return
		}
		p.Line("%s", doc.Secret)
		s.Say("This is %s at %s until %s. Give the token as COUNTERSIGN_TOKEN; it is not shown again.", t.Program, status.Origin, until(t.Expires, s.Now()))
	})
}

// Programs returns all programs.
func (d deskClient) Programs(ctx context.Context) ([]v1.Program, error) {
	return pages(func(cursor string) (v1.Page[v1.Program], error) { return d.Client.Programs(ctx, cursor, v1.MaxPage) })
}
