// Package system holds the tests of the whole path, from a signed request to the
// platform and back, against whole processes: the desk and the executor run as
// they do in earnest, each a process of its own that speaks to the other over a
// socket, and are killed, lied to and cut off. The processes are this test binary,
// which runs itself.
package system

import (
	"testing"
	"time"
)

// patience is how long a test waits for an event that must come: no test may depend on
// how busy the machine is.
const patience = 5 * time.Minute

// until waits for something that must come about.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain for %s: %s", patience, what)
		}
		<-tick.C
	}
}
