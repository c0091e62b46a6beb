// Package desk is the one write path: everything that changes something goes through
// it. It opens the rooms of the desk over one kernel and is the door to all of them:
// acts, incidents, inquiry and alarms. What it does itself is sign-in, the feed that the
// executor follows, and reading the ledger.
//
// The desk is not trusted with authority. What it approves is a warrant that the
// executor checks again by itself. It is trusted to be there, and to keep what it is told.
package desk

import (
	"context"
	"io"
	"log/slog"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/incidents"
	"countersign.dev/desk/inquiry"
	"countersign.dev/desk/kernel"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// Config is what a desk is made of.
type Config struct {
	Store    *store.Store
	Log      *ledger.Log
	Executor kernel.Executor
	// Root is the hash of entry 0, if it is known: a database with another
	// one is refused.
	Root   canonical.Digest
	Now    func() time.Time
	Rand   io.Reader
	Logger *slog.Logger // nil: silent
	Alarms alarms.Config
	// Holders are the declared holders of what lets them act around the desk.
	Holders kernel.Holders
	// ExposureEvery is how often it is looked at whether who could do what got
	// worse; it is looked at as well after each change of the desk. 0: never.
	ExposureEvery time.Duration
	// Step, if set, is called between any two steps of an act, with the name of
	// the one just done; see the constants of the kernel.
	Step func(name string)
}

// Desk is the operations desk. It is safe for concurrent use. The methods of its rooms
// are its own.
type Desk struct {
	*actsRoom
	*incidentsRoom
	*inquiryRoom
	*alarmsRoom

	kernel *kernel.Kernel
	tokens tokens
}

// The rooms, under names that nobody outside can reach: only their methods are seen.
type (
	actsRoom      = acts.Room
	incidentsRoom = incidents.Room
	inquiryRoom   = inquiry.Room
	alarmsRoom    = alarms.Room
)

// Caller is who uses the desk.
type Caller = kernel.Caller

// State returns the governance chain folded up to its newest entry. It must not be changed.
func (d *Desk) State(ctx context.Context) (*proof.State, error) { return d.kernel.State(ctx) }
