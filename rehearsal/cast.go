package rehearsal

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
)

// cast is the people of a played desk: each has a folder with key and token, as if on a
// machine of their own, and does everything by the commands of this program.
type cast struct {
	program  Program
	dir      string // the desk's folder; people have theirs in it
	origin   string
	desk     string   // its address, once it serves
	officers []string // the founders by init --try; their keys are in DIR/keys

	environment map[string]map[string]string // of people, by their folder; nobody else has any variable
}

func (c *cast) home(worker string) string { return filepath.Join(c.dir, "people", worker) }

// as runs a command as a worker.
func (c *cast) as(ctx context.Context, worker string, args ...string) result {
	return c.run(ctx, c.home(worker), args...)
}

// signIn gives people a folder with their settings and a token of the desk.
func (c *cast) signIn(ctx context.Context, workers []string, key func(string) string) error {
	for _, w := range workers {
		r := c.run(ctx, c.home(w), "token", "create", "--save", "--worker", w, "--name", "demo", "--url", c.desk, "--key", key(w))
		if r.code != cli.Done {
			return r.err
		}
	}
	return nil
}

// decide makes the first officer request a change of the desk, and the others countersign
// it until it is applied.
func (c *cast) decide(ctx context.Context, args ...string) error {
	r := c.as(ctx, c.officers[0], args...)
	for _, officer := range c.officers[1:] {
		if r.code != cli.Done || r.member("status") != "held" {
			break
		}
		r = c.as(ctx, officer, "action", "countersign", r.member("id"))
	}
	if r.code == cli.Done && r.member("status") != "executed" {
		return fault.New(fault.Unavailable, "play-failed", "The play could not go on: countersign %s is %s: %s", strings.Join(args, " "), r.outcome(), r.member("missing"))
	}
	return r.err
}

// giveKeys makes people make keys, officers enrol them, and people sign in.
func (c *cast) giveKeys(ctx context.Context, workers ...string) error {
	key := func(w string) string { return filepath.Join(c.home(w), "my.key") }
	enrol := []string{"key", "enroll", "--reason", "first keys"}
	for _, w := range workers {
		r := c.run(ctx, c.home(w), "key", "make", key(w), "--worker", w, "--hardware", "--url", c.desk)
		if r.code != cli.Done {
			return r.err
		}
		enrol = append(enrol, key(w)+cli.EnrolmentSuffix)
	}
	if err := c.decide(ctx, enrol...); err != nil {
		return err
	}
	return c.signIn(ctx, workers, key)
}

// result is the answer of a command of this program.
type result struct {
	code   int
	doc    jsontext.Value
	stderr string
	err    error // for commands that must not fail
	took   time.Duration
}

// run runs one command of this program, as if typed, with a folder as DIR.
func (c *cast) run(ctx context.Context, dir string, args ...string) result {
	var stdout, stderr bytes.Buffer
	p := c.program.Process()
	p.Stdin, p.Stdout, p.Stderr, p.Interactive, p.Color = strings.NewReader(""), &stdout, &stderr, false, false
	p.Getenv = func(name string) string { return c.environment[dir][name] }
	args = append([]string{"--json", "--dir", dir}, args...)
	if c.asks(args) {
		args = append(args, "--yes") // there is no person to ask
	}
	g, global := c.program.Grammar()
	began := time.Now()
	r := result{code: cli.Run(ctx, p, g, global, args)}
	r.took, r.doc, r.stderr = time.Since(began), stdout.Bytes(), stderr.String()
	if r.code != cli.Done {
		r.err = fault.New(fault.Unavailable, "play-failed", "The play could not go on: countersign %s: %s", strings.Join(args, " "), strings.TrimSpace(r.stderr))
	}
	return r
}

// asks reports whether a command asks before it signs, which shows by its flag --yes.
func (c *cast) asks(args []string) bool {
	g, _ := c.program.Grammar()
	parser, err := cli.Parser(g, io.Discard, io.Discard)
	if err != nil {
		return false // the command itself says what is wrong
	}
	parsed, err := parser.Parse(args)
	if err != nil || parsed.Selected() == nil {
		return false
	}
	for _, f := range parsed.Selected().Flags {
		if f.Name == "yes" {
			return true
		}
	}
	return false
}

// member reads a member of the answer: "status", "error.kind".
func (r result) member(path string) string {
	doc := r.doc
	for name := range strings.SplitSeq(path, ".") {
		var members map[string]jsontext.Value
		if json.Unmarshal(doc, &members) != nil {
			return ""
		}
		doc = members[name]
	}
	var text string
	if json.Unmarshal(doc, &text) != nil {
		return ""
	}
	return text
}

// outcome is the outcome of an act, from the desk's answer alone.
func (r result) outcome() string {
	switch {
	case r.code == cli.Refused && r.member("error.kind") == fault.Forbidden.String():
		return "refused"
	case r.member("status") != "":
		return r.member("status")
	default:
		return "could not: " + r.member("error.type")
	}
}

// token is somebody's token of the desk.
func (c *cast) token(worker string) (string, error) {
	var settings struct {
		Token string `json:"token"`
	}
	err := readMember(filepath.Join(c.home(worker), "client.json"), &settings)
	return settings.Token, err
}

// placeOrder has the officers place a standing order.
func (c *cast) placeOrder(ctx context.Context, o actions.Order) error {
	change, err := canonical.Marshal(actions.Setting{Of: actions.PartOrders, Order: &o})
	if err != nil {
		return err
	}
	var r v1.Request
	for n, officer := range c.officers {
		key, err := cli.ReadKey(filepath.Join(c.dir, deskdir.Keys, officer+".key"))
		if err != nil {
			return err
		}
		token, err := c.token(officer)
		if err != nil {
			return err
		}
		i, err := newInsider(c.desk, key, token)
		if err != nil {
			return err
		}
		defer i.close()
		if n == 0 {
			r, _, err = i.ask(ctx, v1.Wish{Kind: actions.DeskChange, Change: change, Reason: "restore what nobody ordered"})
		} else if r.Status == actions.StatusHeld {
			r, err = i.countersign(ctx, r.ID)
		}
		if err != nil {
			return err
		}
	}
	if r.Status != actions.StatusExecuted {
		return fault.New(fault.Unavailable, "play-failed", "The standing order is %s: %s", r.Status, r.Missing)
	}
	return nil
}
