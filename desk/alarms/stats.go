package alarms

import (
	"context"

	"countersign.dev/canonical"
	"countersign.dev/store"
)

// Stats is how much of everything there is, for metrics. It names nobody.
type Stats struct {
	Alarms    map[string]int64 // by kind, since the beginning
	Incidents map[string]int64 // open ones, by tier
	Sightings map[string]int64 // records of the watch, by kind, since the beginning
	Requests  map[string]int64 // by status
	Size      int64            // entries of the ledger
	Matters   map[string]int64 // what needs a person, by section
	// Uncopied is the number of evidences that are acknowledged and not copied yet, and Oldest
	// for how many seconds the oldest of them waits.
	Uncopied, Oldest int64
	// Stopped says that the executor refuses burdening acts; Away, that it does not answer,
	// so that Stopped is not known.
	Stopped, Away bool
}

// Stats returns the counts. The surface decides who may read them. Stats asks the executor
// for its status, and waits for that as long as ctx allows.
func (d *Room) Stats(ctx context.Context) (s Stats, err error) {
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		for _, c := range []struct {
			into  *map[string]int64
			count func() (map[string]int64, error)
		}{{&s.Alarms, stx.AlarmCounts}, {&s.Incidents, stx.OpenIncidents}, {&s.Sightings, stx.SightingCounts}, {&s.Requests, stx.RequestCounts}} {
			if *c.into, err = c.count(); err != nil {
				return err
			}
		}
		if s.Size, _, err = stx.Newest(); err != nil {
			return err
		}
		var since canonical.Time
		if s.Uncopied, since, err = stx.PendingEvidence(); err == nil && s.Uncopied > 0 {
			s.Oldest = int64(stx.Now().Sub(since.Time).Seconds())
		}
		return err
	})
	if err != nil {
		return s, err
	}
	state, err := d.desk.State(ctx)
	if err != nil {
		return s, err
	}
	all, err := d.matters(ctx, state)
	if err != nil {
		return s, err
	}
	s.Matters = counted(all)
	st, err := d.desk.Executor.Status(ctx)
	s.Away, s.Stopped = err != nil, err == nil && st.Stopped != ""
	return s, nil
}
