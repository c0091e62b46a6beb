package actions

import (
	"encoding/base64"
	"strconv"
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
	// Session is the digest of the session whose key signs the ask, in the place of the
	// person's own key: the token is a browser's cookie, and ends with the session.
	Session canonical.Digest `json:"session,omitzero"`
}

// SecretPrefix lets scanners for leaked credentials know a token when they see one.
const SecretPrefix = "csgn_"

// BrowserSecretPrefix is that of a browser's cookie. It opens pages, and changes something only
// together with a signature of the session's key (see BrowserProof).
const BrowserSecretPrefix = "csgb_"

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

// BrowserVersion is the first line of what a session's key signs with each write of a page.
const BrowserVersion = "countersign/browser/v1"

// BrowserProof is what shows that a write comes from the page that holds the session's key,
// and not from somebody who took the cookie alone.
type BrowserProof struct {
	Method string
	Target string // path and query, as they are sent
	Token  string // identifier of the token whose page writes
	At     int64  // microseconds since 1970, by the desk's clock as the page knows it
	Body   canonical.Digest
}

// Challenge returns the 32 bytes that the session's key signs: SHA-256 over six lines.
func (p BrowserProof) Challenge() [32]byte {
	return canonical.Sum([]byte(BrowserVersion + "\n" + p.Method + "\n" + p.Target + "\n" + p.Token + "\n" + strconv.FormatInt(p.At, 10) + "\n" + p.Body.String()))
}
