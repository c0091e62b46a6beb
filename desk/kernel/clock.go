package kernel

import (
	"context"
	"sync/atomic"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// maxSkew is how far the desk's clock may be from the executor's before the desk
// refuses to append (design, law 5).
const maxSkew = 60 * time.Second

// clockEvery is how often the clocks are compared.
const clockEvery = 10 * time.Second

// clocks holds the newest comparison of the desk's clock with the executor's.
type clocks struct{ seen atomic.Pointer[clockReading] }

type clockReading struct{ desk, executor canonical.Time }

// compareClocks asks the executor for its clock. If the executor does not answer, the last
// comparison stands.
func (k *Kernel) compareClocks(ctx context.Context) {
	asked := k.Now()
	st, err := k.Executor.Status(ctx)
	if err != nil || st.Clock.IsZero() {
		return
	}
	// The answer was on its way for a while; we take half of the whole time for that.
	k.clocks.seen.Store(&clockReading{canonical.At(asked.Add(k.Now().Sub(asked) / 2)), st.Clock})
}

// CheckClocks refuses if the desk's and the executor's clock were too far apart when
// they were last compared.
func (k *Kernel) CheckClocks() error { return k.clocks.check() }

// check refuses if the clocks were too far apart when they were last compared.
func (c *clocks) check() error {
	r := c.seen.Load()
	if r == nil {
		return nil
	}
	if off := r.desk.Sub(r.executor.Time); off > maxSkew || off < -maxSkew {
		return fault.New(fault.Unavailable, "clocks-differ",
			"The desk's clock says %s and the executor's %s: more than a minute apart. Nothing is entered until they agree; set the wrong one.", r.desk, r.executor)
	}
	return nil
}
