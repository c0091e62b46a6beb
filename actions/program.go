package actions

import (
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// Operations of a change of a program.
const (
	ProgramAdd      = "add"
	ProgramEnd      = "end"
	ProgramHandOver = "hand-over"
)

// ProgramSources are the classes of source that the reports of a program may have, sorted.
var ProgramSources = []string{"authority", "person", "program", "trusted-flagger"}

// MaxProgramRate is the largest rate of a program, in reports a minute.
const MaxProgramRate = 1_000_000

// Program is the change of part programs. A program is a principal that is no person: it
// brings reports in, and holds no claim, decides, signs and countersigns nothing. What its
// reports may say of themselves is fixed here: no report changes its platform's or its
// source's class.
type Program struct {
	Op string `json:"op"` // "add", "end" or "hand-over"
	ID string `json:"id"` // the program's name; it is never used again
	// Key is the key with which the program asks for its tokens; for "add" alone.
	Key workforce.PublicKey `json:"key,omitzero"`
	// Possession is the key's signature over ProgramChallenge: nobody admits a program
	// with a key that it does not hold.
	Possession Signature `json:"possession,omitzero"`
	// Owner is the worker who answers for the program; for "add" and "hand-over".
	Owner     workforce.WorkerID `json:"owner,omitzero"`
	Platforms []string           `json:"platforms,omitzero"` // whose subjects it may report, sorted
	Source    string             `json:"source,omitzero"`    // the class of source of all its reports
	Rate      int64              `json:"rate,omitzero"`      // reports a minute
}

// Relieves reports whether the change only takes something from a program.
func (p Program) Relieves() bool { return p.Op == ProgramEnd }

// ProgramChallenge is the challenge that a program's key signs so that the program may be
// admitted at the desk of a log, under the name that proof.State.EnrolName gives.
func ProgramChallenge(log, program string, k workforce.KeyID) [32]byte {
	return canonical.Sum([]byte("countersign/enrol-program/v1\n"), canonical.MustMarshal([]string{log, program, string(k)}))
}

// ProgramEnrolment is what a program's owner sends to an officer: the program's name and its
// public key, signed with that key. It holds no secret.
type ProgramEnrolment struct {
	Program    string              `json:"program"`
	Key        workforce.PublicKey `json:"key"`
	Possession Signature           `json:"possession"`
}

func (p Program) check() error {
	if !workforce.ValidIdentifier(p.ID) {
		return fmt.Errorf("a program is named by an identifier: lower-case letters, digits, dot, underscore and hyphen, at most 64")
	}
	bare := p.Key.Algorithm == "" && len(p.Key.Public)+len(p.Key.Credential) == 0 && !p.Key.Hardware && len(p.Possession.Signature)+len(p.Possession.ClientData)+len(p.Possession.AuthenticatorData) == 0 &&
		p.Platforms == nil && p.Source == "" && p.Rate == 0
	switch p.Op {
	case ProgramEnd:
		if !bare || p.Owner != "" {
			return fmt.Errorf("the end of a program names the program and nothing else")
		}
		return nil
	case ProgramHandOver:
		if !bare || p.Owner == "" {
			return fmt.Errorf("a program is handed over to a worker, and keeps everything else")
		}
		return nil
	case ProgramAdd:
	default:
		return fmt.Errorf("op is add, end or hand-over")
	}
	switch {
	case p.Owner == "":
		return fmt.Errorf("a program has an owner")
	case p.Key.Algorithm != workforce.FileEd25519 || !p.Key.WellFormed() || len(p.Key.Credential) > 0 || p.Key.Hardware:
		return fmt.Errorf("a program's key is a file key, Ed25519")
	case len(p.Platforms) == 0 || len(p.Platforms) > 100 || !ascends(p.Platforms) ||
		slices.ContainsFunc(p.Platforms, func(name string) bool { return !workforce.ValidIdentifier(name) || name == DeskPlatform }):
		return fmt.Errorf("a program reports from 1 to 100 platforms, sorted, each once")
	case !slices.Contains(ProgramSources, p.Source):
		return fmt.Errorf("the source of a program's reports is one of %v", ProgramSources)
	case p.Rate < 1 || p.Rate > MaxProgramRate:
		return fmt.Errorf("a program has a rate of 1 to %d reports a minute", MaxProgramRate)
	}
	return nil
}

// ProgramTokenVersion is the only version of ProgramTokenAsk, and the first line of what is
// hashed into its challenge.
const ProgramTokenVersion = "countersign/program-token/v1"

// ProgramTokenLife is the longest life of a program's token.
const ProgramTokenLife = time.Hour

// ProgramTokenAsk is the request for a token that a program's key signs. It is a type of its
// own, with a challenge of its own, so that no signature of a program can be taken for a
// person's and the other way round. The token brings reports in and reads what became of
// them; it opens nothing else.
type ProgramTokenAsk struct {
	V         string          `json:"v"`
	Log       string          `json:"log"`
	Program   string          `json:"program"`
	Key       workforce.KeyID `json:"key"`
	Nonce     canonical.Bytes `json:"nonce"`
	NotBefore canonical.Time  `json:"not_before"`
	Expires   canonical.Time  `json:"expires"`
	// Secret is SHA-256 of the token's secret, which the program makes and keeps.
	Secret canonical.Digest `json:"secret"`
}

// ProgramSecretPrefix begins the secret of a program's token. It differs from SecretPrefix, so
// that each surface knows before it looks anything up what a token cannot be.
const ProgramSecretPrefix = "csgp_"

// ProgramTokenSecret returns the secret of a program's token, made of 32 random bytes.
func ProgramTokenSecret(random []byte) string {
	return ProgramSecretPrefix + base64.RawURLEncoding.EncodeToString(random)
}

// Challenge returns the 32 bytes that the program's key signs.
func (t ProgramTokenAsk) Challenge() [32]byte {
	return canonical.Sum([]byte(ProgramTokenVersion+"\n"), canonical.MustMarshal(t))
}

// SignedProgramTokenAsk is a ProgramTokenAsk with its signature.
type SignedProgramTokenAsk struct {
	Ask       ProgramTokenAsk `json:"ask"`
	Signature Signature       `json:"signature"`
}
