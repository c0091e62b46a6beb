package actions

import (
	"time"

	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// TokenVersion is the only version of TokenAsk, and the first line of what is
// hashed into its challenge.
const TokenVersion = "countersign/token/v1"

// TokenLife is the longest life of a person's token: a working day.
const TokenLife = 10 * time.Hour

// TokenAsk is what an enrolled key signs to be known to the desk for a while.
// It gives no authority to act: every act is signed for itself.
type TokenAsk struct {
	V         string             `json:"v"`
	Log       string             `json:"log"`
	Worker    workforce.WorkerID `json:"worker"`
	Key       workforce.KeyID    `json:"key"`
	Name      string             `json:"name"` // what the token is for, in the worker's words
	Nonce     canonical.Bytes    `json:"nonce"`
	NotBefore canonical.Time     `json:"not_before"`
	Expires   canonical.Time     `json:"expires"`
}

// Challenge is what the key signs.
func (t TokenAsk) Challenge() [32]byte {
	return canonical.Sum([]byte(TokenVersion+"\n"), canonical.MustMarshal(t))
}

// SignedTokenAsk is a TokenAsk with its signature.
type SignedTokenAsk struct {
	Ask       TokenAsk  `json:"ask"`
	Signature Signature `json:"signature"`
}
