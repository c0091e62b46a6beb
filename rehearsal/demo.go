package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"countersign.dev/cli"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
	"countersign.dev/prose"
)

// Demo plays the evening of 2017.
type Demo struct {
	Story       bool   `help:"Play the evening of 2017 as a story in this terminal, in place of the desk in a browser."`
	NoOpen      bool   `help:"Do not open a browser; the address is printed either way."`
	Once        bool   `help:"Play the story and end, instead of leaving everything running; without --dir its folder is deleted. Exit 0 if every step came out as it should, else 1."`
	Fast        bool   `help:"Do not pause between the steps of the story."`
	Listen      string `placeholder:"HOST:PORT" help:"Where the desk answers. Left out: 127.0.0.1:7400 or the next free port."`
	PlazaListen string `placeholder:"HOST:PORT" help:"Where the platform's pages are. Left out: 127.0.0.1:7401 or the next free port."`
	Policy      string `placeholder:"FOLDER" help:"Play it under another first policy."`

	program Program
}

func (c *Demo) Help() string {
	return "A desk with a small social platform, three vendors, 300 workers and 2,000 accounts, a head of state among them. It prints one address. There, 40 simulated people report, claim, decide and countersign at the pace of people, while you choose who you are and take a tour of six steps. " +
		"With --story, and with --once, it plays the evening of 2017 in the terminal instead. " +
		"Its people do everything by the commands of this program, and whoever attacks it from within makes calls of their own; every officer's key lies in the demo's folder, which a real desk never allows.\n" +
		"With --json it prints one document and says nothing else: the addresses, or with --story and --once the steps. These have a name, by which programs find them, what was expected and what came of it, in one word each, and in ms how many milliseconds the step took. In incident it names the file of the incident's page. With --once and without --dir it leaves that out, since the folder is deleted at the end."
}

// demoAnswer is the one answer of demo --once.
type demoAnswer struct {
	Steps           []demoStep `json:"steps"`
	WarrantVerified bool       `json:"warrant_verified"`
	Ledger          demoLedger `json:"ledger"`
	Incident        string     `json:"incident,omitzero"` // file of its page; left out if it was not written, or its folder is deleted
}

type demoStep struct {
	Name     string `json:"name"`
	Expected string `json:"expected"`
	Outcome  string `json:"outcome"`
	OK       bool   `json:"ok"`
	MS       int64  `json:"ms"`
}

type demoLedger struct {
	Size   int64  `json:"size"`
	Origin string `json:"origin"`
}

const demoOrigin = "demo.countersign.example/ledger"

// demoOfficers found the demo's desk.
var demoOfficers = []string{"adaeze", "bjorn", "carmela"}

func (c *Demo) Run(ctx context.Context, s *cli.Session) error {
	d := &demo{session: s, command: c, start: time.Now(), bells: make(chan struct{}, 100)}
	d.line("Countersign: no one takes an account down alone.")
	d.line("")
	if s.Dir == "" && s.Getenv("COUNTERSIGN_DIR") == "" {
		dir, err := os.MkdirTemp("", "countersign-demo-")
		if err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
		s.Dir = dir
		if c.Once {
			d.deleted = true
			defer os.RemoveAll(dir)
		}
	}
	dir, err := filepath.Abs(s.Folder())
	if err != nil {
		return fmt.Errorf("name the folder: %w", err)
	}
	d.cast = &cast{program: c.program, dir: dir, origin: demoOrigin, officers: demoOfficers}
	if err := deskdir.MustBeEmpty(d.dir); err != nil {
		return err
	}
	if d.agent, err = startAgent(); err != nil {
		return err
	}
	defer d.agent.close()
	d.environment = map[string]map[string]string{d.home(second): d.agent.environment()}
	d.line("Setting up in %s: a desk, a platform, 300 workers, 2,000 accounts …", d.dir)
	d.line("(Everybody's key lies in that folder, and is declared to be bound to hardware. In earnest each is with its owner.)")
	d.told("(The hour before each step is that of the evening of 2 November 2017. All other times are this machine's.)")
	args := []string{"init", "--try", "--origin", demoOrigin}
	for _, o := range demoOfficers {
		args = append(args, "--officer", o)
	}
	if c.Policy != "" {
		args = append(args, "--policy", c.Policy)
	}
	if r := d.run(ctx, d.dir, args...); r.code != cli.Done {
		return r.err
	}
	if d.living() { // the incident of a visitor says who is declared to hold the credential
		config := map[string]any{"holders": map[string]any{"platforms": map[string][]string{deskdir.ConnectorPlaza + "/" + nightShift: {"Ruben Castell, plaza's operator at night"}}}}
		if err := cli.WriteSecret(filepath.Join(d.dir, deskdir.Config), config); err != nil {
			return err
		}
	}
	// serve gives its answer when it runs; the demo gives its own at the end.
	ctx, end := context.WithCancel(ctx)
	defer end()
	d.ctx = ctx
	at := Addresses{Desk: c.Listen, Plaza: c.PlazaListen}
	visited := newVisited(d)
	if d.living() {
		at.Visited = visited
	}
	err = c.program.Serve(ctx, s, at, func(on Desk) error {
		d.on, d.desk = on, on.URL
		if err := d.seed(ctx); err != nil {
			return err
		}
		if d.living() {
			return visited.begin(ctx)
		}
		if err := d.play(ctx); err != nil {
			// The story broke off: that is an answer as well, and the answer is no.
			d.line("          ✗ %s", fault.TextOf(err))
		}
		if err := d.answer(); err != nil {
			return err
		}
		if c.Once {
			end()
			return nil
		}
		d.yourTurn()
		return nil
	})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	return err
}

