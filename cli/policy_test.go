package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPolicyCheck(t *testing.T) {
	dir := t.TempDir()
	if r := command(t, dir, "policy", "check", "--json"); r.code != Done || object(t, r.stdout)["ok"] != true {
		t.Fatalf("the built-in set: %+v", r)
	}
	set := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(set, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("extra.cedar", "permit (principal, action, resource")
	r := command(t, dir, "policy", "check", set, "--json")
	doc := object(t, r.stdout)
	if problems, _ := doc["problems"].([]any); r.code != Refused || doc["ok"] != false || len(problems) == 0 {
		t.Errorf("a set that does not parse: %+v", r)
	}
	write("extra.cedar", "permit \xff")
	if r := command(t, dir, "policy", "check", set); r.code != Wrong || !strings.Contains(r.stderr, "extra.cedar") || !strings.Contains(r.stderr, "UTF-8") {
		t.Errorf("a file that is no text: %+v", r)
	}
	if r := command(t, dir, "policy", "check", t.TempDir()); r.code != Wrong {
		t.Errorf("an empty folder: %+v", r)
	}
	write("extra.cedar", "@id(\"mine\")\n@reason(\"It is mine and nobody else may have it.\")\nforbid (principal, action == Action::\"account.delete\", resource);\n")
	if r := command(t, dir, "policy", "check", set); r.code != Done {
		t.Errorf("a set with one more policy: %+v", r)
	}
	if r := command(t, dir, "policy", "check", set, "--whole"); r.code != Refused {
		t.Errorf("one forbid alone is a set that nobody can change: %+v", r)
	}
}
