package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each module is real and goes through the real `go test`.
func TestReportOfRealModules(t *testing.T) {
	const head = "package m\nimport (\"os\"; \"testing\")\nvar _ = os.Exit\n"
	for _, tc := range []struct {
		name   string
		files  map[string]string
		well   bool
		last   string
		within []string
	}{
		{
			"passes",
			map[string]string{"a_test.go": head + `func TestA(t *testing.T) {}; func TestB(t *testing.T) { t.Run("x", func(t *testing.T) {}); t.Run("y", func(t *testing.T) {}) }`},
			true, "3 passed, 0 failed", []string{"pass"},
		},
		{
			"a subtest fails and is counted once",
			map[string]string{"a_test.go": head + `func TestA(t *testing.T) { t.Run("x", func(t *testing.T) { t.Run("deep", func(t *testing.T) { t.Error("because of this") }) }); t.Run("y", func(t *testing.T) {}) }`},
			false, "1 passed, 1 failed", []string{"FAILED example.test/m TestA/x/deep", "because of this"},
		},
		{
			"a parent fails by itself",
			map[string]string{"a_test.go": head + `func TestA(t *testing.T) { t.Run("x", func(t *testing.T) {}); t.Error("itself") }`},
			false, "1 passed, 1 failed", []string{"itself"},
		},
		{
			"skips are named with their reason",
			map[string]string{"a_test.go": head + `func TestA(t *testing.T) { t.Skip("needs rain") }; func TestB(t *testing.T) {}`},
			true, "1 passed, 0 failed, 1 skipped", []string{"example.test/m TestA: needs rain"},
		},
		{
			"only skips is nothing",
			map[string]string{"a_test.go": head + `func TestA(t *testing.T) { t.Skip("needs rain") }`},
			false, "0 passed, 0 failed, 1 skipped", []string{"Nothing ran."},
		},
		{
			"no tests is nothing",
			map[string]string{"a.go": "package m\n"},
			false, "0 passed, 0 failed", []string{"Nothing ran."},
		},
		{
			"does not build",
			map[string]string{"a_test.go": head + `func TestA(t *testing.T) { undefined() }`, "b/b_test.go": head + `func TestB(t *testing.T) {}`},
			false, "1 passed, 1 failed", []string{"does not build", "undefined: undefined"},
		},
		{
			"panics",
			map[string]string{"a_test.go": head + `func TestA(t *testing.T) {}; func TestB(t *testing.T) { panic("oh no") }`},
			false, "1 passed, 1 failed", []string{"FAILED example.test/m TestB", "oh no"},
		},
		{
			"exits within a test",
			map[string]string{"a_test.go": head + `func TestA(t *testing.T) {}; func TestB(t *testing.T) { os.Exit(3) }`},
			false, "1 passed, 1 failed", []string{"TestB"},
		},
		{
			"fails outside its tests",
			map[string]string{"a_test.go": head + `func TestA(t *testing.T) {}; func TestMain(m *testing.M) { m.Run(); os.Exit(4) }`},
			false, "1 passed, 1 failed", []string{"failed outside its tests"},
		},
		{
			"go test fails before any package",
			map[string]string{"a_test.go": head + `func TestA(t *testing.T) {}`, "go.mod": "modul example.test/m\n"},
			false, "0 passed, 1 failed", []string{"go test: exit status 1"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			files := map[string]string{"go.mod": "module example.test/m\n\ngo 1.26\n"}
			for name, content := range tc.files {
				files[name] = content
			}
			for name, content := range files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			var out bytes.Buffer
			r := newReport(&out)
			if err := run(r, dir, []string{"-vet=off"}); err != nil {
				r.broken(dir, err)
			}
			if well := r.end(); well != tc.well {
				t.Errorf("well is %v", well)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if last := lines[len(lines)-1]; last != tc.last {
				t.Errorf("last line %q, want %q", last, tc.last)
			}
			for _, want := range tc.within {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not said", want)
				}
			}
			if t.Failed() {
				t.Logf("all of it:\n%s", &out)
			}
		})
	}
}

func TestOnlyTheTestsThatAreNamed(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":    "module example.test/m\n\ngo 1.26\n",
		"a_test.go": "package m\nimport \"testing\"\nfunc TestGood(t *testing.T) {}\nfunc TestBad(t *testing.T) { t.Error(\"because of this\") }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	r := newReport(&out)
	if err := run(r, dir+":./...:^TestGood$", []string{"-vet=off"}); err != nil {
		t.Fatal(err)
	}
	if !r.end() || !strings.Contains(out.String(), "1 passed, 0 failed") {
		t.Errorf("%s", &out)
	}
}
