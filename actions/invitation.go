package actions

import (
	"encoding/base64"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// InvitationSecretPrefix is that of the secret in an invitation's link.
const InvitationSecretPrefix = "csgi_"

// The first lines of what is hashed: the desk keeps the digest of a secret, and whoever has the
// secret knows the challenge. Neither of them tells the other, or the secret.
const (
	invitationDigest    = "countersign/invitation/v1/secret\n"
	invitationChallenge = "countersign/invitation/v1/challenge\n"
)

// invitationBytes is the number of random bytes in an invitation's secret.
const invitationBytes = 32

// InvitationSecret returns the secret of an invitation's link, made of 32 random bytes. Whoever
// invites makes it; the desk learns it when the link is opened.
func InvitationSecret(random []byte) string {
	return InvitationSecretPrefix + base64.RawURLEncoding.EncodeToString(random)
}

// InvitationDigest returns the digest under which the desk knows a secret; ok is false for a text
// that is no secret of an invitation.
func InvitationDigest(secret string) (d canonical.Digest, ok bool) {
	text, is := strings.CutPrefix(secret, InvitationSecretPrefix)
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return canonical.Sum([]byte(invitationDigest), []byte(secret)), is && err == nil && len(b) == invitationBytes
}

// InvitationChallenge returns the challenge for which a passkey is made under an invitation of a
// worker at the desk of a log. It follows from the secret, so that a registration that somebody
// made elsewhere, or for another invitation, is for another challenge.
func InvitationChallenge(log string, w workforce.WorkerID, secret string) [32]byte {
	return canonical.Sum([]byte(invitationChallenge), canonical.MustMarshal([]string{log, string(w), secret}))
}

// Copyable reports whether a passkey's signature says that the private half may be copied to other
// devices (backup-eligible). The flag is signed with the rest of the authenticator data.
func (s Signature) Copyable() bool {
	const flags, copyable = 32, 1 << 3 // the flags stand after the relying party's hash
	return len(s.AuthenticatorData) > flags && s.AuthenticatorData[flags]&copyable != 0
}
