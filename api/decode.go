package api

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decode reads JSON in which every member is known, none is doubled, and names
// are spelt exactly. Errors are texts that may be shown.
func decode(data []byte, v any) error {
	err := json.Unmarshal(data, v, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return fmt.Errorf("a member occurs twice at %s", place(syntactic.JSONPointer))
		}
		return fmt.Errorf("this is not JSON at byte %d", syntactic.ByteOffset)
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		switch {
		case errors.Is(err, json.ErrUnknownName):
			return fmt.Errorf("%s is not known here", place(semantic.JSONPointer))
		case semantic.Err != nil && semantic.GoType == nil:
			return fmt.Errorf("%s: %w", place(semantic.JSONPointer), semantic.Err)
		default:
			return fmt.Errorf("%s has a value of the wrong form", place(semantic.JSONPointer))
		}
	}
	return errors.New("this cannot be read")
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
