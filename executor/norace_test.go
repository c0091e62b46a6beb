//go:build !race

package executor_test

// many is how many accounts an insider changes at once.
const many = 10_000
