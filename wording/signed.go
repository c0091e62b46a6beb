package wording

import (
	"encoding/hex"
	"fmt"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// SessionOf names a session by its digest and times: "session 3f2a9c01b7de of 09:12 (until
// 17:12 UTC)". Two sessions of one person may have begun in the same minute.
func SessionOf(c actions.Session) string {
	begin, end := c.NotBefore.UTC(), c.Expires.UTC()
	return fmt.Sprintf("session %s of %s (until %s UTC)", ShortDigest(c.Digest()), begin.Format("15:04"), end.Format("15:04"))
}

// ShortDigest is enough of a digest to tell a person's sessions apart: its first 12 hex
// digits. Commands that take a session take it so.
func ShortDigest(d canonical.Digest) string { return hex.EncodeToString(d[:6]) }

// KeySort says of what sort a key is, with the word that SignedWith has for it. No key is
// attested: that one is bound to hardware is declared in its enrolment, and those who signed
// the enrolment vouch for it.
func KeySort(a workforce.Algorithm, hardware bool) string {
	sort := "own key"
	if a == workforce.FileEd25519 {
		sort = "file key"
	}
	sort += " (" + string(a) + ")"
	if hardware {
		sort += ", in hardware as declared, not attested"
	}
	return sort
}

// With says with what a statement was signed, and names the person's own key, in words that
// follow "signed with": "file key key_…", "session …, certified by key_…". key is how the
// caller writes the key's name. A statement of version 1 is said to be signed with the key
// and no more: bundles of that time say it so, and their lines are compared byte for byte.
func With(signed actions.Signed, session *actions.Session, key string) string {
	switch st := signed.Statement; {
	case st.V == actions.StatementV1:
		return key
	case st.Session.IsZero():
		return SignedWith(signed, nil) + " " + key
	case session == nil || session.Digest() != st.Session:
		return SignedWith(signed, nil) + ", certified by " + key
	}
	return SessionOf(*session) + ", certified by " + key
}

// SignedWith says with what a statement was signed: "own key", "file key" or "session …
// of 09:12 …". session is the one that the statement names, nil if the caller does not have it. A
// file key signs the challenge alone; everything else comes with an authenticator's data.
func SignedWith(signed actions.Signed, session *actions.Session) string {
	switch named := signed.Statement.Session; {
	case named.IsZero() && len(signed.Signature.AuthenticatorData) == 0:
		return "file key"
	case named.IsZero():
		return "own key"
	case session == nil || session.Digest() != named:
		return "session " + named.String()
	}
	return SessionOf(*session) + ", certified by " + string(session.Key)
}
