package api

import (
	"errors"

	"github.com/go-json-experiment/json"

	"countersign.dev/canonical"
)

// decode reads JSON in which every member is known, none is doubled, and names
// are spelt exactly. Errors are texts that may be shown.
func decode(data []byte, v any) error {
	err := json.Unmarshal(data, v, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	return errors.New(canonical.Wrong(err))
}
