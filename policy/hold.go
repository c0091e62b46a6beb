package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/workforce"
)

// maxSlots bounds each number in a hold: a desk that needs more people than
// this for one act has mistyped.
const maxSlots = 9

// MaxWait bounds the wait of a hold.
const MaxWait = 90 * 24 * time.Hour

// hold is what one policy adds to the need of an act.
type hold struct {
	independent int
	qualified   map[actions.Qualifier]int
	wait        int64
	hardware    bool
	more        int // "+N"
}

// parseHold reads the text of @hold: terms separated by semicolons, each at most
// once, "N independent", "N employee", "N ROLE", "+N", "wait DURATION",
// "hardware".
func parseHold(text string) (hold, error) {
	h := hold{qualified: map[actions.Qualifier]int{}}
	if strings.TrimSpace(text) == "" {
		return hold{}, fmt.Errorf("the hold is empty")
	}
	seen := map[string]bool{}
	for term := range strings.SplitSeq(text, ";") {
		words := strings.Fields(term)
		name, err := h.term(words)
		if err != nil {
			return hold{}, fmt.Errorf("%q in the hold: %w", strings.TrimSpace(term), err)
		}
		if seen[name] {
			return hold{}, fmt.Errorf("%q in the hold: %s is given twice", strings.TrimSpace(term), name)
		}
		seen[name] = true
	}
	return h, nil
}

// term adds one term and returns the name of its sort.
func (h *hold) term(words []string) (string, error) {
	switch {
	case len(words) == 1 && words[0] == "hardware":
		h.hardware = true
		return "hardware", nil
	case len(words) == 1 && strings.HasPrefix(words[0], "+"):
		n, err := parseSlots(words[0][1:])
		h.more = n
		return "+N", err
	case len(words) == 2 && words[0] == "wait":
		d, err := time.ParseDuration(words[1])
		switch {
		case err != nil:
			return "", fmt.Errorf("a wait is a duration such as 72h")
		case d <= 0 || d > MaxWait || d%time.Second != 0 || strings.HasPrefix(words[1], "+"):
			return "", fmt.Errorf("a wait is of whole seconds, at least one and at most %s", MaxWait)
		}
		h.wait = int64(d / time.Second)
		return "wait", nil
	case len(words) == 2:
		n, err := parseSlots(words[0])
		if err != nil {
			return "", err
		}
		if words[1] == "independent" {
			h.independent = n
			return words[1], nil
		}
		if q := actions.Qualifier(words[1]); q == actions.QualifierEmployee || slices.Contains(workforce.Roles, workforce.Role(q)) {
			h.qualified[q] = n
			return words[1], nil
		}
		return "", fmt.Errorf("%q is neither independent, employee nor a role", words[1])
	default:
		return "", fmt.Errorf("a term is one of: N independent, N employee, N ROLE, +N, wait DURATION, hardware")
	}
}

// parseSlots reads a number of people, in one spelling only.
func parseSlots(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || strconv.Itoa(n) != s {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	if n < 1 || n > maxSlots {
		return 0, fmt.Errorf("the number must be from 1 to %d", maxSlots)
	}
	return n, nil
}

// needs adds up satisfied holds: of each sort the largest number, and every +N on top.
type needs struct {
	need actions.Need
	more int
}

func (n *needs) add(h hold) {
	n.need.Independent = max(n.need.Independent, h.independent)
	for q, k := range h.qualified {
		if n.need.Qualified == nil {
			n.need.Qualified = make(map[actions.Qualifier]int, len(h.qualified))
		}
		n.need.Qualified[q] = max(n.need.Qualified[q], k)
	}
	n.need.Wait = max(n.need.Wait, h.wait)
	n.need.Hardware = n.need.Hardware || h.hardware
	n.more += h.more
}

func (n *needs) total() actions.Need {
	for _, k := range n.need.Qualified {
		n.need.Independent = max(n.need.Independent, k)
	}
	n.need.Independent += n.more
	n.more = 0
	return n.need
}
