package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"countersign.dev/fault"
)

// testGrammar is the commands of this package without those of the program.
type testGrammar struct {
	Global
	Commands
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// result is what a command did.
type result struct {
	code           int
	stdout, stderr string
}

// command runs one command in a folder of its own, without a desk.
func command(t *testing.T, dir string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	var g testGrammar
	p := Program{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Now: func() time.Time { return noon }, Version: "test",
		Rand: rand.NewChaCha8([32]byte{1}), Getenv: func(k string) string { return map[string]string{"COUNTERSIGN_DIR": dir}[k] }}
	code := Run(context.Background(), p, &g, &g.Global, args)
	return result{code, out.String(), errs.String()}
}

// object demands exactly one JSON object.
func object(t *testing.T, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	var doc map[string]any
	if err := d.Decode(&doc); err != nil {
		t.Fatalf("not a JSON object: %v\n%s", err, text)
	}
	if d.More() {
		t.Fatalf("more than one JSON value:\n%s", text)
	}
	return doc
}

// leaves lists every command of the grammar as its words.
func leaves(t *testing.T) []*kong.Node {
	t.Helper()
	var g testGrammar
	k, err := Parser(&g, &bytes.Buffer{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	return k.Model.Leaves(false)
}

func words(n *kong.Node) []string { return strings.Fields(n.FullPath())[1:] }

func TestEveryCommandHasHelp(t *testing.T) {
	for _, n := range leaves(t) {
		if n.Help == "" || !strings.HasSuffix(n.Help, ".") {
			t.Errorf("%v: its help %q is no sentence", words(n), n.Help)
		}
		for _, f := range n.Flags {
			if f.Name != "help" && (f.Help == "" || !strings.HasSuffix(strings.TrimSuffix(f.Help, ")"), ".")) {
				t.Errorf("%v --%s: its help %q is no sentence", words(n), f.Name, f.Help)
			}
		}
		for _, p := range n.Positional {
			if p.Help == "" {
				t.Errorf("%v %s: no help", words(n), p.Name)
			}
		}
		for _, asJSON := range []bool{false, true} {
			args := append(words(n), "--help")
			if asJSON {
				args = append(args, "--json")
			}
			r := command(t, t.TempDir(), args...)
			if r.code != Done || r.stderr != "" {
				t.Errorf("%v: exit %d, %q", args, r.code, r.stderr)
			}
			text := r.stdout
			if asJSON {
				text, _ = object(t, r.stdout)["help"].(string)
			}
			if !strings.Contains(text, "Usage: countersign "+strings.Join(words(n), " ")) {
				t.Errorf("%v: %q", args, text)
			}
		}
	}
}

// TestEveryCommandFailsInOneObject calls each command with arguments that it
// understands and without a desk, a key or a file.
func TestEveryCommandFailsInOneObject(t *testing.T) {
	offline := map[string]bool{"version": true, "policy check": true, "key make": true, "rule default": true, "queue default": true}
	for _, n := range leaves(t) {
		args := words(n)
		if offline[strings.Join(args, " ")] {
			continue
		}
		for _, p := range n.Positional {
			switch {
			case p.Name == "to":
				args = append(args, "critical")
			case p.Enum != "":
				args = append(args, strings.Split(p.Enum, ",")[0])
			case p.Name == "number":
				args = append(args, "1")
			case p.Name == "kind":
				args = append(args, "account.takedown")
			case p.Name == "number":
				args = append(args, "1")
			default:
				args = append(args, "req_000000000000000000000000000000")
			}
		}
		for _, f := range n.Flags {
			if f.Required && f.Name == "connector" {
				args = append(args, "--connector", "plaza")
			} else if f.Required && (f.Name == "last" || f.Name == "until") {
				args = append(args, "--"+f.Name, "24h")
			} else if f.Required && f.Enum != "" {
				args = append(args, "--"+f.Name, strings.Split(f.Enum, ",")[0])
			} else if f.Required && slices.Contains([]string{"rate", "percent", "rule"}, f.Name) {
				args = append(args, "--"+f.Name, "50")
			} else if f.Required {
				args = append(args, "--"+f.Name, "x")
			}
		}
		r := command(t, t.TempDir(), append(args, "--json")...)
		doc := object(t, r.stdout)
		problem, _ := doc["error"].(map[string]any)
		if problem == nil || problem["text"] == "" || problem["type"] == "" {
			t.Errorf("%v: %s", args, r.stdout)
			continue
		}
		if problem["type"] == "wrong-use" {
			t.Errorf("%v: the test does not know how to call it: %v", args, problem["text"])
		}
		if r.code != Wrong {
			t.Errorf("%v: exit %d, not %d: %s", args, r.code, Wrong, r.stdout)
		}
		if !strings.HasPrefix(r.stderr, "countersign: ") {
			t.Errorf("%v: says %q on the standard error", args, r.stderr)
		}
		if plain := command(t, t.TempDir(), args...); plain.stdout != "" || plain.code != Wrong {
			t.Errorf("%v: exit %d with %q on the standard output", args, plain.code, plain.stdout)
		}
	}
}

func TestWrongUse(t *testing.T) {
	for _, args := range [][]string{{"nothing"}, {"worker"}, {"worker", "end"}, {"version", "--colour"},
		{"action", "request", "account.takedown", "plaza:@x"}, {"subject", "tier", "plaza:@x", "highest", "--reason", "r"}} {
		r := command(t, t.TempDir(), args...)
		if r.code != Wrong || r.stdout != "" || !strings.Contains(r.stderr, "--help") {
			t.Errorf("%v: exit %d, out %q, err %q", args, r.code, r.stdout, r.stderr)
		}
		if doc := object(t, command(t, t.TempDir(), append(args, "--json")...).stdout); doc["error"] == nil {
			t.Errorf("%v --json: %v", args, doc)
		}
	}
}

func TestExitCodesAreComplete(t *testing.T) {
	for _, k := range fault.Kinds() {
		if _, ok := exitCodes[k]; !ok {
			t.Errorf("no exit code for %s", k)
		}
	}
	if len(exitCodes) != len(fault.Kinds()) {
		t.Errorf("%d exit codes for %d kinds", len(exitCodes), len(fault.Kinds()))
	}
	s := &Session{Program: Program{Stderr: &bytes.Buffer{}}, Global: &Global{}, stdout: &bytes.Buffer{}}
	for err, want := range map[error]int{
		errors.New("disk on fire"):                           CouldNot,
		fault.New(fault.Forbidden, "no", "No."):              Refused,
		fault.New(fault.Unavailable, "away", "Away."):        CouldNot,
		fault.New(fault.TooLarge, "large", "Large."):         Wrong,
		context.Canceled:                                     CouldNot,
		fault.New(fault.Unauthenticated, "bad-token", "Who"): Refused,
	} {
		if got := s.fail(err, ""); got != want {
			t.Errorf("%v: exit %d, not %d", err, got, want)
		}
	}
}

func TestVersion(t *testing.T) {
	r := command(t, t.TempDir(), "version", "--json")
	if doc := object(t, r.stdout); r.code != Done || doc["version"] != "test" || r.stderr != "" {
		t.Errorf("%+v", r)
	}
	if r := command(t, t.TempDir(), "version"); !strings.HasPrefix(r.stdout, "countersign test, go1.") {
		t.Errorf("%+v", r)
	}
}

func TestKeyMake(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "my.key")
	r := command(t, dir, "key", "make", path, "--worker", "ada", "--hardware", "--desk", "desk.example.com/ledger", "--json")
	if r.code != Done {
		t.Fatalf("%+v", r)
	}
	doc := object(t, r.stdout)
	if strings.Contains(r.stdout, "seed") || strings.Contains(r.stderr, "seed") {
		t.Error("the secret half was printed")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the key file: %v, %v", info, err)
	}
	k, err := ReadKey(path)
	if err != nil || string(k.Key) != doc["key"] || k.Worker != "ada" || !k.Hardware {
		t.Fatalf("read back %+v, %v", k, err)
	}
	public, err := ReadPublicKey(path + PublicSuffix)
	if err != nil || cmp.Diff(public, k.PublicKey()) != "" {
		t.Errorf("the public half: %v, %v", public, err)
	}
	secret, _ := os.ReadFile(path)
	for _, suffix := range []string{PublicSuffix, EnrolmentSuffix} {
		b, err := os.ReadFile(path + suffix)
		if err != nil || bytes.Contains(b, []byte(k.Seed)) || bytes.Equal(b, secret) {
			t.Errorf("%s: %v", suffix, err)
		}
	}
	if r := command(t, dir, "key", "make", path); r.code != Wrong {
		t.Errorf("a key was overwritten: %+v", r)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(secret, after) {
		t.Error("the key file changed")
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKey(path); !fault.Is(err, "key-exposed") {
		t.Errorf("a key that others may read: %v", err)
	}
}

func TestMoment(t *testing.T) {
	for given, want := range map[string]string{
		"2026-11-30T18:00:00Z":      "2026-11-30T18:00:00.000000Z",
		"2026-11-30T18:00:00+02:00": "2026-11-30T16:00:00.000000Z",
		"72h":                       "2026-11-26T12:00:00.000000Z",
		"3d":                        "2026-11-26T12:00:00.000000Z",
	} {
		m, err := parseMoment(given)
		if err != nil || m.from(noon).String() != want {
			t.Errorf("%s: %s, %v", given, m.from(noon), err)
		}
	}
	for _, bad := range []string{"", "tomorrow", "-3h", "0h", "3 d", "1e3d", "2026-11-30", "d"} {
		if m, err := parseMoment(bad); err == nil {
			t.Errorf("%q was read as %s", bad, m.from(noon))
		}
	}
}

func TestSettingsOrder(t *testing.T) {
	dir := t.TempDir()
	if err := WriteSecret(filepath.Join(dir, settingsFile), settings{URL: "http://file", Token: "file", Key: "file.key"}); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	session := func(g Global) settings {
		s := &Session{Program: Program{Getenv: func(k string) string { return env[k] }}, Global: &g}
		c, err := s.load()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := session(Global{Dir: dir}); c.URL != "http://file" || c.Token != "file" || c.Key != filepath.Join(dir, "file.key") {
		t.Errorf("from the file: %+v", c)
	}
	env["COUNTERSIGN_URL"], env["COUNTERSIGN_TOKEN"], env["COUNTERSIGN_KEY"] = "http://env/", "env", "env.key"
	if c := session(Global{Dir: dir}); c.URL != "http://env" || c.Token != "env" || c.Key != "env.key" {
		t.Errorf("from the environment: %+v", c)
	}
	if c := session(Global{Dir: dir, URL: "http://flag", Key: "flag.key"}); c.URL != "http://flag" || c.Key != "flag.key" || c.Token != "env" {
		t.Errorf("from flags: %+v", c)
	}
	if err := os.WriteFile(filepath.Join(dir, settingsFile), []byte(`{"tokn":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Session{Program: Program{Getenv: func(string) string { return "" }}, Global: &Global{Dir: dir}}
	if _, err := s.load(); !fault.Is(err, "bad-settings") {
		t.Errorf("an unknown member: %v", err)
	}
}

func TestNoColourUnlessAsked(t *testing.T) {
	p := &Page{}
	if p.Good("done") != "done" || p.Bad("no") != "no" {
		t.Error("colours where none were asked for")
	}
	p.color = true
	if !strings.Contains(p.Good("done"), "done") || p.Good("done") == "done" {
		t.Error("no colour where it was asked for")
	}
}

// TestBareCommands: the program alone shows its help; a group alone shows the group's, and is wrong use.
func TestBareCommands(t *testing.T) {
	r := command(t, t.TempDir())
	if r.code != Done || !strings.Contains(r.stdout, "Usage: countersign <command>") || r.stderr != "" {
		t.Errorf("countersign: %d\n%s\n%s", r.code, r.stdout, r.stderr)
	}
	r = command(t, t.TempDir(), "case")
	if r.code != Wrong || r.stdout != "" || !strings.Contains(r.stderr, "Usage: countersign case <command>") || !strings.Contains(r.stderr, "Name one of these commands of countersign case.") {
		t.Errorf("countersign case: %d\n%s\n%s", r.code, r.stdout, r.stderr)
	}
	r = command(t, t.TempDir(), "case", "--json")
	if doc := object(t, r.stdout); r.code != Wrong || doc["error"].(map[string]any)["type"] != "wrong-use" {
		t.Errorf("countersign case --json: %d %s", r.code, r.stdout)
	}
	r = command(t, t.TempDir(), "case", "show")
	if r.code != Wrong || strings.Contains(r.stderr, "Usage:") {
		t.Errorf("countersign case show: %d %s", r.code, r.stderr)
	}
}

// TestGuesses: what the parser believes that was meant is told if it begins as what was typed.
func TestGuesses(t *testing.T) {
	for said, want := range map[string]string{
		`unknown flag --yes, did you mean "--key"?`:                     "Unknown flag --yes.",
		`unknown flag --reson, did you mean "--reason"?`:                `Unknown flag --reson, did you mean "--reason"?`,
		`unexpected argument cass, did you mean one of "case", "pass"?`: `Unexpected argument cass, did you mean one of "case", "pass"?`,
		`missing flags: --reason=STRING`:                                "Missing flags: --reason=STRING.",
	} {
		if got := misused(said); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
