package client

import (
	"context"
	"net/http"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// Pairing is a browser's sign-in that waits for a person whose key is a file.
type Pairing struct {
	Code    string             `json:"code"`
	Worker  workforce.WorkerID `json:"worker"`
	Key     actions.SessionKey `json:"session_key"`
	Expires canonical.Time     `json:"expires"`
}

// Pairing returns the sign-in that waits under a code.
func (c *Client) Pairing(ctx context.Context, code string) (p Pairing, err error) {
	return p, c.change(ctx, http.MethodPost, "/signin/pairing", nil, map[string]string{"code": code}, &p)
}

// CertifyPairing hands in the session that was certified for the browser under a code.
func (c *Client) CertifyPairing(ctx context.Context, code string, s actions.SignedSession) error {
	return c.change(ctx, http.MethodPost, "/signin/certify", nil, struct {
		Code    string                `json:"code"`
		Session actions.SignedSession `json:"session"`
	}{code, s}, nil)
}
