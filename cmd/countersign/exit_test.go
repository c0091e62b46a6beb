package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"countersign.dev/cli"
	"countersign.dev/fault"
)

// exitTable reads the table of doc/operating.md that says how commands end.
func exitTable(t *testing.T) map[string]int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "doc", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(b), "## How commands end")
	part, _, _ = strings.Cut(part, "\n## ")
	table := map[string]int{}
	for _, row := range regexp.MustCompile(`(?m)^\| (\d) \| ([a-z, -]+) \|`).FindAllStringSubmatch(part, -1) {
		code, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		for kind := range strings.SplitSeq(row[2], ", ") {
			table[kind] = code
		}
	}
	return table
}

// TestExitTable: the table knows every kind of failure.
func TestExitTable(t *testing.T) {
	table := exitTable(t)
	for _, k := range fault.Kinds() {
		if table[k.String()] == cli.Done {
			t.Errorf("the table in operating.md does not say how a failure of kind %s ends", k)
		}
	}
}

// TestCommandsEndAsTheTableSays runs every command where it must fail: with a flag that
// there is not, in a folder that holds nothing, and with a desk that does not answer.
func TestCommandsEndAsTheTableSays(t *testing.T) {
	table := exitTable(t)
	leaves := model(t).Leaves(true)
	t.Chdir(t.TempDir())
	for _, key := range []string{"COUNTERSIGN_URL", "COUNTERSIGN_KEY", "COUNTERSIGN_TOKEN", "COUNTERSIGN_DIR"} {
		t.Setenv(key, "")
	}
	k, err := cli.MakeKey(program().Rand, "ann", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := cli.WriteKey("ann.key", k); err != nil {
		t.Fatal(err)
	}
	desk := map[string]string{"url": "http://127.0.0.1:1", "token": "csgn_x", "key": "ann.key", "worker": "ann", "origin": "desk.example.com/ledger"}
	if err := cli.WriteSecret(filepath.Join("away", "client.json"), desk); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, n := range leaves {
		name := strings.TrimPrefix(n.FullPath(), "countersign ")
		if name == "demo" || strings.HasPrefix(name, "replay") {
			continue // they found desks of their own
		}
		words := strings.Fields(name)
		for what, args := range map[string][]string{
			"an unknown flag": append(fill(n, words), "--no-such-flag"),
			"an empty folder": append(fill(n, words), "--dir", "empty"),
			"a silent desk":   append(fill(n, words), "--dir", "away"),
		} {
			var out, errs bytes.Buffer
			var g grammar
			p := program()
			p.Stdin, p.Stdout, p.Stderr, p.Interactive = strings.NewReader(""), &out, &errs, false
			code := cli.Run(t.Context(), p, &g, &g.Global, append(args, "--json"))
			var doc struct {
				OK    *bool
				Error *struct{ Kind, Type string }
			}
			if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
				t.Errorf("%v, with %s: %v: %s", args, what, err, out.String())
				continue
			}
			switch {
			case doc.Error == nil && code == cli.Done && what != "an unknown flag": // it needs none of these
			case doc.Error == nil && code == cli.Refused && doc.OK != nil && !*doc.OK: // it judged the file that it was given
			case doc.Error == nil || table[doc.Error.Kind] != code:
				t.Errorf("%v, with %s, ends with %d: %s", args, what, code, out.String())
			case doc.Error.Kind == fault.Internal.String():
				t.Errorf("%v, with %s, says nothing of use: %s", args, what, out.String())
			default:
				failed++
			}
		}
	}
	if failed < 200 {
		t.Errorf("only %d commands failed", failed)
	}
}

// fill returns a command with its required arguments.
func fill(n *kong.Node, words []string) []string {
	args := append([]string{}, words...)
	value := func(v *kong.Value) string {
		if v.Enum != "" {
			return strings.Split(strings.Trim(v.Enum, ","), ",")[0]
		}
		switch v.Target.Kind().String() {
		case "int", "int64":
			return "1"
		}
		switch v.Target.Type().Name() {
		case "moment", "Duration":
			return "3h"
		}
		return "plaza:acct.1"
	}
	for _, p := range n.Positional {
		if p.Required {
			args = append(args, value(p))
		}
	}
	for _, f := range own(n.Flags) {
		if f.Required {
			args = append(args, "--"+f.Name, value(f.Value))
		}
	}
	return args
}
