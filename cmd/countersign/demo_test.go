package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/cli"
	"countersign.dev/deskdir"
	"countersign.dev/test/testenv"
)

// TestSecondReaderOfTheDemo: the warrants that the demo keeps, one of them signed by a
// session, hold for the second reader as well. A warrant under another entry 0 does not.
func TestSecondReaderOfTheDemo(t *testing.T) {
	python := testenv.Python(t)
	dir := filepath.Join(t.TempDir(), "evening")
	demo := exec.CommandContext(t.Context(), "countersign", "demo", "--once", "--json", "--dir", dir, "--listen", "127.0.0.1:0", "--plaza-listen", "127.0.0.1:0")
	if out, err := demo.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	root, err := cli.ReadFile(filepath.Join(dir, deskdir.Trust, "root"), 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	warrants, err := filepath.Glob(filepath.Join(dir, "*.warrant"))
	if err != nil || len(warrants) != 2 {
		t.Fatalf("the demo keeps the warrants %q, %v", warrants, err)
	}
	read := func(root string) (string, error) {
		args := append([]string{filepath.Join("..", "..", "test", "reader", "warrant.py"), "--root", root}, warrants...)
		out, err := exec.CommandContext(t.Context(), python, args...).CombinedOutput()
		return string(out), err
	}
	out, err := read(strings.TrimSpace(string(root)))
	if err != nil || strings.Count(out, `"ok": true, "version": "countersign/warrant/v2"`) != len(warrants) {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := read("sha256:" + strings.Repeat("0", 64)); err == nil {
		t.Errorf("they hold under another entry 0: %s", out)
	}
}
