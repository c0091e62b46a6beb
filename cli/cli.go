// Package cli is the command line of a desk: one command a noun and a verb, one file for
// each noun.
//
// It works for the worker, and trusts the desk with nothing that it can check itself: it
// compares a draft that the desk writes with the worker's wish and shows it in words
// before the worker's key signs it; it verifies a warrant and a ledger with ledger/proof
// and ledger; it compiles a policy set.
//
// It promises that every command answers with exactly one JSON object on the standard
// output if --json is given, and writes everything else to the standard error; and that
// the exit code tells the outcome: see Done and the others.
package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/go-json-experiment/json"

	"countersign.dev/fault"
	"countersign.dev/policy"
)

// Exit codes.
const (
	Done     = 0 // done, or held and still on its way
	Refused  = 1 // the answer is no
	Wrong    = 2 // wrong use, or bad input
	CouldNot = 3 // no answer: something is not there, or broke
)

// Program holds what a command uses of its process.
type Program struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Now            func() time.Time
	Rand           io.Reader
	HTTP           *http.Client // nil: one with a time limit
	// DialExecutor and FindExecutor reach an executor without the desk: by its address and
	// token, and by the folder of its desk. Nil: it cannot be reached.
	DialExecutor func(address, token string) Executor
	FindExecutor func(dir string) (address, token string, err error)
	// InMemory reports whether a folder's files lie in memory alone, as on tmpfs, so that a
	// secret in them is gone with the machine's power. Nil: none does.
	InMemory func(dir string) (bool, error)
	Version  string
	// Interactive says that a person is there who can answer questions. It is so only if
	// both Stdin and Stderr are a terminal. Otherwise nothing is signed without --yes.
	Interactive bool
	// Color says that the output is a terminal that shows colours.
	Color bool
}

// Global are the flags of every command.
type Global struct {
	JSON bool   `name:"json" help:"Answer with one JSON object on the standard output; all else goes to the standard error."`
	Dir  string `name:"dir" placeholder:"DIR" help:"The folder of this desk, or of your settings (client.json). COUNTERSIGN_DIR; default: the present folder."`
	URL  string `name:"url" placeholder:"URL" help:"Address of the desk. COUNTERSIGN_URL, or url in DIR/client.json."`
	Key  string `name:"key" placeholder:"FILE" help:"Your key file. COUNTERSIGN_KEY, or key in DIR/client.json."`
}

// Commands are the commands that need a desk, or nothing but files.
type Commands struct {
	Vendor    vendorCommands    `cmd:"" help:"Companies that supply workers."`
	Worker    workerCommands    `cmd:"" help:"People at the desk: import, look up, extend, end."`
	Key       keyCommands       `cmd:"" help:"Keys that people sign with."`
	Invite    inviteCommands    `cmd:"" help:"Invite people to make a passkey in a browser."`
	Token     tokenCommands     `cmd:"" help:"Tokens by which the desk knows who is asking."`
	Login     loginCommand      `cmd:"" help:"Sign in at a browser with a key file."`
	Look      lookCommands      `cmd:"" help:"Second looks: verdicts that were judged again, and what follows where two differ."`
	Calibrate calibrateCommands `cmd:"" help:"Calibrations: several people judge the same decided cases without knowing it."`
	Presence  presenceCommands  `cmd:"" help:"Where you are: on, on a break, in training, in a meeting or away."`
	Inbox     inboxCommand      `cmd:"" help:"What the desk tells you: sessions, copies of your signatures, what waits for you."`
	Channel   channelCommands   `cmd:"" help:"Where the desk sends your messages besides the inbox."`
	Program   programCommands   `cmd:"" help:"Programs that bring reports in."`
	Session   sessionCommands   `cmd:"" help:"Sessions: one signature of your own key for a day's standard work."`
	Platform  platformCommands  `cmd:"" help:"Connected platforms, and a check of any platform's server."`
	Report    reportCommands    `cmd:"" help:"What was reported: add a finding of your own, hand in a file, look one up."`
	Case      caseCommands      `cmd:"" help:"Cases: take the next one, decide it, hand it on."`
	Subject   subjectCommands   `cmd:"" help:"Accounts and content: how they are, how protected they are."`
	Exposure  exposureCommand   `cmd:"" help:"Who could do what to whom: alone, together, and who could countersign."`
	Action    actionCommands    `cmd:"" help:"Request an act, sign or decline another's, take one back."`
	Emergency emergencyCommand  `cmd:"" help:"Take an account down at once and alone; it comes back by itself unless that is countersigned."`
	Review    reviewCommands    `cmd:"" help:"Reviews of emergency acts."`
	Freeze    freezeCommands    `cmd:"" help:"Stop burdening acts at once: of a worker, a vendor, on a platform, or all."`
	Thaw      thawCommands      `cmd:"" help:"Let frozen acts go on. Several must sign."`
	Order     orderCommands     `cmd:"" help:"Standing orders: what the executor restores by itself after a breach."`
	Mode      modeCommands      `cmd:"" help:"Observe or enforce, for each tier of a platform."`
	Lock      lockCommands      `cmd:"" help:"Owners' locks."`
	Laws      lawsCommands      `cmd:"" help:"Which rules the desk is judged by."`
	Formats   formatsCommands   `cmd:"" help:"In which formats the desk signs."`
	Status    statusCommand     `cmd:"" help:"The state of the desk on one screen, with everything that needs a person."`
	Watch     watchCommand      `cmd:"" help:"The state of each platform's watch, and what it sees."`
	Incident  incidentCommands  `cmd:"" help:"Breaches and contested acts: what happened, who, and the review."`
	Alarm     alarmCommands     `cmd:"" help:"Alarms: what people have to know at once."`
	Warrant   warrantCommands   `cmd:"" help:"Proofs that an act was authorised."`
	Promise   promiseCommands   `cmd:"" help:"Promises of the desk: what was acknowledged is in the ledger by a time."`
	Audit     auditCommand      `cmd:"" help:"Check that every act of a person in the ledger is signed, and recount the documents."`
	Ledger    ledgerCommands    `cmd:"" help:"The desk's ledger: read it, verify it, keep a copy."`
	Policy    policyCommands    `cmd:"" help:"The rules: check a set offline, propose one, see the one in force."`
	Rule      ruleCommands      `cmd:"" help:"The rules of the community: see them, check a set, propose one."`
	Queue     queueCommands     `cmd:"" help:"The queues in which cases wait: see them, check a set, propose one."`
	Hashlist  hashlistCommands  `cmd:"" help:"Lists of hashes: what is removed from evidence."`
	Budget    budgetCommands    `cmd:"" help:"How many acts a worker and a vendor may do in an hour and a day."`
	Site      siteCommands      `cmd:"" help:"The site to which passkeys are bound, and the pages on which they sign."`
	Version   versionCommand    `cmd:"" help:"Say which build this is."`
}

