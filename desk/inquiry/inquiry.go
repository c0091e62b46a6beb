// Package inquiry is the desk's room for exposure and backtests: who could do what to whom,
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
	viewed        atomic.Pointer[exposure.View] // the newest view that was computed
}

// New opens the room and registers its job. every is the time between two checks whether
// exposure got worse; each change of the desk causes a check as well. 0: no checks.
func New(k *kernel.Kernel, a *alarms.Room, every time.Duration) *Room {
	d := &Room{desk: k, alarms: a, exposureEvery: every}
	jobs.Handle(k.Jobs, func(ctx context.Context, _ exposureJob) error { return d.checkAgain(ctx) })
	return d
}
