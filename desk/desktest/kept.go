package desktest

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/workforce"
	"countersign.dev/workforce/workforcetest"
)

// Kept is what another process needs to open the same world: the address of its
// database and every secret. It is for tests that kill processes.
type Kept struct {
	URL      string                                 `json:"url"`
	Origin   string                                 `json:"origin"`
	LogKey   canonical.Bytes                        `json:"log_key"`
	Executor canonical.Bytes                        `json:"executor"` // seed of its key
	Root     canonical.Digest                       `json:"root"`
	Keys     map[workforce.WorkerID]canonical.Bytes `json:"keys"` // seeds
}

// Keep returns what opens the world again.
func (w *World) Keep() Kept {
	k := Kept{URL: w.URL, Origin: w.Origin, LogKey: w.LogKey.File(), Executor: w.ExecutorKey.Seed(), Root: w.Root, Keys: map[workforce.WorkerID]canonical.Bytes{}}
	for id, key := range w.keys {
		k.Keys[id] = key.Seed()
	}
	return k
}

// Close closes the desk's database before the test ends. What signs goes on.
func (w *World) Close() {
	w.t.Helper()
	if err := w.close(); err != nil {
		w.t.Fatal(err)
	}
}

// Reopen opens a world that was kept.
func Reopen(t testing.TB, k Kept, o Options) *World {
	t.Helper()
	w := &World{t: t, URL: k.URL, Origin: k.Origin, ExecutorKey: ed25519.NewKeyFromSeed(k.Executor), Root: k.Root,
		clock: &Clock{}, keys: map[workforce.WorkerID]ed25519.PrivateKey{}, Officers: slices.Clone(workforcetest.Officers)}
	var err error
	if w.LogKey, err = ledger.ParseKey(k.LogKey); err != nil {
		t.Fatal(err)
	}
	for id, seed := range k.Keys {
		w.keys[id] = ed25519.NewKeyFromSeed(seed)
	}
	w.Open(o)
	return w
}
