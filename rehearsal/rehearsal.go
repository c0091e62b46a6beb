// Package rehearsal plays attacks and accidents on a desk: the evening of 2017 (Demo),
// the eleven minutes again in five ways, rounds and an outage (Replay), and beside them
// the observer, a process of its own that reports the outcome (Observe).
//
// Everything is done by the commands of the program, as people would do it. The people
// have folders with keys of their own; the owner of the folder of a play is all of them.
package rehearsal

import (
	"context"

	"countersign.dev/cli"
	"countersign.dev/plaza"
)

// Program is the program whose commands are played.
type Program struct {
	Process func() cli.Program                       // this process in the form that commands use
	Grammar func() (grammar any, global *cli.Global) // every command, made anew
	// Serve runs a desk in the session's folder until ctx ends, and calls ready once all
	// parts run.
	Serve func(ctx context.Context, s *cli.Session, at Addresses, ready func(Desk) error) error
}

// Addresses are the addresses of a desk and its plaza, as HOST:PORT. Empty: the usual
// ones.
type Addresses struct {
	Desk, Plaza string
	Visited     Visited // shown in the desk's pages; nil: nothing is
}

// Desk is a running desk, with its executor and the built-in platform.
type Desk struct {
	URL         string
	Browser     string // address of its pages
	PlazaURL    string
	Plaza       *plaza.Server
	Size        func(context.Context) (int64, error) // of the ledger
	ExecutorPid func() int
}

// NewDemo returns the demo, played by a program.
func NewDemo(p Program) Demo { return Demo{program: p} }

// NewReplay returns the replays, played by a program.
func NewReplay(p Program) Replay {
	on := onPlatform{program: p}
	return Replay{ElevenMinutes: replayElevenMinutes{onPlatform: on}, Rounds: replayRounds{onPlatform: on}, Outage: replayOutage{onPlatform: on}}
}