// living reports whether the demo goes on by itself and is looked at in a browser.
func (d *demo) living() bool { return !d.command.Story && !d.command.Once }

// story is every step in its order, with the outcome that it must have.
var story = []demoStep{
	{Name: "report-in", Expected: "in"},
	{Name: "case-claimed-once", Expected: "claimed once"},
	{Name: "shift-handed-over", Expected: "handed over"},
	{Name: "decision-executed", Expected: "executed"},
	{Name: "own-affair-refused", Expected: "refused"},
	{Name: "audit-agrees", Expected: "agrees"},
	{Name: "last-day-refused", Expected: "refused"},
	{Name: "last-day-countersign-refused", Expected: "refused"},
	{Name: "same-vendor-countersign-refused", Expected: "refused"},
	{Name: "session-started", Expected: "started"},
	{Name: "standard-executed", Expected: "executed"},
	{Name: "session-refused-above-standard", Expected: "refused"},
	{Name: "session-revoked-void", Expected: "void"},
	{Name: "standard-undone", Expected: "reversed"},
	{Name: "labelled", Expected: "labelled"},
	{Name: "limited", Expected: "limited"},
	{Name: "layers-apart", Expected: "apart"},
	{Name: "critical-held", Expected: "held"},
	{Name: "critical-executed", Expected: "executed"},
	{Name: "plaza-shows-down", Expected: "shown"},
	{Name: "critical-undone", Expected: "reversed"},
	{Name: "plaza-shows-up", Expected: "shown"},
	{Name: "leaver-voids-warrant", Expected: "void"},
	{Name: "warrant-verified-offline", Expected: "verified"},
	{Name: "around-restored", Expected: "restored"},
	{Name: "around-attributed", Expected: "attributed"},
	{Name: "incident-exported", Expected: "exported"},
	{Name: "label-around-the-desk-reversed", Expected: "reversed"},
	{Name: "evening-audited", Expected: "agrees"},
	{Name: "desk-page-served", Expected: "served"},
}

// answer gives the demo's one answer. A step that was not played counts as failed.
func (d *demo) answer() error {
	for _, step := range story[len(d.steps):] {
		step.Outcome = "not played"
		d.steps = append(d.steps, step)
	}
	var failed []string
	for _, step := range d.steps {
		if !step.OK {
			failed = append(failed, step.Name)
		}
	}
	if len(failed) > 0 {
		d.session.End(cli.Refused)
		d.session.Say("%d of the demo's %d steps did not come out as they should: %s.", len(failed), len(story), strings.Join(failed, ", "))
	}
	size, err := d.on.Size(d.ctx)
	if err != nil {
		return err
	}
	if d.deleted {
		delete(d.said, "incident")
	}
	doc := demoAnswer{Steps: d.steps, WarrantVerified: d.verified, Ledger: demoLedger{Size: size, Origin: demoOrigin}, Incident: d.said["incident"]}
	return d.session.Answer(doc, func(*cli.Page) {})
}

// demo is one run of the demo.
type demo struct {
	ctx context.Context // of the whole run
	*cast
	session  *cli.Session
	command  *Demo
	agent    *sshAgent // of the person who works under a session
	on       Desk
	start    time.Time
	shift    time.Time // when the contractor's last day ends
	steps    []demoStep
	warrants []string // files of those that are kept
	verified bool
	deleted  bool                     // the folder is deleted at the end
	spam     string                   // the spammer's post: post/93
	setup    string                   // plaza's token that fills it
	world    []worldPost              // every post that plaza began with
	people   []string                 // identifiers of the accounts that plaza began with
	lastDays map[string]string        // of contractors
	bells    chan struct{}            // a visitor wants one more subject reported
	posts    []string                 // identifiers of the posts that are reported in the afternoon
	authors  []string                 // handles of their authors
	took     map[string]time.Duration // the times that the lines at the end quote
	said     map[string]string
}

// line writes a line of the story; with --json it writes nothing.
func (d *demo) line(format string, args ...any) {
	if !d.session.JSON {
		fmt.Fprintln(d.session.Stdout, prose.Sprintf(format, args...))
	}
}

// told writes a line of the story; the living demo gives one address alone.
func (d *demo) told(format string, args ...any) {
	if !d.living() {
		d.line(format, args...)
	}
}

// tell writes a line under the evening's clock, and gives time to read it.
func (d *demo) tell(format string, args ...any) {
	d.line("%s  %s", d.clock(), prose.Sprintf(format, args...))
	d.pause()
}

// clock is the time of the evening: the shift ends at eight.
func (d *demo) clock() string {
	left := time.Until(d.shift)
	return time.Date(2017, time.November, 2, 20, 0, 0, 0, time.UTC).Add(-left).Format("15:04:05")
}

// reading is the time that a line is left on a terminal for reading.
const reading = 2 * time.Second

func (d *demo) pause() {
	if d.command.Fast || d.command.Once || d.session.JSON || !d.session.Interactive {
		return
	}
	select {
	case <-time.After(reading):
	case <-d.ctx.Done():
	}
}

// step plays the story's next step, which has this name, and keeps its outcome.
func (d *demo) step(name string, play func() string) bool {
	s := story[len(d.steps)]
	if s.Name != name {
		panic("the demo plays " + name + " where its story has " + s.Name)
	}
	began := time.Now()
	s.Outcome = play()
	s.OK, s.MS = s.Outcome == s.Expected, time.Since(began).Milliseconds()
	d.steps = append(d.steps, s)
	if !s.OK {
		d.line("          ✗ %s: %s, and %s was expected", name, s.Outcome, s.Expected)
	}
	return s.OK
}
