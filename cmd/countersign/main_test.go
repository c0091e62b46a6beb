package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"countersign.dev/cli"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
)

var update = flag.Bool("update", false, "write commands.md anew")

const reference = "commands.md"

func model(t *testing.T) *kong.Application {
	t.Helper()
	k, err := cli.Parser(newGrammar(), &bytes.Buffer{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	return k.Model
}

// TestReference holds commands.md to the commands: every one of them, with every
// argument and flag, in the words of its own help.
func TestReference(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Commands\n\nWritten from the program by `go test ./cmd/countersign -run TestReference -update`; `--help` says the same.\n\n" +
		"Every command takes these flags:\n\n")
	app := model(t)
	writeFlags(&b, app.Flags)
	b.WriteString("\nExit codes: 0 done, or held for others; 1 the answer is no; 2 wrong use or bad input; 3 could not.\n")
	for _, n := range app.Leaves(true) {
		fmt.Fprintf(&b, "\n## %s\n\n", strings.TrimPrefix(n.FullPath(), "countersign "))
		fmt.Fprintf(&b, "    %s\n\n%s\n", n.Summary(), n.Help)
		if n.Detail != "" {
			fmt.Fprintf(&b, "\n%s\n", n.Detail)
		}
		if len(n.Positional)+len(own(n.Flags)) > 0 {
			b.WriteString("\n")
		}
		for _, p := range n.Positional {
			fmt.Fprintf(&b, "- `%s`: %s\n", p.Summary(), p.Help)
		}
		writeFlags(&b, own(n.Flags))
	}
	if *update {
		if err := os.WriteFile(reference, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(reference)
	if err != nil || string(have) != b.String() {
		t.Errorf("%s is not what the commands say (%v); run this test with -update", reference, err)
	}
}

func own(flags []*kong.Flag) []*kong.Flag {
	var out []*kong.Flag
	for _, f := range flags {
		if f.Name != "help" && !f.Hidden {
			out = append(out, f)
		}
	}
	return out
}

func writeFlags(b *strings.Builder, flags []*kong.Flag) {
	for _, f := range own(flags) {
		fmt.Fprintf(b, "- `%s`: %s\n", f.String(), f.Help)
	}
}

// TestHelpOfServerCommands looks at those that package cli does not have.
func TestHelpOfServerCommands(t *testing.T) {
	for _, n := range model(t).Leaves(false) {
		words := strings.Fields(n.FullPath())[1:]
		if n.Help == "" || !strings.HasSuffix(n.Help, ".") {
			t.Errorf("%v: its help %q is no sentence", words, n.Help)
		}
		for _, f := range own(n.Flags) {
			if f.Help == "" {
				t.Errorf("%v --%s has no help", words, f.Name)
			}
		}
		var out, errs bytes.Buffer
		var g grammar
		p := program()
		p.Stdout, p.Stderr = &out, &errs
		code := cli.Run(context.Background(), p, &g, &g.Global, append(words, "--help", "--json"))
		var doc struct{ Help string }
		if err := json.Unmarshal(out.Bytes(), &doc); code != cli.Done || err != nil || errs.Len() > 0 || !strings.Contains(doc.Help, n.Help[:10]) {
			t.Errorf("%v --help --json: exit %d, %v, %s%s", words, code, err, out.String(), errs.String())
		}
	}
}

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	if c, err := readConfig(dir); err != nil || c.Listen != "" || c.Plaza.Off {
		t.Errorf("without a file: %+v, %v", c, err)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, deskdir.Config), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"listen":"127.0.0.1:7500","plaza":{"off":true},"executor":{"address":"unix:/x"}}`)
	if c, err := readConfig(dir); err != nil || c.Listen != "127.0.0.1:7500" || !c.Plaza.Off || c.Executor.Address != "unix:/x" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []string{`{"lisen":"x"}`, `{"plaza":{"of":true}}`, `{`, `[]`, `{"listen":1}`} {
		write(bad)
		if _, err := readConfig(dir); !fault.Is(err, "bad-config") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestPlatformsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), deskdir.Platforms)
	if ps, err := deskdir.ReadPlatforms(path); err != nil || len(ps) != 0 {
		t.Errorf("without a file: %v, %v", ps, err)
	}
	for _, bad := range []string{`{}`, `[{"name":"a"}]`, `[{"name":"a","connector":"x","url":"http://127.0.0.1:1","token":"secret"}]`,
		`[{"name":"a","connector":"plaza","url":"u","token":"secret","more":1}]`,
		`[{"name":"a","connector":"plaza","url":"u","token":"secret"},{"name":"a","connector":"plaza","url":"u","token":"secret"}]`} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := deskdir.ReadPlatforms(path)
		if !fault.Is(err, "bad-platforms") {
			t.Errorf("%s: %v", bad, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells a credential: %v", err)
		}
	}
}

func TestTogether(t *testing.T) {
	broke := fault.New(fault.Unavailable, "broke", "It broke.")
	stopped := make(chan struct{})
	err := together(t.Context(), func(context.Context) error { return broke }, func(ctx context.Context) error {
		<-ctx.Done()
		close(stopped)
		return ctx.Err()
	})
	<-stopped
	if !fault.Is(err, "broke") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := together(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }); err != nil {
		t.Errorf("an end that was asked for: %v", err)
	}
}

func TestSocketFolder(t *testing.T) {
	if got, end, err := socketFolder("/short"); got != "/short" || err != nil || end() != nil {
		t.Errorf("%s, %v", got, err)
	}
	long := "/" + strings.Repeat("long", 40)
	got, end, err := socketFolder(long)
	if err != nil || len(filepath.Join(got, deskdir.ExecutorSocket)) > 107 {
		t.Fatalf("%s, %v", got, err)
	}
	if err := end(); err != nil || exists(got) {
		t.Errorf("%s was left behind: %v", got, err)
	}
}

// TestTwoOfficers: no set that is made for two officers asks for a third person.
func TestTwoOfficers(t *testing.T) {
	files, err := (&initOpen{}).policySet(2)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		for _, m := range independentSlots.FindAllStringSubmatch(text, -1) {
			if m[1] != "1" {
				t.Errorf("%s holds for %s independent people", name, m[1])
			}
		}
	}
	three, err := (&initOpen{}).policySet(3)
	if err != nil || !strings.Contains(three["desk.cedar"], "2 independent") {
		t.Errorf("the set for three officers was weakened: %v", err)
	}
}
