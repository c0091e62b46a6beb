package platformtest_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
)

var update = flag.Bool("update", false, "write doc/watch-table.md anew")

const tableFile = "../../doc/watch-table.md"

// TestWatchTable holds the document's tables against what the connectors say of
// themselves, which is what the desk shows.
func TestWatchTable(t *testing.T) {
	pds, err := bluesky.New(bluesky.Config{Name: "bluesky", URL: "https://pds.example", AdminPassword: "p"})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# What the watch sees\n\n" +
		"What happens on a platform around the desk is seen in one of three ways: its event stream tells it (*stream*), or it shows when the subject is read, directly or in a sweep (*read*), or nothing shows it. " +
		"`critical` subjects are read directly again and again, all others in sweeps, so that what the stream leaves out is late by the time between two readings. " +
		"Changes around the desk of `standard` subjects are counted in the ledger, and raise no alarm. " +
		"This page is made from what the connectors say (`Shows`); `go test ./platform/platformtest -run WatchTable -update` writes it, and the conformance suite (`watch-…` in [platform-protocol.md](platform-protocol.md)) makes every change that a stream is said to show and waits for it.\n")
	for _, p := range []struct {
		title string
		c     platform.Watcher
	}{
		{"plaza, and servers of the platform protocol", realPlaza(t, "sqlite:"+t.TempDir()+"/plaza.db").Connector.(platform.Watcher)},
		{"A Bluesky PDS", pds},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| change | what happens | stream | read | how late | what is not told |\n|---|---|---|---|---|---|\n", p.title)
		seen := map[platform.Change]bool{}
		for _, s := range p.c.Shows() {
			if seen[s.Change] || s.What == "" || s.Late == "" || strings.Contains(s.What+s.Late+s.Note, "|") {
				t.Errorf("%s: %+v", p.title, s)
			}
			seen[s.Change] = true
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", s.Change, s.What, yes(s.Stream), yes(s.Sweep), s.Late, s.Note)
		}
	}
	if *update {
		if err := os.WriteFile(tableFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(kept), b.String()); diff != "" {
		t.Errorf("doc/watch-table.md is out of date; run with -update (-kept +now):\n%s", diff)
	}
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "–"
}