// exit unwinds to Run when kong wants to end the process.
type exit int

// Parser returns a parser of a grammar: a struct that embeds Global and Commands
// and may have further commands.
func Parser(grammar any, stdout, stderr io.Writer, o ...kong.Option) (*kong.Kong, error) {
	return kong.New(grammar, append([]kong.Option{
		kong.Name("countersign"),
		kong.Description("No one takes an account down alone. The desk between those who work on a platform and its live accounts."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: false, WrapUpperBound: 100}),
		kong.TypeMapper(typeOfMoment, kong.MapperFunc(readMoment)),
	}, o...)...)
}

// Run carries out one command and returns the exit code. global is the Global that
// grammar embeds.
func Run(ctx context.Context, p Program, grammar any, global *Global, args []string) (code int) {
	wantJSON := slices.Contains(args, "--json")
	var help bytes.Buffer
	s := &Session{Program: p, Global: global, stdout: p.Stdout}
	parser, err := Parser(grammar, &help, p.Stderr)
	if err != nil {
		fmt.Fprintf(p.Stderr, "countersign: %v\n", err)
		return CouldNot
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exit: // --help
			code = int(r)
			if err := printHelp(p.Stdout, help.String(), wantJSON); err != nil {
				code = CouldNot
			}
		default:
			panic(r)
		}
	}()
	parsed, err := parser.Parse(args)
	if err != nil {
		global.JSON = wantJSON
		if code, ok := s.showGroup(err, &help, len(args) == 0); ok {
			return code
		}
		return s.fail(fault.New(fault.Invalid, "wrong-use", "%s", misused(err.Error())), "Add --help to see how a command is used.")
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(s); err != nil {
		s.lapsed(ctx, err)
		hint := ""
		if fault.Is(err, "unreachable") {
			hint = s.hint
		}
		return s.fail(err, hint)
	}
	return s.code
}

func printHelp(w io.Writer, text string, asJSON bool) error {
	if !asJSON {
		_, err := io.WriteString(w, text)
		return err
	}
	b, err := json.Marshal(struct {
		Help string `json:"help"`
	}{text})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}

