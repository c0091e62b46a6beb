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
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// Scope says what a staff token gives access to.
type Scope string

// The scopes.
const (
	StaffScope Scope = "staff" // the staff API: read, command, look up, follow
	// KeeperScope is StaffScope with the right to revoke others' tokens. Give it only to the
	// program that watches over the platform: any other holder could blind the watch.
	KeeperScope Scope = "keeper"
	SetupScope  Scope = "setup" // making accounts and posts and giving them to owners, nothing else
	OwnerScope  Scope = "owner" // one's own account
)

var holderForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// IssueToken makes and returns a staff token for a holder; only its hash is kept. A
// holder may have several tokens. Keys of commands belong to the holder, so that a token
// can be replaced while commands are under way.
func (s *Server) IssueToken(ctx context.Context, holder string, scope Scope) (string, error) {
	if !holderForm.MatchString(holder) || (scope != StaffScope && scope != KeeperScope && scope != SetupScope) {
		return "", fault.New(fault.Invalid, "bad-token", "A token needs a holder of lower-case letters and digits and the scope staff, keeper or setup.")
	}
	token, err := s.newToken()
	if err != nil {
		return "", err
	}
	now := s.now()
	keeper := scope == KeeperScope
	if keeper {
		scope = StaffScope
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`insert into staff_token (hash, holder, scope, keeper, created) values ($1, $2, $3, $4, $5)`,
			tokenHash(token), holder, string(scope), keeper, now.UnixMicro())
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

// RevokeTokens ends all tokens of a holder and returns their number.
func (s *Server) RevokeTokens(ctx context.Context, holder string) (int64, error) {
	var n int64
	err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		n, err = revokeTokens(tx, holder)
		return err
	})
	return n, err
}

func revokeTokens(tx *sqldb.Tx, holder string) (int64, error) {
	return tx.Exec(`delete from staff_token where holder = $1`, holder)
}

// Revoked is the result of a revocation.
type Revoked struct {
	ID      string         `json:"id"` // the holder, as events name it
	Revoked canonical.Time `json:"revoked"`
	Tokens  int64          `json:"tokens"` // how many tokens that holder had
}

// postRevoke ends all tokens of a holder, once for its key.
func (s *Server) postRevoke(c call) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	id := c.r.PathValue("id")
	digest := canonical.DigestOf(struct {
		Revoke string `json:"revoke"`
	}{id}).String()
	e, err := s.once(c.r.Context(), c.holder, key, digest, c.arrived, func(tx *sqldb.Tx, now time.Time) (any, error) {
		if id == c.holder {
			return nil, fault.New(fault.Conflict, "own-token", "%s is your own; who revokes it could revoke nothing any more. Nothing was revoked.", quote(id))
		}
		n, err := revokeTokens(tx, id)
		if err == nil && n == 0 {
			err = fault.New(fault.NotFound, "no-such-token", "Nobody has a token under the name %s.", quote(id))
		}
		return Revoked{id, canonical.At(now), n}, err
	})
	if err != nil {
		return err
	}
	e.write(c)
	return nil
}

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// bearer returns the token of a program's request, if it sent exactly one.
func bearer(r *http.Request) (string, bool) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token, ok && token != "" && len(r.Header.Values("Authorization")) == 1
}

// authenticate returns the holder of the request's token. Tokens are 256 random bits and
// found by their hash, so that the time of a look-up reveals nothing.
func (s *Server) authenticate(r *http.Request, want Scope) (string, error) {
	unknown := fault.New(fault.Unauthenticated, "bad-token", "Send a staff token as Authorization: Bearer TOKEN; this one is unknown or missing.")
	token, ok := bearer(r)
	if !ok {
		return "", unknown
	}
	var holder string
	var scope Scope
	var keeper bool
	err := s.db.Read(r.Context(), func(tx *sqldb.Tx) error {
		return tx.QueryRow(`select holder, scope, keeper from staff_token where hash = $1`, tokenHash(token)).Scan(&holder, &scope, &keeper)
	})
	if scope == StaffScope && keeper && want == KeeperScope {
		scope = want
	}
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
