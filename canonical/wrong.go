package canonical

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Wrong says what is wrong with a JSON document that could not be read: by the members
// of the document, and not by the types of this program. err is of package json or
// jsontext. The text has no full stop at its end.
func Wrong(err error) string {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return fmt.Sprintf("a member occurs twice at %s", place(syntactic.JSONPointer))
		}
		return fmt.Sprintf("this is not JSON at byte %d", syntactic.ByteOffset)
	}
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		return "this cannot be read"
	}
	at := place(semantic.JSONPointer)
	switch {
	case errors.Is(err, json.ErrUnknownName):
		return at + " is not known here"
	case semantic.Err != nil:
		return fmt.Sprintf("%s: %v", at, semantic.Err) // a type of ours says what it takes
	}
	return at + " has a value of the wrong form"
}

func place(p jsontext.Pointer) string {
	if p == "" {
		return "the document"
	}
	s := strings.ReplaceAll(strings.TrimPrefix(string(p), "/"), "/", ".")
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return s
}
