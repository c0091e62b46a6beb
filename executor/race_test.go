//go:build race

package executor_test

// many is how many accounts an insider changes at once: fewer under the race
// detector, which makes each of them cost ten times as much.
const many = 500
