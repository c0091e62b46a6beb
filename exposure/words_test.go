package exposure

import "testing"

// TestOneAndMany: one person is not called people.
func TestOneAndMany(t *testing.T) {
	for want, got := range map[string]string{
		"the name of one person who alone may do it":   namesOf(1),
		"the names of 3 people who together may do it": namesOf(3),
		"1 officer":  many(1, "officer", "officers"),
		"2 officers": many(2, "officer", "officers"),
	} {
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
