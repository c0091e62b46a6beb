package wording

import (
	"fmt"

	"countersign.dev/actions"
)

// SessionOf names a session by its times: "session of 09:12 (until 17:12 UTC)".
func SessionOf(c actions.Session) string {
	begin, end := c.NotBefore.UTC(), c.Expires.UTC()
	return fmt.Sprintf("session of %s (until %s UTC)", begin.Format("15:04"), end.Format("15:04"))
}

// SignedWith says with what a statement was signed: "own key", "file key" or "session of
// …". session is the one that the statement names, nil if the caller does not have it. A
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
