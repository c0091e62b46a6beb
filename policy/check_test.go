package policy

import (
	"maps"
	"strings"
	"testing"
	"time"

	"countersign.dev/fault"
)

// TestDefaultSet runs everything that "policy check" says over what is shipped.
func TestDefaultSet(t *testing.T) {
	files := Default()
	maps.Copy(files, DefaultTests())
	r := Check(files, nil, time.Time{})
	for _, p := range append(r.Problems, r.Warnings...) {
		t.Errorf("%s: %s", p.At, p.Text)
	}
	if r.Policies < 25 || r.Tests < 50 {
		t.Errorf("the default set has %d policies and %d tests", r.Policies, r.Tests)
	}
}

// TestCheckReports: policy check says all that is wrong at once, and what is
// merely odd apart from it.
func TestCheckReports(t *testing.T) {
	broken := Default()
	broken["desk.cedar"] = strings.ReplaceAll(broken["desk.cedar"], "2 independent; 1 employee; 1 officer; hardware", "1 independent")
	maps.Copy(broken, DefaultTests())
	r := Check(broken, desk(somebody{id: "a", roles: "officer"}), noon)
	var text strings.Builder
	for _, p := range r.Problems {
		text.WriteString(p.At + ": " + p.Text + "\n")
	}
	for _, want := range []string{"changed by fewer people", "no group of people", "policy changes take two officers besides"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("nothing of %q in:\n%s", want, text.String())
		}
	}
	if !fault.Is(r.Err(), "bad-policy") {
		t.Errorf("error %v", r.Err())
	}
	if r := Check(map[string]string{"a.cedar": "nonsense"}, nil, noon); len(r.Problems) == 0 || r.Policies != 0 {
		t.Errorf("nonsense: %+v", r)
	}
	if r := Check(Default(), nil, noon); r.Err() != nil || len(r.Warnings) != 1 || r.Digest != mustCompile(t, Default()).Digest() || r.Holds != 6 {
		t.Errorf("the default set without its tests: %+v", r)
	}
}

// A file that is not text is a problem of the set like any other.
func TestCheckOfWhatIsNoText(t *testing.T) {
	r := Check(map[string]string{"a.cedar": "\xff", tiersFile: "{}"}, nil, time.Time{})
	if err := r.Err(); !fault.Is(err, "bad-policy") || !strings.Contains(err.Error(), "the file is not UTF-8 text") || !r.Digest.IsZero() {
		t.Errorf("%v, digest %s", err, r.Digest)
	}
}
