package web

import (
	"bytes"
	"flag"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/a-h/templ/generator"
	"github.com/a-h/templ/parser/v2"
)

var update = flag.Bool("update", false, "write the generated files anew")

// TestGenerated: each template's Go file is what templ makes of the template. To write them anew:
//
//	go test ./web -run TestGenerated -update
func TestGenerated(t *testing.T) {
	all, err := filepath.Glob("*.templ")
	if err != nil || len(all) == 0 {
		t.Fatalf("templates: %v, %v", all, err)
	}
	for _, name := range all {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseString(string(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var b bytes.Buffer
		if _, err := generator.Generate(parsed, &b, generator.WithVersion(templVersion(t)), generator.WithFileName(name)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, err := format.Source(b.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		file := strings.TrimSuffix(name, ".templ") + "_templ.go"
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what templ makes of %s (%v): run go test ./web -run TestGenerated -update", file, name, err)
		}
	}
}

// templVersion is the version of templ in go.mod, which generated files name.
func templVersion(t *testing.T) string {
	t.Helper()
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mod)) {
		if version, ok := strings.CutPrefix(strings.TrimSpace(line), "github.com/a-h/templ "); ok {
			return version
		}
	}
	t.Fatal("go.mod has no templ")
	return ""
}

// TestScriptIsSmall: all script of the pages is less than 40 KB, as a browser gets it.
func TestScriptIsSmall(t *testing.T) {
	const most = 40 << 10
	total := 0
	err := fs.WalkDir(static, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".js" {
			return err
		}
		b, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		small, err := zip(b)
		if err != nil {
			return err
		}
		n := len(small)
		t.Logf("%6d bytes of %6d: %s", n, len(b), name)
		total += n
		return nil
	})
	if err != nil || total > most {
		t.Errorf("the script has %d bytes under gzip, want at most %d (%v)", total, most, err)
	}
}
