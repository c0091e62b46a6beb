package countersign_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var walked = regexp.MustCompile("`([a-z0-9/_]+\\.go)` ((?:`[A-Za-z]+`(?:, )?)+)")

// TestWalk: every function that the reader's walk names stands in the file that it names.
func TestWalk(t *testing.T) {
	page, err := os.ReadFile("doc/walk.md")
	if err != nil {
		t.Fatal(err)
	}
	files := walked.FindAllStringSubmatch(string(page), -1)
	if len(files) < 20 {
		t.Fatalf("the walk names %d files; is it still a table?", len(files))
	}
	for _, m := range files {
		text, err := os.ReadFile(m[1])
		if err != nil {
			t.Error(err)
			continue
		}
		for _, name := range regexp.MustCompile("[A-Za-z]+").FindAllString(m[2], -1) {
			if !regexp.MustCompile(`(?m)^func (\([^)]*\) )?` + name + `\(`).Match(text) {
				t.Errorf("%s has no function %s", m[1], name)
			}
		}
	}
	if named := strings.Count(string(page), ".go`"); named != len(files) {
		t.Errorf("the page names %d files, %d of them with functions", named, len(files))
	}
}
