// Package alarms is the desk's room for what people must know of: alarms and where they
// are sent, and the matters that wait for a person.
package alarms

import (
	"sync/atomic"
	"time"

	"countersign.dev/alarm"
	"countersign.dev/desk/kernel"
	"countersign.dev/jobs"
)

// Config is what the room is made of.
type Config struct {
	// Destinations are where alarms are sent, and Sender sends them.
	Destinations []Destination
	Sender       alarm.Sender
	// HealthEvery is how often it is looked at whether something needs a person of
	// which no record tells: the executor's states, what waits, what is due. 0: never.
	HealthEvery time.Duration
	// ExecutorStart is how long after the desk's opening the executor may leave its
	// first answer open before somebody is paged; for one that is started beside it.
	ExecutorStart time.Duration
}

// Room is this room of the desk. It is safe for concurrent use.
type Room struct {
	desk         *kernel.Kernel
	destinations []Destination
	sender       alarm.Sender
	healthEvery  time.Duration
	startedBy    time.Time   // until then the executor may still be starting
	answered     atomic.Bool // the executor, since the desk was opened
	progress     progress
}

// New opens the room and says what its jobs do.
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
