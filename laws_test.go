package countersign_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const wordsAndLaws = "doc/design/0000-words-and-laws.md"

var (
	lawWritten = regexp.MustCompile(`(?m)^([0-9]+)\. \*\*`)
	lawCited   = regexp.MustCompile(`\b[Ll]aw ([0-9]+)\b`)
	testNamed  = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
	testMade   = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
)

// TestLawsAreWritten: every law that a comment cites stands in the words and laws, and
// every test that is named there exists.
func TestLawsAreWritten(t *testing.T) {
	page, err := os.ReadFile(wordsAndLaws)
	if err != nil {
		t.Fatal(err)
	}
	laws := map[string]bool{}
	for _, m := range lawWritten.FindAllStringSubmatch(string(page), -1) {
		laws[m[1]] = true
	}
	tests := map[string]bool{}
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range lawCited.FindAllStringSubmatch(string(text), -1) {
			if !laws[m[1]] {
				t.Errorf("%s cites law %s, which %s does not have", path, m[1], wordsAndLaws)
			}
		}
		for _, m := range testMade.FindAllStringSubmatch(string(text), -1) {
			tests[m[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range testNamed.FindAllStringSubmatch(string(page), -1) {
		if !tests[m[1]] {
			t.Errorf("%s names %s, which does not exist", wordsAndLaws, m[1])
		}
	}
}
