package v1

import "countersign.dev/actions"

// A request for a token is a signed document, and a format of its own.
type (
	TokenAsk       = actions.TokenAsk
	SignedTokenAsk = actions.SignedTokenAsk
)

// TokenAskVersion is the only version of TokenAsk.
const TokenAskVersion = actions.TokenVersion
