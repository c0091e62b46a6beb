// Package desk is the one write path: everything that changes something goes through it. It
// opens the rooms of the desk (acts, incidents, inquiry, alarms, casework, inbox, sets and rolls) over one kernel, and
// has all their methods. Sign-in, the ledger feed for the executor, and reading the ledger
// are its own.
//
// The desk is not trusted with authority. The executor checks by itself every warrant that
// the desk makes. The desk is trusted to be reachable, and to keep the records that it is
// given.
package desk

import (
	"context"
	"io"
	"log/slog"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/inbox"
	"countersign.dev/desk/incidents"
	"countersign.dev/desk/inquiry"
	"countersign.dev/desk/kernel"
	"countersign.dev/desk/looks"
	"countersign.dev/desk/rolls"
	"countersign.dev/desk/sets"
	"countersign.dev/desk/shifts"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// Config holds the parts and the settings of a desk.
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
	// Holders are the people who are declared to hold credentials, machines or keys with
	// which they can act around the desk.
	Holders kernel.Holders
	// BrowserSecret is the key from which the secrets of cookies are made: 32 bytes, the same at
	// every node of the desk.
	BrowserSecret []byte
	// Casework says how cases are worked on.
	Casework casework.Config
	// Inbox says how people are told what concerns them.
	Inbox inbox.Config
	// ExposureEvery is the time between two checks whether exposure got worse. Each change
	// of the desk causes a check as well. 0: no checks.
	ExposureEvery time.Duration
	// RollEvery is the longest time for which a document waits for its roll. 0: a second.
	RollEvery time.Duration
	// Step, if set, is called after each step of an act, with the name of that step; see
	// the constants of package kernel.
	Step func(name string)
}

// Desk is the operations desk. It is safe for concurrent use. It has all methods of its
// rooms.
type Desk struct {
	*actsRoom
	*incidentsRoom
	*inquiryRoom
	*alarmsRoom
	*caseworkRoom
	*inboxRoom
	*setsRoom
	*rollsRoom
	*looksRoom
	*shiftsRoom

	kernel        *kernel.Kernel
	tokens        tokens
	programTokens programTokens
	browserKey    []byte
	proofs        proofs
	links         links
}

// Unexported names for the rooms, so that Desk shows their methods but not the rooms.
type (
	actsRoom      = acts.Room
	incidentsRoom = incidents.Room
	inquiryRoom   = inquiry.Room
	alarmsRoom    = alarms.Room
	caseworkRoom  = casework.Room
	inboxRoom     = inbox.Room
	setsRoom      = sets.Room
	rollsRoom     = rolls.Room
	looksRoom     = looks.Room
	shiftsRoom    = shifts.Room
)

// Caller is the worker who uses the desk, with the token that was shown. Where a program may
// call as well, it is the program.
type Caller = kernel.Caller

// State returns the governance chain folded up to its newest entry. It must not be changed.
func (d *Desk) State(ctx context.Context) (*proof.State, error) { return d.kernel.State(ctx) }
