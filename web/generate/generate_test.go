// Package generate has the test that the Go files of the templates are what templ makes of them,
// and writes them anew. It stands apart from package web, which does not compile without them.
package generate

import (
	"bytes"
	"flag"
	"go/format"
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
//	go test ./web/generate -update
func TestGenerated(t *testing.T) {
	all, err := filepath.Glob("../*.templ")
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
		if _, err := generator.Generate(parsed, &b, generator.WithVersion(templVersion(t)), generator.WithFileName(filepath.Base(name))); err != nil {
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
			t.Errorf("%s is not what templ makes of %s (%v): run go test ./web/generate -update", file, name, err)
		}
	}
}

// templVersion is the version of templ in go.mod, which generated files name.
func templVersion(t *testing.T) string {
	t.Helper()
	mod, err := os.ReadFile("../../go.mod")
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
