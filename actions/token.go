package actions

import (
	"encoding/base64"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// TokenVersion is the only version of TokenAsk, and the first line of what is
// hashed into its challenge.
const TokenVersion = "countersign/token/v1"

// TokenLife is the longest life of a person's token: a working day.
const TokenLife = 10 * time.Hour

// TokenAsk is the request for a token that an enrolled key signs, so that the desk knows
// its owner for a while. It gives no authority to act: every act is signed by itself.
type TokenAsk struct {
	V         string             `json:"v"`
	Log       string             `json:"log"`
	Worker    workforce.WorkerID `json:"worker"`
	Key       workforce.KeyID    `json:"key"`
	Name      string             `json:"name"` // the purpose of the token, in the worker's words
	Nonce     canonical.Bytes    `json:"nonce"`
	NotBefore canonical.Time     `json:"not_before"`
	Expires   canonical.Time     `json:"expires"`
	// Secret is SHA-256 of the token's secret, which the asking person makes and keeps. The
	// key signs for this secret and no other. So a person who can only write the desk's
	// database, or who saw the ask, has no token. An ask without it is refused.
	Secret canonical.Digest `json:"secret,omitzero"`
}

// SecretPrefix lets scanners for leaked credentials know a token when they see one.
const SecretPrefix = "csgn_"

// TokenSecret returns the secret of a token, made of 32 random bytes.
func TokenSecret(random []byte) string {
	return SecretPrefix + base64.RawURLEncoding.EncodeToString(random)
}

// SecretDigest returns the digest of a secret, as asks hold it.
func SecretDigest(secret string) canonical.Digest { return canonical.Sum([]byte(secret)) }

// Challenge returns the 32 bytes that the key signs.
func (t TokenAsk) Challenge() [32]byte {
	return canonical.Sum([]byte(TokenVersion+"\n"), canonical.MustMarshal(t))
}

// SignedTokenAsk is a TokenAsk with its signature.
type SignedTokenAsk struct {
	Ask       TokenAsk  `json:"ask"`
	Signature Signature `json:"signature"`
}
