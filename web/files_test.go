package web

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"
)

// TestScriptIsSmall: all script of the pages is less than 40 KB, as a browser gets it.
func TestScriptIsSmall(t *testing.T) {
	const most = 40 << 10
	total := 0
	s, err := New(Config{Demo: struct{ Demo }{}}) // with the demo's
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		if filepath.Ext(name) == ".js" {
			n := len(s.files[name].zipped)
			t.Logf("%6d bytes of %6d: %s", n, len(s.files[name].plain), name)
			total += n
		}
	}
	if total > most {
		t.Errorf("the script has %d bytes under gzip, want at most %d", total, most)
	}
}
