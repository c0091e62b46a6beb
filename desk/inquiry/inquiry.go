// Package inquiry is the desk's room for questions: who could do what and around whom,
// whether that got worse, and what another policy would have ruled.
package inquiry

import (
	"context"
	"sync/atomic"
	"time"

	"countersign.dev/desk/alarms"
	"countersign.dev/desk/kernel"
	"countersign.dev/exposure"
	"countersign.dev/jobs"
)

// Room is this room of the desk. It is safe for concurrent use.
type Room struct {
	desk          *kernel.Kernel
	alarms        *alarms.Room
	exposureEvery time.Duration
	viewed        atomic.Pointer[exposure.View] // the newest that was asked for
}

// New opens the room and says what its job does. Every is how often it is looked at
// whether who could do what got worse; it is looked at as well after each change of the
// desk. 0: never.
func New(k *kernel.Kernel, a *alarms.Room, every time.Duration) *Room {
	d := &Room{desk: k, alarms: a, exposureEvery: every}
	jobs.Handle(k.Jobs, func(ctx context.Context, _ exposureJob) error { return d.checkAgain(ctx) })
	return d
}
