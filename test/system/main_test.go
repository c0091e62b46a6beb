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

// until waits for something that must come about.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain for a minute: %s", what)
		}
		<-tick.C
	}
}
