package desktest

import (
	"crypto/ed25519"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Program is a program that was admitted, with its key.
type Program struct {
	ID  string
	Key ed25519.PrivateKey
}

// NewProgram returns a change that admits a program with a new key: it reports from plaza, as
// a program, at most 600 reports a minute.
func (w *World) NewProgram(id string, owner workforce.WorkerID) (actions.Setting, Program) {
	w.t.Helper()
	p := Program{id, newKey(w.t)}
	public := p.public()
	name := p.sign(actions.ProgramChallenge(w.chain().EnrolName(), id, public.ID()))
	return actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramAdd, ID: id, Key: public, Owner: owner, Platforms: []string{"plaza"},
		Source: "program", Rate: 600, Possession: name}}, p
}

// AdmitProgram admits a program that reports from plaza for a class of source, as fast as a
// program may, and returns it as a caller.
func (w *World) AdmitProgram(id string, owner workforce.WorkerID, source string) desk.ProgramCaller {
	w.t.Helper()
	c, _ := w.NewProgram(id, owner)
	c.Program.Source, c.Program.Rate = source, actions.MaxProgramRate
	w.Change(actions.DeskChange, c)
	return desk.ProgramCaller{ID: id, Token: "test"}
}

// AddProgram admits a program; see NewProgram.
func (w *World) AddProgram(id string, owner workforce.WorkerID) Program {
	w.t.Helper()
	c, p := w.NewProgram(id, owner)
	w.Change(actions.DeskChange, c)
	if w.Programs == nil {
		w.Programs = map[string]Program{}
	}
	w.Programs[id] = p
	return p
}

func (p Program) public() workforce.PublicKey {
	return workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: canonical.Bytes(p.Key.Public().(ed25519.PublicKey)), Credential: canonical.Bytes{}}
}

func (p Program) sign(challenge [32]byte) actions.Signature {
	return actions.Signature{Signature: ed25519.Sign(p.Key, challenge[:])}
}

// ProgramAsk is an ask for a token of an hour, signed with a program's key, and the secret
// that it names. edit may change it before.
func (w *World) ProgramAsk(p Program, edit ...func(*actions.ProgramTokenAsk)) (actions.SignedProgramTokenAsk, string) {
	w.t.Helper()
	now := canonical.At(w.clock.Now())
	secret := actions.ProgramTokenSecret(random(w.t, 32))
	a := actions.ProgramTokenAsk{V: actions.ProgramTokenVersion, Log: w.LogName(), Program: p.ID, Key: p.public().ID(), Nonce: random(w.t, 32),
		NotBefore: now, Expires: canonical.At(now.Add(time.Hour)), Secret: actions.SecretDigest(secret)}
	for _, f := range edit {
		f(&a)
	}
	return actions.SignedProgramTokenAsk{Ask: a, Signature: p.sign(a.Challenge())}, secret
}

// ProgramToken signs a program in and returns the secret of its token.
func (w *World) ProgramToken(t testing.TB, p Program) string {
	t.Helper()
	ask, secret := w.ProgramAsk(p)
	if _, err := w.Desk.SignInProgram(t.Context(), ask); err != nil {
		t.Fatalf("%s signs in: %v", p.ID, err)
	}
	return secret
}

// Evidenced waits until no evidence of a case is still to be copied: each copy is news, after
// which a case has another version.
func (w *World) Evidenced(caseID string) {
	w.t.Helper()
	Until(w.t, "the evidence is copied", func() bool {
		var pending bool
		if err := w.Store.Read(w.t.Context(), func(tx *store.Tx) error {
			all, err := tx.NewestEvidence(caseID, 100)
			for _, e := range all {
				pending = pending || e.State == cases.EvidencePending
			}
			return err
		}); err != nil {
			w.t.Fatal(err)
		}
		return !pending
	})
}
