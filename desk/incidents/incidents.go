// Package incidents is the desk's room for breaches and contested acts: what the watch saw,
// and the incidents with their timeline, report and bundle.
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
