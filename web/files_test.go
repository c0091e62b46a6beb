package web

import (
	"io/fs"
	"path/filepath"
	"testing"
)

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
		small, err := zip(bare(b), 9)
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
