package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
)

// OwnDeclaration is a signed declaration of one's own accounts on the platforms.
type OwnDeclaration struct {
	Accounts []string           `json:"accounts" maxItems:"100" doc:"each PLATFORM:ID, not a handle; none: you have no account"`
	Deed     actions.SaltedDeed `json:"deed" doc:"what you signed of it: worker.accounts, of you, whose text is the sorted list in canonical JSON"`
}

// OwnAccounts says what a worker has declared. The desk keeps digests of the accounts and
// cannot say which they are.
type OwnAccounts struct {
	Declared bool           `json:"declared" doc:"false: you have declared nothing yet, and get no case"`
	Accounts int64          `json:"accounts" doc:"how many the newest declaration names; those of earlier ones stay your own"`
	Time     canonical.Time `json:"time"`
	Deed     string         `json:"deed" doc:"digest of the deed"`
}
