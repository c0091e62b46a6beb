package actions

import (
	"fmt"
	"regexp"

	"countersign.dev/canonical"
)

// Text names a text that the desk keeps: a rule set, a queue set or a list of hashes. The
// chain holds its digest. Whoever signs saw it compared with the text that it replaces.
type Text struct {
	Digest canonical.Digest `json:"digest"`          // SHA-256 of its bytes; zero: the list of hashes ends
	Name   string           `json:"name,omitzero"`   // of a list of hashes; a desk has one rule set and one queue set
	Source string           `json:"source,omitzero"` // of a list of hashes: who made it
	Size   int64            `json:"size"`            // in bytes
	// Replaces is the digest of the text in force until now; zero: there is none. It is
	// compared, so that nobody signs a comparison with a text that is no longer in force.
	Replaces canonical.Digest `json:"replaces"`
}

// MaxTextSize is the largest text that the desk keeps, in bytes.
const MaxTextSize = 4 << 20

// MaxSource is the largest length of the source of a list, in bytes.
const MaxSource = 200

var listName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)

// DigestOfText names a text by its bytes.
func DigestOfText(text string) canonical.Digest { return canonical.Sum([]byte(text)) }

// Ends reports whether the change ends a list of hashes.
func (t Text) Ends() bool { return t.Digest.IsZero() }

func (t Text) check(part string) error {
	list := part == PartHashes
	switch {
	case !list && (t.Name != "" || t.Source != ""):
		return fmt.Errorf("only a list of hashes has a name and a source")
	case list && !listName.MatchString(t.Name):
		return fmt.Errorf("the name of a list is 1 to 64 lower-case letters, digits and dashes, and begins with a letter")
	case list && t.Ends():
		if t.Size != 0 || t.Source != "" || t.Replaces.IsZero() {
			return fmt.Errorf("the end of a list names the list and the text that was in force, and nothing else")
		}
		return nil
	case list && (t.Source == "" || len(t.Source) > MaxSource || !goodText(t.Source)):
		return fmt.Errorf("a list of hashes says who made it, in plain text of at most %d bytes", MaxSource)
	case t.Digest.IsZero() || t.Size < 1 || t.Size > MaxTextSize:
		return fmt.Errorf("a text is named by its digest and its size, of 1 to %d bytes", MaxTextSize)
	case t.Digest == t.Replaces:
		return fmt.Errorf("a text replaces another one, and not itself")
	}
	return nil
}
