package prooftest

import (
	"countersign.dev/actions"
	"countersign.dev/workforce"
)

// Program returns a change that admits a program with a new key, and the key. The program
// reports from plaza, as a program, at most 600 reports a minute.
func (w *World) Program(id string, owner workforce.WorkerID) (actions.Setting, Signer) {
	w.t.Helper()
	key := fileKey{w.newKey()}
	public := key.PublicKey()
	public.Hardware = false
	return actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramAdd, ID: id, Key: public, Owner: owner, Platforms: []string{"plaza"},
		Source: "program", Rate: 600, Possession: key.Sign(actions.ProgramChallenge(w.State().EnrolName(), id, public.ID()))}}, key
}