// showGroup shows the help of a group of commands where none of them was named, and of the whole
// program where nothing was said at all. The latter asks for help; the former is wrong use.
func (s *Session) showGroup(err error, help *bytes.Buffer, bare bool) (code int, ok bool) {
	var parse *kong.ParseError
	if !errors.As(err, &parse) || !strings.HasPrefix(err.Error(), "expected ") {
		return 0, false
	}
	node := parse.Context.Selected()
	if bare {
		node = parse.Context.Model.Node
	}
	if node == nil || len(node.Children) == 0 || s.Global.JSON && !bare || parse.Context.PrintUsage(false) != nil {
		return 0, false
	}
	if bare {
		if printHelp(s.Stdout, help.String(), s.Global.JSON) != nil {
			return CouldNot, true
		}
		return Done, true
	}
	fmt.Fprintf(s.Stderr, "%s\ncountersign: Name one of these commands of %s.\n", strings.TrimRight(help.String(), "\n"), node.FullPath())
	return Wrong, true
}

// guess is what the parser believes that was meant, at the end of its errors.
var guess = regexp.MustCompile(`^(unknown flag|unexpected argument) (-*)(\S+), did you mean (?:one of )?"-*(\S)\S*"(?:, .*)?\?$`)

// misused writes an error of the parser as a sentence. A guess that does not even begin as what was
// typed is left out: short words are all alike.
func misused(text string) string {
	if m := guess.FindStringSubmatch(text); m != nil && !strings.HasPrefix(m[3], m[4]) {
		text, _, _ = strings.Cut(text, ", did you mean ")
	}
	if text = sentence(text); strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

func sentence(s string) string {
	s = strings.TrimRight(s, ".")
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// exitCodes gives the exit code for each kind of fault. A test proves it complete.
var exitCodes = map[fault.Kind]int{
	fault.Internal:        CouldNot,
	fault.Invalid:         Wrong,
	fault.Unauthenticated: Refused,
	fault.Forbidden:       Refused,
	fault.NotFound:        Refused,
	fault.Conflict:        Refused,
	fault.Expired:         Refused,
	fault.Exhausted:       Refused,
	fault.TooLarge:        Wrong,
	fault.Unsupported:     Refused,
	fault.Unavailable:     CouldNot,
}

// next adds to a fault, by its type, what a person may do on the command line, which the
// fault's own text cannot know.
var next = map[string]string{
	"unauthenticated":  "Sign in: countersign token create --worker YOU --key FILE --save",
	"bad-token":        "Sign in again: countersign token create --worker YOU --key FILE --save",
	"no-token":         "Sign in: countersign token create --worker YOU --key FILE --save",
	"unreachable":      "Is the desk running? Start it with: countersign serve --dir DIR",
	"governance-moved": "Somebody changed the desk in the meantime. Look again, then repeat the command.",
	"unknown-key":      "See which keys are enrolled: countersign key list",
	"foreign-desk":     "Compare trust/root with the one that the desk's officers published.",
	"not-reviewed":     "People who had no part in it look into it and close its review: `countersign review close emergency REQUEST --findings FILE --involved WORKER --reason WHY`",
	"no-such-vendor":   "Add the vendor first: countersign vendor add ID --name NAME --reason WHY",
}

// fail reports an error and returns the exit code.
func (s *Session) fail(err error, hint string) int {
	f := fault.As(err)
	kind, typ, text := fault.Internal, "internal", err.Error()
	var details []fault.Detail
	if f != nil && f.Kind != fault.Internal {
		kind, typ, text, details = f.Kind, f.Type, f.Text, f.Detail
	}
	if errors.Is(err, context.Canceled) {
		kind, typ, text = fault.Unavailable, "interrupted", "Interrupted."
	}
	if hint == "" {
		hint = next[typ]
	}
	if typ == "token-missing" { // the desk's own text speaks of HTTP
		text = "You are not signed in here. Sign in: countersign token create --save, or give --dir FOLDER of the folder where you did."
	}
	s.Say("countersign: %s", text)
	for _, d := range details {
		if d.Text != text {
			s.Say("  %s: %s", d.At, d.Text)
		}
		if d.At == policy.LawNothing && d.Text != policy.NobodyWarns && hint == "" {
			hint = "Somebody of another role, tier of work or company may do it: `countersign policy show` has the rules, and `countersign action show REQUEST` says what a request still needs."
		}
	}
	if hint != "" {
		s.Say("%s", hint)
	}
	if s.Global.JSON && !s.answered {
		doc := failure{Error: problem{Kind: kind.String(), Type: typ, Text: text, Details: []problemDetail{}, Next: hint}}
		for _, d := range details {
			doc.Error.Details = append(doc.Error.Details, problemDetail(d))
		}
		if err := s.Answer(doc, nil); err != nil {
			return CouldNot
		}
	}
	return exitCodes[kind]
}

// failure is the one JSON object of a command that failed.
type failure struct {
	Error problem `json:"error"`
}

type problem struct {
	Kind    string          `json:"kind"`
	Type    string          `json:"type"`
	Text    string          `json:"text"`
	Details []problemDetail `json:"details"`
	Next    string          `json:"next"`
}

type problemDetail struct {
	At   string `json:"at"`
	Text string `json:"text"`
}
