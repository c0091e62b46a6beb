package desktest

import (
	"crypto/ed25519"

	"countersign.dev/actions"
	"countersign.dev/desk"
	"countersign.dev/workforce"
)

// AdmitProgram admits a program that reports from plaza, with the desk's officers' signatures,
// and returns it as a caller.
func (w *World) AdmitProgram(id string, owner workforce.WorkerID, source string) desk.ProgramCaller {
	w.t.Helper()
	key := newKey(w.t)
	public := workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: []byte(key.Public().(ed25519.PublicKey))}
	challenge := actions.ProgramChallenge(w.EnrolName(), id, public.ID())
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramAdd, ID: id, Key: public, Owner: owner,
		Possession: actions.Signature{Signature: ed25519.Sign(key, challenge[:])}, Platforms: []string{"plaza"}, Source: source, Rate: actions.MaxProgramRate}})
	return desk.ProgramCaller{ID: id, Token: "test"}
}
