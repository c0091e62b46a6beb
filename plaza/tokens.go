package plaza

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// Scope is what a staff token opens.
type Scope string

// The scopes.
const (
	StaffScope Scope = "staff" // the staff API: read, command, look up, follow
	SetupScope Scope = "setup" // making accounts and posts and giving them to owners, nothing else
	OwnerScope Scope = "owner" // one's own account
)

var holderForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// IssueToken makes a staff token for a holder and returns it; only its hash is
// kept. A holder may have several tokens, and keys of commands belong to the
// holder, so that a token can be replaced while commands are under way.
func (s *Server) IssueToken(ctx context.Context, holder string, scope Scope) (string, error) {
	if !holderForm.MatchString(holder) || (scope != StaffScope && scope != SetupScope) {
		return "", fault.New(fault.Invalid, "bad-token", "A token needs a holder of lower-case letters and digits and the scope staff or setup.")
	}
	token, err := s.newToken()
	if err != nil {
		return "", err
	}
	now := s.now()
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`insert into staff_token (hash, holder, scope, created) values ($1, $2, $3, $4)`,
			tokenHash(token), holder, string(scope), now.UnixMicro())
		return err
	})
	if err != nil {
		return "", fmt.Errorf("keeping a token of %s: %w", holder, err)
	}
	return token, nil
}

func (s *Server) newToken() (string, error) {
	var secret [32]byte
	if _, err := io.ReadFull(s.rand, secret[:]); err != nil {
		return "", fmt.Errorf("making a token: %w", err)
	}
	return "plaza_" + base64.RawURLEncoding.EncodeToString(secret[:]), nil
}

// RevokeTokens ends all tokens of a holder and says how many there were.
func (s *Server) RevokeTokens(ctx context.Context, holder string) (int64, error) {
	var n int64
	err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		n, err = tx.Exec(`delete from staff_token where holder = $1`, holder)
		return err
	})
	return n, err
}

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// bearer returns the one token that a program sent.
func bearer(r *http.Request) (string, bool) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token, ok && token != "" && len(r.Header.Values("Authorization")) == 1
}

// authenticate returns the holder of the request's token. Tokens are 256 random
// bits and found by their hash, so that the time of a look-up tells nothing.
func (s *Server) authenticate(r *http.Request, want Scope) (string, error) {
	unknown := fault.New(fault.Unauthenticated, "bad-token", "Send a staff token as Authorization: Bearer TOKEN; this one is unknown or missing.")
	token, ok := bearer(r)
	if !ok {
		return "", unknown
	}
	var holder string
	var scope Scope
	err := s.db.Read(r.Context(), func(tx *sqldb.Tx) error {
		return tx.QueryRow(`select holder, scope from staff_token where hash = $1`, tokenHash(token)).Scan(&holder, &scope)
	})
	switch {
	case sqldb.IsNotFound(err):
		return "", unknown
	case err != nil:
		return "", fmt.Errorf("looking a token up: %w", err)
	case scope != want:
		return "", fault.New(fault.Forbidden, "wrong-scope", "This token is for %s; the request needs one for %s.", scope, want)
	}
	return holder, nil
}
