// Package incidents is the desk's room for what went wrong: sights of the watch and the
// breaches among them, incidents with their timeline, report and bundle.
package incidents

import (
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/kernel"
)

// Room is this room of the desk. It is safe for concurrent use.
type Room struct {
	desk   *kernel.Kernel
	alarms *alarms.Room
}

// New opens the room.
func New(k *kernel.Kernel, a *alarms.Room) *Room { return &Room{desk: k, alarms: a} }
