// Package alarms is the desk's room for alarms, for the addresses to which they are sent,
// and for matters: the states of the desk that people should know of.
package alarms

import (
	"context"
	"sync/atomic"
	"time"

	"countersign.dev/alarm"
	"countersign.dev/desk/kernel"
	"countersign.dev/jobs"
	"countersign.dev/ledger/proof"
)

// Config holds the settings of the room.
type Config struct {
	// Destinations are the addresses to which Sender sends alarms.
	Destinations []Destination
	Sender       alarm.Sender
	// HealthEvery is the time between two checks for states that need a person and of which
	// no record tells: of the executor, of requests that wait, of reviews that are due. 0:
	// no checks.
	HealthEvery time.Duration
	// ExecutorStart is the time after the desk's opening in which an executor that is
	// started beside it may not answer yet. If it does not answer after that, somebody is
	// paged.
	ExecutorStart time.Duration
}

// Room is this room of the desk. It is safe for concurrent use.
type Room struct {
	desk         *kernel.Kernel
	destinations []Destination
	sender       alarm.Sender
	healthEvery  time.Duration
	startedBy    time.Time   // until then the executor may still be starting
	answered     atomic.Bool // the executor has answered since the desk was opened
	progress     progress
	sweep        sweep
	more         []func(context.Context, *proof.State) ([]Matter, error)
}

// Also has matters of another room gathered with the others. It is called before the desk is used.
func (d *Room) Also(gather func(context.Context, *proof.State) ([]Matter, error)) {
	d.more = append(d.more, gather)
}

// New opens the room and registers its jobs.
func New(k *kernel.Kernel, c Config) (*Room, error) {
	if err := checkDestinations(c.Destinations); err != nil {
		return nil, err
	}
	d := &Room{desk: k, destinations: c.Destinations, sender: c.Sender, healthEvery: c.HealthEvery, startedBy: k.Now().Add(c.ExecutorStart)}
	jobs.Handle(k.Jobs, d.sendAlarm)
	jobs.Handle(k.Jobs, d.sayFlood)
	jobs.Handle(k.Jobs, d.checkHealth)
	return d, nil
}
