package cli

import (
	"strings"
	"testing"
	"time"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/platform"
)

// TestDescribeEvidence: strangers' text is shown as text, what was told apart from what was read,
// and what became of each picture.
func TestDescribeEvidence(t *testing.T) {
	hostile := "\u202eevil\x1b[31m\x00\u200b"
	read := platform.Evidence{Text: platform.Text{Text: hostile + "read"}, Author: platform.Profile{ID: "acct/3", Handle: "@3", Name: hostile, Bio: platform.Text{Text: "I sell" + hostile}},
		Links: []platform.Link{{Address: "https://x.example/" + hostile}}, Thread: []platform.Post{{ID: "post/0", Text: platform.Text{Text: "around" + hostile}}, {ID: "post/1", Subject: true}}}
	doc := cases.EvidenceDocument{Told: cases.Told{Text: "told" + hostile}, Read: &read, Pictures: []cases.EvidencePicture{
		{Name: "1", State: cases.PictureKept, Digest: canonical.Sum([]byte("x")), Format: cases.Format{Type: "image/png", Width: 50_000, Height: 50_000}}, {Name: hostile, State: cases.PictureWithheld}}}.Complete(canonical.Digest{})
	p := &Page{}
	describeKept(p, v1.KeptEvidence{ID: "evi_1", State: cases.EvidenceCopied}, doc, time.Unix(0, 0))
	got := p.String()
	for _, want := range []string{"evi_1: copied", "another one than the text that was told", "Told with the report:", "Read by the desk:", "read", "I sell", "around", "Leads to https://x.example/", "Picture 1: kept, image/png, 50000 × 50000, not to be drawn", ": withheld"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.ContainsAny(got, "\u202e\x1b\x00\u200b") {
		t.Errorf("hidden characters are on the terminal: %q", got)
	}
}
