//go:build race

package executor_test

// many is how many accounts an insider changes at once: fewer under the race
// detector, which makes each of them cost ten times as much.
const many = 500

// errands says what TestKilled kills the executor at: under the race detector a measure,
// a lift and a warning, since each start of the process costs ten times as much, and the other
// errands go through the same steps.
var errands = []string{"measure", "lift", "warning"}
