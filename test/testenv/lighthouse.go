package testenv

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// LighthouseScores are what Lighthouse gives a page, of 100.
type LighthouseScores struct {
	Performance, Accessibility, BestPractices int
	Wrong                                     []string // what cost points, a line for each thing
}

// Lighthouse judges a page as a person at a desk sees it who has these cookies. It has a
// Chromium of its own and takes about fifteen seconds. Its score for performance depends
// somewhat on what else the machine does.
func Lighthouse(t testing.TB, url string, cookies []*http.Cookie) LighthouseScores {
	t.Helper()
	chromium := setting(t, "browser", browserVariable)
	folder, node := tools(t)
	var cookie []string
	for _, c := range cookies {
		cookie = append(cookie, c.Name+"="+c.Value)
	}
	flags := []string{"--headless=new"}
	for _, f := range quiet {
		flags = append(flags, "--"+f)
	}
	if os.Geteuid() == 0 {
		flags = append(flags, "--no-sandbox")
	}
	question, err := json.Marshal(map[string]any{"url": url, "cookie": strings.Join(cookie, "; "), "flags": flags})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, filepath.Join(folder, "lighthouse.mjs"), chromium)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// It ends its browser when its input ends, thus also with this process.
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Cancel = input.Close
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, askErr := input.Write(append(question, '\n'))
	if err := cmd.Wait(); err != nil || askErr != nil {
		t.Fatalf("Lighthouse: %v, %v\n%s", err, askErr, stderr.String())
	}
	var answer struct {
		Scores map[string]float64
		Wrong  []string
	}
	if err := json.NewDecoder(io.LimitReader(&stdout, 1<<20)).Decode(&answer); err != nil {
		t.Fatalf("read what Lighthouse says: %v\n%s", err, stderr.String())
	}
	points := func(category string) int {
		score, ok := answer.Scores[category]
		if !ok {
			t.Fatalf("Lighthouse gives no score for %s: %v", category, answer.Scores)
		}
		return int(math.Round(100 * score))
	}
	return LighthouseScores{points("performance"), points("accessibility"), points("best-practices"), answer.Wrong}
}
