package sqldb

import (
	"slices"
	"testing"
	"time"
)

// TestGaps: whoever hears other processes notices what was not heard of them.
func TestGaps(t *testing.T) {
	start, heard := time.Unix(1e9, 0), others{}
	for _, c := range []struct {
		name    string
		message string
		after   time.Duration // since the message before
		lines   []string
		gap     bool
	}{
		{"first", "one 7\na\nb", 0, []string{"a", "b"}, false},
		{"next", "one 8\nc", 0, []string{"c"}, false},
		{"sent twice", "one 8\nc", 0, nil, false},
		{"another process", "two 1\nd", 0, []string{"d"}, false},
		{"one left out", "one 10\ne", 0, []string{"e"}, true},
		{"still there", "one 10\n", 3 * time.Second, nil, false},
		{"own", "own 1\nx", 0, nil, false},
		{"still there, but more was told", "two 2\n", 0, nil, true},
		{"told to read again", "two 3\n!", 0, nil, true},
		{"left", "two 3\n.", 0, nil, false},
		{"nothing for long after one left", "one 10\n", 9 * time.Second, nil, false},
		{"nothing from anybody", "", 9 * time.Second, nil, false},
		{"nothing for too long", "", 2 * time.Second, nil, true},
		{"nothing goes on", "", 20 * time.Second, nil, false},
		{"it is back", "one 11\nf", 0, []string{"f"}, false},
		{"of another version", "nonsense", 0, nil, true},
	} {
		start = start.Add(c.after)
		lines, gap := heard.hear(c.message, "own", start)
		if !slices.Equal(lines, c.lines) || gap != c.gap {
			t.Errorf("%s: heard %q, gap %v; want %q, %v", c.name, lines, gap, c.lines, c.gap)
		}
	}
}
