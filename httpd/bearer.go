package httpd

import (
	"net/http"
	"strings"

	"countersign.dev/desk"
	"countersign.dev/fault"
)

// Bearer returns the secret in a request's Authorization header.
func Bearer(header string) (string, error) {
	scheme, secret, ok := strings.Cut(header, " ")
	if header == "" {
		return "", fault.New(fault.Unauthenticated, "token-missing", "This needs a token: send Authorization: Bearer SECRET. `countersign token create` makes one.")
	}
	if !ok || !strings.EqualFold(scheme, "Bearer") || secret == "" || len(secret) > 512 ||
		strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fault.New(fault.Unauthenticated, "token-malformed", "The Authorization header is not Bearer and a token.")
	}
	return secret, nil
}

// Authenticate returns the caller of a request.
func Authenticate(d *desk.Desk, r *http.Request) (desk.Caller, error) {
	secret, err := Bearer(r.Header.Get("Authorization"))
	if err != nil {
		return desk.Caller{}, err
	}
	by, err := d.Authenticate(r.Context(), secret)
	if err == nil {
		Known(r.Context())
	}
	return by, err
}
