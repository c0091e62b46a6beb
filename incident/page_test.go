package incident_test

import (
	"os"
	"path/filepath"
	"testing"

	"countersign.dev/incident"
)

// TestShow writes the pages to the folder of PAGES, to be looked at.
func TestShow(t *testing.T) {
	dir := os.Getenv("PAGES")
	if dir == "" {
		t.Skip("PAGES names no folder")
	}
	for name, e := range map[string]*evening{"breach": breached(t), "contested": contested(t)} {
		for _, personal := range []bool{false, true} {
			v, err := incident.Verify(e.bundle(personal), e.trust())
			if err != nil {
				t.Fatal(err)
			}
			page, err := incident.HTML(v.Report, incident.Options{Personal: personal, Historical: personal, Verified: &v})
			if err != nil {
				t.Fatal(err)
			}
			if personal {
				name += "-personal"
			}
			if err := os.WriteFile(filepath.Join(dir, name+".html"), page, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
