//go:build !race

package executor_test

// many is how many accounts an insider changes at once.
const many = 10_000

// errands says what TestKilled kills the executor at.
var errands = []string{"measure", "undo", "suspension", "lift", "emergency act", "its revert", "refusal", "label", "end of a limit", "warning"}
