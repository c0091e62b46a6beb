package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// A program's request for a token is a signed document, and a format of its own.
type (
	ProgramTokenAsk       = actions.ProgramTokenAsk
	SignedProgramTokenAsk = actions.SignedProgramTokenAsk
)

// ProgramTokenAskVersion is the only version of ProgramTokenAsk.
const ProgramTokenAskVersion = actions.ProgramTokenVersion

// Program is a principal that is no person: it brings reports in.
type Program struct {
	ID        string             `json:"id"`
	Owner     workforce.WorkerID `json:"owner" doc:"the worker who answers for it"`
	Key       workforce.KeyID    `json:"key" doc:"with which it asks for tokens"`
	Platforms []string           `json:"platforms" doc:"whose subjects it may report"`
	Source    string             `json:"source" enum:"person,trusted-flagger,authority,program" doc:"the class of source of all its reports"`
	Rate      int64              `json:"rate" doc:"reports a minute"`
	Added     canonical.Time     `json:"added"`
	Ended     canonical.Time     `json:"ended" doc:"by a change; empty: it was not ended"`
	Stands    bool               `json:"stands" doc:"it may bring reports in now"`
	Why       string             `json:"why" doc:"why it does not stand, and what to do"`
	Entry     int64              `json:"entry" doc:"number of the governance entry that admitted it"`
}

// ProgramToken is a program's token without its secret.
type ProgramToken struct {
	ID      string         `json:"id"`
	Program string         `json:"program"`
	Created canonical.Time `json:"created"`
	Expires canonical.Time `json:"expires"`
}
