package wording

import (
	"fmt"
	"strings"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// When writes an instant for a person; empty for the zero one.
func When(t canonical.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 January 2006 15:04 UTC")
}

// Span writes a length roughly.
func Span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return Many(int(d.Seconds()), "second")
	case d < 2*time.Hour:
		return Many(int(d.Round(time.Minute).Minutes()), "minute")
	case d < 48*time.Hour:
		return Many(int(d.Round(time.Hour).Hours()), "hour")
	}
	return Many(int(d.Hours()/24), "day")
}

// Many writes a number with a noun whose plural ends in s.
func Many(n int, noun string) string { return Plural(n, noun, noun+"s") }

// Plural writes a number with its noun.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Joined writes "a, b and c".
func Joined[T ~string](all []T) string {
	var b strings.Builder
	for i, name := range all {
		switch {
		case i == 0:
		case i == len(all)-1:
			b.WriteString(" and ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(name))
	}
	return b.String()
}

// People is Joined, or "nobody".
func People(all []workforce.WorkerID) string {
	if len(all) == 0 {
		return "nobody"
	}
	return Joined(all)
}

// Article puts "a" or "an" before a noun.
func Article(noun string) string {
	if noun == "" {
		return "a"
	}
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}
